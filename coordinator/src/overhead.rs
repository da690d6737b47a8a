//! What a task costs outside the worker, measured with provers that do nothing.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::watch;

use crate::CoordinatorError;
use crate::coordinator::{self, Config, Report};
use crate::plan::{Policy, RestoreError};
use crate::queue::{Item, Lane, Queue};
use crate::standin::{self, Snapshot, StandInExecute, StandInInspect, StandInVerify};
use crate::wire::encode;
use crate::worker::{self, WorkerConfig};

/// Tasks of a run and the time from the first snapshot to the last global proof.
#[derive(Debug, Clone, Copy)]
pub struct Overhead {
    pub tasks: u64,
    pub total_seconds: f64,
}

impl Overhead {
    /// Planning, queueing, inspection, verification, recording and publication per task, in seconds: with stand-in
    /// proofs there is nothing else.
    pub fn task_seconds(&self) -> f64 {
        self.total_seconds / self.tasks.max(1) as f64
    }
}

/// Runs `epochs` epochs of `shards` shards through `queue` with `workers` workers that prove in no time.
pub async fn measure(
    queue: Arc<dyn Queue>,
    shards: u32,
    epochs: u64,
    workers: u32,
) -> Result<Overhead, CoordinatorError> {
    let network = standin::network(shards)
        .map_err(|e| CoordinatorError::Replay(RestoreError::from(e).into()))?;
    let (reports, mut reported) = tokio::sync::mpsc::unbounded_channel();
    let policy = Policy {
        deadline_ms: None,
        ..Policy::default()
    };
    let (inspect, verify) = (Arc::new(StandInInspect), Arc::new(StandInVerify));
    let config = Config {
        on_report: Arc::new(move |report| drop(reports.send(report))),
        ..Config::new("overhead", network.clone(), policy, inspect, verify)
    };
    let (stop, shutdown) = watch::channel(false);
    for worker in 0..workers {
        let config = WorkerConfig::new(format!("w{worker}"));
        let executor = Arc::new(StandInExecute::default());
        tokio::spawn(worker::run(
            queue.clone(),
            executor,
            config,
            shutdown.clone(),
        ));
    }
    let coordinator = tokio::spawn(coordinator::run(queue.clone(), config, shutdown));
    let started = Instant::now();
    submit_all(queue.as_ref(), &network, epochs).await?;
    let (mut tasks, mut total_seconds) = (0, 0.0);
    while let Some(report) = reported.recv().await {
        match report {
            Report::TaskProved(_) => tasks += 1,
            Report::EpochPublished(proof) if proof.state.epoch == epochs => {
                total_seconds = started.elapsed().as_secs_f64();
                break;
            }
            _ => {}
        }
    }
    let _ = stop.send(true);
    let ended = tokio::time::timeout(Duration::from_secs(10), coordinator).await;
    match ended {
        Ok(Ok(outcome)) => outcome?,
        _ => tracing::warn!("the measured coordinator did not stop in time"),
    }
    Ok(Overhead {
        tasks,
        total_seconds,
    })
}

/// All snapshots of all epochs, each starting where the one before ended.
async fn submit_all(
    queue: &dyn Queue,
    network: &crate::plan::Network,
    epochs: u64,
) -> Result<(), CoordinatorError> {
    let mut leaves = network.leaves.clone();
    for _ in 0..epochs {
        for (shard, leaf) in &mut leaves {
            let snapshot = Snapshot::after(*shard, Some(*leaf));
            *leaf = snapshot.leaf();
            let stored = queue.artifacts().put(snapshot.encode()).await;
            let snapshot = stored.map_err(|e| crate::QueueError::Backend(e.to_string()))?;
            let body = encode(&standin::announcement(*shard, snapshot));
            let item = Item {
                key: format!("{shard}.{snapshot}"),
                attempt: 0,
                body,
            };
            queue.push(&Lane::Snapshots, &item).await?;
        }
    }
    Ok(())
}
