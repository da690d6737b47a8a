//! The farm as people see it: what the coordinator tells the live page, the `status` command and the metrics.
//!
//! Nothing is decided by it. It is a plain picture of the plan at one instant, small enough to be sent several times a
//! second; the cells of a tree come apart, since there may be tens of thousands.

use serde::{Deserialize, Serialize};

use crate::Digest;
use crate::wire::{GlobalProof, Presence};

/// The farm at one instant.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct View {
    pub version: u8,
    /// Milliseconds since 1970.
    pub updated_unix_ms: u64,
    /// Name of the coordinator that leads, and how many led before it.
    pub leader: String,
    pub fence: u64,
    pub running: bool,
    /// Digest of G_0, hex.
    pub genesis: String,
    pub shards: u64,
    pub depth: u8,
    pub closed_epoch: u64,
    pub published_epoch: u64,
    /// Root of the newest closed state, hex.
    pub root: String,
    pub waiting_snapshots: u64,
    pub waiting_bytes: u64,
    pub ready_tasks: u64,
    pub queued_tasks: u64,
    pub quarantined_tasks: u64,
    /// Since this coordinator leads.
    pub proved_tasks: u64,
    pub refused_results: u64,
    /// Tasks proven in the last minute.
    pub proved_per_minute: u64,
    /// Why nothing is being proven, if nothing is.
    pub idle: Option<String>,
    /// The epochs in work, the oldest first: those closed and not published, and the one that is forming.
    pub epochs: Vec<EpochView>,
    /// The newest published epochs, the newest first, at most [`RECENT_EPOCHS`].
    pub recent: Vec<PublishedView>,
    pub workers: Vec<WorkerView>,
    /// At most [`SHOWN_QUARANTINED`].
    pub quarantined: Vec<QuarantineView>,
    pub last_proof: Option<GlobalProof>,
}

/// Published epochs that a [`View`] names.
pub const RECENT_EPOCHS: usize = 20;
/// Quarantined tasks that a [`View`] names.
pub const SHOWN_QUARANTINED: usize = 100;

/// An epoch in work.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EpochView {
    pub epoch: u64,
    pub stage: EpochStage,
    /// Depth of the global trie in it: the tree has merges of levels 0 to `depth - 1`.
    pub depth: u8,
    pub members: u64,
    pub silent: u64,
    pub transfers: u64,
    /// Milliseconds since it was closed, or since its first snapshot while it is forming.
    pub age_ms: u64,
    /// Proofs that are there, of those that it takes.
    pub done: u64,
    pub total: u64,
    /// Time to go at the pace of the last minutes.
    pub eta_seconds: Option<f64>,
    /// One entry per level: programs first, then merges from level 0 up, then the nest.
    pub levels: Vec<LevelView>,
}

/// Where an epoch is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EpochStage {
    /// Snapshots come in, and their programs are proven; its members may still change.
    Forming,
    /// Its members are fixed; merges are proven.
    Merging,
    /// The top merge is there.
    Nesting,
    Published,
}

/// Number of cells of a level by state.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LevelView {
    pub waiting: u64,
    pub queued: u64,
    pub proving: u64,
    pub proven: u64,
    pub carried: u64,
    pub failed: u64,
}

/// A cell of an epoch's tree, as one letter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CellState {
    /// There is no such shard.
    Empty,
    /// Its inputs are not there yet, or no snapshot.
    Waiting,
    /// Ready, or at the queue.
    Queued,
    /// A worker holds it.
    Proving,
    Proven,
    /// Nothing changed below it: it needs no proof.
    Carried,
    /// Quarantined.
    Failed,
}

impl CellState {
    /// The letter that stands for it in [`Cells::levels`].
    pub fn letter(self) -> u8 {
        match self {
            CellState::Empty => b' ',
            CellState::Waiting => b'w',
            CellState::Queued => b'q',
            CellState::Proving => b'r',
            CellState::Proven => b'p',
            CellState::Carried => b'c',
            CellState::Failed => b'f',
        }
    }
}

/// Every cell of an epoch's tree.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cells {
    pub version: u8,
    pub epoch: u64,
    pub depth: u8,
    /// Letters of [`CellState::letter`] by index, run-length encoded: `3p24w` is three proven and 24 waiting cells. One
    /// string per level: the shards' programs (3^depth), the merges of level 0 (3^(depth-1)) and so on up, the nest (1).
    pub levels: Vec<String>,
    /// Who holds what: place in `levels`, index, name of the worker. At most [`SHOWN_HOLDERS`].
    pub holders: Vec<(u8, u32, String)>,
}

/// Cells whose holder [`Cells`] names.
pub const SHOWN_HOLDERS: usize = 2000;

/// An epoch whose global proof is out.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PublishedView {
    pub epoch: u64,
    pub members: u64,
    pub silent: u64,
    pub transfers: u64,
    /// Milliseconds since 1970; 0 if it was published before this coordinator led.
    pub published_unix_ms: u64,
    /// From the close of the epoch to its publication.
    pub latency_ms: u64,
    pub cpu_seconds: f64,
    pub gpu_seconds: f64,
    pub input_bytes: u64,
    /// Root of its state, hex.
    pub root: String,
}

/// A worker as the coordinator knows it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WorkerView {
    /// What it last said about itself.
    pub presence: Presence,
    /// Time since that notice last changed.
    pub silent_ms: u64,
    pub alive: bool,
    pub cordoned: bool,
    pub strikes: u32,
}

/// A task that is not offered any more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct QuarantineView {
    pub task: Digest,
    /// Kind and place, for people.
    pub what: String,
    pub reason: String,
    /// Workers that reported it.
    pub reporters: Vec<String>,
    /// The blob that `trifold dlq replay` takes: task, inputs and reports.
    pub bundle: Option<Digest>,
}
