//! Many multiples of one point, by windows of precomputed multiples.

use ark_bn254::Fr;
use ark_ec::scalar_mul::{BatchMulPreprocessing, ScalarMul};
use ark_ff::Zero;

/// Precomputed multiples of one point.
pub struct FixedBase<G: ScalarMul>(BatchMulPreprocessing<G>);

impl<G: ScalarMul<ScalarField = Fr>> FixedBase<G> {
    /// Chooses the window for that many multiplications.
    pub fn new(base: G, num_scalars: usize) -> Self {
        Self(BatchMulPreprocessing::new(base, num_scalars))
    }

    /// One multiple for each scalar; zeros, which are common, cost nothing.
    pub fn multiply(&self, scalars: &[Fr]) -> Vec<G::MulBase> {
        let nonzero: Vec<Fr> = scalars
            .iter()
            .filter(|scalar| !scalar.is_zero())
            .copied()
            .collect();
        let mut products = self.0.batch_mul(&nonzero).into_iter();
        let infinity = G::MulBase::from(G::zero());
        let mut product = |scalar: &Fr| match scalar.is_zero() {
            true => infinity,
            false => products.next().unwrap_or(infinity),
        };
        scalars.iter().map(&mut product).collect()
    }
}
