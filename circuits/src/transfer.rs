//! The transfer program: messages taken from other shards and signed transfers on a ternary trie of accounts; its inputs and its
//! native relation.
//!
//! A [`Batch`] is both at once: [`Batch::statement`] replays it as the circuit does and says what it proves or why it is
//! refused, [`Batch::inputs`] lays out the circuit's signals.

mod inputs;
mod receive;
mod step;

pub use receive::{Delivered, Receive, deliver};
pub(crate) use receive::{names_key, reply};
pub use step::Step;

use crate::channel::{self, ChannelError, Send, StateFields};
use crate::field;
use crate::schnorr::{Coordinates, SchnorrError, Signature};
use crate::snapshot::Exchange;
use ark_bn254::Fr;
use ark_ff::AdditiveGroup;
use serde::{Deserialize, Serialize};
use trifold_verifier::poseidon;
use trifold_verifier::statement::{
    Account, Body, GlobalState, Message, ProgramStatement, key_payload, kind,
};
use trifold_verifier::trie::Path;

/// Parameters of the template.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size {
    /// N: most transfers of one batch.
    pub transfers: usize,
    /// M: most messages that it takes.
    pub receives: usize,
    /// S: most messages that it sends, replies included; at least M, so that what was received can be answered.
    pub sends: usize,
    /// Levels of the state trie, at most 20.
    pub depth: usize,
}

impl Size {
    /// The instance of `circuits.toml`.
    pub const DEPLOYED: Self = Self {
        transfers: 8,
        receives: 2,
        sends: 4,
        depth: 10,
    };

    /// Most events of one batch.
    pub const fn events(&self) -> usize {
        self.transfers + self.receives
    }

    /// Positions for accounts.
    pub fn capacity(&self) -> u64 {
        3u64.pow(self.depth as u32)
    }
}

/// Why a batch proves nothing. Slots count from 0, those of transfers, of messages taken and of messages sent apart.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TransferError {
    #[error("a batch needs at least one transfer or message")]
    Empty,
    #[error("{count} {what} do not fit {slots} slots")]
    TooMany {
        what: &'static str,
        count: usize,
        slots: usize,
    },
    #[error("slot {slot}: a path has {levels} levels, the trie {depth}")]
    PathLength {
        slot: usize,
        levels: usize,
        depth: usize,
    },
    #[error("slot {slot}: account {index} is outside the trie")]
    Index { slot: usize, index: u64 },
    #[error("slot {slot}: the sender's account is not under the state root")]
    Sender { slot: usize },
    #[error(
        "slot {slot}: the receiver's account, with the key that the sender named, is not under the state root"
    )]
    Receiver { slot: usize },
    #[error("slot {slot}: {amount} exceeds the sender's balance {balance}")]
    Overdraft {
        slot: usize,
        balance: u64,
        amount: u64,
    },
    #[error("slot {slot}: the receiver's balance {balance} cannot take {amount} more")]
    Overflow {
        slot: usize,
        balance: u64,
        amount: u64,
    },
    #[error("slot {slot}: the sender's ordinals are used up")]
    Ordinals { slot: usize },
    #[error("slot {slot}: {source}")]
    Signature { slot: usize, source: SchnorrError },
    #[error("slot {slot}: a network has no shard {shard}")]
    Shard { slot: usize, shard: u32 },
    #[error("slot {slot}: no shard has an account {to}")]
    To { slot: usize, to: u64 },
    #[error("slot {slot}: a request is for another shard")]
    LocalRequest { slot: usize },
    #[error("messages are taken, but no global state is opened")]
    NoState,
    #[error("the opened global state is not the one that was seen")]
    State,
    #[error("message {slot}: {source}")]
    Opening { slot: usize, source: ChannelError },
    #[error("message {slot}: the account that it is for is not under the state root")]
    Account { slot: usize },
    #[error("message {slot}: the key is not the one that the message names")]
    Key { slot: usize },
    #[error("{made} messages are made, {appended} are sent")]
    Emitted { made: usize, appended: usize },
    #[error("sent message {slot} is not the one that was made")]
    Other { slot: usize },
    #[error("sent message {slot}: {source}")]
    Append { slot: usize, source: ChannelError },
}

/// What a client signs, together with the index of its shard.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct Transfer {
    /// Position of the sender's account.
    pub from: u64,
    /// Transfers that the sender signed before this one.
    pub ordinal: u64,
    /// Position of the receiver's account, below 2^32; an empty one opens an account for `receiver_key`.
    pub to: u64,
    /// Shard of the receiver, below 3^9.
    pub to_shard: u32,
    /// Whether the other shard is to answer.
    pub request: bool,
    /// (0, 0) on another shard: whatever key the account has.
    pub receiver_key: Coordinates,
    pub amount: u64,
}

