//! The tasks whose proofs are wanted: waiting, at the queue, pausing after a failure, or quarantined.

use std::collections::{BTreeMap, BTreeSet};

use ark_bn254::Fr;
use serde::{Deserialize, Serialize};
use trifold_verifier::statement::MAX_DEPTH;

use super::{Action, Place, Policy, Time};
use crate::Digest;
use crate::wire::{ProofBytes, Task, lane_of, large_lane};

/// Closer to the global proof comes first, then the older epoch, then the order of arrival.
///
/// The epoch of a program, and of its parts, is the one that its shard can enter with it: so a shard with many snapshots takes its turns.
type Rank = (u8, u64, u64);

/// Workers that a task avoids, at most: those that failed on it last.
const MAX_AVOID: usize = 16;
/// A pause after a failure is doubled at most so often.
const MAX_DOUBLINGS: u32 = 20;

/// A task that workers call broken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Quarantined {
    pub task: Digest,
    /// Kind and place, for people.
    pub what: String,
    /// What the last of them said.
    pub reason: String,
    /// Those that said so, each once.
    pub reporters: Vec<String>,
    /// Whether nobody is asked any more.
    pub last: bool,
}

/// What is known of a task whose proof is wanted.
#[derive(Debug, Clone, Copy)]
pub struct Wanted<'a> {
    /// Key digest of the circuit.
    pub key: Fr,
    pub statement: Fr,
    /// Name of the kind, one token.
    pub kind: &'static str,
    pub place: &'a Place,
    /// Offers so far.
    pub offers: u32,
}

/// A worker's word on a task, as far as the tasks care.
pub(super) struct Report<'a> {
    pub task: &'a Digest,
    pub worker: &'a str,
    pub attempt: u32,
}

struct Entry {
    key: Fr,
    statement: Fr,
    place: Place,
    rank: Rank,
    state: State,
    avoid: Vec<String>,
    large: bool,
    /// Offers so far.
    offers: u32,
    /// Reports of offers before this one are answered already.
    answered: u32,
    failures: u32,
    /// Since when only large workers are asked.
    large_since: Time,
    doubt: Option<Quarantined>,
}

impl Entry {
    fn lane(&self) -> String {
        let lane = lane_of(self.place.kind(), &self.key);
        match self.large {
            true => large_lane(&lane),
            false => lane,
        }
    }

    /// Says of a task what changes from offer to offer.
    fn mark(&self, task: &mut Task) {
        task.attempt = self.offers.saturating_sub(1);
        task.avoid.clone_from(&self.avoid);
        task.large = self.large;
    }
}

/// A task to be offered to the queue, and the lane that it is to be taken from first if that is another.
pub(super) struct Offer {
    pub task: Digest,
    pub epoch: u64,
    pub left: Option<String>,
}

#[derive(Clone, Copy, PartialEq)]
enum State {
    Ready,
    /// At the queue, or pausing; offered again at this time.
    Offered(Time),
    Parked,
}

/// What became of a report of broken inputs.
pub(super) enum Opinion {
    /// It is of an offer that was answered, or repeats what its sender said.
    Nothing,
    Heard(Box<Quarantined>),
}

/// All wanted tasks.
pub(super) struct Tasks {
    wanted: BTreeMap<Digest, Entry>,
    /// By kind: nests, merges, programs, parts.
    ready: [BTreeMap<Rank, Digest>; KINDS],
    offered: [usize; KINDS],
    due: BTreeSet<(Time, Digest)>,
    recorded: BTreeMap<Digest, ProofBytes>,
    /// Quarantine from before a restart.
    doubts: BTreeMap<Digest, Quarantined>,
    quarantined: BTreeSet<Digest>,
    serial: u64,
    window: usize,
    /// Whether results wait that nobody has read yet.
    results_wait: bool,
    policy: Policy,
}

const KINDS: usize = 4;

fn kind_of(place: &Place) -> usize {
    match place {
        Place::Nest { .. } => 0,
        Place::Merge { .. } => 1,
        Place::Program { .. } => 2,
        Place::Part { .. } => 3,
    }
}

