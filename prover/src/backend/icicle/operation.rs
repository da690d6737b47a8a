//! Single operations of ICICLE, to measure them: everything that is read is on its device before they run.

use std::sync::Arc;

use ark_bn254::Fr;
use ark_ff::{BigInt, Field, PrimeField, Zero};
use rayon::prelude::*;

use super::error::IcicleError;
use super::ffi::{Buffer, Words};
use super::forms::{self, Curve};
use super::runtime::Runtime;
use crate::backend::BackendError;

/// A sum of scalars times points.
pub struct IcicleSum<C: Curve> {
    runtime: Arc<Runtime>,
    points: Buffer,
    scalars: Buffer,
    sum: C::Group,
}

impl<C: Curve> IcicleSum<C> {
    pub(super) fn new(
        runtime: &Arc<Runtime>,
        points: &[C],
        scalars: &[Fr],
    ) -> Result<Self, IcicleError> {
        let mut words = Vec::with_capacity(points.len() * C::GROUP.affine_words());
        points.iter().for_each(|point| point.put(&mut words));
        Ok(Self {
            points: runtime.device.upload(&words)?,
            scalars: runtime.device.upload(&words_of(scalars))?,
            runtime: runtime.clone(),
            sum: C::Group::zero(),
        })
    }

    /// Computes the sum; done when it returns.
    ///
    /// # Errors
    /// ICICLE failed.
    pub fn run(&mut self) -> Result<(), BackendError> {
        let device = &self.runtime.device;
        let words = device.msm(C::GROUP, &self.scalars, &self.points, 1)?;
        self.sum = C::sum(&words).ok_or_else(|| IcicleError::NoPoint {
            function: C::GROUP.function(),
            device: device.name().to_owned(),
        })?;
        Ok(())
    }

    /// The last sum.
    pub fn sum(&self) -> C::Group {
        self.sum
    }
}

/// A transform of one vector, in place, natural order before and after.
pub struct IcicleTransform {
    runtime: Arc<Runtime>,
    values: Buffer,
    size: usize,
}

impl IcicleTransform {
    pub(super) fn new(runtime: &Arc<Runtime>, values: &[Fr]) -> Result<Self, IcicleError> {
        Ok(Self {
            values: runtime.device.upload(&words_of(values))?,
            runtime: runtime.clone(),
            size: values.len(),
        })
    }

    /// From coefficients to values; done when it returns.
    ///
    /// # Errors
    /// ICICLE failed.
    pub fn run(&mut self) -> Result<(), BackendError> {
        let domain = self.runtime.domain(self.size)?;
        Ok(domain.evaluate(&self.values, self.size, forms::scalar(&Fr::ONE))?)
    }

    /// The vector as it is now.
    ///
    /// # Errors
    /// The copy failed.
    pub fn values(&self) -> Result<Vec<Fr>, BackendError> {
        let value = |&words| Fr::from_bigint(BigInt(words)).unwrap_or_default();
        Ok(self.values.download()?.iter().map(value).collect())
    }
}

fn words_of(values: &[Fr]) -> Vec<Words> {
    values.par_iter().map(forms::scalar).collect()
}
