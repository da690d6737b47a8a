//! One shard's epoch: messages against opening balances, in any order; what they net to at its end.

use super::accounts::{Accounts, Entry, is_key};
use super::layout::{Domain, MAX_DEPTH, MAX_PAYMENTS, SignedMessage, destination};
use super::limits::Limits;
use super::sent::{Payments, Sent, parts};
use super::trie::MIN_DEPTH;
use crate::signatures::{Claim, refused};
use ark_bn254::Fr;
use rayon::prelude::*;
use std::collections::{BTreeMap, HashMap, HashSet};
use trifold_circuits::channel::Opening;
use trifold_circuits::netted::traffic::{Received, takes};
use trifold_circuits::schnorr::{PublicKey, SchnorrError};

/// Why a message or a ledger was refused; nothing has changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NettedError {
    #[error("a trie of accounts has {MIN_DEPTH} to {MAX_DEPTH} levels, not {0}")]
    Depth(u8),
    #[error("all {capacity} accounts are taken")]
    Full { capacity: u64 },
    #[error("account {account} takes the fees and does not exist")]
    Collector { account: u32 },
    #[error("a message has 1 to {MAX_PAYMENTS} payments, not {0}")]
    Payments(usize),
    #[error("sender {account} has no account")]
    UnknownSender { account: u32 },
    #[error("receiver {account} has no account")]
    UnknownReceiver { account: u32 },
    #[error("shard {shard} does not exist; there are {shards}")]
    UnknownShard { shard: u16, shards: u16 },
    #[error("amount is zero")]
    ZeroAmount,
    #[error("account {account} belongs to another key")]
    Key { account: u32 },
    #[error("message {ordinal} of account {account} was accepted before; the next is {expected}")]
    Replayed {
        account: u32,
        ordinal: u64,
        expected: u64,
    },
    #[error("message {ordinal} of account {account} is out of order; the next is {expected}")]
    Ordinal {
        account: u32,
        ordinal: u64,
        expected: u64,
    },
    #[error(
        "account {account} would spend {spent} of the {balance} that it held when the epoch began"
    )]
    Overdraft {
        account: u32,
        balance: u64,
        spent: u128,
    },
    #[error("account {account} holds {balance} and cannot take {credit} in this epoch")]
    Overflow {
        account: u32,
        balance: u64,
        credit: u128,
    },
    #[error("signature refused: {0}")]
    Signature(#[from] SchnorrError),
    #[error(
        "shard {shard} is sent no more than {limit} messages per epoch, or before it takes some; try again later"
    )]
    InboxFull { shard: u16, limit: usize },
    #[error("the epoch holds as much as its proof can take; try again after its end")]
    Busy,
}

/// What a shard's ledger goes by; never changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rules {
    /// Names the network in everything that clients sign.
    pub network: Fr,
    pub shard: u16,
    /// Shards 0 to this exist.
    pub shards: u16,
    /// Levels of the account trie.
    pub depth: u8,
    /// The account of this shard that fees go to.
    pub collector: u32,
    /// Most messages to one other shard in one epoch.
    pub inbox_receivers: usize,
    pub limits: Limits,
}

impl Rules {
    /// Places for accounts.
    pub fn capacity(&self) -> u64 {
        3u64.pow(self.depth.into())
    }
}

/// What an account has done in the epoch so far.
#[derive(Clone, Copy, Debug, Default)]
struct Pending {
    spent: u64,
    credits: u64,
    messages: u64,
}

/// An epoch that has ended.
#[derive(Clone, Debug)]
pub struct Closed {
    pub epoch: u64,
    /// All accounts as the epoch left them.
    pub accounts: Accounts,
    /// Bottom nodes that it changed, in order.
    pub triads: Vec<u32>,
    /// In order of destination and sender.
    pub outbox: Vec<Sent>,
    /// Of other shards, in the order in which they were taken.
    pub received: Vec<Received>,
    /// As they were accepted; any order that keeps each sender's own leads to the same root.
    pub messages: Vec<SignedMessage>,
}

