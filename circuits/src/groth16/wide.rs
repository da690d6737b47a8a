//! Integer polynomials with 256-bit coefficients.
//!
//! Arithmetic is modulo 2^256, in two's complement. The plan bounds every final coefficient below r < 2^254, so what is
//! read from a finished polynomial is exact, however large values between were.

use super::limbs::constant_limbs;
use super::params::Params;
use super::ring::Ring;
use ark_bn254::Fq;
use num_bigint::{BigInt, BigUint, Sign};
use std::ops::{Add, Mul, Neg, Sub};

/// An integer modulo 2^256, low word first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Wide([u64; 4]);

impl From<i128> for Wide {
    fn from(value: i128) -> Self {
        let sign = (value >> 127) as u64;
        Self([value as u64, (value >> 64) as u64, sign, sign])
    }
}

impl From<&BigInt> for Wide {
    fn from(value: &BigInt) -> Self {
        let mut words = [0; 4];
        for (word, digit) in words.iter_mut().zip(value.iter_u64_digits()) {
            *word = digit;
        }
        let magnitude = Self(words);
        if value.sign() == Sign::Minus {
            Wide::default().minus(magnitude)
        } else {
            magnitude
        }
    }
}

impl Wide {
    /// The sum.
    pub fn plus(self, other: Self) -> Self {
        let mut words = [0; 4];
        let mut carry = false;
        for (i, word) in words.iter_mut().enumerate() {
            (*word, carry) = carrying(self.0[i], other.0[i], carry);
        }
        Self(words)
    }

    /// The difference.
    pub fn minus(self, other: Self) -> Self {
        let complement = Self(other.0.map(|word| !word));
        self.plus(complement).plus(Self([1, 0, 0, 0]))
    }

    /// The product.
    pub fn times(self, other: Self) -> Self {
        let mut words = [0u64; 4];
        for i in 0..4 {
            let mut carry = 0u128;
            for j in 0..4 - i {
                let term = self.0[i] as u128 * other.0[j] as u128 + words[i + j] as u128 + carry;
                words[i + j] = term as u64;
                carry = term >> 64;
            }
        }
        Self(words)
    }

    /// Whether it is below 0 in two's complement.
    pub fn is_negative(self) -> bool {
        self.0[3] >> 63 == 1
    }

    /// The quotient by `2^bits`, rounded down, and whether nothing was lost; `0 < bits < 64`.
    pub fn shifted(self, bits: usize) -> (Self, bool) {
        let exact = self.0[0] & ((1 << bits) - 1) == 0;
        let sign = if self.is_negative() { u64::MAX } else { 0 };
        let above = [self.0[1], self.0[2], self.0[3], sign];
        let words = std::array::from_fn(|i| self.0[i] >> bits | above[i] << (64 - bits));
        (Self(words), exact)
    }

    /// The signed integer.
    pub fn to_integer(self) -> BigInt {
        if self.is_negative() {
            -Wide::default().minus(self).magnitude()
        } else {
            self.magnitude()
        }
    }

    fn magnitude(self) -> BigInt {
        let digits = self
            .0
            .iter()
            .flat_map(|&word| [word as u32, (word >> 32) as u32])
            .collect();
        BigInt::from(BigUint::new(digits))
    }
}

fn carrying(a: u64, b: u64, carry: bool) -> (u64, bool) {
    let (sum, first) = a.overflowing_add(b);
    let (sum, second) = sum.overflowing_add(carry.into());
    (sum, first || second)
}

/// A polynomial in X, lowest coefficient first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Polynomial(pub Vec<Wide>);

impl Polynomial {
    fn combine(mut self, other: &Self, operation: fn(Wide, Wide) -> Wide) -> Self {
        if self.0.len() < other.0.len() {
            self.0.resize(other.0.len(), Wide::default());
        }
        for (a, b) in self.0.iter_mut().zip(&other.0) {
            *a = operation(*a, *b);
        }
        self
    }

    /// Adds `other * factor`.
    pub fn add_multiple(&mut self, other: &Self, factor: i128) {
        let factor = Wide::from(factor);
        if self.0.len() < other.0.len() {
            self.0.resize(other.0.len(), Wide::default());
        }
        for (a, b) in self.0.iter_mut().zip(&other.0) {
            *a = a.plus(b.times(factor));
        }
    }

    /// The value at `X = 2^bits`.
    pub fn at_power_of_two(&self, bits: usize) -> BigInt {
        let coefficients = self.0.iter().rev();
        coefficients.fold(BigInt::ZERO, |sum, c| (sum << bits) + c.to_integer())
    }
}

impl Add<&Polynomial> for Polynomial {
    type Output = Polynomial;

    fn add(self, other: &Polynomial) -> Polynomial {
        self.combine(other, Wide::plus)
    }
}

impl Sub<&Polynomial> for Polynomial {
    type Output = Polynomial;

    fn sub(self, other: &Polynomial) -> Polynomial {
        self.combine(other, Wide::minus)
    }
}

impl Neg for Polynomial {
    type Output = Polynomial;

    fn neg(self) -> Polynomial {
        Polynomial(
            self.0
                .into_iter()
                .map(|c| Wide::default().minus(c))
                .collect(),
        )
    }
}

impl Mul<&Polynomial> for Polynomial {
    type Output = Polynomial;

    fn mul(self, other: &Polynomial) -> Polynomial {
        if self.0.is_empty() || other.0.is_empty() {
            return Polynomial::default();
        }
        let mut product = vec![Wide::default(); self.0.len() + other.0.len() - 1];
        for (i, a) in self.0.iter().enumerate() {
            for (target, b) in product[i..].iter_mut().zip(&other.0) {
                *target = target.plus(a.times(*b));
            }
        }
        Polynomial(product)
    }
}

/// Limb polynomials over the integers.
#[derive(Clone, Copy, Debug)]
pub struct Integers {
    params: Params,
}

impl Integers {
    /// Polynomials with limbs of these parameters.
    pub fn new(params: Params) -> Self {
        Self { params }
    }
}

impl Ring for Integers {
    type Element = Polynomial;

    fn small(&self, value: i64) -> Polynomial {
        self.limbs(&[value.into()], 1)
    }

    fn limbs(&self, limbs: &[i128], stride: usize) -> Polynomial {
        let mut coefficients = vec![Wide::default(); stride * (limbs.len() - 1) + 1];
        for (i, &limb) in limbs.iter().enumerate() {
            coefficients[i * stride] = limb.into();
        }
        Polynomial(coefficients)
    }

    fn constant(&self, value: Fq) -> Polynomial {
        self.limbs(&constant_limbs(value, &self.params), 1)
    }
}
