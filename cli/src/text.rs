//! How values look to a person.

use trifold_circuits::field;
use trifold_verifier::Fr;

/// The canonical little-endian bytes in hexadecimal, as in every file of the project.
pub fn hex(value: &Fr) -> String {
    hex::encode(field::to_bytes(value))
}

/// The first 12 digits of [`hex`], enough to tell values of one run apart.
pub fn short(value: &Fr) -> String {
    hex(value)[..12].to_owned()
}

/// A count with a space between thousands.
pub fn grouped(count: u64) -> String {
    let digits = count.to_string();
    let mut out = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(' ');
        }
        out.push(digit);
    }
    out
}
