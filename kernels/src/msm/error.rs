use crate::error::DeviceError;

/// Why a multiplication can't be planned or run.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum MsmError {
    #[error(transparent)]
    Device(#[from] DeviceError),
    #[error("point {index} is infinity")]
    Infinity { index: usize },
    #[error("{what}: {found} where {limit} is the limit")]
    Limit {
        what: &'static str,
        found: u64,
        limit: u64,
    },
    #[error("{what}: {found} elements where {expected} are expected")]
    Length {
        what: &'static str,
        found: u64,
        expected: u64,
    },
    #[error("window of {window_bits} bits: from {min} to {max} are possible")]
    Window {
        window_bits: u32,
        min: u32,
        max: u32,
    },
}

/// `Limit` if `found` is more than `limit`.
pub(super) fn at_most(what: &'static str, found: u64, limit: u64) -> Result<(), MsmError> {
    if found <= limit {
        Ok(())
    } else {
        Err(MsmError::Limit { what, found, limit })
    }
}

/// `Length` if they differ.
pub(super) fn same(what: &'static str, found: usize, expected: usize) -> Result<(), MsmError> {
    if found == expected {
        return Ok(());
    }
    Err(MsmError::Length {
        what,
        found: found as u64,
        expected: expected as u64,
    })
}
