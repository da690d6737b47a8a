//! What a worker process counts.

use trifold_coordinator::coordinator::Refused;
use trifold_coordinator::wire::{HeldStage, Presence, TaskOutcome, WorkerState};

use super::board::{Board, Counters, Gauges, Histograms, Sums, set};
use super::bounded::Bounded;

/// Circuits that are labels; there are far fewer.
const MAX_CIRCUITS: usize = 64;

pub(super) struct Prover {
    ready: Gauges,
    held: Gauges,
    tasks: Counters,
    run: Histograms,
    cpu_seconds: Sums,
    gpu_seconds: Sums,
    key_load: Gauges,
    device_memory: Gauges,
    circuits: Bounded,
}

impl Prover {
    pub fn new(board: &mut Board) -> Self {
        Self {
            ready: board.gauges(("trifold_prover_ready", &[]), "1 while the worker takes tasks, 0 while it starts, is cordoned or drains"),
            held: board.gauges(("trifold_prover_held_tasks", &["stage"]), "Tasks that the worker holds: `witness`, `waiting`, `proving`, `reporting`"),
            tasks: board.counters(("trifold_prover_tasks", &["kind", "class"]), "Tasks that the worker reported: `proved`, or why not: `inputs`, `worker`, `memory`"),
            run: board.durations(("trifold_prover_run_seconds", &["kind", "stage"]), "Time of a proven task in its `witness` and `prove` stages"),
            cpu_seconds: board.sums(("trifold_prover_cpu_seconds", &[]), "Processor time of proofs"),
            gpu_seconds: board.sums(("trifold_prover_gpu_seconds", &[]), "Card time of proofs; its rate is the part of the time in which the card was busy"),
            key_load: board.gauges(("trifold_prover_key_load_seconds", &["circuit"]), "Time that the last load of a circuit's key took"),
            device_memory: board.gauges(("trifold_prover_vram_bytes", &["state"]), "Memory of the card, `total` and `free`"),
            circuits: Bounded::new(MAX_CIRCUITS),
        }
    }

    pub fn presence(&self, presence: &Presence) {
        let ready = presence.state == WorkerState::Ready;
        set(&self.ready, &vec![], f64::from(u8::from(ready)));
        for (stage, count) in held(&presence.held) {
            set(&self.held, &vec![("stage", stage.into())], count);
        }
    }

    pub fn worked(&self, kind: &'static str, outcome: &TaskOutcome) {
        let class = match outcome {
            TaskOutcome::Proved(_) => "proved",
            TaskOutcome::Failed { class, .. } => Refused::Failed(*class).code(),
        };
        let labels = vec![("kind", kind.into()), ("class", class.into())];
        self.tasks.get_or_create(&labels).inc();
        let TaskOutcome::Proved(proved) = outcome else {
            return;
        };
        let stages = [
            ("witness", proved.witness_seconds),
            ("prove", proved.prove_seconds),
        ];
        for (stage, seconds) in stages {
            let labels = vec![("kind", kind.into()), ("stage", stage.into())];
            self.run.get_or_create(&labels).observe(seconds);
        }
        self.cpu_seconds
            .get_or_create(&vec![])
            .inc_by(proved.cpu_seconds.max(0.0));
        self.gpu_seconds
            .get_or_create(&vec![])
            .inc_by(proved.gpu_seconds.max(0.0));
    }

    pub fn key_loaded(&mut self, circuit: &str, seconds: f64) {
        let circuit = self.circuits.label(circuit);
        set(&self.key_load, &vec![("circuit", circuit)], seconds);
    }

    pub fn device_memory(&self, total: u64, free: u64) {
        for (state, bytes) in [("total", total), ("free", free)] {
            set(
                &self.device_memory,
                &vec![("state", state.into())],
                bytes as f64,
            );
        }
    }
}

/// Number of held tasks by stage.
pub(super) fn held(tasks: &[trifold_coordinator::wire::HeldTask]) -> [(&'static str, f64); 4] {
    let stages = [
        ("witness", HeldStage::Witness),
        ("waiting", HeldStage::Waiting),
        ("proving", HeldStage::Proving),
        ("reporting", HeldStage::Reporting),
    ];
    stages.map(|(name, stage)| {
        (
            name,
            tasks.iter().filter(|task| task.stage == stage).count() as f64,
        )
    })
}
