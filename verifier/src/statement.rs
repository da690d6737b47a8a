//! Everything a proof of Trifold can say, and the digest of each: the one definition that all sides share.
//!
//! A digest is [`poseidon::hash`] of a domain tag and the fields in the order they are declared. A tag is the big-endian
//! integer of its ASCII text.

use ark_bn254::Fr;
use ark_ff::{AdditiveGroup, BigInt, PrimeField};
use thiserror::Error;

use crate::{poseidon, refusal, trie};

/// Levels of the global trie, at most: 3^9 = 19,683 shards.
pub const MAX_DEPTH: u8 = 9;
/// Levels of the history trie, whose leaf j is the digest of global state j.
pub const HISTORY_DEPTH: usize = 20;
/// Levels of the registry trie, whose leaves are the key digests of admitted programs.
pub const REGISTRY_DEPTH: usize = 4;
/// Levels of the trie of a channel's messages.
pub const CHANNEL_DEPTH: usize = 20;
/// First epoch that no longer fits the history trie, 3^20.
pub const EPOCH_LIMIT: u64 = 3u64.pow(HISTORY_DEPTH as u32);
/// Bits of the supply of a leaf and of what one transition sends or receives.
pub const SUPPLY_BITS: u32 = 96;
/// Bits of the value sent and not yet received.
pub const IN_FLIGHT_BITS: u32 = 112;

/// A field of a global state that is out of its range.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum RangeError {
    #[error("epoch {0} is not below 3^20")]
    Epoch(u64),
    #[error("depth {0} is not between 1 and {MAX_DEPTH}")]
    Depth(u8),
    #[error("value in flight {0} is not below 2^{IN_FLIGHT_BITS}")]
    InFlight(u128),
}

impl RangeError {
    /// The reason, as one word of [`refusal`].
    pub fn code(&self) -> &'static str {
        refusal::RANGE
    }
}

pub(crate) fn tag(text: &str) -> Fr {
    Fr::from_be_bytes_mod_order(text.as_bytes())
}

/// One account of the reference program: a leaf of a shard's state trie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Account {
    /// Public key, x coordinate on Baby Jubjub.
    pub ax: Fr,
    /// Public key, y coordinate.
    pub ay: Fr,
    pub balance: u64,
    /// Transfers that the account has signed so far.
    pub ordinal: u64,
}

impl Account {
    pub fn digest(&self) -> Fr {
        let tag = tag("trifold/account/v1");
        poseidon::hash(&[
            tag,
            self.ax,
            self.ay,
            self.balance.into(),
            self.ordinal.into(),
        ])
    }
}

/// What a program vouches for about its shard.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Body {
    pub state_root: Fr,
    /// Root of the trie of [`MAX_DEPTH`] levels whose leaf j is the [`Channel`] to shard j; 0 while nothing was ever sent.
    pub outbox_root: Fr,
    /// Root of the trie of [`MAX_DEPTH`] levels whose leaf j counts the messages taken from shard j; 0 while none ever was.
    pub inbox_root: Fr,
}

impl Body {
    pub fn digest(&self) -> Fr {
        let tag = tag("trifold/body/v1");
        poseidon::hash(&[tag, self.state_root, self.outbox_root, self.inbox_root])
    }
}

/// What a message says about itself. The reference program gives these a meaning; any other number is consumed like a return.
pub mod kind {
    /// Value for an account; comes back as a return where it can't be credited.
    pub const TRANSFER: u32 = 0;
    /// A transfer that could not be credited.
    pub const RETURN: u32 = 1;
    /// Value for an account, and always answered.
    pub const REQUEST: u32 = 2;
    /// What became of a request, with the value that could not be credited.
    pub const ANSWER: u32 = 3;
}

/// What one shard sends another. Which shards these are and the message's number follow from where it stands: source, destination and
/// index in the channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Message {
    /// One of [`kind`].
    pub kind: u32,
    /// Account that sends, on the source.
    pub from: u32,
    /// Account that receives, on the destination.
    pub to: u32,
    pub amount: u64,
    /// [`key_payload`] of a transfer, its return and a request; [`answer_payload`] of an answer.
    pub payload: Fr,
}

