//! From the journal back to the state of a coordinator.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::checkpoint::{Recorded, Saved, VERSION};
use super::snapshots::Inspections;
use super::workers::Registry;
use super::{Batch, Core, CoreConfig, Entry, Output};
use crate::Digest;
use crate::plan::{Event, History, Planner, Quarantined, RestoreError};

/// A journal that can't be what a coordinator of this network wrote.
#[derive(Debug, thiserror::Error)]
pub enum ReplayError {
    #[error("entries {expected} to {} of the journal are missing", found - 1)]
    Gap { expected: u64, found: u64 },
    #[error("the checkpoint is not what it should be: {0}")]
    Checkpoint(String),
    #[error("checkpoint version {0}, this is version {VERSION}")]
    Version(u8),
    #[error("the journal closes epoch {found}, the next one is {expected}")]
    Epoch { expected: u64, found: u64 },
    #[error("the journal closes epoch {epoch} with shard {shard}, which had no snapshot waiting")]
    Member { epoch: u64, shard: u32 },
    #[error(transparent)]
    Plan(#[from] RestoreError),
}

/// The state while entries are read.
#[derive(Default)]
struct Replay {
    serial: u64,
    history: History,
    recorded: Recorded,
    /// Snapshots in no closed epoch, by shard in order.
    waiting: BTreeMap<u32, VecDeque<Digest>>,
}

impl Replay {
    fn begin(checkpoint: Option<&[u8]>) -> Result<Self, ReplayError> {
        let Some(bytes) = checkpoint else {
            return Ok(Self::default());
        };
        let saved: Saved = serde_json::from_slice(bytes)
            .map_err(|error| ReplayError::Checkpoint(error.to_string()))?;
        if saved.version != VERSION {
            return Err(ReplayError::Version(saved.version));
        }
        let Saved {
            serial,
            history,
            recorded,
            ..
        } = saved;
        let closed: BTreeSet<Digest> = history
            .epochs
            .iter()
            .flatten()
            .map(|(_, snapshot)| *snapshot)
            .collect();
        let mut waiting = BTreeMap::<u32, VecDeque<Digest>>::new();
        let open = history
            .accepted
            .iter()
            .filter(|candidate| !closed.contains(&candidate.snapshot));
        for candidate in open {
            waiting
                .entry(candidate.shard)
                .or_default()
                .push_back(candidate.snapshot);
        }
        Ok(Self {
            serial,
            history,
            recorded,
            waiting,
        })
    }

    fn batch(&mut self, batch: Batch) -> Result<(), ReplayError> {
        for (serial, entry) in (batch.first..).zip(batch.entries) {
            if serial > self.serial {
                return Err(ReplayError::Gap {
                    expected: self.serial,
                    found: serial,
                });
            }
            // What is below is in the checkpoint already.
            if serial == self.serial {
                self.serial += 1;
                self.entry(entry)?;
            }
        }
        Ok(())
    }

    fn entry(&mut self, entry: Entry) -> Result<(), ReplayError> {
        let members = match &entry {
            Entry::Closed { epoch, shards, .. } => self.close(*epoch, shards.iter())?,
            Entry::Published { proof, .. } => self.members(proof.state.epoch),
            _ => Vec::new(),
        };
        self.recorded.apply(&entry, &members);
        match entry {
            Entry::Accepted(candidate) => {
                let line = self.waiting.entry(candidate.shard).or_default();
                line.push_back(candidate.snapshot);
                self.history.accepted.push(*candidate);
            }
            Entry::Dropped { shard, snapshots } => self.drop_all(shard, &snapshots),
            Entry::Closed { .. } => self.history.epochs.push(members),
            Entry::Proved { task, proof, .. } => {
                self.history.proofs.entry(task).or_insert(proof);
            }
            Entry::Published { proof, .. } => self.history.published.push(*proof),
            Entry::Quarantined { doubt, snapshot } => self.quarantine(doubt, snapshot.is_some()),
            Entry::Released { task } => self.release(&task),
            _ => {}
        }
        Ok(())
    }

