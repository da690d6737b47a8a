//! The digests of the netted ledger; circuits/lib/netted/statement.circom says the same.

use super::challenge::Challenge;
use crate::field::{self, tag};
use crate::groth16::transcript::Sponge;
use ark_bn254::Fr;
use ark_ff::AdditiveGroup;
use serde::{Deserialize, Serialize};
use trifold_verifier::poseidon;

pub use trifold_verifier::netted::State;

/// Levels of the trie of keys that parts may be proven under: at most 27 keys.
pub const PART_DEPTH: usize = 3;
/// Where the shard starts in a destination, above the account.
pub const DESTINATION_SHARD_SHIFT: u32 = 32;

/// What all parts of one epoch of one shard have in common.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Context {
    pub keys: Fr,
    pub network: Fr,
    pub shard: u32,
    pub challenge: Challenge,
}

impl Context {
    /// H("trifold/netted/context/v1", keys, network, shard, gamma, alpha).
    pub fn digest(&self) -> Fr {
        let tag = tag("trifold/netted/context/v1");
        let Challenge { gamma, alpha } = self.challenge;
        poseidon::hash(&[
            tag,
            self.keys,
            self.network,
            self.shard.into(),
            gamma,
            alpha,
        ])
    }

    /// Account `index` of this shard as the end of a payment.
    pub fn place(&self, index: u32) -> u64 {
        destination(index, self.shard)
    }
}

/// An account of a shard as the end of a payment: account + 2^32 shard.
pub fn destination(account: u32, shard: u32) -> u64 {
    u64::from(account) | u64::from(shard) << DESTINATION_SHARD_SHIFT
}

/// What the proof of a part states, within its context.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
pub struct Part {
    /// Levels of the account subtree that the part rewrites; 0 where it rewrites none, and then index, old and new are 0.
    pub level: u8,
    /// Position of the subtree among those of its level.
    pub index: u64,
    #[serde(with = "field::element")]
    pub old: Fr,
    #[serde(with = "field::element")]
    pub new: Fr,
    /// Binds all that the sum depends on.
    #[serde(with = "field::element")]
    pub commitment: Fr,
    /// The part's terms at the challenges.
    #[serde(with = "field::element")]
    pub sum: Fr,
    /// Signed messages in the part.
    pub events: u32,
}

impl Part {
    /// The public input: H("trifold/netted/part/v1", context, level, index, old, new, commitment, sum, events).
    pub fn digest(&self, context: &Context) -> Fr {
        poseidon::hash(&[
            tag("trifold/netted/part/v1"),
            context.digest(),
            self.level.into(),
            self.index.into(),
            self.old,
            self.new,
            self.commitment,
            self.sum,
            self.events.into(),
        ])
    }
}

/// A list of fixed length: lane 1 of a sponge whose capacity starts as the tag.
pub fn commitment(name: &str, words: &[Fr]) -> Fr {
    let mut sponge = Sponge::new(tag(name));
    sponge.absorb(words);
    sponge.squeeze(1)[0]
}

/// The commitment of three joined parts, 0 where one is absent.
pub fn joined(commitments: [Fr; 3]) -> Fr {
    let [a, b, c] = commitments;
    poseidon::hash(&[tag("trifold/netted/join/v1"), a, b, c])
}

/// Everything that the sums of an epoch depend on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Transcript {
    pub keys: Fr,
    pub network: Fr,
    pub shard: u32,
    /// 1 to 32.
    pub depth: u8,
    /// Whether the accounts come as rows.
    pub sparse: bool,
    /// Root of the account trie before.
    pub old: Fr,
    pub new: Fr,
    /// Commitment of the part of all messages.
    pub messages: Fr,
    /// Commitment of the part of all accounts.
    pub accounts: Fr,
    /// What the close takes of messages between shards.
    pub boxes: BoxTerms,
}

/// What the close takes of messages between shards.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BoxTerms {
    /// Roots before and after, of the empty trie where nothing was ever sent or taken.
    pub outbox: [Fr; 2],
    pub inbox: [Fr; 2],
    /// Whether the outbox, the inbox changes.
    pub sends: bool,
    pub takes: bool,
    /// Parts with messages between shards.
    pub headers: u16,
    pub sent: u128,
    pub received: u128,
    /// [`Header::digest`].
    pub header: Fr,
}

impl BoxTerms {
    fn digest(&self) -> Fr {
        let flags = u32::from(self.sends) << 16 | u32::from(self.takes) << 17;
        poseidon::hash(&[
            tag("trifold/netted/boxes/v1"),
            self.outbox[0],
            self.outbox[1],
            self.inbox[0],
            self.inbox[1],
            Fr::from(u32::from(self.headers) | flags),
            self.sent.into(),
            self.received.into(),
            self.header,
        ])
    }
}

/// What the parts with messages between shards have in common.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct Header {
    /// Places of the account trie.
    pub capacity: u64,
    /// Digest of the global state that messages are opened under; 0 if none.
    #[serde(with = "field::element")]
    pub seen_digest: Fr,
    /// No clock of a leaf that a message comes from exceeds them.
    pub lamport: u64,
    pub timestamp: u64,
}

impl Header {
    /// H("trifold/netted/header/v1", capacity, seen_digest, lamport, timestamp).
    pub fn digest(&self) -> Fr {
        poseidon::hash(&[
            tag("trifold/netted/header/v1"),
            self.capacity.into(),
            self.seen_digest,
            self.lamport.into(),
            self.timestamp.into(),
        ])
    }
}

impl Transcript {
    /// Lanes 1 and 2 of the permuted state.
    pub fn challenge(&self) -> Challenge {
        let mut state = [
            tag("trifold/netted/challenge/v1"),
            self.keys,
            self.network,
            self.shard.into(),
            Fr::from(u16::from(self.depth) + u16::from(self.sparse) * 32) - Fr::from(1),
            self.old,
            self.new,
            self.messages,
            self.accounts,
            self.boxes.digest(),
        ];
        poseidon::permute(&mut state);
        let [_, gamma, alpha, ..] = state;
        Challenge { gamma, alpha }
    }

    pub fn context(&self) -> Context {
        Context {
            keys: self.keys,
            network: self.network,
            shard: self.shard,
            challenge: self.challenge(),
        }
    }
}

/// Hash of 2 to 9 elements, whose number is known when it runs; one element stands for itself.
pub(super) fn hash_list(words: &[Fr]) -> Fr {
    fn fixed<const N: usize>(words: &[Fr]) -> Fr {
        let mut inputs = [Fr::ZERO; N];
        inputs.copy_from_slice(words);
        poseidon::hash(&inputs)
    }
    match words.len() {
        2 => fixed::<2>(words),
        3 => fixed::<3>(words),
        4 => fixed::<4>(words),
        5 => fixed::<5>(words),
        6 => fixed::<6>(words),
        7 => fixed::<7>(words),
        8 => fixed::<8>(words),
        9 => fixed::<9>(words),
        _ => words.first().copied().unwrap_or_default(),
    }
}
