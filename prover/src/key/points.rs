//! Points as a key file holds them: affine coordinates, Montgomery form, little-endian; infinity is all zeros.

use std::marker::PhantomData;

use ark_bn254::{Fq, Fq2, g1, g2};
use ark_ec::AffineRepr;
use ark_ec::short_weierstrass::Affine;
use ark_ff::{BigInt, PrimeField};
use rayon::prelude::*;

const FQ_BYTES: usize = 32;

/// A point with a fixed encoding in a key file.
pub trait Point: AffineRepr {
    /// Length of the encoding.
    const BYTES: usize;

    /// Decodes `BYTES` bytes that are known to be a point.
    fn decode(bytes: &[u8]) -> Self;

    /// Encodes into `BYTES` bytes.
    fn encode(&self, bytes: &mut [u8]);

    /// Whether `BYTES` bytes are reduced coordinates of a point of the right subgroup.
    fn is_valid(bytes: &[u8]) -> bool;
}

impl Point for Affine<g1::Config> {
    const BYTES: usize = 2 * FQ_BYTES;

    fn decode(bytes: &[u8]) -> Self {
        Self::new_unchecked(fq(bytes), fq(&bytes[FQ_BYTES..]))
    }

    fn encode(&self, bytes: &mut [u8]) {
        put_fq(&self.x, bytes);
        put_fq(&self.y, &mut bytes[FQ_BYTES..]);
    }

    fn is_valid(bytes: &[u8]) -> bool {
        let point = Self::decode(bytes);
        is_reduced(bytes) && (point.is_zero() || point.is_on_curve())
    }
}

impl Point for Affine<g2::Config> {
    const BYTES: usize = 4 * FQ_BYTES;

    fn decode(bytes: &[u8]) -> Self {
        Self::new_unchecked(fq2(bytes), fq2(&bytes[2 * FQ_BYTES..]))
    }

    fn encode(&self, bytes: &mut [u8]) {
        let coordinates = [&self.x.c0, &self.x.c1, &self.y.c0, &self.y.c1];
        for (coordinate, bytes) in coordinates.iter().zip(bytes.chunks_exact_mut(FQ_BYTES)) {
            put_fq(coordinate, bytes);
        }
    }

    fn is_valid(bytes: &[u8]) -> bool {
        let point = Self::decode(bytes);
        let on_curve =
            |point: Self| point.is_on_curve() && point.is_in_correct_subgroup_assuming_on_curve();
        is_reduced(bytes) && (point.is_zero() || on_curve(point))
    }
}

/// Points of one section, decoded when they are asked for.
#[derive(Clone, Copy)]
pub struct Points<'a, P> {
    bytes: &'a [u8],
    point: PhantomData<P>,
}

impl<'a, P: Point> Points<'a, P> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self {
            bytes,
            point: PhantomData,
        }
    }

    /// Number of points.
    pub fn len(&self) -> usize {
        self.bytes.len() / P::BYTES
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// One point; panics when there is no such point.
    pub fn get(&self, index: usize) -> P {
        P::decode(&self.bytes[index * P::BYTES..][..P::BYTES])
    }

    /// Whether one point is infinity, without decoding it.
    pub fn is_infinity(&self, index: usize) -> bool {
        let bytes = &self.bytes[index * P::BYTES..][..P::BYTES];
        bytes.iter().all(|&byte| byte == 0)
    }

    /// All points in order.
    pub fn iter(&self) -> impl Iterator<Item = P> + 'a {
        self.bytes.chunks_exact(P::BYTES).map(P::decode)
    }

    /// Index of the first encoding that is not a valid point.
    pub(crate) fn first_invalid(&self) -> Option<usize> {
        let encodings = self.bytes.par_chunks_exact(P::BYTES);
        encodings.position_first(|bytes| !P::is_valid(bytes))
    }
}

fn limbs(bytes: &[u8]) -> BigInt<4> {
    let mut limbs = [0; 4];
    for (limb, chunk) in limbs.iter_mut().zip(bytes.as_chunks::<8>().0) {
        *limb = u64::from_le_bytes(*chunk);
    }
    BigInt(limbs)
}

fn fq(bytes: &[u8]) -> Fq {
    Fq::new_unchecked(limbs(bytes))
}

fn fq2(bytes: &[u8]) -> Fq2 {
    Fq2::new(fq(bytes), fq(&bytes[FQ_BYTES..]))
}

fn put_fq(value: &Fq, bytes: &mut [u8]) {
    for (limb, chunk) in value.0.0.iter().zip(bytes.as_chunks_mut::<8>().0) {
        *chunk = limb.to_le_bytes();
    }
}

fn is_reduced(bytes: &[u8]) -> bool {
    let mut coordinates = bytes.chunks_exact(FQ_BYTES);
    coordinates.all(|bytes| limbs(bytes) < Fq::MODULUS)
}
