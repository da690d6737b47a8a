//! Carries effects out: those that belong together in their order, all others beside each other.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tracing::Instrument;
use trifold_verifier::statement::Leaf;

use super::checkers::{Checkers, caught};
use super::held::Held;
use super::journal::Journal;
use super::log::log;
use super::publication::publish;
use super::retry::insist_on_store;
use super::traces::Traces;
use super::{Config, CoordinatorError, orders_key, reply_key, verdict_key};
use crate::Digest;
use crate::artifacts::{ArtifactError, fetch};
use crate::core::{Bundle, Collected, Effect, Input, Token};
use crate::queue::{Item, Lane, Queue};
use crate::trace;
use crate::wire::{MAX_INPUT_BYTES, Task, clip, encode};

/// Lines of quick jobs; those of one task, item or notice are in the same line. Each waits for the queue's answer before its
/// next job, so it takes many to keep the queue busy.
const LINES: usize = 128;
/// Longest wait for the quick jobs that are left at the end of a term.
const FLUSH: Duration = Duration::from_secs(5);

/// Something quick that the queue does for us.
enum Job {
    Push(Box<Task>),
    Cancel { lane: String, task: Digest },
    Done(Token),
    GiveBack { token: Token, delay_ms: u64 },
    Notify { key: String, body: Bytes },
}

/// The ends of a term that the hands find out.
pub(super) type Fatal = mpsc::UnboundedSender<CoordinatorError>;

/// What carries effects out during a term.
pub(super) struct Hands {
    queue: Arc<dyn Queue>,
    config: Config,
    inbox: mpsc::Sender<Input>,
    held: Arc<Held>,
    fatal: Fatal,
    checkers: Checkers,
    lines: Vec<mpsc::UnboundedSender<Job>>,
    /// Global proofs, checkpoints and bundles, each kind in order.
    slow: JoinSet<()>,
    publications: mpsc::UnboundedSender<Effect>,
    storage: mpsc::UnboundedSender<Effect>,
    quick: JoinSet<()>,
    pub traces: Traces,
}

impl Hands {
    pub fn start(
        queue: Arc<dyn Queue>,
        config: &Config,
        inbox: mpsc::Sender<Input>,
        held: Arc<Held>,
        fatal: Fatal,
        traces: Traces,
    ) -> Self {
        let (publications, to_publish) = mpsc::unbounded_channel();
        let (storage, to_store) = mpsc::unbounded_channel();
        let mut hands = Self {
            queue,
            config: config.clone(),
            checkers: Checkers::start(config.verifiers, &inbox),
            inbox,
            held,
            fatal,
            lines: Vec::new(),
            slow: JoinSet::new(),
            publications,
            storage,
            quick: JoinSet::new(),
            traces,
        };
        hands.slow.spawn(hands.keeper().work(to_publish));
        hands.slow.spawn(hands.keeper().work(to_store));
        for _ in 0..LINES {
            let (line, jobs) = mpsc::unbounded_channel();
            hands.lines.push(line);
            hands
                .quick
                .spawn(work_off(hands.queue.clone(), hands.held.clone(), jobs));
        }
        hands
    }

    fn keeper(&self) -> Keeper {
        let (queue, inbox, fatal) = (self.queue.clone(), self.inbox.clone(), self.fatal.clone());
        Keeper {
            queue,
            inbox,
            fatal,
        }
    }

    /// Begins to carry an effect out; `journal` is shortened at once.
    pub fn carry_out(&mut self, effect: Effect, journal: &mut Journal) {
        self.traces.see(&effect);
        match effect {
            Effect::Inspect {
                token,
                snapshot,
                previous,
            } => self.inspect(token, snapshot, previous),
            Effect::Verify { .. } => self.verify(effect),
            Effect::Push(task) => self.line(&task.id.clone(), Job::Push(task)),
            Effect::Cancel { lane, task } => self.line(&task, Job::Cancel { lane, task }),
            Effect::Done(token) => self.line(&token, Job::Done(token)),
            Effect::GiveBack { token, delay_ms } => {
                self.line(&token, Job::GiveBack { token, delay_ms })
            }
            Effect::Verdict(verdict) => self.notify(
                verdict_key(verdict.shard, &verdict.snapshot),
                encode(&verdict),
            ),
            Effect::Order { worker, orders } => self.notify(orders_key(&worker), encode(&orders)),
            Effect::Reply { id, reply } => self.notify(reply_key(&id), encode(&reply)),
            Effect::Report(report) => {
                log(&report);
                (self.config.on_report)(report);
            }
            Effect::Publish { .. } => drop(self.publications.send(effect)),
            Effect::Shorten { serial } => self.shorten(journal.forget(serial)),
            Effect::Bundle(_) | Effect::Checkpoint { .. } | Effect::Collect { .. } => {
                drop(self.storage.send(effect));
            }
        }
    }

