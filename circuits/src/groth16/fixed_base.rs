//! Multiples of an IC1 that is built into the circuit.

use super::curve::Point;
use super::digits::entry;
use super::params::cut;
use ark_bn254::{Fq, G1Affine, G1Projective};
use ark_ec::{AdditiveGroup, CurveGroup};

/// Bits of the digit word E.
pub const DIGIT_BITS: usize = 254;
/// Bits of a window; the last one has what is left.
pub const WINDOW_BITS: usize = 7;
/// Windows.
pub const WINDOWS: usize = DIGIT_BITS.div_ceil(WINDOW_BITS);

/// Bits of each window, lowest first: 36 times 7, then 2.
pub fn widths() -> Vec<usize> {
    cut(DIGIT_BITS, WINDOW_BITS)
}

/// Entries of the table of a full window.
pub fn largest_table() -> usize {
    1 << (WINDOW_BITS - 1)
}

/// The table entry and sign of each window, lowest first.
pub fn windows(bits: &[bool]) -> Vec<(usize, bool)> {
    bits.chunks(WINDOW_BITS).map(entry).collect()
}

/// The multiples of a point that the windows select from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FixedBase(Vec<Vec<Point<Fq>>>);

impl FixedBase {
    /// The table of a point of order r.
    pub fn new(point: G1Affine) -> Self {
        let mut base = G1Projective::from(point);
        let tables = widths().into_iter().map(|width| {
            let table = odd_multiples(base, 1 << (width - 1));
            base = (0..width).fold(base, |sum, _| sum.double());
            table
        });
        Self(tables.collect())
    }

    /// The table of each window, lowest first: entry e of window i is `(2e + 1) 2^(7i)` times the point.
    pub fn tables(&self) -> &[Vec<Point<Fq>>] {
        &self.0
    }
}

/// `P, 3 P, 5 P, ..`.
fn odd_multiples(point: G1Projective, count: usize) -> Vec<Point<Fq>> {
    let twice = point.double();
    let multiples: Vec<_> = std::iter::successors(Some(point), |sum| Some(*sum + twice))
        .take(count)
        .collect();
    let affine = G1Projective::normalize_batch(&multiples);
    affine.into_iter().map(Point::from).collect()
}
