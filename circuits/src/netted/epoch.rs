//! The rule of an epoch, in the plainest form; what the circuits prove together, and the model that tests hold them to.
//!
//! For every account: the ordinals of its messages are consecutive from its own on, all are signed under its key, and what they
//! take is covered by its balance before the epoch. Credits of the epoch are spendable in the next one. So the order of
//! messages within an epoch, the sender's own apart, has no meaning. What other shards sent is credited last, where it can be.

use super::accounts::{Account, AccountTrie};
use super::message::{Domain, Message as ClientMessage, Payment, SignedMessage};
use super::statement::destination;
use super::traffic::{Received, Sent, outcome, takes};
use crate::channel::Opening;
use crate::montgomery::key_u;
use crate::schnorr::SchnorrError;
use ark_bn254::Fr;
use ark_ff::AdditiveGroup;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use trifold_verifier::statement::{Message, kind};

/// Why an epoch was refused. Messages count from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EpochError {
    #[error("message {message}: {source}")]
    Signature {
        message: usize,
        source: SchnorrError,
    },
    #[error("message {message}: {found} payments, the form has room for {room}")]
    Payments {
        message: usize,
        found: usize,
        room: usize,
    },
    #[error("message {message}: its key is not that of account {account}")]
    Key { message: usize, account: u32 },
    #[error("account {account}: message {found} comes where message {expected} is due")]
    Ordinal {
        account: u32,
        expected: u64,
        found: u64,
    },
    #[error("account {account}: its ordinals are used up")]
    Ordinals { account: u32 },
    #[error("account {account}: {spent} spent of {balance}")]
    Overdraft {
        account: u32,
        balance: u64,
        spent: u128,
    },
    #[error("account {account}: {balance} does not fit 64 bits")]
    Overflow { account: u32, balance: u128 },
    #[error(
        "account {account}: a message is refused for its room, though only {balance} are reached"
    )]
    Room { account: u32, balance: u128 },
    #[error("a payment goes to {destination}, which is no place of shard {shard}")]
    Destination { destination: u64, shard: u32 },
    #[error("account {account} has an owner already")]
    Opened { account: u32 },
}

/// One epoch of a shard.
#[derive(Clone, Debug)]
pub struct Epoch {
    pub network: Fr,
    pub shard: u32,
    /// Where all fees go.
    pub collector: u64,
    /// Each with the number of payments that its form has room for.
    pub messages: Vec<(usize, SignedMessage)>,
    /// Accounts that get an owner: place and key. Their credits of this epoch are theirs.
    pub openings: BTreeMap<u32, Fr>,
    /// Messages of other shards, in the order in which they find room.
    pub received: Vec<Received>,
}

/// What an epoch did to one account.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct Change {
    pub index: u32,
    pub old: Account,
    pub new: Account,
    /// The balance less all debits, before any credit.
    pub rest: u64,
    /// How many messages of other shards look at the account.
    pub looks: u16,
}

impl Change {
    /// An account that nothing happened to.
    pub fn none(index: u32, account: Account) -> Self {
        Self {
            index,
            old: account,
            new: account,
            rest: account.balance,
            looks: 0,
        }
    }

    /// What the account's messages took.
    pub fn debits(&self) -> u64 {
        self.old.balance.saturating_sub(self.rest)
    }

    /// What `changes` say of an account, or that nothing happened to it.
    pub(super) fn of(index: u32, accounts: &AccountTrie, changes: &BTreeMap<u32, Change>) -> Self {
        let untouched = || Self::none(index, accounts.get(index));
        changes.get(&index).copied().unwrap_or_else(untouched)
    }

    fn debit(&mut self, message: &ClientMessage) -> Result<(), EpochError> {
        let account = self.index;
        let (expected, found) = (self.new.ordinal, message.ordinal);
        if expected != found {
            return Err(EpochError::Ordinal {
                account,
                expected,
                found,
            });
        }
        let (balance, spent) = (self.rest, message.spent());
        self.rest = u64::try_from(spent)
            .ok()
            .and_then(|spent| balance.checked_sub(spent))
            .ok_or(EpochError::Overdraft {
                account,
                balance,
                spent,
            })?;
        self.new.balance = self.rest;
        let next = self.new.ordinal.checked_add(1);
        self.new.ordinal = next.ok_or(EpochError::Ordinals { account })?;
        Ok(())
    }
}

/// The accounts that something happened to so far.
struct Changes<'a> {
    accounts: &'a AccountTrie,
    changed: BTreeMap<u32, Change>,
}

impl Changes<'_> {
    fn of(&mut self, index: u32) -> &mut Change {
        let untouched = || Change::none(index, self.accounts.get(index));
        self.changed.entry(index).or_insert_with(untouched)
    }
}

impl Epoch {
    /// Every account that something happened to, in order.
    pub fn changes(&self, accounts: &AccountTrie) -> Result<BTreeMap<u32, Change>, EpochError> {
        self.check_messages(accounts)?;
        let mut changes = Changes {
            accounts,
            changed: BTreeMap::new(),
        };
        self.debit(&mut changes)?;
        self.open(&mut changes)?;
        self.credit(&mut changes)?;
        self.deliver(&mut changes)?;
        Ok(changes.changed)
    }

