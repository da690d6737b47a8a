//! `trifold status`

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, ensure};
use clap::Args;
use serde_json::json;
use trifold_coordinator::coordinator::Status;

use crate::config::Nats;
use crate::farm::{Client, bundle};
use crate::network::{self, read_genesis};
use crate::output;
use crate::text::{hex, short};
use crate::time::now_milliseconds;

/// What the coordinator last said of itself, and the newest global proof. With --out that proof is written in snarkjs's
/// formats and as a bundle; `trifold verify` checks it.
#[derive(Args)]
pub struct StatusCommand {
    /// Print JSON
    #[arg(long)]
    json: bool,
    /// Wait until the global proof of this epoch is out
    #[arg(long, value_name = "EPOCH")]
    wait: Option<u64>,
    /// Write the newest global proof (or that of --wait) to this folder
    #[arg(long, value_name = "DIR", requires = "genesis")]
    out: Option<PathBuf>,
    /// The network's genesis file
    #[arg(long, env = "TRIFOLD_GENESIS", value_name = "FILE")]
    genesis: Option<PathBuf>,
    #[command(flatten)]
    nats: Nats,
}

impl StatusCommand {
    pub fn run(self) -> anyhow::Result<ExitCode> {
        tokio::runtime::Runtime::new()?.block_on(self.tell())?;
        Ok(ExitCode::SUCCESS)
    }

    async fn tell(&self) -> anyhow::Result<()> {
        let farm = Client {
            queue: self.nats.connect().await?,
        };
        if let Some(epoch) = self.wait {
            farm.published(epoch).await?;
        }
        if let Some(out) = &self.out {
            self.write(&farm, out).await?;
        }
        match farm.status().await? {
            None if self.json => println!("null"),
            None => println!("no coordinator has run here yet"),
            Some(status) if self.json => println!("{:#}", json!(status)),
            Some(status) => print(&status),
        }
        Ok(())
    }

    async fn write(&self, farm: &Client, out: &std::path::Path) -> anyhow::Result<()> {
        let epoch = match self.wait {
            Some(epoch) => epoch,
            None => farm.newest_epoch().await?,
        };
        ensure!(epoch > 0, "no epoch has a global proof yet");
        let genesis = self.genesis.as_deref().context("--out needs --genesis")?;
        let network = network::cached(read_genesis(genesis)?)?;
        output::write(out, &bundle(&network, &farm.published(epoch).await?)?)
    }
}

fn print(status: &Status) {
    let age = now_milliseconds().saturating_sub(status.updated_unix_ms) / 1000;
    let running = if status.running { "running" } else { "stopped" };
    println!("coordinator: {running}, last heard of {age} s ago");
    println!(
        "epochs: {} proven, {} closed",
        status.published_epoch, status.closed_epoch
    );
    println!("root: {} ({})", short(&status.root), hex(&status.root));
    println!(
        "shards: {}, {} snapshots wait",
        status.shards, status.waiting_snapshots
    );
    println!(
        "tasks: {} proven, {} at the queue, {} ready, {} held; {} results refused",
        status.proved_tasks,
        status.queued_tasks,
        status.ready_tasks,
        status.held_tasks,
        status.refused_results
    );
}
