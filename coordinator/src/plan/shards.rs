//! The shards' queues: which snapshots are let in, which wait, and how epochs are formed of them.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use ark_bn254::Fr;
use ark_ff::AdditiveGroup;
use trifold_circuits::merge::StepError;
use trifold_circuits::trie::{SparseTrie, TrieError};
use trifold_verifier::statement::{GlobalState, IN_FLIGHT_BITS, Leaf, MAX_DEPTH, ProgramStatement};

use super::epoch::{Child, Epoch, merge_nodes};
use super::{Action, Candidate, ClosedEpoch, Outline, Place, Planner, Time};
use crate::Digest;
use crate::wire::{ProofBytes, Task, WireLeaf, WireStep, Work};

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
            Refusal::Full(_) => "full",
        }
    }
}

/// Snapshots remembered per shard after their epoch, to call a replay a replay.
pub(super) const REMEMBERED: usize = 16;

/// A shard's place in the plan.
pub(super) struct ShardQueue {
    /// The leaf in the newest closed state.
    pub current: Option<Leaf>,
    pub pending: VecDeque<Pending>,
    pub included: VecDeque<(Digest, u64)>,
}

/// An accepted snapshot that is in no closed epoch.
pub(super) struct Pending {
    pub candidate: Candidate,
    /// Its program task, once it is asked for.
    pub task: Option<Digest>,
    accepted_at: Time,
    sealed: bool,
    pub proof: Option<ProofBytes>,
}

impl ShardQueue {
    pub fn new(current: Option<Leaf>) -> Self {
        Self {
            current,
            pending: VecDeque::new(),
            included: VecDeque::new(),
        }
    }

    pub fn find(&mut self, snapshot: &Digest) -> Option<&mut Pending> {
        self.pending
            .iter_mut()
            .find(|pending| pending.candidate.snapshot == *snapshot)
    }

    /// The leaf that the next snapshot must start from.
    fn tip(&self) -> Option<Leaf> {
        self.pending
            .back()
            .map_or(self.current, |last| Some(last.candidate.step.new.into()))
    }

