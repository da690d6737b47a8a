//! The production line: pull, prepare, prove, report, each beside the others.

use std::panic::resume_unwind;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::runtime::Handle;
use tokio::task::{JoinError, JoinSet};

use super::held::{Heartbeats, Held, OUTAGE_PAUSE};
use super::lanes::{Lanes, Limits, Next, Pull, Running};
use super::{Execute, ExecuteError, WorkerConfig, WorkerError, stages};
use crate::queue::{Delivery, Lane, Queue, QueueError};
use crate::wire::{FailureClass, Proved, Task, TaskOutcome, WireError, clip, decode};

/// Pause before a task in a language we don't speak is offered to others.
const FOREIGN_PAUSE: Duration = Duration::from_secs(5);
/// Most results on their way to the queue; with more the worker takes no further task.
const MAX_CLOSING: usize = 256;

/// A task ready for the prover.
struct Ready<P> {
    held: Held,
    prepared: P,
}

/// What came of something that was started.
pub(super) enum Event<P> {
    Pulled {
        asked: Vec<Lane>,
        found: Result<Option<Delivery>, QueueError>,
    },
    Prepared {
        lane: usize,
        number: u64,
        outcome: Result<P, ExecuteError>,
    },
    Proven {
        batch: Running,
        held: Vec<Held>,
        outcomes: Vec<Result<Proved, ExecuteError>>,
    },
    /// A result was reported, or a task given back.
    Closed,
    /// Time has passed.
    Due,
}

pub(super) struct Line<E: Execute> {
    queue: Arc<dyn Queue>,
    executor: Arc<E>,
    config: WorkerConfig,
    heartbeats: Heartbeats,
    lanes: Lanes<Ready<E::Prepared>>,
    /// Tasks whose witness is being made, by number.
    preparing: Vec<(u64, Held)>,
    next_number: u64,
    work: JoinSet<Event<E::Prepared>>,
    pulling: bool,
    closing: usize,
    looked: Instant,
    linger: Option<Instant>,
    draining: bool,
    lost: Option<String>,
}

impl<E: Execute> Line<E> {
    pub fn new(queue: Arc<dyn Queue>, executor: Arc<E>, config: WorkerConfig) -> Self {
        let limits = Limits {
            preparers: config.preparers,
            provers: config.provers,
            lease: config.lease,
            linger: config.linger,
        };
        let lanes = executor.lanes().into_iter().map(Lane::Tasks);
        Self {
            lanes: Lanes::new(lanes, limits),
            heartbeats: Heartbeats::start(config.heartbeat),
            queue,
            executor,
            config,
            preparing: Vec::new(),
            next_number: 0,
            work: JoinSet::new(),
            pulling: false,
            closing: 0,
            looked: Instant::now(),
            linger: None,
            draining: false,
            lost: None,
        }
    }

    /// Whether the executor can prove nothing more.
    pub fn is_lost(&self) -> bool {
        self.lost.is_some()
    }

    /// Starts whatever can be started now.
    pub fn advance(&mut self) {
        let now = Instant::now();
        let executor = &self.executor;
        self.lanes.set_batches(|lane| match lane {
            Lane::Tasks(name) => executor.batch(name),
            _ => 1,
        });
        self.start_batches(now);
        for ready in self.lanes.overdue(now) {
            self.give_back(ready.held);
        }
        self.start_pull(now);
    }

    fn start_batches(&mut self, now: Instant) {
        self.linger = loop {
            match self.lanes.next(now) {
                Next::Batch(batch, ready) => self.start_batch(batch, ready),
                Next::Linger(until) => break Some(until),
                Next::Nothing => break None,
            }
        };
    }

    fn start_batch(&mut self, batch: Running, ready: Vec<Ready<E::Prepared>>) {
        let (held, prepared): (Vec<_>, Vec<_>) = ready
            .into_iter()
            .map(|Ready { held, prepared }| (held, prepared))
            .unzip();
        let executor = self.executor.clone();
        self.work.spawn_blocking(move || Event::Proven {
            batch,
            outcomes: stages::prove(executor.as_ref(), &prepared),
            held,
        });
    }

    fn start_pull(&mut self, now: Instant) {
        // Results that the queue does not take hold the worker up.
        if self.pulling || self.closing > MAX_CLOSING {
            return;
        }
        let look = now.saturating_duration_since(self.looked) >= self.config.look;
        let Some(Pull { lanes: asked, idle }) = self.lanes.pull(now, look) else {
            return;
        };
        if look {
            self.looked = now;
        }
        self.pulling = true;
        let wait = if idle {
            self.config.wait
        } else {
            Duration::ZERO
        };
        let queue = self.queue.clone();
        self.work.spawn(async move {
            let found = queue.pull(&asked, wait).await;
            if let Err(error) = &found {
                tracing::warn!(%error, "no task from the queue");
                tokio::time::sleep(OUTAGE_PAUSE).await;
            }
            Event::Pulled { asked, found }
        });
    }

    /// The next thing that happens; may be cancelled.
    pub async fn next_event(&mut self) -> Event<E::Prepared> {
        let look = self.looked.max(Instant::now()) + self.config.look;
        let due = self.linger.map_or(look, |linger| linger.min(look));
        tokio::select! {
            Some(ended) = self.work.join_next() => match ended.map_err(JoinError::try_into_panic) {
                Ok(event) => event,
                Err(Ok(panic)) => resume_unwind(panic),
                Err(Err(_)) => Event::Due,
            },
            () = tokio::time::sleep_until(due.into()) => Event::Due,
        }
    }

