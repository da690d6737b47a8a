//! How much one epoch holds, so that its proof is never made of more parts than a manifest lists.

use trifold_circuits::channel::BOX_DEPTH;
use trifold_circuits::netted::circuit::{PartCircuit, PartKeys};
use trifold_circuits::netted::manifest::ACCOUNT_PARTS;
use trifold_verifier::statement::CHANNEL_DEPTH;

/// Most messages of clients in one epoch, whatever it is proven by.
pub const MAX_EPOCH_MESSAGES: usize = 1 << 22;
/// Most messages of other shards that an epoch takes.
pub const MAX_TAKEN: usize = 1024;

/// Parts of clients' messages.
const MESSAGE_PARTS: usize = 320;
/// Parts of the messages sent to other shards, and as many of those taken from them.
const MAIL_PARTS: usize = 128;

/// Places of a part of messages between shards, each counted as rows besides those of its tries.
const MAIL_ROWS: usize = 144;
const SENT: usize = MAIL_ROWS / 48;
const SENT_THROUGH: usize = MAIL_ROWS / 8;
const TAKEN: usize = MAIL_ROWS.div_ceil(32);
const TAKEN_FROM: usize = MAIL_ROWS / 3;

/// Most of what an epoch holds; clients who bring more wait for the next one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Messages of clients; one of several payments counts twice.
    pub messages: usize,
    /// Accounts that change.
    pub accounts: usize,
    /// See [`sent_rows`].
    pub sent_rows: usize,
}

impl Limits {
    /// What fits in memory.
    pub const LARGEST: Self = Self {
        messages: MAX_EPOCH_MESSAGES,
        accounts: usize::MAX,
        sent_rows: usize::MAX,
    };

    /// What can be proven with a trie of accounts of this depth under these keys.
    pub fn provable(depth: u8, keys: &PartKeys) -> Self {
        let [messages, rows] = match PartCircuit::ALL.iter().all(|circuit| keys.has(*circuit)) {
            true => [PartCircuit::MessagesLarge, PartCircuit::RowsLarge],
            false => [PartCircuit::Messages, PartCircuit::Rows],
        };
        let slots = messages.messages().map_or(0, |size| size.slots);
        Self {
            messages: MESSAGE_PARTS * slots,
            // Messages of other shards change accounts besides.
            accounts: accounts(depth, rows).saturating_sub(MAX_TAKEN),
            sent_rows: MAIL_PARTS * MAIL_ROWS,
        }
    }
}

/// Rows that so many messages sent through so many channels take, at most: a leaf each, a path of each channel, and their places.
pub fn sent_rows(messages: usize, channels: usize) -> usize {
    (SENT + 1) * messages + (SENT_THROUGH + CHANNEL_DEPTH + BOX_DEPTH) * channels
}

/// Whether an epoch can take so many messages out of so many channels: each is read under its source's leaf, counted in the inbox, and
/// may be answered.
pub fn can_take(messages: usize, channels: usize) -> bool {
    let paths = CHANNEL_DEPTH + 3 * BOX_DEPTH;
    let rows = (TAKEN + 1) * messages + (TAKEN_FROM + paths) * channels;
    messages <= MAX_TAKEN && rows + sent_rows(messages, channels) <= MAIL_PARTS * MAIL_ROWS
}

/// Most accounts that may change, each perhaps below a bottom node of its own, with rows of this circuit.
fn accounts(depth: u8, rows: PartCircuit) -> usize {
    const STEP: usize = 256;
    let all = 3usize.pow(u32::from(depth) - 1);
    let steps = (1..=all.div_ceil(STEP)).map(|step| step * STEP);
    let fits = |bottom: &usize| parts((*bottom).min(all), depth, rows) <= ACCOUNT_PARTS;
    match steps.take_while(fits).last() {
        Some(bottom) if bottom >= all => usize::MAX,
        bottom => bottom.unwrap_or(STEP),
    }
}

/// Parts and joins for so many bottom nodes wherever they are, at most: tablets are no more than [`ACCOUNT_PARTS`] in any case.
fn parts(bottom: usize, depth: u8, rows: PartCircuit) -> usize {
    let parts = row_parts(bottom, nodes_above(bottom, 1, depth), rows);
    // A smaller circuit of rows may cost less in more parts.
    joined(parts + parts.div_ceil(5))
}

/// Parts with the joins over them, in groups of a circuit each.
fn joined(parts: usize) -> usize {
    const GROUPS: usize = 12;
    parts + parts / 2 + GROUPS
}

/// Nodes above so many of one level, at most.
fn nodes_above(nodes: usize, level: u8, depth: u8) -> usize {
    let room = |level: u8| 3usize.pow((depth - level).into());
    (level + 1..=depth)
        .map(|level| nodes.min(room(level)))
        .sum()
}

fn row_parts(bottom: usize, above: usize, rows: PartCircuit) -> usize {
    rows.rows().map_or(0, |size| {
        let parts = bottom.div_ceil(size.bottom);
        parts.max(above.div_ceil(size.upper))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::netted::layout::MAX_DEPTH;
    use crate::netted::trie::MIN_DEPTH;
    use ark_bn254::Fr;
    use trifold_circuits::netted::manifest::MAX_PARTS;

    #[test]
    fn what_an_epoch_may_hold_fits_a_manifest() {
        let flat = joined(MESSAGE_PARTS) + joined(2 * MAIL_PARTS);
        assert!(flat + ACCOUNT_PARTS <= MAX_PARTS);
        let small = |circuit: PartCircuit| (!circuit.is_large()).then_some(Fr::from(1));
        let small = PartKeys::new(small).unwrap();
        let large = PartKeys::new(|_| Some(Fr::from(1))).unwrap();
        for depth in MIN_DEPTH..=MAX_DEPTH {
            for (keys, rows) in [
                (&small, PartCircuit::Rows),
                (&large, PartCircuit::RowsLarge),
            ] {
                let Limits { accounts, .. } = Limits::provable(depth, keys);
                let bottom = accounts.saturating_add(MAX_TAKEN);
                let bottom = bottom.min(3usize.pow(u32::from(depth) - 1));
                assert!(parts(bottom, depth, rows) <= ACCOUNT_PARTS, "depth {depth}");
                assert!(accounts >= 1000, "depth {depth}: {accounts}");
            }
        }
        // The load that the large circuits are for: 290,000 transfers between 1.6 million accounts.
        let Limits {
            messages, accounts, ..
        } = Limits::provable(13, &large);
        assert!(
            messages >= 290_000 && accounts >= 500_000,
            "{messages}, {accounts}"
        );
        let mail = PartCircuit::Channels.channels().unwrap();
        let places = [
            (SENT, mail.sends),
            (SENT_THROUGH, mail.channels),
            (TAKEN, mail.receives),
            (TAKEN_FROM, mail.sources),
        ];
        assert!(
            places
                .iter()
                .all(|(rows, places)| rows * places >= MAIL_ROWS)
        );
        assert!(PartCircuit::Rows.rows().unwrap().upper >= MAIL_ROWS);
        assert!(can_take(MAX_TAKEN, 50) && can_take(1, 1));
        assert!(!can_take(MAX_TAKEN + 1, 1) && !can_take(MAX_TAKEN, MAX_TAKEN));
    }
}
