//! What netted shards do, in plain maps, beside the shards of `transfer`. Written apart from the ledger, from docs/messages.md.

use crate::network::NETTED;
use crate::plain::Model;
pub use crate::plain::{Account, Kind, Note};
use std::collections::BTreeMap;

/// The epoch that a netted shard has open.
#[derive(Clone, Debug, Default)]
struct Open {
    spent: BTreeMap<u64, u64>,
    messages: BTreeMap<u64, u64>,
    credits: BTreeMap<u64, u64>,
    /// By shard and account that is paid, and sender.
    payments: BTreeMap<(u32, u64, u64), u64>,
}

/// All shards at once. Accounts of netted shards are as their last epoch left them.
#[derive(Clone, Debug, Default)]
pub struct Mixed {
    pub model: Model,
    open: BTreeMap<u32, Open>,
}

impl Mixed {
    /// A message of payments that a client of a netted shard signs next; whether it was accepted.
    pub fn pay(&mut self, shard: u32, from: u64, payments: &[(u32, u32, u64)]) -> bool {
        let open = self.open.entry(shard).or_default();
        let sum = payments.iter().map(|(_, _, amount)| u128::from(*amount));
        let before = open.spent.get(&from).copied().unwrap_or_default();
        let spent = u128::from(before) + sum.sum::<u128>();
        let mut after = open.clone();
        for (to_shard, to, amount) in payments {
            let to = u64::from(*to);
            if *to_shard != shard {
                let paid = after.payments.entry((*to_shard, to, from)).or_default();
                *paid = paid.saturating_add(*amount);
                continue;
            }
            let Some(held) = self.model.accounts.get(&(shard, to)) else {
                return false;
            };
            let credits = after.credits.entry(to).or_default();
            let sum = credits.checked_add(*amount);
            match sum.filter(|sum| held.balance.checked_add(*sum).is_some()) {
                Some(sum) => *credits = sum,
                None => return false,
            }
        }
        let covered = u128::from(self.model.accounts[&(shard, from)].balance) >= spent;
        if !covered || payments.iter().any(|(_, _, amount)| *amount == 0) {
            return false;
        }
        after.spent.insert(from, spent as u64);
        *after.messages.entry(from).or_default() += 1;
        *open = after;
        true
    }

    /// Ends a netted shard's epoch, which takes the next messages of these sources.
    pub fn close(&mut self, shard: u32, sources: &[u32]) {
        let mut open = self.open.remove(&shard).unwrap_or_default();
        let taken: Vec<_> = sources
            .iter()
            .map(|source| self.next(*source, shard))
            .collect();
        let credited: Vec<bool> = taken
            .iter()
            .map(|note| self.credit(shard, note, &mut open))
            .collect();
        self.settle(shard, &open);
        for ((to_shard, to, from), amount) in open.payments {
            let note = Note {
                kind: Kind::Transfer,
                from,
                to,
                amount,
                key: None,
            };
            let channel = self.model.channels.entry((shard, to_shard));
            channel.or_default().push(note);
        }
        for ((note, source), credited) in taken.iter().zip(sources).zip(credited) {
            self.reply(shard, *source, note, credited);
        }
    }

    fn next(&mut self, source: u32, shard: u32) -> Note {
        let taken = self.model.taken.entry((source, shard)).or_default();
        *taken += 1;
        self.model.channels[&(source, shard)][*taken - 1].clone()
    }

    fn credit(&self, shard: u32, note: &Note, open: &mut Open) -> bool {
        let named = matches!(note.kind, Kind::Transfer | Kind::Request);
        let Some(held) = self.model.accounts.get(&(shard, note.to)) else {
            return false;
        };
        if named && note.key.is_some_and(|key| key != held.key) {
            return false;
        }
        let credits = open.credits.entry(note.to).or_default();
        let sum = credits.checked_add(note.amount);
        let sum = sum.filter(|sum| held.balance.checked_add(*sum).is_some());
        *credits = sum.unwrap_or(*credits);
        sum.is_some()
    }

    fn settle(&mut self, shard: u32, open: &Open) {
        let own = self.model.accounts.range_mut((shard, 0)..(shard + 1, 0));
        for ((_, index), account) in own {
            let of = |map: &BTreeMap<u64, u64>| map.get(index).copied().unwrap_or_default();
            account.balance = account.balance - of(&open.spent) + of(&open.credits);
            account.ordinal += of(&open.messages);
        }
    }

    fn reply(&mut self, shard: u32, source: u32, note: &Note, credited: bool) {
        let rest = if credited { 0 } else { note.amount };
        let kind = match note.kind {
            Kind::Request => Kind::Answer,
            Kind::Transfer if !credited => Kind::Return,
            _ => {
                self.model.ownerless += u128::from(rest);
                return;
            }
        };
        let back = Note {
            kind,
            from: note.to,
            to: note.from,
            amount: rest,
            key: None,
        };
        let channel = self.model.channels.entry((shard, source));
        channel.or_default().push(back);
    }

    /// Index, balance and ordinal of a shard's accounts.
    pub fn accounts_of(&self, shard: u32) -> Vec<(u64, u64, u64)> {
        let own = self.model.accounts.range((shard, 0)..(shard + 1, 0));
        own.map(|((_, index), held)| (*index, held.balance, held.ordinal))
            .collect()
    }

    pub fn is_netted(shard: u32) -> bool {
        shard < NETTED
    }
}