    /// Takes in what happened.
    pub fn take(&mut self, event: Event<E::Prepared>) {
        match event {
            Event::Pulled { asked, found } => self.pulled(&asked, found.unwrap_or_default()),
            Event::Prepared {
                lane,
                number,
                outcome,
            } => self.prepared(lane, number, outcome),
            Event::Proven {
                batch,
                held,
                outcomes,
            } => {
                self.lanes.finished(batch, Instant::now());
                for (held, outcome) in held.into_iter().zip(outcomes) {
                    self.finish(held, outcome);
                }
            }
            Event::Closed => self.closing -= 1,
            Event::Due => {}
        }
    }

    fn pulled(&mut self, asked: &[Lane], found: Option<Delivery>) {
        self.pulling = false;
        let seen = found.as_ref().map(|found| (&found.lane, found.left));
        let lane = self.lanes.pulled(asked, seen);
        match (found, lane) {
            (Some(delivery), Some(lane)) if !self.draining => self.admit(lane, delivery),
            (Some(delivery), _) => {
                self.close(async move { pass_on(&delivery, Duration::ZERO).await })
            }
            (None, _) => {}
        }
    }

    fn admit(&mut self, lane: usize, delivery: Delivery) {
        let task: Task = match decode(&delivery.body) {
            Ok(task) => task,
            Err(error) => {
                self.lanes.dropped(lane);
                return self.close(async move { refuse(&delivery, error).await });
            }
        };
        let number = self.next_number;
        self.next_number += 1;
        let held = self
            .heartbeats
            .hold((task.id, task.attempt), delivery.lease);
        self.preparing.push((number, held));
        let (queue, executor) = (self.queue.clone(), self.executor.clone());
        let handle = Handle::current();
        self.work.spawn_blocking(move || Event::Prepared {
            lane,
            number,
            outcome: stages::prepare(&queue, executor.as_ref(), &task, &handle),
        });
    }

    fn prepared(&mut self, lane: usize, number: u64, outcome: Result<E::Prepared, ExecuteError>) {
        let place = self
            .preparing
            .iter()
            .position(|(other, _)| *other == number);
        let Some((_, held)) = place.map(|place| self.preparing.swap_remove(place)) else {
            return; // given back meanwhile
        };
        match outcome {
            Ok(prepared) => {
                let (leased, ready) = (held.since, Ready { held, prepared });
                self.lanes.prepared(lane, ready, leased, Instant::now());
            }
            Err(error) => {
                self.lanes.dropped(lane);
                self.finish(held, Err(error));
            }
        }
    }

    /// Reports how a task ended, beside everything else.
    fn finish(&mut self, held: Held, outcome: Result<Proved, ExecuteError>) {
        if let Err(ExecuteError::Lost(message)) = &outcome {
            self.lost.get_or_insert_with(|| message.clone());
        }
        let (queue, name) = (self.queue.clone(), self.config.name.clone());
        let outcome = told(outcome);
        self.close(async move { held.finish(queue.as_ref(), &name, outcome).await });
    }

    fn give_back(&mut self, held: Held) {
        self.close(held.give_back());
    }

    fn close(&mut self, closing: impl Future<Output = ()> + Send + 'static) {
        self.closing += 1;
        self.work.spawn(async move {
            closing.await;
            Event::Closed
        });
    }

    /// Gives back what the prover does not have, and reports what it has.
    pub async fn drain(mut self) -> Result<(), WorkerError> {
        self.draining = true;
        let ready = self.lanes.drain().into_iter().map(|ready| ready.held);
        let preparing = self.preparing.drain(..).map(|(_, held)| held);
        for held in ready.chain(preparing).collect::<Vec<_>>() {
            self.give_back(held);
        }
        while self.pulling || self.closing > 0 || self.lanes.proving() {
            let event = self.next_event().await;
            self.take(event);
        }
        self.lost
            .map_or(Ok(()), |lost| Err(WorkerError::Lost(lost)))
    }
}

fn told(outcome: Result<Proved, ExecuteError>) -> TaskOutcome {
    let (class, message) = match outcome {
        Ok(proved) => return TaskOutcome::Proved(proved),
        Err(ExecuteError::Inputs(message)) => (FailureClass::Inputs, message),
        Err(ExecuteError::Worker(message) | ExecuteError::Lost(message)) => {
            (FailureClass::Worker, message)
        }
    };
    let message = clip(&message);
    TaskOutcome::Failed { class, message }
}

async fn refuse(delivery: &Delivery, error: WireError) {
    tracing::error!(key = delivery.key, %error, "not a task");
    match error {
        WireError::Version(_) => pass_on(delivery, FOREIGN_PAUSE).await,
        WireError::Malformed(_) => closed(delivery, delivery.lease.done().await),
    }
}

async fn pass_on(delivery: &Delivery, delay: Duration) {
    closed(delivery, delivery.lease.give_back(delay).await);
}

fn closed(delivery: &Delivery, outcome: Result<(), QueueError>) {
    if let Err(error) = outcome {
        tracing::warn!(key = delivery.key, %error, "the message could not be taken off the queue");
    }
}
