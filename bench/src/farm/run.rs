//! One case of the load: so many shards, epochs and workers on one queue; and the restart.

use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use clap::Args;
use serde::Serialize;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::watch;
use trifold_circuits::artifacts::Checkout;
use trifold_coordinator::queue::Queue;
use trifold_coordinator::queue::local::LocalQueue;
use trifold_coordinator::view::View;
use trifold_coordinator::wire::decode;

use super::coordinator::{Process, coordinate, network};
use super::server::Server;
use super::tally::Counter;
use super::workers::Crew;
use super::{Figures, QueueKind, shards, usage};

const LEASE: Duration = Duration::from_secs(30);
/// Connections of the workers.
const CREWS: u32 = 8;
/// Name of the coordinator's threads where it shares a process.
const THREADS: &str = "coordinator";
/// Ends a case in which nothing happens any more.
const PATIENCE: Duration = Duration::from_secs(900);

#[derive(Clone, Copy)]
pub struct Case {
    pub shards: u32,
    pub epochs: u64,
    pub workers: u32,
}

impl Case {
    pub fn run(self, checkout: &Checkout, queue: QueueKind) -> Result<Figures> {
        match queue {
            QueueKind::Embedded => self.embedded(checkout),
            QueueKind::Nats => self.nats(checkout),
        }
    }

    fn embedded(self, checkout: &Checkout) -> Result<Figures> {
        let folder = tempfile::tempdir_in(checkout.cache())?;
        let output = Command::new(std::env::current_exe()?)
            .args(["farm", "embedded"])
            .arg(folder.path())
            .args([
                self.shards.to_string(),
                self.epochs.to_string(),
                self.workers.to_string(),
            ])
            .output()?;
        let said = String::from_utf8_lossy(&output.stdout);
        let last = said
            .lines()
            .last()
            .with_context(|| format!("no figures: {}", String::from_utf8_lossy(&output.stderr)))?;
        Ok(serde_json::from_str(last)?)
    }

    fn nats(self, checkout: &Checkout) -> Result<Figures> {
        let network = network(self.shards)?;
        let server = Server::start(checkout)?;
        let mut coordinator = Process::start(&server.url(), self.shards, self.epochs)?;
        coordinator.wait_for("led")?;
        let runtime = Runtime::new()?;
        let (stop, stopped) = watch::channel(false);
        runtime.block_on(self.hire(&server, &stopped))?;
        let process = coordinator.id();
        let (start, before) = (Instant::now(), usage::process_cpu_seconds(process));
        let submitted = runtime.block_on(server.queue())?;
        let submitting =
            runtime.spawn(async move { shards::submit(submitted, &network, self.epochs).await });
        coordinator.wait_for("done")?;
        let seconds = start.elapsed().as_secs_f64();
        let coordinator_cpu_seconds = usage::process_cpu_seconds(process) - before;
        let coordinator_peak_bytes = usage::peak_bytes(process);
        runtime.block_on(submitting)??;
        let tally = coordinator.end()?;
        stop.send_replace(true);
        runtime.shutdown_background();
        Ok(Figures {
            queue: QueueKind::Nats,
            shards: self.shards,
            epochs: self.epochs,
            workers: self.workers,
            seconds,
            coordinator_cpu_seconds,
            coordinator_peak_bytes,
            tally,
        })
    }

    async fn hire(self, server: &Server, stop: &watch::Receiver<bool>) -> Result<()> {
        for crew in 0..CREWS {
            self.crew(server.queue().await?, crew).start(stop);
        }
        Ok(())
    }

    fn crew(self, queue: Arc<dyn Queue>, crew: u32) -> Crew {
        let count = self.workers.div_ceil(CREWS);
        Crew {
            queue,
            first: crew * count,
            count,
        }
    }
}

/// A case in this process, on a queue in a folder.
#[derive(Args)]
pub struct Embedded {
    folder: std::path::PathBuf,
    shards: u32,
    epochs: u64,
    workers: u32,
}

