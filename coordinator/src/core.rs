//! The coordinator's decisions, without IO: inputs and the time in, entries to record and effects to carry out.
//!
//! [`Core::step`] changes the state in memory at once and says what must be recorded for it. Its effects may be carried
//! out only after those entries are in the journal; if they can't be put there because somebody else leads, this core is
//! dropped and nothing it decided has happened. [`Core::restore`] makes the same state of the entries again. There is no
//! clock, no randomness and no unordered map in here, and other threads do nothing but hash, so that a simulator can drive it
//! from a seed.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use ark_bn254::Fr;
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use trifold_verifier::statement::Leaf;

use crate::Digest;
use crate::coordinator::Report;
use crate::plan::{Event, Network, Outline, Planner, Policy};
use crate::wire::{
    CommandKind, GlobalProof, Order, Orders, Presence, ProofBytes, Reply, Task, TaskResult,
    Verdict, WireLeaf,
};

mod actions;
mod bundle;
mod checkpoint;
mod commands;
mod costs;
mod entry;
mod picture;
mod replay;
mod results;
mod snapshots;
mod workers;

pub use bundle::Bundle;
pub use costs::Cost;
pub use entry::{Batch, Entry, EntryError, newest_checkpoint};
pub use replay::ReplayError;
pub use workers::{MAX_NAME, name_of};

use actions::Offer;
use checkpoint::Recorded;
use results::Checking;
use snapshots::Inspections;
use workers::Registry;

/// Names one delivery of a queue item; used once.
pub type Token = u64;

/// A global proof that is on its way out.
struct Publication {
    proof: Box<GlobalProof>,
    /// Whether it is known to be out.
    out: bool,
}

/// What the core works with.
#[derive(Debug, Clone)]
pub struct CoreConfig {
    /// Name of this coordinator: one word.
    pub name: String,
    pub network: Network,
    pub policy: Policy,
    /// Wrong or malformed results after which a worker is cordoned.
    pub max_strikes: u32,
    /// A worker that was silent for longer, in milliseconds, counts as gone.
    pub presence_ms: u64,
    /// For this long after it began to lead, in milliseconds, a coordinator may not know of all workers yet.
    pub census_ms: u64,
    /// A snapshot that came before the one it builds on waits this long for it, in milliseconds: longer than a lease.
    pub patience_ms: u64,
    /// Entries after which a checkpoint is made.
    pub checkpoint_entries: u64,
    /// Blobs younger than this are never collected.
    pub retention_seconds: u64,
    /// Time between collections of blobs, in milliseconds.
    pub collect_ms: u64,
}

impl CoreConfig {
    /// The usual limits.
    pub fn new(name: impl Into<String>, network: Network, policy: Policy) -> Self {
        Self {
            name: name.into(),
            network,
            policy,
            max_strikes: 3,
            presence_ms: 20_000,
            census_ms: 10_000,
            patience_ms: 60_000,
            checkpoint_entries: 20_000,
            retention_seconds: 7 * 86_400,
            collect_ms: 3_600_000,
        }
    }
}

/// What reaches the coordinator.
#[derive(Debug, Clone)]
pub enum Input {
    /// A snapshot of proper form.
    Submitted { token: Token, outline: Box<Outline> },
    /// A snapshot that is none.
    Refused {
        token: Token,
        shard: u32,
        snapshot: Digest,
        code: String,
        message: String,
    },
    /// Answer to [`Effect::Inspect`]: code and message of the refusal, if it is one.
    Inspected {
        token: Token,
        refusal: Option<(String, String)>,
    },
    /// A result as it came, under the key of its item.
    Result {
        token: Token,
        key: String,
        result: Result<TaskResult, String>,
    },
    /// Whether more results wait at the queue than are being read.
    ResultsWait(bool),
    /// Answer to [`Effect::Verify`].
    Verified {
        task: Digest,
        refusal: Option<String>,
        seconds: f64,
    },
    Command {
        token: Token,
        id: String,
        command: CommandKind,
    },
    /// The newest notice of a worker, told again and again.
    Presence(Presence),
    /// Answer to [`Effect::Publish`]: it is out.
    Published { epoch: u64 },
    /// Answer to [`Effect::Bundle`].
    Bundled { task: Digest, blob: Digest },
    /// Answer to [`Effect::Checkpoint`].
    Stored { blob: Digest, serial: u64 },
    /// Answer to [`Effect::Collect`].
    Collected {
        id: Option<String>,
        outcome: Result<Collected, String>,
    },
    /// Time passed.
    Tick,
}

/// Blobs that nothing needs.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Collected {
    pub blobs: u64,
    pub bytes: u64,
    /// Whether they are still there.
    pub dry_run: bool,
}

/// A shard's part in an epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Member {
    pub shard: u32,
    pub snapshot: Digest,
    /// The leaf that it leads to.
    pub leaf: WireLeaf,
}

/// What is to be done once the entries of the same output are recorded. May happen twice, since a crash may come between
/// an effect and the record of it.
#[derive(Debug, Clone, PartialEq)]
pub enum Effect {
    /// Check a snapshot fully, from the leaf that it must start from.
    Inspect {
        token: Token,
        snapshot: Digest,
        previous: Option<Leaf>,
    },
    /// Verify a proof.
    Verify {
        task: Digest,
        key: Fr,
        statement: Fr,
        proof: ProofBytes,
        trace: Option<String>,
    },
    /// Offer a task to the queue.
    Push(Box<Task>),
    /// Take a task back from the queue.
    Cancel {
        lane: String,
        task: Digest,
    },
    /// Publish the members of an epoch, and then its global proof.
    Publish {
        proof: Box<GlobalProof>,
        members: Vec<Member>,
    },
    /// Let go of an item.
    Done(Token),
    GiveBack {
        token: Token,
        delay_ms: u64,
    },
    Verdict(Verdict),
    Order {
        worker: String,
        orders: Orders,
    },
    Reply {
        id: String,
        reply: Reply,
    },
    /// Store a quarantined task with its inputs and reports.
    Bundle(Box<Bundle>),
    /// Delete blobs that are older than this, except `keep`.
    Collect {
        id: Option<String>,
        keep: BTreeSet<Digest>,
        older_seconds: u64,
        dry_run: bool,
    },
    /// Store the state after all entries below `serial`.
    Checkpoint {
        serial: u64,
        state: Bytes,
    },
    /// Forget batches all of whose entries are below `serial`.
    Shorten {
        serial: u64,
    },
    Report(Report),
}

