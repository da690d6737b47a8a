//! The coordinator: carries events to the planner and its actions out, with every effect recorded before the next.
//!
//! One task owns the plan; intake tasks read the queue and verify proofs beside it. An item is acknowledged only after
//! what it led to is recorded, so whatever dies, the queue delivers again what was not finished.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tracing::Instrument;

use crate::Digest;
use crate::inspect::Inspect;
use crate::plan::{
    Action, Candidate, Event, Network, Outline, Planner, Policy, Refusal, RestoreError,
};
use crate::queue::{Item, Lane, Lease, Pushed, Queue, QueueError};
use crate::verify::Verify;
use crate::wire::{
    CommandKind, GlobalProof, Outcome, Proved, Task, TaskOutcome, TaskResult, VERSION, Verdict,
    WireError, encode,
};

mod intake;
mod notices;
mod records;
mod report;
mod results;

use notices::Notices;
use records::SnapshotRecords;
pub use records::{global_key, published};
pub use report::{OnReport, Refused, Report, Requeue, STATUS_KEY, Status, TaskProved};

/// What stops the coordinator. What it has recorded is safe; a new run goes on from there.
#[derive(Debug, thiserror::Error)]
pub enum CoordinatorError {
    #[error(transparent)]
    Queue(#[from] QueueError),
    #[error(transparent)]
    Restore(#[from] RestoreError),
    #[error("record {key}: {error}")]
    Record { key: String, error: WireError },
    #[error("record {0} was written by another coordinator: only one may run")]
    Usurped(String),
    #[error("the records of epoch {0} are missing, those of later epochs are there")]
    MissingEpoch(u64),
    #[error(
        "epoch {0} is published with another state: another coordinator runs, or the records were changed"
    )]
    Forked(u64),
}

/// What the coordinator works with.
#[derive(Clone)]
pub struct Config {
    pub network: Network,
    pub policy: Policy,
    pub inspect: Arc<dyn Inspect>,
    pub verify: Arc<dyn Verify>,
    pub on_report: OnReport,
    /// Wrong or malformed results after which a worker's results are no longer looked at.
    pub max_strikes: u32,
    /// Proofs verified at the same time.
    pub verifiers: usize,
}

/// Messages to the owner of the plan, at most this many waiting.
const INBOX: usize = 256;
/// The status record is renewed at most this often.
const STATUS_PERIOD: Duration = Duration::from_millis(200);
/// The plan is looked at no more often than this without a reason.
const SHORTEST_NAP: Duration = Duration::from_millis(5);
const LONGEST_NAP: Duration = Duration::from_secs(1);

/// From the intake tasks to the owner of the plan.
#[expect(clippy::large_enum_variant, reason = "one at a time, moved once")]
enum Message {
    /// May this snapshot enter, and from which leaf?
    Admit(Box<Outline>, intake::TipReply),
    /// It is checked: record it.
    Accept(Box<Outline>, intake::AcceptReply),
    /// It was refused.
    Rejected {
        shard: u32,
        snapshot: Digest,
        code: String,
        message: String,
    },
    Command(CommandKind, Arc<dyn Lease>),
    Result(Result<TaskResult, WireError>, Arrival),
    Verified(Box<results::Verified>),
}

/// A result message as it came.
struct Arrival {
    key: String,
    lease: Arc<dyn Lease>,
}

/// Runs until `shutdown` turns true.
pub async fn run(
    queue: Arc<dyn Queue>,
    config: Config,
    mut shutdown: watch::Receiver<bool>,
) -> Result<(), CoordinatorError> {
    let started = Instant::now();
    let (snapshots, history) = records::load(queue.as_ref()).await?;
    let (network, policy) = (config.network.clone(), config.policy.clone());
    let (planner, actions) = Planner::restore(network, policy, history, 0)?;
    let (sender, mut inbox) = mpsc::channel(INBOX);
    let mut intakes = JoinSet::new();
    intakes.spawn(intake::snapshots(
        queue.clone(),
        config.inspect.clone(),
        sender.clone(),
        shutdown.clone(),
    ));
    intakes.spawn(intake::commands(
        queue.clone(),
        sender.clone(),
        shutdown.clone(),
    ));
    intakes.spawn(intake::results(
        queue.clone(),
        sender.clone(),
        shutdown.clone(),
    ));
    let notices = Notices::start(queue.clone());
    let mut core = Core {
        queue,
        config,
        planner,
        snapshots,
        notices,
        sender,
        started,
        verifying: HashMap::new(),
        strikes: HashMap::new(),
        acks: JoinSet::new(),
        proved_tasks: 0,
        refused_results: 0,
        status_at: None,
    };
    let outcome = core.serve(actions, &mut inbox, &mut shutdown).await;
    drop(inbox);
    core.stop().await;
    intakes.shutdown().await;
    outcome
}

