//! The files that `trifold shard` takes: the start of a table's shard, and its steps. Numbers are decimal.

use crate::step::{Header, Row, Size, Step};
use crate::table::{Request, Table, TableError};
use ark_bn254::Fr;
use serde_json::{Map, Value, json};
use trifold_circuits::inputs::Inputs;
use trifold_circuits::schnorr::SecretKey;

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

/// The step of `sample.json`: reads of a table with two rows. What an owner signs is of one shard, so it has no INSERT.
pub fn sample() -> Result<Value, TableError> {
    let (owner, size) = (SecretKey::from_seed(&[7; 32]), Size::DEPLOYED);
    let row = |value| Row {
        value,
        salt: Fr::from(1000 + value),
    };
    let table = Table {
        rows: [(5, row(77)), (8, row(3))].into(),
        ..Table::new(owner.public().coordinates())
    };
    let (low, high) = (70, 80);
    let reads = [
        Request::Select { key: 5 },
        Request::Select { key: 6 },
        Request::Between { key: 5, low, high },
        Request::Between { key: 8, low, high },
    ];
    let (made, next) = table.step(0, Fr::default(), &reads, &owner, size)?;
    Ok(step(&made, &next.header(size)?, size))
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
