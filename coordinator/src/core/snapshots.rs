//! Snapshots: place in the plan first, then everything their program will prove, then a record, then the plan.
//!
//! The snapshots of one shard are taken one after the other, since each starts where the one before ends; those of
//! different shards are inspected beside each other.

use std::collections::{BTreeMap, VecDeque};

use super::{Core, Effect, Entry, Token};
use crate::Digest;
use crate::coordinator::Report;
use crate::plan::{Candidate, Event, Outline, Refusal};
use crate::wire::{Outcome, VERSION, Verdict, clip};

/// Snapshots of one shard that wait for the inspection of another; more go back to the queue.
const MAX_LINE: usize = 64;
/// Snapshots that came before the one they build on and are remembered for it.
const MAX_EARLY: usize = 10_000;
/// A snapshot that came too early is delivered again after this time, in milliseconds.
const EARLY_PAUSE_MS: u64 = 500;
/// A snapshot that came while too much waited is delivered again after this time, in milliseconds.
const BACKLOG_PAUSE_MS: u64 = 1_000;

/// Snapshots that are being inspected.
#[derive(Default)]
pub(super) struct Inspections {
    open: BTreeMap<Token, Outline>,
    /// Those behind the open one, for every shard that has one.
    lines: BTreeMap<u32, VecDeque<(Token, Outline)>>,
    /// When a snapshot first came too early.
    early: BTreeMap<Digest, u64>,
}

impl Core {
    pub(super) fn submitted(&mut self, now: u64, token: Token, outline: Outline) {
        match self.inspections.lines.get_mut(&outline.shard) {
            Some(line) if line.len() >= MAX_LINE => {
                self.effect(Effect::GiveBack {
                    token,
                    delay_ms: EARLY_PAUSE_MS,
                });
            }
            Some(line) => line.push_back((token, outline)),
            None => drop(self.admit(now, token, outline)),
        }
    }

    /// A snapshot that is none, or that a stranger announced: whose verdict stands is not theirs to say.
    pub(super) fn refused(
        &mut self,
        token: Token,
        shard: u32,
        snapshot: Digest,
        code: String,
        message: String,
    ) {
        match self.planner.replayed(shard, &snapshot) {
            Some(_) => self.effect(Effect::Done(token)),
            None => self.reject(Some(token), shard, snapshot, code, message),
        }
    }

    /// True if the snapshot is being inspected now.
    fn admit(&mut self, now: u64, token: Token, outline: Outline) -> bool {
        let (shard, snapshot) = (outline.shard, outline.snapshot);
        // Those that were on their way when too much waited; nothing is refused for it.
        if self.planner.backlogged() {
            let delay_ms = BACKLOG_PAUSE_MS;
            self.effect(Effect::GiveBack { token, delay_ms });
            return false;
        }
        if let Err(refusal) = self.planner.admit(&outline) {
            self.refuse_snapshot(now, token, shard, snapshot, &refusal);
            return false;
        }
        let previous = self.planner.tip(shard);
        self.inspections.lines.entry(shard).or_default();
        self.inspections.open.insert(token, outline);
        self.effect(Effect::Inspect {
            token,
            snapshot,
            previous,
        });
        true
    }

    pub(super) fn inspected(&mut self, now: u64, token: Token, refusal: Option<(String, String)>) {
        let Some(outline) = self.inspections.open.remove(&token) else {
            return;
        };
        let (shard, snapshot) = (outline.shard, outline.snapshot);
        // Asked again: a snapshot before it may have been dropped meanwhile.
        match (refusal, self.planner.admit(&outline)) {
            (Some((code, message)), _) => self.reject(Some(token), shard, snapshot, code, message),
            (None, Ok(candidate)) => self.accept(now, token, candidate),
            (None, Err(refusal)) => self.refuse_snapshot(now, token, shard, snapshot, &refusal),
        }
        let mut line = self.inspections.lines.remove(&shard).unwrap_or_default();
        while let Some((token, outline)) = line.pop_front() {
            if self.admit(now, token, outline) {
                self.inspections.lines.insert(shard, line);
                return;
            }
        }
    }

    fn accept(&mut self, now: u64, token: Token, candidate: Candidate) {
        let Candidate {
            shard,
            snapshot,
            transfers,
            ..
        } = candidate;
        self.inspections.early.remove(&snapshot);
        self.record(Entry::Accepted(Box::new(candidate.clone())));
        self.verdict(shard, snapshot, Outcome::Accepted);
        self.report(Report::SnapshotAccepted {
            shard,
            snapshot,
            transfers,
        });
        self.plan(now, Event::Accepted(candidate));
        self.effect(Effect::Done(token));
    }

    fn refuse_snapshot(
        &mut self,
        now: u64,
        token: Token,
        shard: u32,
        snapshot: Digest,
        refusal: &Refusal,
    ) {
        match refusal {
            // It came again because its first delivery was not acknowledged, or its verdict got lost.
            Refusal::Waiting => {
                self.verdict(shard, snapshot, Outcome::Accepted);
                self.effect(Effect::Done(token));
            }
            // Announced again, or delivered again after its end: what became of it stands.
            Refusal::Replayed { epoch } => {
                let epoch = *epoch;
                let outcome = match epoch <= self.planner.published_epoch() {
                    true => Outcome::Final { epoch },
                    false => Outcome::Included { epoch },
                };
                self.verdict(shard, snapshot, outcome);
                self.effect(Effect::Done(token));
            }
            Refusal::Future { .. } if self.may_wait(now, snapshot) => {
                self.effect(Effect::GiveBack {
                    token,
                    delay_ms: EARLY_PAUSE_MS,
                });
            }
            refusal => {
                let (code, message) = (refusal.code().to_owned(), refusal.to_string());
                self.reject(Some(token), shard, snapshot, code, message);
            }
        }
    }

    /// Whether the snapshot that this one builds on may still be on its way: held by a coordinator that died, say.
    fn may_wait(&mut self, now: u64, snapshot: Digest) -> bool {
        let early = &mut self.inspections.early;
        if early.len() >= MAX_EARLY && !early.contains_key(&snapshot) {
            return false;
        }
        let since = *early.entry(snapshot).or_insert(now);
        now.saturating_sub(since) < self.config.patience_ms
    }

    pub(super) fn reject(
        &mut self,
        token: Option<Token>,
        shard: u32,
        snapshot: Digest,
        code: String,
        message: String,
    ) {
        self.inspections.early.remove(&snapshot);
        let message = clip(&message);
        let outcome = Outcome::Rejected {
            code: code.clone(),
            message: message.clone(),
        };
        self.verdict(shard, snapshot, outcome);
        self.report(Report::SnapshotRejected {
            shard,
            snapshot,
            code,
            message,
        });
        if let Some(token) = token {
            self.effect(Effect::Done(token));
        }
    }

    pub(super) fn verdict(&mut self, shard: u32, snapshot: Digest, outcome: Outcome) {
        self.effect(Effect::Verdict(Verdict {
            version: VERSION,
            shard,
            snapshot,
            outcome,
        }));
    }
}