    /// What leaves for other shards: payments by receiver and sender, then what messages taken send back.
    pub fn sent(&self, changes: &BTreeMap<u32, Change>) -> Vec<Sent> {
        let mut paid: BTreeMap<(u16, u32, u32), u64> = BTreeMap::new();
        for message in self.messages.iter().map(|(_, signed)| &signed.message) {
            for payment in self.away(message) {
                let pair = (payment.shard, payment.account, message.from);
                *paid.entry(pair).or_default() += payment.amount;
            }
        }
        let paid = paid
            .into_iter()
            .map(|((destination, to, from), amount)| Sent {
                destination: destination.into(),
                message: Message {
                    kind: kind::TRANSFER,
                    from,
                    to,
                    amount,
                    payload: Fr::ZERO,
                },
                reply: false,
            });
        let replies = self.received.iter().filter_map(|received| {
            let Opening {
                source,
                index,
                message,
                ..
            } = &received.opening;
            let account = changes.get(&message.to).map(|change| change.new);
            let account = account.unwrap_or_default();
            let reply = outcome(message, *index, &account, received.full).reply?;
            Some(Sent {
                destination: *source,
                message: reply,
                reply: true,
            })
        });
        paid.chain(replies).collect()
    }

    /// The payments of a message to other shards.
    fn away<'a>(&self, message: &'a ClientMessage) -> impl Iterator<Item = &'a Payment> {
        let shard = self.shard;
        let payments = message.payments.iter();
        payments.filter(move |payment| u32::from(payment.shard) != shard && payment.amount > 0)
    }

    fn check_messages(&self, accounts: &AccountTrie) -> Result<(), EpochError> {
        for (message, (room, signed)) in self.messages.iter().enumerate() {
            let (found, room) = (signed.message.payments.len(), *room);
            if found > room {
                return Err(EpochError::Payments {
                    message,
                    found,
                    room,
                });
            }
            let domain = Domain {
                network: self.network,
                shard: self.shard,
                payments: room,
            };
            let signature = |source| EpochError::Signature { message, source };
            signed.verify(&domain).map_err(signature)?;
            let account = signed.message.from;
            if key_u(signed.key) != accounts.get(account).key {
                return Err(EpochError::Key { message, account });
            }
        }
        Ok(())
    }

    /// Debits and ordinals, account by account in the order of ordinals.
    fn debit(&self, changes: &mut Changes<'_>) -> Result<(), EpochError> {
        let messages = self.messages.iter().map(|(_, signed)| &signed.message);
        let mut ordered: Vec<&ClientMessage> = messages.collect();
        ordered.sort_by_key(|message| (message.from, message.ordinal));
        ordered
            .into_iter()
            .try_for_each(|message| changes.of(message.from).debit(message))
    }

    fn open(&self, changes: &mut Changes<'_>) -> Result<(), EpochError> {
        for (&account, &key) in &self.openings {
            let change = changes.of(account);
            if change.old.key != Fr::ZERO {
                return Err(EpochError::Opened { account });
            }
            change.new.key = key;
        }
        Ok(())
    }

    fn credit(&self, changes: &mut Changes<'_>) -> Result<(), EpochError> {
        for (destination, value) in self.credits() {
            let account = self.local(destination, changes.accounts.capacity())?;
            let change = changes.of(account);
            let balance = u128::from(change.new.balance) + value;
            change.new.balance =
                u64::try_from(balance).map_err(|_| EpochError::Overflow { account, balance })?;
        }
        Ok(())
    }

    fn deliver(&self, changes: &mut Changes<'_>) -> Result<(), EpochError> {
        let capacity = changes.accounts.capacity();
        for Received { opening, full } in &self.received {
            let message = &opening.message;
            if u64::from(message.to) >= capacity {
                continue;
            }
            let change = changes.of(message.to);
            change.looks = change.looks.saturating_add(1);
            let room = u128::from(change.new.balance) + u128::from(change.debits());
            let account = message.to;
            let balance = room + u128::from(message.amount);
            match (takes(message, change.new.key), *full) {
                (true, false) if balance >> 64 != 0 => {
                    return Err(EpochError::Overflow { account, balance });
                }
                (true, false) => change.new.balance += message.amount,
                (true, true) if balance >> 64 == 0 => {
                    return Err(EpochError::Room { account, balance });
                }
                _ => (),
            }
        }
        Ok(())
    }

    /// Payments and fees in the shard by destination, without those of nothing.
    fn credits(&self) -> BTreeMap<u64, u128> {
        let payments = self
            .messages
            .iter()
            .flat_map(|(_, signed)| &signed.message.payments);
        let mut credits = BTreeMap::new();
        for payment in payments {
            if u32::from(payment.shard) == self.shard {
                *credits.entry(payment.destination()).or_default() += u128::from(payment.amount);
            }
            *credits.entry(self.collector).or_default() += u128::from(payment.fee);
        }
        credits.retain(|_, value| *value > 0);
        credits
    }

    fn local(&self, to: u64, capacity: u64) -> Result<u32, EpochError> {
        let index = to as u32;
        let inside = u64::from(index) < capacity && destination(index, self.shard) == to;
        inside.then_some(index).ok_or(EpochError::Destination {
            destination: to,
            shard: self.shard,
        })
    }
}