impl Tasks {
    pub fn new(policy: &Policy) -> Self {
        Self {
            wanted: BTreeMap::new(),
            ready: Default::default(),
            offered: [0; KINDS],
            due: BTreeSet::new(),
            recorded: BTreeMap::new(),
            doubts: BTreeMap::new(),
            quarantined: BTreeSet::new(),
            serial: 0,
            window: policy.max_queued_tasks.max(1),
            results_wait: false,
            policy: policy.clone(),
        }
    }

    /// What was recorded before a restart: proofs and quarantine, by task.
    pub fn remember(
        &mut self,
        recorded: BTreeMap<Digest, ProofBytes>,
        quarantined: Vec<Quarantined>,
    ) {
        self.recorded = recorded;
        self.doubts = quarantined.into_iter().map(|q| (q.task, q)).collect();
    }

    pub fn recorded(&mut self, id: &Digest) -> Option<ProofBytes> {
        self.recorded.remove(id)
    }

    /// What a restart remembered and nothing asked for is of no use any more.
    pub fn forget_remembered(&mut self) {
        self.recorded.clear();
        self.doubts.clear();
    }

    pub fn set_window(&mut self, tasks: usize) {
        self.window = tasks.max(1);
    }

    pub fn set_results_wait(&mut self, waiting: bool) {
        self.results_wait = waiting;
    }

    /// Wants a task, expected in `epoch`.
    pub fn insert(&mut self, id: Digest, key: Fr, statement: Fr, place: Place, epoch: u64) {
        if self.wanted.contains_key(&id) {
            return;
        }
        let rank = self.rank(&place, epoch);
        let doubt = self.doubts.remove(&id);
        let mut entry = Entry {
            key,
            statement,
            place,
            rank,
            state: State::Ready,
            avoid: Vec::new(),
            large: false,
            offers: 0,
            answered: 0,
            failures: 0,
            large_since: 0,
            doubt,
        };
        if let Some(doubt) = &entry.doubt {
            entry.avoid.clone_from(&doubt.reporters);
            self.quarantined.insert(id);
            if doubt.last {
                entry.state = State::Parked;
            }
        }
        if entry.state == State::Ready {
            self.ready[kind_of(&entry.place)].insert(rank, id);
        }
        self.wanted.insert(id, entry);
    }

    fn rank(&mut self, place: &Place, epoch: u64) -> Rank {
        self.serial += 1;
        match place {
            Place::Merge { level, .. } => (MAX_DEPTH.saturating_sub(*level), epoch, self.serial),
            Place::Nest { .. } | Place::Program { .. } | Place::Part { .. } => {
                (0, epoch, self.serial)
            }
        }
    }

