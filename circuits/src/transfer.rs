//! The transfer program: signed transfers on a ternary trie of accounts; its inputs and its native relation.
//!
//! A [`Batch`] is both at once: [`Batch::statement`] replays it as the circuit does and says what it proves or why it is
//! refused, [`Batch::inputs`] lays out the circuit's signals.

mod inputs;

use crate::field;
use crate::schnorr::{Coordinates, SchnorrError, Signature};
use ark_bn254::Fr;
use serde::{Deserialize, Serialize};
use trifold_verifier::poseidon;
use trifold_verifier::statement::{Account, Body, ProgramStatement};
use trifold_verifier::trie::Path;

/// Parameters of the template.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size {
    /// N: most transfers of one batch.
    pub slots: usize,
    /// Levels of the state trie, at most 20.
    pub depth: usize,
}

impl Size {
    /// The instance of `circuits.toml`.
    pub const DEPLOYED: Self = Self {
        slots: 16,
        depth: 10,
    };

    /// Positions for accounts.
    pub fn capacity(&self) -> u64 {
        3u64.pow(self.depth as u32)
    }
}

/// Why a batch proves nothing. Slots count from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TransferError {
    #[error("a batch needs at least one transfer")]
    Empty,
    #[error("{count} transfers do not fit {slots} slots")]
    TooMany { count: usize, slots: usize },
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
}

/// What a client signs, together with the index of the shard.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct Transfer {
    /// Position of the sender's account.
    pub from: u64,
    /// Transfers that the sender signed before this one.
    pub ordinal: u64,
    /// Position of the receiver's account; an empty one opens an account for `receiver_key`.
    pub to: u64,
    pub receiver_key: Coordinates,
    pub amount: u64,
}

impl Transfer {
    /// H("trifold/transfer/v1", shard, from, ordinal, to, key x, key y, amount).
    pub fn message(&self, shard: u32) -> Fr {
        let key = self.receiver_key;
        let tag = field::tag("trifold/transfer/v1");
        poseidon::hash(&[
            tag,
            shard.into(),
            self.from.into(),
            self.ordinal.into(),
            self.to.into(),
            key.x,
            key.y,
            self.amount.into(),
        ])
    }
}

/// A transfer and its sender's signature.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct SignedTransfer {
    pub transfer: Transfer,
    pub signature: Signature,
}

/// A signed transfer with the openings of the accounts that it changes. The sender's ordinal is the transfer's.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct Step {
    pub signed: SignedTransfer,
    pub sender_key: Coordinates,
    pub sender_balance: u64,
    /// From the leaf up, under the root before the step.
    #[serde(with = "siblings")]
    pub sender_siblings: Vec<[Fr; 2]>,
    /// The receiver's balance and ordinal once the sender is debited; `None` where there is no account yet.
    pub receiver: Option<Holding>,
    /// From the leaf up, under the root once the sender is debited.
    #[serde(with = "siblings")]
    pub receiver_siblings: Vec<[Fr; 2]>,
}

/// An account without its key.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
pub struct Holding {
    pub balance: u64,
    pub ordinal: u64,
}

/// Steps of one shard, in sequence.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct Batch {
    pub shard: u32,
    /// Digest of the global state that the shard has seen; 0 if none.
    #[serde(with = "field::element")]
    pub seen_digest: Fr,
    /// State root before the first step.
    #[serde(with = "field::element")]
    pub old_root: Fr,
    pub steps: Vec<Step>,
}

impl Batch {
    /// What the batch proves, or why it proves nothing; the circuit's native relation.
    pub fn statement(&self, size: Size) -> Result<ProgramStatement, TransferError> {
        self.check_count(size)?;
        let mut root = self.old_root;
        for (slot, step) in self.steps.iter().enumerate() {
            root = step.apply(slot, self.shard, root, size)?;
        }
        Ok(ProgramStatement {
            shard: self.shard,
            old_body: body(self.old_root).digest(),
            new_body: body(root).digest(),
            events: self.steps.len() as u32,
            seen_digest: self.seen_digest,
            sent: 0,
            received: 0,
            received_lamport: 0,
            received_timestamp: 0,
        })
    }

    fn check_count(&self, size: Size) -> Result<(), TransferError> {
        let (count, slots) = (self.steps.len(), size.slots);
        match count {
            0 => Err(TransferError::Empty),
            _ if count > slots => Err(TransferError::TooMany { count, slots }),
            _ => Ok(()),
        }
    }
}

impl Step {
    /// The root after the step.
    fn apply(&self, slot: usize, shard: u32, root: Fr, size: Size) -> Result<Fr, TransferError> {
        let transfer = self.signed.transfer;
        let signature = |source| TransferError::Signature { slot, source };
        let message = transfer.message(shard);
        self.sender_key
            .verify(message, &self.signed.signature)
            .map_err(signature)?;
        let root = self.debit(slot, root, size)?;
        self.credit(slot, root, size)
    }

    fn debit(&self, slot: usize, root: Fr, size: Size) -> Result<Fr, TransferError> {
        let Transfer {
            from,
            ordinal,
            amount,
            ..
        } = self.signed.transfer;
        let balance = self.sender_balance;
        let opened = path_root(
            slot,
            from,
            &self.sender_siblings,
            account(self.sender_key, balance, ordinal),
            size,
        )?;
        if opened != root {
            return Err(TransferError::Sender { slot });
        }
        let rest = balance
            .checked_sub(amount)
            .ok_or(TransferError::Overdraft {
                slot,
                balance,
                amount,
            })?;
        let next = ordinal
            .checked_add(1)
            .ok_or(TransferError::Ordinals { slot })?;
        path_root(
            slot,
            from,
            &self.sender_siblings,
            account(self.sender_key, rest, next),
            size,
        )
    }

    fn credit(&self, slot: usize, root: Fr, size: Size) -> Result<Fr, TransferError> {
        let Transfer {
            to,
            receiver_key: key,
            amount,
            ..
        } = self.signed.transfer;
        let held = self
            .receiver
            .map(|held| account(key, held.balance, held.ordinal));
        let opened = path_root(
            slot,
            to,
            &self.receiver_siblings,
            held.unwrap_or_default(),
            size,
        )?;
        if opened != root {
            return Err(TransferError::Receiver { slot });
        }
        let Holding { balance, ordinal } = self.receiver.unwrap_or_default();
        let sum = balance.checked_add(amount).ok_or(TransferError::Overflow {
            slot,
            balance,
            amount,
        })?;
        path_root(
            slot,
            to,
            &self.receiver_siblings,
            account(key, sum, ordinal),
            size,
        )
    }
}

/// The body of a shard without messages.
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

/// Sibling pairs in serde.
mod siblings {
    use crate::field::Element;
    use ark_bn254::Fr;
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub fn serialize<S: Serializer>(pairs: &[[Fr; 2]], serializer: S) -> Result<S::Ok, S::Error> {
        let elements: Vec<[Element; 2]> = pairs.iter().map(|pair| pair.map(Element)).collect();
        elements.serialize(serializer)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Vec<[Fr; 2]>, D::Error> {
        let elements = Vec::<[Element; 2]>::deserialize(deserializer)?;
        Ok(elements
            .into_iter()
            .map(|pair| pair.map(|element| element.0))
            .collect())
    }
}
