//! What clients send to other shards in an epoch: one message for all payments of an account to another.

use super::limits::sent_rows;
use std::collections::{BTreeMap, HashMap};
use trifold_circuits::netted::traffic;
use trifold_verifier::statement::{Message, kind};

/// What an account pays an account of another shard in one epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sent {
    /// account + 2^32 shard.
    pub destination: u64,
    pub from: u32,
    pub amount: u64,
}

impl Sent {
    /// The message that carries it: for whatever key the account has.
    pub fn message(&self) -> traffic::Sent {
        let (to, shard) = parts(self.destination);
        traffic::Sent {
            destination: shard.into(),
            message: Message {
                kind: kind::TRANSFER,
                from: self.from,
                to,
                amount: self.amount,
                payload: Default::default(),
            },
            reply: false,
        }
    }
}

/// Account and shard of a destination.
pub fn parts(destination: u64) -> (u32, u16) {
    (destination as u32, (destination >> 32) as u16)
}

/// Payments to other shards in the epoch so far.
#[derive(Clone, Debug, Default)]
pub struct Payments {
    /// By destination and sender.
    amounts: BTreeMap<(u64, u32), u64>,
    /// Messages by shard.
    shards: HashMap<u16, usize>,
}

/// What some payments of one sender add.
#[derive(Default)]
pub struct Added {
    /// Messages by shard.
    pub shards: BTreeMap<u16, usize>,
    /// [`sent_rows`] of the epoch with them.
    pub rows: usize,
}

impl Payments {
    /// Messages to a shard.
    pub fn count(&self, shard: u16) -> usize {
        self.shards.get(&shard).copied().unwrap_or_default()
    }

    /// What payments to these destinations would add.
    pub fn adding(&self, from: u32, destinations: impl Iterator<Item = u64>) -> Added {
        let mut shards: BTreeMap<u16, usize> = BTreeMap::new();
        for destination in destinations {
            let known = self.amounts.contains_key(&(destination, from));
            *shards.entry(parts(destination).1).or_default() += usize::from(!known);
        }
        let messages = self.amounts.len() + shards.values().sum::<usize>();
        let opened = shards.keys().filter(|shard| self.count(**shard) == 0);
        let rows = sent_rows(messages, self.shards.len() + opened.count());
        Added { shards, rows }
    }

    /// Adds a payment; `amount` is what the sender has besides all that it spent before.
    pub fn add(&mut self, from: u32, destination: u64, amount: u64) {
        let known = self.amounts.len();
        *self.amounts.entry((destination, from)).or_default() += amount;
        let new = self.amounts.len() - known;
        *self.shards.entry(parts(destination).1).or_default() += new;
    }

    /// All of them in order of destination and sender; none are left.
    pub fn take(&mut self) -> Vec<Sent> {
        self.shards.clear();
        let amounts = std::mem::take(&mut self.amounts).into_iter();
        let sent = |((destination, from), amount)| Sent {
            destination,
            from,
            amount,
        };
        amounts.map(sent).collect()
    }
}
