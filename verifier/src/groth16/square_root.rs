//! Square roots in the fields of both curves, p being 3 modulo 4.

use ark_bn254::{Fq, Fq2};
use ark_ff::{AdditiveGroup, BigInt, Field, MontFp, PrimeField};

const HALF: Fq =
    MontFp!("10944121435919637611123202872628637544348155578648911831344518947322613104292");

/// A root of each square; which of the two is not said.
pub trait SquareRoot: Sized {
    /// `None` for what is no square.
    fn square_root(&self) -> Option<Self>;
}

impl SquareRoot for Fq {
    fn square_root(&self) -> Option<Self> {
        let root = *self * candidate(*self);
        (root.square() == *self).then_some(root)
    }
}

impl SquareRoot for Fq2 {
    /// The complex method (Scott 2013, "Implementing cryptographic pairings", section 3), without inversions: for c = a^((p-3)/4), the inverse of s = a c
    /// is c if a is a square, and -c if not, where s is then a root of -a.
    fn square_root(&self) -> Option<Self> {
        let norm = (self.c0.square() + self.c1.square()).square_root()?;
        let mut a = (self.c0 + norm) * HALF;
        if a == Fq::ZERO {
            a = (self.c0 - norm) * HALF;
        }
        let c = candidate(a);
        let (s, other) = (a * c, self.c1 * HALF * c);
        let root = match s.square() == a {
            true => Fq2::new(s, other),
            false => Fq2::new(-other, s),
        };
        (root.square() == *self).then_some(root)
    }
}

/// (p - 3)/4 in digits of 4 bits, highest first.
const EXPONENT: [u8; 63] = exponent();

const fn exponent() -> [u8; 63] {
    let BigInt(limbs) = Fq::MODULUS;
    let (mut digits, mut at) = ([0; 63], 0);
    while at < 63 {
        // Bits 4i + 2 to 4i + 5 of p: it ends in 11, and so p - 3 in 00.
        let low = 4 * (62 - at) + 2;
        let pair = limbs[low / 64] as u128
            | if low / 64 < 3 {
                (limbs[low / 64 + 1] as u128) << 64
            } else {
                0
            };
        digits[at] = (pair >> (low % 64)) as u8 & 15;
        at += 1;
    }
    digits
}

/// value^((p-3)/4).
fn candidate(value: Fq) -> Fq {
    let mut powers = [Fq::ONE; 16];
    for i in 1..powers.len() {
        powers[i] = powers[i - 1] * value;
    }
    let (first, rest) = (EXPONENT[0], &EXPONENT[1..]);
    rest.iter()
        .fold(powers[usize::from(first)], |mut power, &digit| {
            (0..4).for_each(|_| _ = power.square_in_place());
            match digit {
                0 => power,
                _ => power * powers[usize::from(digit)],
            }
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn agree<F: SquareRoot + Field>(value: F) {
        let root = value.square_root();
        assert_eq!(root.is_some(), value.sqrt().is_some(), "{value}");
        assert!(root.is_none_or(|root| root.square() == value));
    }

    #[test]
    fn finds_the_roots_that_arkworks_finds() {
        let mut value = Fq::from(7);
        for i in 0..100u64 {
            value = value.square() + Fq::from(i);
            agree(value);
            let element = Fq2::new(value, value.square() - Fq::from(i));
            agree(element);
            agree(element.square());
        }
    }

    /// Elements of one coefficient, where the method's first choice can be 0.
    #[test]
    fn finds_roots_at_the_edges() {
        let values = (0..20).map(Fq::from).flat_map(|value| [value, -value]);
        for value in values {
            agree(value);
            for element in [Fq2::new(value, Fq::ZERO), Fq2::new(Fq::ZERO, value)] {
                agree(element);
                agree(element.square());
                assert!(element.square().square_root().is_some());
            }
        }
    }
}
