//! The planner: events and the time in, actions out. No queue, no clock, no tasks of its own.
//!
//! Snapshots queue up per shard, each starting where the one before ended. An epoch takes at most one of each shard,
//! is *sealed* by policy, and *closed* once the program proofs of its members are there: only then are its states
//! computed, and everything else about it is fixed. So a shard that is absent, slow or unprovable delays nobody, and
//! program and merge proving of later epochs goes on while earlier ones are nested.

use std::collections::{BTreeMap, HashMap};

use ark_bn254::Fr;
use serde::{Deserialize, Serialize};
use trifold_circuits::field::element;
use trifold_circuits::parallel;
use trifold_circuits::trie::SparseTrie;
use trifold_verifier::statement::{GlobalState, HISTORY_DEPTH, Keys, Leaf};
use trifold_verifier::trie::Path;

use crate::Digest;
use crate::wire::{FailureClass, GlobalProof, ProofBytes, Task, WireLeaf, WirePart, WireStep};

mod epoch;
mod pace;
mod proofs;
mod restore;
mod seals;
mod shards;
mod tasks;
mod tree;
mod views;

use epoch::{Epoch, Member};
use pace::Pace;
pub use proofs::PartsError;
pub use restore::{Base, BaseShard, History, RestoreError};
use seals::{Eligible, Seal};
pub use shards::Refusal;
use shards::{Pending, ShardQueue};
use tasks::{Opinion, Report, Tasks};
pub use tasks::{Quarantined, Wanted};

/// Milliseconds since some fixed instant; never runs backwards.
pub type Time = u64;

/// What is fixed for the life of a network.
#[derive(Debug, Clone)]
pub struct Network {
    /// G_0.
    pub genesis: GlobalState,
    /// The genesis shards' leaves by index.
    pub leaves: BTreeMap<u32, Leaf>,
    pub keys: Keys,
    /// Admitted programs: key digest to place in the registry.
    pub programs: HashMap<Fr, Path>,
}

/// When epochs are formed, and how failures are met.
#[derive(Debug, Clone)]
pub struct Policy {
    /// An epoch is sealed this long after its first snapshot was accepted, whoever is missing.
    pub deadline_ms: Option<u64>,
    /// Whether an epoch is sealed as soon as every shard has a snapshot in it.
    pub seal_when_complete: bool,
    /// Epochs closed but not published, at most.
    pub max_epochs_in_flight: usize,
    /// Snapshots waiting per shard, at most.
    pub max_pending_per_shard: usize,
    /// Snapshots waiting in all, and their bytes; beyond either no more are taken from the queue.
    pub max_waiting_snapshots: usize,
    pub max_waiting_bytes: u64,
    /// Tasks of a kind at the queue at a time until [`Event::Window`] says otherwise; the rest waits here.
    pub max_queued_tasks: usize,
    /// A task without a result is offered to the queue again after this time, which refuses it if it is still there.
    pub repush_ms: u64,
    /// First pause after a failure; doubled for each further one.
    pub backoff_ms: u64,
    pub max_backoff_ms: u64,
    /// Different workers that must call the inputs of a task broken before that is believed.
    pub opinions: usize,
    /// A task that none of the large workers proved for this long is offered to the ordinary ones again.
    pub large_patience_ms: u64,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            deadline_ms: Some(10_000),
            seal_when_complete: true,
            max_epochs_in_flight: 4,
            max_pending_per_shard: 64,
            max_waiting_snapshots: 100_000,
            max_waiting_bytes: 16 << 30,
            max_queued_tasks: 1_000,
            repush_ms: 5_000,
            backoff_ms: 200,
            max_backoff_ms: 30_000,
            opinions: 2,
            large_patience_ms: 600_000,
        }
    }
}

/// What a snapshot claims, read from its bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outline {
    pub shard: u32,
    pub snapshot: Digest,
    /// Digest of the leaf it starts from; 0 for a fresh shard.
    pub old: Fr,
    pub new: Leaf,
    pub events: u32,
    pub sent: u128,
    pub received: u128,
    /// At least the Lamport counter of every leaf that a message was taken from; 0 if none was.
    pub received_lamport: u64,
    /// The same for timestamps.
    pub received_timestamp: u64,
    pub transfers: u64,
    /// Size of the snapshot.
    pub bytes: u64,
    /// The proofs that its program proof is made of, each before the one that it goes into.
    pub parts: Vec<WirePart>,
}

