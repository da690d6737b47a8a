//! The rings in which the identities are read.

use super::limbs::constant_limbs;
use super::params::Params;
use ark_bn254::{Fq, Fr};
use ark_ff::Zero;
use num_bigint::BigUint;
use std::ops::{Add, Mul, Neg, Sub};

/// What an identity is made of.
pub trait Element:
    Clone
    + Neg<Output = Self>
    + for<'a> Add<&'a Self, Output = Self>
    + for<'a> Sub<&'a Self, Output = Self>
    + for<'a> Mul<&'a Self, Output = Self>
{
}

impl<T> Element for T where
    T: Clone
        + Neg<Output = T>
        + for<'a> Add<&'a T, Output = T>
        + for<'a> Sub<&'a T, Output = T>
        + for<'a> Mul<&'a T, Output = T>
{
}

/// A reading of the identities.
pub trait Ring {
    /// Its elements.
    type Element: Element;

    /// A small integer.
    fn small(&self, value: i64) -> Self::Element;

    /// The element of a number with these signed limbs, `stride` limb positions apart.
    fn limbs(&self, limbs: &[i128], stride: usize) -> Self::Element;

    /// A constant of Fq.
    fn constant(&self, value: Fq) -> Self::Element;
}

/// Values modulo q.
#[derive(Clone, Copy, Debug)]
pub struct Residues {
    limb_bits: usize,
}

impl Residues {
    /// The values of limb polynomials with limbs of these parameters.
    pub fn new(params: &Params) -> Self {
        Self {
            limb_bits: params.limb_bits,
        }
    }
}

impl Ring for Residues {
    type Element = Fq;

    fn small(&self, value: i64) -> Fq {
        Fq::from(value)
    }

    fn limbs(&self, limbs: &[i128], stride: usize) -> Fq {
        let base = Fq::from(1u128 << (self.limb_bits * stride));
        limbs
            .iter()
            .rev()
            .fold(Fq::zero(), |sum, &limb| sum * base + Fq::from(limb))
    }

    fn constant(&self, value: Fq) -> Fq {
        value
    }
}

/// Values modulo r of limb polynomials at one point, as the circuit forms them.
#[derive(Clone, Copy, Debug)]
pub struct Evaluations {
    params: Params,
    point: Fr,
}

impl Evaluations {
    /// Values at `point`.
    pub fn new(params: Params, point: Fr) -> Self {
        Self { params, point }
    }
}

impl Ring for Evaluations {
    type Element = Fr;

    fn small(&self, value: i64) -> Fr {
        Fr::from(value)
    }

    fn limbs(&self, limbs: &[i128], stride: usize) -> Fr {
        let base = (1..stride).fold(self.point, |power, _| power * self.point);
        limbs
            .iter()
            .rev()
            .fold(Fr::zero(), |sum, &limb| sum * base + Fr::from(limb))
    }

    fn constant(&self, value: Fq) -> Fr {
        self.limbs(&constant_limbs(value, &self.params), 1)
    }
}

/// Bounds of the absolute values of coefficients of integer polynomials, lowest first, the last one not 0.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bound(pub Vec<BigUint>);

impl Add<&Bound> for Bound {
    type Output = Bound;

    fn add(mut self, other: &Bound) -> Bound {
        if self.0.len() < other.0.len() {
            self.0.resize(other.0.len(), BigUint::ZERO);
        }
        for (a, b) in self.0.iter_mut().zip(&other.0) {
            *a += b;
        }
        self
    }
}

impl Sub<&Bound> for Bound {
    type Output = Bound;

    /// The worst case of a difference is that of the sum.
    fn sub(self, other: &Bound) -> Bound {
        self.add(other)
    }
}

impl Neg for Bound {
    type Output = Bound;

    fn neg(self) -> Bound {
        self
    }
}

impl Mul<&Bound> for Bound {
    type Output = Bound;

    fn mul(self, other: &Bound) -> Bound {
        if self.0.is_empty() || other.0.is_empty() {
            return Bound(Vec::new());
        }
        let mut product = vec![BigUint::ZERO; self.0.len() + other.0.len() - 1];
        for (i, a) in self.0.iter().enumerate() {
            for (j, b) in other.0.iter().enumerate() {
                product[i + j] += a * b;
            }
        }
        Bound(product)
    }
}

impl Bound {
    /// Bound of signed digits of these widths, `stride` limb positions apart.
    pub fn digits(widths: &[usize], stride: usize) -> Bound {
        let digits: Vec<i128> = widths.iter().map(|width| 1i128 << (width - 1)).collect();
        Bound::strided(&digits, stride)
    }

    fn strided(limbs: &[i128], stride: usize) -> Bound {
        let mut coefficients = vec![BigUint::ZERO; stride * (limbs.len() - 1) + 1];
        for (i, limb) in limbs.iter().enumerate() {
            coefficients[i * stride] = BigUint::from(limb.unsigned_abs());
        }
        while coefficients.last() == Some(&BigUint::ZERO) {
            coefficients.pop();
        }
        Bound(coefficients)
    }
}

/// Worst cases of limb polynomials.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    params: Params,
}

impl Bounds {
    /// Bounds for these parameters.
    pub fn new(params: Params) -> Self {
        Self { params }
    }
}

impl Ring for Bounds {
    type Element = Bound;

    fn small(&self, value: i64) -> Bound {
        Bound::strided(&[value.into()], 1)
    }

    fn limbs(&self, limbs: &[i128], stride: usize) -> Bound {
        Bound::strided(limbs, stride)
    }

    fn constant(&self, value: Fq) -> Bound {
        Bound::strided(&constant_limbs(value, &self.params), 1)
    }
}