impl Message {
    /// amount + 2^64 to + 2^96 from + 2^128 kind.
    pub fn word(&self) -> Fr {
        let low = u128::from(self.from) << 96 | u128::from(self.to) << 64 | u128::from(self.amount);
        Fr::from(BigInt([
            low as u64,
            (low >> 64) as u64,
            self.kind.into(),
            0,
        ]))
    }

    pub fn digest(&self) -> Fr {
        poseidon::hash(&[tag("trifold/message/v1"), self.word(), self.payload])
    }
}

/// Payload that names a receiver by its key; (0, 0) is whatever key the account has.
pub fn key_payload(x: Fr, y: Fr) -> Fr {
    poseidon::hash(&[tag("trifold/key/v1"), x, y])
}

/// Payload of the answer to the request at `index` of its channel: `account` is the digest of the account asked for once the
/// request is executed, 0 if there is none.
pub fn answer_payload(index: u64, account: Fr) -> Fr {
    poseidon::hash(&[tag("trifold/answer/v1"), index.into(), account])
}

/// All that one shard ever sent another: a leaf of the outbox, at the index of the destination.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Channel {
    /// Messages so far, at most 3^20.
    pub count: u64,
    /// Root of the trie whose leaf i is the digest of message i.
    pub messages: Fr,
}

impl Channel {
    /// 0 while nothing was sent.
    pub fn digest(&self) -> Fr {
        match self.count {
            0 => Fr::ZERO,
            count => poseidon::hash(&[tag("trifold/channel/v1"), count.into(), self.messages]),
        }
    }
}

/// A shard as the global trie records it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Leaf {
    /// Key digest of the shard's program.
    pub program: Fr,
    /// Digest of the [`Body`].
    pub body: Fr,
    /// Events so far.
    pub lamport: u64,
    /// 48 bits of Unix milliseconds, then 16 bits of logical counter.
    pub timestamp: u64,
    /// Epoch of the newest global state whose proof the shard had checked.
    pub seen_epoch: u64,
    /// Digest of that state; 0 if none.
    pub seen_digest: Fr,
    /// Value that the shard holds, below 2^96.
    pub supply: u128,
}

impl Leaf {
    /// The leaf of a shard that takes part from genesis on.
    pub fn genesis(program: Fr, body: Fr, supply: u128) -> Self {
        let (lamport, timestamp, seen_epoch, seen_digest) = (0, 0, 0, Fr::ZERO);
        Self {
            program,
            body,
            lamport,
            timestamp,
            seen_epoch,
            seen_digest,
            supply,
        }
    }

    pub fn digest(&self) -> Fr {
        poseidon::hash(&[
            tag("trifold/leaf/v1"),
            self.program,
            self.body,
            self.lamport.into(),
            self.timestamp.into(),
            self.seen_epoch.into(),
            self.seen_digest,
            self.supply.into(),
        ])
    }
}

/// G_n = (n, D, R, H, in_flight): what one global proof is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GlobalState {
    /// n, below 3^20.
    pub epoch: u64,
    /// D, from 1 to 9: levels of the global trie.
    pub depth: u8,
    /// R: root over the shards' leaves.
    pub root: Fr,
    /// H: root over the digests of all earlier global states.
    pub history: Fr,
    /// Value sent and not yet received, below 2^112.
    pub in_flight: u128,
}

impl GlobalState {
    /// G_0 over the given shards: no history, nothing in flight.
    pub fn genesis(depth: u8, root: Fr) -> Self {
        Self {
            epoch: 0,
            depth,
            root,
            history: trie::empty_digest(HISTORY_DEPTH),
            in_flight: 0,
        }
    }