/// A snapshot that has its place in the plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Candidate {
    pub shard: u32,
    pub snapshot: Digest,
    pub step: WireStep,
    pub transfers: u64,
    /// Size of the snapshot.
    pub bytes: u64,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub parts: Vec<WirePart>,
}

/// What happened.
#[expect(clippy::large_enum_variant, reason = "one at a time, moved once")]
#[derive(Debug, Clone)]
pub enum Event {
    /// A snapshot that [`Planner::admit`] let in was recorded.
    Accepted(Candidate),
    /// An operator wants an epoch of what waits now.
    CloseNow,
    /// A result of this task came and is being looked at: nothing is offered again for its silence meanwhile.
    Heard { task: Digest },
    /// A proof of this task verified and was recorded.
    Proved { task: Digest, proof: ProofBytes },
    /// A worker returned something that is no proof of this task's statement.
    Refused {
        task: Digest,
        worker: String,
        attempt: u32,
    },
    /// A worker gave up.
    Failed {
        task: Digest,
        worker: String,
        attempt: u32,
        class: FailureClass,
        message: String,
        /// Whether no worker is left to ask: none that lives serves the lane, besides this one and those that
        /// [`Planner::reporters`] names.
        alone: bool,
    },
    /// The global proof of this epoch is out.
    Published { epoch: u64 },
    /// An operator wants this task offered again, whatever was said about it.
    Requeue { task: Digest },
    /// An operator wants this snapshot forgotten, with all that build on it.
    Cancel { shard: u32, snapshot: Digest },
    /// Tasks of a kind at the queue at a time, from now on.
    Window { tasks: usize },
    /// Results wait unread: a task without one may be among them, so none is offered again for its silence.
    ResultsWait { waiting: bool },
    /// Time passed.
    Tick,
}

/// What is to be done, in this order.
#[derive(Debug, Clone, PartialEq)]
pub enum Action {
    /// Record the composition of an epoch, before anything below depends on it.
    Close(ClosedEpoch),
    /// Offer a task to the queue; `epoch` is the one that it is expected in.
    Push { task: Box<Task>, epoch: u64 },
    /// Take a task back from the queue.
    Cancel { lane: String, task: Digest },
    /// Publish a global proof.
    Publish(Box<GlobalProof>),
    /// Forget these snapshots of a shard: the first can't be proven, the others build on it.
    Drop {
        shard: u32,
        snapshots: Vec<Digest>,
        reason: String,
    },
    /// Workers call the inputs of a task broken: keep it with its inputs. Unless it is the last word, another worker is
    /// asked; after the last one a program's snapshot is dropped, and a merge or nest is offered no more.
    Quarantine {
        task: Box<Task>,
        what: String,
        reason: String,
        reporters: Vec<String>,
        last: bool,
    },
    /// A task is out of quarantine. If that is because of a proof, its reporters were wrong.
    Release { task: Digest, strike: Vec<String> },
}

/// The composition of an epoch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClosedEpoch {
    pub epoch: u64,
    pub members: Vec<(u32, Digest)>,
    /// Shards carried forward.
    pub silent: u64,
    pub transfers: u64,
    #[serde(with = "element")]
    pub old_root: Fr,
    #[serde(with = "element")]
    pub new_root: Fr,
}

/// Where in the plan a task's proof belongs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    Program {
        shard: u32,
        snapshot: Digest,
    },
    Part {
        shard: u32,
        snapshot: Digest,
        part: u16,
    },
    Merge {
        epoch: u64,
        level: u8,
        index: u32,
    },
    Nest {
        epoch: u64,
    },
}

impl Place {
    /// The epoch, if it is known already.
    pub fn epoch(&self) -> Option<u64> {
        match self {
            Place::Program { .. } | Place::Part { .. } => None,
            Place::Merge { epoch, .. } | Place::Nest { epoch } => Some(*epoch),
        }
    }