/// What a step leads to.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Output {
    pub entries: Vec<Entry>,
    pub effects: Vec<Effect>,
}

/// The state of a leading coordinator.
pub struct Core {
    config: CoreConfig,
    planner: Planner,
    /// What is in the journal beside the plan.
    recorded: Recorded,
    /// Entries made so far; the next one's serial number.
    serial: u64,
    /// Entries of this number are in a checkpoint, stored or on its way.
    checkpointed: u64,
    checkpointing: bool,
    inspections: Inspections,
    /// Tasks one of whose results is being verified.
    checking: BTreeMap<Digest, Checking>,
    /// Tasks that were offered since this coordinator leads.
    offered: BTreeMap<Digest, Offer>,
    registry: Registry,
    /// Tasks proven since this coordinator leads, and when those of the last minute were.
    proved_tasks: u64,
    proved_at: VecDeque<(u64, u64)>,
    refused_results: u64,
    /// When each epoch in work was closed.
    closed_at: BTreeMap<u64, u64>,
    /// Global proofs on their way out.
    publishing: BTreeMap<u64, Publication>,
    /// When the newest published epochs were.
    published_at: BTreeMap<u64, u64>,
    collect_at: u64,
    led_since: u64,
    window: usize,
    /// Whether what the planner drops now was cancelled by an operator.
    cancelling: bool,
    output: Output,
}

impl Core {
    /// Takes in what happened and says what to do about it.
    pub fn step(&mut self, now: u64, input: Input) -> Output {
        match input {
            Input::Submitted { token, outline } => self.submitted(now, token, *outline),
            Input::Refused {
                token,
                shard,
                snapshot,
                code,
                message,
            } => self.refused(token, shard, snapshot, code, message),
            Input::Inspected { token, refusal } => self.inspected(now, token, refusal),
            Input::Result { token, key, result } => self.result(now, token, &key, result),
            Input::ResultsWait(waiting) => self.plan(now, Event::ResultsWait { waiting }),
            Input::Verified {
                task,
                refusal,
                seconds,
            } => self.verified(now, task, refusal, seconds),
            Input::Command { token, id, command } => self.command(now, token, id, command),
            Input::Presence(presence) => self.presence(now, presence),
            Input::Published { epoch } => self.published(now, epoch),
            Input::Bundled { task, blob } => self.bundled(task, blob),
            Input::Stored { blob, serial } => self.stored(blob, serial),
            Input::Collected { id, outcome } => self.collected(id, outcome),
            Input::Tick => self.tick(now),
        }
        self.maybe_checkpoint();
        std::mem::take(&mut self.output)
    }

    /// When [`Input::Tick`] is due at the latest.
    pub fn next_wake(&self) -> Option<u64> {
        let collect = (self.collect_at < u64::MAX).then_some(self.collect_at);
        self.planner.next_wake().into_iter().chain(collect).min()
    }

    /// Whether snapshots are wanted; if not, they are to wait at the queue.
    pub fn pulls_snapshots(&self) -> bool {
        !self.planner.backlogged()
    }

    /// Entries made so far, those of the last output included.
    pub fn serial(&self) -> u64 {
        self.serial
    }

    /// How many coordinators led before this one, and itself.
    pub fn fence(&self) -> u64 {
        self.recorded.fence
    }

    /// What a coordinator does first: it says that it leads, and again what may have been said to nobody.
    fn lead(&mut self, now: u64, session: String) {
        let (name, fence) = (self.config.name.clone(), self.recorded.fence + 1);
        self.record(Entry::Led {
            name,
            fence,
            session,
        });
        self.report(Report::Led { fence });
        for worker in self.recorded.cordoned.clone() {
            self.order(&worker, Order::Cordon);
        }
        let epoch = self.planner.published_epoch();
        let members = self.recorded.last_members.clone();
        self.tell_final(epoch, &members);
        for epoch in epoch + 1..=self.planner.head().epoch {
            self.closed_at.insert(epoch, now);
        }
    }

    fn tick(&mut self, now: u64) {
        self.look_at_workers(now);
        if now >= self.collect_at {
            self.collect_at = now.saturating_add(self.config.collect_ms.max(1));
            self.collect(None, self.config.retention_seconds, false);
        }
        self.plan(now, Event::Tick);
    }

    /// Tells the planner and turns its actions into entries and effects.
    fn plan(&mut self, now: u64, event: Event) {
        let actions = self.planner.handle(now, event);
        actions.into_iter().for_each(|action| self.act(now, action));
    }

    fn record(&mut self, entry: Entry) {
        self.record_with(entry, &[]);
    }

    /// Records an entry that closes or publishes an epoch of these members.
    fn record_with(&mut self, entry: Entry, members: &[(u32, Digest)]) {
        self.recorded.apply(&entry, members);
        self.serial += 1;
        self.output.entries.push(entry);
    }

    fn effect(&mut self, effect: Effect) {
        self.output.effects.push(effect);
    }

    fn report(&mut self, report: Report) {
        self.effect(Effect::Report(report));
    }
}
