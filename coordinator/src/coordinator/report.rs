//! What the coordinator tells about its work, as it happens.

use std::sync::Arc;

use crate::Digest;
use crate::plan::ClosedEpoch;
use crate::wire::{FailureClass, GlobalProof};

/// Something that happened.
#[derive(Debug, Clone, PartialEq)]
pub enum Report {
    /// This process leads from now on; so many led before it.
    Led {
        fence: u64,
    },
    /// Another coordinator leads, this one stands by.
    Deposed,
    /// Entries were appended to the journal together.
    Appended {
        /// Of the last one.
        position: u64,
        entries: usize,
        seconds: f64,
    },
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
        /// Kind of the task, if it is one of ours.
        kind: Option<&'static str>,
        worker: String,
        why: Refused,
        reason: String,
    },
    /// A task is offered once more.
    TaskRequeued {
        task: Digest,
        kind: &'static str,
        why: Requeue,
    },
    /// A task is not offered any more; an operator should look.
    TaskQuarantined {
        task: Digest,
        what: String,
        reason: String,
    },
    /// The global proof is out; `old_root` to `state.root`.
    EpochPublished(Box<GlobalProof>),
}

/// Why a result was of no use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refused {
    /// It can't be read.
    Malformed,
    /// It is no proof of the statement.
    Invalid,
    /// Its worker has too many strikes.
    Struck,
    /// The worker gave up.
    Failed(FailureClass),
}

impl Refused {
    /// The word for it in logs and metrics.
    pub fn code(self) -> &'static str {
        match self {
            Refused::Malformed => "malformed",
            Refused::Invalid => "invalid",
            Refused::Struck => "struck",
            Refused::Failed(FailureClass::Inputs) => "inputs",
            Refused::Failed(FailureClass::Worker) => "worker",
            Refused::Failed(FailureClass::Memory) => "memory",
        }
    }
}

/// Why a task is offered once more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Requeue {
    /// A worker gave up.
    Failed,
    /// Its result was refused.
    Refused,
    /// Nothing was heard of it for long.
    Silent,
    /// An operator wanted it.
    Operator,
}

impl Requeue {
    /// The word for it in logs and metrics.
    pub fn code(self) -> &'static str {
        match self {
            Requeue::Failed => "failed",
            Requeue::Refused => "refused",
            Requeue::Silent => "silent",
            Requeue::Operator => "operator",
        }
    }
}

/// A task and what it cost.
#[derive(Debug, Clone, PartialEq)]
pub struct TaskProved {
    pub task: Digest,
    /// [`crate::wire::Work::kind`].
    pub kind: &'static str,
    /// Of a program task.
    pub shard: Option<u32>,
    /// Offers before the one that was proven.
    pub attempt: u32,
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
    /// From the first offer to the proof; 0 if it was offered before this coordinator led.
    pub turnaround_seconds: f64,
    /// Time of the worker's cores and of its card.
    pub cpu_seconds: f64,
    pub gpu_seconds: f64,
    /// What the worker read for it.
    pub input_bytes: u64,
    pub worker: String,
}

/// Receives reports; called on the coordinator's thread, so it should be quick.
pub type OnReport = Arc<dyn Fn(Report) + Send + Sync>;
