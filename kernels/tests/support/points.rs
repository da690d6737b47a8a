//! What the tests of points share: arkworks' points as the device has them, and back.
#![allow(dead_code, reason = "each test binary uses a part")]

use ark_bn254::{Fq, Fq2, Fr, G1Projective, G2Projective};
use ark_ec::{AffineRepr, CurveGroup, PrimeGroup, VariableBaseMSM};
use ark_ff::{BigInt, PrimeField, UniformRand};
use ark_std::rand::{SeedableRng, rngs::StdRng};
use trifold_kernels::msm::{G1, G2, Group};
use trifold_kernels::{FieldBytes, G1Affine, G1Jacobian, G2Affine, G2Jacobian};

pub fn fq_bytes(value: &Fq) -> FieldBytes {
    FieldBytes(value.0.0)
}

/// Panics on a value that is not canonical.
pub fn fq(bytes: &FieldBytes) -> Fq {
    assert!(BigInt(bytes.0) < Fq::MODULUS, "{bytes:?} is not canonical");
    Fq::new_unchecked(BigInt(bytes.0))
}

pub fn fq2_bytes(value: &Fq2) -> [FieldBytes; 2] {
    [fq_bytes(&value.c0), fq_bytes(&value.c1)]
}

pub fn fq2(bytes: &[FieldBytes; 2]) -> Fq2 {
    Fq2::new(fq(&bytes[0]), fq(&bytes[1]))
}

/// A group here and at arkworks.
pub trait Oracle: Group {
    type Point: CurveGroup<ScalarField = Fr> + VariableBaseMSM + Default;

    /// All zero for infinity.
    fn to_device(point: &Self::Point) -> Self::Affine;
    fn from_affine(point: &Self::Affine) -> Self::Point;
    fn from_jacobian(point: &Self::Jacobian) -> Self::Point;

    fn random(count: usize, seed: u64) -> Vec<Self::Point> {
        let mut rng = StdRng::seed_from_u64(seed);
        // Few multiplications: sums of neighbours are as good as random here.
        let mut point = Self::Point::rand(&mut rng);
        let step = Self::Point::generator() * Fr::rand(&mut rng);
        let next = |_| {
            point += step;
            point
        };
        (0..count).map(next).collect()
    }

    fn multiply(points: &[Self::Point], scalars: &[Fr]) -> Self::Point {
        let affine = Self::Point::normalize_batch(points);
        Self::Point::msm(&affine, scalars).unwrap()
    }
}

impl Oracle for G1 {
    type Point = G1Projective;

    fn to_device(point: &G1Projective) -> G1Affine {
        let point = point.into_affine();
        point
            .xy()
            .map_or_else(G1Affine::default, |(x, y)| G1Affine {
                x: fq_bytes(&x),
                y: fq_bytes(&y),
            })
    }

    fn from_affine(point: &G1Affine) -> G1Projective {
        ark_bn254::G1Affine::new(fq(&point.x), fq(&point.y)).into()
    }

    fn from_jacobian(point: &G1Jacobian) -> G1Projective {
        G1Projective::new(fq(&point.x), fq(&point.y), fq(&point.z))
    }
}

impl Oracle for G2 {
    type Point = G2Projective;

    fn to_device(point: &G2Projective) -> G2Affine {
        let point = point.into_affine();
        point
            .xy()
            .map_or_else(G2Affine::default, |(x, y)| G2Affine {
                x: fq2_bytes(&x),
                y: fq2_bytes(&y),
            })
    }

    fn from_affine(point: &G2Affine) -> G2Projective {
        ark_bn254::G2Affine::new(fq2(&point.x), fq2(&point.y)).into()
    }

    fn from_jacobian(point: &G2Jacobian) -> G2Projective {
        G2Projective::new(fq2(&point.x), fq2(&point.y), fq2(&point.z))
    }
}
