//! Messages of one shard on their way to another, opened under a global state that both have checked.

use crate::channel::Letter;
use ark_bn254::Fr;
use serde::{Deserialize, Serialize};
use trifold_circuits::channel::{
    BOX_DEPTH, BodyFields, ChannelError, Opening, check_source, open_box,
};
use trifold_circuits::field;
use trifold_circuits::snapshot::{self, MAX_AHEAD_MILLISECONDS};
use trifold_verifier::statement::{Body, GlobalState, Leaf};
use trifold_verifier::trie::Path;

/// Longest delivery read, in bytes of JSON.
pub const MAX_DELIVERY_BYTES: u64 = 16 << 20;
/// Most by which a source's Lamport counter may lead the receiver's: 2^24 such messages use the counter up, not one.
pub const MAX_LEAD: u64 = 1 << 40;

/// Why a delivery is neither made nor taken; nothing has changed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DeliveryError {
    #[error("the delivery belongs to another network")]
    Network,
    #[error("the delivery is for shard {found}, this is shard {expected}")]
    Destination { found: u32, expected: u32 },
    #[error("shard {0} has no messages for itself")]
    Itself(u32),
    #[error(
        "the delivery is opened under epoch {epoch}, and nothing can be taken before the next is final too"
    )]
    NotFinal { epoch: u64 },
    #[error(
        "the delivery is opened under epoch {epoch}, messages are taken under epoch {seen}: ask for them under that"
    )]
    OtherEpoch { epoch: u64, seen: u64 },
    #[error("forged: {0}")]
    Forged(#[from] ChannelError),
    #[error("forged: shard {source_shard} has not taken {taken} messages of shard {destination}")]
    ForgedCount {
        source_shard: u32,
        destination: u32,
        taken: u64,
    },
    #[error("replayed: all messages of shard {source_shard} up to {expected} are taken")]
    Replayed { source_shard: u32, expected: u64 },
    #[error(
        "out of order: the delivery starts with message {first} of shard {source_shard}, the next is {expected}"
    )]
    OutOfOrder {
        source_shard: u32,
        first: u64,
        expected: u64,
    },
    #[error(
        "the clock of shard {source_shard} is at {lamport}, more than {MAX_LEAD} ahead of {own}, this shard's"
    )]
    Lead {
        source_shard: u32,
        lamport: u64,
        own: u64,
    },
    #[error(
        "shard {source_shard} is from the future: {ahead} ms ahead, {MAX_AHEAD_MILLISECONDS} are allowed"
    )]
    Future { source_shard: u32, ahead: u64 },
    #[error(
        "the key that message {0} names is needed to open an account, and is not in the delivery"
    )]
    MissingKey(u64),
    #[error(
        "the global state of epoch {0} is not among those kept: both shards have to take in newer ones"
    )]
    NotKept(u64),
}

/// A message with its path in the channel.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Delivered {
    pub letter: Letter,
    /// From the leaf up.
    #[serde(with = "field::pairs")]
    pub siblings: Vec<[Fr; 2]>,
}

/// All that a shard has for another under a global state, perhaps nothing, and how much it took of the other's. Nothing in it is
/// trusted before it is checked.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Delivery {
    #[serde(with = "field::element")]
    pub network: Fr,
    pub source: u32,
    pub destination: u32,
    /// Epoch of the global state.
    pub epoch: u64,
    /// The source's leaf, its path from the leaf up, and its body.
    #[serde(with = "snapshot::leaf")]
    pub leaf: Leaf,
    #[serde(with = "field::pairs")]
    pub leaf_siblings: Vec<[Fr; 2]>,
    #[serde(with = "BodyFields")]
    pub body: Body,
    /// Messages in the channel, and its path in the outbox from the leaf up.
    pub count: u64,
    #[serde(with = "field::pairs")]
    pub channel_siblings: Vec<[Fr; 2]>,
    /// Index of the first message here; the source has forgotten those before.
    pub first: u64,
    pub messages: Vec<Delivered>,
    /// Messages that the source took of the destination's, and the path of that count in its inbox from the leaf up.
    pub taken: u64,
    #[serde(with = "field::pairs")]
    pub taken_siblings: Vec<[Fr; 2]>,
}

impl Delivery {
    /// Checks everything but the messages against the global state that they are opened under.
    pub(crate) fn check(&self, state: &GlobalState) -> Result<(), DeliveryError> {
        let Self {
            source, leaf, body, ..
        } = self;
        check_source(*source, leaf, &self.leaf_siblings, body, state)?;
        let place = Path {
            index: self.destination.into(),
            siblings: self.taken_siblings.clone(),
        };
        let inbox = open_box(body.inbox_root);
        let counted = place.verify(self.taken.into(), inbox, BOX_DEPTH);
        counted.map_err(|_| DeliveryError::ForgedCount {
            source_shard: *source,
            destination: self.destination,
            taken: self.taken,
        })
    }

    /// The messages from index `next` on, checked against the global state.
    pub(crate) fn openings(
        &self,
        next: u64,
        state: &GlobalState,
    ) -> Result<Vec<(Opening, Letter)>, DeliveryError> {
        let skipped = next.saturating_sub(self.first).min(usize::MAX as u64) as usize;
        let messages = (self.first..).zip(&self.messages).skip(skipped);
        messages
            .map(|(index, delivered)| {
                let opening = self.opening(index, delivered);
                opening.check(self.destination, state)?;
                Ok((opening, delivered.letter))
            })
            .collect()
    }

    fn opening(&self, index: u64, delivered: &Delivered) -> Opening {
        Opening {
            source: self.source,
            leaf: self.leaf,
            leaf_siblings: self.leaf_siblings.clone(),
            state_root: self.body.state_root,
            inbox_root: self.body.inbox_root,
            count: self.count,
            channel_siblings: self.channel_siblings.clone(),
            index,
            message: delivered.letter.message,
            index_siblings: delivered.siblings.clone(),
        }
    }
}
