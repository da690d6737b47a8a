//! Constants of Baby Jubjub and of the signature scheme.

use super::{GeneratedFile, HEADER, generator_windows};
use crate::schnorr::{CHALLENGE_LOW_BITS, RESPONSE_DIGITS, challenge_bound};
use ark_ec::twisted_edwards::TECurveConfig;
use ark_ed_on_bn254::EdwardsConfig;

/// circuits/lib/schnorr_constants.circom.
pub fn file() -> GeneratedFile {
    let (d, bound) = (EdwardsConfig::COEFF_D, challenge_bound());
    let windows = generator_windows(RESPONSE_DIGITS, |point| [point.x, point.y]);
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
