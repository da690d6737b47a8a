//! The operator's ICICLE, where there is one.

use std::sync::Arc;

use anyhow::Result;
use ark_bn254::{Fr, G1Affine, G1Projective, G2Affine, G2Projective, g1, g2};
use ark_ec::short_weierstrass::Affine;
use trifold_prover::backend::{Icicle, IcicleSum, IcicleTransform};

use super::contender::{Boxed, Contender, Operation};

impl Contender for Arc<Icicle> {
    fn name(&self) -> &str {
        "ICICLE"
    }

    fn device(&self) -> String {
        Icicle::device(self).to_owned()
    }

    fn is_processor(&self) -> bool {
        Icicle::device(self).starts_with("CPU")
    }

    fn sum_g1(&self, points: &[G1Affine], scalars: &[Fr]) -> Result<Boxed<'_, G1Projective>> {
        Ok(Box::new(self.sum(points, scalars)?))
    }

    fn sum_g2(&self, points: &[G2Affine], scalars: &[Fr]) -> Result<Boxed<'_, G2Projective>> {
        Ok(Box::new(self.sum(points, scalars)?))
    }

    fn transform(&self, values: &[Fr]) -> Result<Boxed<'_, Vec<Fr>>> {
        Ok(Box::new(Icicle::transform(self, values)?))
    }
}

impl Operation<G1Projective> for IcicleSum<Affine<g1::Config>> {
    fn run(&mut self) -> Result<()> {
        Ok(IcicleSum::run(self)?)
    }

    fn result(&mut self) -> Result<G1Projective> {
        Ok(self.sum())
    }
}

impl Operation<G2Projective> for IcicleSum<Affine<g2::Config>> {
    fn run(&mut self) -> Result<()> {
        Ok(IcicleSum::run(self)?)
    }

    fn result(&mut self) -> Result<G2Projective> {
        Ok(self.sum())
    }
}

impl Operation<Vec<Fr>> for IcicleTransform {
    fn run(&mut self) -> Result<()> {
        Ok(IcicleTransform::run(self)?)
    }

    fn result(&mut self) -> Result<Vec<Fr>> {
        Ok(self.values()?)
    }
}