    pub fn get(&self, id: &Digest) -> Option<Wanted<'_>> {
        self.wanted.get(id).map(|entry| Wanted {
            key: entry.key,
            statement: entry.statement,
            kind: entry.place.kind(),
            place: &entry.place,
            offers: entry.offers,
        })
    }

    pub fn lane(&self, id: &Digest) -> Option<String> {
        self.wanted.get(id).map(Entry::lane)
    }

    /// Says of a task what changes from offer to offer.
    pub fn mark(&self, task: &mut Task) {
        if let Some(entry) = self.wanted.get(&task.id) {
            entry.mark(task);
        }
    }

    pub fn reporters(&self, id: &Digest) -> &[String] {
        let doubt = self.wanted.get(id).and_then(|entry| entry.doubt.as_ref());
        doubt.map_or(&[], |doubt| &doubt.reporters)
    }

    /// Whether a task is not offered any more.
    pub fn parked(&self, id: &Digest) -> bool {
        let entry = self.wanted.get(id);
        entry.is_some_and(|entry| entry.state == State::Parked)
    }

    /// The tasks that are called broken.
    pub fn quarantined(&self) -> impl Iterator<Item = &Quarantined> {
        let doubt = |id| self.wanted.get(id)?.doubt.as_ref();
        self.quarantined.iter().filter_map(doubt)
    }

    /// The task is no longer wanted: gives its place, takes back what may be left of it at the queue, and says who was
    /// wrong about it.
    pub fn done(&mut self, id: &Digest) -> Option<(Place, Vec<Action>)> {
        let entry = self.remove(id)?;
        let mut actions = Vec::new();
        if entry.offers > 1 {
            let lane = entry.lane();
            actions.push(Action::Cancel { lane, task: *id });
        }
        if let Some(doubt) = entry.doubt {
            let strike = doubt.reporters;
            actions.push(Action::Release { task: *id, strike });
        }
        Some((entry.place, actions))
    }

    /// Forgets a task and takes it back if it may be at the queue.
    pub fn cancel(&mut self, id: &Digest) -> Option<Action> {
        let entry = self.remove(id)?;
        let lane = entry.lane();
        (entry.offers > 0).then_some(Action::Cancel { lane, task: *id })
    }

    fn remove(&mut self, id: &Digest) -> Option<Entry> {
        self.unschedule(id);
        self.quarantined.remove(id);
        self.wanted.remove(id)
    }

    /// Takes the task out of what is ready and what is due.
    fn unschedule(&mut self, id: &Digest) {
        let Some(entry) = self.wanted.get_mut(id) else {
            return;
        };
        let kind = kind_of(&entry.place);
        match std::mem::replace(&mut entry.state, State::Parked) {
            State::Ready => drop(self.ready[kind].remove(&entry.rank)),
            State::Offered(due) => {
                self.due.remove(&(due, *id));
                self.offered[kind] -= 1;
            }
            State::Parked => {}
        }
    }

    fn schedule(&mut self, id: &Digest, at: Time) {
        self.unschedule(id);
        if let Some(entry) = self.wanted.get_mut(id) {
            entry.state = State::Offered(at);
            self.offered[kind_of(&entry.place)] += 1;
            self.due.insert((at, *id));
        }
    }

    /// What to offer to the queue now: what is due again, and of what is ready as much as fits.
    pub fn due(&mut self, now: Time) -> Vec<Offer> {
        let mut offers = Vec::new();
        while let Some((at, id)) = self.due.first().copied().filter(|(at, _)| *at <= now) {
            self.due.remove(&(at, id));
            match self.results_wait && self.is_silent(&id) {
                // Its proof may be among them: another one would be made for nothing.
                true => self.put_off(now, id),
                false => offers.extend(self.offer(now, id)),
            }
        }
        for kind in 0..KINDS {
            while self.offered[kind] < self.window {
                let Some((_, id)) = self.ready[kind].pop_first() else {
                    break;
                };
                offers.extend(self.offer(now, id));
            }
        }
        offers
    }

    /// Whether nothing was heard of the task since it was last offered.
    fn is_silent(&self, id: &Digest) -> bool {
        let entry = self.wanted.get(id);
        entry.is_some_and(|entry| entry.offers > entry.answered)
    }

    /// A result of the task came: its silence begins anew.
    pub fn heard(&mut self, now: Time, id: Digest) {
        let entry = self.wanted.get(&id);
        if entry.is_some_and(|entry| matches!(entry.state, State::Offered(_)))
            && self.is_silent(&id)
        {
            self.put_off(now, id);
        }
    }

    fn put_off(&mut self, now: Time, id: Digest) {
        self.schedule(&id, now + self.policy.repush_ms.max(1));
    }

    fn offer(&mut self, now: Time, id: Digest) -> Option<Offer> {
        self.put_off(now, id);
        let patience = self.policy.large_patience_ms;
        let entry = self.wanted.get_mut(&id)?;
        let mut left = None;
        if entry.large && now.saturating_sub(entry.large_since) >= patience {
            // No large worker serves it; one that just had a bad moment may.
            left = Some(entry.lane());
            entry.large = false;
        }
        entry.offers += 1;
        Some(Offer {
            task: id,
            epoch: entry.rank.1,
            left,
        })
    }

    /// Whether a report is of the offer that counts; the task is then answered, and avoids the worker.
    fn answer(&mut self, report: &Report<'_>) -> Option<&mut Entry> {
        let entry = self.wanted.get_mut(report.task)?;
        let current = entry.answered..entry.offers;
        if !current.contains(&report.attempt) || entry.state == State::Parked {
            return None;
        }
        entry.answered = entry.offers;
        let avoid = &mut entry.avoid;
        avoid.retain(|worker| worker != report.worker);
        avoid.push(report.worker.to_owned());
        if avoid.len() > MAX_AVOID {
            avoid.remove(0);
        }
        Some(entry)
    }

    /// Offers the task again after a pause that doubles with every failure. False if the report is outdated.
    pub fn retry(&mut self, now: Time, report: &Report<'_>) -> bool {
        let (first, longest) = (self.policy.backoff_ms, self.policy.max_backoff_ms);
        let Some(entry) = self.answer(report) else {
            return false;
        };
        let doublings = entry.failures.min(MAX_DOUBLINGS);
        entry.failures += 1;
        let pause = first.saturating_mul(1 << doublings).min(longest);
        self.schedule(report.task, now + pause.max(1));
        true
    }

    /// Hands the task to the large workers; if one of them says so, it is a failure like others.
    pub fn enlarge(&mut self, now: Time, report: &Report<'_>) -> Option<Action> {
        if self.wanted.get(report.task)?.large {
            self.retry(now, report);
            return None;
        }
        let entry = self.answer(report)?;
        let lane = entry.lane();
        entry.large = true;
        entry.large_since = now;
        self.schedule(report.task, now);
        let task = *report.task;
        Some(Action::Cancel { lane, task })
    }

    /// Hears that a task's inputs are broken.
    pub fn doubt(&mut self, now: Time, report: &Report<'_>, reason: &str, alone: bool) -> Opinion {
        let opinions = self.policy.opinions.max(1);
        if !self.retry(now, report) {
            return Opinion::Nothing;
        }
        let Some(entry) = self.wanted.get_mut(report.task) else {
            return Opinion::Nothing;
        };
        let doubt = entry.doubt.get_or_insert_with(|| Quarantined {
            task: *report.task,
            what: entry.place.to_string(),
            reason: String::new(),
            reporters: Vec::new(),
            last: false,
        });
        let known = doubt.reporters.iter().any(|name| name == report.worker);
        if known && !alone {
            return Opinion::Nothing;
        }
        if !known {
            doubt.reporters.push(report.worker.to_owned());
        }
        doubt.reason = reason.to_owned();
        doubt.last = alone || doubt.reporters.len() >= opinions;
        let heard = doubt.clone();
        self.quarantined.insert(heard.task);
        match heard.last {
            true => self.unschedule(&heard.task),
            false => self.schedule(&heard.task, now),
        }
        Opinion::Heard(Box::new(heard))
    }

    /// Offers a task at once, with all that was said about it forgotten.
    pub fn requeue(&mut self, now: Time, id: &Digest) -> Vec<Action> {
        let Some(entry) = self.wanted.get_mut(id) else {
            return Vec::new();
        };
        let mut actions = Vec::new();
        if entry.offers > 0 {
            let lane = entry.lane();
            actions.push(Action::Cancel { lane, task: *id });
        }
        if entry.doubt.take().is_some() {
            let strike = Vec::new();
            actions.push(Action::Release { task: *id, strike });
        }
        entry.answered = entry.offers;
        entry.failures = 0;
        entry.avoid.clear();
        entry.large = false;
        self.quarantined.remove(id);
        self.schedule(id, now);
        actions
    }

    pub fn next_due(&self) -> Option<Time> {
        self.due.first().map(|(at, _)| *at)
    }

    pub fn ready(&self) -> usize {
        self.ready.iter().map(BTreeMap::len).sum()
    }

    pub fn queued(&self) -> usize {
        self.due.len()
    }

    pub fn in_quarantine(&self) -> usize {
        self.quarantined.len()
    }
}
