//! The shards' queues: which snapshots are let in, and which wait.

use std::collections::VecDeque;

use ark_bn254::Fr;
use ark_ff::AdditiveGroup;
use trifold_circuits::merge::StepError;
use trifold_verifier::statement::{Leaf, MAX_DEPTH};

use super::proofs::{self, PartsError, Proofs};
use super::{Action, Candidate, Outline, Planner, Time};
use crate::Digest;
use crate::wire::{WireLeaf, WireStep, Work, task_id};

/// Why a snapshot is not let in. Each says what its sender can do about it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    #[error("shard index {0} is more than one level outside the trie")]
    UnknownShard(u32),
    #[error("program {0} is not admitted in this network")]
    UnknownProgram(Fr),
    #[error("replayed: this snapshot is waiting already")]
    Waiting,
    #[error("replayed: this snapshot entered epoch {epoch}")]
    Replayed { epoch: u64 },
    #[error("stale: the shard's Lamport counter is at {tip}, the snapshot leads to {lamport}")]
    Stale { lamport: u64, tip: u64 },
    #[error(
        "future: the snapshot starts at {start} events, the shard is at {tip}: submit what lies between first"
    )]
    Future { start: u64, tip: u64 },
    #[error("the snapshot's previous leaf {found} is not the shard's, {expected}")]
    WrongPrevious { found: Fr, expected: Fr },
    #[error(
        "the snapshot claims to have seen epoch {seen}, the newest published one is {published}"
    )]
    SeenFuture { seen: u64, published: u64 },
    #[error("the snapshot has seen a state of epoch {0} that is not ours")]
    SeenForeign(u64),
    #[error("the step breaks the protocol: {0}")]
    Step(StepError),
    #[error("its parts are not ones that make a program's proof: {0}")]
    Parts(PartsError),
    #[error(
        "the shard claims to have received {received} since its leaf in the newest state, and only {in_flight} is in flight"
    )]
    NotSent { received: u128, in_flight: u128 },
    #[error("the shard has {0} snapshots waiting already")]
    Full(usize),
}

impl Refusal {
    /// A short stable name.
    pub fn code(&self) -> &'static str {
        match self {
            Refusal::UnknownShard(_) => "unknown_shard",
            Refusal::UnknownProgram(_) => "unknown_program",
            Refusal::Waiting | Refusal::Replayed { .. } => "replayed",
            Refusal::Stale { .. } => "stale",
            Refusal::Future { .. } => "future",
            Refusal::WrongPrevious { .. } => "wrong_previous",
            Refusal::SeenFuture { .. } => "seen_future",
            Refusal::SeenForeign(_) => "seen_foreign",
            Refusal::Step(_) => "step",
            Refusal::Parts(_) => "parts",
            Refusal::NotSent { .. } => "not_sent",
            Refusal::Full(_) => "full",
        }
    }
}

/// Snapshots remembered per shard after their epoch, to call a replay a replay.
pub(super) const REMEMBERED: usize = 16;

/// A shard's place in the plan.
pub(super) struct ShardQueue {
    /// The leaf in the newest closed state, and its digest; 0 for none.
    pub current: Option<Leaf>,
    pub digest: Fr,
    pub pending: VecDeque<Pending>,
    /// The snapshots that entered an epoch last, and which.
    pub included: VecDeque<(Digest, u64)>,
}

/// What is hashed of a snapshot when it is let in.
pub(super) struct Hashes {
    /// Of the leaf that it leads to.
    leaf: Fr,
    /// Of its program.
    pub statement: Fr,
    /// Of its program's task, if that has no parts.
    task: Option<Digest>,
}

/// An accepted snapshot that is in no closed epoch.
pub(super) struct Pending {
    pub candidate: Candidate,
    /// Of the leaf that it leads to.
    pub digest: Fr,
    /// Of its program, and of the task of that if it has no parts.
    pub statement: Fr,
    pub task: Option<Digest>,
    pub proofs: Proofs,
    pub accepted_at: Time,
    /// Serial of the seal that it is in.
    pub sealed: Option<u64>,
}

impl ShardQueue {
    pub fn new(current: Option<Leaf>) -> Self {
        match current {
            Some(leaf) => Self::at(leaf, leaf.digest()),
            None => Self {
                current: None,
                digest: Fr::ZERO,
                pending: VecDeque::new(),
                included: VecDeque::new(),
            },
        }
    }

    /// A shard at a leaf of this digest.
    pub fn at(leaf: Leaf, digest: Fr) -> Self {
        Self {
            current: Some(leaf),
            digest,
            ..Self::new(None)
        }
    }

    pub fn find(&self, snapshot: &Digest) -> Option<&Pending> {
        let mut pending = self.pending.iter();
        pending.find(|pending| pending.candidate.snapshot == *snapshot)
    }

