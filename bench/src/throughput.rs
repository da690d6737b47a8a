//! Tasks per second of one worker, end to end: from a full queue to the last report, one task at a time and several
//! together.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use ark_bn254::Fr;
use serde::Serialize;
use tokio::sync::watch;
use trifold_circuits::artifacts::Checkout;
use trifold_circuits::inputs::Inputs;
use trifold_coordinator::queue::local::LocalQueue;
use trifold_coordinator::queue::{Item, Lane, Queue};
use trifold_coordinator::standin::{self, Snapshot, StandInExecute};
use trifold_coordinator::wire::{Proved, Task, TaskOutcome, TaskResult, Work, decode, encode};
use trifold_coordinator::worker::{self, Execute, ExecuteError, Fetch, WorkerConfig};
use trifold_prover::{Cpu, Prover};

use crate::circuit::Circuit;
use crate::inputs;
use crate::report::{Report, Target};

const LEASE: Duration = Duration::from_secs(30);
/// Tasks proven together in the second measurement of each pair.
const TOGETHER: usize = 4;
/// Tasks of a measurement with stand-ins, and with real proofs.
const STANDIN_TASKS: u64 = 200;
const REAL_TASKS: u64 = 8;
/// The model of a device that takes as long for four as for one, behind witnesses that take half of that.
const DEVICE_BATCH: Duration = Duration::from_millis(20);
const WITNESS: Duration = Duration::from_millis(10);

#[derive(Serialize)]
struct Figures {
    together: usize,
    standin_batch_milliseconds: f64,
    standin_witness_milliseconds: f64,
    standin: Pair,
    transfer_on_cpu: Pair,
}

/// Tasks per second, one at a time and [`TOGETHER`] at a time.
#[derive(Clone, Copy, Serialize)]
struct Pair {
    tasks: u64,
    alone_per_second: f64,
    together_per_second: f64,
}

impl Pair {
    fn ratio(&self) -> f64 {
        self.together_per_second / self.alone_per_second
    }
}

/// Measures a modelled device and the real circuit on the processor, and writes the report.
pub fn run(checkout: &Checkout) -> Result<Vec<Target>> {
    let report = Report::begin(checkout, "throughput".into());
    let runtime = tokio::runtime::Runtime::new()?;
    let standin = Pair {
        tasks: STANDIN_TASKS,
        alone_per_second: runtime.block_on(rate(device(1), STANDIN_TASKS))?,
        together_per_second: runtime.block_on(rate(device(TOGETHER), STANDIN_TASKS))?,
    };
    let circuit = Circuit::ready(checkout, "transfer")?;
    let transfer_on_cpu = Pair {
        tasks: REAL_TASKS,
        alone_per_second: runtime.block_on(rate(Transfers::new(&circuit, 1)?, REAL_TASKS))?,
        together_per_second: runtime
            .block_on(rate(Transfers::new(&circuit, TOGETHER)?, REAL_TASKS))?,
    };
    let figures = Figures {
        together: TOGETHER,
        standin_batch_milliseconds: 1e3 * DEVICE_BATCH.as_secs_f64(),
        standin_witness_milliseconds: 1e3 * WITNESS.as_secs_f64(),
        standin,
        transfer_on_cpu,
    };
    report.end(&figures, &figures.page(), figures.targets())
}

fn device(batch: usize) -> StandInExecute {
    StandInExecute {
        witness: WITNESS,
        pause: DEVICE_BATCH,
        batch,
    }
}

/// Tasks per second of a worker that finds `count` tasks in its lane.
async fn rate<E: Execute>(executor: E, count: u64) -> Result<f64> {
    let queue: Arc<dyn Queue> = Arc::new(LocalQueue::memory(LEASE));
    for number in 0..count {
        push(queue.as_ref(), number).await?;
    }
    let (stop, stopped) = watch::channel(false);
    let config = WorkerConfig {
        preparers: 2 * TOGETHER,
        ..WorkerConfig::new("bench")
    };
    let start = Instant::now();
    let worker = tokio::spawn(worker::run(
        queue.clone(),
        Arc::new(executor),
        config,
        stopped,
    ));
    for _ in 0..count {
        let pulled = queue.pull(&[Lane::Results], 20 * LEASE).await?;
        let delivery = pulled.context("no result in time")?;
        let result: TaskResult = decode(&delivery.body)?;
        let proved = matches!(result.outcome, TaskOutcome::Proved(_));
        ensure!(proved, "a task failed: {:?}", result.outcome);
        delivery.lease.done().await?;
    }
    let seconds = start.elapsed().as_secs_f64();
    let _ = stop.send(true);
    worker.await??;
    Ok(count as f64 / seconds)
}