/// Accounts, and the epoch that is open.
#[derive(Clone, Debug)]
pub struct NettedLedger {
    rules: Rules,
    domain: Domain,
    accounts: Accounts,
    epoch: u64,
    pending: HashMap<u32, Pending>,
    outbox: Payments,
    /// Other shards that clients can't send anything now.
    full: HashSet<u16>,
    messages: Vec<SignedMessage>,
    /// What they count against [`Limits::messages`].
    slots: usize,
}

impl NettedLedger {
    /// A ledger whose next epoch to end is `epoch`.
    ///
    /// # Errors
    /// The depth is out of range, or the accounts don't fit it or lack the collector.
    pub fn new(rules: Rules, accounts: Accounts, epoch: u64) -> Result<Self, NettedError> {
        let (depth, capacity) = (rules.depth, rules.capacity());
        if !(MIN_DEPTH..=MAX_DEPTH).contains(&depth) {
            return Err(NettedError::Depth(depth));
        }
        if accounts.len() as u64 > capacity {
            return Err(NettedError::Full { capacity });
        }
        let account = rules.collector;
        accounts
            .get(account)
            .ok_or(NettedError::Collector { account })?;
        Ok(Self {
            rules,
            domain: Domain::new(rules.network, rules.shard),
            accounts,
            epoch,
            pending: HashMap::new(),
            outbox: Payments::default(),
            full: HashSet::new(),
            messages: Vec::new(),
            slots: 0,
        })
    }

    /// What the ledger goes by.
    pub fn rules(&self) -> &Rules {
        &self.rules
    }

    /// The epoch that is open.
    pub fn epoch(&self) -> u64 {
        self.epoch
    }

    /// Accounts as the last epoch left them, with those opened since.
    pub fn accounts(&self) -> &Accounts {
        &self.accounts
    }

    /// Messages accepted in this epoch.
    pub fn messages(&self) -> &[SignedMessage] {
        &self.messages
    }

    /// The ordinal of the account's next message.
    pub fn next_ordinal(&self, account: u32) -> Option<u64> {
        let entry = self.accounts.get(account)?;
        Some(entry.ordinal + self.pending(account).messages)
    }

    /// Has clients' payments to these shards be refused from now on.
    pub fn refuse(&mut self, full: HashSet<u16>) {
        self.full = full;
    }

    /// Opens an account for `key`; it may be paid from now on, and pay from the next epoch on.
    pub fn open(&mut self, key: PublicKey) -> Result<u32, NettedError> {
        match self.pending.len() < self.rules.limits.accounts {
            true => self.apply_open(key),
            false => Err(NettedError::Busy),
        }
    }

    /// Opens an account if the trie has a place for it.
    pub(crate) fn apply_open(&mut self, key: PublicKey) -> Result<u32, NettedError> {
        let capacity = self.rules.capacity();
        if self.accounts.len() as u64 >= capacity {
            return Err(NettedError::Full { capacity });
        }
        let (balance, ordinal) = (0, 0);
        let account = self.accounts.push(Entry {
            key,
            balance,
            ordinal,
        });
        self.pending.entry(account).or_default();
        Ok(account)
    }

    /// Checks the signatures together on all cores, then takes the messages one after the other; says of each what became of it.
    pub fn accept(&mut self, messages: Vec<SignedMessage>) -> Vec<Result<(), NettedError>> {
        let mut results = self.check(&messages);
        for (result, signed) in results.iter_mut().zip(messages) {
            *result = result.and_then(|()| {
                let credits = self.credits(&signed);
                self.check_room(&signed, &credits)?;
                self.enter(signed, credits)
            });
        }
        results
    }

    /// What can be said of messages without those before them: form, parties, key, signature.
    fn check(&self, messages: &[SignedMessage]) -> Vec<Result<(), NettedError>> {
        let claims: Vec<_> = messages
            .par_iter()
            .map(|signed| self.claim(signed))
            .collect();
        let (positions, well_formed): (Vec<usize>, Vec<Claim>) = claims
            .iter()
            .enumerate()
            .filter_map(|(position, claim)| Some((position, (*claim).ok()?)))
            .unzip();
        let mut results: Vec<_> = claims.iter().map(|claim| claim.map(|_| ())).collect();
        for (claim, error) in refused(&well_formed) {
            results[positions[claim]] = Err(error.into());
        }
        results
    }

