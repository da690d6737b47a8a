//! The shard's state machine: transfers, messages and verified global states in, snapshots and messages out.

use crate::boxes::{Inbox, Outbox};
use crate::chain::Chain;
use crate::channel::Letter;
use crate::delivery::{Delivery, DeliveryError};
use crate::ledger::{Ledger, LedgerError};
use crate::post::{Post, Waiting};
use ark_bn254::Fr;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeSet, VecDeque};
use trifold_circuits::channel::{BodyFields, Send};
use trifold_circuits::genesis::{Genesis, GenesisError, TRANSFER};
use trifold_circuits::schnorr::Coordinates;
use trifold_circuits::snapshot::{Snapshot, Work};
use trifold_circuits::transfer::{Batch, Receive, SeenState, SignedTransfer, Size, Step};
use trifold_circuits::trie::TrieError;
use trifold_verifier::claim::{ClaimError, ShardClaim};
use trifold_verifier::statement::{Body, Leaf, Message, SUPPLY_BITS};
use trifold_verifier::verified::VerifiedState;

mod confirmed;
mod receive;

pub use crate::post::{KEPT_STATES, MAX_UNTAKEN};
pub use confirmed::Confirmed;

/// Most transfers and messages executed and not yet part of a global state.
pub const MAX_PENDING: usize = 4096;

/// Why the shard refused.
#[derive(Debug, thiserror::Error)]
pub enum ShardError {
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    #[error(transparent)]
    Genesis(#[from] GenesisError),
    #[error("shard {index} runs {program}, not {TRANSFER}")]
    OtherProgram { index: u32, program: String },
    #[error(transparent)]
    Trie(#[from] TrieError),
    #[error(transparent)]
    Delivery(#[from] DeliveryError),
    #[error("{MAX_PENDING} transfers wait for a global state; try again after the next")]
    Busy,
    #[error("shard {0} does not exist in any global state that this shard was shown")]
    UnknownShard(u32),
    #[error(
        "the inbox of shard {0} is full: it has not taken {MAX_UNTAKEN} messages yet; try again once it has"
    )]
    FullInbox(u32),
    #[error("the channel to shard {0} took all the messages that it ever can")]
    UsedUp(u32),
    #[error("shard {shard} is not shown to exist: {source}")]
    NotShown { shard: u32, source: ClaimError },
    #[error("{sent} can't be sent of {held} held and {received} received")]
    Overdraft {
        sent: u128,
        held: u128,
        received: u128,
    },
    #[error(
        "{value} is not below 2^{SUPPLY_BITS}, the limit of what a shard holds, sends or receives"
    )]
    Value { value: u128 },
    #[error("clock: no timestamp or counter is left after {timestamp} at {now_milliseconds} ms")]
    Clock {
        timestamp: u64,
        now_milliseconds: u64,
    },
    #[error("global state of epoch {epoch} is not newer than epoch {latest}, seen before")]
    Stale { epoch: u64, latest: u64 },
    #[error(
        "global state of epoch {epoch} holds neither the shard's leaf nor its snapshot at this path"
    )]
    NotUnderRoot { epoch: u64 },
    #[error("stored state is inconsistent: {0}")]
    Inconsistent(&'static str),
}

/// What happened in the shard.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
enum Event {
    Transfer(Box<Step>),
    /// A message, with the global state that it was opened under.
    Receive {
        receive: Box<Receive>,
        seen: SeenState,
    },
}

/// An event that no global state holds yet.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
struct Pending {
    event: Event,
    /// What it sends.
    send: Option<Send>,
    /// After the event.
    #[serde(with = "BodyFields")]
    body: Body,
}

impl Pending {
    fn seen(&self) -> Option<SeenState> {
        match &self.event {
            Event::Transfer(_) => None,
            Event::Receive { seen, .. } => Some(*seen),
        }
    }
}

/// One shard. Transfers and messages are executed at once; they leave in snapshots that fit the circuit, one snapshot under way
/// at a time.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct Shard {
    chain: Chain,
    /// Shards that were there at genesis, and others that were shown since.
    shards: u32,
    shown: BTreeSet<u32>,
    /// The body under the leaf that the latest global state has.
    #[serde(with = "BodyFields")]
    body: Body,
    /// Accounts, messages sent and messages taken with every pending event executed.
    ledger: Ledger,
    post: Post,
    pending: VecDeque<Pending>,
}

