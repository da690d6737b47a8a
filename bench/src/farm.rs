//! The coordinator under load: thousands of shards, a thousand workers with proofs that take their time, on the embedded queue
//! and on a NATS server. Nothing is proven; everything else is real, and every proof is checked.
//!
//! The workers are 1,000 tasks of this process behind a few connections; the coordinator is a process of its own where the
//! queue is a server, so that the kernel says what it costs. The embedded queue is a part of the coordinator's process, so
//! there the processor time is that of the coordinator's threads, and the memory that of all.

mod coordinator;
mod run;
mod server;
mod shards;
mod tally;
mod usage;
mod workers;

use anyhow::{Result, ensure};
use clap::{Args, Subcommand, ValueEnum};
use serde::{Deserialize, Serialize};
use trifold_circuits::artifacts::Checkout;
use trifold_verifier::statement::MAX_DEPTH;

use crate::report::{Report, Target};
use run::Case;
use tally::Tally;

/// Shards of the largest network, and so tasks that can be open at once without any proof.
const MAX_SHARDS: u32 = 3u32.pow(MAX_DEPTH as u32);

#[derive(Args)]
pub struct Options {
    #[command(subcommand)]
    part: Option<Part>,
    /// Shards of the cases; small ones run more epochs, up to 20 times those of the largest.
    #[arg(long, value_delimiter = ',', default_values_t = [100, 1_000, 10_000], value_parser = clap::value_parser!(u32).range(1..=i64::from(MAX_SHARDS)))]
    shards: Vec<u32>,
    /// Epochs of the largest case.
    #[arg(long, default_value_t = 2)]
    epochs: u64,
    #[arg(long, default_value_t = 1_000)]
    workers: u32,
    #[arg(long, value_delimiter = ',', default_values = ["embedded", "nats"])]
    queues: Vec<QueueKind>,
    /// Open tasks when the coordinator is killed and started again; 0 leaves this out.
    #[arg(long, default_value_t = MAX_SHARDS, value_parser = clap::value_parser!(u32).range(..=i64::from(MAX_SHARDS)))]
    open_tasks: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
pub enum QueueKind {
    Embedded,
    Nats,
}

/// Epochs of a case, as a multiple of the largest case's: epochs follow each other, so many of them take long.
const MOST_TIMES: u64 = 20;

/// Processes of their own.
#[derive(Subcommand)]
enum Part {
    /// A coordinator on a server, until its input ends.
    #[command(hide = true)]
    Coordinator(coordinator::Options),
    /// A case on the embedded queue.
    #[command(hide = true)]
    Embedded(run::Embedded),
}

/// What a case showed.
#[derive(Debug, Serialize, Deserialize)]
pub struct Figures {
    pub queue: QueueKind,
    pub shards: u32,
    pub epochs: u64,
    pub workers: u32,
    /// From the first snapshot to the last global proof.
    pub seconds: f64,
    pub coordinator_cpu_seconds: f64,
    pub coordinator_peak_bytes: u64,
    pub tally: Tally,
}

impl Figures {
    fn tasks(&self) -> f64 {
        self.tally.proved as f64
    }

    fn task_milliseconds(&self) -> f64 {
        1e3 * self.coordinator_cpu_seconds / self.tasks()
    }

    fn row(&self) -> String {
        format!(
            "| {:?} | {} | {} | {} | {:.1} | {:.0} | {:.1} | {:.3} | {:.0} | {} | {} / {} |\n",
            self.queue,
            self.shards,
            self.epochs,
            self.tally.proved,
            self.seconds,
            self.tasks() / self.seconds,
            self.coordinator_cpu_seconds,
            self.task_milliseconds(),
            self.coordinator_peak_bytes as f64 / 1e6,
            self.tally.requeued,
            self.tally.lost,
            self.tally.doubled,
        )
    }
}

#[derive(Serialize)]
struct Results {
    cases: Vec<Figures>,
    restarts: Vec<run::Restart>,
}

/// Measures, or is a part of a measurement.
pub fn run(options: &Options) -> Result<()> {
    match &options.part {
        Some(Part::Coordinator(part)) => return coordinator::run(part),
        Some(Part::Embedded(part)) => return part.run(),
        None => {}
    }
    let checkout = Checkout::find()?;
    let report = Report::begin(&checkout, "farm".into());
    let largest = options.shards.iter().max().copied().unwrap_or(1);
    let mut results = Results {
        cases: Vec::new(),
        restarts: Vec::new(),
    };
    for &queue in &options.queues {
        for &shards in &options.shards {
            let case = Case {
                shards,
                epochs: options.epochs * u64::from(largest / shards).min(MOST_TIMES),
                workers: options.workers,
            };
            let figures = case.run(&checkout, queue)?;
            print!("{}", figures.row());
            let Tally { lost, doubled, .. } = figures.tally;
            ensure!(lost == 0 && doubled == 0, "{lost} lost, {doubled} doubled");
            results.cases.push(figures);
        }
    }
    if options.open_tasks > 0 {
        let restart = run::restart(&checkout, options.open_tasks)?;
        println!("{restart:?}");
        results.restarts.push(restart);
    }
    report.end(&results, &results.page(), results.targets())?;
    Ok(())
}

impl Results {
    fn page(&self) -> String {
        let rows: String = self.cases.iter().map(Figures::row).collect();
        let restarts = self.restarts.iter().map(run::Restart::line);
        format!(
            "| queue | shards | epochs | tasks | s | tasks/s | coordinator CPU s | ms per task | peak MB | offered again | \
             lost / doubled |\n|---|---|---|---|---|---|---|---|---|---|---|\n{rows}\n{}",
            restarts.collect::<String>()
        )
    }

    fn targets(&self) -> Vec<Target> {
        let cases = self.cases.iter().map(|figures| {
            let name = format!("{:?} queue, {} shards", figures.queue, figures.shards);
            let cost = figures.task_milliseconds();
            Target::at_most(format!("{name}: coordinator CPU per task, ms"), 0.5, cost)
        });
        let restarts = self.restarts.iter().map(|restart| {
            let name = format!("restart with {} open tasks, s", restart.open_tasks);
            Target::at_most(name, 5.0, restart.seconds)
        });
        cases.chain(restarts).collect()
    }
}
