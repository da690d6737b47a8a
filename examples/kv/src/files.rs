//! The files that `trifold shard` takes: the start of a table's shard, and its steps. Numbers are decimal.

use crate::step::{Header, Size, Step};
use ark_bn254::Fr;
use serde_json::{Map, Value, json};
use trifold_circuits::inputs::Inputs;

/// The start of a shard with this table, for `trifold shard new`.
pub fn start(table: &Header) -> Value {
    json!({ "state_root": root(table), "supply": 0 })
}

/// A step to the table `next`, for `trifold shard step`, which knows the shard and what it has seen.
pub fn step(step: &Step, next: &Header, size: Size) -> Value {
    let mut signals = values(&step.signals(size));
    signals.insert("shard".into(), json!("$shard"));
    signals.insert("seen_digest".into(), json!("$seen_digest"));
    json!({
        "old_state_root": root(&step.old),
        "new_state_root": root(next),
        "events": step.slots.len(),
        "signals": signals,
    })
}

fn root(table: &Header) -> String {
    table.body().state_root.to_string()
}

fn values(inputs: &Inputs) -> Map<String, Value> {
    let texts = |values: &[Fr]| values.iter().map(Fr::to_string).collect::<Vec<_>>();
    let signals = inputs.iter();
    signals
        .map(|(name, values)| (name.to_owned(), json!(texts(values))))
        .collect()
}
