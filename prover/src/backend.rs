//! The one seam of proving: everything heavy and nothing random on this side, everything random and nothing heavy on
//! the other. Backends agree bit for bit.

mod cpu;

use std::sync::Arc;

use ark_bn254::{Fr, G1Projective, G2Projective};
use thiserror::Error;

use crate::key::{KeyError, ProvingKey};

pub use cpu::Cpu;

/// Why a backend has no result.
#[derive(Debug, Error)]
pub enum BackendError {
    #[error(transparent)]
    Key(#[from] KeyError),
    #[error("the witness has {found} values, the key is for {expected}")]
    WitnessLength { expected: usize, found: usize },
}

/// A way to do the heavy arithmetic.
pub trait Backend: Send + Sync {
    /// Name for people and figures.
    fn name(&self) -> &'static str;

    /// Makes a key ready for many proofs.
    ///
    /// # Errors
    /// The key is malformed, or does not fit the device.
    fn load(&self, key: Arc<ProvingKey>) -> Result<Box<dyn LoadedKey>, BackendError>;
}

/// A key that is ready for proofs.
pub trait LoadedKey: Send {
    /// Commits to a whole witness, the leading one included. A witness that violates a constraint gives commitments
    /// like any other; the proof made of them does not verify.
    ///
    /// # Errors
    /// The witness has another length than the key demands.
    fn commit(&self, witness: &[Fr]) -> Result<Commitments, BackendError>;
}

/// Five multi-scalar multiplications, a function of key and witness alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Commitments {
    /// Sum of `w_i u_i(tau)` in G1.
    pub a: G1Projective,
    /// Sum of `w_i v_i(tau)` in G1.
    pub b_g1: G1Projective,
    /// Sum of `w_i v_i(tau)` in G2.
    pub b_g2: G2Projective,
    /// `h(tau) t(tau) / delta` in G1.
    pub h: G1Projective,
    /// Sum over the private wires of `w_i (beta u_i(tau) + alpha v_i(tau) + w_i(tau)) / delta` in G1.
    pub l: G1Projective,
}