/// The owner of the plan.
struct Core {
    queue: Arc<dyn Queue>,
    config: Config,
    planner: Planner,
    snapshots: SnapshotRecords,
    notices: Notices,
    sender: mpsc::Sender<Message>,
    started: Instant,
    /// Tasks one of whose results is being verified.
    verifying: HashMap<Digest, ()>,
    strikes: HashMap<String, u32>,
    acks: JoinSet<()>,
    proved_tasks: u64,
    refused_results: u64,
    status_at: Option<Instant>,
}

impl Core {
    async fn serve(
        &mut self,
        actions: Vec<Action>,
        inbox: &mut mpsc::Receiver<Message>,
        shutdown: &mut watch::Receiver<bool>,
    ) -> Result<(), CoordinatorError> {
        self.carry_out(actions).await?;
        while !*shutdown.borrow_and_update() {
            self.tell_status(true);
            tokio::select! {
                message = inbox.recv() => match message {
                    Some(message) => self.take(message).await?,
                    None => return Ok(()),
                },
                () = tokio::time::sleep(self.nap()) => self.handle(Event::Tick).await?,
                changed = shutdown.changed() => if changed.is_err() { return Ok(()) },
            }
        }
        Ok(())
    }

    async fn stop(&mut self) {
        self.status_at = None;
        self.tell_status(false);
        while self.acks.join_next().await.is_some() {}
        self.notices.stop().await;
    }

    fn now(&self) -> u64 {
        self.started.elapsed().as_millis() as u64
    }

    fn nap(&self) -> Duration {
        let wake = self
            .planner
            .next_wake()
            .map(|at| Duration::from_millis(at.saturating_sub(self.now())));
        wake.unwrap_or(LONGEST_NAP).clamp(SHORTEST_NAP, LONGEST_NAP)
    }

    async fn take(&mut self, message: Message) -> Result<(), CoordinatorError> {
        match message {
            Message::Admit(outline, reply) => {
                let admitted = self.planner.admit(&outline);
                // An intake that is gone needs no answer.
                let _ = reply.send(admitted.map(|_| self.planner.tip(outline.shard)));
            }
            Message::Accept(outline, reply) => {
                let accepted = self.accept(&outline).await?;
                let _ = reply.send(accepted);
            }
            Message::Rejected {
                shard,
                snapshot,
                code,
                message,
            } => self.reject(shard, snapshot, code, message),
            Message::Command(command, lease) => {
                match command {
                    CommandKind::CloseEpoch => self.handle(Event::CloseNow).await?,
                    other => tracing::warn!(?other, "not done: unknown here"),
                }
                self.acknowledge(lease);
            }
            Message::Result(result, arrival) => self.take_result(result, arrival).await?,
            Message::Verified(verified) => self.take_verified(*verified).await?,
        }
        Ok(())
    }

    async fn accept(&mut self, outline: &Outline) -> Result<Result<(), Refusal>, CoordinatorError> {
        // Asked again: a snapshot before it may have been dropped meanwhile.
        let candidate = match self.planner.admit(outline) {
            Ok(candidate) => candidate,
            Err(refusal) => return Ok(Err(refusal)),
        };
        self.snapshots
            .accept(self.queue.as_ref(), &candidate)
            .await?;
        let Candidate {
            shard,
            snapshot,
            transfers,
            ..
        } = candidate;
        tracing::info!(shard, %snapshot, transfers, "snapshot accepted");
        self.verdict(shard, snapshot, Outcome::Accepted);
        self.report(Report::SnapshotAccepted {
            shard,
            snapshot,
            transfers,
        });
        self.handle(Event::Accepted(candidate)).await?;
        Ok(Ok(()))
    }

    fn reject(&mut self, shard: u32, snapshot: Digest, code: String, message: String) {
        tracing::warn!(shard, %snapshot, code, message, "snapshot rejected");
        self.verdict(
            shard,
            snapshot,
            Outcome::Rejected {
                code: code.clone(),
                message: message.clone(),
            },
        );
        self.report(Report::SnapshotRejected {
            shard,
            snapshot,
            code,
            message,
        });
    }

    async fn handle(&mut self, event: Event) -> Result<(), CoordinatorError> {
        let mut events = vec![event];
        while let Some(event) = events.pop() {
            let actions = self.planner.handle(self.now(), event);
            events.extend(self.carry_out(actions).await?);
        }
        Ok(())
    }

