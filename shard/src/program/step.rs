//! A step as its author writes it: JSON whose numbers are those of snarkjs's `input.json`.

use super::json::{self, ProgramFileError};
use ark_bn254::Fr;
use serde_json::Value;
use std::collections::BTreeMap;
use trifold_circuits::field::ShortElement;
use trifold_circuits::snapshot::{Exchange, MAX_SIGNAL_NAME_BYTES};

/// Deepest nesting of a signal's arrays.
const MAX_NESTING: usize = 16;

/// A signal's value: a number, or one of the statement's that the author can't know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Given {
    Number(Fr),
    /// `"$shard"`
    Shard,
    /// `"$seen_digest"`
    SeenDigest,
}

/// A step of a program that is not ours.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProgramStep {
    /// Digest of the body that it starts from.
    pub old_body: Fr,
    /// Digest of the body that it leads to.
    pub new_body: Fr,
    pub events: u32,
    pub exchange: Exchange,
    signals: BTreeMap<String, Vec<Given>>,
}

impl ProgramStep {
    /// Reads a step file.
    pub fn from_json(text: &[u8]) -> Result<Self, ProgramFileError> {
        let object = json::object(text, &FIELDS)?;
        let exchange = Exchange {
            sent: json::optional(&object, "sent")?,
            received: json::optional(&object, "received")?,
            received_lamport: json::optional(&object, "received_lamport")?,
            received_timestamp: json::optional(&object, "received_timestamp")?,
        };
        Ok(Self {
            old_body: json::body(&object, "old_body", "old_state_root")?,
            new_body: json::body(&object, "new_body", "new_state_root")?,
            events: json::integer(json::required(&object, "events")?, "events")?,
            exchange,
            signals: signals(json::required(&object, "signals")?)?,
        })
    }

    /// The signals of a step of this shard, with what it has seen.
    pub fn signals(&self, shard: u32, seen_digest: Fr) -> BTreeMap<String, Vec<ShortElement>> {
        let value = |given: &Given| {
            ShortElement(match given {
                Given::Number(value) => *value,
                Given::Shard => shard.into(),
                Given::SeenDigest => seen_digest,
            })
        };
        let signals = self.signals.iter();
        signals
            .map(|(name, values)| (name.clone(), values.iter().map(value).collect()))
            .collect()
    }
}

const FIELDS: [&str; 10] = [
    "old_body",
    "old_state_root",
    "new_body",
    "new_state_root",
    "events",
    "sent",
    "received",
    "received_lamport",
    "received_timestamp",
    "signals",
];

fn signals(value: &Value) -> Result<BTreeMap<String, Vec<Given>>, ProgramFileError> {
    let object = value.as_object().ok_or(ProgramFileError::Signals)?;
    let signal = |(name, value): (&String, &Value)| {
        let mut values = Vec::new();
        flatten(name, value, MAX_NESTING, &mut values)?;
        Ok((name.clone(), values))
    };
    object.iter().map(signal).collect()
}

/// Arrays row-major, as circom's own calculators take them.
fn flatten(
    name: &str,
    value: &Value,
    nesting: usize,
    values: &mut Vec<Given>,
) -> Result<(), ProgramFileError> {
    if let Value::Array(inner) = value {
        let deeper = nesting.checked_sub(1);
        let nesting = deeper.ok_or_else(|| ProgramFileError::Nesting {
            name: clipped(name),
            limit: MAX_NESTING,
        })?;
        return inner
            .iter()
            .try_for_each(|value| flatten(name, value, nesting, values));
    }
    values.push(match value.as_str() {
        Some("$shard") => Given::Shard,
        Some("$seen_digest") => Given::SeenDigest,
        _ => Given::Number(json::element(value, &clipped(name))?),
    });
    Ok(())
}

/// The name for a message.
fn clipped(name: &str) -> String {
    name.chars().take(MAX_SIGNAL_NAME_BYTES).collect()
}
