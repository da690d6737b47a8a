//! From queue to global proof: the planner, the queues, the coordinator and the worker.
//!
//! The coordinator believes nobody: every snapshot is checked and every proof verified before it is used. It holds no
//! keys to sign with, and neither makes nor orders transactions.

pub mod archive;
pub mod artifacts;
mod clock;
pub mod coordinator;
pub mod core;
mod digest;
pub mod inspect;
pub mod overhead;
pub mod plan;
pub mod queue;
pub mod standin;
pub mod submission;
pub mod trace;
pub mod verify;
pub mod view;
pub mod wire;
pub mod worker;

pub use archive::Archive;
pub use artifacts::{ArtifactError, Artifacts};
pub use coordinator::{Board, Config, CoordinatorError, LeadTimes, Report};
pub use core::Core;
pub use digest::{Digest, DigestError};
pub use plan::Planner;
pub use queue::{Lane, Queue, QueueError};
pub use worker::{Execute, ExecuteError, WorkerConfig, WorkerError};
