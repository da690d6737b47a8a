//! Why ICICLE is not used, or has no result.

use std::fmt;
use std::path::PathBuf;

use thiserror::Error;

use crate::backend::BackendError;

/// What can go wrong with somebody else's library.
#[derive(Debug, Error)]
pub enum IcicleError {
    #[error("{library} can't be loaded: {reason}")]
    Library { library: String, reason: String },
    #[error("{folder} holds {library}, which is ICICLE v2 or older: v3 or v4 is needed")]
    OldVersion { folder: PathBuf, library: String },
    #[error("{library} has no function {function}: it is not the library of ICICLE v3 or v4")]
    Function {
        library: String,
        function: &'static str,
    },
    #[error("ICICLE has no device {wanted}, only {present}")]
    NoDevice { wanted: String, present: String },
    /// A computation with a known answer gave another one, so the arguments mean something else there.
    #[error(
        "{function} of this ICICLE gives a wrong answer on {device}: its interface is not that of v3 or v4"
    )]
    Handshake {
        function: &'static str,
        device: String,
    },
    #[error("{function} of ICICLE failed on {device}: {code}")]
    Call {
        function: &'static str,
        device: String,
        code: Code,
    },
    #[error(
        "ICICLE's {device} has no room for {wanted_bytes} bytes: {free_bytes} of {total_bytes} are free"
    )]
    Memory {
        device: String,
        wanted_bytes: u64,
        free_bytes: u64,
        total_bytes: u64,
    },
    #[error("{function} of ICICLE gave what is no point of the curve on {device}")]
    NoPoint {
        function: &'static str,
        device: String,
    },
    #[error("{what} is more than ICICLE's interface can name: {count}")]
    TooMany { what: &'static str, count: usize },
    #[error("not a device of ICICLE: {text:?} (CPU, CUDA or CUDA:1, for example)")]
    DeviceName { text: String },
}

/// `eIcicleError`, in the order of ICICLE's `errors.h`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Code(pub i32);

impl Code {
    pub const SUCCESS: Self = Self(0);
    pub const OUT_OF_MEMORY: Self = Self(2);
    pub const ALLOCATION_FAILED: Self = Self(4);

    const NAMES: [&str; 15] = [
        "success",
        "invalid device",
        "out of memory",
        "invalid pointer",
        "allocation failed",
        "deallocation failed",
        "copy failed",
        "synchronization failed",
        "stream creation failed",
        "stream destruction failed",
        "not implemented for this device",
        "invalid argument",
        "a backend failed to load",
        "the license check failed",
        "unknown error",
    ];
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = usize::try_from(self.0).ok();
        match name.and_then(|code| Self::NAMES.get(code)) {
            Some(name) => write!(f, "{name} (code {})", self.0),
            None => write!(f, "code {}, which v3 and v4 do not have", self.0),
        }
    }
}

impl From<IcicleError> for BackendError {
    fn from(error: IcicleError) -> Self {
        Self::Device {
            backend: super::NAME.to_owned(),
            reason: error.to_string(),
        }
    }
}
