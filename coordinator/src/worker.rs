//! The worker: leases a task, proves it, reports, and only then lets go of the task.

use std::sync::Arc;
use std::sync::mpsc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use tokio::runtime::Handle;
use tokio::sync::watch;

use crate::Digest;
use crate::artifacts::{ArtifactError, fetch};
use crate::queue::{Delivery, Item, Lane, Lease, Queue, QueueError};
use crate::wire::{
    FailureClass, MAX_SNAPSHOT_BYTES, Proved, Task, TaskOutcome, TaskResult, VERSION, WireError,
    clip, decode, encode,
};

/// Why a task was not proven.
#[derive(Debug, thiserror::Error)]
pub enum ExecuteError {
    /// Nobody could: the inputs are broken or break the relation.
    #[error("{0}")]
    Inputs(String),
    /// Not here, not now.
    #[error("{0}")]
    Worker(String),
}

impl From<ArtifactError> for ExecuteError {
    fn from(error: ArtifactError) -> Self {
        ExecuteError::Worker(error.to_string())
    }
}

/// Reads an artifact whose digest is checked.
pub type Fetch<'a> = dyn Fn(&Digest) -> Result<Bytes, ArtifactError> + 'a;

/// Proves tasks. Called on a thread of its own, which it may use up.
pub trait Execute: Send + Sync {
    /// Names of the task lanes it serves, the most urgent first.
    fn lanes(&self) -> Vec<String>;

    /// Proves the statement of `task`.
    fn execute(&self, task: &Task, fetch: &Fetch<'_>) -> Result<Proved, ExecuteError>;
}

/// How a worker behaves.
#[derive(Debug, Clone)]
pub struct WorkerConfig {
    /// One word: letters, digits, - and _.
    pub name: String,
    /// Time between signs of life; a third of the queue's lease or less.
    pub heartbeat: Duration,
    /// Longest wait for a task before the worker looks around.
    pub wait: Duration,
}

impl WorkerConfig {
    /// A worker with the usual times for a lease of 30 s.
    pub fn new(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            heartbeat: Duration::from_secs(8),
            wait: Duration::from_secs(1),
        }
    }
}

/// Pause after the queue failed us, so that an outage is no hot loop.
const OUTAGE_PAUSE: Duration = Duration::from_millis(500);
/// Tries to report a result before the task is given back.
const REPORT_TRIES: u32 = 10;
/// Pause before a task in a language we don't speak is offered to others.
const FOREIGN_PAUSE: Duration = Duration::from_secs(5);

/// Serves until `shutdown` turns true; a task under way is finished first.
pub async fn run(
    queue: Arc<dyn Queue>,
    executor: Arc<dyn Execute>,
    config: WorkerConfig,
    mut shutdown: watch::Receiver<bool>,
) {
    let lanes: Vec<Lane> = executor.lanes().into_iter().map(Lane::Tasks).collect();
    while !*shutdown.borrow_and_update() {
        match queue.pull(&lanes, config.wait).await {
            Ok(None) => {}
            Ok(Some(delivery)) => serve(&queue, &executor, &config, delivery).await,
            Err(error) => {
                tracing::warn!(%error, "no task from the queue");
                tokio::time::sleep(OUTAGE_PAUSE).await;
            }
        }
    }
}

async fn serve(
    queue: &Arc<dyn Queue>,
    executor: &Arc<dyn Execute>,
    config: &WorkerConfig,
    delivery: Delivery,
) {
    let lease = delivery.lease.clone();
    let task: Task = match decode(&delivery.body) {
        Ok(task) => task,
        Err(error) => return refuse(&delivery, error).await,
    };
    let span = tracing::info_span!("task", id = %task.id, kind = task.work.kind());
    let heartbeat = Heartbeat::start(lease.clone(), config.heartbeat);
    let outcome = prove(queue.clone(), executor.clone(), task.clone(), span).await;
    let reported = report(queue.as_ref(), &config.name, task.id, outcome).await;
    drop(heartbeat);
    let closed = match reported {
        Ok(()) => lease.done().await,
        Err(error) => {
            tracing::error!(task = %task.id, %error, "the result could not be reported");
            lease.give_back(OUTAGE_PAUSE).await
        }
    };
    if let Err(error) = closed {
        // The queue will deliver the task again, and the coordinator ignores what it has.
        tracing::warn!(task = %task.id, %error, "the task could not be taken off the queue");
    }
}

