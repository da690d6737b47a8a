//! The recorded state beside the plan, and checkpoints of both.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::costs::Costs;
use super::{Core, Effect, Entry};
use crate::Digest;
use crate::plan::{History, Quarantined};
use crate::view::{PublishedView, RECENT_EPOCHS};
use crate::wire::GlobalProof;

/// Version of a checkpoint; others are refused.
pub(super) const VERSION: u8 = 2;
/// Most workers with strikes that are remembered.
const MAX_STRUCK: usize = 10_000;
/// Most quarantined tasks that are remembered; of those given up the oldest go first.
const MAX_QUARANTINED: usize = 1_000;

/// A quarantined task as operators see it: also one that was given up.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Kept {
    pub what: String,
    pub reason: String,
    pub reporters: Vec<String>,
    pub last: bool,
    /// The snapshot, if it is a program.
    pub snapshot: Option<Digest>,
    pub bundle: Option<Digest>,
}

/// Size of an epoch that is closed and not published.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Size {
    pub members: u64,
    pub silent: u64,
    pub transfers: u64,
}

/// What is in the journal beside the plan. Changed by entries only, while leading and in a replay alike.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Recorded {
    pub fence: u64,
    pub strikes: BTreeMap<String, u32>,
    pub cordoned: BTreeSet<String>,
    pub quarantine: BTreeMap<Digest, Kept>,
    /// Keys of `quarantine`, the oldest first.
    quarantined: VecDeque<Digest>,
    pub costs: Costs,
    sizes: BTreeMap<u64, Size>,
    /// The newest published epochs, the newest first.
    pub recent: VecDeque<PublishedView>,
    pub last_proof: Option<GlobalProof>,
    /// Members of the newest published epoch, whose owners may not know yet.
    pub last_members: Vec<(u32, Digest)>,
    /// The newest checkpoint that is named by the journal.
    pub checkpoint: Option<Digest>,
}

impl Recorded {
    /// Takes an entry in. `members` are those of the epoch that it closes or publishes.
    pub fn apply(&mut self, entry: &Entry, members: &[(u32, Digest)]) {
        match entry {
            Entry::Led { fence, .. } => self.fence = *fence,
            Entry::Accepted(_) => {}
            Entry::Dropped { snapshots, .. } => self.costs.dropped(snapshots),
            Entry::Closed {
                epoch,
                silent,
                transfers,
                ..
            } => {
                let size = Size {
                    members: members.len() as u64,
                    silent: *silent,
                    transfers: *transfers,
                };
                self.sizes.insert(*epoch, size);
                self.costs.closed(*epoch, members);
            }
            Entry::Proved {
                snapshot,
                epoch,
                cost,
                ..
            } => self.costs.proved(*snapshot, *epoch, cost),
            Entry::Published { proof, latency_ms } => self.publish(proof, *latency_ms, members),
            Entry::Struck { worker } => self.strike(worker),
            Entry::Cordoned { worker } => drop(self.cordoned.insert(worker.clone())),
            Entry::Uncordoned { worker } => {
                self.cordoned.remove(worker);
                self.strikes.remove(worker);
            }
            Entry::Quarantined { doubt, snapshot } => self.quarantine(doubt, *snapshot),
            Entry::Bundled { task, blob } => {
                if let Some(kept) = self.quarantine.get_mut(task) {
                    kept.bundle = Some(*blob);
                }
            }
            Entry::Released { task } => self.release(task),
            Entry::Checkpoint { blob, .. } => self.checkpoint = Some(*blob),
        }
    }

    fn strike(&mut self, worker: &str) {
        if let Some(strikes) = self.strikes.get_mut(worker) {
            *strikes = strikes.saturating_add(1);
        } else if self.strikes.len() < MAX_STRUCK {
            self.strikes.insert(worker.to_owned(), 1);
        }
    }

    fn quarantine(&mut self, doubt: &Quarantined, snapshot: Option<Digest>) {
        let Quarantined {
            task,
            what,
            reason,
            reporters,
            last,
        } = doubt.clone();
        let bundle = self.quarantine.get(&task).and_then(|kept| kept.bundle);
        self.release(&task);
        self.quarantine.insert(
            task,
            Kept {
                what,
                reason,
                reporters,
                last,
                snapshot,
                bundle,
            },
        );
        self.quarantined.push_back(task);
        while self.quarantined.len() > MAX_QUARANTINED {
            if let Some(oldest) = self.quarantined.pop_front() {
                self.quarantine.remove(&oldest);
            }
        }
    }

    fn release(&mut self, task: &Digest) {
        if self.quarantine.remove(task).is_some() {
            self.quarantined.retain(|kept| kept != task);
        }
    }

    fn publish(&mut self, proof: &GlobalProof, latency_ms: u64, members: &[(u32, Digest)]) {
        let epoch = proof.state.epoch;
        let cost = self.costs.published(epoch);
        let size = self.sizes.remove(&epoch);
        self.recent.push_front(PublishedView {
            epoch,
            members: size.map_or(0, |size| size.members),
            silent: size.map_or(0, |size| size.silent),
            transfers: proof.transfers,
            published_unix_ms: 0,
            latency_ms,
            cpu_seconds: cost.cpu_ms as f64 / 1e3,
            gpu_seconds: cost.gpu_ms as f64 / 1e3,
            input_bytes: cost.input_bytes,
            root: super::picture::hex_of(&proof.state.root),
        });
        self.recent.truncate(RECENT_EPOCHS);
        self.last_proof = Some(proof.clone());
        self.last_members = members.to_vec();
    }
}

/// A checkpoint as it lies in the store.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Saved {
    pub version: u8,
    /// The state after all entries below this number.
    pub serial: u64,
    pub history: History,
    pub recorded: Recorded,
}

impl Core {
    /// Makes a checkpoint once enough was recorded since the last one.
    pub(super) fn maybe_checkpoint(&mut self) {
        if self.serial - self.checkpointed >= self.config.checkpoint_entries.max(1) {
            self.make_checkpoint();
        }
    }

    /// True unless one is on its way, or nothing happened since the last one.
    pub(super) fn make_checkpoint(&mut self) -> bool {
        if self.checkpointing || self.serial == self.checkpointed {
            return false;
        }
        let saved = Saved {
            version: VERSION,
            serial: self.serial,
            history: self.planner.history(),
            recorded: self.recorded.clone(),
        };
        match serde_json::to_vec(&saved) {
            Ok(state) => {
                self.checkpointing = true;
                let state = Bytes::from(state);
                self.effect(Effect::Checkpoint {
                    serial: self.serial,
                    state,
                });
                true
            }
            Err(error) => {
                tracing::error!(%error, "the checkpoint can't be written");
                false
            }
        }
    }

    /// The checkpoint lies in the store: from here on the journal may begin with it.
    pub(super) fn stored(&mut self, blob: Digest, serial: u64) {
        self.checkpointing = false;
        self.checkpointed = serial;
        self.record(Entry::Checkpoint { blob, serial });
        self.effect(Effect::Shorten { serial });
    }
}
