//! The worker: leases tasks, makes their witnesses on processor threads while the prover is busy with others, proves
//! those of one circuit together, reports, and only then lets go of them.
//!
//! An idle worker takes a task at once; a busy one takes tasks ahead only from lanes that hold enough for others, which
//! [`lanes`] decides. Besides those at the prover it holds at most a batch of each circuit, every task with signs of
//! life, and gives back what it could not start within a lease.

mod held;
mod lanes;
mod line;
mod stages;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::watch;

use crate::Digest;
use crate::artifacts::ArtifactError;
use crate::queue::Queue;
use crate::wire::{Proved, Task};
use line::Line;

/// Why a task was not proven.
#[derive(Debug, Clone, thiserror::Error)]
pub enum ExecuteError {
    /// Nobody could: the inputs are broken or break the relation.
    #[error("{0}")]
    Inputs(String),
    /// Not here, not now.
    #[error("{0}")]
    Worker(String),
    /// Not here, and nothing else either: the device is lost to this process.
    #[error("{0}")]
    Lost(String),
}

impl From<ArtifactError> for ExecuteError {
    fn from(error: ArtifactError) -> Self {
        ExecuteError::Worker(error.to_string())
    }
}

/// Why a worker ended by itself.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WorkerError {
    #[error("this process can prove nothing more: {0}")]
    Lost(String),
}

/// Reads an artifact whose digest is checked.
pub type Fetch<'a> = dyn Fn(&Digest) -> Result<Bytes, ArtifactError> + 'a;

/// Proves tasks in two stages. Both are called on threads of their own, which they may use up.
pub trait Execute: Send + Sync + 'static {
    /// A task with its witness, ready for the prover.
    type Prepared: Send + 'static;

    /// Names of the task lanes it serves, the most urgent first.
    fn lanes(&self) -> Vec<String>;

    /// How many tasks of a lane it pays to prove together, as far as is known by now.
    fn batch(&self, _lane: &str) -> usize {
        1
    }

    /// Makes the witness of `task` on the calling thread; several threads call at once.
    fn prepare(&self, task: &Task, fetch: &Fetch<'_>) -> Result<Self::Prepared, ExecuteError>;

    /// Proves tasks of one lane together; one answer for each, in their order.
    fn prove(&self, tasks: &[Self::Prepared]) -> Vec<Result<Proved, ExecuteError>>;
}

/// How a worker behaves.
#[derive(Debug, Clone)]
pub struct WorkerConfig {
    /// One word: letters, digits, - and _.
    pub name: String,
    /// Threads that make witnesses.
    pub preparers: usize,
    /// Batches that may be at the prover at once: a second one has its processor work done beside the first one's on the
    /// device.
    pub provers: usize,
    /// The queue's lease: a task is taken ahead only if it will be started within this time.
    pub lease: Duration,
    /// Time between signs of life; a third of the lease or less.
    pub heartbeat: Duration,
    /// Longest wait for a task before the worker looks around.
    pub wait: Duration,
    /// Time between looks at lanes that were empty, while there is other work.
    pub look: Duration,
    /// Longest wait of a prepared task for others of its lane that are being prepared.
    pub linger: Duration,
}

impl WorkerConfig {
    /// A worker with one batch at the prover at a time and the usual times for a lease of 30 s.
    pub fn new(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            preparers: std::thread::available_parallelism().map_or(1, |cores| cores.get()),
            provers: 1,
            lease: Duration::from_secs(30),
            heartbeat: Duration::from_secs(8),
            wait: Duration::from_secs(1),
            look: Duration::from_millis(200),
            linger: Duration::from_millis(20),
        }
    }
}

/// Serves until `shutdown` turns true: what the prover has is finished and reported, the rest is given back.
///
/// # Errors
/// The executor lost its device. What it held is reported or given back.
pub async fn run<E: Execute>(
    queue: Arc<dyn Queue>,
    executor: Arc<E>,
    config: WorkerConfig,
    mut shutdown: watch::Receiver<bool>,
) -> Result<(), WorkerError> {
    let mut line = Line::new(queue, executor, config);
    while !*shutdown.borrow_and_update() && !line.is_lost() {
        line.advance();
        tokio::select! {
            event = line.next_event() => line.take(event),
            () = turned(&mut shutdown) => {}
        }
    }
    line.drain().await
}

async fn turned(shutdown: &mut watch::Receiver<bool>) {
    if shutdown.changed().await.is_err() {
        // Nobody is left who could ask for it.
        std::future::pending().await
    }
}
