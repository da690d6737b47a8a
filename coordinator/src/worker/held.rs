//! What the worker holds: leases with their signs of life, and the way out of them.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, mpsc};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use futures_util::future::join_all;
use tokio::runtime::Handle;

use crate::Digest;
use crate::queue::{Item, Lane, Lease, Queue, QueueError};
use crate::wire::{TaskOutcome, TaskResult, VERSION, encode};

/// Pause after the queue failed us, so that an outage is no hot loop.
pub(super) const OUTAGE_PAUSE: Duration = Duration::from_millis(500);
/// Tries to report a result before the task is given back.
const REPORT_TRIES: u32 = 10;

/// A leased task. Its signs of life end when it is dropped.
pub(super) struct Held {
    pub task: Digest,
    pub attempt: u32,
    /// When it was leased.
    pub since: Instant,
    lease: Arc<dyn Lease>,
    beat: Beat,
}

impl Held {
    /// Reports the outcome, and takes the task off the queue once that is confirmed.
    pub async fn finish(self, queue: &dyn Queue, worker: &str, outcome: TaskOutcome) {
        let reported = report(queue, worker, (self.task, self.attempt), outcome).await;
        drop(self.beat);
        let closed = match reported {
            Ok(()) => self.lease.done().await,
            Err(error) => {
                tracing::error!(task = %self.task, %error, "the result could not be reported");
                self.lease.give_back(OUTAGE_PAUSE).await
            }
        };
        if let Err(error) = closed {
            // The queue will deliver the task again, and the coordinator ignores what it has.
            tracing::warn!(task = %self.task, %error, "the task could not be taken off the queue");
        }
    }

    /// Lets another worker have the task at once.
    pub async fn give_back(self) {
        drop(self.beat);
        if let Err(error) = self.lease.give_back(Duration::ZERO).await {
            tracing::warn!(task = %self.task, %error, "the task could not be given back");
        }
    }
}

/// Reports until the queue confirms it: a repeated report has the same key.
async fn report(
    queue: &dyn Queue,
    worker: &str,
    (task, attempt): (Digest, u32),
    outcome: TaskOutcome,
) -> Result<(), QueueError> {
    let result = TaskResult {
        version: VERSION,
        task,
        attempt,
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

#[derive(Default)]
struct Leases {
    next: u64,
    by_number: HashMap<u64, Arc<dyn Lease>>,
}

type Shared = Arc<Mutex<Leases>>;

fn lock(leases: &Shared) -> MutexGuard<'_, Leases> {
    leases.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Signs of life for all leases, from a thread of its own: a prover that takes every core can't silence it.
pub(super) struct Heartbeats {
    leases: Shared,
    stop: Option<mpsc::Sender<()>>,
}

impl Heartbeats {
    pub fn start(interval: Duration) -> Self {
        let leases = Shared::default();
        let (stop, stopped) = mpsc::channel();
        let (handle, all) = (Handle::current(), leases.clone());
        let beat = move || {
            while let Err(mpsc::RecvTimeoutError::Timeout) = stopped.recv_timeout(interval) {
                let current: Vec<_> = lock(&all).by_number.values().cloned().collect();
                handle.block_on(extend(current));
            }
        };
        let thread = std::thread::Builder::new()
            .name("heartbeat".into())
            .spawn(beat);
        if let Err(error) = thread {
            tracing::error!(%error, "no heartbeat: tasks may be given to other workers too");
        }
        Self {
            leases,
            stop: Some(stop),
        }
    }

    /// Holds a task from now on.
    pub fn hold(&self, (task, attempt): (Digest, u32), lease: Arc<dyn Lease>) -> Held {
        let mut leases = lock(&self.leases);
        let number = leases.next;
        leases.next += 1;
        leases.by_number.insert(number, lease.clone());
        let beat = Beat {
            leases: self.leases.clone(),
            number,
        };
        Held {
            task,
            attempt,
            since: Instant::now(),
            lease,
            beat,
        }
    }
}

async fn extend(leases: Vec<Arc<dyn Lease>>) {
    let extended = join_all(leases.iter().map(|lease| lease.extend())).await;
    for error in extended.into_iter().filter_map(Result::err) {
        tracing::warn!(%error, "no sign of life reached the queue");
    }
}

impl Drop for Heartbeats {
    fn drop(&mut self) {
        self.stop = None;
    }
}

/// One lease's place among those that get signs of life.
struct Beat {
    leases: Shared,
    number: u64,
}

impl Drop for Beat {
    fn drop(&mut self) {
        lock(&self.leases).by_number.remove(&self.number);
    }
}
