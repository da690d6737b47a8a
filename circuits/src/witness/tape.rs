//! Witnesses without the wasm: the calculation as a list of steps on field elements.
//!
//! The compiler's wasm is traced once (see [`trace`]); what is left of it, when loops, addresses and copies are gone, is
//! a list of steps, each of which writes one slot. The first slots are the wires. A calculation runs the list in memory of
//! its own. Where an assertion of the circuit does not hold, the tape only says so.

mod fields;
mod file;
mod graph;
mod memory;
mod module;
mod operation;
mod schedule;
mod trace;

use std::collections::HashMap;
use std::path::Path;

use ark_bn254::Fr;
use ark_ff::{AdditiveGroup, BigInt, BigInteger, Field, PrimeField};
use sha2::{Digest, Sha256};
use thiserror::Error;

use super::name_hash;
use crate::inputs::Inputs;
use module::Module;
use operation::{Operation, is_true};
use schedule::schedule;
use trace::{Signal, trace};

/// What keeps a witness calculator from being traced.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[error("{0}")]
pub struct Unsupported(pub &'static str);

/// A slot's number.
type Slot = u32;

/// One step of a calculation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    Add {
        a: Slot,
        b: Slot,
        to: Slot,
    },
    Sub {
        a: Slot,
        b: Slot,
        to: Slot,
    },
    Mul {
        a: Slot,
        b: Slot,
        to: Slot,
    },
    Apply {
        operation: Operation,
        a: Slot,
        b: Slot,
        to: Slot,
    },
    Copy {
        a: Slot,
        to: Slot,
    },
    /// Takes up a value for the four steps that follow it here.
    Take {
        a: Slot,
    },
    /// The bit of the taken value at a place.
    Bit {
        place: u32,
        to: Slot,
    },
    /// The number that the taken value's lowest bits are.
    Low {
        count: u32,
        to: Slot,
    },
    /// Whether the taken value has at most so many bits.
    Fits {
        count: u32,
        to: Slot,
    },
    /// Whether the taken value is not zero: the first, or else the second.
    Select {
        a: Slot,
        b: Slot,
        to: Slot,
    },
    /// Assertions.
    SameOrRefuse {
        a: Slot,
        b: Slot,
    },
    ZeroOrRefuse {
        a: Slot,
    },
    TrueOrRefuse {
        a: Slot,
    },
    FitsOrRefuse {
        count: u32,
    },
}

/// A circuit's calculation.
#[derive(Debug, PartialEq, Eq)]
pub struct Tape {
    signals: Vec<Signal>,
    /// The slot of each input, or [`UNUSED`].
    inputs: Vec<Slot>,
    num_wires: usize,
    /// They fill the slots after the wires.
    constants: Vec<Fr>,
    num_slots: usize,
    steps: Vec<Step>,
}

/// The slot of an input that nothing depends on.
const UNUSED: Slot = Slot::MAX;

/// An assertion of the circuit does not hold, or the inputs are not the circuit's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refused;

impl Tape {
    /// The tape of a wasm file's bytes, from the file beside it, which is written when absent.
    ///
    /// # Errors
    /// The file can't be written; within: the wasm can't be traced.
    pub fn load(wasm: &[u8], path: &Path) -> std::io::Result<Result<Self, Unsupported>> {
        let digest = Sha256::digest(wasm).into();
        if let Some(tape) = file::read(path, &digest) {
            return Ok(Ok(tape));
        }
        let made = Module::parse(wasm).and_then(|module| trace(&module));
        let tape = made.map(|trace| schedule(&trace));
        if let Ok(tape) = &tape {
            file::write(path, &digest, tape)?;
        }
        Ok(tape)
    }

    /// Bytes of memory that the tape itself takes; all calculations share them.
    pub fn bytes(&self) -> usize {
        size_of_val(&self.steps[..]) + size_of_val(&self.inputs[..])
    }

    /// Bytes of memory that a calculation takes.
    pub fn run_bytes(&self) -> usize {
        self.num_slots * size_of::<Fr>()
    }

    /// The witness of an assignment.
    pub fn run(&self, inputs: &Inputs) -> Result<Vec<Fr>, Refused> {
        let mut values = vec![Fr::ZERO; self.num_slots];
        let constants = self.num_wires..self.num_wires + self.constants.len();
        values[constants].copy_from_slice(&self.constants);
        self.assign(inputs, &mut values)?;
        run(&self.steps, &mut values)?;
        values.truncate(self.num_wires);
        Ok(values)
    }

    /// Puts every input into its slot; refuses what does not give each signal once.
    fn assign(&self, inputs: &Inputs, values: &mut [Fr]) -> Result<(), Refused> {
        let mut missing: HashMap<u64, &Signal> = HashMap::new();
        missing.extend(self.signals.iter().map(|signal| (signal.hash, signal)));
        for (name, given) in inputs.iter() {
            let signal = missing.remove(&name_hash(name)).ok_or(Refused)?;
            let slots = &self.inputs[signal.start as usize..][..signal.size as usize];
            if given.len() != slots.len() {
                return Err(Refused);
            }
            for (&slot, value) in slots.iter().zip(given).filter(|(slot, _)| **slot != UNUSED) {
                values[slot as usize] = *value;
            }
        }
        match missing.values().all(|signal| signal.size == 0) {
            true => Ok(()),
            false => Err(Refused),
        }
    }
}

fn run(steps: &[Step], values: &mut [Fr]) -> Result<(), Refused> {
    const ZERO: BigInt<4> = BigInt([0; 4]);
    let mut taken = ZERO;
    for step in steps {
        match *step {
            Step::Add { a, b, to } => values[to as usize] = values[a as usize] + values[b as usize],
            Step::Sub { a, b, to } => values[to as usize] = values[a as usize] - values[b as usize],
            Step::Mul { a, b, to } => values[to as usize] = values[a as usize] * values[b as usize],
            Step::Bit { place, to } => {
                let bit = taken.0[place as usize / 64] >> (place % 64) & 1;
                values[to as usize] = if bit == 0 { Fr::ZERO } else { Fr::ONE };
            }
            Step::Take { a } => taken = values[a as usize].into_bigint(),
            Step::FitsOrRefuse { count } => {
                if (taken >> count) != ZERO {
                    return Err(Refused);
                }
            }
            Step::SameOrRefuse { a, b } => {
                if values[a as usize] != values[b as usize] {
                    return Err(Refused);
                }
            }
            Step::ZeroOrRefuse { a } => {
                if is_true(values[a as usize]) {
                    return Err(Refused);
                }
            }
            Step::TrueOrRefuse { a } => {
                if !is_true(values[a as usize]) {
                    return Err(Refused);
                }
            }
            Step::Copy { a, to } => values[to as usize] = values[a as usize],
            Step::Low { count, to } => {
                let above = (taken >> count) << count;
                let mut low = taken;
                low.sub_with_borrow(&above);
                values[to as usize] = Fr::from_bigint(low).ok_or(Refused)?;
            }
            Step::Fits { count, to } => {
                values[to as usize] = Fr::from((taken >> count) == ZERO);
            }
            Step::Select { a, b, to } => {
                let is_zero = taken == ZERO;
                values[to as usize] = values[if is_zero { b } else { a } as usize];
            }
            Step::Apply {
                operation,
                a,
                b,
                to,
            } => {
                let value = operation.apply(values[a as usize], values[b as usize]);
                values[to as usize] = value.ok_or(Refused)?;
            }
        }
    }
    Ok(())
}
