//! Constants of Baby Jubjub's Montgomery form.

use super::{GeneratedFile, HEADER};
use crate::montgomery::{A, B, FIXED_DIGITS, Point};
use ark_ec::{CurveGroup, PrimeGroup};
use ark_ed_on_bn254::{EdwardsProjective, Fr as Scalar};
use ark_ff::Field;

/// circuits/lib/montgomery_constants.circom.
pub fn file() -> GeneratedFile {
    let windows: Vec<String> = (0..FIXED_DIGITS).map(window).collect();
    let windows = windows.join(",\n        ");
    let text = format!(
        "{HEADER}
pragma circom 2.1.6;

// Baby Jubjub as B v^2 = u^3 + A u^2 + u: u = (1 + y) / (1 - y), v = u / x.
function montgomery_a() {{
    return {A};
}}

function montgomery_b() {{
    return {B};
}}

// Entry [i][j] is (1 + 2 j) 8^i B: coordinates u, v.
function montgomery_generator_windows() {{
    return [
        {windows}];
}}
"
    );
    GeneratedFile {
        path: "circuits/lib/montgomery_constants.circom".into(),
        text,
    }
}

fn window(i: usize) -> String {
    let base = EdwardsProjective::generator() * Scalar::from(8u64).pow([i as u64]);
    let entry = |factor: u64| {
        let point = (base * Scalar::from(factor)).into_affine();
        let point = Point::from_edwards(point.x, point.y).expect("a point of large order");
        format!("[{}, {}]", point.u, point.v)
    };
    format!("[{}]", [1, 3, 5, 7].map(entry).join(", "))
}
