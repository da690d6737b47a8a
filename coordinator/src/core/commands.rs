//! What operators ask for, each answered in one line.

use std::collections::BTreeSet;

use super::workers::name_of;
use super::{Collected, Core, Effect, Entry, Token};
use crate::Digest;
use crate::coordinator::Requeue;
use crate::plan::Event;
use crate::wire::{CommandKind, Order, Reply, VERSION};

/// What came of a command: what was done, or why not.
type Answer = Result<String, String>;

impl Core {
    pub(super) fn command(&mut self, now: u64, token: Token, id: String, command: CommandKind) {
        let answer = match command {
            CommandKind::CloseEpoch => self.close_now(now),
            CommandKind::Cordon { worker } => self.cordon_on_demand(&worker),
            CommandKind::Uncordon { worker } => self.uncordon(&worker),
            CommandKind::Drain { worker } => self.drain(now, &worker),
            CommandKind::Requeue { task } => self.requeue(now, task),
            CommandKind::Cancel { shard, snapshot } => self.cancel(now, shard, snapshot),
            CommandKind::Gc {
                older_seconds,
                dry_run,
            } => {
                if !dry_run {
                    self.make_checkpoint();
                }
                self.collect(Some(id), older_seconds, dry_run);
                // Answered once it is done.
                return self.effect(Effect::Done(token));
            }
        };
        self.reply(id, answer);
        self.effect(Effect::Done(token));
    }

    fn reply(&mut self, id: String, answer: Answer) {
        let done = answer.is_ok();
        let message = answer.unwrap_or_else(|reason| reason);
        self.effect(Effect::Reply {
            id,
            reply: Reply {
                version: VERSION,
                done,
                message,
            },
        });
    }

    fn close_now(&mut self, now: u64) -> Answer {
        let waiting = self.planner.overview().waiting_snapshots;
        self.plan(now, Event::CloseNow);
        match waiting {
            0 => Err("no snapshot waits".into()),
            _ => Ok(format!(
                "an epoch is formed of what waits: {waiting} snapshots"
            )),
        }
    }

    fn known(&self, worker: &str) -> Result<(), String> {
        let name =
            name_of(worker).ok_or("the name of a worker is one word of at most 64 characters")?;
        match self.knows_worker(name) {
            true => Ok(()),
            false => Err(format!("no worker is named {name}")),
        }
    }

    fn cordon_on_demand(&mut self, worker: &str) -> Answer {
        self.known(worker)?;
        if self.recorded.cordoned.contains(worker) {
            return Ok(format!("{worker} is cordoned already"));
        }
        self.cordon(worker);
        Ok(format!(
            "{worker} is cordoned: it gets no task, and nothing that it returns is looked at"
        ))
    }

    fn uncordon(&mut self, worker: &str) -> Answer {
        self.known(worker)?;
        self.record(Entry::Uncordoned {
            worker: worker.to_owned(),
        });
        self.order(worker, Order::Work);
        Ok(format!("{worker} is trusted again"))
    }

    fn drain(&mut self, now: u64, worker: &str) -> Answer {
        let workers = match worker {
            "*" => self.live_workers(now),
            worker => {
                self.known(worker)?;
                vec![worker.to_owned()]
            }
        };
        workers
            .iter()
            .for_each(|worker| self.order(worker, Order::Drain));
        match workers.is_empty() {
            true => Err("no worker is there".into()),
            false => Ok(format!("told to drain: {}", workers.join(", "))),
        }
    }

    fn requeue(&mut self, now: u64, task: Digest) -> Answer {
        let Some(wanted) = self.planner.task(&task) else {
            return Err(format!("no proof of a task {task} is wanted"));
        };
        let what = wanted.place.to_string();
        self.because(&task, Requeue::Operator);
        self.plan(now, Event::Requeue { task });
        self.release(&task, &[]);
        Ok(format!("{what} is offered again"))
    }

    fn cancel(&mut self, now: u64, shard: u32, snapshot: Digest) -> Answer {
        let before = self.output.entries.len();
        self.cancelling = true;
        self.plan(now, Event::Cancel { shard, snapshot });
        self.cancelling = false;
        let dropped = self.output.entries[before..]
            .iter()
            .find_map(|entry| match entry {
                Entry::Dropped { snapshots, .. } => Some(snapshots.len()),
                _ => None,
            });
        match dropped {
            Some(1) => Ok("the snapshot is forgotten".into()),
            Some(count) => Ok(format!(
                "the snapshot and {} that build on it are forgotten",
                count - 1
            )),
            None => Err(format!(
                "snapshot {snapshot} of shard {shard} does not wait: it is unknown, or in an epoch"
            )),
        }
    }

    /// Deletes blobs that nothing needs.
    pub(super) fn collect(&mut self, id: Option<String>, older_seconds: u64, dry_run: bool) {
        let keep = self.needed();
        self.effect(Effect::Collect {
            id,
            keep,
            older_seconds,
            dry_run,
        });
    }

    /// Blobs that snapshots which wait, epochs in work, quarantined tasks and the newest checkpoint need.
    fn needed(&self) -> BTreeSet<Digest> {
        let mut keep: BTreeSet<Digest> = self.planner.blobs().collect();
        keep.extend(self.recorded.checkpoint);
        for kept in self.recorded.quarantine.values() {
            keep.extend(kept.snapshot.iter().chain(&kept.bundle));
        }
        keep
    }

    pub(super) fn collected(&mut self, id: Option<String>, outcome: Result<Collected, String>) {
        let answer = outcome.map(
            |Collected {
                 blobs,
                 bytes,
                 dry_run,
             }| match dry_run {
                true => format!("{blobs} blobs of {bytes} bytes could be deleted"),
                false => format!("{blobs} blobs of {bytes} bytes are deleted"),
            },
        );
        tracing::info!(?answer, "blobs collected");
        if let Some(id) = id {
            self.reply(id, answer);
        }
    }
}