    pub fn find_mut(&mut self, snapshot: &Digest) -> Option<&mut Pending> {
        let mut pending = self.pending.iter_mut();
        pending.find(|pending| pending.candidate.snapshot == *snapshot)
    }

    /// The leaf that the next snapshot must start from.
    pub fn tip(&self) -> Option<Leaf> {
        self.pending
            .back()
            .map_or(self.current, |last| Some(last.candidate.step.new.into()))
    }

    /// Its digest; 0 for a fresh shard.
    fn tip_digest(&self) -> Fr {
        self.pending.back().map_or(self.digest, |last| last.digest)
    }

    pub fn first_free(&self) -> Option<&Pending> {
        let mut free = self.pending.iter();
        free.find(|pending| pending.sealed.is_none())
    }

    pub fn position(&self, snapshot: &Digest) -> Option<usize> {
        self.pending
            .iter()
            .position(|pending| pending.candidate.snapshot == *snapshot)
    }

    fn replayed(&self, snapshot: &Digest) -> Option<Refusal> {
        if self.position(snapshot).is_some() {
            return Some(Refusal::Waiting);
        }
        let included = self.included.iter().find(|(digest, _)| digest == snapshot);
        included.map(|(_, epoch)| Refusal::Replayed { epoch: *epoch })
    }

    pub fn include(&mut self, epoch: u64) -> Option<Pending> {
        let pending = self.pending.pop_front()?;
        self.current = Some(pending.candidate.step.new.into());
        self.digest = pending.digest;
        self.included.push_back((pending.candidate.snapshot, epoch));
        if self.included.len() > REMEMBERED {
            self.included.pop_front();
        }
        Some(pending)
    }
}

impl Hashes {
    pub fn of(candidate: &Candidate) -> Self {
        let Candidate {
            shard,
            snapshot,
            ref step,
            ..
        } = *candidate;
        let statement = step.with_path(Vec::new()).statement(shard).digest();
        let alone = Work::Program {
            shard,
            snapshot,
            proofs: Vec::new(),
        };
        let task = || task_id(&step.new.program, &statement, &alone);
        Self {
            leaf: Leaf::from(step.new).digest(),
            statement,
            task: candidate.parts.is_empty().then(task),
        }
    }
}

impl Planner {
    /// The leaf that the next snapshot of `shard` must start from; `None` for a fresh shard.
    pub fn tip(&self, shard: u32) -> Option<Leaf> {
        self.shards.get(&shard).and_then(ShardQueue::tip)
    }

    /// Whether this snapshot was let in or included before.
    pub fn replayed(&self, shard: u32, snapshot: &Digest) -> Option<Refusal> {
        self.shards
            .get(&shard)
            .and_then(|queue| queue.replayed(snapshot))
    }

    /// Whether a snapshot fits the plan, and its place there. The caller checks and records it and then sends
    /// [`super::Event::Accepted`].
    pub fn admit(&self, outline: &Outline) -> Result<Candidate, Refusal> {
        let shard = outline.shard;
        if u64::from(shard) >= self.reachable() {
            return Err(Refusal::UnknownShard(shard));
        }
        if let Some(replayed) = self.replayed(shard, &outline.snapshot) {
            return Err(replayed);
        }
        if !self.network.programs.contains_key(&outline.new.program) {
            return Err(Refusal::UnknownProgram(outline.new.program));
        }
        proofs::check(&outline.parts).map_err(Refusal::Parts)?;
        let candidate = self.candidate(outline)?;
        self.check_seen(&candidate.step)?;
        self.check_received(shard, candidate.step.received)?;
        let waiting = self
            .shards
            .get(&shard)
            .map_or(0, |queue| queue.pending.len());
        match waiting < self.policy.max_pending_per_shard {
            true => Ok(candidate),
            false => Err(Refusal::Full(waiting)),
        }
    }

    fn candidate(&self, outline: &Outline) -> Result<Candidate, Refusal> {
        let Outline {
            shard,
            snapshot,
            new,
            events,
            sent,
            received,
            received_lamport,
            received_timestamp,
            transfers,
            bytes,
            ..
        } = *outline;
        let tip = self.tip(shard);
        self.check_previous(outline, tip)?;
        let old = tip.map(WireLeaf::from);
        let step = WireStep {
            old,
            new: new.into(),
            events,
            sent,
            received,
            received_lamport,
            received_timestamp,
        };
        Ok(Candidate {
            shard,
            snapshot,
            step,
            transfers,
            bytes,
            parts: outline.parts.clone(),
        })
    }

    /// What a shard receives was in flight in a state that it has seen, and only it can take that. So all that its waiting snapshots
    /// receive is still in flight in the newest state; what claims more would wait for ever.
    fn check_received(&self, shard: u32, received: u128) -> Result<(), Refusal> {
        let queue = self.shards.get(&shard);
        let waiting = queue.into_iter().flat_map(|queue| &queue.pending);
        let before: u128 = waiting.map(|pending| pending.candidate.step.received).sum();
        let (received, in_flight) = (before + received, self.head.in_flight);
        match received <= in_flight {
            true => Ok(()),
            false => Err(Refusal::NotSent {
                received,
                in_flight,
            }),
        }
    }

