//! The tape on disk, beside the wasm that it was made from.
//!
//! Little-endian: magic, digest of the wasm, digest of the rest; counts of signals, inputs, wires, constants, slots and
//! steps in 4 bytes each; then signals (16 bytes), inputs (4), constants (32) and steps (16).

use std::io::Write;
use std::path::Path;

use sha2::{Digest, Sha256};

use super::operation::Operation;
use super::trace::Signal;
use super::{Slot, Step, Tape, UNUSED};
use crate::field;

/// Its last byte rises with every change of what a tape is or how it is made.
const MAGIC: [u8; 8] = *b"tape\0\0\0\x01";
const DIGEST_BYTES: usize = 32;
const COUNTS: usize = 6;
const SIGNAL_BYTES: usize = 16;
const INPUT_BYTES: usize = 4;
const FIELD_BYTES: usize = 32;
const STEP_BYTES: usize = 16;
/// Bits of the modulus.
const BITS: u32 = 254;
/// More slots than a calculation of 2^28 wires has.
const MAX_SLOTS: usize = 1 << 30;

/// The tape in a file; `None` when it is absent, damaged, or another wasm's.
pub fn read(path: &Path, wasm_digest: &[u8; DIGEST_BYTES]) -> Option<Tape> {
    let bytes = std::fs::read(path).ok()?;
    let rest = bytes.strip_prefix(&MAGIC)?.strip_prefix(wasm_digest)?;
    let (digest, body) = rest.split_first_chunk::<DIGEST_BYTES>()?;
    let is_whole = Sha256::digest(body).as_slice() == digest;
    parse(body).filter(|tape| is_whole && tape.is_sound())
}

/// Writes the file under another name first, so that no reader sees half of it.
pub fn write(path: &Path, wasm_digest: &[u8; DIGEST_BYTES], tape: &Tape) -> std::io::Result<()> {
    let body = to_bytes(tape);
    let folder = path.parent().unwrap_or(Path::new("."));
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    file.write_all(&MAGIC)?;
    file.write_all(wasm_digest)?;
    file.write_all(&Sha256::digest(&body))?;
    file.write_all(&body)?;
    file.persist(path)?;
    Ok(())
}

fn to_bytes(tape: &Tape) -> Vec<u8> {
    let counts = [
        tape.signals.len(),
        tape.inputs.len(),
        tape.num_wires,
        tape.constants.len(),
        tape.num_slots,
        tape.steps.len(),
    ];
    let mut bytes = Vec::with_capacity(tape.steps.len() * STEP_BYTES);
    for count in counts {
        bytes.extend((count as u32).to_le_bytes());
    }
    for signal in &tape.signals {
        bytes.extend(signal.hash.to_le_bytes());
        bytes.extend(signal.start.to_le_bytes());
        bytes.extend(signal.size.to_le_bytes());
    }
    bytes.extend(tape.inputs.iter().flat_map(|slot| slot.to_le_bytes()));
    bytes.extend(tape.constants.iter().flat_map(field::to_bytes));
    for &step in &tape.steps {
        let words = words(step);
        bytes.extend(words.iter().flat_map(|word| word.to_le_bytes()));
    }
    bytes
}

fn parse(bytes: &[u8]) -> Option<Tape> {
    let mut rest = bytes;
    let counts = words_of(rest.split_off(..4 * COUNTS)?);
    let [signals, inputs, num_wires, constants, num_slots, steps] =
        <[u32; COUNTS]>::try_from(counts)
            .ok()?
            .map(|count| count as usize);
    let mut section = |count: usize, size: usize| rest.split_off(..count.checked_mul(size)?);
    let signals = section(signals, SIGNAL_BYTES)?
        .as_chunks::<SIGNAL_BYTES>()
        .0;
    let inputs = section(inputs, INPUT_BYTES)?;
    let constants = section(constants, FIELD_BYTES)?
        .as_chunks::<FIELD_BYTES>()
        .0;
    let steps = section(steps, STEP_BYTES)?.as_chunks::<STEP_BYTES>().0;
    let tape = Tape {
        signals: signals.iter().map(signal).collect(),
        inputs: words_of(inputs),
        num_wires,
        constants: constants
            .iter()
            .map(field::from_bytes)
            .collect::<Option<_>>()?,
        num_slots,
        steps: steps.iter().map(step).collect::<Option<_>>()?,
    };
    rest.is_empty().then_some(tape)
}

