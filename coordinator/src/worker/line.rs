//! The production line: pull, prepare, prove, report, each beside the others.

use std::panic::resume_unwind;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::runtime::Handle;
use tokio::task::{JoinError, JoinSet};
use tracing::Span;

use super::book::Hung;
use super::heartbeat::Heartbeat;
use super::held::{Held, OUTAGE_PAUSE};
use super::lanes::{Lanes, Limits, Next, Pull, Running};
use super::passes::Passes;
use super::recent::Recent;
use super::wishes::{Wish, Wishes};
use super::{Execute, ExecuteError, Word, WorkerConfig, WorkerError, stages};
use crate::queue::{Delivery, Lane, Queue, QueueError};
use crate::wire::{
    FailureClass, HeldStage, Proved, Task, TaskOutcome, WireError, WorkerState, clip, decode,
};

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
        fetched_bytes: u64,
    },
    Proven {
        batch: Running,
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
    heartbeat: Heartbeat,
    lanes: Lanes<Ready<E::Prepared>>,
    /// Tasks whose witness is being made.
    preparing: Vec<Held>,
    /// Tasks at the prover.
    proving: Vec<(Running, Vec<Held>)>,
    passes: Passes,
    recent: Recent,
    /// Places from which on lanes are of ordinary tasks.
    ordinary: usize,
    work: JoinSet<Event<E::Prepared>>,
    pulling: bool,
    closing: usize,
    looked: Instant,
    linger: Option<Instant>,
    /// It takes nothing further.
    cordoned: bool,
    lost: Option<String>,
}

impl<E: Execute> Line<E> {
    pub fn new(
        queue: Arc<dyn Queue>,
        executor: Arc<E>,
        config: WorkerConfig,
        lanes: Vec<String>,
        heartbeat: Heartbeat,
    ) -> Self {
        let limits = Limits {
            preparers: config.preparers,
            provers: config.provers,
            lease: config.lease,
            linger: config.linger,
        };
        config.state.send_replace(WorkerState::Ready);
        heartbeat.speak();
        Self {
            ordinary: if config.large { lanes.len() / 2 } else { 0 },
            lanes: Lanes::new(lanes.into_iter().map(Lane::Tasks), limits),
            heartbeat,
            queue,
            executor,
            preparing: Vec::new(),
            proving: Vec::new(),
            passes: Passes::new(config.avoid_pause),
            recent: Recent::default(),
            config,
            work: JoinSet::new(),
            pulling: false,
            closing: 0,
            looked: Instant::now(),
            linger: None,
            cordoned: false,
            lost: None,
        }
    }

    /// Whether it takes nothing further from now on.
    pub fn cordon(&mut self, cordoned: bool) {
        if self.cordoned != cordoned {
            self.cordoned = cordoned;
            self.tell(if cordoned {
                WorkerState::Cordoned
            } else {
                WorkerState::Ready
            });
        }
    }

    fn tell(&self, state: WorkerState) {
        self.config.state.send_replace(state);
        self.heartbeat.speak();
    }

    /// Whether the executor can prove nothing more.
    pub fn is_lost(&self) -> bool {
        self.lost.is_some()
    }

