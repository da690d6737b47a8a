//! The book of what the worker holds: leases, how far each task is and since when, and what was done so far. The line writes
//! it, the heartbeat's thread reads it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use super::watchdog::{Longest, Patience};
use crate::Digest;
use crate::queue::Lease;
use crate::wire::{HeldStage, HeldTask, TaskOutcome};

/// Tasks that a [`Presence`](crate::wire::Presence) names; a notice has to stay small.
const SHOWN_HELD: usize = 256;

#[derive(Clone, Default)]
pub(super) struct Book(Arc<Mutex<Pages>>);

#[derive(Default)]
struct Pages {
    next: u64,
    entries: BTreeMap<u64, Entry>,
    longest: Longest,
    totals: Totals,
    starting: Option<Instant>,
}

struct Entry {
    task: Digest,
    attempt: u32,
    /// Place of its lane.
    lane: usize,
    lease: Arc<dyn Lease>,
    stage: HeldStage,
    leased: Instant,
    entered: Instant,
}

/// What was done since the worker began.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Totals {
    pub proved_tasks: u64,
    pub failed_tasks: u64,
    pub cpu_seconds: f64,
    pub gpu_seconds: f64,
}

/// Work that does not come to an end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Hung {
    /// Numbers of the tasks that it holds up.
    pub numbers: Vec<u64>,
    /// For people: what, and for how long.
    pub what: String,
}

impl Book {
    fn pages(&self) -> MutexGuard<'_, Pages> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Enters a task, which counts as held until its place is dropped.
    pub fn enter(&self, task: (Digest, u32), lane: usize, lease: Arc<dyn Lease>) -> Place {
        let (pages, now) = (&mut *self.pages(), Instant::now());
        let number = pages.next;
        pages.next += 1;
        let entry = Entry {
            task: task.0,
            attempt: task.1,
            lane,
            lease,
            stage: HeldStage::Witness,
            leased: now,
            entered: now,
        };
        pages.entries.insert(number, entry);
        let book = self.clone();
        Place { book, number }
    }

    /// If the task is held already, the new lease takes the place of the one that ran out, and nothing is done twice.
    pub fn adopt(&self, (task, attempt): (Digest, u32), lease: &Arc<dyn Lease>) -> bool {
        let mut pages = self.pages();
        let held = pages.entries.values_mut().find(|entry| entry.task == task);
        let Some(entry) = held else {
            return false;
        };
        entry.attempt = attempt.max(entry.attempt);
        entry.lease = lease.clone();
        true
    }

    pub fn leases(&self) -> Vec<Arc<dyn Lease>> {
        let pages = self.pages();
        let leases = pages.entries.values().map(|entry| entry.lease.clone());
        leases.collect()
    }

    /// Counts an outcome.
    pub fn count(&self, outcome: &TaskOutcome) {
        let totals = &mut self.pages().totals;
        match outcome {
            TaskOutcome::Failed { .. } => totals.failed_tasks += 1,
            TaskOutcome::Proved(proved) => {
                totals.proved_tasks += 1;
                totals.cpu_seconds += proved.cpu_seconds;
                totals.gpu_seconds += proved.gpu_seconds;
            }
        }
    }

    /// What is held, the oldest first, and what was done.
    pub fn shown(&self, now: Instant) -> (Vec<HeldTask>, Totals) {
        let pages = self.pages();
        let held = pages.entries.values().take(SHOWN_HELD);
        let held = held.map(|entry| HeldTask {
            task: entry.task,
            attempt: entry.attempt,
            stage: entry.stage,
            seconds: now.saturating_duration_since(entry.leased).as_secs_f64(),
        });
        (held.collect(), pages.totals)
    }

    /// The self-test has begun, or has ended.
    pub fn starting(&self, since: Option<Instant>) {
        self.pages().starting = since;
    }

    /// What takes longer than `patience` has.
    pub fn hung(&self, now: Instant, patience: Patience) -> Option<Hung> {
        let pages = self.pages();
        let late = |since: Instant, limit| now.saturating_duration_since(since) > limit;
        if let Some(since) = pages.starting.filter(|since| late(*since, patience.least)) {
            let (numbers, took) = (Vec::new(), now.saturating_duration_since(since));
            let what = format!("its self-test has not ended for {} s", took.as_secs());
            return Some(Hung { numbers, what });
        }
        let over = pages.entries.iter().filter(|(_, entry)| {
            let limit = pages.longest.limit(entry.lane, entry.stage, patience);
            limit.is_some_and(|limit| late(entry.entered, limit))
        });
        let over: Vec<_> = over.collect();
        let what = over.first()?.1.described(now);
        let numbers = over.iter().map(|(number, _)| **number).collect();
        Some(Hung { numbers, what })
    }
}

impl Entry {
    fn described(&self, now: Instant) -> String {
        let stage = match self.stage {
            HeldStage::Witness => "witness",
            HeldStage::Waiting => "wait",
            HeldStage::Proving => "proof",
            HeldStage::Reporting => "report",
        };
        let took = now.saturating_duration_since(self.entered).as_secs();
        format!(
            "the {stage} of task {} has not ended for {took} s",
            self.task
        )
    }
}

/// A task's place in the book, which it leaves when this is dropped.
pub(super) struct Place {
    book: Book,
    number: u64,
}

impl Place {
    pub fn number(&self) -> u64 {
        self.number
    }

    /// Number of the task's offer, the newest that is known.
    pub fn attempt(&self) -> u32 {
        self.read(|entry| entry.attempt).unwrap_or_default()
    }

    /// When the task was leased.
    pub fn leased(&self) -> Instant {
        self.read(|entry| entry.leased).unwrap_or_else(Instant::now)
    }

    fn read<T>(&self, what: impl FnOnce(&Entry) -> T) -> Option<T> {
        self.book.pages().entries.get(&self.number).map(what)
    }

    /// The task is at another stage from now on.
    pub fn turn(&self, stage: HeldStage) {
        let (pages, now) = (&mut *self.book.pages(), Instant::now());
        if let Some(entry) = pages.entries.get_mut(&self.number) {
            let took = now.saturating_duration_since(entry.entered);
            pages.longest.ended(entry.lane, entry.stage, took);
            (entry.stage, entry.entered) = (stage, now);
        }
    }

    /// Takes the task out of the book and hands over its lease.
    pub fn leave(self) -> Option<Arc<dyn Lease>> {
        let entry = self.book.pages().entries.remove(&self.number);
        entry.map(|entry| entry.lease)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.book.pages().entries.remove(&self.number);
    }
}