    /// Shards that fit the trie after one more level.
    fn reachable(&self) -> u64 {
        3u64.pow((self.head.depth + 1).min(MAX_DEPTH).into())
    }

    fn check_previous(&self, outline: &Outline, tip: Option<Leaf>) -> Result<(), Refusal> {
        let queue = self.shards.get(&outline.shard);
        let expected = queue.map_or(Fr::ZERO, ShardQueue::tip_digest);
        let found = outline.old;
        if found == expected {
            return Ok(());
        }
        let (lamport, tip) = (outline.new.lamport, tip.map_or(0, |leaf| leaf.lamport));
        if lamport <= tip {
            return Err(Refusal::Stale { lamport, tip });
        }
        let start = lamport.saturating_sub(outline.events.into());
        match start > tip {
            true => Err(Refusal::Future { start, tip }),
            false => Err(Refusal::WrongPrevious { found, expected }),
        }
    }

    fn check_seen(&self, step: &WireStep) -> Result<(), Refusal> {
        let (seen, digest) = (step.new.seen_epoch, step.new.seen_digest);
        if seen > self.published {
            return Err(Refusal::SeenFuture {
                seen,
                published: self.published,
            });
        }
        if digest != Fr::ZERO && self.state_digest(seen) != Some(digest) {
            return Err(Refusal::SeenForeign(seen));
        }
        let known = |epoch, digest| self.state_digest(epoch) == Some(digest);
        let step = step.with_path(Vec::new());
        step.check_against(known).map_err(Refusal::Step)
    }

    /// Digest of a closed state.
    fn state_digest(&self, epoch: u64) -> Option<Fr> {
        match epoch.cmp(&self.head.epoch) {
            std::cmp::Ordering::Less => Some(self.history.get(epoch)),
            std::cmp::Ordering::Equal => Some(self.head_digest),
            std::cmp::Ordering::Greater => None,
        }
    }

    pub(super) fn accept(&mut self, now: Time, candidate: Candidate) {
        let (shard, snapshot) = (candidate.shard, candidate.snapshot);
        let hashes = Hashes::of(&candidate);
        self.enqueue(now, candidate, hashes);
        self.start_proofs(shard, &snapshot);
    }

    /// Asks for what the program proof of a waiting snapshot begins with; what is on record is placed at once.
    pub(super) fn start_proofs(&mut self, shard: u32, snapshot: &Digest) {
        let queue = self.shards.get(&shard);
        let Some(pending) = queue.and_then(|queue| queue.find(snapshot)) else {
            return;
        };
        let first: Vec<_> = Proofs::first(&pending.candidate.parts).collect();
        for node in first {
            self.start_node(shard, *snapshot, node);
        }
    }

    pub(super) fn enqueue(&mut self, now: Time, candidate: Candidate, hashes: Hashes) {
        let shard = candidate.shard;
        let fresh = || ShardQueue::new(None);
        let queue = self.shards.entry(shard).or_insert_with(fresh);
        self.waiting += 1;
        self.waiting_bytes += candidate.bytes;
        queue.pending.push_back(Pending {
            digest: hashes.leaf,
            statement: hashes.statement,
            task: hashes.task,
            proofs: Proofs::of(&candidate),
            candidate,
            accepted_at: now,
            sealed: None,
        });
        self.eligible.touch(shard);
        self.formable = true;
    }

    pub(super) fn no_longer_waiting(&mut self, candidate: &Candidate) {
        self.waiting -= 1;
        self.waiting_bytes -= candidate.bytes;
    }

    /// Forgets a snapshot that can't be proven and all that build on it.
    pub(super) fn drop_from(&mut self, shard: u32, snapshot: Digest, reason: &str) {
        let queue = self.shards.get_mut(&shard);
        let Some(first) = queue.and_then(|queue| queue.position(&snapshot)) else {
            return;
        };
        self.unseal(shard, &snapshot);
        let Some(queue) = self.shards.get_mut(&shard) else {
            return;
        };
        let dropped: Vec<Pending> = queue.pending.drain(first..).collect();
        if queue.current.is_none() && queue.pending.is_empty() {
            self.shards.remove(&shard);
        }
        for pending in &dropped {
            self.no_longer_waiting(&pending.candidate);
            let open = pending.proofs.open();
            let cancelled = open.filter_map(|task| self.tasks.cancel(&task));
            self.actions.extend(cancelled);
        }
        let snapshots = dropped.iter().map(|pending| pending.candidate.snapshot);
        self.actions.push(Action::Drop {
            shard,
            snapshots: snapshots.collect(),
            reason: reason.to_owned(),
        });
    }
}
