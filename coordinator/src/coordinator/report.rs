//! What the coordinator tells about its work: reports as they happen, and the status record.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use ark_bn254::Fr;
use serde::{Deserialize, Serialize};
use trifold_circuits::field::element;

use crate::Digest;
use crate::plan::{ClosedEpoch, Overview};
use crate::wire::{GlobalProof, VERSION};

/// Something that happened.
#[derive(Debug, Clone, PartialEq)]
pub enum Report {
    SnapshotAccepted {
        shard: u32,
        snapshot: Digest,
        transfers: u64,
    },
    SnapshotRejected {
        shard: u32,
        snapshot: Digest,
        code: String,
        message: String,
    },
    /// Sealed, and its program proofs are there.
    EpochClosed(ClosedEpoch),
    TaskProved(TaskProved),
    /// A worker's result was of no use.
    ResultRefused {
        task: Option<Digest>,
        worker: String,
        reason: String,
    },
    /// A task failed too often and can't be given up.
    TaskHeld {
        task: Digest,
        what: String,
        reason: String,
    },
    /// The global proof is out; `old_root` to `state.root`.
    EpochPublished(Box<GlobalProof>),
}

/// A task and what it cost.
#[derive(Debug, Clone, PartialEq)]
pub struct TaskProved {
    pub task: Digest,
    /// Kind and place, for people.
    pub what: String,
    /// None while the snapshot waits for its epoch.
    pub epoch: Option<u64>,
    pub circuit: String,
    pub constraints: u64,
    pub witness_seconds: f64,
    pub prove_seconds: f64,
    /// Time the coordinator took to verify the proof.
    pub verify_seconds: f64,
    pub worker: String,
}

/// Receives reports; called on the coordinator's thread, so it should be quick.
pub type OnReport = Arc<dyn Fn(Report) + Send + Sync>;

/// The state of the farm, as a notice under [`STATUS_KEY`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Status {
    pub version: u8,
    /// Milliseconds since 1970.
    pub updated_unix_ms: u64,
    pub running: bool,
    pub closed_epoch: u64,
    pub published_epoch: u64,
    /// Root of the newest closed state.
    #[serde(with = "element")]
    pub root: Fr,
    pub shards: usize,
    pub waiting_snapshots: usize,
    pub sealed_epochs: usize,
    pub ready_tasks: usize,
    pub queued_tasks: usize,
    pub held_tasks: usize,
    pub proved_tasks: u64,
    pub refused_results: u64,
}

/// Key of the status notice.
pub const STATUS_KEY: &str = "status";

impl Status {
    pub(super) fn new(
        overview: &Overview,
        proved_tasks: u64,
        refused_results: u64,
        running: bool,
    ) -> Self {
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        Self {
            version: VERSION,
            updated_unix_ms: now.map_or(0, |t| t.as_millis() as u64),
            running,
            closed_epoch: overview.closed_epoch,
            published_epoch: overview.published_epoch,
            root: overview.root,
            shards: overview.shards,
            waiting_snapshots: overview.waiting_snapshots,
            sealed_epochs: overview.sealed_epochs,
            ready_tasks: overview.ready_tasks,
            queued_tasks: overview.queued_tasks,
            held_tasks: overview.held_tasks,
            proved_tasks,
            refused_results,
        }
    }
}