fn words_of(bytes: &[u8]) -> Vec<u32> {
    let words = bytes.as_chunks::<4>().0.iter();
    words.map(|word| u32::from_le_bytes(*word)).collect()
}

fn signal(bytes: &[u8; SIGNAL_BYTES]) -> Signal {
    let words = words_of(bytes);
    Signal {
        hash: u64::from(words[0]) | u64::from(words[1]) << 32,
        start: words[2],
        size: words[3],
    }
}

/// Kind and operation, operands, target.
fn words(step: Step) -> [u32; 4] {
    match step {
        Step::Add { a, b, to } => [0, a, b, to],
        Step::Sub { a, b, to } => [1, a, b, to],
        Step::Mul { a, b, to } => [2, a, b, to],
        Step::Copy { a, to } => [3, a, 0, to],
        Step::Take { a } => [4, a, 0, 0],
        Step::Bit { place, to } => [5, place, 0, to],
        Step::Low { count, to } => [6, count, 0, to],
        Step::Fits { count, to } => [7, count, 0, to],
        Step::Select { a, b, to } => [8, a, b, to],
        Step::SameOrRefuse { a, b } => [9, a, b, 0],
        Step::ZeroOrRefuse { a } => [10, a, 0, 0],
        Step::TrueOrRefuse { a } => [11, a, 0, 0],
        Step::FitsOrRefuse { count } => [12, count, 0, 0],
        Step::Apply {
            operation,
            a,
            b,
            to,
        } => [13 | (operation as u32) << 8, a, b, to],
    }
}

fn step(bytes: &[u8; STEP_BYTES]) -> Option<Step> {
    let word = |i: usize| u32::from_le_bytes([bytes[i], bytes[i + 1], bytes[i + 2], bytes[i + 3]]);
    let (a, b, to) = (word(4), word(8), word(12));
    Some(match word(0) {
        0 => Step::Add { a, b, to },
        1 => Step::Sub { a, b, to },
        2 => Step::Mul { a, b, to },
        3 => Step::Copy { a, to },
        4 => Step::Take { a },
        5 => Step::Bit { place: a, to },
        6 => Step::Low { count: a, to },
        7 => Step::Fits { count: a, to },
        8 => Step::Select { a, b, to },
        9 => Step::SameOrRefuse { a, b },
        10 => Step::ZeroOrRefuse { a },
        11 => Step::TrueOrRefuse { a },
        12 => Step::FitsOrRefuse { count: a },
        kind if kind & 0xff == 13 => {
            let operation = *Operation::ALL.get(kind as usize >> 8)?;
            Step::Apply {
                operation,
                a,
                b,
                to,
            }
        }
        _ => return None,
    })
}

impl Tape {
    /// Whether no step leaves the slots or the bits of a value.
    fn is_sound(&self) -> bool {
        let fixed = self.num_wires.saturating_add(self.constants.len());
        let is_slot = |slot: Slot| (slot as usize) < self.num_slots;
        let has_places = |signal: &Signal| {
            let end = signal.start as usize + signal.size as usize;
            end <= self.inputs.len()
        };
        fixed <= self.num_slots
            && self.num_slots <= MAX_SLOTS
            && self.signals.iter().all(has_places)
            && self
                .inputs
                .iter()
                .all(|&slot| slot == UNUSED || is_slot(slot))
            && self.steps.iter().all(|step| match *step {
                Step::Add { a, b, to }
                | Step::Sub { a, b, to }
                | Step::Mul { a, b, to }
                | Step::Select { a, b, to }
                | Step::Apply { a, b, to, .. } => is_slot(a) && is_slot(b) && is_slot(to),
                Step::Copy { a, to } => is_slot(a) && is_slot(to),
                Step::Take { a } | Step::ZeroOrRefuse { a } | Step::TrueOrRefuse { a } => {
                    is_slot(a)
                }
                Step::SameOrRefuse { a, b } => is_slot(a) && is_slot(b),
                Step::Bit { place, to }
                | Step::Low { count: place, to }
                | Step::Fits { count: place, to } => place < BITS && is_slot(to),
                Step::FitsOrRefuse { count } => count < BITS,
            })
    }
}
