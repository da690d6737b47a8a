//! The farm's three seams, filled with the circuits of this network: what a snapshot must be, which proofs are good,
//! how a task is proven. And the client, which talks to a farm from outside.

mod client;
mod execute;
mod inspect;
mod verify;

use std::sync::Arc;

use tokio::sync::watch;
use tokio::task::JoinHandle;
use trifold_coordinator::coordinator::{Config, OnReport};
use trifold_coordinator::plan::Policy;
use trifold_coordinator::queue::Queue;
use trifold_coordinator::worker::{self, Execute, WorkerConfig};
use trifold_coordinator::{CoordinatorError, WorkerError, coordinator};

pub use client::{Client, bundle, update};
pub use execute::{Executor, OnStart};
use inspect::Inspector;
use verify::Verifier;

use crate::deployment::Deployment;
use crate::network::Network;

/// Bad results after which a worker's are no longer looked at.
const MAX_STRIKES: u32 = 8;

/// A coordinator that runs until `shutdown` turns true.
pub fn start_coordinator(
    queue: Arc<dyn Queue>,
    network: &Arc<Network>,
    deployment: &Deployment,
    policy: Policy,
    on_report: OnReport,
    shutdown: watch::Receiver<bool>,
) -> anyhow::Result<JoinHandle<Result<(), CoordinatorError>>> {
    let config = Config {
        network: network.plan()?,
        policy,
        inspect: Arc::new(Inspector(network.clone())),
        verify: Arc::new(Verifier::new(deployment)?),
        on_report,
        max_strikes: MAX_STRIKES,
        verifiers: std::thread::available_parallelism().map_or(1, |cores| cores.get()),
    };
    Ok(tokio::spawn(coordinator::run(queue, config, shutdown)))
}

/// A worker that runs until `shutdown` turns true; what its prover has is finished first.
pub fn start_worker<E: Execute>(
    queue: Arc<dyn Queue>,
    executor: E,
    config: WorkerConfig,
    shutdown: watch::Receiver<bool>,
) -> JoinHandle<Result<(), WorkerError>> {
    tokio::spawn(worker::run(queue, Arc::new(executor), config, shutdown))
}
