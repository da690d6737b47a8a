//! What a netted shard takes from other shards and sends them in one epoch, and what becomes of a message that it takes.
//!
//! Messages are those of `docs/messages.md`, in the channels of every program. A netted account is named to a sender by the u
//! coordinate of its key: payload [`key_payload`]`(u, 0)`. Messages come in when the epoch ends, after all payments of it, so
//! what an account is by then decides: one that its place and key fit is credited, others go back. None opens an account.

use super::accounts::Account;
use crate::channel::{BOX_DEPTH, MessageFields, Opening, close_box};
use crate::field;
use crate::snapshot::Exchange;
use crate::transfer::{names_key, reply};
use crate::trie::{SparseTrie, TrieError};
use ark_bn254::Fr;
use ark_ff::AdditiveGroup;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use trifold_verifier::statement::{
    Account as Standing, Channel, GlobalState, Message, answer_payload, key_payload,
};

/// A message taken.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct Received {
    pub opening: Opening,
    /// Whether the account that would take it has no room for its amount: with it, what the account held before the epoch and
    /// all credits of the epoch would reach 2^64.
    pub full: bool,
}

/// A message sent.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct Sent {
    /// Shard that it is for.
    pub destination: u32,
    #[serde(with = "MessageFields")]
    pub message: Message,
    /// Whether a message that was taken made it, not clients' payments.
    pub reply: bool,
}

/// A channel before the epoch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ending {
    pub channel: Channel,
    /// Of its first free place, from the leaf up.
    pub siblings: Vec<[Fr; 2]>,
}

/// All messages of an epoch, with what they change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Traffic {
    /// The global state that everything received is opened under; `None` only where nothing is.
    pub seen: Option<GlobalState>,
    /// Those of one source in the order of its channel.
    pub received: Vec<Received>,
    /// Those to one shard in the order of the channel.
    pub sent: Vec<Sent>,
    /// The channels that something is sent through, by destination.
    pub channels: BTreeMap<u32, Ending>,
    /// Digests of the channels by destination, before.
    pub outbox: SparseTrie,
    /// Messages taken by source, before.
    pub inbox: SparseTrie,
}

/// What a body records of outbox and inbox, before and after an epoch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
pub struct Boxes {
    #[serde(with = "field::element")]
    pub old_outbox: Fr,
    #[serde(with = "field::element")]
    pub new_outbox: Fr,
    #[serde(with = "field::element")]
    pub old_inbox: Fr,
    #[serde(with = "field::element")]
    pub new_inbox: Fr,
}

/// What becomes of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// Whether the account was credited.
    pub credited: bool,
    /// What goes back to the source.
    pub reply: Option<Message>,
}

impl Traffic {
    /// No messages, and never any before.
    pub fn unused() -> Result<Self, TrieError> {
        Ok(Self {
            seen: None,
            received: Vec::new(),
            sent: Vec::new(),
            channels: BTreeMap::new(),
            outbox: SparseTrie::new(BOX_DEPTH)?,
            inbox: SparseTrie::new(BOX_DEPTH)?,
        })
    }

    /// What the body records of the outbox and of the inbox before.
    pub fn recorded(&self) -> [Fr; 2] {
        [&self.outbox, &self.inbox].map(close_box)
    }

    /// Sums of the amounts, and the latest clocks of the leaves that messages came from.
    pub fn exchange(&self) -> Exchange {
        let amounts = |messages: &mut dyn Iterator<Item = Message>| -> u128 {
            messages.map(|message| u128::from(message.amount)).sum()
        };
        let openings = || self.received.iter().map(|received| &received.opening);
        let leaves = || openings().map(|opening| opening.leaf);
        Exchange {
            sent: amounts(&mut self.sent.iter().map(|sent| sent.message)),
            received: amounts(&mut openings().map(|opening| opening.message)),
            received_lamport: leaves().map(|leaf| leaf.lamport).max().unwrap_or_default(),
            received_timestamp: leaves()
                .map(|leaf| leaf.timestamp)
                .max()
                .unwrap_or_default(),
        }
    }
}

/// The payload that names an account by its key.
pub fn account_payload(key: Fr) -> Fr {
    key_payload(key, Fr::ZERO)
}

/// Whether an account with this key, 0 if there is none, takes the message if it has room.
pub fn takes(message: &Message, key: Fr) -> bool {
    let fits = message.payload == Fr::ZERO || message.payload == account_payload(key);
    key != Fr::ZERO && (!names_key(message) || fits)
}

/// Digest of an account, also of none, under the key (u, 0).
pub(super) fn account_digest(account: &Account) -> Fr {
    let standing = Standing {
        ax: account.key,
        ay: Fr::ZERO,
        balance: account.balance,
        ordinal: account.ordinal,
    };
    standing.digest()
}

/// The digest by which answers name an account; 0 if there is none.
pub fn standing(account: &Account) -> Fr {
    match account.key == Fr::ZERO {
        true => Fr::ZERO,
        false => account_digest(account),
    }
}

/// What becomes of message `index` of a channel, for the account at its place as the epoch leaves it: the default where there is
/// none or no such place. `full` as in [`Received`].
pub fn outcome(message: &Message, index: u64, account: &Account, full: bool) -> Outcome {
    let credited = takes(message, account.key) && !full;
    let rest = if credited { 0 } else { message.amount };
    let answer = || answer_payload(index, standing(account));
    Outcome {
        credited,
        reply: reply(message, rest, !credited, answer),
    }
}
