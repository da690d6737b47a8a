//! What can go wrong behind the seam.

use thiserror::Error;

use crate::key::KeyError;

/// Why a backend has no result.
#[derive(Debug, Error)]
pub enum BackendError {
    #[error(transparent)]
    Key(#[from] KeyError),
    #[error("the witness has {found} values, the key is for {expected}")]
    WitnessLength { expected: usize, found: usize },
    /// A backend that does not do as the seam says.
    #[error("{backend} gave {found} results for {expected} witnesses")]
    Results {
        backend: String,
        expected: usize,
        found: usize,
    },
    /// It was asked for by name.
    #[error("no backend {backend}: {reason}")]
    Unavailable { backend: String, reason: String },
    /// The device or its driver failed: the backend is of no use from then on.
    #[error("{backend} failed: {reason}")]
    Device { backend: String, reason: String },
}
