//! The farm's three seams, filled with the circuits of this network: what a snapshot must be, which proofs are good,
//! how a task is proven. And the client, which talks to a farm from outside.

mod client;
mod execute;
mod inspect;
mod parts;
mod verify;

use std::sync::Arc;

use tokio::sync::watch;
use tokio::task::JoinHandle;
use trifold_coordinator::coordinator::Config;
use trifold_coordinator::plan::Policy;
use trifold_coordinator::queue::Queue;
use trifold_coordinator::worker::{self, Execute, WorkerConfig};
use trifold_coordinator::{CoordinatorError, WorkerError, coordinator};

pub use client::{Client, bundle, update};
pub use execute::{Executor, OnStart};
use inspect::Inspector;
pub use verify::Verifier;

use crate::deployment::Deployment;
use crate::network::Network;

/// What a coordinator of this network works with: its name is one word, and nobody listens to it yet.
pub fn coordinator_config(
    name: &str,
    network: &Arc<Network>,
    deployment: &Deployment,
    policy: Policy,
) -> anyhow::Result<Config> {
    let inspect = Arc::new(Inspector(network.clone()));
    let verify = Arc::new(Verifier::new(network, deployment)?);
    Ok(Config::new(name, network.plan()?, policy, inspect, verify))
}

/// A coordinator that stands by or leads until `shutdown` turns true.
pub fn start_coordinator(
    queue: Arc<dyn Queue>,
    config: Config,
    shutdown: watch::Receiver<bool>,
) -> JoinHandle<Result<(), CoordinatorError>> {
    tokio::spawn(coordinator::run(queue, config, shutdown))
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
