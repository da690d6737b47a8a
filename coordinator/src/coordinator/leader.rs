//! A term of leading: the journal is read, the core restored and made the leader, and then driven until somebody else is.
//!
//! All inputs that wait are taken in one go and what they lead to is recorded in one append; only then are its effects
//! carried out.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use tokio::sync::{mpsc, watch};

use super::board::Shared;
use super::hands::Hands;
use super::held::Held;
use super::idle::Idle;
use super::intake::Intake;
use super::journal::{Appended, Journal};
use super::retry::insist_on_store;
use super::standby::Leader;
use super::traces::Traces;
use super::{Config, CoordinatorError, Ended, LEADER_KEY, VIEW_KEY};
use crate::artifacts::{MAX_ARTIFACT_BYTES, fetch};
use crate::clock::{unix_ms, unix_now};
use crate::core::{Batch, Core, Input, Output, newest_checkpoint};
use crate::queue::{MAX_BODY_BYTES, Queue};
use crate::view::View;
use crate::wire::{VERSION, encode};

/// Messages to the core, at most this many waiting.
const INBOX: usize = 4096;
/// Inputs taken in one go.
const GROUP: usize = 1024;
/// The core is looked at no more often than this without a reason.
const SHORTEST_NAP: Duration = Duration::from_millis(5);
const LONGEST_NAP: Duration = Duration::from_secs(1);
/// A new picture is made this often.
const VIEW_PERIOD: Duration = Duration::from_secs(1);

/// Leads until `shutdown` turns true or somebody else leads.
pub(super) async fn term(
    queue: Arc<dyn Queue>,
    config: &Config,
    shutdown: &mut watch::Receiver<bool>,
) -> Result<Ended, CoordinatorError> {
    let started = Instant::now();
    let begun = tokio::select! {
        begun = begin(&queue, config) => begun?,
        () = turned(shutdown) => return Ok(Ended::Shutdown),
    };
    let Some((journal, core, output)) = begun else {
        return Ok(Ended::Deposed);
    };
    let seconds = started.elapsed().as_secs_f64();
    tracing::info!(
        name = config.core.name,
        fence = core.fence(),
        seconds,
        "this coordinator leads"
    );
    let (inbox, inputs) = mpsc::channel(INBOX);
    let (fatal, failures) = mpsc::unbounded_channel();
    let held = Arc::new(Held::default());
    let open = Arc::new(AtomicBool::new(false));
    let genesis = config.core.network.genesis.digest();
    let traces = Traces::new(genesis, core.view(0, 0).closed_epoch);
    let hands = Hands::start(
        queue.clone(),
        config,
        inbox.clone(),
        held.clone(),
        fatal,
        traces,
    );
    let intake = Intake {
        queue,
        inspect: config.inspect.clone(),
        inbox,
        held,
        open: open.clone(),
    };
    let leading = Shared::new(core, started);
    config.board.lead(Some(leading.clone()));
    let mut term = Term {
        config,
        journal,
        core: leading,
        hands,
        open,
        renewed: 0,
        seen: None,
        said: None,
        idle: Idle::default(),
    };
    let intakes = intake.start();
    let ended = term.lead(output, inputs, failures, shutdown).await;
    drop(intakes);
    config.board.lead(None);
    term.end(ended).await
}

/// Reads the journal and appends to it that we lead. `None` if somebody else was quicker.
async fn begin(
    queue: &Arc<dyn Queue>,
    config: &Config,
) -> Result<Option<(Journal, Core, Output)>, CoordinatorError> {
    let (mut journal, batches) = Journal::read(queue.clone()).await?;
    let checkpoint = match newest_checkpoint(&batches) {
        Some(blob) => {
            let read = insist_on_store("the checkpoint", || {
                Box::pin(fetch(queue.artifacts(), &blob, MAX_ARTIFACT_BYTES))
            });
            Some(
                read.await
                    .map_err(|error| CoordinatorError::Checkpoint { blob, error })?,
            )
        }
        None => None,
    };
    let (core, output) = restore(config, checkpoint, batches).await?;
    let first = core.serial() - output.entries.len() as u64;
    match journal.append(first, &output.entries).await? {
        Appended::Ours(_) => Ok(Some((journal, core, output))),
        Appended::Theirs => Ok(None),
    }
}

async fn restore(
    config: &Config,
    checkpoint: Option<Bytes>,
    batches: Vec<Batch>,
) -> Result<(Core, Output), CoordinatorError> {
    let core = config.core.clone();
    let session = session();
    let work = move || Core::restore(core, session, 0, checkpoint.as_deref(), batches);
    let restored = tokio::task::spawn_blocking(work).await;
    Ok(restored.map_err(|error| CoordinatorError::Crashed(error.to_string()))??)
}

/// A number that no other term has, so that nobody takes another's entry for its own.
fn session() -> String {
    use std::hash::{BuildHasher, RandomState};
    // Seeded by the system's randomness.
    format!(
        "{:016x}",
        RandomState::new().hash_one(unix_now().as_nanos())
    )
}

