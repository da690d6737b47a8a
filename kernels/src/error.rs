//! What can go wrong between the host and a card; each in one line that names the remedy or the number.

use crate::card::CardId;

pub type Result<T> = std::result::Result<T, DeviceError>;

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DeviceError {
    #[error("no CUDA driver on this machine (libcuda is not there)")]
    NoDriver,
    #[error(
        "the CUDA driver supports CUDA {found_major}.{found_minor}, at least {needed_major}.{needed_minor} is needed"
    )]
    DriverTooOld {
        found_major: u32,
        found_minor: u32,
        needed_major: u32,
        needed_minor: u32,
    },
    #[error("the CUDA driver is there but finds no card")]
    NoCard,
    #[error("there is no card {0} on this machine")]
    UnknownCard(CardId),
    #[error("card {name} has compute capability {major}.{minor}, at least 8.0 is needed")]
    UnsupportedCard {
        name: String,
        major: u32,
        minor: u32,
    },
    #[error(
        "no NVRTC on this machine (libnvrtc is not there), and this build has no kernels compiled for {architecture}"
    )]
    NoCompiler { architecture: String },
    #[error("NVRTC could not compile module {module} for {architecture}: {log}")]
    Compile {
        module: &'static str,
        architecture: String,
        log: String,
    },
    #[error("module {module} could not be loaded on {device}: {reason}")]
    Load {
        module: &'static str,
        device: String,
        reason: String,
    },
    #[error("out of device memory: {wanted_bytes} bytes wanted, {free_bytes} free")]
    OutOfMemory { wanted_bytes: u64, free_bytes: u64 },
    #[error("out of page-locked host memory: {wanted_bytes} bytes wanted")]
    OutOfHostMemory { wanted_bytes: u64 },
    #[error(
        "kernel {module}::{kernel} ({blocks} x {threads}, {shared_bytes} bytes shared): {reason}"
    )]
    Launch {
        module: &'static str,
        kernel: &'static str,
        blocks: u32,
        threads: u32,
        shared_bytes: u32,
        reason: String,
    },
    #[error("{what}: {found} elements where {expected} are expected")]
    Length {
        what: &'static str,
        found: u64,
        expected: u64,
    },
    #[error("a transform of 2^{log_n} values where 2^{max_log_n} is the limit")]
    Domain { log_n: u32, max_log_n: u32 },
    #[error("matrix {matrix}: {reason}")]
    Matrix {
        matrix: &'static str,
        reason: String,
    },
    #[error("elements {start}..{end} of a buffer of {len}")]
    Range { start: u64, end: u64, len: u64 },
    #[error("{operation} failed: {reason}")]
    Driver {
        operation: &'static str,
        reason: String,
    },
    #[error("the cache of compiled kernels at {path}: {reason}")]
    Cache { path: String, reason: String },
}

impl DeviceError {
    /// Whether less memory would have made it work.
    pub fn is_out_of_memory(&self) -> bool {
        matches!(
            self,
            Self::OutOfMemory { .. } | Self::OutOfHostMemory { .. }
        )
    }
}
