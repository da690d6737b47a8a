//! Multiples of one point of G1 by a comb (Lim and Lee 1994, "More flexible exponentiation with precomputation").

use alloc::vec::Vec;

use ark_bn254::{Fr, G1Affine, G1Projective};
use ark_ec::{AffineRepr, CurveGroup};
use ark_ff::{AdditiveGroup, PrimeField};

/// Rows of the comb: 2^6 - 1 points are kept. They cost about what one multiplication without them does, and a
/// multiplication with them a fifth of it.
const ROWS: usize = 6;
const COLUMNS: usize = (Fr::MODULUS_BIT_SIZE as usize).div_ceil(ROWS);

/// A point with sums of its multiples by 2^0, 2^43, 2^86, ...
#[derive(Clone, Debug)]
pub struct FixedBase(Vec<G1Affine>);

impl FixedBase {
    /// For a point other than infinity.
    pub fn new(point: G1Affine) -> Self {
        let mut row: G1Projective = point.into();
        let mut sums = Vec::from([G1Projective::ZERO]);
        for _ in 0..ROWS {
            sums.extend_from_within(..);
            let half = sums.len() / 2;
            sums[half..].iter_mut().for_each(|sum| *sum += row);
            (0..COLUMNS).for_each(|_| _ = row.double_in_place());
        }
        Self(G1Projective::normalize_batch(&sums))
    }

    pub fn times(&self, scalar: Fr) -> G1Projective {
        let limbs = scalar.into_bigint().0;
        let bit = |at: usize| limbs.get(at / 64).map_or(0, |limb| limb >> (at % 64) & 1) as usize;
        let mut product = G1Projective::ZERO;
        for column in (0..COLUMNS).rev() {
            product.double_in_place();
            let teeth = (0..ROWS).map(|row| bit(column + row * COLUMNS) << row);
            let sum = &self.0[teeth.sum::<usize>()];
            if !sum.is_zero() {
                product += sum;
            }
        }
        product
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ark_ff::Field;

    #[test]
    fn multiplies_as_arkworks_does() {
        let point = (G1Affine::generator() * Fr::from(77)).into_affine();
        let fixed = FixedBase::new(point);
        let mut scalar = Fr::from(5);
        let edges = [0u64, 1, 2, 1 << 43].map(Fr::from);
        for edge in edges.into_iter().chain(edges.map(|edge| -edge)) {
            assert_eq!(fixed.times(edge), point * edge);
        }
        for _ in 0..200 {
            scalar = scalar.square() + Fr::from(3);
            assert_eq!(fixed.times(scalar), point * scalar);
        }
    }
}
