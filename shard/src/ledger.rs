//! Accounts of one shard and the transfers between them.

use ark_bn254::Fr;
use ark_ed_on_bn254::EdwardsAffine;
use ark_ff::{AdditiveGroup, Field};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use trifold_circuits::genesis::GenesisShard;
use trifold_circuits::schnorr::{Coordinates, PublicKey, SchnorrError};
use trifold_circuits::transfer::{self, Delivered, Holding, SignedTransfer, Size, Step, Transfer};
use trifold_circuits::trie::{SparseTrie, TrieError};
use trifold_verifier::statement::Message;

/// Why a transfer was refused; the ledger is as before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LedgerError {
    #[error("account {index} is outside the ledger, which has room for {capacity}")]
    Index { index: u64, capacity: u64 },
    #[error("no shard has an account {0}: 2^32 is the first number that a message can't name")]
    RemoteIndex(u64),
    #[error("a request is for another shard")]
    LocalRequest,
    #[error("the key that message {index} names is needed to open an account, and was not given")]
    MissingKey { index: u64 },
    #[error("sender {index} has no account")]
    UnknownSender { index: u64 },
    #[error("transfer {ordinal} of account {index} was executed before; the next is {expected}")]
    Replayed {
        index: u64,
        ordinal: u64,
        expected: u64,
    },
    #[error("transfer {ordinal} of account {index} is out of order; the next is {expected}")]
    Ordinal {
        index: u64,
        ordinal: u64,
        expected: u64,
    },
    #[error("amount is zero")]
    ZeroAmount,
    #[error("{amount} exceeds the balance {balance} of account {index}")]
    Overdraft {
        index: u64,
        balance: u64,
        amount: u64,
    },
    #[error("account {index} belongs to another key than the transfer names")]
    ReceiverKey { index: u64 },
    #[error("the key named for account {index} is unusable: {source}")]
    UnusableKey { index: u64, source: SchnorrError },
    #[error("balance {balance} of account {index} cannot take {amount} more")]
    Overflow {
        index: u64,
        balance: u64,
        amount: u64,
    },
    #[error("signature refused: {0}")]
    Signature(#[from] SchnorrError),
    #[error(transparent)]
    Trie(#[from] TrieError),
}

/// One account.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct Entry {
    /// Usable if a transfer opened the account: the circuit opens one for whatever key a message names.
    pub key: Coordinates,
    pub balance: u64,
    /// Transfers signed so far.
    pub ordinal: u64,
}

/// The account that a message is for, before it is delivered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    pub key: Coordinates,
    pub held: Option<Holding>,
    /// From the leaf up.
    pub siblings: Vec<[Fr; 2]>,
}

/// Accounts by position, and the trie over them; stored as the accounts alone.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(try_from = "BTreeMap<u64, Entry>", into = "BTreeMap<u64, Entry>")]
pub struct Ledger {
    accounts: BTreeMap<u64, Entry>,
    trie: SparseTrie,
}

impl Ledger {
    /// The ledger a shard starts with.
    pub fn genesis(shard: &GenesisShard) -> Result<Self, LedgerError> {
        let entry = |key, balance| Entry {
            key,
            balance,
            ordinal: 0,
        };
        let accounts = shard
            .start
            .accounts()
            .iter()
            .map(|account| entry(account.key.coordinates(), account.balance));
        Self::try_from((0..).zip(accounts).collect::<BTreeMap<_, _>>())
    }

    /// State root.
    pub fn root(&self) -> Fr {
        self.trie.root()
    }

    /// The account at `index`, if there is one.
    pub fn account(&self, index: u64) -> Option<&Entry> {
        self.accounts.get(&index)
    }

    /// Accounts in order of position.
    pub fn accounts(&self) -> impl Iterator<Item = (u64, &Entry)> {
        self.accounts.iter().map(|(index, entry)| (*index, entry))
    }

    /// Sum of all balances.
    pub fn supply(&self) -> u128 {
        self.accounts
            .values()
            .map(|entry| u128::from(entry.balance))
            .sum()
    }

    /// The two siblings per level of the account at `index`, from the leaf up.
    pub fn path(&self, index: u64) -> Result<Vec<[Fr; 2]>, LedgerError> {
        Ok(self.trie.path(index)?)
    }