    /// Name of the kind of task, one token.
    pub fn kind(&self) -> &'static str {
        match self {
            Place::Program { .. } => "program",
            Place::Part { .. } => "part",
            Place::Merge { .. } => "merge",
            Place::Nest { .. } => "nest",
        }
    }

    /// The shard whose program or part it is.
    pub fn shard(&self) -> Option<u32> {
        self.snapshot().map(|(shard, _)| shard)
    }

    /// The shard and the snapshot whose program or part it is.
    pub fn snapshot(&self) -> Option<(u32, Digest)> {
        match self {
            Place::Program { shard, snapshot }
            | Place::Part {
                shard, snapshot, ..
            } => Some((*shard, *snapshot)),
            Place::Merge { .. } | Place::Nest { .. } => None,
        }
    }
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Place::Program { shard, .. } => write!(f, "program of shard {shard}"),
            Place::Part { shard, part, .. } => write!(f, "part {part} of shard {shard}"),
            Place::Merge {
                epoch,
                level,
                index,
            } => write!(f, "merge {level}/{index} of epoch {epoch}"),
            Place::Nest { epoch } => write!(f, "nest of epoch {epoch}"),
        }
    }
}

/// The plan in numbers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Overview {
    pub closed_epoch: u64,
    pub published_epoch: u64,
    pub root: Fr,
    pub depth: u8,
    pub shards: usize,
    pub waiting_snapshots: usize,
    pub waiting_bytes: u64,
    pub sealed_epochs: usize,
    pub ready_tasks: usize,
    pub queued_tasks: usize,
    pub quarantined_tasks: usize,
}

/// The state of the plan.
pub struct Planner {
    network: Network,
    /// Digests of G_0 and of the keys.
    genesis: Fr,
    keys_digest: Fr,
    policy: Policy,
    /// The newest closed state, its digest, its leaves and its history: the states before it.
    head: GlobalState,
    head_digest: Fr,
    leaves: SparseTrie,
    history: SparseTrie,
    shards: BTreeMap<u32, ShardQueue>,
    eligible: Eligible,
    /// Epochs to be closed next, oldest first.
    seals: BTreeMap<u64, Seal>,
    seal_serial: u64,
    epochs: BTreeMap<u64, Epoch>,
    published: u64,
    last_proof: Option<ProofBytes>,
    tasks: Tasks,
    pace: Pace,
    /// Snapshots in no closed epoch, and their bytes.
    waiting: usize,
    waiting_bytes: u64,
    /// Whether anything changed that may let an epoch be sealed.
    formable: bool,
    /// When the next epoch is sealed, whoever is missing.
    deadline: Option<Time>,
    actions: Vec<Action>,
}

impl Planner {
    /// The plan of a network at genesis.
    pub fn new(network: Network, policy: Policy) -> Result<Self, RestoreError> {
        let leaves = network.leaves.iter().map(|(shard, leaf)| (*shard, *leaf));
        let queue = |(shard, leaf)| (shard, ShardQueue::new(Some(leaf)));
        let shards: BTreeMap<u32, ShardQueue> =
            parallel::map(leaves.collect(), queue).into_iter().collect();
        let mut leaves = SparseTrie::new(network.genesis.depth.into())?;
        leaves.set_many(shards.iter().map(|(s, queue)| ((*s).into(), queue.digest)))?;
        if leaves.root() != network.genesis.root || network.genesis.epoch != 0 {
            return Err(RestoreError::Genesis);
        }
        let genesis = network.genesis.digest();
        Ok(Self {
            head: network.genesis,
            head_digest: genesis,
            tasks: Tasks::new(&policy),
            pace: Pace::default(),
            keys_digest: network.keys.digest(),
            network,
            genesis,
            policy,
            leaves,
            history: SparseTrie::new(HISTORY_DEPTH)?,
            shards,
            eligible: Eligible::default(),
            seals: BTreeMap::new(),
            seal_serial: 0,
            epochs: BTreeMap::new(),
            published: 0,
            last_proof: None,
            waiting: 0,
            waiting_bytes: 0,
            formable: false,
            deadline: None,
            actions: Vec::new(),
        })
    }

