//! What a task costs outside the worker: the whole farm with proofs that take no time.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use serde::Serialize;
use trifold_circuits::artifacts::Checkout;
use trifold_coordinator::overhead::{self, Overhead};
use trifold_coordinator::queue::Queue;
use trifold_coordinator::queue::local::LocalQueue;

use crate::report::{Report, Target};

const SHARDS: u32 = 9;
const EPOCHS: u64 = 20;
const WORKERS: u32 = 2;
const LEASE: Duration = Duration::from_secs(30);

#[derive(Serialize)]
struct Figures {
    shards: u32,
    epochs: u64,
    workers: u32,
    tasks: u64,
    memory_task_milliseconds: f64,
    directory_task_milliseconds: f64,
}

/// Measures the embedded queue in memory and in a directory, and writes the report.
pub fn run(checkout: &Checkout) -> Result<Vec<Target>> {
    let report = Report::begin(checkout, "overhead".into());
    std::fs::create_dir_all(checkout.cache())?;
    let folder = tempfile::tempdir_in(checkout.cache())?;
    let memory = measure(Arc::new(LocalQueue::memory(LEASE)))?;
    let directory = measure(Arc::new(LocalQueue::open(folder.path(), LEASE)?))?;
    let figures = Figures {
        shards: SHARDS,
        epochs: EPOCHS,
        workers: WORKERS,
        tasks: directory.tasks,
        memory_task_milliseconds: 1e3 * memory.task_seconds(),
        directory_task_milliseconds: 1e3 * directory.task_seconds(),
    };
    report.end(&figures, &figures.page(), figures.targets())
}

fn measure(queue: Arc<dyn Queue>) -> Result<Overhead> {
    let runtime = tokio::runtime::Runtime::new()?;
    Ok(runtime.block_on(overhead::measure(queue, SHARDS, EPOCHS, WORKERS))?)
}

impl Figures {
    fn targets(&self) -> Vec<Target> {
        let figure = |kind: &str, value| {
            Target::at_most(
                format!("coordinator: overhead per task, queue in {kind}, ms"),
                5.0,
                value,
            )
        };
        vec![
            figure("memory", self.memory_task_milliseconds),
            figure("a directory", self.directory_task_milliseconds),
        ]
    }

    fn page(&self) -> String {
        format!(
            "{} shards, {} epochs, {} workers with stand-in proofs: {} tasks, first snapshot to last global proof.\n\n\
             | embedded queue | ms per task |\n|---|---|\n| memory | {:.3} |\n| directory, fsynced | {:.3} |\n",
            self.shards,
            self.epochs,
            self.workers,
            self.tasks,
            self.memory_task_milliseconds,
            self.directory_task_milliseconds,
        )
    }
}
