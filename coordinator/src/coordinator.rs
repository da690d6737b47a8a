//! The coordinator around its [`Core`]: reads the queue, verifies, records, and carries out what was decided.
//!
//! Any number of coordinators may run; one leads, the others stand by. Who leads is decided by the journal alone: a new
//! leader appends to it, and from then on nothing can be appended by the one before, so nothing that one decides counts.
//! Clocks only say when it is worth trying.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use crate::Digest;
use crate::artifacts::ArtifactError;
use crate::core::{CoreConfig, EntryError, ReplayError};
use crate::inspect::Inspect;
use crate::plan::{Network, Policy};
use crate::queue::{Queue, QueueError};
use crate::verify::Verify;
use crate::wire::WireError;

mod board;
mod checkers;
mod hands;
mod held;
mod idle;
mod intake;
mod journal;
mod leader;
mod log;
mod publication;
mod report;
mod retry;
mod standby;
mod traces;

pub use board::Board;
pub use publication::{Placed, global_key, members, publish, published};
pub use report::{OnReport, Refused, Report, Requeue, TaskProved};
pub use standby::Leader;

/// Key of the notice of who leads.
pub const LEADER_KEY: &str = "leader";
/// Key of the notice that is the newest [`crate::view::View`].
pub const VIEW_KEY: &str = "view";

/// What stops the coordinator for good. What it has recorded is safe; a new run goes on from there.
#[derive(Debug, thiserror::Error)]
pub enum CoordinatorError {
    #[error(transparent)]
    Queue(#[from] QueueError),
    #[error("the journal: {0}")]
    Replay(#[from] ReplayError),
    #[error("the journal at {position}: {error}")]
    Entry { position: u64, error: EntryError },
    #[error("checkpoint {blob}, which the journal builds on, can't be read: {error}")]
    Checkpoint { blob: Digest, error: ArtifactError },
    #[error("published proof {key}: {error}")]
    Published { key: String, error: WireError },
    #[error(
        "epoch {0} is published with another state: the journal is not that of this farm, or was changed"
    )]
    Forked(u64),
    #[error("the coordinator's core crashed: {0}")]
    Crashed(String),
}

/// How leadership passes on. Nobody's safety rests on these times.
#[derive(Debug, Clone, Copy)]
pub struct LeadTimes {
    /// A leader says that it leads this often.
    pub renew: Duration,
    /// One that has not said so for this long is taken for dead.
    pub takeover: Duration,
}

impl Default for LeadTimes {
    fn default() -> Self {
        Self {
            renew: Duration::from_secs(2),
            takeover: Duration::from_secs(6),
        }
    }
}

/// What the coordinator works with.
#[derive(Clone)]
pub struct Config {
    pub core: CoreConfig,
    pub inspect: Arc<dyn Inspect>,
    pub verify: Arc<dyn Verify>,
    pub on_report: OnReport,
    /// Where the newest picture of the farm hangs.
    pub board: Board,
    /// Proofs verified and snapshots inspected at the same time.
    pub verifiers: usize,
    pub lead: LeadTimes,
}

impl Config {
    /// The usual limits and times, and nobody who listens.
    pub fn new(
        name: impl Into<String>,
        network: Network,
        policy: Policy,
        inspect: Arc<dyn Inspect>,
        verify: Arc<dyn Verify>,
    ) -> Self {
        Self {
            core: CoreConfig::new(name, network, policy),
            inspect,
            verify,
            on_report: Arc::new(|_| ()),
            board: Board::default(),
            verifiers: std::thread::available_parallelism().map_or(1, |cores| cores.get()),
            lead: LeadTimes::default(),
        }
    }
}

/// How a term ends.
enum Ended {
    /// As was asked for.
    Shutdown,
    /// Somebody else leads.
    Deposed,
}

/// Pause after a term that an outage of the queue ended.
const OUTAGE_PAUSE: Duration = Duration::from_secs(1);

/// Stands by until it may lead, leads until somebody else does, stands by again, until `shutdown` turns true.
///
/// # Errors
/// The journal can't be gone on from: it is torn, of another network, or builds on a checkpoint that is lost.
pub async fn run(
    queue: Arc<dyn Queue>,
    config: Config,
    mut shutdown: watch::Receiver<bool>,
) -> Result<(), CoordinatorError> {
    let mut first = true;
    while standby::wait(queue.as_ref(), &config, first, &mut shutdown).await {
        first = false;
        match leader::term(queue.clone(), &config, &mut shutdown).await {
            Ok(Ended::Shutdown) => break,
            Ok(Ended::Deposed) => {
                tracing::warn!("another coordinator leads, this one stands by");
            }
            Err(CoordinatorError::Queue(error)) if retry::is_passing(&error) => {
                tracing::warn!(%error, "the queue fails");
                tokio::time::sleep(OUTAGE_PAUSE).await;
            }
            Err(error) => return Err(error),
        }
        (config.on_report)(Report::Deposed);
    }
    Ok(())
}

/// Key of the notice that says what became of a snapshot.
pub fn verdict_key(shard: u32, snapshot: &Digest) -> String {
    format!("verdicts.{shard}.{snapshot}")
}

/// Key of the notice that answers a command.
pub fn reply_key(id: &str) -> String {
    format!("replies.{id}")
}

/// Key of the notice that tells a worker what to do.
pub fn orders_key(worker: &str) -> String {
    format!("orders.{worker}")
}

/// Keys of workers' notices about themselves begin with this word.
pub const WORKERS: &str = "workers";

/// Key of the notice in which a worker tells about itself.
pub fn presence_key(worker: &str) -> String {
    format!("{WORKERS}.{worker}")
}