    /// Starts whatever can be started now.
    pub fn advance(&mut self) {
        let now = Instant::now();
        let (executor, ordinary) = (&self.executor, self.ordinary);
        self.lanes.set_batches(|place, lane| match lane {
            // What took too much memory alone takes no others along.
            Lane::Tasks(name) if place >= ordinary => executor.batch(name),
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
        let span = |held: &Held| {
            held.turn(HeldStage::Proving);
            tracing::info_span!(parent: &held.span, "prove", tasks = batch.size)
        };
        let spans: Vec<_> = held.iter().map(span).collect();
        self.proving.push((batch, held));
        let executor = self.executor.clone();
        self.work.spawn_blocking(move || {
            let _entered: Vec<_> = spans.iter().map(Span::enter).collect();
            let outcomes = stages::prove(executor.as_ref(), &prepared);
            Event::Proven { batch, outcomes }
        });
    }

    fn start_pull(&mut self, now: Instant) {
        // Results that the queue does not take hold the worker up.
        if self.pulling || self.cordoned || self.closing > MAX_CLOSING {
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
                fetched_bytes,
            } => self.prepared(lane, number, outcome, fetched_bytes),
            Event::Proven { batch, outcomes } => self.proven(batch, outcomes),
            Event::Closed => self.closing -= 1,
            Event::Due => {}
        }
    }

    fn pulled(&mut self, asked: &[Lane], found: Option<Delivery>) {
        self.pulling = false;
        let seen = found.as_ref().map(|found| (&found.lane, found.left));
        let lane = self.lanes.pulled(asked, seen);
        match (found, lane) {
            (Some(delivery), Some(lane)) if !self.cordoned => self.admit(lane, delivery),
            (Some(delivery), lane) => self.pass_on(lane, delivery, Duration::ZERO),
            (None, _) => {}
        }
    }

    /// Lets go of what was just leased.
    fn pass_on(&mut self, lane: Option<usize>, delivery: Delivery, delay: Duration) {
        if let Some(lane) = lane {
            self.lanes.dropped(lane);
        }
        self.close(async move { pass_on(&delivery, delay).await });
    }

    fn admit(&mut self, lane: usize, delivery: Delivery) {
        let task: Task = match decode(&delivery.body) {
            Ok(task) => task,
            Err(error) => {
                self.lanes.dropped(lane);
                return self.close(async move { refuse(&delivery, error).await });
            }
        };
        let offer = (task.id, task.attempt);
        if self.heartbeat.book.adopt(offer, &delivery.lease) {
            return self.lanes.dropped(lane);
        }
        let recent = self.recent.find(offer);
        let avoided = recent.is_none() && task.avoid.contains(&self.config.name);
        if let Some(delay) = avoided.then(|| self.passes.pass(&task.id)).flatten() {
            return self.pass_on(Some(lane), delivery, delay);
        }
        let place = self.heartbeat.book.enter(offer, lane, delivery.lease);
        let bytes = delivery.body.len() as u64;
        let held = Held::new(&task, &self.config.name, bytes, place);
        match recent {
            Some(outcome) => {
                self.lanes.dropped(lane);
                self.report(held, outcome);
            }
            None => self.prepare(lane, held, task),
        }
    }

    fn prepare(&mut self, lane: usize, held: Held, task: Task) {
        let number = held.number();
        let (queue, executor) = (self.queue.clone(), self.executor.clone());
        let runtime = Handle::current();
        let span = tracing::info_span!(parent: &held.span, "witness");
        self.preparing.push(held);
        self.work.spawn_blocking(move || {
            let _span = span.entered();
            let (outcome, fetched_bytes) =
                stages::prepare(&queue, executor.as_ref(), &task, &runtime);
            Event::Prepared {
                lane,
                number,
                outcome,
                fetched_bytes,
            }
        });
    }

    fn prepared(
        &mut self,
        lane: usize,
        number: u64,
        outcome: Result<E::Prepared, ExecuteError>,
        fetched_bytes: u64,
    ) {
        let place = self
            .preparing
            .iter()
            .position(|held| held.number() == number);
        let Some(mut held) = place.map(|place| self.preparing.swap_remove(place)) else {
            return; // given back meanwhile
        };
        held.input_bytes += fetched_bytes;
        match outcome {
            Ok(prepared) => {
                held.turn(HeldStage::Waiting);
                let (leased, ready) = (held.leased(), Ready { held, prepared });
                self.lanes.prepared(lane, ready, leased, Instant::now());
            }
            Err(error) => {
                self.lanes.dropped(lane);
                self.finish(held, Err(error));
            }
        }
    }

    fn proven(&mut self, batch: Running, outcomes: Vec<Result<Proved, ExecuteError>>) {
        self.lanes.finished(batch, Instant::now());
        let place = self.proving.iter().position(|(other, _)| *other == batch);
        let Some((_, held)) = place.map(|place| self.proving.swap_remove(place)) else {
            return; // given back meanwhile
        };
        for (held, outcome) in held.into_iter().zip(outcomes) {
            self.finish(held, outcome);
        }
    }

    /// Reports how a task ended, beside everything else.
    fn finish(&mut self, held: Held, outcome: Result<Proved, ExecuteError>) {
        if let Err(ExecuteError::Lost(message)) = &outcome {
            self.lost.get_or_insert_with(|| message.clone());
        }
        let outcome = told(outcome, held.input_bytes);
        self.heartbeat.book.count(&outcome);
        self.config.on_word.0(Word::Outcome(held.kind, &outcome));
        self.recent.keep((held.task, held.attempt()), &outcome);
        self.report(held, outcome);
    }

    fn report(&mut self, held: Held, outcome: TaskOutcome) {
        held.turn(HeldStage::Reporting);
        let (queue, name) = (self.queue.clone(), self.config.name.clone());
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

    /// Gives back what the prover does not have, and reports what it has, unless that gets urgent.
    pub async fn drain(mut self, wishes: &mut Wishes) -> Result<(), WorkerError> {
        self.begin_end();
        for held in self.waiting() {
            self.give_back(held);
        }
        while self.pulling || self.closing > 0 || !self.proving.is_empty() {
            match wishes.now() {
                Wish::GiveBack => return self.abandon(None).await,
                Wish::Hung(hung) => return self.abandon(Some(hung)).await,
                Wish::Work | Wish::Cordon | Wish::Drain => {}
            }
            tokio::select! {
                event = self.next_event() => self.take(event),
                () = wishes.changed() => {}
            }
        }
        self.lost
            .map_or(Ok(()), |lost| Err(WorkerError::Lost(lost)))
    }

    /// Gives everything back, what the prover has too; the tasks that something hung holds up are reported as failed.
    pub async fn abandon(mut self, hung: Option<Hung>) -> Result<(), WorkerError> {
        self.begin_end();
        let proving = std::mem::take(&mut self.proving);
        let held = proving.into_iter().flat_map(|(_, held)| held);
        for held in held.chain(self.waiting()).collect::<Vec<_>>() {
            match &hung {
                Some(Hung { numbers, what }) if numbers.contains(&held.number()) => {
                    self.finish(held, Err(ExecuteError::Worker(what.clone())));
                }
                _ => self.give_back(held),
            }
        }
        while self.pulling || self.closing > 0 {
            let event = self.next_event().await;
            self.take(event);
        }
        hung.map_or(Ok(()), |hung| Err(WorkerError::Hung(hung.what)))
    }

    fn begin_end(&mut self) {
        self.cordoned = true;
        self.tell(WorkerState::Draining);
    }

    /// What the prover does not have.
    fn waiting(&mut self) -> Vec<Held> {
        let ready = self.lanes.drain().into_iter().map(|ready| ready.held);
        ready.chain(self.preparing.drain(..)).collect()
    }
}

fn told(outcome: Result<Proved, ExecuteError>, input_bytes: u64) -> TaskOutcome {
    let (class, message) = match outcome {
        Ok(proved) => {
            return TaskOutcome::Proved(Proved {
                input_bytes,
                ..proved
            });
        }
        Err(ExecuteError::Memory(message)) => (FailureClass::Memory, message),
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