    /// Leaves a notice, after those of the same key before it.
    pub fn notify(&self, key: String, body: Bytes) {
        self.line(&key.clone(), Job::Notify { key, body });
    }

    fn line(&self, of: &impl Hash, job: Job) {
        let mut hasher = DefaultHasher::new();
        of.hash(&mut hasher);
        // The lines live as long as the hands.
        let _ = self.lines[hasher.finish() as usize % LINES].send(job);
    }

    fn inspect(&self, token: Token, snapshot: Digest, previous: Option<Leaf>) {
        let parent = self.traces.forming();
        let span = tracing::info_span!("inspect", trace.parent = %parent, %snapshot);
        let (inspect, bytes) = (self.config.inspect.clone(), self.held.bytes(token));
        self.checkers.check(move || {
            let _in_span = span.enter();
            let refusal = match caught(|| inspect.check(&bytes, previous.as_ref())) {
                Ok(Ok(())) => None,
                Ok(Err(error)) => Some((error.code.to_owned(), error.message)),
                Err(crash) => Some((
                    "malformed".into(),
                    clip(&format!("can't be inspected: {crash}")),
                )),
            };
            Input::Inspected { token, refusal }
        });
    }

    fn verify(&self, effect: Effect) {
        let Effect::Verify {
            task,
            key,
            statement,
            proof,
            trace,
        } = effect
        else {
            return;
        };
        let verify = self.config.verify.clone();
        let span = tracing::info_span!("verify", trace.parent = trace, %task);
        self.checkers.check(move || {
            let _in_span = span.enter();
            let started = Instant::now();
            let checked = caught(|| verify.verify(key, statement, &proof));
            let seconds = started.elapsed().as_secs_f64();
            let refusal = match checked {
                Ok(checked) => checked.err().map(|error| error.to_string()),
                Err(crash) => Some(format!("verification crashed on it: {crash}")),
            };
            Input::Verified {
                task,
                refusal,
                seconds,
            }
        });
    }

    fn shorten(&mut self, before: Option<u64>) {
        let Some(before) = before else {
            return;
        };
        let queue = self.queue.clone();
        while self.slow.try_join_next().is_some() {}
        self.slow.spawn(async move {
            // What is not forgotten now is with the next checkpoint.
            if let Err(error) = queue.shorten(before).await {
                tracing::warn!(before, %error, "the journal could not be shortened");
            }
        });
    }

    /// Ends: quick jobs are worked off, slow ones are dropped, since all of them are begun again by the next term.
    pub async fn stop(mut self) {
        self.slow.abort_all();
        self.lines.clear();
        let flushed = async { while self.quick.join_next().await.is_some() {} };
        if tokio::time::timeout(FLUSH, flushed).await.is_err() {
            tracing::warn!("the queue did not take everything that was left");
        }
    }
}

async fn work_off(queue: Arc<dyn Queue>, held: Arc<Held>, mut jobs: mpsc::UnboundedReceiver<Job>) {
    while let Some(job) = jobs.recv().await {
        match job {
            Job::Push(task) => push(queue.as_ref(), &task).await,
            Job::Cancel { lane, task } => cancel(queue.as_ref(), lane, task).await,
            Job::Done(token) => held.done(token).await,
            Job::GiveBack { token, delay_ms } => {
                held.give_back(token, Duration::from_millis(delay_ms)).await;
            }
            Job::Notify { key, body } => {
                if let Err(error) = queue.notify(&key, body).await {
                    tracing::warn!(key, %error, "a notice was lost");
                }
            }
        }
    }
}

