//! The step of a program that the farm does not know: the shard computed its input signals, the farm adds `x`.

use super::Exchange;
use crate::field::{self, ShortElement};
use crate::inputs::Inputs;
use ark_bn254::Fr;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use trifold_verifier::statement::{Leaf, ProgramStatement};

/// Longest name of a signal, in bytes.
pub const MAX_SIGNAL_NAME_BYTES: usize = 64;
/// The public input of every program, which follows from the statement.
const STATEMENT: &str = "x";

/// Why signals prove nothing, whatever the program.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SignalsError {
    #[error("signal {STATEMENT} is given, which the farm computes from the statement")]
    Statement,
    #[error("a signal's name has {bytes} bytes, 1 to {MAX_SIGNAL_NAME_BYTES} are allowed")]
    NameLength { bytes: usize },
    #[error("{name:?} names no signal: letters, digits and _ only")]
    Name { name: String },
    #[error("signal {name} has no value")]
    Empty { name: String },
}

/// Input signals of one step, and what it states beside the leaf it leads to. How many values there may be is bounded by
/// the length of a snapshot.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Signals {
    /// Digest of the shard's body before the step.
    #[serde(with = "field::element")]
    pub old_body: Fr,
    /// From 1.
    pub events: u32,
    pub exchange: Exchange,
    /// Values by signal, arrays flattened row-major; every input of the circuit but `x`.
    pub signals: BTreeMap<String, Vec<ShortElement>>,
}

impl Signals {
    /// What the step of a shard to the leaf `new` states.
    pub fn statement(&self, shard: u32, new: &Leaf) -> ProgramStatement {
        ProgramStatement {
            shard,
            old_body: self.old_body,
            new_body: new.body,
            events: self.events,
            seen_digest: new.seen_digest,
            sent: self.exchange.sent,
            received: self.exchange.received,
            received_lamport: self.exchange.received_lamport,
            received_timestamp: self.exchange.received_timestamp,
        }
    }

    /// That the signals can be those of some circuit.
    pub fn check(&self) -> Result<(), SignalsError> {
        self.signals
            .iter()
            .try_for_each(|(name, values)| check_signal(name, values))
    }

    /// The circuit's input signals for that statement.
    pub(super) fn inputs(
        &self,
        shard: u32,
        new: &Leaf,
    ) -> Result<(Inputs, ProgramStatement), SignalsError> {
        self.check()?;
        let statement = self.statement(shard, new);
        let mut inputs = Inputs::new();
        for (name, values) in &self.signals {
            inputs.insert(name, values.iter().map(|value| value.0));
        }
        inputs.insert(STATEMENT, [statement.digest()]);
        Ok((inputs, statement))
    }
}

fn check_signal(name: &str, values: &[ShortElement]) -> Result<(), SignalsError> {
    let (bytes, owned) = (name.len(), || name.to_owned());
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '_';
    match name {
        STATEMENT => Err(SignalsError::Statement),
        _ if !(1..=MAX_SIGNAL_NAME_BYTES).contains(&bytes) => {
            Err(SignalsError::NameLength { bytes })
        }
        _ if !name.chars().all(plain) => Err(SignalsError::Name { name: owned() }),
        _ if values.is_empty() => Err(SignalsError::Empty { name: owned() }),
        _ => Ok(()),
    }
}
