//! Multi-scalar multiplication over points of a mapped key.

use ark_bn254::Fr;
use ark_ec::VariableBaseMSM;
use ark_ff::{BigInt, BigInteger, PrimeField};
use rayon::prelude::*;

use crate::key::{Point, Points};

/// Sum of `scalar * point`. Zero scalars and points at infinity, which are common, are left out first.
pub fn msm<P>(points: Points<P>, scalars: &[BigInt<4>]) -> P::Group
where
    P: Point<ScalarField = Fr>,
    P::Group: VariableBaseMSM<MulBase = P>,
    Fr: PrimeField<BigInt = BigInt<4>>,
{
    let pairs = scalars
        .par_iter()
        .enumerate()
        .filter_map(|(index, scalar)| {
            let point = (!scalar.is_zero()).then(|| points.get(index))?;
            (!point.is_zero()).then_some((point, *scalar))
        });
    let (points, scalars): (Vec<_>, Vec<_>) = pairs.unzip();
    P::Group::msm_bigint(&points, &scalars)
}
