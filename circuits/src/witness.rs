//! Witnesses: a circuit's calculation as a tape of native steps, and the compiler's wasm where there is none.
//!
//! The tape is made from the wasm once and kept beside it; it gives the same values or none. Inputs that it refuses go
//! through the wasm, which names the template and the line; so does a circuit that can't be made a tape.

mod code;
mod host;
mod tape;
mod wasm;

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use ark_bn254::Fr;
use thiserror::Error;

use crate::inputs::Inputs;
pub use tape::{Refused, Tape, Unsupported};
pub use wasm::WasmCalculator;

/// Why there is no witness.
#[derive(Debug, Error)]
pub enum WitnessError {
    #[error("cannot read or write {path}: {source}")]
    Io {
        path: PathBuf,
        source: std::io::Error,
    },
    #[error("{path} is not a witness calculator: {reason}")]
    Module { path: PathBuf, reason: String },
    #[error("the witness calculator is not over the scalar field of BN254")]
    Field,
    #[error("the circuit has no input signal {name:?}")]
    UnknownSignal { name: String },
    #[error("input signal {name:?} takes {expected} values, not {found}")]
    SignalSize {
        name: String,
        expected: usize,
        found: usize,
    },
    #[error("{found} input values of {expected} are given; given signals: {given}")]
    MissingSignals {
        expected: usize,
        found: usize,
        given: String,
    },
    /// The circuit's own refusal, with the templates and lines that it names, innermost first.
    #[error("{kind}: {trace}")]
    Circuit { kind: &'static str, trace: String },
    #[error("the witness calculator failed: {0}")]
    Trap(String),
    #[error("the witness calculator broke its interface: {0}")]
    Interface(&'static str),
}

/// A circuit's witness calculator; shared between threads, every calculation runs in memory of its own.
pub struct WitnessCalculator {
    path: PathBuf,
    tape: Result<Tape, Unsupported>,
    /// Loaded when first needed.
    wasm: OnceLock<WasmCalculator>,
}

impl WitnessCalculator {
    /// Makes a circuit's wasm ready: its tape, from the cache beside it, which is written when absent (seconds for a
    /// circuit of a million constraints).
    ///
    /// # Errors
    /// A file is unreadable, the tape can't be written, or the wasm is not a witness calculator over BN254.
    pub fn from_wasm(path: &Path) -> Result<Self, WitnessError> {
        let wasm = std::fs::read(path).map_err(at(path))?;
        let cache = path.with_extension("tape");
        let calculator = Self {
            path: path.to_owned(),
            tape: Tape::load(&wasm, &cache).map_err(at(&cache))?,
            wasm: OnceLock::new(),
        };
        if calculator.tape.is_err() {
            calculator.wasm()?;
        }
        Ok(calculator)
    }

    /// Calculates every wire's value, the leading one first.
    ///
    /// # Errors
    /// Signals that are unknown, missing or of another size, an assertion of the circuit that fails, or a calculator
    /// that does not keep to its interface.
    pub fn calculate(&self, inputs: &Inputs) -> Result<Vec<Fr>, WitnessError> {
        if let Ok(tape) = &self.tape
            && let Ok(witness) = tape.run(inputs)
        {
            return Ok(witness);
        }
        self.wasm()?.calculate(inputs)
    }

    /// The tape alone.
    ///
    /// # Errors
    /// Why the circuit has none.
    pub fn tape(&self) -> Result<&Tape, Unsupported> {
        self.tape.as_ref().map_err(|unsupported| *unsupported)
    }

    /// The compiler's wasm alone: slower by far, and what the tape is tested against.
    ///
    /// # Errors
    /// The file is unreadable, or not a witness calculator over BN254.
    pub fn wasm(&self) -> Result<&WasmCalculator, WitnessError> {
        if let Some(wasm) = self.wasm.get() {
            return Ok(wasm);
        }
        let loaded = WasmCalculator::new(&self.path)?;
        Ok(self.wasm.get_or_init(|| loaded))
    }
}

/// FNV-1a hash (64 bits) of a signal's name, which is how the wasm knows it.
fn name_hash(name: &str) -> u64 {
    name.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3)
    })
}

fn at(path: &Path) -> impl FnOnce(std::io::Error) -> WitnessError {
    let path = path.to_owned();
    move |source| WitnessError::Io { path, source }
}
