//! What the planner wants done, as entries and effects.

use super::entry::Runs;
use super::{Bundle, Core, Effect, Entry, Member, Publication};
use crate::Digest;
use crate::coordinator::{Report, Requeue};
use crate::plan::{Action, ClosedEpoch, Event, Quarantined};
use crate::trace;
use crate::wire::{GlobalProof, Outcome, Task};

/// Attempts of one leader; those of the next begin above them.
const ATTEMPTS: u32 = 1 << 12;
/// Leaders until attempts begin again at 0.
const LEADERS: u64 = 1 << 19;

/// A task that is offered.
pub(super) struct Offer {
    /// When it was first offered.
    pub at: u64,
    pub attempt: u32,
    pub lane: String,
    pub trace: Option<String>,
    /// Why it will be offered again, if it will.
    why: Requeue,
}

impl Core {
    pub(super) fn act(&mut self, now: u64, action: Action) {
        match action {
            Action::Close(closed) => self.closed(now, closed),
            Action::Push { task, epoch } => self.push(now, task, epoch),
            Action::Cancel { lane, task } => {
                self.offered.remove(&task);
                self.effect(Effect::Cancel { lane, task });
            }
            Action::Publish(proof) => self.publish(proof),
            Action::Drop {
                shard,
                snapshots,
                reason,
            } => self.dropped(shard, snapshots, &reason),
            Action::Quarantine {
                task,
                what,
                reason,
                reporters,
                last,
            } => {
                let doubt = Quarantined {
                    task: task.id,
                    what,
                    reason,
                    reporters,
                    last,
                };
                self.quarantine(*task, doubt);
            }
            Action::Release { task, strike } => self.release(&task, &strike),
        }
    }

    fn closed(&mut self, now: u64, closed: ClosedEpoch) {
        let epoch = closed.epoch;
        let entry = Entry::Closed {
            epoch,
            shards: Runs::of(closed.members.iter().map(|(shard, _)| *shard)),
            silent: closed.silent,
            transfers: closed.transfers,
        };
        self.record_with(entry, &closed.members);
        self.closed_at.insert(epoch, now);
        for (shard, snapshot) in &closed.members {
            self.verdict(*shard, *snapshot, Outcome::Included { epoch });
        }
        self.report(Report::EpochClosed(closed));
    }

    /// Offers a task. What goes wrong on the way is repaired by offering it again.
    fn push(&mut self, now: u64, mut task: Box<Task>, epoch: u64) {
        let (id, attempt) = (task.id, task.attempt);
        let trace = trace::epoch(&self.planner.genesis(), epoch).to_string();
        task.attempt = self.first_attempt() + attempt % ATTEMPTS;
        task.trace = Some(trace.clone());
        let why = self
            .offered
            .get(&id)
            .map_or(Requeue::Silent, |offer| offer.why);
        let at = self.offered.get(&id).map_or(now, |offer| offer.at);
        let (lane, trace) = (task.lane(), Some(trace));
        self.offered.insert(
            id,
            Offer {
                at,
                attempt,
                lane,
                trace,
                why: Requeue::Silent,
            },
        );
        if attempt > 0 {
            let kind = task.work.kind();
            self.report(Report::TaskRequeued {
                task: id,
                kind,
                why,
            });
        }
        self.effect(Effect::Push(task));
    }

    /// Attempts of this leader begin here, so that an offer of an earlier one is never taken for one of ours.
    fn first_attempt(&self) -> u32 {
        (self.recorded.fence % LEADERS) as u32 * ATTEMPTS
    }

    /// The planner's number of an attempt that a worker names; `None` for one of another leader.
    pub(super) fn attempt_of_ours(&self, attempt: u32) -> Option<u32> {
        let ours = attempt.checked_sub(self.first_attempt());
        ours.filter(|ours| *ours < ATTEMPTS)
    }

    /// Remembers why a task will be offered again.
    pub(super) fn because(&mut self, task: &Digest, why: Requeue) {
        if let Some(offer) = self.offered.get_mut(task) {
            offer.why = why;
        }
    }

    fn publish(&mut self, proof: Box<GlobalProof>) {
        let leaves = self.planner.leaves(proof.state.epoch).into_iter();
        let members = leaves.map(|(shard, snapshot, leaf)| Member {
            shard,
            snapshot,
            leaf,
        });
        let members = members.collect();
        let publication = Publication {
            proof: proof.clone(),
            out: false,
        };
        self.publishing.insert(proof.state.epoch, publication);
        self.effect(Effect::Publish { proof, members });
    }

    /// Publications may be told of in any order; they are recorded in that of their epochs. The publication of an epoch is
    /// begun after that of the one before, whose proof its proof contains.
    pub(super) fn published(&mut self, now: u64, epoch: u64) {
        if let Some(publication) = self.publishing.get_mut(&epoch) {
            publication.out = true;
        }
        while let Some(first) = self.publishing.first_entry()
            && first.get().out
        {
            let proof = first.remove().proof;
            self.record_published(now, proof);
        }
    }

    fn record_published(&mut self, now: u64, proof: Box<GlobalProof>) {
        let epoch = proof.state.epoch;
        let latency_ms = self
            .closed_at
            .remove(&epoch)
            .map_or(0, |at| now.saturating_sub(at));
        let members = self.planner.members(epoch).to_vec();
        let entry = Entry::Published {
            proof: proof.clone(),
            latency_ms,
        };
        self.record_with(entry, &members);
        self.published_at.insert(epoch, now);
        while self.published_at.len() > crate::view::RECENT_EPOCHS {
            self.published_at.pop_first();
        }
        self.tell_final(epoch, &members);
        self.report(Report::EpochPublished(proof));
        self.plan(now, Event::Published { epoch });
    }

    pub(super) fn tell_final(&mut self, epoch: u64, members: &[(u32, Digest)]) {
        for (shard, snapshot) in members {
            self.verdict(*shard, *snapshot, Outcome::Final { epoch });
        }
    }

    fn dropped(&mut self, shard: u32, snapshots: Vec<Digest>, reason: &str) {
        self.record(Entry::Dropped {
            shard,
            snapshots: snapshots.clone(),
        });
        let code = match self.cancelling {
            true => "cancelled",
            false => "unprovable",
        };
        for (place, snapshot) in snapshots.into_iter().enumerate() {
            let message = match place {
                0 => format!("{code}: {reason}"),
                _ => format!("it builds on a snapshot that is {code}"),
            };
            self.reject(None, shard, snapshot, code.into(), message);
        }
    }

    fn quarantine(&mut self, task: Task, doubt: Quarantined) {
        let snapshot = task.work.snapshot().map(|(snapshot, _)| snapshot);
        let Quarantined {
            what,
            reason,
            reporters,
            last,
            ..
        } = doubt.clone();
        let id = task.id;
        self.record(Entry::Quarantined { doubt, snapshot });
        if last {
            self.offered.remove(&id);
        }
        self.report(Report::TaskQuarantined {
            task: id,
            what: what.clone(),
            reason: reason.clone(),
        });
        self.effect(Effect::Bundle(Box::new(Bundle::new(
            task, what, reason, reporters, last,
        ))));
    }

    pub(super) fn bundled(&mut self, task: Digest, blob: Digest) {
        if self.recorded.quarantine.contains_key(&task) {
            self.record(Entry::Bundled { task, blob });
        }
    }

    pub(super) fn release(&mut self, task: &Digest, strike: &[String]) {
        if self.recorded.quarantine.contains_key(task) {
            self.record(Entry::Released { task: *task });
        }
        strike.iter().for_each(|worker| self.strike(worker));
    }
}
