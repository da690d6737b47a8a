//! The build script's scalar, on arkworks' field.

use ark_bn254::Fr;
use ark_ff::{BigInt, Field, PrimeField};

#[derive(Clone, Copy, Default)]
pub struct Scalar(Fr);

impl Scalar {
    /// The integer with these limbs (low first) modulo r.
    pub fn from_integer(limbs: [u64; 4]) -> Self {
        let mut integer = BigInt(limbs);
        while integer >= Fr::MODULUS {
            ark_ff::BigInteger::sub_with_borrow(&mut integer, &Fr::MODULUS);
        }
        Self(Fr::new(integer))
    }

    /// Whether an integer is below r, that is, canonical.
    pub fn is_canonical(limbs: [u64; 4]) -> bool {
        BigInt(limbs) < Fr::MODULUS
    }

    pub fn one() -> Self {
        Self(Fr::ONE)
    }

    pub fn add(self, other: Self) -> Self {
        Self(self.0 + other.0)
    }

    pub fn negate(self) -> Self {
        Self(-self.0)
    }

    pub fn mul(self, other: Self) -> Self {
        Self(self.0 * other.0)
    }

    /// The inverse of a nonzero value.
    pub fn inverse(self) -> Self {
        Self(self.0.inverse().unwrap_or_default())
    }
}

impl From<Scalar> for Fr {
    fn from(value: Scalar) -> Self {
        value.0
    }
}