/// Offers a task. What goes wrong is repaired by the planner offering it again.
async fn push(queue: &dyn Queue, task: &Task) {
    let item = Item {
        key: task.id.to_string(),
        attempt: task.attempt,
        body: encode(task),
    };
    if let Err(error) = queue.push(&Lane::Tasks(task.lane()), &item).await {
        tracing::warn!(task = %task.id, %error, "the task will be offered again");
    }
}

async fn cancel(queue: &dyn Queue, lane: String, task: Digest) {
    if let Err(error) = queue.cancel(&Lane::Tasks(lane), &task.to_string()).await {
        // A worker wastes its time, no more.
        tracing::warn!(%task, %error, "the task could not be taken back");
    }
}

/// Does what takes the store, or may not be lost.
struct Keeper {
    queue: Arc<dyn Queue>,
    inbox: mpsc::Sender<Input>,
    fatal: Fatal,
}

impl Keeper {
    async fn work(self, mut effects: mpsc::UnboundedReceiver<Effect>) {
        while let Some(effect) = effects.recv().await {
            let done = match effect {
                Effect::Publish { proof, members } => {
                    let epoch = proof.state.epoch;
                    let parent = trace::epoch(&proof.genesis, epoch);
                    let span = tracing::info_span!("publish", trace.parent = %parent, epoch);
                    publish(self.queue.as_ref(), &proof, &members)
                        .instrument(span)
                        .await
                        .map(|()| Some(Input::Published { epoch }))
                }
                Effect::Bundle(bundle) => Ok(self.bundle(*bundle).await),
                Effect::Checkpoint { serial, state } => Ok(self.checkpoint(serial, state).await),
                Effect::Collect {
                    id,
                    keep,
                    older_seconds,
                    dry_run,
                } => {
                    let older = Duration::from_secs(older_seconds);
                    let outcome = self.collect(&keep, older, dry_run).await;
                    let outcome = outcome.map_err(|error| clip(&error.to_string()));
                    Ok(Some(Input::Collected { id, outcome }))
                }
                _ => Ok(None),
            };
            match done {
                Ok(Some(input)) => drop(self.inbox.send(input).await),
                Ok(None) => {}
                Err(error) => drop(self.fatal.send(error)),
            }
        }
    }

    async fn bundle(&self, mut bundle: Bundle) -> Option<Input> {
        let task = bundle.task.id;
        if let Some((snapshot, inputs)) = bundle.task.work.snapshot() {
            bundle.snapshot = self.read("a snapshot", &snapshot).await;
            if let Some(inputs) = inputs {
                bundle.inputs = self.read("the inputs of a part", &inputs).await;
            }
        }
        let blob = self.put("a bundle", encode(&bundle)).await?;
        Some(Input::Bundled { task, blob })
    }

    /// A blob in hex, if the store has it.
    async fn read(&self, what: &str, blob: &Digest) -> Option<String> {
        let read = insist_on_store(what, || {
            Box::pin(fetch(self.queue.artifacts(), blob, MAX_INPUT_BYTES))
        });
        read.await.ok().map(hex::encode)
    }

    async fn checkpoint(&self, serial: u64, state: Bytes) -> Option<Input> {
        let blob = self.put("a checkpoint", state).await?;
        Some(Input::Stored { blob, serial })
    }

    async fn put(&self, what: &str, bytes: Bytes) -> Option<Digest> {
        let put = insist_on_store(what, || self.queue.artifacts().put(bytes.clone()));
        put.await
            .inspect_err(|error| tracing::error!(what, %error, "could not be stored"))
            .ok()
    }

    async fn collect(
        &self,
        keep: &std::collections::BTreeSet<Digest>,
        older: Duration,
        dry_run: bool,
    ) -> Result<Collected, ArtifactError> {
        let store = self.queue.artifacts();
        let mut collected = Collected {
            dry_run,
            ..Collected::default()
        };
        for listed in store.list().await? {
            if listed.age < older || keep.contains(&listed.digest) {
                continue;
            }
            if !dry_run {
                store.delete(&listed.digest).await?;
            }
            collected.blobs += 1;
            collected.bytes += listed.bytes;
        }
        Ok(collected)
    }
}
