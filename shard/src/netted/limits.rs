//! How much one epoch holds, so that its proof is never made of more parts than a manifest lists.

use trifold_circuits::channel::BOX_DEPTH;
use trifold_circuits::netted::circuit::{PartCircuit, TABLET_LEVELS};
use trifold_circuits::netted::manifest::MAX_PARTS;
use trifold_verifier::statement::CHANNEL_DEPTH;

/// Most messages of clients in one epoch, whatever it is proven by.
pub const MAX_EPOCH_MESSAGES: usize = 1 << 22;
/// Most messages of other shards that an epoch takes.
pub const MAX_TAKEN: usize = 1024;

/// Parts of clients' messages. With their joins these, [`ACCOUNT_PARTS`] and twice [`CHANNEL_PARTS`] stay below [`MAX_PARTS`], and 200 are left
/// for those that state the messages between shards.
const MESSAGE_PARTS: usize = 256;
/// Parts of accounts, joins included.
const ACCOUNT_PARTS: usize = 1000;
/// Parts of the tries that messages are sent through, and as many of those that they are taken from.
const CHANNEL_PARTS: usize = 128;

/// Most of what an epoch holds; clients who bring more wait for the next one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Messages of clients.
    pub messages: usize,
    /// Accounts that change.
    pub accounts: usize,
    /// See [`sent_nodes`].
    pub sent_nodes: usize,
}

impl Limits {
    /// What fits in memory.
    pub const LARGEST: Self = Self {
        messages: MAX_EPOCH_MESSAGES,
        accounts: usize::MAX,
        sent_nodes: usize::MAX,
    };

    /// What can be proven with a trie of accounts of this depth.
    pub fn provable(depth: u8) -> Self {
        let slots = PartCircuit::Lists.messages().map_or(0, |size| size.slots);
        Self {
            messages: MESSAGE_PARTS * slots,
            // Messages of other shards change accounts besides.
            accounts: accounts(depth).saturating_sub(MAX_TAKEN),
            sent_nodes: CHANNEL_PARTS * upper(),
        }
    }
}

/// Nodes of outbox and channels that sending so many messages through so many channels changes, at most.
pub fn sent_nodes(messages: usize, channels: usize) -> usize {
    messages + (CHANNEL_DEPTH + BOX_DEPTH) * channels
}

/// Whether an epoch can take so many messages out of so many channels: each is read under its source's leaf, counted in the inbox, and
/// may be answered.
pub fn can_take(messages: usize, channels: usize) -> bool {
    let read = messages + (CHANNEL_DEPTH + 3 * BOX_DEPTH) * channels;
    messages <= MAX_TAKEN && read + sent_nodes(messages, channels) <= CHANNEL_PARTS * upper()
}

/// Upper rows of a part.
fn upper() -> usize {
    PartCircuit::Rows.rows().map_or(0, |size| size.upper)
}

/// Most accounts that may change, each perhaps below a bottom node of its own.
fn accounts(depth: u8) -> usize {
    const STEP: usize = 256;
    let all = 3usize.pow(u32::from(depth) - 1);
    let steps = (1..=all.div_ceil(STEP)).map(|step| step * STEP);
    let fits = |bottom: &usize| parts((*bottom).min(all), depth) <= ACCOUNT_PARTS;
    match steps.take_while(fits).last() {
        Some(bottom) if bottom >= all => usize::MAX,
        bottom => bottom.unwrap_or(STEP),
    }
}

/// Parts and joins for so many bottom nodes wherever they are, by rows or by tablets, at most.
fn parts(bottom: usize, depth: u8) -> usize {
    let inner = 3usize.pow(u32::from(TABLET_LEVELS) - 1);
    let most = 3usize.pow(depth.saturating_sub(TABLET_LEVELS).into());
    let tablets = (1..=most.min(MAX_PARTS / 2)).filter_map(|tablets| {
        let joins = nodes_above(tablets, TABLET_LEVELS, depth);
        let rows = row_parts(bottom.min(inner * tablets), joins + tablets * inner / 2);
        // Assembly prefers tablets where rows cost more.
        (2 * tablets < 5 * rows).then_some(tablets + joins)
    });
    let rows = row_parts(bottom, nodes_above(bottom, 1, depth));
    let joins = rows / 2 + usize::from(depth);
    tablets.max().unwrap_or(0).max(rows + joins)
}

/// Nodes above so many of one level, at most.
fn nodes_above(nodes: usize, level: u8, depth: u8) -> usize {
    let room = |level: u8| 3usize.pow((depth - level).into());
    (level + 1..=depth)
        .map(|level| nodes.min(room(level)))
        .sum()
}

fn row_parts(bottom: usize, above: usize) -> usize {
    let size = PartCircuit::Rows.rows();
    size.map_or(0, |size| {
        let parts = bottom.div_ceil(size.bottom);
        parts.max(above.div_ceil(size.upper))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::netted::layout::MAX_DEPTH;
    use crate::netted::trie::MIN_DEPTH;

    #[test]
    fn what_an_epoch_may_hold_fits_a_manifest() {
        let messages = MESSAGE_PARTS + MESSAGE_PARTS / 2 + 8;
        let channels = 2 * (CHANNEL_PARTS + CHANNEL_PARTS / 2 + 8);
        assert!(messages + ACCOUNT_PARTS + channels + 200 <= MAX_PARTS);
        for depth in MIN_DEPTH..=MAX_DEPTH {
            let Limits { accounts, .. } = Limits::provable(depth);
            let bottom = accounts.saturating_add(MAX_TAKEN);
            let bottom = bottom.min(3usize.pow(u32::from(depth) - 1));
            assert!(parts(bottom, depth) <= ACCOUNT_PARTS, "depth {depth}");
            assert!(accounts >= 1000, "depth {depth}: {accounts}");
        }
        assert!(can_take(MAX_TAKEN, 64) && can_take(1, 1));
        assert!(!can_take(MAX_TAKEN + 1, 1) && !can_take(MAX_TAKEN, MAX_TAKEN));
    }
}