/// A task of its own statement; its snapshot is a stand-in.
async fn push(queue: &dyn Queue, number: u64) -> Result<()> {
    let network = standin::network(1)?;
    let snapshot = Snapshot::after(number as u32, None);
    let snapshot = queue.artifacts().put(snapshot.encode()).await?;
    let work = Work::Program {
        shard: number as u32,
        snapshot,
        proofs: Vec::new(),
    };
    let statement = Fr::from(number);
    let task = Task::new(
        standin::program(),
        statement,
        network.keys,
        Fr::from(0),
        work,
    );
    let item = Item {
        key: task.id.to_string(),
        attempt: 0,
        body: encode(&task),
    };
    queue.push(&Lane::Tasks(task.lane()), &item).await?;
    Ok(())
}

/// Proves the same batch of transfers for every task, on the processor.
struct Transfers {
    prover: Prover,
    inputs: Inputs,
    batch: usize,
}

impl Transfers {
    fn new(circuit: &Circuit, batch: usize) -> Result<Self> {
        let files = &circuit.artifact;
        Ok(Self {
            prover: Prover::new(circuit.key()?, &Cpu, &files.wasm, &files.r1cs)?,
            inputs: inputs::of("transfer")?,
            batch,
        })
    }
}

fn here(error: impl std::fmt::Display) -> ExecuteError {
    ExecuteError::Worker(error.to_string())
}

impl Execute for Transfers {
    type Prepared = (Task, Vec<Fr>);

    fn lanes(&self) -> Vec<String> {
        StandInExecute::default().lanes()
    }

    fn batch(&self, _lane: &str) -> usize {
        self.batch
    }

    fn prepare(&self, task: &Task, _: &Fetch<'_>) -> Result<Self::Prepared, ExecuteError> {
        let witness = self.prover.witness(&self.inputs).map_err(here)?;
        Ok((task.clone(), witness))
    }

    fn prove(&self, tasks: &[Self::Prepared]) -> Vec<Result<Proved, ExecuteError>> {
        let witnesses: Vec<&[Fr]> = tasks.iter().map(|(_, witness)| &witness[..]).collect();
        let proven = self.prover.prove_witnesses(&witnesses).into_iter();
        let proved = proven.zip(tasks).map(|(proven, (task, _))| {
            let proven = proven.map_err(here)?;
            Ok(Proved {
                // Nobody verifies it again here.
                proof: standin::prove(&task.key, &task.statement),
                circuit: "transfer".into(),
                constraints: 0,
                witness_seconds: 0.0,
                prove_seconds: proven.prove_seconds,
                cpu_seconds: 0.0,
                gpu_seconds: 0.0,
                input_bytes: 0,
            })
        });
        proved.collect()
    }
}

impl Figures {
    fn targets(&self) -> Vec<Target> {
        let together = self.together;
        vec![
            Target::figure(
                format!("worker: {together} tasks together, times one at a time, modelled device"),
                self.standin.ratio(),
            ),
            Target::figure(
                format!(
                    "worker: {together} tasks together, times one at a time, transfer on the CPU"
                ),
                self.transfer_on_cpu.ratio(),
            ),
        ]
    }

    fn page(&self) -> String {
        let row = |name: &str, pair: &Pair| {
            format!(
                "| {name} | {} | {:.2} | {:.2} | {:.2} |\n",
                pair.tasks,
                pair.alone_per_second,
                pair.together_per_second,
                pair.ratio()
            )
        };
        format!(
            "One worker from a full queue in memory to the last report, tasks per second. The modelled device takes {} ms for a \
             batch of any size, a witness {} ms.\n\n| | tasks | one at a time | {} together | ratio |\n|---|---|---|---|---|\n{}{}",
            self.standin_batch_milliseconds,
            self.standin_witness_milliseconds,
            self.together,
            row("modelled device", &self.standin),
            row("`transfer` on the CPU", &self.transfer_on_cpu),
        )
    }
}