    fn first_free(&self) -> Option<&Pending> {
        self.pending.iter().find(|pending| !pending.sealed)
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

    fn include(&mut self, epoch: u64) -> Option<Pending> {
        let pending = self.pending.pop_front()?;
        self.current = Some(pending.candidate.step.new.into());
        self.included.push_back((pending.candidate.snapshot, epoch));
        if self.included.len() > REMEMBERED {
            self.included.pop_front();
        }
        Some(pending)
    }
}

/// A digest, or 0 for none.
fn digest_of(leaf: Option<Leaf>) -> Fr {
    leaf.map_or(Fr::ZERO, |leaf| leaf.digest())
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
        let candidate = self.candidate(outline)?;
        self.check_seen(&candidate.step)?;
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
        };
        Ok(Candidate {
            shard,
            snapshot,
            step,
            transfers,
            bytes,
        })
    }

    /// Shards that fit the trie after one more level.
    fn reachable(&self) -> u64 {
        3u64.pow((self.head.depth + 1).min(MAX_DEPTH).into())
    }

    fn check_previous(&self, outline: &Outline, tip: Option<Leaf>) -> Result<(), Refusal> {
        let (found, expected) = (outline.old, digest_of(tip));
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
        if digest != Fr::ZERO && self.next_history.get(seen) != digest {
            return Err(Refusal::SeenForeign(seen));
        }
        let path = self.next_history.path(seen).unwrap_or_default();
        let checked = step.with_path(path).check(self.next_history.root());
        checked.map_err(Refusal::Step)
    }

    pub(super) fn accept(&mut self, now: Time, candidate: Candidate) {
        self.enqueue(now, candidate.clone());
        self.start_program(&candidate);
    }

    /// Asks for the program proof of a snapshot; one on record is placed at once.
    pub(super) fn start_program(&mut self, candidate: &Candidate) {
        let place = Place::Program {
            shard: candidate.shard,
            snapshot: candidate.snapshot,
        };
        let task = self.program_task(candidate);
        let queue = self.shards.get_mut(&candidate.shard);
        if let Some(pending) = queue.and_then(|queue| queue.find(&candidate.snapshot)) {
            pending.task = Some(task.id);
        }
        self.start(task, place);
    }

    pub(super) fn enqueue(&mut self, now: Time, candidate: Candidate) {
        let queue = self
            .shards
            .entry(candidate.shard)
            .or_insert_with(|| ShardQueue::new(None));
        self.formable = true;
        self.waiting += 1;
        self.waiting_bytes += candidate.bytes;
        queue.pending.push_back(Pending {
            candidate,
            task: None,
            accepted_at: now,
            sealed: false,
            proof: None,
        });
    }

    pub(super) fn program_task(&self, candidate: &Candidate) -> Task {
        let Candidate {
            shard,
            snapshot,
            step,
            ..
        } = candidate;
        let statement = ProgramStatement {
            shard: *shard,
            old_body: step.old.map_or(Fr::ZERO, |leaf| leaf.body),
            new_body: step.new.body,
            events: step.events,
            seen_digest: step.new.seen_digest,
            sent: step.sent,
            received: step.received,
        };
        let work = Work::Program {
            shard: *shard,
            snapshot: *snapshot,
        };
        Task::new(
            step.new.program,
            statement.digest(),
            self.network.keys,
            self.genesis,
            work,
        )
    }

    fn may_seal(&self) -> bool {
        self.seals.len() + self.epochs.len() < self.policy.max_epochs_in_flight
    }

    /// Seals the next epoch if policy says so, or at once if `demanded`. True if it did.
    pub(super) fn seal(&mut self, demanded: bool, now: Time) -> bool {
        self.deadline = None;
        // An operator's demand may go beyond the window: it is bounded by what waits.
        if !demanded && !self.may_seal() {
            return false;
        }
        let (members, since) = self.eligible();
        let complete = self.policy.seal_when_complete && members.len() == self.shards.len();
        let deadline = self.policy.deadline_ms.map(|wait| since + wait);
        let late = deadline.is_some_and(|deadline| now >= deadline);
        if members.is_empty() {
            return false;
        }
        if !(demanded || complete || late) {
            self.deadline = deadline;
            return false;
        }
        for (shard, snapshot) in &members {
            let pending = self
                .shards
                .get_mut(shard)
                .and_then(|queue| queue.find(snapshot));
            pending
                .into_iter()
                .for_each(|pending| pending.sealed = true);
        }
        self.seals.push_back(members);
        true
    }

    /// The oldest free snapshot of each shard that may enter the next epoch to be sealed.
    ///
    /// The proofs of a triad verify under one key, so it takes shards of one program at a time: of the one that
    /// has waited longest. Also says when the first of them was accepted.
    fn eligible(&self) -> (BTreeMap<u32, Digest>, Time) {
        let epoch = self.head.epoch + self.seals.len() as u64 + 1;
        let mut free: Vec<(&u32, &Pending)> = self
            .shards
            .iter()
            .filter_map(|(shard, queue)| Some((shard, queue.first_free()?)))
            .collect();
        free.retain(|(_, pending)| {
            let step = &pending.candidate.step;
            in_history(step, epoch) && step.received <= self.head.in_flight
        });
        free.sort_by_key(|(shard, pending)| (pending.accepted_at, **shard));
        let mut programs = BTreeMap::new();
        free.retain(|(shard, pending)| {
            let program = pending.candidate.step.new.program;
            *programs.entry(*shard / 3).or_insert(program) == program
        });
        let since = free.first().map_or(0, |(_, pending)| pending.accepted_at);
        (
            free.into_iter()
                .map(|(shard, pending)| (*shard, pending.candidate.snapshot))
                .collect(),
            since,
        )
    }

    /// Closes the oldest sealed epoch if the program proofs of all its members are there. True if it did.
    pub(super) fn close_next(&mut self) -> bool {
        let Some(seal) = self.seals.front().cloned() else {
            return false;
        };
        let proven = |(shard, snapshot): (&u32, &Digest)| {
            let pending = self
                .shards
                .get_mut(shard)
                .and_then(|queue| queue.find(snapshot));
            pending.is_some_and(|pending| pending.proof.is_some())
        };
        if !seal.iter().all(proven) {
            return false;
        }
        self.seals.pop_front();
        let members = self.fitting(seal);
        if members.is_empty() {
            return true;
        }
        match self.close(&members) {
            Ok(closed) => {
                let epoch = closed.epoch;
                self.actions.push(Action::Close(closed));
                self.start_merges(epoch);
            }
            // Checked above; a member that slipped through is set free rather than lost.
            Err(_) => members
                .iter()
                .for_each(|(shard, snapshot)| self.unseal(*shard, snapshot)),
        }
        true
    }

    /// The members that may enter the next epoch; others are set free for a later one.
    fn fitting(&mut self, seal: BTreeMap<u32, Digest>) -> BTreeMap<u32, Digest> {
        let epoch = self.head.epoch + 1;
        let mut left = self.head.in_flight;
        let mut room = ((1 << IN_FLIGHT_BITS) - 1) - left;
        let mut members = BTreeMap::new();
        for (shard, snapshot) in seal {
            let front = self
                .shards
                .get(&shard)
                .and_then(|queue| queue.pending.front());
            let step = front
                .filter(|f| f.candidate.snapshot == snapshot)
                .map(|f| f.candidate.step.clone());
            // What one member receives must be in flight before the others send.
            match step.filter(|s| in_history(s, epoch) && s.received <= left && s.sent <= room) {
                Some(step) => {
                    (left, room) = (left - step.received, room - step.sent);
                    members.insert(shard, snapshot);
                }
                None => self.unseal(shard, &snapshot),
            }
        }
        members
    }

    /// Fixes the next epoch: its members leave their queues, its states are computed.
    pub(super) fn close(
        &mut self,
        members: &BTreeMap<u32, Digest>,
    ) -> Result<ClosedEpoch, TrieError> {
        let previous = self.head;
        let deepen = members
            .keys()
            .any(|shard| u64::from(*shard) >= self.leaves.capacity());
        let old = deepened(&self.leaves, deepen)?;
        let mut new = old.clone();
        let steps = self.take_members(members, previous.epoch + 1);
        let mut leaves = BTreeMap::new();
        for pending in &steps {
            let shard = pending.candidate.shard;
            new.set(
                shard.into(),
                Leaf::from(pending.candidate.step.new).digest(),
            )?;
            leaves.insert(shard, self.child(pending)?);
        }
        let (sent, received) = flows(&steps);
        let state = GlobalState {
            epoch: previous.epoch + 1,
            depth: previous.depth + u8::from(deepen),
            root: new.root(),
            history: self.next_history.root(),
            in_flight: (previous.in_flight + sent).saturating_sub(received),
        };
        let epoch = Epoch {
            state,
            previous,
            deepen,
            history_path: self.history.path(previous.epoch)?,
            members: members
                .iter()
                .map(|(shard, snapshot)| (*shard, *snapshot))
                .collect(),
            transfers: steps
                .iter()
                .map(|pending| pending.candidate.transfers)
                .sum(),
            sent,
            received,
            tasks: steps.iter().filter_map(|pending| pending.task).collect(),
            candidates: steps.into_iter().map(|pending| pending.candidate).collect(),
            nodes: merge_nodes(&old, &new, leaves),
            top_proof: None,
            proof: None,
        };
        self.history.set(previous.epoch, previous.digest())?;
        self.next_history.set(state.epoch, state.digest())?;
        (self.head, self.leaves) = (state, new);
        let closed = self.closed(&epoch);
        self.epochs.insert(state.epoch, epoch);
        Ok(closed)
    }

    fn closed(&self, epoch: &Epoch) -> ClosedEpoch {
        ClosedEpoch {
            epoch: epoch.state.epoch,
            members: epoch.members.clone(),
            silent: (self.shards.len() - epoch.members.len()) as u64,
            transfers: epoch.transfers,
            old_root: epoch.previous.root,
            new_root: epoch.state.root,
        }
    }

    fn take_members(&mut self, members: &BTreeMap<u32, Digest>, epoch: u64) -> Vec<Pending> {
        let take = |(shard, _): (&u32, &Digest)| self.shards.get_mut(shard)?.include(epoch);
        let taken: Vec<Pending> = members.iter().filter_map(take).collect();
        taken
            .iter()
            .for_each(|pending| self.no_longer_waiting(&pending.candidate));
        taken
    }

    fn no_longer_waiting(&mut self, candidate: &Candidate) {
        self.waiting -= 1;
        self.waiting_bytes -= candidate.bytes;
    }

    fn child(&self, pending: &Pending) -> Result<Child, TrieError> {
        let step = pending.candidate.step.clone();
        Ok(Child::Shard {
            seen_path: self.history.path(step.new.seen_epoch)?.into(),
            old: digest_of(step.old.map(Leaf::from)),
            new: Leaf::from(step.new).digest(),
            step,
            proof: pending.proof,
        })
    }

    pub(super) fn start_merges(&mut self, epoch: u64) {
        let Some(plan) = self.epochs.get(&epoch) else {
            return;
        };
        let bottom: Vec<u32> = plan
            .nodes
            .range((0, 0)..(1, 0))
            .map(|((_, index), _)| *index)
            .collect();
        bottom
            .into_iter()
            .for_each(|index| self.try_merge(epoch, 0, index));
    }

    /// Sets a sealed snapshot and all that build on it free again.
    fn unseal(&mut self, shard: u32, snapshot: &Digest) {
        let Some(queue) = self.shards.get_mut(&shard) else {
            return;
        };
        let Some(first) = queue.position(snapshot) else {
            return;
        };
        let mut freed = BTreeSet::new();
        for pending in queue.pending.iter_mut().skip(first) {
            pending.sealed = false;
            freed.insert(pending.candidate.snapshot);
        }
        self.leave_seals(shard, &freed);
        self.formable = true;
    }

    fn leave_seals(&mut self, shard: u32, snapshots: &BTreeSet<Digest>) {
        for seal in &mut self.seals {
            if seal
                .get(&shard)
                .is_some_and(|member| snapshots.contains(member))
            {
                seal.remove(&shard);
            }
        }
        self.seals.retain(|seal| !seal.is_empty());
    }

    /// Forgets a snapshot that can't be proven and all that build on it.
    pub(super) fn drop_from(&mut self, shard: u32, snapshot: Digest, reason: &str) {
        let Some(queue) = self.shards.get_mut(&shard) else {
            return;
        };
        let Some(first) = queue.position(&snapshot) else {
            return;
        };
        let dropped: Vec<Pending> = queue.pending.drain(first..).collect();
        if queue.current.is_none() && queue.pending.is_empty() {
            self.shards.remove(&shard);
        }
        let snapshots: Vec<Digest> = dropped.iter().map(|p| p.candidate.snapshot).collect();
        self.leave_seals(shard, &snapshots.iter().copied().collect());
        self.formable = true;
        for pending in &dropped {
            self.no_longer_waiting(&pending.candidate);
            let Some(task) = pending.task else { continue };
            self.proofs.remove(&task);
            let cancelled = self.tasks.cancel(&task);
            self.actions.extend(cancelled);
        }
        self.actions.push(Action::Drop {
            shard,
            snapshots,
            reason: reason.to_owned(),
        });
    }
}

/// Whether what the step has seen is in the history that epoch `epoch` proves against: G_0 to G_(epoch-2).
fn in_history(step: &WireStep, epoch: u64) -> bool {
    step.new.seen_digest == Fr::ZERO || step.new.seen_epoch + 2 <= epoch
}

fn flows(steps: &[Pending]) -> (u128, u128) {
    let flow = |pending: &Pending| (pending.candidate.step.sent, pending.candidate.step.received);
    steps
        .iter()
        .map(flow)
        .fold((0, 0), |sum, flow| (sum.0 + flow.0, sum.1 + flow.1))
}

/// The trie, or the one with a level more whose first subtree it is.
fn deepened(leaves: &SparseTrie, deepen: bool) -> Result<SparseTrie, TrieError> {
    if !deepen {
        return Ok(leaves.clone());
    }
    let mut deeper = SparseTrie::new(leaves.depth() + 1)?;
    for (shard, leaf) in leaves.leaves() {
        deeper.set(shard, leaf)?;
    }
    Ok(deeper)
}
