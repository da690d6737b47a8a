//! One file per subcommand.

mod circuits;
mod config;
mod coordinator;
mod demo;
mod dlq;
mod doctor;
mod export;
#[cfg(feature = "cuda")]
mod gpu;
mod health;
mod light;
mod messages;
mod nats;
mod orders;
mod program;
mod receipt;
mod setup;
mod shard;
mod status;
mod submit;
pub mod verify;
mod verify_receipt;
mod worker;
mod workers;

use std::process::ExitCode;

use clap::Subcommand;

use trifold_coordinator::worker::About;

use crate::config::Process;

/// What `trifold` can do.
#[derive(Subcommand)]
pub enum Command {
    /// List every circuit: name, parameters, constraints, domain, key digest
    Circuits(circuits::Circuits),
    /// Compile circuits and make development keys; import and export .zkey files
    Setup(setup::Setup),
    /// The whole job on this machine: shards, farm and light client
    Demo(demo::Demo),
    /// Take snapshots, hand out proving tasks, publish global proofs
    Coordinator(coordinator::Coordinator),
    /// Prove tasks
    Worker(worker::Worker),
    /// List the cards, and which keys fit them
    #[cfg(feature = "cuda")]
    Gpu(gpu::Gpu),
    /// Set up the farm's NATS server: roles, keys, certificates
    Nats(nats::NatsCommand),
    /// Say what is unsafe or wrong about this machine, its keys and the farm's server
    Doctor(doctor::Doctor),
    /// Begin a program of your own, or try it out
    Program(program::ProgramCommand),
    /// Keep a shard's ledger
    Shard(shard::ShardCommand),
    /// Send a shard's snapshot to the coordinator and wait for its verdict
    Submit(submit::Submit),
    /// Show what the farm is doing; wait for an epoch, write out its proof
    Status(status::StatusCommand),
    /// List the workers: state, tasks, strikes
    Workers(workers::Workers),
    /// Let a worker finish what it has, and end
    Drain(orders::Drain),
    /// Give a worker no further task
    Cordon(orders::Cordon),
    /// Trust a worker again
    Uncordon(orders::Uncordon),
    /// Offer a task again
    Requeue(orders::Requeue),
    /// Forget a snapshot that is in no closed epoch
    Cancel(orders::Cancel),
    /// Delete blobs that nothing needs
    Gc(orders::Gc),
    /// Tasks that nobody could prove: list, show, do them again here
    Dlq(dlq::Dlq),
    /// Close an epoch now
    Epoch(orders::Epoch),
    /// Check a global proof as a light client does
    Verify(verify::Verify),
    /// Check what a receipt shows of a shard or an account
    VerifyReceipt(verify_receipt::VerifyReceipt),
    /// Follow a network as a light client, or serve light clients
    Light(light::LightCommand),
    /// Get the receipt of a shard: what it was at an epoch, with all that shows it
    Receipt(receipt::ReceiptCommand),
    /// Write what other systems take: the light client as a contract, calldata for it
    Export(export::Export),
    /// Ask a process on this machine whether it is ready
    Health(health::Health),
    /// Check and show the configuration
    Config(config::Config),
}

impl Command {
    /// What the process calls itself before others.
    pub fn process(&self) -> Process<'_> {
        let (service, card) = match self {
            Self::Coordinator(_) => ("trifold-coordinator", None),
            Self::Worker(worker) => ("trifold-worker", worker.card()),
            Self::Light(_) => ("trifold-light", None),
            _ => ("trifold", None),
        };
        let instance = format!("{}-{}", About::default().host, std::process::id());
        Process {
            service,
            instance,
            card,
        }
    }

    /// Runs the subcommand.
    pub fn run(self) -> anyhow::Result<ExitCode> {
        match self {
            Self::Circuits(command) => command.run(),
            Self::Setup(command) => command.run(),
            Self::Demo(command) => command.run(),
            Self::Coordinator(command) => command.run(),
            Self::Worker(command) => command.run(),
            #[cfg(feature = "cuda")]
            Self::Gpu(command) => command.run(),
            Self::Nats(command) => command.run(),
            Self::Doctor(command) => command.run(),
            Self::Program(command) => command.run(),
            Self::Shard(command) => command.run(),
            Self::Submit(command) => command.run(),
            Self::Status(command) => command.run(),
            Self::Workers(command) => command.run(),
            Self::Drain(command) => command.run(),
            Self::Cordon(command) => command.run(),
            Self::Uncordon(command) => command.run(),
            Self::Requeue(command) => command.run(),
            Self::Cancel(command) => command.run(),
            Self::Gc(command) => command.run(),
            Self::Dlq(command) => command.run(),
            Self::Epoch(command) => command.run(),
            Self::Verify(command) => command.run(),
            Self::Light(command) => command.run(),
            Self::Receipt(command) => command.run(),
            Self::VerifyReceipt(command) => command.run(),
            Self::Export(command) => command.run(),
            Self::Health(command) => command.run(),
            Self::Config(command) => command.run(),
        }
    }
}