impl Shard {
    /// Shard `index` of a network at genesis, running `transfer`, whose key has the digest `program`.
    pub fn genesis(genesis: &Genesis, index: u32, program: Fr) -> Result<Self, ShardError> {
        let shard = genesis.shard(index)?;
        if shard.start.program() != TRANSFER {
            let program = shard.start.program().into();
            return Err(ShardError::OtherProgram { index, program });
        }
        let ledger = Ledger::genesis(shard)?;
        let body = Body {
            state_root: ledger.root(),
            ..Body::default()
        };
        Ok(Self {
            chain: Chain::genesis(genesis, index, program)?,
            shards: genesis.shards().len() as u32,
            shown: BTreeSet::new(),
            body,
            ledger,
            post: Post::new()?,
            pending: VecDeque::new(),
        })
    }

    /// Index in the global trie.
    pub fn index(&self) -> u32 {
        self.chain.index()
    }

    /// The shard's leaf in the latest global state.
    pub fn leaf(&self) -> &Leaf {
        self.chain.leaf()
    }

    /// Accounts with every accepted transfer executed.
    pub fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// Messages sent with every accepted transfer executed.
    pub fn outbox(&self) -> &Outbox {
        self.post.outbox()
    }

    /// Messages taken, those that no global state counts yet included.
    pub fn inbox(&self) -> &Inbox {
        self.post.inbox()
    }

    /// Epoch of the latest global state observed; 0 before the first.
    pub fn latest_epoch(&self) -> u64 {
        self.chain.latest_epoch()
    }

    /// Epoch of the global state that messages are taken under, once there is one.
    pub fn seen_epoch(&self) -> Option<u64> {
        self.chain.seen().map(|SeenState(state)| state.epoch)
    }

    /// Accepted transfers and messages that no global state holds yet.
    pub fn pending(&self) -> usize {
        self.pending.len()
    }

    /// Executes a client's transfer. Nothing changes on error.
    pub fn accept(&mut self, signed: &SignedTransfer) -> Result<(), ShardError> {
        if self.pending.len() >= MAX_PENDING {
            return Err(ShardError::Busy);
        }
        let transfer = &signed.transfer;
        let (destination, outgoing) = (transfer.to_shard, transfer.outgoing(self.index()));
        if destination != self.index() {
            self.check_destination(destination)?;
        }
        let step = self.ledger.execute(self.index(), signed)?;
        let made = outgoing.map(|message| (destination, message, transfer.receiver_key));
        self.push(Event::Transfer(Box::new(step)), made)
    }

    /// Lets clients send to a shard that was not there at genesis, once a global state shows it.
    pub fn show(&mut self, verified: &VerifiedState, claim: &ShardClaim) -> Result<(), ShardError> {
        let shard = claim.index;
        let shown = verified.verify_shard(claim);
        let shown = shown.map_err(|source| ShardError::NotShown { shard, source })?;
        match shown.is_absent() {
            true => Err(ShardError::UnknownShard(shard)),
            false => {
                self.shown.insert(shard);
                Ok(())
            }
        }
    }

    /// Whether a client's message to this shard can be sent now.
    fn check_destination(&self, destination: u32) -> Result<(), ShardError> {
        if destination >= self.shards && !self.shown.contains(&destination) {
            return Err(ShardError::UnknownShard(destination));
        }
        self.post.check_room(destination, 1)?;
        let channel = self.outbox().channel(destination);
        match channel.is_some_and(|channel| channel.kept() >= MAX_UNTAKEN) {
            true => Err(ShardError::FullInbox(destination)),
            false => Ok(()),
        }
    }

    /// Sends what an executed event made, and has it wait for a snapshot.
    fn push(
        &mut self,
        event: Event,
        made: Option<(u32, Message, Coordinates)>,
    ) -> Result<(), ShardError> {
        let send = made.map(|(destination, message, key)| {
            self.post.append(destination, Letter { message, key })
        });
        let send = send.transpose()?;
        let body = self.tip();
        self.pending.push_back(Pending { event, send, body });
        Ok(())
    }

    /// The body with every pending event executed.
    fn tip(&self) -> Body {
        self.post.body(self.ledger.root())
    }

    /// What to submit: the snapshot under way, unchanged, or else a new one over the oldest pending events, if any.
    pub fn snapshot(&mut self, now_milliseconds: u64) -> Result<Option<&Snapshot>, ShardError> {
        if self.chain.under_way().is_none() && !self.pending.is_empty() {
            self.submit(now_milliseconds)?;
        }
        Ok(self.chain.under_way())
    }

