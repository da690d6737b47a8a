//! What shards do, in plain maps: no tries, no proofs, no circuits. Written apart from the ledger, from docs/messages.md.

use std::collections::BTreeMap;
use trifold_circuits::schnorr::Coordinates;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    pub key: Coordinates,
    pub balance: u64,
    pub ordinal: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Transfer,
    Return,
    Request,
    Answer,
}

#[derive(Clone, Debug)]
pub struct Note {
    pub kind: Kind,
    pub from: u64,
    pub to: u64,
    pub amount: u64,
    /// The receiver's key, if it is named.
    pub key: Option<Coordinates>,
}

/// All shards at once.
#[derive(Clone, Debug, Default)]
pub struct Model {
    pub accounts: BTreeMap<(u32, u64), Account>,
    /// By source and destination.
    pub channels: BTreeMap<(u32, u32), Vec<Note>>,
    /// Of each channel, how many are taken.
    pub taken: BTreeMap<(u32, u32), usize>,
    /// Value that belongs to nobody.
    pub ownerless: u128,
}

/// Places of a shard.
const CAPACITY: u64 = 59_049;

impl Model {
    /// A transfer that the sender can pay and may number so; whether it was executed.
    pub fn transfer(
        &mut self,
        (shard, from): (u32, u64),
        (to_shard, to): (u32, u64),
        key: Option<Coordinates>,
        amount: u64,
        request: bool,
    ) -> bool {
        let paid = self.accounts[&(shard, from)].balance >= amount;
        let takes = match self.accounts.get(&(to_shard, to)) {
            _ if to_shard != shard => true,
            Some(held) if (to_shard, to) == (shard, from) => Some(held.key) == key,
            Some(held) => Some(held.key) == key && held.balance.checked_add(amount).is_some(),
            None => key.is_some() && to < CAPACITY,
        };
        let empty = amount == 0 && !(request && to_shard != shard);
        if !paid || !takes || empty {
            return false;
        }
        let sender = self.accounts.entry((shard, from));
        sender.and_modify(|sender| {
            sender.balance -= amount;
            sender.ordinal += 1;
        });
        match to_shard == shard {
            true => self.credit((to_shard, to), key, amount),
            false => {
                let kind = if request {
                    Kind::Request
                } else {
                    Kind::Transfer
                };
                let note = Note {
                    kind,
                    from,
                    to,
                    amount,
                    key,
                };
                self.channels
                    .entry((shard, to_shard))
                    .or_default()
                    .push(note);
            }
        }
        true
    }

    /// The next message of a channel.
    pub fn take(&mut self, source: u32, destination: u32) {
        let taken = self.taken.entry((source, destination)).or_default();
        let note = self.channels[&(source, destination)][*taken].clone();
        *taken += 1;
        let place = (destination, note.to);
        let held = self.accounts.get(&place);
        let named = matches!(note.kind, Kind::Transfer | Kind::Request);
        let welcome = match held {
            _ if note.to >= CAPACITY => false,
            Some(held) if named && note.key.is_some_and(|key| key != held.key) => false,
            Some(held) => held.balance.checked_add(note.amount).is_some(),
            None => named && note.key.is_some(),
        };
        if welcome {
            self.credit(place, note.key, note.amount);
        }
        let rest = if welcome { 0 } else { note.amount };
        let kind = match note.kind {
            Kind::Request => Kind::Answer,
            Kind::Transfer if !welcome => Kind::Return,
            _ => {
                self.ownerless += u128::from(rest);
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
        let channel = self.channels.entry((destination, source));
        channel.or_default().push(back);
    }

    fn credit(&mut self, place: (u32, u64), key: Option<Coordinates>, amount: u64) {
        let fresh = || Account {
            key: key.expect("an account is opened for a key"),
            balance: 0,
            ordinal: 0,
        };
        self.accounts.entry(place).or_insert_with(fresh).balance += amount;
    }

    /// Value in accounts, on its way and lost: never changes.
    pub fn total(&self) -> u128 {
        let held = self.accounts.values().map(|account| account.balance);
        let under_way = self.channels.iter().flat_map(|(channel, notes)| {
            let taken = self.taken.get(channel).copied().unwrap_or_default();
            notes[taken..].iter().map(|note| note.amount)
        });
        self.ownerless + held.chain(under_way).map(u128::from).sum::<u128>()
    }
}
