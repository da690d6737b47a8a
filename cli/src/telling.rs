//! What a farm's reports look like to a person.

use std::sync::{Arc, Mutex, PoisonError};

use trifold_coordinator::coordinator::{OnReport, Report, TaskProved};
use trifold_coordinator::wire::{Task, Work};

use crate::farm::OnStart;
use crate::progress::{Screen, Step};
use crate::text::{grouped, short};

/// Tells of tasks as they begin and end.
#[derive(Clone)]
pub struct Telling {
    screen: Screen,
    current: Arc<Mutex<Option<Step>>>,
}

impl Telling {
    pub fn new(screen: &Screen) -> Self {
        Self {
            screen: screen.clone(),
            current: Arc::default(),
        }
    }

    /// For a worker: shows the tasks under way.
    pub fn on_start(&self) -> OnStart {
        let telling = self.clone();
        Arc::new(move |tasks| telling.show(Some(together(tasks))))
    }

    /// For a coordinator: a line for what happened.
    pub fn on_report(&self) -> OnReport {
        let telling = self.clone();
        Arc::new(move |report| {
            if matches!(report, Report::TaskProved(_)) {
                telling.show(None);
            }
            if let Some(line) = line(&report) {
                telling.screen.line(line);
            }
        })
    }

    fn show(&self, title: Option<String>) {
        let step = title.map(|title| self.screen.step(title));
        *self.current.lock().unwrap_or_else(PoisonError::into_inner) = step;
    }
}

/// The first of the tasks and the number of the others.
fn together(tasks: &[&Task]) -> String {
    let first = tasks.first().map_or_else(String::new, |task| place(task));
    match tasks.len() {
        0 | 1 => format!("proving {first}"),
        count => format!("proving {first} and {} more", count - 1),
    }
}

/// What a task proves, and where in the network.
fn place(task: &Task) -> String {
    match &task.work {
        Work::Program { shard, .. } => format!("program of shard {shard}"),
        Work::Part { shard, part, .. } => format!("part {part} of shard {shard}"),
        Work::Merge { level, index, .. } => format!("merge {index} of level {level}"),
        Work::Nest { previous, .. } => format!("nest of epoch {}", previous.epoch + 1),
    }
}

fn line(report: &Report) -> Option<String> {
    Some(match report {
        Report::Led { fence } => format!("this coordinator leads, {fence} led before it"),
        Report::Deposed => "another coordinator leads, this one stands by".into(),
        Report::Appended { .. } | Report::TaskRequeued { .. } => return None,
        Report::SnapshotAccepted {
            shard, transfers, ..
        } => {
            format!("shard {shard}: snapshot of {transfers} transfers accepted")
        }
        Report::SnapshotRejected {
            shard,
            code,
            message,
            ..
        } => {
            format!("shard {shard}: snapshot refused ({code}): {message}")
        }
        Report::TaskProved(proved) => task_line(proved),
        Report::ResultRefused { worker, reason, .. } => {
            format!("result of worker {worker} refused: {reason}")
        }
        Report::TaskQuarantined { what, reason, .. } => format!("quarantined: {what}: {reason}"),
        Report::EpochClosed(closed) => format!(
            "epoch {}: closed with {} snapshots, {} shards silent",
            closed.epoch,
            closed.members.len(),
            closed.silent
        ),
        Report::EpochPublished(proof) => format!(
            "epoch {}: global proof published, root {}",
            proof.state.epoch,
            short(&proof.state.root)
        ),
    })
}

fn task_line(proved: &TaskProved) -> String {
    format!(
        "  {:<28} {:>9} constraints  witness {:>6.2} s  proof {:>6.2} s",
        format!("{} ({})", proved.circuit, proved.what),
        grouped(proved.constraints),
        proved.witness_seconds,
        proved.prove_seconds,
    )
}