    fn claim(&self, signed: &SignedMessage) -> Result<Claim, NettedError> {
        let SignedMessage {
            message,
            key,
            signature,
        } = signed;
        let account = message.from;
        let sender = self.accounts.get(account);
        let sender = sender.ok_or(NettedError::UnknownSender { account })?;
        self.check_payments(signed)?;
        if !is_key(sender, *key) {
            return Err(NettedError::Key { account });
        }
        // A message that was accepted before costs no more than this: anybody may send it again.
        let (ordinal, expected) = (
            message.ordinal,
            sender.ordinal + self.pending(account).messages,
        );
        if ordinal < expected {
            return Err(NettedError::Replayed {
                account,
                ordinal,
                expected,
            });
        }
        let u = self.accounts.key_u(account).unwrap_or_default();
        let hash = self.domain.hash(message, u, signature.commitment);
        Ok(Claim::with_hash(&sender.key, hash, signature))
    }

    fn check_payments(&self, signed: &SignedMessage) -> Result<(), NettedError> {
        let payments = &signed.message.payments;
        if payments.is_empty() || payments.len() > MAX_PAYMENTS {
            return Err(NettedError::Payments(payments.len()));
        }
        let Rules {
            shard: own, shards, ..
        } = self.rules;
        for payment in payments {
            let (account, shard) = (payment.account, payment.shard);
            if payment.amount == 0 {
                return Err(NettedError::ZeroAmount);
            }
            if shard >= shards {
                return Err(NettedError::UnknownShard { shard, shards });
            }
            if shard == own && self.accounts.get(account).is_none() {
                return Err(NettedError::UnknownReceiver { account });
            }
            if self.full.contains(&shard) {
                let limit = self.rules.inbox_receivers;
                return Err(NettedError::InboxFull { shard, limit });
            }
        }
        Ok(())
    }

    /// Whether the epoch has room for what the message adds to it.
    fn check_room(
        &self,
        signed: &SignedMessage,
        credits: &BTreeMap<u64, u128>,
    ) -> Result<(), NettedError> {
        let (own, limits) = (self.rules.shard, self.rules.limits);
        let touched = self.pending.len() + credits.len() + 1;
        if self.slots + slots(signed) > limits.messages || touched > limits.accounts {
            return Err(NettedError::Busy);
        }
        let foreign = credits.keys().filter(|to| parts(**to).1 != own);
        let added = self.outbox.adding(signed.message.from, foreign.copied());
        let limit = self.rules.inbox_receivers;
        for (shard, new) in added.shards {
            if self.outbox.count(shard) + new > limit {
                return Err(NettedError::InboxFull { shard, limit });
            }
        }
        match added.rows > limits.sent_rows {
            true => Err(NettedError::Busy),
            false => Ok(()),
        }
    }

    /// Takes a message that was accepted before, as one from a journal was.
    pub(crate) fn apply(&mut self, signed: SignedMessage) -> Result<(), NettedError> {
        let credits = self.credits(&signed);
        self.enter(signed, credits)
    }

    fn enter(
        &mut self,
        signed: SignedMessage,
        credits: BTreeMap<u64, u128>,
    ) -> Result<(), NettedError> {
        let spent = self.check_sender(&signed)?;
        self.check_credits(&credits)?;
        let from = signed.message.from;
        let sender = self.pending.entry(from).or_default();
        sender.spent += spent;
        sender.messages += 1;
        for (to, amount) in credits {
            self.credit(from, to, amount as u64);
        }
        self.slots += slots(&signed);
        self.messages.push(signed);
        Ok(())
    }