    /// Executes a transfer on shard `shard`; returns what its proof needs. What is for another shard only leaves the sender.
    pub fn execute(&mut self, shard: u32, signed: &SignedTransfer) -> Result<Step, LedgerError> {
        let (sender, receiver) = self.check(shard, signed)?;
        let Transfer { from, to, .. } = signed.transfer;
        let sender_siblings = self.path(from)?;
        let before = self.accounts.get(&from).copied();
        self.put(from, sender)?;
        let mut step = Step {
            signed: *signed,
            sender_key: sender.key,
            sender_balance: before.unwrap_or(sender).balance,
            sender_siblings,
            receiver: None,
            receiver_siblings: Vec::new(),
        };
        if let Some(receiver) = receiver {
            step.receiver = self.holding(to);
            step.receiver_siblings = self.path(to)?;
            self.put(to, receiver)?;
        }
        Ok(step)
    }

    /// Takes back the transfer that was executed last.
    ///
    /// # Errors
    /// It is of accounts that are not there.
    pub fn undo(&mut self, shard: u32, step: &Step) -> Result<(), LedgerError> {
        let Transfer {
            from,
            to,
            to_shard,
            ordinal,
            ..
        } = step.signed.transfer;
        if to_shard == shard {
            self.restore(to, step.receiver)?;
        }
        let before = Holding {
            balance: step.sender_balance,
            ordinal,
        };
        self.restore(from, Some(before))
    }

    /// What message `index` of a channel does. `named` is the key that it names, if that is known. Returns what its proof needs of
    /// the account, and what becomes of the message.
    pub fn deliver(
        &mut self,
        message: &Message,
        index: u64,
        named: Coordinates,
    ) -> Result<(Target, Delivered), LedgerError> {
        let size = Size::DEPLOYED;
        let place = size.place(message).unwrap_or_default();
        let key = self.account(place).map_or(named, |entry| entry.key);
        let target = Target {
            key,
            held: self.holding(place),
            siblings: self.path(place)?,
        };
        let delivered = transfer::deliver(message, index, size, key, target.held);
        let delivered = delivered.ok_or(LedgerError::MissingKey { index })?;
        if let Some(Holding { balance, ordinal }) = delivered.held {
            let entry = Entry {
                key,
                balance,
                ordinal,
            };
            self.put(place, entry)?;
        }
        Ok((target, delivered))
    }

    /// Takes back the message that was delivered last to the account `held` then.
    ///
    /// # Errors
    /// The account is not there.
    pub fn take_back(
        &mut self,
        message: &Message,
        held: Option<Holding>,
    ) -> Result<(), LedgerError> {
        let place = Size::DEPLOYED.place(message);
        place.map_or(Ok(()), |place| self.restore(place, held))
    }

    fn holding(&self, index: u64) -> Option<Holding> {
        self.accounts.get(&index).map(|held| Holding {
            balance: held.balance,
            ordinal: held.ordinal,
        })
    }

    fn restore(&mut self, index: u64, held: Option<Holding>) -> Result<(), LedgerError> {
        let Some(Holding { balance, ordinal }) = held else {
            self.trie.set(index, Fr::default())?;
            self.accounts.remove(&index);
            return Ok(());
        };
        let entry = self.accounts.get(&index);
        let key = entry.ok_or(LedgerError::UnknownSender { index })?.key;
        let entry = Entry {
            key,
            balance,
            ordinal,
        };
        self.put(index, entry)
    }

    /// Sender and receiver after the transfer, the latter if it is of this shard. Cheap checks come first, the signature last.
    fn check(
        &self,
        shard: u32,
        signed: &SignedTransfer,
    ) -> Result<(Entry, Option<Entry>), LedgerError> {
        let transfer = &signed.transfer;
        let index = transfer.from;
        check_index(index)?;
        let owner = self.account(index);
        let owner = owner.ok_or(LedgerError::UnknownSender { index })?;
        let sender = debit(owner, transfer)?;
        let receiver = match transfer.to_shard == shard {
            true => Some(self.check_receiver(&sender, transfer)?),
            false => check_remote(transfer).map(|()| None)?,
        };
        owner
            .key
            .verify(transfer.message(shard), &signed.signature)?;
        Ok((sender, receiver))
    }

    fn check_receiver(&self, sender: &Entry, transfer: &Transfer) -> Result<Entry, LedgerError> {
        check_index(transfer.to)?;
        if transfer.request {
            return Err(LedgerError::LocalRequest);
        }
        let held = match transfer.from == transfer.to {
            true => Some(sender),
            false => self.account(transfer.to),
        };
        credit(held, transfer)
    }

