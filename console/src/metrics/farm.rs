//! The farm as its leader sees it: epochs, tasks by state, workers, and who leads.

use trifold_coordinator::Report;
use trifold_coordinator::view::{PublishedView, View, WorkerView};
use trifold_coordinator::wire::WorkerState;

use super::MAX_WORKERS;
use super::board::{Board, Counters, Gauges, Histograms, set};
use super::bounded::OTHER;
use super::prover::held;
use super::shards::Shards;

pub(super) struct Farm {
    leader: Gauges,
    fence: Gauges,
    closed_total: Counters,
    published_total: Counters,
    closed: Gauges,
    published: Gauges,
    behind: Gauges,
    latency: Histograms,
    epoch_gpu: Histograms,
    epoch_cpu: Histograms,
    epoch_bytes: Histograms,
    epoch_age: Gauges,
    progress: Gauges,
    waiting: Gauges,
    waiting_bytes: Gauges,
    tasks: Gauges,
    idle: Gauges,
    held: Gauges,
    workers: Workers,
    shards: Shards,
    /// Newest epoch whose publication is counted.
    counted: u64,
    /// Whether this coordinator leads.
    leads: bool,
}

/// Gauges with the name of a worker.
struct Workers {
    by_state: Gauges,
    heartbeat_age: Gauges,
    strikes: Gauges,
    held: Gauges,
}

impl Farm {
    pub fn new(board: &mut Board) -> Self {
        let farm = Self {
            leader: board.gauges(("trifold_leader", &[]), "1 if this coordinator leads, 0 if it stands by"),
            fence: board.gauges(("trifold_leader_fence", &[]), "How many led before the coordinator that this one knows to lead"),
            closed_total: board.counters(("trifold_closed", &[]), "Epochs closed by this coordinator"),
            published_total: board.counters(("trifold_published", &[]), "Global proofs published by this coordinator"),
            closed: board.gauges(("trifold_closed_epoch", &[]), "Newest closed epoch"),
            published: board.gauges(("trifold_published_epoch", &[]), "Newest epoch whose global proof is published"),
            behind: board.gauges(("trifold_epochs_behind", &[]), "Closed epochs whose global proof is not published"),
            latency: board.durations(("trifold_epoch_latency_seconds", &[]), "From the close of an epoch to its publication"),
            epoch_gpu: board.durations(("trifold_epoch_gpu_seconds", &[]), "Card time of all proofs of a published epoch"),
            epoch_cpu: board.durations(("trifold_epoch_cpu_seconds", &[]), "Processor time of all proofs of a published epoch"),
            epoch_bytes: board.sizes(("trifold_epoch_input_bytes", &[]), "Bytes that workers read for all proofs of a published epoch"),
            epoch_age: board.gauges(("trifold_oldest_epoch_seconds", &[]), "Time since the oldest epoch in work was closed, or since its first snapshot while it is forming; 0 without one"),
            progress: board.gauges(("trifold_epoch_progress_ratio", &[]), "Proofs of the oldest epoch in work that are there, as a part of all that it takes"),
            waiting: board.gauges(("trifold_waiting_snapshots", &[]), "Snapshots that are in no closed epoch"),
            waiting_bytes: board.gauges(("trifold_waiting_snapshot_bytes", &[]), "Size of those snapshots"),
            tasks: board.gauges(("trifold_tasks", &["state"]), "Tasks that are `ready`, `queued` (offered, perhaps held) and `quarantined`"),
            idle: board.gauges(("trifold_idle", &[]), "1 while nothing is being proven; the reason is in the log and in `trifold status`"),
            held: board.gauges(("trifold_held_tasks", &["stage"]), "Tasks that live workers hold: `witness`, `waiting`, `proving`, `reporting`"),
            workers: Workers::new(board),
            shards: Shards::new(board),
            counted: 0,
            leads: false,
        };
        set(&farm.leader, &vec![], 0.0);
        farm
    }

    pub fn report(&mut self, report: &Report) {
        match report {
            Report::Led { fence } => {
                self.leads = true;
                set(&self.leader, &vec![], 1.0);
                set(&self.fence, &vec![], *fence as f64);
            }
            Report::Deposed => self.stands_by(),
            Report::EpochClosed(_) => drop(self.closed_total.get_or_create(&vec![]).inc()),
            Report::EpochPublished(_) => drop(self.published_total.get_or_create(&vec![]).inc()),
            Report::TaskProved(proved) => self.shards.proved(proved),
            _ => {}
        }
    }

    /// What only a leader knows would otherwise be shown for ever.
    fn stands_by(&mut self) {
        self.leads = false;
        set(&self.leader, &vec![], 0.0);
        let known = [
            &self.closed,
            &self.published,
            &self.behind,
            &self.epoch_age,
            &self.progress,
            &self.waiting,
            &self.waiting_bytes,
            &self.tasks,
            &self.idle,
            &self.held,
        ];
        known
            .into_iter()
            .chain(self.workers.all())
            .for_each(Gauges::clear);
    }