impl Embedded {
    /// Prints the figures as a line of JSON.
    pub fn run(&self) -> Result<()> {
        let case = Case {
            shards: self.shards,
            epochs: self.epochs,
            workers: self.workers,
        };
        let network = network(self.shards)?;
        let (farm, threads) = (Runtime::new()?, threads()?);
        let queue: Arc<dyn Queue> = {
            let _inside = farm.enter();
            Arc::new(LocalQueue::open(&self.folder, LEASE)?)
        };
        let (stop, stopped) = watch::channel(false);
        let counter = Arc::new(Counter::new());
        let mut published = counter.published.subscribe();
        let coordinating = threads.spawn({
            let (queue, network) = (queue.clone(), network.clone());
            let (counter, stopped) = (counter.clone(), stopped.clone());
            async move { coordinate(queue, network, &counter, stopped).await }
        });
        let figures = farm.block_on(async {
            counter.led.subscribe().wait_for(|led| *led).await?;
            for crew in 0..CREWS {
                case.crew(queue.clone(), crew).start(&stopped);
            }
            let process = std::process::id();
            let cpu = || usage::threads_cpu_seconds(process, THREADS);
            let (start, before) = (Instant::now(), cpu());
            shards::submit(queue.clone(), &network, case.epochs).await?;
            let last = published.wait_for(|epoch| *epoch >= case.epochs);
            tokio::time::timeout(PATIENCE, last).await??;
            Ok::<_, anyhow::Error>(Figures {
                queue: QueueKind::Embedded,
                shards: case.shards,
                epochs: case.epochs,
                workers: case.workers,
                seconds: start.elapsed().as_secs_f64(),
                coordinator_cpu_seconds: cpu() - before,
                coordinator_peak_bytes: usage::peak_bytes(process),
                tally: counter.tally(case.shards, case.epochs),
            })
        })?;
        stop.send_replace(true);
        threads.block_on(coordinating)??;
        println!("{}", serde_json::to_string(&figures)?);
        Ok(())
    }
}

fn threads() -> Result<Runtime> {
    let runtime = Builder::new_multi_thread()
        .enable_all()
        .thread_name(THREADS)
        .build();
    Ok(runtime?)
}

/// A coordinator that was killed with tasks open and started again.
#[derive(Debug, Serialize)]
pub struct Restart {
    pub open_tasks: u32,
    /// From the start of the new process until it leads, and until it has taken a proof.
    pub lead_seconds: f64,
    pub seconds: f64,
    pub coordinator_peak_bytes: u64,
}

impl Restart {
    pub fn line(&self) -> String {
        format!(
            "Killed with {} open tasks and started again on NATS: leads after {:.2} s (that the leader before it is gone has to show \
             first), takes its first proof after {:.2} s, {:.0} MB at most.\n",
            self.open_tasks,
            self.lead_seconds,
            self.seconds,
            self.coordinator_peak_bytes as f64 / 1e6
        )
    }
}

/// Opens `open_tasks` tasks with nobody to prove them, kills the coordinator, and starts it and a few workers again.
pub fn restart(checkout: &Checkout, open_tasks: u32) -> Result<Restart> {
    let server = Server::start(checkout)?;
    let network = network(open_tasks)?;
    let runtime = Runtime::new()?;
    let mut coordinator = Process::start(&server.url(), open_tasks, 1)?;
    coordinator.wait_for("led")?;
    let queue = runtime.block_on(server.queue())?;
    runtime.block_on(async {
        shards::submit(queue.clone(), &network, 1).await?;
        until_open(queue.as_ref(), open_tasks).await
    })?;
    drop(coordinator);
    let (stop, stopped) = watch::channel(false);
    let case = Case {
        shards: open_tasks,
        epochs: 1,
        workers: CREWS,
    };
    runtime.block_on(case.hire(&server, &stopped))?;
    let start = Instant::now();
    let mut coordinator = Process::start(&server.url(), open_tasks, 1)?;
    coordinator.wait_for("led")?;
    let lead_seconds = start.elapsed().as_secs_f64();
    coordinator.wait_for("proved")?;
    let seconds = start.elapsed().as_secs_f64();
    let coordinator_peak_bytes = usage::peak_bytes(coordinator.id());
    stop.send_replace(true);
    runtime.shutdown_background();
    Ok(Restart {
        open_tasks,
        lead_seconds,
        seconds,
        coordinator_peak_bytes,
    })
}

/// Waits until the coordinator shows as many tasks that wait or are at the queue.
async fn until_open(queue: &dyn Queue, tasks: u32) -> Result<()> {
    let start = Instant::now();
    loop {
        if let Some(body) = queue.notice("view").await? {
            let view: View = decode(&body)?;
            if view.ready_tasks + view.queued_tasks >= u64::from(tasks) {
                return Ok(());
            }
        }
        ensure!(start.elapsed() < PATIENCE, "the tasks are not opened");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}