    /// Carries actions out in order; gives the events that follow from them.
    async fn carry_out(&mut self, actions: Vec<Action>) -> Result<Vec<Event>, CoordinatorError> {
        let mut published = Vec::new();
        for action in actions {
            match action {
                Action::Close(closed) => {
                    records::record_epoch(self.queue.as_ref(), &closed).await?;
                    self.closed(closed);
                }
                Action::Push { task, .. } => self.push(&task).await,
                Action::Cancel { lane, task } => self.cancel(lane, task).await,
                Action::Publish(proof) => published.push(self.publish(*proof).await?),
                Action::Drop {
                    shard,
                    snapshots,
                    reason,
                } => self.forget(shard, snapshots, reason).await?,
                Action::Quarantine {
                    task, what, reason, ..
                } => {
                    let task = task.id;
                    tracing::error!(%task, what, reason, "task quarantined");
                    self.report(Report::TaskQuarantined { task, what, reason });
                }
                Action::Release { .. } => {}
            }
        }
        Ok(published)
    }

    fn closed(&mut self, closed: crate::plan::ClosedEpoch) {
        tracing::info!(
            epoch = closed.epoch,
            shards = closed.members.len(),
            silent = closed.silent,
            "epoch closed"
        );
        for (shard, snapshot) in &closed.members {
            self.snapshots.settle(snapshot);
            self.verdict(
                *shard,
                *snapshot,
                Outcome::Included {
                    epoch: closed.epoch,
                },
            );
        }
        self.report(Report::EpochClosed(closed));
    }

    /// Offers a task to the queue. What goes wrong is repaired by the planner offering it again.
    async fn push(&mut self, task: &Task) {
        let attempt = task.attempt;
        let item = Item {
            key: task.id.to_string(),
            attempt,
            body: encode(task),
        };
        let pushed = self.queue.push(&Lane::Tasks(task.lane()), &item).await;
        match pushed {
            Ok(Pushed::New) => {
                tracing::debug!(task = %task.id, kind = task.work.kind(), attempt, "task queued")
            }
            Ok(Pushed::Duplicate) => {}
            Err(error) => tracing::warn!(task = %task.id, %error, "the task will be offered again"),
        }
    }

    async fn cancel(&mut self, lane: String, task: Digest) {
        if let Err(error) = self
            .queue
            .cancel(&Lane::Tasks(lane), &task.to_string())
            .await
        {
            // A worker wastes its time, no more.
            tracing::warn!(%task, %error, "the task could not be taken back");
        }
    }

    async fn publish(&mut self, proof: GlobalProof) -> Result<Event, CoordinatorError> {
        let epoch = proof.state.epoch;
        let span = tracing::info_span!("publish", epoch);
        let pushed = records::publish(self.queue.as_ref(), &proof)
            .instrument(span)
            .await?;
        tracing::info!(
            epoch,
            first = (pushed == Pushed::New),
            "global proof published"
        );
        for (shard, snapshot) in self.planner.members(epoch).to_vec() {
            self.verdict(shard, snapshot, Outcome::Final { epoch });
        }
        self.report(Report::EpochPublished(Box::new(proof)));
        Ok(Event::Published { epoch })
    }

    async fn forget(
        &mut self,
        shard: u32,
        snapshots: Vec<Digest>,
        reason: String,
    ) -> Result<(), CoordinatorError> {
        for (place, snapshot) in snapshots.into_iter().enumerate() {
            self.snapshots
                .forget(self.queue.as_ref(), &snapshot)
                .await?;
            let message = match place {
                0 => format!("no worker could prove it: {reason}"),
                _ => "it builds on a snapshot that could not be proven".into(),
            };
            self.reject(shard, snapshot, "unprovable".into(), message);
        }
        Ok(())
    }

    fn verdict(&mut self, shard: u32, snapshot: Digest, outcome: Outcome) {
        let verdict = Verdict {
            version: VERSION,
            shard,
            snapshot,
            outcome,
        };
        self.notices.send(verdict_key(&snapshot), encode(&verdict));
    }

    fn report(&self, report: Report) {
        (self.config.on_report)(report);
    }

    /// Lets go of an item in the background: if that is lost, the item comes again and is ignored.
    fn acknowledge(&mut self, lease: Arc<dyn Lease>) {
        while self.acks.try_join_next().is_some() {}
        self.acks.spawn(async move {
            if let Err(error) = lease.done().await {
                tracing::warn!(%error, "an item could not be taken off the queue");
            }
        });
    }

    fn tell_status(&mut self, running: bool) {
        if self
            .status_at
            .is_some_and(|at| at.elapsed() < STATUS_PERIOD)
        {
            return;
        }
        self.status_at = Some(Instant::now());
        let overview = self.planner.overview();
        let status = Status::new(&overview, self.proved_tasks, self.refused_results, running);
        self.notices.send(STATUS_KEY.into(), encode(&status));
    }
}

/// Key of the notice that says what became of a snapshot.
pub fn verdict_key(snapshot: &Digest) -> String {
    format!("verdicts.{snapshot}")
}