    /// What the message takes from its sender, if it may.
    fn check_sender(&self, signed: &SignedMessage) -> Result<u64, NettedError> {
        let (account, ordinal) = (signed.message.from, signed.message.ordinal);
        let entry = self.accounts.get(account);
        let entry = entry.ok_or(NettedError::UnknownSender { account })?;
        let pending = self.pending(account);
        let expected = entry.ordinal + pending.messages;
        if ordinal < expected {
            return Err(NettedError::Replayed {
                account,
                ordinal,
                expected,
            });
        }
        if ordinal > expected {
            return Err(NettedError::Ordinal {
                account,
                ordinal,
                expected,
            });
        }
        let (balance, now) = (entry.balance, signed.message.spent());
        let spent = u128::from(pending.spent) + now;
        match spent <= balance.into() {
            true => Ok(now as u64),
            false => Err(NettedError::Overdraft {
                account,
                balance,
                spent,
            }),
        }
    }

    /// Payments and fees by destination.
    fn credits(&self, signed: &SignedMessage) -> BTreeMap<u64, u128> {
        let mut credits: BTreeMap<u64, u128> = BTreeMap::new();
        let collector = destination(self.rules.collector, self.rules.shard.into());
        for payment in &signed.message.payments {
            *credits.entry(payment.destination()).or_default() += u128::from(payment.amount);
            if payment.fee > 0 {
                *credits.entry(collector).or_default() += u128::from(payment.fee);
            }
        }
        credits
    }

    /// Debits are left out of a receiver's room, so that it does not depend on the order of messages.
    fn check_credits(&self, credits: &BTreeMap<u64, u128>) -> Result<(), NettedError> {
        let own = credits
            .iter()
            .filter(|(to, _)| parts(**to).1 == self.rules.shard);
        for (to, amount) in own {
            let account = parts(*to).0;
            let entry = self.accounts.get(account);
            let balance = entry
                .ok_or(NettedError::UnknownReceiver { account })?
                .balance;
            let credit = u128::from(self.pending(account).credits) + amount;
            if u128::from(balance) + credit > u64::MAX.into() {
                return Err(NettedError::Overflow {
                    account,
                    balance,
                    credit,
                });
            }
        }
        Ok(())
    }

    fn credit(&mut self, from: u32, to: u64, amount: u64) {
        let (account, shard) = parts(to);
        match shard == self.rules.shard {
            true => self.pending.entry(account).or_default().credits += amount,
            false => self.outbox.add(from, to, amount),
        }
    }

    /// Ends the epoch: credits what is taken of other shards, nets all that was accepted and opens the next one. Hashes nothing.
    pub fn close(&mut self, taken: Vec<Opening>) -> Closed {
        let received = taken.into_iter().map(|opening| self.receive(opening));
        let received = received.collect();
        let mut triads = Vec::with_capacity(self.pending.len());
        for (account, pending) in self.pending.drain() {
            triads.push(account / 3);
            if let Some(entry) = self.accounts.get_mut(account) {
                entry.balance = entry.balance - pending.spent + pending.credits;
                entry.ordinal += pending.messages;
            }
        }
        triads.par_sort_unstable();
        triads.dedup();
        let epoch = self.epoch;
        self.epoch += 1;
        self.slots = 0;
        Closed {
            epoch,
            accounts: self.accounts.clone(),
            triads,
            outbox: self.outbox.take(),
            received,
            messages: std::mem::take(&mut self.messages),
        }
    }

    /// Credits a message of another shard where an account takes it and has room, debits left out as in
    /// [`Self::check_credits`].
    fn receive(&mut self, opening: Opening) -> Received {
        let (to, amount) = (opening.message.to, opening.message.amount);
        let key = self.accounts.key_u(to).unwrap_or_default();
        let takes = takes(&opening.message, key);
        let balance = self.accounts.get(to).map_or(0, |entry| entry.balance);
        let full = takes && amount > u64::MAX - balance - self.pending(to).credits;
        if takes && !full {
            self.pending.entry(to).or_default().credits += amount;
        }
        Received { opening, full }
    }

    fn pending(&self, account: u32) -> Pending {
        self.pending.get(&account).copied().unwrap_or_default()
    }
}

/// What a message counts against [`Limits::messages`]: parts of lists take half as many.
fn slots(signed: &SignedMessage) -> usize {
    1 + usize::from(signed.message.payments.len() > 1)
}
