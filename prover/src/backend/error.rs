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
    /// What is wanted does not fit the device, even after every key that is not in use has left it.
    #[error(
        "{what} takes {wanted_bytes} bytes on {backend}, which has {free_bytes} bytes free and a budget of {budget_bytes}"
    )]
    Memory {
        backend: String,
        what: String,
        wanted_bytes: u64,
        free_bytes: u64,
        budget_bytes: u64,
    },
    #[error(
        "{backend} wants {wanted_bytes} bytes of page-locked host memory, which this machine has not left"
    )]
    HostMemory { backend: String, wanted_bytes: u64 },
    /// The device failed, so nothing that it holds can be trusted any more.
    #[error("{backend} failed and is not used any more: {reason}")]
    Device { backend: String, reason: String },
    /// Two backends contradict each other, so neither is believed.
    #[error(
        "{first} and {second} differ on commitment {commitment} of witness {witness}: {first} says {first_says}, {second} says {second_says}"
    )]
    Differ {
        /// Place in the batch, from 0.
        witness: usize,
        commitment: &'static str,
        first: String,
        first_says: String,
        second: String,
        second_says: String,
    },
}

impl BackendError {
    /// Whether this backend has no further results in this process: a worker starts again in a new one.
    pub fn is_fatal(&self) -> bool {
        matches!(self, Self::Device { .. })
    }

    /// Whether a machine with more memory could do it.
    pub fn is_out_of_memory(&self) -> bool {
        match self {
            Self::Memory { .. } | Self::HostMemory { .. } => true,
            Self::Key(KeyError::Io { source, .. }) => {
                source.kind() == std::io::ErrorKind::OutOfMemory
            }
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;

    #[test]
    fn memory_that_is_not_there_is_told_from_other_faults() {
        let io = |kind: io::ErrorKind| {
            BackendError::Key(KeyError::Io {
                path: "key".into(),
                source: kind.into(),
            })
        };
        let host = BackendError::HostMemory {
            backend: "cuda".into(),
            wanted_bytes: 1,
        };
        let device = BackendError::Device {
            backend: "cuda".into(),
            reason: "out of memory".into(),
        };
        assert!(io(io::ErrorKind::OutOfMemory).is_out_of_memory() && host.is_out_of_memory());
        assert!(!io(io::ErrorKind::NotFound).is_out_of_memory());
        assert!(device.is_fatal() && !device.is_out_of_memory());
    }
}
