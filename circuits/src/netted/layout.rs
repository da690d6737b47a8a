//! Input signals that several circuits share.

use super::accounts::Account;
use super::epoch::Change;
use super::statement::Context;
use crate::inputs::Inputs;
use ark_bn254::Fr;
use ark_ff::{AdditiveGroup, Field};

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
    insert("looks", &|change| change.looks.into());
}

/// Rests and looks of a bottom node, 64 and 16 bits each.
pub fn rests(changes: &[Change]) -> Fr {
    let rests = changes.iter().map(|change| Fr::from(change.rest));
    let looks = changes.iter().map(|change| Fr::from(change.looks));
    pack(64, rests) + Fr::from(2).pow([192]) * pack(16, looks)
}

/// Values of `bits` bits side by side, the first one lowest.
pub fn pack(bits: u64, values: impl DoubleEndedIterator<Item = Fr>) -> Fr {
    let step = Fr::from(2).pow([bits]);
    values.rev().fold(Fr::ZERO, |sum, value| sum * step + value)
}

/// Values of `bits` bits, as many to a word as fit 253 bits.
pub fn packed(bits: u64, values: &[Fr]) -> Vec<Fr> {
    let room = (253 / bits) as usize;
    let word = |values: &[Fr]| pack(bits, values.iter().copied());
    values.chunks(room).map(word).collect()
}