struct Term<'a> {
    config: &'a Config,
    journal: Journal,
    core: Shared,
    hands: Hands,
    /// Whether snapshots are wanted.
    open: Arc<AtomicBool>,
    /// Notices that we lead.
    renewed: u64,
    /// When the newest picture was made, and when we last said that we lead.
    seen: Option<Instant>,
    said: Option<Instant>,
    idle: Idle,
}

impl Term<'_> {
    async fn lead(
        &mut self,
        first: Output,
        mut inputs: mpsc::Receiver<Input>,
        mut failures: mpsc::UnboundedReceiver<CoordinatorError>,
        shutdown: &mut watch::Receiver<bool>,
    ) -> Result<Ended, CoordinatorError> {
        // Its entries are recorded already.
        self.carry_out(first);
        loop {
            self.tell();
            let input = tokio::select! {
                input = inputs.recv() => input.unwrap_or(Input::Tick),
                () = tokio::time::sleep(self.nap()) => Input::Tick,
                Some(error) = failures.recv() => return Err(error),
                () = turned(shutdown) => return Ok(Ended::Shutdown),
            };
            let more = std::iter::from_fn(|| inputs.try_recv().ok()).take(GROUP);
            self.hands.traces.step();
            let (first, output) = self.step(std::iter::once(input).chain(more));
            tokio::select! {
                recorded = self.journal.append(first, &output.entries), if !output.entries.is_empty() => {
                    match recorded? {
                        Appended::Ours(report) => (self.config.on_report)(report),
                        Appended::Theirs => return Ok(Ended::Deposed),
                    }
                }
                // What was decided and not recorded has not happened.
                () = turned(shutdown), if !output.entries.is_empty() => return Ok(Ended::Shutdown),
                else => {}
            }
            self.carry_out(output);
        }
    }

    /// Takes inputs in; gives what they lead to together, and the number of the first entry.
    fn step(&mut self, inputs: impl Iterator<Item = Input>) -> (u64, Output) {
        let now = self.core.now();
        let mut core = self.core.lock();
        let first = core.serial();
        let mut all = Output::default();
        for input in inputs {
            let Output { entries, effects } = core.step(now, input);
            all.entries.extend(entries);
            all.effects.extend(effects);
        }
        self.open.store(core.pulls_snapshots(), Ordering::Relaxed);
        (first, all)
    }

    fn carry_out(&mut self, output: Output) {
        for effect in output.effects {
            self.hands.carry_out(effect, &mut self.journal);
        }
    }

    fn nap(&self) -> Duration {
        let now = self.core.now();
        let wake = self.core.lock().next_wake();
        let wake = wake.map_or(LONGEST_NAP, |at| {
            Duration::from_millis(at.saturating_sub(now))
        });
        wake.clamp(
            SHORTEST_NAP,
            LONGEST_NAP
                .min(self.config.lead.renew / 2)
                .max(SHORTEST_NAP),
        )
    }

    /// Says that we lead, and shows the farm, when it is time for it.
    fn tell(&mut self) {
        let due = |at: &Option<Instant>, period| at.is_none_or(|at| at.elapsed() >= period);
        if due(&self.said, self.config.lead.renew) {
            self.said = Some(Instant::now());
            self.say(false);
        }
        if due(&self.seen, VIEW_PERIOD) {
            self.seen = Some(Instant::now());
            self.show(true);
        }
    }

    fn say(&mut self, left: bool) {
        self.renewed += 1;
        let (name, fence) = (self.config.core.name.clone(), self.core.lock().fence());
        let leader = Leader {
            version: VERSION,
            name,
            fence,
            serial: self.renewed,
            left,
        };
        self.hands.notify(LEADER_KEY.into(), encode(&leader));
    }

    fn show(&mut self, running: bool) {
        let now = self.core.now();
        let mut view = self.core.lock().view(now, unix_ms());
        view.running = running;
        self.hands.notify(VIEW_KEY.into(), fitting(&view));
        self.idle.say(view.idle.as_deref(), Instant::now());
        self.config.board.hang(view);
    }

    async fn end(
        mut self,
        ended: Result<Ended, CoordinatorError>,
    ) -> Result<Ended, CoordinatorError> {
        if matches!(ended, Ok(Ended::Shutdown)) {
            self.show(false);
            self.say(true);
        }
        self.hands.stop().await;
        ended
    }
}

/// A view as a notice: if it is too large for one, the workers' tasks go first, then the workers.
fn fitting(view: &View) -> Bytes {
    let whole = encode(view);
    if whole.len() <= MAX_BODY_BYTES {
        return whole;
    }
    let mut view = view.clone();
    view.workers
        .iter_mut()
        .for_each(|worker| worker.presence.held.clear());
    loop {
        let body = encode(&view);
        if body.len() <= MAX_BODY_BYTES || view.workers.is_empty() {
            return body;
        }
        view.workers.truncate(view.workers.len() / 2);
    }
}

async fn turned(shutdown: &mut watch::Receiver<bool>) {
    if shutdown.wait_for(|stop| *stop).await.is_err() {
        // Nobody is left who could ask for it.
        std::future::pending().await
    }
}
