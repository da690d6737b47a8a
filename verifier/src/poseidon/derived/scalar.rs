//! The build script's scalar, on arkworks' field.

use ark_bn254::Fr;
use ark_ff::{BigInt, BigInteger, Field, PrimeField};

#[derive(Clone, Copy, Default)]
pub struct Scalar(Fr);

impl Scalar {
    /// The integer with these limbs (low first) modulo r.
    pub fn from_integer(limbs: [u64; 4]) -> Self {
        let mut integer = BigInt(limbs);
        while integer >= Fr::MODULUS {
            integer.sub_with_borrow(&Fr::MODULUS);
        }
        Self(Fr::from_bigint(integer).unwrap_or_default())
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

    /// x^(r-2), the inverse of a nonzero x. One is asked for per size; other ways would be more code.
    pub fn inverse(self) -> Self {
        let mut exponent = Fr::MODULUS;
        exponent.0[0] -= 2;
        Self(self.0.pow(exponent))
    }
}

impl From<Scalar> for Fr {
    fn from(value: Scalar) -> Self {
        value.0
    }
}
