//! A leased task and the ways out of it: reported and off the queue, or back to the others.

use std::time::{Duration, Instant};

use tracing::{Instrument, Span};

use super::book::Place;
use crate::Digest;
use crate::clock::unix_now;
use crate::queue::{Item, Lane, Queue, QueueError};
use crate::wire::{HeldStage, Task, TaskOutcome, TaskResult, VERSION, encode};

/// Pause after the queue failed us, so that an outage is no hot loop.
pub(super) const OUTAGE_PAUSE: Duration = Duration::from_millis(500);
/// Tries to report a result before the task is given back.
const REPORT_TRIES: u32 = 10;

/// A leased task. Its signs of life end when it is dropped.
pub(super) struct Held {
    pub task: Digest,
    pub kind: &'static str,
    /// Size of what was read for it.
    pub input_bytes: u64,
    /// From its lease to the end of its report.
    pub span: Span,
    place: Place,
}

impl Held {
    pub fn new(task: &Task, worker: &str, input_bytes: u64, place: Place) -> Self {
        let span = tracing::info_span!(
            "task",
            trace.parent = task.trace.as_deref(),
            task = %task.id,
            kind = task.work.kind(),
            attempt = task.attempt,
            worker,
        );
        Self {
            task: task.id,
            kind: task.work.kind(),
            input_bytes,
            span,
            place,
        }
    }

    /// Names this hold among all of the process.
    pub fn number(&self) -> u64 {
        self.place.number()
    }

    /// Number of the task's offer.
    pub fn attempt(&self) -> u32 {
        self.place.attempt()
    }

    /// When it was leased.
    pub fn leased(&self) -> Instant {
        self.place.leased()
    }

    /// It is at another stage from now on.
    pub fn turn(&self, stage: HeldStage) {
        self.place.turn(stage);
    }

    /// Reports the outcome, and takes the task off the queue once that is confirmed.
    pub async fn finish(self, queue: &dyn Queue, worker: &str, outcome: TaskOutcome) {
        let (task, result) = (self.task, self.result(worker, outcome));
        let span = tracing::info_span!(parent: &self.span, "report");
        let reported = report(queue, result).instrument(span).await;
        let Some(lease) = self.place.leave() else {
            return;
        };
        let closed = match reported {
            Ok(()) => lease.done().await,
            Err(error) => {
                tracing::error!(%task, %error, "the result could not be reported");
                lease.give_back(OUTAGE_PAUSE).await
            }
        };
        if let Err(error) = closed {
            // The queue will deliver the task again, and the coordinator ignores what it has.
            tracing::warn!(%task, %error, "the task could not be taken off the queue");
        }
    }

    fn result(&self, worker: &str, outcome: TaskOutcome) -> TaskResult {
        TaskResult {
            version: VERSION,
            task: self.task,
            attempt: self.attempt(),
            worker: worker.into(),
            outcome,
        }
    }

    /// Lets another worker have the task at once.
    pub async fn give_back(self) {
        let task = self.task;
        let Some(lease) = self.place.leave() else {
            return;
        };
        if let Err(error) = lease.give_back(Duration::ZERO).await {
            tracing::warn!(%task, %error, "the task could not be given back");
        }
    }
}

/// Reports until the queue confirms it: a repeated report has the same key. The worker comes first in it, so that a server can
/// confine a worker to results of its own.
async fn report(queue: &dyn Queue, result: TaskResult) -> Result<(), QueueError> {
    let serial = unix_now().as_nanos() as u64;
    let item = Item {
        key: format!("{}.{}.{serial:x}", result.worker, result.task),
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
                tracing::warn!(task = %result.task, %error, "reporting again");
                tokio::time::sleep(OUTAGE_PAUSE).await;
            }
        }
    }
}