    /// Takes in what happened and says what to do about it.
    pub fn handle(&mut self, now: Time, event: Event) -> Vec<Action> {
        match event {
            Event::Accepted(candidate) => self.accept(now, candidate),
            Event::CloseNow => drop(self.seal(true, now)),
            Event::Heard { task } => self.tasks.heard(now, task),
            Event::Proved { task, proof } => self.proved(now, task, proof),
            Event::Refused {
                task,
                worker,
                attempt,
            } => drop(self.tasks.retry(now, &report(&task, &worker, attempt))),
            Event::Failed {
                task,
                worker,
                attempt,
                class,
                message,
                alone,
            } => {
                let report = report(&task, &worker, attempt);
                self.failed(now, &report, class, &message, alone);
            }
            Event::Published { epoch } => self.finish(epoch),
            Event::Requeue { task } => {
                let requeued = self.tasks.requeue(now, &task);
                self.actions.extend(requeued);
            }
            Event::Cancel { shard, snapshot } => self.drop_from(shard, snapshot, "cancelled"),
            Event::Window { tasks } => self.tasks.set_window(tasks),
            Event::ResultsWait { waiting } => self.tasks.set_results_wait(waiting),
            Event::Tick => {}
        }
        self.advance(now);
        std::mem::take(&mut self.actions)
    }

    /// When [`Event::Tick`] is due at the latest.
    pub fn next_wake(&self) -> Option<Time> {
        self.deadline.into_iter().chain(self.tasks.next_due()).min()
    }

