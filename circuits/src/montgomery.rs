//! Baby Jubjub in Montgomery form, `B v^2 = u^3 + A u^2 + u`: the form in which circuits add cheaply, and whose u
//! coordinate names a key up to its sign.

use crate::schnorr::Coordinates;
use ark_bn254::Fr;
use ark_ff::{Field, Zero};

/// A = 2 (1 + d) / (1 - d), for the Edwards form x^2 + y^2 = 1 + d x^2 y^2.
pub const A: u64 = 168_698;
/// B = 4 / (1 - d).
pub const B: u64 = 168_700;
/// Base-8 digits of a response that the incomplete addition law takes; template MontgomeryFixedMultiple says why.
pub const FIXED_DIGITS: usize = 83;

/// A point other than those of order 1 and 2.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Point {
    pub u: Fr,
    pub v: Fr,
}

impl Point {
    /// `((1 + y) / (1 - y), u / x)`; `None` where that is undefined: on no point of the curve but the two with x = 0.
    pub fn from_edwards(x: Fr, y: Fr) -> Option<Self> {
        let u = (Fr::ONE + y) * (Fr::ONE - y).inverse()?;
        let v = u * x.inverse()?;
        Some(Self { u, v })
    }

    /// Whether the equation holds.
    pub fn is_on_curve(&self) -> bool {
        let Self { u, v } = *self;
        Fr::from(B) * v.square() == u * (u * (u + Fr::from(A)) + Fr::ONE)
    }
}

/// The u coordinate that stands for `key` in an account; 0, which is nobody's, where there is none.
pub fn key_u(key: Coordinates) -> Fr {
    Point::from_edwards(key.x, key.y).map_or(Fr::zero(), |point| point.u)
}
