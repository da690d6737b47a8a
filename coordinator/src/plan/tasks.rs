//! The tasks whose proofs are wanted: waiting, at the queue, or pausing after a failure.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use trifold_verifier::statement::MAX_DEPTH;

use super::{Action, Place, Policy, Time};
use crate::Digest;
use crate::wire::{ProofBytes, Task};

/// Closer to the global proof comes first, then the older epoch, then the order of arrival.
type Rank = (u8, u64, u64);

struct Wanted {
    task: Task,
    place: Place,
    rank: Rank,
    /// Number of times it was offered to the queue.
    pushes: u32,
    failures: u32,
    refusals: u32,
    /// Set once it is at the queue: when it will be offered again.
    due: Option<Time>,
    held: bool,
}

/// All wanted tasks.
pub(super) struct Tasks {
    wanted: HashMap<Digest, Wanted>,
    ready: BTreeMap<Rank, Digest>,
    due: BTreeSet<(Time, Digest)>,
    recorded: HashMap<Digest, ProofBytes>,
    serial: u64,
    max_queued: usize,
    repush_ms: u64,
    backoff_ms: u64,
    max_backoff_ms: u64,
    max_failures: u32,
}

impl Tasks {
    pub fn new(policy: &Policy) -> Self {
        Self {
            wanted: HashMap::new(),
            ready: BTreeMap::new(),
            due: BTreeSet::new(),
            recorded: HashMap::new(),
            serial: 0,
            max_queued: policy.max_queued_tasks.max(1),
            repush_ms: policy.repush_ms,
            backoff_ms: policy.backoff_ms,
            max_backoff_ms: policy.max_backoff_ms,
            max_failures: policy.max_failures,
        }
    }

    /// Proofs recorded before a restart, by task.
    pub fn remember(&mut self, recorded: HashMap<Digest, ProofBytes>) {
        self.recorded = recorded;
    }

    pub fn recorded(&mut self, id: &Digest) -> Option<ProofBytes> {
        self.recorded.remove(id)
    }

    pub fn insert(&mut self, task: Task, place: Place) {
        let id = task.id;
        if self.wanted.contains_key(&id) {
            return;
        }
        let rank = self.rank(&place);
        self.ready.insert(rank, id);
        let wanted = Wanted {
            task,
            place,
            rank,
            pushes: 0,
            failures: 0,
            refusals: 0,
            due: None,
            held: false,
        };
        self.wanted.insert(id, wanted);
    }

    fn rank(&mut self, place: &Place) -> Rank {
        self.serial += 1;
        match place {
            Place::Nest { epoch } => (0, *epoch, self.serial),
            Place::Merge { epoch, level, .. } => {
                (1 + MAX_DEPTH.saturating_sub(*level), *epoch, self.serial)
            }
            Place::Program { .. } => (2 + MAX_DEPTH, 0, self.serial),
        }
    }

    pub fn get(&self, id: &Digest) -> Option<(&Task, &Place)> {
        self.wanted
            .get(id)
            .map(|wanted| (&wanted.task, &wanted.place))
    }

    /// The task is no longer wanted; gives its place, and takes back what may be left of it at the queue.
    pub fn done(&mut self, id: &Digest) -> Option<(Place, Option<Action>)> {
        let wanted = self.remove(id)?;
        let lane = wanted.task.lane();
        let leftover = (wanted.pushes > 1).then_some(Action::Cancel { lane, task: *id });
        Some((wanted.place, leftover))
    }

    /// Forgets a task and takes it back if it is at the queue.
    pub fn cancel(&mut self, id: &Digest) -> Option<Action> {
        let wanted = self.remove(id)?;
        let lane = wanted.task.lane();
        (wanted.pushes > 0).then_some(Action::Cancel { lane, task: *id })
    }

    /// Ids of tasks whose place satisfies `which`.
    pub fn find(&self, which: impl Fn(&Place) -> bool) -> Vec<Digest> {
        self.wanted
            .iter()
            .filter(|(_, w)| which(&w.place))
            .map(|(id, _)| *id)
            .collect()
    }

    fn remove(&mut self, id: &Digest) -> Option<Wanted> {
        let wanted = self.wanted.remove(id)?;
        self.ready.remove(&wanted.rank);
        if let Some(due) = wanted.due {
            self.due.remove(&(due, *id));
        }
        Some(wanted)
    }

    /// What to offer to the queue now: what is due again, and of what is ready as much as fits.
    pub fn due(&mut self, now: Time) -> Vec<Action> {
        let mut ids = Vec::new();
        while let Some((at, id)) = self.due.first().copied().filter(|(at, _)| *at <= now) {
            self.due.remove(&(at, id));
            ids.push(id);
        }
        let room = self.max_queued.saturating_sub(self.due.len() + ids.len());
        for _ in 0..room {
            let Some((_, id)) = self.ready.pop_first() else {
                break;
            };
            ids.push(id);
        }
        ids.into_iter()
            .filter_map(|id| self.push(now, id))
            .collect()
    }

    fn push(&mut self, now: Time, id: Digest) -> Option<Action> {
        let wanted = self.wanted.get_mut(&id)?;
        let attempt = wanted.pushes;
        wanted.pushes += 1;
        let due = now + self.repush_ms.max(1);
        wanted.due = Some(due);
        self.due.insert((due, id));
        Some(Action::Push {
            task: Box::new(wanted.task.clone()),
            attempt,
        })
    }

    /// Offers the task again after a pause that doubles with every failure.
    pub fn retry(&mut self, now: Time, id: &Digest) {
        let Some(wanted) = self.wanted.get_mut(id) else {
            return;
        };
        let Some(due) = wanted.due else { return };
        let doublings = (wanted.refusals + wanted.failures).min(20);
        wanted.refusals += 1;
        let pause = match wanted.held {
            true => self.max_backoff_ms,
            false => (self.backoff_ms << doublings).min(self.max_backoff_ms),
        };
        let next = now + pause.max(1);
        self.due.remove(&(due, *id));
        wanted.due = Some(next);
        self.due.insert((next, *id));
    }

    /// Counts a report of broken inputs; true when there have been too many, said once.
    pub fn charge(&mut self, id: &Digest) -> bool {
        let Some(wanted) = self.wanted.get_mut(id) else {
            return false;
        };
        wanted.failures += 1;
        wanted.failures >= self.max_failures && !wanted.held
    }

    pub fn hold(&mut self, id: &Digest) {
        if let Some(wanted) = self.wanted.get_mut(id) {
            wanted.held = true;
        }
    }

    pub fn next_due(&self) -> Option<Time> {
        self.due.first().map(|(at, _)| *at)
    }

    pub fn ready(&self) -> usize {
        self.ready.len()
    }

    pub fn queued(&self) -> usize {
        self.due.len()
    }

    pub fn held(&self) -> usize {
        self.wanted.values().filter(|wanted| wanted.held).count()
    }
}