    /// Takes in a verified global state, with the shard's path (from the leaf up) under its root. Says whether the state
    /// holds the snapshot under way.
    pub fn observe(
        &mut self,
        verified: &VerifiedState,
        siblings: Vec<[Fr; 2]>,
    ) -> Result<bool, ShardError> {
        let confirmed = self.chain.observe(verified, &siblings)?;
        if let Some(snapshot) = &confirmed {
            self.confirm(snapshot);
        }
        let waiting = self.waiting();
        self.post.keep(&self.chain, siblings, self.body, &waiting);
        Ok(confirmed.is_some())
    }

    /// Messages sent and taken by pending events.
    fn waiting(&self) -> Waiting {
        let mut waiting = Waiting::default();
        for Pending { event, send, .. } in &self.pending {
            if let Some(send) = send {
                *waiting.sent.entry(send.destination).or_default() += 1;
            }
            if let Event::Receive { receive, .. } = event {
                *waiting.taken.entry(receive.opening.source).or_default() += 1;
            }
        }
        waiting
    }

    /// All that the shard has for another under the global state of an epoch. The other takes it once it has seen that state and a
    /// newer one.
    ///
    /// # Errors
    /// The state is not among the newest [`KEPT_STATES`] that the shard has taken in.
    pub fn deliver(&self, destination: u32, epoch: u64) -> Result<Delivery, ShardError> {
        self.post.deliver(&self.chain, destination, epoch)
    }

    /// Checks a shard that was read from storage.
    pub fn check(&self) -> Result<(), ShardError> {
        let inconsistent = |reason| Err(ShardError::Inconsistent(reason));
        let tip = self.pending.back().map_or(self.body, |last| last.body);
        if tip.state_root != self.ledger.root() {
            return inconsistent("the accounts are not those that the pending events lead to");
        }
        if tip != self.tip() {
            return inconsistent("the messages are not those that the pending events lead to");
        }
        if self.body.digest() != self.leaf().body {
            return inconsistent("the body is not that of the leaf");
        }
        self.chain.check()?;
        match self.chain.under_way() {
            Some(snapshot) if snapshot.events() as usize > self.pending.len() => {
                inconsistent("events are missing")
            }
            _ => Ok(()),
        }
    }

    fn confirm(&mut self, snapshot: &Snapshot) {
        let mut confirmed = self
            .pending
            .drain(..(snapshot.events() as usize).min(self.pending.len()));
        self.body = confirmed.next_back().map_or(self.body, |last| last.body);
    }

    /// Submits the oldest pending events.
    fn submit(&mut self, now_milliseconds: u64) -> Result<(), ShardError> {
        let events = self.pending.range(..fitting(&self.pending));
        let seen = self.next_seen();
        let mut batch = Batch::new(self.index(), &self.body);
        batch.seen_digest = seen.map_or(Fr::default(), |SeenState(state)| state.digest());
        for pending in events.clone() {
            batch.sends.extend(pending.send.clone());
            match &pending.event {
                Event::Transfer(step) => batch.steps.push(Step::clone(step)),
                Event::Receive { receive, seen } => {
                    batch.receives.push(Receive::clone(receive));
                    batch.seen = Some(*seen);
                }
            }
        }
        let body = events.last().map_or(self.body, |last| last.body);
        let (events, exchange) = (batch.events() as u32, batch.exchange());
        let new = (self.chain).step(body.digest(), events, &exchange, seen, now_milliseconds)?;
        self.chain.submit(new, Work::Transfer(batch));
        Ok(())
    }

    /// What the next snapshot has seen: what its messages were opened under, and never more than the next ones that wait.
    fn next_seen(&self) -> Option<SeenState> {
        let opened = self.pending.iter().find_map(Pending::seen);
        opened.or(self.chain.seen())
    }
}

/// How many of these events one snapshot takes: messages under one global state, then transfers, and all that they send.
fn fitting(pending: &VecDeque<Pending>) -> usize {
    let size = Size::DEPLOYED;
    let first = pending.front().and_then(Pending::seen);
    let (mut receives, mut transfers, mut sends) = (0, 0, 0);
    let fits = |pending: &&Pending| {
        sends += usize::from(pending.send.is_some());
        let in_order = match pending.seen() {
            Some(seen) => {
                receives += 1;
                Some(seen) == first && transfers == 0
            }
            None => {
                transfers += 1;
                true
            }
        };
        in_order && receives <= size.receives && transfers <= size.transfers && sends <= size.sends
    };
    pending.iter().take_while(fits).count()
}