    fn put(&mut self, index: u64, entry: Entry) -> Result<(), LedgerError> {
        let leaf = transfer::account(entry.key, entry.balance, entry.ordinal);
        self.trie.set(index, leaf)?;
        self.accounts.insert(index, entry);
        Ok(())
    }
}

fn check_index(index: u64) -> Result<(), LedgerError> {
    let capacity = Size::DEPLOYED.capacity();
    match index < capacity {
        true => Ok(()),
        false => Err(LedgerError::Index { index, capacity }),
    }
}

fn debit(owner: &Entry, transfer: &Transfer) -> Result<Entry, LedgerError> {
    let Transfer {
        from: index,
        ordinal,
        amount,
        ..
    } = *transfer;
    let (balance, expected) = (owner.balance, owner.ordinal);
    if ordinal < expected {
        return Err(LedgerError::Replayed {
            index,
            ordinal,
            expected,
        });
    }
    let next = expected.checked_add(1).filter(|_| ordinal == expected);
    let next = next.ok_or(LedgerError::Ordinal {
        index,
        ordinal,
        expected,
    })?;
    // A request may ask without giving.
    if amount == 0 && !transfer.request {
        return Err(LedgerError::ZeroAmount);
    }
    let rest = balance.checked_sub(amount).ok_or(LedgerError::Overdraft {
        index,
        balance,
        amount,
    })?;
    Ok(Entry {
        key: owner.key,
        balance: rest,
        ordinal: next,
    })
}

fn credit(held: Option<&Entry>, transfer: &Transfer) -> Result<Entry, LedgerError> {
    let Transfer {
        to: index,
        receiver_key,
        amount,
        ..
    } = *transfer;
    let held = match held {
        Some(held) if held.key != receiver_key => {
            return Err(LedgerError::ReceiverKey { index });
        }
        Some(held) => *held,
        None => Entry {
            key: usable(index, receiver_key)?.coordinates(),
            balance: 0,
            ordinal: 0,
        },
    };
    let balance = held.balance;
    let sum = balance.checked_add(amount).ok_or(LedgerError::Overflow {
        index,
        balance,
        amount,
    })?;
    Ok(Entry {
        balance: sum,
        ..held
    })
}

/// What can be said here about a receiver on another shard.
fn check_remote(transfer: &Transfer) -> Result<(), LedgerError> {
    let (index, key) = (transfer.to, transfer.receiver_key);
    if u32::try_from(index).is_err() {
        return Err(LedgerError::RemoteIndex(index));
    }
    match key.y == Fr::ZERO {
        _ if key == Coordinates::NONE => Ok(()),
        true => usable_u(index, key.x),
        false => usable(index, key).map(|_| ()),
    }
}

/// Whether keys have this u coordinate, by which accounts of netted shards are named: as (u, 0), which is no key.
fn usable_u(index: u64, u: Fr) -> Result<(), LedgerError> {
    let y = (u + Fr::ONE).inverse().map(|below| (u - Fr::ONE) * below);
    let point = y.and_then(|y| Some((EdwardsAffine::get_xs_from_y_unchecked(y)?.0, y)));
    let source = SchnorrError::KeyOffCurve;
    let (x, y) = point.ok_or(LedgerError::UnusableKey { index, source })?;
    usable(index, Coordinates { x, y }).map(|_| ())
}

fn usable(index: u64, key: Coordinates) -> Result<PublicKey, LedgerError> {
    PublicKey::new(key).map_err(|source| LedgerError::UnusableKey { index, source })
}

impl From<Ledger> for BTreeMap<u64, Entry> {
    fn from(ledger: Ledger) -> Self {
        ledger.accounts
    }
}

impl TryFrom<BTreeMap<u64, Entry>> for Ledger {
    type Error = LedgerError;

    fn try_from(accounts: BTreeMap<u64, Entry>) -> Result<Self, LedgerError> {
        let trie = SparseTrie::new(Size::DEPLOYED.depth)?;
        let mut ledger = Self {
            accounts: BTreeMap::new(),
            trie,
        };
        accounts
            .into_iter()
            .try_for_each(|(index, entry)| ledger.put(index, entry))?;
        Ok(ledger)
    }
}
