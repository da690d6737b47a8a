//! Constants of Baby Jubjub's Montgomery form.

use super::{GeneratedFile, HEADER, generator_windows};
use crate::montgomery::{A, B, FIXED_DIGITS, Point};

/// circuits/lib/montgomery_constants.circom.
pub fn file() -> GeneratedFile {
    let windows = generator_windows(FIXED_DIGITS, |point| {
        let point = Point::from_edwards(point.x, point.y).expect("a point of large order");
        [point.u, point.v]
    });
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