    fn base(&self) -> u64 {
        self.history
            .base
            .as_ref()
            .map_or(0, |base| base.state.epoch)
    }

    fn close(
        &mut self,
        epoch: u64,
        shards: impl Iterator<Item = u32>,
    ) -> Result<Vec<(u32, Digest)>, ReplayError> {
        let expected = self.base() + self.history.epochs.len() as u64 + 1;
        if epoch != expected {
            return Err(ReplayError::Epoch {
                expected,
                found: epoch,
            });
        }
        let mut first = |shard| self.waiting.get_mut(&shard).and_then(VecDeque::pop_front);
        let member = |shard| {
            first(shard)
                .map(|snapshot| (shard, snapshot))
                .ok_or(ReplayError::Member { epoch, shard })
        };
        shards.map(member).collect()
    }

    fn members(&self, epoch: u64) -> Vec<(u32, Digest)> {
        let place = epoch.checked_sub(self.base() + 1);
        let members = place.and_then(|place| self.history.epochs.get(place as usize));
        members.cloned().unwrap_or_default()
    }

    fn drop_all(&mut self, shard: u32, snapshots: &[Digest]) {
        let gone = |snapshot: &Digest| snapshots.contains(snapshot);
        if let Some(line) = self.waiting.get_mut(&shard) {
            line.retain(|snapshot| !gone(snapshot));
        }
        self.history
            .accepted
            .retain(|c| c.shard != shard || !gone(&c.snapshot));
    }

    fn quarantine(&mut self, doubt: Quarantined, program: bool) {
        self.release(&doubt.task);
        // A program that was given up leaves the plan with its snapshot.
        if !(program && doubt.last) {
            self.history.quarantined.push(doubt);
        }
    }

    fn release(&mut self, task: &Digest) {
        self.history.quarantined.retain(|kept| kept.task != *task);
    }
}

impl Core {
    /// The state that a journal leads to, with `checkpoint` the blob that [`super::newest_checkpoint`] names. The output
    /// is what makes this coordinator the leader, and what it does first. No other term may have the same `session`: by it
    /// two coordinators that try at once tell their entries apart.
    ///
    /// # Errors
    /// The journal is torn, or not of this network: nothing may be done on top of it.
    pub fn restore(
        config: CoreConfig,
        session: String,
        now: u64,
        checkpoint: Option<&[u8]>,
        batches: Vec<Batch>,
    ) -> Result<(Self, Output), ReplayError> {
        let mut replay = Replay::begin(checkpoint)?;
        let checkpointed = replay.serial;
        for batch in batches {
            replay.batch(batch)?;
        }
        let Replay {
            serial,
            history,
            recorded,
            ..
        } = replay;
        let (network, policy) = (config.network.clone(), config.policy.clone());
        let (planner, actions) = Planner::restore(network, policy, history, now)?;
        let collect_at = now.saturating_add(config.collect_ms.max(1));
        let mut core = Self {
            config,
            planner,
            recorded,
            serial,
            checkpointed,
            checkpointing: false,
            inspections: Inspections::default(),
            checking: BTreeMap::new(),
            offered: BTreeMap::new(),
            registry: Registry::default(),
            proved_tasks: 0,
            proved_at: VecDeque::new(),
            refused_results: 0,
            closed_at: BTreeMap::new(),
            publishing: BTreeMap::new(),
            published_at: BTreeMap::new(),
            collect_at,
            led_since: now,
            window: 0,
            cancelling: false,
            output: Output::default(),
        };
        core.lead(now, session);
        actions.into_iter().for_each(|action| core.act(now, action));
        core.plan(now, Event::Tick);
        let output = std::mem::take(&mut core.output);
        Ok((core, output))
    }
}