async fn refuse(delivery: &Delivery, error: WireError) {
    tracing::error!(key = delivery.key, %error, "not a task");
    let closed = match error {
        WireError::Version(_) => delivery.lease.give_back(FOREIGN_PAUSE).await,
        WireError::Malformed(_) => delivery.lease.done().await,
    };
    if let Err(error) = closed {
        tracing::warn!(key = delivery.key, %error, "the message could not be taken off the queue");
    }
}

async fn prove(
    queue: Arc<dyn Queue>,
    executor: Arc<dyn Execute>,
    task: Task,
    span: tracing::Span,
) -> TaskOutcome {
    let handle = Handle::current();
    let work = move || {
        let _entered = span.entered();
        let fetch =
            |digest: &Digest| handle.block_on(fetch(queue.artifacts(), digest, MAX_SNAPSHOT_BYTES));
        executor.execute(&task, &fetch)
    };
    let failed = |class, message: String| TaskOutcome::Failed {
        class,
        message: clip(&message),
    };
    match tokio::task::spawn_blocking(work).await {
        Ok(Ok(proved)) => TaskOutcome::Proved(proved),
        Ok(Err(ExecuteError::Inputs(message))) => failed(FailureClass::Inputs, message),
        Ok(Err(ExecuteError::Worker(message))) => failed(FailureClass::Worker, message),
        Err(panic) => failed(
            FailureClass::Worker,
            format!("the prover panicked: {panic}"),
        ),
    }
}

/// Reports until the queue confirms it: a repeated report has the same key.
async fn report(
    queue: &dyn Queue,
    worker: &str,
    task: Digest,
    outcome: TaskOutcome,
) -> Result<(), QueueError> {
    let result = TaskResult {
        version: VERSION,
        task,
        worker: worker.into(),
        outcome,
    };
    let serial = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |t| t.as_nanos() as u64);
    let item = Item {
        key: format!("{task}.{worker}.{serial:x}"),
        attempt: 0,
        body: encode(&result),
    };
    let mut tries = 0;
    loop {
        tries += 1;
        match queue.push(&Lane::Results, &item).await {
            Ok(_) => return Ok(()),
            Err(error) if tries == REPORT_TRIES => return Err(error),
            Err(error) => {
                tracing::warn!(%task, %error, "reporting again");
                tokio::time::sleep(OUTAGE_PAUSE).await;
            }
        }
    }
}

/// Signs of life from a thread of its own: a prover that takes every core can't silence it.
struct Heartbeat {
    stop: Option<mpsc::Sender<()>>,
}

impl Heartbeat {
    fn start(lease: Arc<dyn Lease>, interval: Duration) -> Self {
        let (stop, stopped) = mpsc::channel();
        let handle = Handle::current();
        let beat = move || {
            while let Err(mpsc::RecvTimeoutError::Timeout) = stopped.recv_timeout(interval) {
                if let Err(error) = handle.block_on(lease.extend()) {
                    tracing::warn!(%error, "no sign of life reached the queue");
                }
            }
        };
        let thread = std::thread::Builder::new()
            .name("heartbeat".into())
            .spawn(beat);
        if let Err(error) = thread {
            tracing::error!(%error, "no heartbeat: the task may be given to another worker too");
        }
        Self { stop: Some(stop) }
    }
}

impl Drop for Heartbeat {
    fn drop(&mut self) {
        self.stop = None;
    }
}