    /// Checks epoch, depth and value in flight; the roots have the whole field.
    pub fn check_ranges(&self) -> Result<(), RangeError> {
        match self {
            Self {
                epoch: EPOCH_LIMIT..,
                ..
            } => Err(RangeError::Epoch(self.epoch)),
            Self {
                depth: 1..=MAX_DEPTH,
                ..
            } if self.in_flight >> IN_FLIGHT_BITS == 0 => Ok(()),
            Self {
                depth: 1..=MAX_DEPTH,
                ..
            } => Err(RangeError::InFlight(self.in_flight)),
            _ => Err(RangeError::Depth(self.depth)),
        }
    }

    pub fn digest(&self) -> Fr {
        poseidon::hash(&[
            tag("trifold/global/v1"),
            self.epoch.into(),
            self.depth.into(),
            self.root,
            self.history,
            self.in_flight.into(),
        ])
    }
}

/// The keys that every proof of one network is checked under.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Keys {
    /// Key digest of the merge circuit.
    pub merge: Fr,
    /// Key digest of the nest circuit.
    pub nest: Fr,
    /// Root of the trie of admitted programs.
    pub registry: Fr,
}

impl Keys {
    pub fn digest(&self) -> Fr {
        poseidon::hash(&[tag("trifold/keys/v1"), self.merge, self.nest, self.registry])
    }
}

/// Public input of a program: its shard went from one body to another in `events` events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProgramStatement {
    /// Index of the shard, below 3^9.
    pub shard: u32,
    /// Digest of the old [`Body`]; 0 for a fresh shard.
    pub old_body: Fr,
    pub new_body: Fr,
    pub events: u32,
    /// Digest of the global state that incoming messages were opened under.
    pub seen_digest: Fr,
    /// Value that left for other shards, below 2^96.
    pub sent: u128,
    /// Value that arrived from other shards, below 2^96.
    pub received: u128,
    /// At least the Lamport counter of every leaf that a message was taken from; 0 if none was.
    pub received_lamport: u64,
    /// At least the timestamp of every leaf that a message was taken from; 0 if none was.
    pub received_timestamp: u64,
}

impl ProgramStatement {
    /// The two received clocks are one element, received_lamport + 2^64 received_timestamp.
    pub fn digest(&self) -> Fr {
        let clocks = u128::from(self.received_timestamp) << 64 | u128::from(self.received_lamport);
        poseidon::hash(&[
            tag("trifold/program/v1"),
            self.shard.into(),
            self.old_body,
            self.new_body,
            self.events.into(),
            self.seen_digest,
            self.sent.into(),
            self.received.into(),
            clocks.into(),
        ])
    }
}

/// Public input of the merge circuit: a subtree of the global trie went from `old` to `new` validly.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MergeStatement {
    /// Digest of the [`Keys`].
    pub keys: Fr,
    /// 0 where the children are shards.
    pub level: u8,
    /// Position of the subtree among those of its level; child i is at 3 index + i one level below.
    pub index: u32,
    pub old: Fr,
    pub new: Fr,
    /// The history root that the shards' seen states were opened under.
    pub history: Fr,
    /// Sum over the subtree.
    pub sent: u128,
    /// Sum over the subtree.
    pub received: u128,
}

impl MergeStatement {
    pub fn digest(&self) -> Fr {
        poseidon::hash(&[
            tag("trifold/merge/v1"),
            self.keys,
            self.level.into(),
            self.index.into(),
            self.old,
            self.new,
            self.history,
            self.sent.into(),
            self.received.into(),
        ])
    }
}

/// Public input of the nest circuit: `global` descends from `genesis` through valid epochs, all checked under `keys`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NestStatement {
    /// Digest of the [`Keys`].
    pub keys: Fr,
    /// Digest of G_0.
    pub genesis: Fr,
    /// Digest of G_n.
    pub global: Fr,
}

impl NestStatement {
    pub fn digest(&self) -> Fr {
        poseidon::hash(&[tag("trifold/nest/v1"), self.keys, self.genesis, self.global])
    }
}
