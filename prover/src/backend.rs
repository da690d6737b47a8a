//! The one seam of proving: everything heavy and nothing random on this side, everything random and nothing heavy on
//! the other. Backends agree bit for bit.

mod choice;
mod cpu;
#[cfg(feature = "cuda")]
pub mod cuda;
mod error;
mod fallback;
#[cfg(feature = "icicle")]
mod icicle;
mod paired;

use std::sync::Arc;

use ark_bn254::{Fr, G1Projective, G2Projective};

use crate::key::{Header, ProvingKey};

pub use choice::{CardChoice, Choice, ChoiceError, LowMemory, Options, Selected, select};
pub use cpu::Cpu;
#[cfg(feature = "cuda")]
pub use cuda::Cuda;
pub use error::BackendError;
pub use fallback::Fallback;
#[cfg(feature = "icicle")]
pub use icicle::{DeviceName, Icicle, IcicleError, IcicleOptions, IcicleSum, IcicleTransform};
pub use paired::Paired;

/// A way to do the heavy arithmetic.
pub trait Backend: Send + Sync {
    /// Name for people and figures.
    fn name(&self) -> &str;

    /// Makes a key ready for many proofs.
    ///
    /// # Errors
    /// The key is malformed, or does not fit the device.
    fn load(&self, key: Arc<ProvingKey>) -> Result<Box<dyn LoadedKey>, BackendError>;
}

/// A key that is ready for proofs. Calls may come from several threads at once; a backend that can't overlap them makes
/// them wait for each other.
pub trait LoadedKey: Send + Sync {
    /// Commits to whole witnesses, the leading one of each included, and gives one result for each, in their order. A
    /// witness that violates a constraint gives commitments like any other; the proof made of them does not verify.
    ///
    /// # Errors
    /// A witness has another length than the key demands, or the device failed. No witness of the call has a result
    /// then; the caller may try them one by one.
    fn commit(&self, witnesses: &[&[Fr]]) -> Result<Vec<Commitments>, BackendError>;

    /// How many witnesses it pays to give at once; more are taken too. 1 where nothing is gained by several.
    fn batch_limit(&self) -> usize {
        1
    }
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

/// Checks that a backend gave as many results as it was given witnesses.
///
/// # Errors
/// [`BackendError::Results`].
pub(crate) fn check_count(
    backend: &str,
    expected: usize,
    found: &[Commitments],
) -> Result<(), BackendError> {
    if found.len() == expected {
        return Ok(());
    }
    Err(BackendError::Results {
        backend: backend.to_owned(),
        expected,
        found: found.len(),
    })
}

/// Checks that every witness has a value for each wire of a key.
///
/// # Errors
/// The first that has not.
pub fn check_lengths(key: &Header, witnesses: &[&[Fr]]) -> Result<(), BackendError> {
    let expected = key.num_wires;
    let mut lengths = witnesses.iter().map(|witness| witness.len());
    match lengths.find(|&found| found != expected) {
        Some(found) => Err(BackendError::WitnessLength { expected, found }),
        None => Ok(()),
    }
}
