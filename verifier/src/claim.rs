//! One fact out of a proven state: what a shard, an account or the past is, and the way up to the root that says so.
//!
//! Nothing in a claim is trusted before it is verified. That something is not there is an answer like any other and is shown
//! the same way: its place holds the empty leaf, which is 0.
//!
//! A path can't pass off a node of another level as what is claimed. Nodes are [`crate::poseidon`] hashes of three inputs,
//! everything that is claimed is a hash of more than three that start with a tag of its kind, and an empty leaf is 0, which no
//! hash is. So a path of too few levels ends at a node, one of too many starts below a leaf, and either needs a
//! collision. That is why an account's path may say how deep its shard's trie is.

use ark_bn254::Fr;
use thiserror::Error;

use crate::netted;
use crate::refusal;
use crate::statement::{Account, Body, Channel, Leaf, Message, RangeError};
use crate::trie::{Path, TrieError};

/// What stands at a place: something, or verifiably nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Presence<T> {
    Present(T),
    Absent,
}

impl<T> Presence<T> {
    /// What is there, if anything.
    pub fn present(self) -> Option<T> {
        match self {
            Self::Present(found) => Some(found),
            Self::Absent => None,
        }
    }

    pub fn is_absent(&self) -> bool {
        matches!(self, Self::Absent)
    }

    pub fn as_ref(&self) -> Presence<&T> {
        match self {
            Self::Present(found) => Presence::Present(found),
            Self::Absent => Presence::Absent,
        }
    }

    pub fn map<U>(self, change: impl FnOnce(T) -> U) -> Presence<U> {
        match self {
            Self::Present(found) => Presence::Present(change(found)),
            Self::Absent => Presence::Absent,
        }
    }
}

impl<T> From<Option<T>> for Presence<T> {
    fn from(found: Option<T>) -> Self {
        found.map_or(Self::Absent, Self::Present)
    }
}

/// "Shard `index` has this leaf", or none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShardClaim {
    pub index: u32,
    /// `None`: there is no such shard.
    pub leaf: Option<Leaf>,
    /// To `index`, as many levels as the state's depth; no levels at all for an index that the state's trie does not have.
    pub path: Path,
}

/// "Account `index` of the shard is this one", or none. Accounts are those of the reference program; what another program
/// keeps under `state_root` is its own affair.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccountClaim {
    /// The shard's body, whose digest its leaf records.
    pub body: Body,
    pub index: u64,
    /// `None`: there is no such account.
    pub account: Option<Account>,
    /// To `index` under the body's `state_root`, 1 to [`crate::trie::MAX_LEVELS`] levels.
    pub path: Path,
}

/// "Account `index` of the netted shard is this one", or none. Whether the shard is a netted one is in its leaf, which names its
/// program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NettedAccountClaim {
    /// The shard's body, whose digest its leaf records.
    pub body: Body,
    /// As [`netted::State`] has it.
    pub network: Fr,
    /// As [`netted::State`] has it.
    pub keys: Fr,
    /// Levels of the account trie, 1 to [`netted::MAX_DEPTH`].
    pub depth: u8,
    /// Below 3^depth.
    pub index: u32,
    /// The accounts of the bottom node: 3 floor(index / 3) and the two after it. One with key 0 is none.
    pub triad: [netted::Account; 3],
    /// From the bottom node, index / 3, to the root: depth - 1 levels.
    pub path: Path,
}

impl NettedAccountClaim {
    /// The account that the claim is about, or a place that nobody owns.
    pub fn account(&self) -> &netted::Account {
        let [first, second, third] = &self.triad;
        match self.index % 3 {
            0 => first,
            1 => second,
            _ => third,
        }
    }
}

/// "Message `index` that the shard sent shard `destination` is this one", or none yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MessageClaim {
    /// The sending shard's body, whose digest its leaf records.
    pub body: Body,
    pub destination: u32,
    /// The channel; one without messages if nothing was ever sent there.
    pub channel: Channel,
    /// To `destination` under the body's `outbox_root`, [`crate::statement::MAX_DEPTH`] levels.
    pub channel_path: Path,
    pub index: u64,
    /// `None`: no such message was sent.
    pub message: Option<Message>,
    /// To `index` in the channel, [`crate::statement::CHANNEL_DEPTH`] levels.
    pub path: Path,
}

/// Why a claim was refused.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum ClaimError {
    #[error("the {what}'s path: {error}")]
    Path {
        what: &'static str,
        error: TrieError,
    },
    #[error("a path for shard {0}, which a trie of {1} levels has no place for")]
    NoPlace(u32, usize),
    #[error("the account's path has {0} levels, a trie of accounts has 1 to {MAX}", MAX = crate::trie::MAX_LEVELS)]
    AccountLevels(usize),
    #[error("{0} levels, a netted shard's trie of accounts has 1 to {MAX}", MAX = netted::MAX_DEPTH)]
    NettedDepth(u8),
    #[error("network, keys, depth and accounts don't make the state root of the shard's body")]
    WrongNettedState,
    #[error("the body is not the one that the shard's leaf records")]
    WrongBody,
    #[error("an account or a message of shard {0}, which is not there")]
    NoShard(u32),
    #[error("the state of epoch {epoch} is not before epoch {held}")]
    NotPast { epoch: u64, held: u64 },
    #[error("the state is not the one that the shard has seen")]
    NotSeen,
    #[error(transparent)]
    Range(#[from] RangeError),
}

impl ClaimError {
    /// The reason, as one word of [`refusal`].
    pub fn code(&self) -> &'static str {
        match self {
            Self::Path { error, .. } => error.code(),
            Self::NoPlace(..) | Self::AccountLevels(_) => refusal::WRONG_DEPTH,
            Self::NettedDepth(_) => refusal::RANGE,
            Self::WrongBody | Self::NoShard(_) => refusal::WRONG_BODY,
            Self::NotPast { .. } => refusal::NOT_PAST,
            Self::NotSeen | Self::WrongNettedState => refusal::WRONG_ROOT,
            Self::Range(error) => error.code(),
        }
    }

    pub(crate) fn path(what: &'static str) -> impl Fn(TrieError) -> Self {
        move |error| Self::Path { what, error }
    }
}
