//! The worker: leases tasks, makes their witnesses on processor threads while the prover is busy with others, proves
//! those of one circuit together, reports, and only then lets go of them.
//!
//! An idle worker takes a task at once; a busy one takes tasks ahead only from lanes that hold enough for others, which
//! [`lanes`] decides. Besides those at the prover it holds at most a batch of each circuit, every task with signs of
//! life, and gives back what it could not start within a lease. It takes its first task after a self-test, says every few
//! seconds what it does, and obeys the coordinator's orders and those of whoever runs it.

mod book;
mod heartbeat;
mod held;
mod lanes;
mod line;
mod passes;
mod recent;
mod stages;
mod start;
mod watchdog;
mod wishes;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::watch;

use crate::Digest;
use crate::artifacts::ArtifactError;
use crate::queue::Queue;
use crate::wire::{Presence, Proved, Task, TaskOutcome, WorkerState};
use heartbeat::Heartbeat;
use line::Line;
use wishes::{Wish, Wishes};

pub use heartbeat::{orders_key, presence_key};
pub use watchdog::Patience;

/// Why a task was not proven.
#[derive(Debug, Clone, thiserror::Error)]
pub enum ExecuteError {
    /// Nobody could: the inputs are broken or break the relation.
    #[error("{0}")]
    Inputs(String),
    /// Not here, not now.
    #[error("{0}")]
    Worker(String),
    /// Not with the memory that is here.
    #[error("{0}")]
    Memory(String),
    /// Not here, and nothing else either: the device is lost to this process.
    #[error("{0}")]
    Lost(String),
}

impl From<ArtifactError> for ExecuteError {
    fn from(error: ArtifactError) -> Self {
        match error {
            // So it is for every worker.
            ArtifactError::TooLarge { .. } => ExecuteError::Inputs(error.to_string()),
            _ => ExecuteError::Worker(error.to_string()),
        }
    }
}

/// Why a worker ended by itself.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WorkerError {
    #[error("this process can prove nothing more: {0}")]
    Lost(String),
    #[error("the self-test failed: {0}")]
    SelfTest(String),
    /// A thread of this process is stuck, so its runtime does not end by itself.
    #[error("this process is stuck: {0}")]
    Hung(String),
}

/// Reads an artifact whose digest is checked.
pub type Fetch<'a> = dyn Fn(&Digest) -> Result<Bytes, ArtifactError> + 'a;

/// Proves tasks in two stages. Both are called on threads of their own, which they may use up.
pub trait Execute: Send + Sync + 'static {
    /// A task with its witness, ready for the prover.
    type Prepared: Send + 'static;

    /// Names of the task lanes it serves, the most urgent first.
    fn lanes(&self) -> Vec<String>;

    /// Gets ready for the first task, and proves a sample of its own.
    fn ready(&self) -> Result<(), ExecuteError> {
        Ok(())
    }

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
    /// Time between words about itself and looks at its orders.
    pub presence: Duration,
    /// What it says about itself.
    pub about: About,
    /// Whether it serves the lanes of large tasks too, before the others.
    pub large: bool,
    /// First of the growing times for which it lets go of a task that others should have.
    pub avoid_pause: Duration,
    /// When a stage counts as hung.
    pub patience: Patience,
    /// Turns true when everything is to be given back at once, as on a machine that is about to be taken away.
    pub give_back: watch::Receiver<bool>,
    /// What the worker is about, for those who ask whether it is ready.
    pub state: watch::Sender<WorkerState>,
    pub on_word: OnWord,
}

/// Told what the worker says, as it says it.
#[derive(Clone)]
pub struct OnWord(pub Arc<dyn Fn(Word<'_>) + Send + Sync>);

impl std::fmt::Debug for OnWord {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("OnWord")
    }
}

/// Something that a worker says.
#[derive(Debug)]
pub enum Word<'a> {
    Presence(&'a Presence),
    /// The outcome of a task of this kind.
    Outcome(&'static str, &'a TaskOutcome),
}

/// What a worker says about itself in its presence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct About {
    /// Version of the program.
    pub build: String,
    pub host: String,
    /// Name of the backend.
    pub backend: String,
    pub card: Option<String>,
}

impl Default for About {
    fn default() -> Self {
        let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
        Self {
            build: env!("CARGO_PKG_VERSION").into(),
            host: host.trim().into(),
            backend: String::new(),
            card: None,
        }
    }
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
            presence: heartbeat::PRESENCE,
            about: About::default(),
            large: false,
            avoid_pause: Duration::from_millis(250),
            patience: Patience::default(),
            give_back: watch::channel(false).1,
            state: watch::Sender::new(WorkerState::Starting),
            on_word: OnWord(Arc::new(|_| ())),
        }
    }
}

/// Serves until `shutdown` turns true or an order says so: what the prover has is finished and reported, the rest is given
/// back.
///
/// # Errors
/// The self-test failed, the executor lost its device, or something hung. What was held is reported or given back.
pub async fn run<E: Execute>(
    queue: Arc<dyn Queue>,
    executor: Arc<E>,
    config: WorkerConfig,
    shutdown: watch::Receiver<bool>,
) -> Result<(), WorkerError> {
    let lanes = start::lanes(executor.as_ref(), config.large);
    let (heartbeat, heard) = Heartbeat::start(queue.clone(), &config, lanes.clone());
    let mut wishes = Wishes {
        shutdown,
        give_back: config.give_back.clone(),
        heard,
    };
    if !start::ready(&executor, &heartbeat.book, &mut wishes).await? {
        return Ok(());
    }
    let mut line = Line::new(queue, executor, config, lanes, heartbeat);
    while !line.is_lost() {
        match wishes.now() {
            Wish::Work => line.cordon(false),
            Wish::Cordon => line.cordon(true),
            Wish::Drain => break,
            Wish::GiveBack => return line.abandon(None).await,
            Wish::Hung(hung) => return line.abandon(Some(hung)).await,
        }
        line.advance();
        tokio::select! {
            event = line.next_event() => line.take(event),
            () = wishes.changed() => {}
        }
    }
    line.drain(&mut wishes).await
}
