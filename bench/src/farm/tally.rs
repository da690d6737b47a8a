//! What became of every task, as the coordinator reports it.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};

use serde::{Deserialize, Serialize};
use tokio::sync::watch;
use trifold_coordinator::Digest;
use trifold_coordinator::coordinator::{OnReport, Report};

/// Counted tasks.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub struct Tally {
    pub proved: u64,
    /// Of those that an epoch takes, without a proof.
    pub lost: u64,
    /// Proven work that was counted again.
    pub doubled: u64,
    pub requeued: u64,
    pub published: u64,
}

#[derive(Default)]
struct Seen {
    tally: Tally,
    tasks: HashSet<Digest>,
}

/// Counts reports; the number of published epochs can be waited for.
pub struct Counter {
    seen: Arc<Mutex<Seen>>,
    pub published: watch::Sender<u64>,
    pub proved: watch::Sender<u64>,
    pub led: watch::Sender<bool>,
}

impl Counter {
    pub fn new() -> Self {
        Self {
            seen: Arc::default(),
            published: watch::Sender::new(0),
            proved: watch::Sender::new(0),
            led: watch::Sender::new(false),
        }
    }

    pub fn on_report(&self) -> OnReport {
        let (seen, published) = (self.seen.clone(), self.published.clone());
        let (proved, led) = (self.proved.clone(), self.led.clone());
        Arc::new(move |report| {
            let mut seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
            match report {
                Report::TaskProved(task) => {
                    match seen.tasks.insert(task.task) {
                        true => seen.tally.proved += 1,
                        false => seen.tally.doubled += 1,
                    }
                    proved.send_replace(seen.tally.proved);
                }
                Report::TaskRequeued { .. } => seen.tally.requeued += 1,
                Report::EpochPublished(proof) => {
                    seen.tally.published += 1;
                    published.send_replace(proof.state.epoch);
                }
                Report::Led { .. } => drop(led.send_replace(true)),
                _ => {}
            }
        })
    }

    /// What was counted, of `epochs` epochs in which every shard took part.
    pub fn tally(&self, shards: u32, epochs: u64) -> Tally {
        let tally = self
            .seen
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .tally;
        let expected = epochs * tasks_per_epoch(shards);
        Tally {
            lost: expected.saturating_sub(tally.proved) + epochs.abs_diff(tally.published),
            ..tally
        }
    }
}

/// Programs, merges of every level, and the nest.
fn tasks_per_epoch(shards: u32) -> u64 {
    let (mut tasks, mut width) = (u64::from(shards) + 1, u64::from(shards));
    loop {
        width = width.div_ceil(3);
        tasks += width;
        if width <= 1 {
            return tasks;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tasks_of_an_epoch() {
        // One merge even over a single shard.
        for (shards, tasks) in [(1, 3), (3, 5), (4, 8), (9, 14), (10, 18)] {
            assert_eq!(tasks_per_epoch(shards), tasks, "{shards}");
        }
    }
}
