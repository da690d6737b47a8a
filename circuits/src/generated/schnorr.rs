//! Constants of Baby Jubjub and of the signature scheme.

use super::{GeneratedFile, HEADER};
use crate::schnorr::{CHALLENGE_LOW_BITS, RESPONSE_DIGITS, challenge_bound};
use ark_ec::{CurveGroup, PrimeGroup, twisted_edwards::TECurveConfig};
use ark_ed_on_bn254::{EdwardsConfig, EdwardsProjective, Fr as Scalar};
use ark_ff::Field;

/// circuits/lib/schnorr_constants.circom.
pub fn file() -> GeneratedFile {
    let (d, bound) = (EdwardsConfig::COEFF_D, challenge_bound());
    let windows: Vec<String> = (0..RESPONSE_DIGITS).map(window).collect();
    let windows = windows.join(",\n        ");
    let text = format!(
        "{HEADER}
pragma circom 2.1.6;

// d of x^2 + y^2 = 1 + d x^2 y^2.
function jubjub_d() {{
    return {d};
}}

// Hashes that give challenges are below this multiple of 2^{CHALLENGE_LOW_BITS}.
function schnorr_challenge_bound() {{
    return {bound};
}}

// Entry [i][j] is (1 + 2 j) 8^i B: coordinates x, y.
function jubjub_generator_windows() {{
    return [
        {windows}];
}}
"
    );
    GeneratedFile {
        path: "circuits/lib/schnorr_constants.circom".into(),
        text,
    }
}

fn window(i: usize) -> String {
    let base = EdwardsProjective::generator() * Scalar::from(8u64).pow([i as u64]);
    let entry = |factor: u64| {
        let point = (base * Scalar::from(factor)).into_affine();
        format!("[{}, {}]", point.x, point.y)
    };
    format!("[{}]", [1, 3, 5, 7].map(entry).join(", "))
}