    /// The farm as it is now. Whoever stands by sees it too, and leaves the counting to the leader.
    pub fn view(&mut self, view: &View) {
        set(&self.fence, &vec![], view.fence as f64);
        if !self.leads {
            return;
        }
        let behind = view.closed_epoch.saturating_sub(view.published_epoch);
        let oldest = view.epochs.first();
        let progress = oldest.map_or(0.0, |epoch| epoch.done as f64 / epoch.total.max(1) as f64);
        let single = [
            (&self.closed, view.closed_epoch as f64),
            (&self.published, view.published_epoch as f64),
            (&self.behind, behind as f64),
            (
                &self.epoch_age,
                oldest.map_or(0.0, |epoch| seconds(epoch.age_ms)),
            ),
            (&self.progress, progress),
            (&self.waiting, view.waiting_snapshots as f64),
            (&self.waiting_bytes, view.waiting_bytes as f64),
            (&self.idle, f64::from(u8::from(view.idle.is_some()))),
        ];
        for (gauge, value) in single {
            set(gauge, &vec![], value);
        }
        let tasks = [
            ("ready", view.ready_tasks),
            ("queued", view.queued_tasks),
            ("quarantined", view.quarantined_tasks),
        ];
        for (state, count) in tasks {
            set(&self.tasks, &vec![("state", state.into())], count as f64);
        }
        self.epochs(&view.recent);
        self.workers.view(&view.workers);
        self.held(&view.workers);
        self.shards.show();
    }

    /// Counts each epoch that was published since the last view once; none that a former leader published.
    fn epochs(&mut self, recent: &[PublishedView]) {
        let counted = self.counted;
        for epoch in recent.iter().filter(|epoch| epoch.epoch > counted) {
            self.counted = self.counted.max(epoch.epoch);
            if epoch.published_unix_ms == 0 {
                continue;
            }
            self.latency
                .get_or_create(&vec![])
                .observe(seconds(epoch.latency_ms));
            self.epoch_gpu
                .get_or_create(&vec![])
                .observe(epoch.gpu_seconds);
            self.epoch_cpu
                .get_or_create(&vec![])
                .observe(epoch.cpu_seconds);
            self.epoch_bytes
                .get_or_create(&vec![])
                .observe(epoch.input_bytes as f64);
        }
    }

    fn held(&self, workers: &[WorkerView]) {
        let alive = workers.iter().filter(|worker| worker.alive);
        let tasks: Vec<_> = alive
            .flat_map(|worker| worker.presence.held.iter().cloned())
            .collect();
        for (stage, count) in held(&tasks) {
            set(&self.held, &vec![("stage", stage.into())], count);
        }
    }
}

impl Workers {
    fn new(board: &mut Board) -> Self {
        Self {
            by_state: board.gauges(("trifold_workers", &["state"]), "Workers: `starting`, `ready`, `cordoned`, `draining`, or `silent`, of which nothing is heard"),
            heartbeat_age: board.gauges(("trifold_heartbeat_age_seconds", &["worker"]), "Time since a worker was last heard of; the oldest of those under `other`"),
            strikes: board.gauges(("trifold_strikes", &["worker"]), "Strikes against a worker, if it has any: wrong proofs and unreadable results"),
            held: board.gauges(("trifold_worker_held_tasks", &["worker"]), "Tasks that a worker holds"),
        }
    }

    fn all(&self) -> [&Gauges; 4] {
        [
            &self.by_state,
            &self.heartbeat_age,
            &self.strikes,
            &self.held,
        ]
    }

    /// Workers that are gone from the view are gone from the gauges too.
    fn view(&self, workers: &[WorkerView]) {
        self.all().into_iter().for_each(Gauges::clear);
        for state in ["starting", "ready", "cordoned", "draining", "silent"] {
            let count = workers
                .iter()
                .filter(|worker| state_of(worker) == state)
                .count();
            set(&self.by_state, &vec![("state", state.into())], count as f64);
        }
        for (place, worker) in workers.iter().enumerate() {
            let name = match place < MAX_WORKERS {
                true => worker.presence.name.clone(),
                false => OTHER.into(),
            };
            self.worker(vec![("worker", name)], worker);
        }
    }

    fn worker(&self, labels: Vec<(&'static str, String)>, worker: &WorkerView) {
        let age = self.heartbeat_age.get_or_create(&labels);
        age.set(age.get().max(seconds(worker.silent_ms)));
        self.held
            .get_or_create(&labels)
            .inc_by(worker.presence.held.len() as f64);
        if worker.strikes > 0 {
            self.strikes
                .get_or_create(&labels)
                .inc_by(worker.strikes.into());
        }
    }
}

fn state_of(worker: &WorkerView) -> &'static str {
    match worker.presence.state {
        _ if !worker.alive => "silent",
        _ if worker.cordoned => "cordoned",
        WorkerState::Starting => "starting",
        WorkerState::Ready => "ready",
        WorkerState::Cordoned => "cordoned",
        WorkerState::Draining => "draining",
    }
}

fn seconds(ms: u64) -> f64 {
    ms as f64 / 1000.0
}
