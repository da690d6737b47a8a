//! Snapshots and tasks as a coordinator sees them come and go.

use trifold_coordinator::coordinator::{Refused, Report, TaskProved};

use super::board::{Board, Counters, Histograms};
use super::bounded::Bounded;

/// Refusal codes and circuit names that are labels; there are far fewer.
const MAX_NAMES: usize = 64;
/// Kind of a result that is of no task of ours.
const UNKNOWN: &str = "unknown";

pub(super) struct Tasks {
    accepted: Counters,
    transfers: Counters,
    refused: Counters,
    attempts: Counters,
    requeues: Counters,
    invalid: Counters,
    quarantined: Counters,
    wait: Histograms,
    run: Histograms,
    gpu_seconds: Histograms,
    cpu_seconds: Histograms,
    input_bytes: Histograms,
    codes: Bounded,
    circuits: Bounded,
}

impl Tasks {
    pub fn new(board: &mut Board) -> Self {
        Self {
            accepted: board.counters(("trifold_snapshots_accepted", &[]), "Snapshots accepted"),
            transfers: board.counters(("trifold_transfers_accepted", &[]), "Transfers in accepted snapshots"),
            refused: board.counters(("trifold_snapshots_refused", &["code"]), "Snapshots refused, by the code that the shard was told"),
            attempts: board.counters(("trifold_task_attempts", &["kind", "class"]), "Results of tasks: `proved`, or why not: `inputs`, `worker`, `memory` (the worker gave up), `invalid`, `malformed`, `struck` (refused)"),
            requeues: board.counters(("trifold_task_requeues", &["kind", "reason"]), "Tasks offered once more: `failed`, `refused`, `silent` (nothing heard), `operator`"),
            invalid: board.counters(("trifold_verify_failures", &["kind"]), "Results that are no proof of the task's statement"),
            quarantined: board.counters(("trifold_quarantined", &[]), "Tasks put into quarantine"),
            wait: board.durations(("trifold_task_wait_seconds", &["kind"]), "From a task's first offer to its proof, less the time that its witness and proof took"),
            run: board.durations(("trifold_task_run_seconds", &["kind", "stage"]), "Time of a proven task in its `witness`, `prove` and `verify` stages"),
            gpu_seconds: board.durations(("trifold_proof_gpu_seconds", &["circuit"]), "Card time of a proof"),
            cpu_seconds: board.durations(("trifold_proof_cpu_seconds", &["circuit"]), "Processor time of a proof, its witness included"),
            input_bytes: board.sizes(("trifold_proof_input_bytes", &["circuit"]), "Bytes that a worker read for a proof"),
            codes: Bounded::new(MAX_NAMES),
            circuits: Bounded::new(MAX_NAMES),
        }
    }

    pub fn report(&mut self, report: &Report) {
        match report {
            Report::SnapshotAccepted { transfers, .. } => {
                self.accepted.get_or_create(&vec![]).inc();
                self.transfers.get_or_create(&vec![]).inc_by(*transfers);
            }
            Report::SnapshotRejected { code, .. } => {
                let code = self.codes.label(code);
                self.refused.get_or_create(&vec![("code", code)]).inc();
            }
            Report::TaskProved(proved) => self.proved(proved),
            Report::ResultRefused { kind, why, .. } => self.failed(kind.unwrap_or(UNKNOWN), *why),
            Report::TaskRequeued { kind, why, .. } => {
                let labels = vec![("kind", (*kind).into()), ("reason", why.code().into())];
                self.requeues.get_or_create(&labels).inc();
            }
            Report::TaskQuarantined { .. } => {
                self.quarantined.get_or_create(&vec![]).inc();
            }
            _ => {}
        }
    }

    fn proved(&mut self, proved: &TaskProved) {
        self.attempt(proved.kind, "proved");
        let kind = ("kind", proved.kind.to_owned());
        let stages = [
            ("witness", proved.witness_seconds),
            ("prove", proved.prove_seconds),
            ("verify", proved.verify_seconds),
        ];
        for (stage, seconds) in stages {
            let labels = vec![kind.clone(), ("stage", stage.into())];
            self.run.get_or_create(&labels).observe(seconds);
        }
        if proved.turnaround_seconds > 0.0 {
            let busy = proved.witness_seconds + proved.prove_seconds;
            let wait = (proved.turnaround_seconds - busy).max(0.0);
            self.wait.get_or_create(&vec![kind]).observe(wait);
        }
        let circuit = vec![("circuit", self.circuits.label(&proved.circuit))];
        self.gpu_seconds
            .get_or_create(&circuit)
            .observe(proved.gpu_seconds);
        self.cpu_seconds
            .get_or_create(&circuit)
            .observe(proved.cpu_seconds);
        self.input_bytes
            .get_or_create(&circuit)
            .observe(proved.input_bytes as f64);
    }

    fn failed(&self, kind: &str, why: Refused) {
        self.attempt(kind, why.code());
        if why == Refused::Invalid {
            self.invalid
                .get_or_create(&vec![("kind", kind.into())])
                .inc();
        }
    }

    fn attempt(&self, kind: &str, class: &str) {
        let labels = vec![("kind", kind.into()), ("class", class.into())];
        self.attempts.get_or_create(&labels).inc();
    }
}
