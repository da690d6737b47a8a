//! One message that a batch takes, with the openings of what it changes.

use super::{Holding, Size, TransferError, account, path_root};
use crate::channel::Opening;
use crate::field;
use crate::schnorr::Coordinates;
use ark_bn254::Fr;
use ark_ff::AdditiveGroup;
use serde::{Deserialize, Serialize};
use trifold_verifier::statement::{Message, answer_payload, key_payload, kind};

/// A message taken from another shard.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct Receive {
    pub opening: Opening,
    /// Of the source's count in the inbox, from the leaf up.
    #[serde(with = "field::pairs")]
    pub inbox_siblings: Vec<[Fr; 2]>,
    /// Key of the account that the message is for, or of the one that it opens; any where there is none.
    pub key: Coordinates,
    /// That account before; `None` where there is none. For a message to a place outside the trie this is the account at place 0.
    pub held: Option<Holding>,
    /// Of that account, from the leaf up.
    #[serde(with = "field::pairs")]
    pub siblings: Vec<[Fr; 2]>,
}

impl Receive {
    /// The state root after the message, and what goes back.
    pub(super) fn apply(
        &self,
        slot: usize,
        root: Fr,
        size: Size,
    ) -> Result<(Fr, Option<Message>), TransferError> {
        let Opening { message, index, .. } = &self.opening;
        let place = size.place(message).unwrap_or_default();
        let above = |held| {
            let leaf = digest(self.key, held);
            path_root(slot, place, &self.siblings, leaf, size)
        };
        if above(self.held)? != root {
            return Err(TransferError::Account { slot });
        }
        let delivered = deliver(message, *index, size, self.key, self.held);
        let Delivered { held, reply, .. } = delivered.ok_or(TransferError::Key { slot })?;
        Ok((above(held)?, reply))
    }
}

impl Size {
    /// Place of the account that a message is for, if the trie has it.
    pub fn place(&self, message: &Message) -> Option<u64> {
        let place = u64::from(message.to);
        (place < self.capacity()).then_some(place)
    }
}

/// What becomes of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Delivered {
    /// The account after; `None` where there is none.
    pub held: Option<Holding>,
    /// What could not be credited.
    pub rest: u64,
    /// What goes back to the source.
    pub reply: Option<Message>,
}

/// What message `index` of a channel does to the account `held`, of `key`, at [`Size::place`], or at place 0 if there is no such
/// place. `None` if it opens an account and `key` is not the one that it names.
pub fn deliver(
    message: &Message,
    index: u64,
    size: Size,
    key: Coordinates,
    held: Option<Holding>,
) -> Option<Delivered> {
    let named = message.payload == key_payload(key.x, key.y);
    let unnamed = message.payload == Fr::ZERO;
    let inside = size.place(message).is_some();
    let takes = match held {
        Some(_) => !names_key(message) || named || unnamed,
        None => names_key(message) && !unnamed,
    };
    if inside && takes && held.is_none() && !named {
        return None;
    }
    let Holding { balance, ordinal } = held.unwrap_or_default();
    let sum = balance.checked_add(message.amount);
    let credited = sum.filter(|_| inside && takes);
    let held = credited.map_or(held, |balance| Some(Holding { balance, ordinal }));
    let rest = credited.map_or(message.amount, |_| 0);
    let answer = || {
        let standing = match inside {
            true => digest(key, held),
            false => Fr::ZERO,
        };
        answer_payload(index, standing)
    };
    Some(Delivered {
        held,
        rest,
        reply: reply(message, rest, credited.is_none(), answer),
    })
}

/// Whether the message is for the account with the key that its payload names.
pub(crate) fn names_key(message: &Message) -> bool {
    [kind::TRANSFER, kind::REQUEST].contains(&message.kind)
}

/// What goes back for a message, with `amount` of it not credited; `answer` gives the payload if it is a request.
pub(crate) fn reply(
    message: &Message,
    amount: u64,
    undelivered: bool,
    answer: impl FnOnce() -> Fr,
) -> Option<Message> {
    let (kind, payload) = match message.kind {
        kind::REQUEST => (kind::ANSWER, answer()),
        kind::TRANSFER if undelivered => (kind::RETURN, message.payload),
        _ => return None,
    };
    Some(Message {
        kind,
        from: message.to,
        to: message.from,
        amount,
        payload,
    })
}

fn digest(key: Coordinates, held: Option<Holding>) -> Fr {
    held.map_or(Fr::ZERO, |held| account(key, held.balance, held.ordinal))
}
