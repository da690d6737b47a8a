//! The backend that needs nothing but a processor.

mod msm;
mod ntt;
mod quotient;

use std::sync::{Arc, Mutex, PoisonError};

use ark_bn254::Fr;
use ark_ff::PrimeField;
use rayon::prelude::*;

use super::{Backend, BackendError, Commitments, LoadedKey, check_lengths};
use crate::key::{Matrices, ProvingKey};
use msm::msm;
use quotient::Quotient;

/// All cores of this machine.
#[derive(Clone, Copy, Debug, Default)]
pub struct Cpu;

impl Backend for Cpu {
    fn name(&self) -> &str {
        "cpu"
    }

    fn load(&self, key: Arc<ProvingKey>) -> Result<Box<dyn LoadedKey>, BackendError> {
        let matrices = key.matrices()?;
        let quotient = Quotient::new(key.header().domain_size);
        Ok(Box::new(CpuKey {
            key,
            matrices,
            quotient,
            turn: Mutex::new(()),
        }))
    }
}

/// The points stay in the mapped file.
struct CpuKey {
    key: Arc<ProvingKey>,
    matrices: Matrices,
    quotient: Quotient,
    /// Each witness has all cores, and the memory of one at a time is enough.
    turn: Mutex<()>,
}

impl LoadedKey for CpuKey {
    /// One witness after the other, each on all cores.
    fn commit(&self, witnesses: &[&[Fr]]) -> Result<Vec<Commitments>, BackendError> {
        check_lengths(self.key.header(), witnesses)?;
        let _turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        let witnesses = witnesses.iter();
        Ok(witnesses.map(|witness| self.commit_one(witness)).collect())
    }
}

impl CpuKey {
    fn commit_one(&self, witness: &[Fr]) -> Commitments {
        let h = self.h(witness);
        let scalars: Vec<_> = witness
            .par_iter()
            .map(|value| value.into_bigint())
            .collect();
        Commitments {
            a: msm(self.key.a_query(), &scalars),
            b_g1: msm(self.key.b_g1_query(), &scalars),
            b_g2: msm(self.key.b_g2_query(), &scalars),
            h,
            l: msm(
                self.key.l_query(),
                &scalars[self.key.header().num_public + 1..],
            ),
        }
    }

    fn h(&self, witness: &[Fr]) -> ark_bn254::G1Projective {
        let a = self.matrices.a_times(witness);
        let b = self.matrices.b_times(witness);
        let values = self.quotient.evaluate(a, b);
        let scalars: Vec<_> = values
            .into_par_iter()
            .map(|value| value.into_bigint())
            .collect();
        msm(self.key.h_query(), &scalars)
    }
}
