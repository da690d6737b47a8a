//! arkworks on all cores.

use anyhow::Result;
use ark_bn254::{Fr, G1Affine, G1Projective, G2Affine, G2Projective};
use ark_ec::{AffineRepr, VariableBaseMSM};
use ark_ff::{BigInt, PrimeField};
use ark_poly::{EvaluationDomain, Radix2EvaluationDomain};
use rayon::prelude::*;

use super::contender::{Boxed, Contender, Operation};

pub struct Arkworks;

impl Contender for Arkworks {
    fn name(&self) -> &str {
        "arkworks"
    }

    fn device(&self) -> String {
        "processor, all cores".to_owned()
    }

    fn is_processor(&self) -> bool {
        true
    }

    fn sum_g1(&self, points: &[G1Affine], scalars: &[Fr]) -> Result<Boxed<'_, G1Projective>> {
        Ok(Box::new(Sum::<G1Projective>::new(points, scalars)))
    }

    fn sum_g2(&self, points: &[G2Affine], scalars: &[Fr]) -> Result<Boxed<'_, G2Projective>> {
        Ok(Box::new(Sum::<G2Projective>::new(points, scalars)))
    }

    fn transform(&self, values: &[Fr]) -> Result<Boxed<'_, Vec<Fr>>> {
        let domain = Radix2EvaluationDomain::new(values.len());
        Ok(Box::new(Transform {
            domain: domain.ok_or_else(|| anyhow::anyhow!("no such domain"))?,
            values: values.to_vec(),
        }))
    }
}

struct Sum<G: VariableBaseMSM> {
    points: Vec<G::MulBase>,
    scalars: Vec<BigInt<4>>,
    sum: G,
}

impl<G: VariableBaseMSM<ScalarField = Fr>> Sum<G> {
    fn new<P: AffineRepr + Into<G::MulBase>>(points: &[P], scalars: &[Fr]) -> Self {
        Self {
            points: points.iter().map(|point| (*point).into()).collect(),
            scalars: scalars.par_iter().map(|s| s.into_bigint()).collect(),
            sum: G::zero(),
        }
    }
}

impl<G: VariableBaseMSM<ScalarField = Fr>> Operation<G> for Sum<G> {
    fn run(&mut self) -> Result<()> {
        self.sum = G::msm_bigint(&self.points, &self.scalars);
        Ok(())
    }

    fn result(&mut self) -> Result<G> {
        Ok(self.sum)
    }
}

struct Transform {
    domain: Radix2EvaluationDomain<Fr>,
    values: Vec<Fr>,
}

impl Operation<Vec<Fr>> for Transform {
    fn run(&mut self) -> Result<()> {
        self.domain.fft_in_place(&mut self.values);
        Ok(())
    }

    fn result(&mut self) -> Result<Vec<Fr>> {
        Ok(self.values.clone())
    }
}
