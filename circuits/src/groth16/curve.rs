//! Slopes and the twist's Frobenius for affine points.

use ark_bn254::{Fq, Fq2, G1Affine, G2Affine};
use ark_ec::AffineRepr;
use ark_ff::{Field, PrimeField};
use num_bigint::{BigInt, BigUint};
use std::sync::LazyLock;

/// `xi = 9 + u`, the non-residue with `w^6 = xi`.
pub const XI: Fq2 = Fq2::new(ark_ff::MontFp!("9"), ark_ff::MontFp!("1"));

/// The twist constant `3 / xi`.
pub fn twist_b() -> Fq2 {
    Fq2::from(3u64) * XI.inverse().expect("xi is not zero")
}

/// `xi^((q^power - 1) / divisor)`.
pub fn xi_power(power: u32, divisor: u32) -> Fq2 {
    let modulus = BigUint::from(Fq::MODULUS);
    let exponent = (modulus.pow(power) - 1u32) / divisor;
    XI.pow(exponent.to_u64_digits())
}

/// Coefficients of the q-power map on the twist and of its square and cube.
pub struct Endomorphism {
    /// `psi(x, y) = (conj(x) * x1, conj(y) * y1)`.
    pub x1: Fq2,
    /// See `x1`.
    pub y1: Fq2,
    /// `psi^2(x, y) = (x * x2, -y)`, in Fq.
    pub x2: Fq,
    /// `psi^3(x, y) = (conj(x) * x3, conj(y) * y3)`.
    pub x3: Fq2,
    /// See `x3`; the sign is included.
    pub y3: Fq2,
}

/// The one instance of [`Endomorphism`].
pub static PSI: LazyLock<Endomorphism> = LazyLock::new(|| {
    let (x1, y1) = (xi_power(1, 3), xi_power(1, 2));
    let x2 = xi_power(2, 3).c0;
    Endomorphism {
        x1,
        y1,
        x2,
        x3: scale(x1, x2),
        y3: -y1,
    }
});

/// `conj(a) = a^q`.
pub fn conjugate(value: Fq2) -> Fq2 {
    Fq2::new(value.c0, -value.c1)
}

/// `value * factor`.
pub fn scale(value: Fq2, factor: Fq) -> Fq2 {
    Fq2::new(value.c0 * factor, value.c1 * factor)
}

/// `psi(point)`; the point is not at infinity.
pub fn psi(point: G2Affine) -> G2Affine {
    G2Affine::new_unchecked(conjugate(point.x) * PSI.x1, conjugate(point.y) * PSI.y1)
}

/// `-psi^2(point)`; the point is not at infinity.
pub fn minus_psi2(point: G2Affine) -> G2Affine {
    G2Affine::new_unchecked(scale(point.x, PSI.x2), point.y)
}

/// Coordinates of a finite affine point over the field `F`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Point<F> {
    /// Abscissa.
    pub x: F,
    /// Ordinate.
    pub y: F,
}

impl From<G1Affine> for Point<Fq> {
    fn from(point: G1Affine) -> Self {
        Self {
            x: point.x,
            y: point.y,
        }
    }
}

impl From<G2Affine> for Point<Fq2> {
    fn from(point: G2Affine) -> Self {
        Self {
            x: point.x,
            y: point.y,
        }
    }
}

impl<F: Field> Point<F> {
    /// `-self`.
    pub fn negated(self) -> Self {
        Self {
            x: self.x,
            y: -self.y,
        }
    }

    /// `self` or `-self`.
    pub fn signed(self, positive: bool) -> Self {
        if positive { self } else { self.negated() }
    }

    /// Slope of the tangent; `None` where it is vertical.
    pub fn tangent(self) -> Option<F> {
        let square = self.x.square();
        Some((square.double() + square) * self.y.double().inverse()?)
    }

    /// Slope of the chord to `other`; `None` where the abscissas are equal.
    pub fn chord(self, other: Self) -> Option<F> {
        Some((other.y - self.y) * (other.x - self.x).inverse()?)
    }

    /// The third point on the line of this slope through `self` and `other`, reflected.
    pub fn along(self, other: Self, slope: F) -> Self {
        let x = slope.square() - self.x - other.x;
        Self {
            x,
            y: slope * (self.x - x) - self.y,
        }
    }
}

/// The standard generator of G2, which gamma has to be.
pub fn g2_generator() -> G2Affine {
    G2Affine::generator()
}

/// Digits after the leading one of the loop `s = 6 t0 + 2`, its top `1, 0, -1` written `1, 1`.
pub static LOOP_DIGITS: LazyLock<Vec<i8>> = LazyLock::new(|| {
    let mut digits = non_adjacent_form(BigInt::from(LOOP_PARAMETER) * 6 + 2);
    assert_eq!(digits[..3], [1, 0, -1]);
    digits.drain(..2);
    digits[0] = 1;
    digits
});

/// The parameter t0 of the curve.
pub const LOOP_PARAMETER: u64 = 4965661367192848881;

fn non_adjacent_form(mut value: BigInt) -> Vec<i8> {
    let mut digits = Vec::new();
    while value != BigInt::ZERO {
        let residue = u8::try_from(&value & BigInt::from(3)).expect("below 4");
        let digit = if residue & 1 == 1 {
            2 - residue as i8
        } else {
            0
        };
        digits.push(digit);
        value = (value - digit) >> 1;
    }
    digits.reverse();
    digits
}

/// The digits cut into one window of one digit, pairs, and a last single one.
pub static WINDOWS: LazyLock<Vec<Vec<i8>>> = LazyLock::new(|| {
    let (first, rest) = LOOP_DIGITS.split_at(1);
    std::iter::once(first)
        .chain(rest.chunks(2))
        .map(<[i8]>::to_vec)
        .collect()
});

/// Windows of the loop.
pub const WINDOW_COUNT: usize = 33;

/// Windows after whose end the state of the loop is committed.
pub const CHECKPOINTS: [usize; 4] = [7, 15, 23, 31];

/// Doublings, additions and closing additions of the loop.
pub const STEPS: usize = 87;