    /// The task of this id, if its proof is still wanted.
    pub fn task(&self, id: &Digest) -> Option<Wanted<'_>> {
        self.tasks.get(id)
    }

    /// The lane that a wanted task goes to.
    pub fn lane(&self, id: &Digest) -> Option<String> {
        self.tasks.lane(id)
    }

    /// Workers that call the inputs of this task broken.
    pub fn reporters(&self, id: &Digest) -> &[String] {
        self.tasks.reporters(id)
    }

    /// The tasks that workers call broken.
    pub fn quarantined(&self) -> impl Iterator<Item = &Quarantined> {
        self.tasks.quarantined()
    }

    /// The epoch that a task's proof is expected in.
    pub fn expected_epoch(&self, place: &Place) -> u64 {
        let Some((shard, snapshot)) = place.snapshot() else {
            return place.epoch().unwrap_or_default();
        };
        let queue = self.shards.get(&shard);
        let mut ahead = queue.iter().flat_map(|queue| &queue.pending);
        let mut free = 0;
        match ahead.find(|pending| {
            free += u64::from(pending.sealed.is_none());
            pending.candidate.snapshot == snapshot
        }) {
            Some(Pending {
                sealed: Some(serial),
                ..
            }) => self.head.epoch + 1 + self.seals.range(..serial).count() as u64,
            _ => self.forming_epoch() + free.saturating_sub(1),
        }
    }

    /// Digest of G_0.
    pub fn genesis(&self) -> Fr {
        self.genesis
    }

    /// When the next epoch is sealed at the latest, if that is decided.
    pub fn deadline(&self) -> Option<Time> {
        self.deadline
    }

    /// The blobs that are still needed: snapshots, and the inputs of their parts.
    pub fn blobs(&self) -> impl Iterator<Item = Digest> {
        let waiting = self.shards.values().flat_map(|queue| &queue.pending);
        let waiting = waiting.map(|pending| &pending.candidate);
        let closed = self.epochs.values().flat_map(|epoch| &epoch.programs);
        let candidates = waiting.chain(closed.map(|member| &member.candidate));
        let blobs = |candidate: &Candidate| -> Vec<Digest> {
            let inputs = candidate.parts.iter().filter_map(|part| part.inputs);
            inputs.chain([candidate.snapshot]).collect()
        };
        candidates.flat_map(blobs)
    }

    /// Whether so much waits that no more snapshots should be taken in.
    pub fn backlogged(&self) -> bool {
        self.waiting >= self.policy.max_waiting_snapshots
            || self.waiting_bytes >= self.policy.max_waiting_bytes
    }

    /// The newest closed state.
    pub fn head(&self) -> &GlobalState {
        &self.head
    }

    /// The epoch whose global proof is out.
    pub fn published_epoch(&self) -> u64 {
        self.published
    }

    /// The members of an epoch that is closed and not published.
    pub fn members(&self, epoch: u64) -> &[(u32, Digest)] {
        self.epochs.get(&epoch).map_or(&[], |epoch| &epoch.members)
    }

    /// What an epoch that is closed and not published replaces: shard, snapshot, the new leaf.
    pub fn leaves(&self, epoch: u64) -> Vec<(u32, Digest, WireLeaf)> {
        let plan = self.epochs.get(&epoch);
        let members = plan.into_iter().flat_map(|plan| &plan.programs);
        let leaf = |member: &Member| {
            let candidate = &member.candidate;
            (candidate.shard, candidate.snapshot, candidate.step.new)
        };
        members.map(leaf).collect()
    }

    /// Numbers for the status record.
    pub fn overview(&self) -> Overview {
        Overview {
            closed_epoch: self.head.epoch,
            published_epoch: self.published,
            root: self.head.root,
            depth: self.head.depth,
            shards: self.shards.len(),
            waiting_snapshots: self.waiting,
            waiting_bytes: self.waiting_bytes,
            sealed_epochs: self.seals.len(),
            ready_tasks: self.tasks.ready(),
            queued_tasks: self.tasks.queued(),
            quarantined_tasks: self.tasks.in_quarantine(),
        }
    }

    fn advance(&mut self, now: Time) {
        let late = self.deadline.is_some_and(|deadline| now >= deadline);
        if std::mem::take(&mut self.formable) || late {
            while self.seal(false, now) {}
        }
        while self.close_next(now) {}
        for offer in self.tasks.due(now) {
            let task = offer.task;
            let left = offer.left.map(|lane| Action::Cancel { lane, task });
            self.actions.extend(left);
            let push = self.body(&task).map(|task| Action::Push {
                task: Box::new(task),
                epoch: offer.epoch,
            });
            self.actions.extend(push);
        }
    }

    fn proved(&mut self, now: Time, id: Digest, proof: ProofBytes) {
        if let Some((place, leftover)) = self.tasks.done(&id) {
            self.pace.count(now);
            self.actions.extend(leftover);
            self.place(place, proof);
        }
    }

    fn finish(&mut self, epoch: u64) {
        if epoch != self.published + 1 {
            return;
        }
        let Some(plan) = self.epochs.remove(&epoch) else {
            return;
        };
        self.published = epoch;
        self.last_proof = plan.nest.proof;
        self.formable = true;
    }

    fn failed(
        &mut self,
        now: Time,
        report: &Report<'_>,
        class: FailureClass,
        message: &str,
        alone: bool,
    ) {
        match class {
            FailureClass::Worker => drop(self.tasks.retry(now, report)),
            FailureClass::Memory => {
                let moved = self.tasks.enlarge(now, report);
                self.actions.extend(moved);
            }
            FailureClass::Inputs => {
                if let Opinion::Heard(doubt) = self.tasks.doubt(now, report, message, alone) {
                    self.quarantine(*doubt);
                }
            }
        }
    }

    fn quarantine(&mut self, doubt: Quarantined) {
        let task = self.body(&doubt.task).map(Box::new);
        let place = self.task(&doubt.task).map(|wanted| wanted.place.clone());
        let (Some(task), Some(place)) = (task, place) else {
            return;
        };
        let Quarantined {
            what,
            reason,
            reporters,
            last,
            ..
        } = doubt;
        let dropped = reason.clone();
        self.actions.push(Action::Quarantine {
            task,
            what,
            reason,
            reporters,
            last,
        });
        if let Some((shard, snapshot)) = place.snapshot()
            && last
        {
            self.drop_from(shard, snapshot, &dropped);
        }
    }
}

fn report<'a>(task: &'a Digest, worker: &'a str, attempt: u32) -> Report<'a> {
    Report {
        task,
        worker,
        attempt,
    }
}