impl Transfer {
    /// H("trifold/transfer/v1", shard, from, ordinal, to + 2^32 to_shard + 2^48 kind, key x, key y, amount).
    pub fn message(&self, shard: u32) -> Fr {
        let key = self.receiver_key;
        let tag = field::tag("trifold/transfer/v1");
        let place = u128::from(self.to) + (u128::from(self.to_shard) << 32);
        poseidon::hash(&[
            tag,
            shard.into(),
            self.from.into(),
            self.ordinal.into(),
            (place + (u128::from(self.kind()) << 48)).into(),
            key.x,
            key.y,
            self.amount.into(),
        ])
    }

    /// What leaves for the receiver's shard; `None` on the sender's own, `shard`, and for accounts that no message can name.
    pub fn outgoing(&self, shard: u32) -> Option<Message> {
        let places = u32::try_from(self.from)
            .ok()
            .zip(u32::try_from(self.to).ok());
        let (from, to) = places.filter(|_| self.to_shard != shard)?;
        Some(Message {
            kind: self.kind(),
            from,
            to,
            amount: self.amount,
            payload: payload(self.receiver_key),
        })
    }

    fn kind(&self) -> u32 {
        match self.request {
            true => kind::REQUEST,
            false => kind::TRANSFER,
        }
    }
}

/// How a message names the receiver's key; 0 for none, written (0, 0).
pub fn payload(key: Coordinates) -> Fr {
    match key.x == Fr::ZERO && key.y == Fr::ZERO {
        true => Fr::ZERO,
        false => key_payload(key.x, key.y),
    }
}

/// A transfer and its sender's signature.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct SignedTransfer {
    pub transfer: Transfer,
    pub signature: Signature,
}

/// An account without its key.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
pub struct Holding {
    pub balance: u64,
    pub ordinal: u64,
}

/// Messages taken and transfers of one shard, in sequence, and what they send.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct Batch {
    pub shard: u32,
    /// Digest of the global state that the shard has seen; 0 if none.
    #[serde(with = "field::element")]
    pub seen_digest: Fr,
    /// State root before the first step.
    #[serde(with = "field::element")]
    pub old_root: Fr,
    /// Of the body before, 0 while never used.
    #[serde(with = "field::element")]
    pub old_outbox: Fr,
    #[serde(with = "field::element")]
    pub old_inbox: Fr,
    /// The state that `seen_digest` stands for; needed where messages are taken, and only there.
    pub seen: Option<SeenState>,
    pub receives: Vec<Receive>,
    pub steps: Vec<Step>,
    /// Replies in the order of `receives`, then what leaves in the order of `steps`.
    pub sends: Vec<Send>,
}

