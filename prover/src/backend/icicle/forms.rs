//! Between our numbers and points and ICICLE's: standard form, affine points in, homogeneous ones out.

use ark_bn254::{Fq, Fq2, Fr, G1Projective, G2Projective, g1, g2};
use ark_ec::short_weierstrass::Affine;
use ark_ff::{BigInt, Field, PrimeField, Zero};

use super::ffi::{Group, Words};
use crate::key::Point;

/// A scalar in standard form.
pub fn scalar(value: &Fr) -> Words {
    value.into_bigint().0
}

/// A group as both sides write it.
pub trait Curve: Point<ScalarField = Fr> {
    /// ICICLE's name for the group.
    const GROUP: Group;

    /// Appends x and y; infinity, which has neither, is all zeros.
    fn put(&self, words: &mut Vec<Words>);

    /// A point from the numerators of x and y and their denominator; nothing if that is no point of the curve.
    fn sum(words: &[Words]) -> Option<Self::Group>;
}

impl Curve for Affine<g1::Config> {
    const GROUP: Group = Group::G1;

    fn put(&self, words: &mut Vec<Words>) {
        words.extend([self.x, self.y].map(base));
    }

    fn sum(words: &[Words]) -> Option<G1Projective> {
        let [x, y, z] = elements(words)?[..].try_into().ok()?;
        let Some(inverse) = z.inverse() else {
            return Some(G1Projective::zero());
        };
        let point = Self::new_unchecked(x * inverse, y * inverse);
        point.is_on_curve().then(|| point.into())
    }
}

impl Curve for Affine<g2::Config> {
    const GROUP: Group = Group::G2;

    fn put(&self, words: &mut Vec<Words>) {
        words.extend([self.x.c0, self.x.c1, self.y.c0, self.y.c1].map(base));
    }

    fn sum(words: &[Words]) -> Option<G2Projective> {
        let values = elements(words)?;
        let [x, y, z] = *values.as_chunks::<2>().0.first_chunk()?;
        let [x, y, z] = [x, y, z].map(|[c0, c1]| Fq2::new(c0, c1));
        let Some(inverse) = z.inverse() else {
            return Some(G2Projective::zero());
        };
        let point = Self::new_unchecked(x * inverse, y * inverse);
        point.is_on_curve().then(|| point.into())
    }
}

fn base(value: Fq) -> Words {
    value.into_bigint().0
}

fn elements(words: &[Words]) -> Option<Vec<Fq>> {
    let element = |&words| Fq::from_bigint(BigInt(words));
    words.iter().map(element).collect()
}
