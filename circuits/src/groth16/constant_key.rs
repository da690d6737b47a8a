//! A verifying key that is built into a circuit.

use super::curve::Point;
use super::fixed_base::FixedBase;
use super::key::{PreparedKey, VkError};
use super::layout::{KEY_COMB_START, KEY_MAB_START};
use super::params::Params;
use ark_bn254::{Bn254, Fq};
use ark_groth16::VerifyingKey;

/// A checked key with the multiples of IC1 that a circuit for this key alone selects from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConstantKey {
    prepared: PreparedKey,
    fixed_base: FixedBase,
}

impl ConstantKey {
    /// Checks a key and computes its tables, for the deployed parameters.
    pub fn new(key: &VerifyingKey<Bn254>) -> Result<Self, VkError> {
        Self::with_params(key, Params::DEPLOYED)
    }

    /// Like [`ConstantKey::new`], for other parameters.
    pub fn with_params(key: &VerifyingKey<Bn254>, params: Params) -> Result<Self, VkError> {
        let prepared = PreparedKey::with_params(key, params)?;
        let fixed_base = FixedBase::new(key.gamma_abc_g1[1]);
        Ok(Self {
            prepared,
            fixed_base,
        })
    }

    /// The key as a circuit reads it that gets it as an input.
    pub fn prepared(&self) -> &PreparedKey {
        &self.prepared
    }

    /// The constants of the circuit other than the tables: IC0, mab, delta's windows.
    pub fn numbers(&self) -> Vec<Fq> {
        let numbers = self.prepared.numbers();
        [&numbers[..KEY_COMB_START], &numbers[KEY_MAB_START..]].concat()
    }

    /// The multiples of IC1 of each window.
    pub fn tables(&self) -> &[Vec<Point<Fq>>] {
        self.fixed_base.tables()
    }
}