/// A global state that messages are opened under.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(transparent)]
pub struct SeenState(#[serde(with = "StateFields")] pub GlobalState);

/// Where a replay has come to.
struct Replay {
    root: Fr,
    inbox: Fr,
    /// Messages made, by destination.
    made: Vec<(u32, Message)>,
}

impl Batch {
    /// A batch of a shard with this body; nothing is done and nothing was seen yet.
    pub fn new(shard: u32, old: &Body) -> Self {
        Self {
            shard,
            seen_digest: Fr::ZERO,
            old_root: old.state_root,
            old_outbox: old.outbox_root,
            old_inbox: old.inbox_root,
            seen: None,
            receives: Vec::new(),
            steps: Vec::new(),
            sends: Vec::new(),
        }
    }

    /// What the batch proves, or why it proves nothing; the circuit's native relation.
    pub fn statement(&self, size: Size) -> Result<ProgramStatement, TransferError> {
        self.check_count(size)?;
        let mut replay = Replay {
            root: self.old_root,
            inbox: channel::open_box(self.old_inbox),
            made: Vec::new(),
        };
        self.replay_receives(&mut replay, size)?;
        for (slot, step) in self.steps.iter().enumerate() {
            replay.root = step.apply(slot, self.shard, replay.root, size)?;
            let transfer = &step.signed.transfer;
            let outgoing = transfer.outgoing(self.shard);
            replay
                .made
                .extend(outgoing.map(|message| (transfer.to_shard, message)));
        }
        let outbox = self.append(&replay.made)?;
        let new = Body {
            state_root: replay.root,
            outbox_root: kept(&self.sends, self.old_outbox, outbox),
            inbox_root: kept(&self.receives, self.old_inbox, replay.inbox),
        };
        Ok(self.stated(new))
    }

    /// The body that the batch starts from.
    pub fn old_body(&self) -> Body {
        Body {
            state_root: self.old_root,
            outbox_root: self.old_outbox,
            inbox_root: self.old_inbox,
        }
    }

    /// Messages taken and transfers.
    pub fn events(&self) -> usize {
        self.receives.len() + self.steps.len()
    }

    /// What the batch exchanges with other shards.
    pub fn exchange(&self) -> Exchange {
        let amounts = self.sends.iter().map(|send| send.message.amount);
        let openings = self.receives.iter().map(|receive| &receive.opening);
        let nothing = Exchange {
            sent: amounts.map(u128::from).sum(),
            ..Exchange::default()
        };
        openings.fold(nothing, |exchange, opening| Exchange {
            sent: exchange.sent,
            received: exchange.received + u128::from(opening.message.amount),
            received_lamport: exchange.received_lamport.max(opening.leaf.lamport),
            received_timestamp: exchange.received_timestamp.max(opening.leaf.timestamp),
        })
    }

    fn stated(&self, new: Body) -> ProgramStatement {
        let Exchange {
            sent,
            received,
            received_lamport,
            received_timestamp,
        } = self.exchange();
        ProgramStatement {
            shard: self.shard,
            old_body: self.old_body().digest(),
            new_body: new.digest(),
            events: self.events() as u32,
            seen_digest: self.seen_digest,
            sent,
            received,
            received_lamport,
            received_timestamp,
        }
    }

    fn replay_receives(&self, replay: &mut Replay, size: Size) -> Result<(), TransferError> {
        let seen = match (&self.seen, self.receives.is_empty()) {
            (None, true) => return Ok(()),
            (None, false) => return Err(TransferError::NoState),
            (Some(SeenState(seen)), false) if seen.digest() == self.seen_digest => seen,
            (Some(_), _) => return Err(TransferError::State),
        };
        for (slot, receive) in self.receives.iter().enumerate() {
            let opening = |source| TransferError::Opening { slot, source };
            receive.opening.check(self.shard, seen).map_err(opening)?;
            let counted = receive
                .opening
                .count_in(replay.inbox, &receive.inbox_siblings);
            replay.inbox = counted.map_err(opening)?;
            let (root, reply) = receive.apply(slot, replay.root, size)?;
            replay.root = root;
            let source = receive.opening.source;
            replay.made.extend(reply.map(|message| (source, message)));
        }
        Ok(())
    }

    /// The outbox's root with exactly these messages appended, in their order.
    fn append(&self, made: &[(u32, Message)]) -> Result<Fr, TransferError> {
        let (made_count, appended) = (made.len(), self.sends.len());
        if made_count != appended {
            return Err(TransferError::Emitted {
                made: made_count,
                appended,
            });
        }
        let slots = self.sends.iter().zip(made).enumerate();
        let mut outbox = channel::open_box(self.old_outbox);
        for (slot, (send, made)) in slots {
            if (send.destination, send.message) != *made {
                return Err(TransferError::Other { slot });
            }
            let append = |source| TransferError::Append { slot, source };
            outbox = send.apply(outbox).map_err(append)?;
        }
        Ok(outbox)
    }

    /// Whether the batch fits the circuit's slots.
    pub fn check_count(&self, size: Size) -> Result<(), TransferError> {
        if self.events() == 0 {
            return Err(TransferError::Empty);
        }
        let counts = [
            ("transfers", self.steps.len(), size.transfers),
            ("received messages", self.receives.len(), size.receives),
            ("sent messages", self.sends.len(), size.sends),
        ];
        let over = counts.into_iter().find(|(_, count, slots)| count > slots);
        over.map_or(Ok(()), |(what, count, slots)| {
            Err(TransferError::TooMany { what, count, slots })
        })
    }
}

/// What a body records of a box: its root if anything was done to it, else what it had.
fn kept<T>(done: &[T], recorded: Fr, root: Fr) -> Fr {
    match done.is_empty() {
        true => recorded,
        false => root,
    }
}

/// The body of a shard that has neither sent nor received.
pub fn body(state_root: Fr) -> Body {
    Body {
        state_root,
        ..Body::default()
    }
}

/// Digest of an account.
pub fn account(key: Coordinates, balance: u64, ordinal: u64) -> Fr {
    Account {
        ax: key.x,
        ay: key.y,
        balance,
        ordinal,
    }
    .digest()
}

fn path_root(
    slot: usize,
    index: u64,
    siblings: &[[Fr; 2]],
    leaf: Fr,
    size: Size,
) -> Result<Fr, TransferError> {
    let (levels, depth) = (siblings.len(), size.depth);
    if levels != depth {
        return Err(TransferError::PathLength {
            slot,
            levels,
            depth,
        });
    }
    let path = Path {
        index,
        siblings: siblings.to_vec(),
    };
    path.root(leaf, depth)
        .map_err(|_| TransferError::Index { slot, index })
}
