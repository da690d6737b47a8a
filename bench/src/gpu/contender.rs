//! Who is timed, and what they do.

use anyhow::Result;
use ark_bn254::{Fr, G1Affine, G1Projective, G2Affine, G2Projective};

/// One operation, everything that it reads already where it is read.
pub trait Operation<T> {
    /// Does it; done when this returns.
    fn run(&mut self) -> Result<()>;

    /// What the last run computed.
    fn result(&mut self) -> Result<T>;
}

/// An operation that may borrow from its contender.
pub type Boxed<'a, T> = Box<dyn Operation<T> + 'a>;

/// A library on a device. An operation that it can't do is an error, which becomes a cell "not measured".
pub trait Contender {
    fn name(&self) -> &str;

    fn device(&self) -> String;

    /// Whether it computes where everything else runs: sizes that take long are left out.
    fn is_processor(&self) -> bool {
        false
    }

    fn sum_g1(&self, points: &[G1Affine], scalars: &[Fr]) -> Result<Boxed<'_, G1Projective>>;

    fn sum_g2(&self, points: &[G2Affine], scalars: &[Fr]) -> Result<Boxed<'_, G2Projective>>;

    /// From coefficients to values, in place; the result in natural order.
    fn transform(&self, values: &[Fr]) -> Result<Boxed<'_, Vec<Fr>>>;
}
