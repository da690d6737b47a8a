//! Compiled circuits on disk: found by the digest of everything that they are compiled from, compiled when absent.
//!
//! An artifact lives in `<cache>/circuits/<name>-<digest>/` as `<name>.r1cs` and `<name>.wasm`. The digest covers the
//! text of every source that the circuit includes, its parameters, the optimization level and the compiler. The folder
//! appears by one rename after the compiler has finished, so an interrupted compilation leaves nothing half made, and
//! a lock per artifact keeps two processes from compiling the same circuit twice.

mod checkout;
mod compile;
mod manifest;
mod program;
mod size;
mod sources;

pub use checkout::Checkout;
pub use compile::{Artifact, Event};
pub use manifest::{CircuitSpec, Manifest, Parameter};
pub use program::{MAX_PROGRAM_FILE_BYTES, PROGRAM_FILE};
pub use size::Size;

use std::path::PathBuf;

/// Why a compiled circuit can't be had.
#[derive(Debug, thiserror::Error)]
pub enum ArtifactError {
    /// No folder from the current one upwards holds the circuits.
    #[error(
        "no checkout of Trifold here: circuits/circuits.toml is in none of {start} and the folders above it; set TRIFOLD_ROOT"
    )]
    NoCheckout {
        /// The folder where the search began.
        start: PathBuf,
    },
    /// The list of circuits is malformed.
    #[error("{path}: {reason}")]
    Manifest {
        /// The list.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A program that has not the one public value that a merge takes.
    #[error("program {name} has {public} public values; a program has one, its input x")]
    Public {
        /// The program.
        name: String,
        /// Its public outputs and inputs.
        public: u32,
    },
    /// No circuit of that name is listed.
    #[error("unknown circuit {name:?}; known: {known}")]
    UnknownCircuit {
        /// The name asked for.
        name: String,
        /// The names there are.
        known: String,
    },
    /// An `include` names a file that is in no include folder.
    #[error("{file} includes {include:?}, which is neither beside it nor in Trifold's circuits/")]
    MissingInclude {
        /// The including file.
        file: PathBuf,
        /// The included path as written.
        include: String,
    },
    /// A tool that the compiler needs can't be provided.
    #[error("{0}")]
    Tools(String),
    /// The compiler refused the circuit.
    #[error("circom refused {name}: {message}")]
    Compiler {
        /// The circuit.
        name: String,
        /// What the compiler said.
        message: String,
    },
    /// A compiled file doesn't have the format that it should have.
    #[error("{path} is not an r1cs file: {reason}")]
    Malformed {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A file can't be read or written.
    #[error("{path}: {source}")]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
}

/// Attaches a path to an I/O error.
fn at(path: impl Into<PathBuf>) -> impl FnOnce(std::io::Error) -> ArtifactError {
    let path = path.into();
    move |source| ArtifactError::Io { path, source }
}
