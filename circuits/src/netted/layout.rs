//! Input signals that several circuits share.

use super::accounts::Account;
use super::epoch::Change;
use super::statement::Context;
use crate::inputs::Inputs;
use ark_bn254::Fr;

/// keys, network, shard, gamma and alpha.
pub fn context(inputs: &mut Inputs, context: &Context) {
    inputs.insert("keys", [context.keys]);
    inputs.insert("network", [context.network]);
    inputs.insert("shard", [context.shard.into()]);
    inputs.insert("gamma", [context.challenge.gamma]);
    inputs.insert("alpha", [context.challenge.alpha]);
}

/// Accounts before and after, as signals whose names start with `prefix`.
pub fn changes(inputs: &mut Inputs, prefix: &str, changes: &[Change]) {
    let mut insert = |name: &str, value: &dyn Fn(&Change) -> Fr| {
        inputs.insert(format!("{prefix}{name}"), changes.iter().map(value));
    };
    let mut side = |prefix: &str, account: fn(&Change) -> Account| {
        insert(&format!("{prefix}key"), &|change| account(change).key);
        insert(&format!("{prefix}balance"), &|change| {
            account(change).balance.into()
        });
        insert(&format!("{prefix}ordinal"), &|change| {
            account(change).ordinal.into()
        });
    };
    side("", |change| change.old);
    side("new_", |change| change.new);
    insert("rest", &|change| change.rest.into());
}

/// The three rests of a bottom node, 64 bits each.
pub fn rests(changes: &[Change]) -> Fr {
    let step = Fr::from(1u128 << 64);
    let rest = |sum: Fr, change: &Change| sum * step + Fr::from(change.rest);
    changes.iter().rev().fold(Fr::from(0u64), rest)
}
