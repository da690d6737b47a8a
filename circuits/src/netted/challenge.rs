//! The random point at which the sums of an epoch are compared, and the poles of their fractions.
//!
//! A pole stands for a tuple (position, b, c, family, d, e): position + b alpha + c alpha^2 + family alpha^3 + d alpha^4 + e alpha^5.
//! `lib/netted/statement.circom` lists the families.

use super::accounts::{Account, MAX_DEPTH};
use super::epoch::Change;
use crate::channel::BOX_DEPTH;
use ark_bn254::Fr;
use ark_ff::{AdditiveGroup, Field};
use serde::{Deserialize, Serialize};
use trifold_verifier::statement::{CHANNEL_DEPTH, Message};

/// gamma and alpha.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Challenge {
    pub gamma: Fr,
    pub alpha: Fr,
}

/// A trie whose nodes rows rewrite.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize, Serialize)]
pub enum Tree {
    Accounts,
    Outbox,
    Inbox,
    /// The messages to a shard.
    Channel(u32),
    /// The messages from a shard, which only are read.
    Source(u32),
}

impl Tree {
    /// What circuits call it.
    pub fn number(self) -> u64 {
        match self {
            Self::Accounts => 0,
            Self::Outbox => 1,
            Self::Inbox => 2,
            Self::Channel(destination) => (1 << 15) + u64::from(destination),
            Self::Source(source) => (1 << 16) + u64::from(source),
        }
    }

    /// Level of its root, at most.
    pub fn top(self) -> u8 {
        match self {
            Self::Accounts => MAX_DEPTH,
            Self::Outbox | Self::Inbox => BOX_DEPTH as u8 + 1,
            Self::Channel(_) | Self::Source(_) => CHANNEL_DEPTH as u8 + 1,
        }
    }

    fn family(self, level: u8) -> u64 {
        64 * self.number() + 2 + u64::from(level)
    }
}

const DEBIT: u64 = 1;
const NUMBERING: u64 = 2;
const LOOK: u64 = 40;
const LETTER: u64 = 41;
const SENT: u64 = 42;
const TAKEN: u64 = 43;
const HEADER: u64 = 44;
const TOTAL: u64 = 45;

/// The coordinates of a pole besides the position.
#[derive(Clone, Copy, Default)]
struct Coordinates {
    bc: [Fr; 2],
    family: u64,
    de: [Fr; 2],
}

impl Challenge {
    /// `value / (gamma - pole)` of a credit in the own shard.
    pub fn credit(&self, destination: Fr, value: Fr) -> Fr {
        value * self.fraction(destination, Coordinates::default())
    }

    /// `value / (gamma - pole)` of a payment to another shard.
    pub fn away(&self, destination: u64, from: u32, value: u64) -> Fr {
        let bc = [Fr::from(from) + Fr::from(1), Fr::ZERO];
        let coordinates = Coordinates {
            bc,
            ..Coordinates::default()
        };
        Fr::from(value) * self.fraction(destination.into(), coordinates)
    }

    /// `value / (gamma - pole)` of a debit.
    pub fn debit(&self, from: Fr, value: Fr) -> Fr {
        value * self.tuple(from, [Fr::ZERO; 2], DEBIT)
    }

    /// The fraction of an account whose next message has this ordinal.
    pub fn numbered(&self, from: Fr, ordinal: Fr, key: Fr) -> Fr {
        self.tuple(from, [ordinal, key], NUMBERING)
    }

    /// The fraction of a node that was rewritten; `level` of a leaf is 1.
    pub fn node(&self, tree: Tree, level: u8, position: u64, old: Fr, new: Fr) -> Fr {
        self.tuple(position.into(), [old, new], tree.family(level))
    }

    /// The fraction of an account as the epoch leaves it, with what its messages took.
    pub fn look(&self, index: u32, account: &Account, debits: u64) -> Fr {
        let coordinates = Coordinates {
            bc: [account.key, account.balance.into()],
            family: LOOK,
            de: [account.ordinal.into(), debits.into()],
        };
        self.fraction(index.into(), coordinates)
    }

    /// The fraction of a message that goes back to a shard.
    pub fn letter(&self, other: u32, message: &Message) -> Fr {
        self.tuple(other.into(), [message.word(), message.payload], LETTER)
    }

    /// The fraction of a channel to a shard whose next message has this index.
    pub fn sent(&self, destination: u32, index: u64) -> Fr {
        self.tuple(destination.into(), [index.into(), Fr::ZERO], SENT)
    }

    /// The fraction of a channel from a shard of which this message is taken next.
    pub fn taken(&self, source: u32, index: u64) -> Fr {
        self.tuple(source.into(), [index.into(), Fr::ZERO], TAKEN)
    }

    /// The fraction of the header of parts with messages.
    pub fn header(&self, header: Fr) -> Fr {
        self.tuple(header, [Fr::ZERO; 2], HEADER)
    }

    /// The terms of amounts sent and received.
    pub fn totals(&self, sent: u128, received: u128) -> Fr {
        let total = |position: u64, value: u128| {
            Fr::from(value) * self.tuple(position.into(), [Fr::ZERO; 2], TOTAL)
        };
        total(0, sent) + total(1, received)
    }

    /// An account's step as its messages see it: the terms that must cancel theirs.
    pub fn account_step(&self, place: u64, change: &Change) -> Fr {
        let Change {
            index,
            old,
            new,
            rest,
            looks,
        } = *change;
        let (from, rest) = (Fr::from(index), Fr::from(rest));
        let debit = self.debit(from, Fr::from(old.balance) - rest);
        let credit = self.credit(place.into(), Fr::from(new.balance) - rest);
        let advance = self.numbered(from, new.ordinal.into(), old.key)
            - self.numbered(from, old.ordinal.into(), old.key);
        debit + credit + advance - Fr::from(looks) * self.look(index, &new, change.debits())
    }

    fn tuple(&self, position: Fr, bc: [Fr; 2], family: u64) -> Fr {
        let de = [Fr::ZERO; 2];
        self.fraction(position, Coordinates { bc, family, de })
    }

    /// Where gamma is a pole, which nobody can bring about, there is no fraction, and no circuit has a witness.
    fn fraction(&self, position: Fr, coordinates: Coordinates) -> Fr {
        let Self { gamma, alpha } = *self;
        let Coordinates {
            bc: [b, c],
            family,
            de: [d, e],
        } = coordinates;
        let above = [e, d, family.into(), c, b];
        let pole = above
            .iter()
            .fold(Fr::ZERO, |sum, value| (sum + value) * alpha)
            + position;
        (gamma - pole).inverse().unwrap_or_default()
    }
}
