//! The comb: how a circuit reads the multiples of an IC1 that the verifying key brings along.

use super::digits::entry;
use super::layout::{COMB_COLUMNS, COMB_ROWS};

/// Bits of the digit word E.
pub const DIGIT_BITS: usize = COMB_ROWS * COMB_COLUMNS;

/// The table entry and sign of each column, highest column first; `bits[43 row + column]` are the bits of E.
pub fn columns(bits: &[bool]) -> Vec<(usize, bool)> {
    let column = |column: usize| {
        let digits: [bool; COMB_ROWS] =
            std::array::from_fn(|row| bits[COMB_COLUMNS * row + column]);
        entry(&digits)
    };
    (0..COMB_COLUMNS).rev().map(column).collect()
}
