//! What a process counts about itself, for Prometheus.
//!
//! Labels are bounded: kinds, circuits, states, classes, lanes; names of workers and numbers of shards only up to
//! [`MAX_WORKERS`] and [`MAX_SHARDS`], the rest together as `other`; never the id of a task. A name means the same in every
//! process that has it: `trifold_prover_*` come from workers, all others from coordinators.

mod board;
mod bounded;
mod farm;
mod light;
mod prover;
mod shards;
mod stores;
mod work;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::metrics::info::Info;
use trifold_coordinator::Report;
use trifold_coordinator::archive::Reached;
use trifold_coordinator::queue::QueueStats;
use trifold_coordinator::view::View;
use trifold_coordinator::wire::{Presence, TaskOutcome};

use board::Board;
pub use board::Described;
use farm::Farm;
use light::Light;
use prover::Prover;
pub use shards::MAX_SHARDS;
use stores::Stores;
use work::Tasks;

/// Workers whose names are labels.
pub const MAX_WORKERS: usize = 200;
/// What `/metrics` answers with: the OpenMetrics text form.
pub const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// What a process is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    Coordinator,
    Worker,
    /// Serves light clients, and nothing else.
    Light,
    /// Serves a shard's accounts.
    Shard,
}

impl Role {
    fn name(self) -> &'static str {
        match self {
            Role::Coordinator => "coordinator",
            Role::Worker => "worker",
            Role::Light => "light",
            Role::Shard => "shard",
        }
    }
}

/// The counters of a process. A clone counts the same.
#[derive(Clone)]
pub struct Metrics {
    inner: Arc<Mutex<Inner>>,
}

struct Inner {
    board: Board,
    /// Of a coordinator.
    farm: Option<(Farm, Tasks, Stores)>,
    /// Of a worker.
    prover: Option<Prover>,
    /// Of whoever serves light clients.
    light: Option<Light>,
}

impl Metrics {
    /// The counters of a process of this version, all at zero.
    pub fn new(role: Role, version: &str) -> Self {
        let mut board = Board::default();
        of_process(&mut board, role, version);
        let mut inner = Inner {
            board: Board::default(),
            farm: None,
            prover: None,
            light: None,
        };
        match role {
            Role::Coordinator => {
                let farm = Farm::new(&mut board);
                inner.farm = Some((farm, Tasks::new(&mut board), Stores::new(&mut board)));
                inner.light = Some(Light::new(&mut board));
            }
            Role::Worker => inner.prover = Some(Prover::new(&mut board)),
            Role::Light => inner.light = Some(Light::new(&mut board)),
            Role::Shard => {}
        }
        inner.board = board;
        Self {
            inner: Arc::new(Mutex::new(inner)),
        }
    }

    /// Counts what a coordinator reports.
    pub fn report(&self, report: &Report) {
        if let Some((farm, tasks, stores)) = &mut self.lock().farm {
            farm.report(report);
            tasks.report(report);
            stores.report(report);
        }
    }

    /// Takes in the farm as it is now.
    pub fn view(&self, view: &View) {
        if let Some((farm, ..)) = &mut self.lock().farm {
            farm.view(view);
        }
    }

    /// Takes in the queue as it is now.
    pub fn queue(&self, stats: &QueueStats) {
        if let Some((_, _, stores)) = &mut self.lock().farm {
            stores.queue(stats);
        }
    }

    /// Takes in how far the archive is.
    pub fn reached(&self, reached: &Reached) {
        if let Some(light) = &self.lock().light {
            light.reached(reached);
        }
    }

    /// Takes in what a worker says about itself.
    pub fn presence(&self, presence: &Presence) {
        if let Some(prover) = &mut self.lock().prover {
            prover.presence(presence);
        }
    }

    /// Counts a task of this kind that a worker reports.
    pub fn worked(&self, kind: &'static str, outcome: &TaskOutcome) {
        if let Some(prover) = &mut self.lock().prover {
            prover.worked(kind, outcome);
        }
    }

    /// Notes how long a worker took to load a circuit's key.
    pub fn key_loaded(&self, circuit: &str, seconds: f64) {
        if let Some(prover) = &mut self.lock().prover {
            prover.key_loaded(circuit, seconds);
        }
    }

    /// Notes the memory of a worker's card, in bytes.
    pub fn device_memory(&self, total: u64, free: u64) {
        if let Some(prover) = &mut self.lock().prover {
            prover.device_memory(total, free);
        }
    }

    /// Everything counted, in the form of [`CONTENT_TYPE`].
    pub fn encode(&self) -> String {
        self.lock().board.encode()
    }

    /// Everything that can be counted.
    pub fn described(&self) -> Vec<Described> {
        self.lock().board.described().to_vec()
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn of_process(board: &mut Board, role: Role, version: &str) {
    let labels = vec![
        ("version", version.to_owned()),
        ("role", role.name().into()),
    ];
    board.add(
        ("trifold_build", "info", &["version", "role"]),
        "What this process is",
        Info::new(labels),
    );
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    board.add(
        ("trifold_start_time_seconds", "gauge", &[]),
        "When this process started, in seconds since 1970",
        ConstGauge::new(now.map_or(0.0, |now| now.as_secs_f64())),
    );
}
