//! `trifold worker`

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use clap::Args;
use tokio::sync::watch;

use crate::config::Nats;
use crate::deployment::Deployment;
use crate::farm::{Executor, start_worker};
use crate::network::{Network, read_genesis};
use crate::progress::Screen;
use crate::shutdown;
use crate::telling::Telling;

/// One proof at a time, on all cores. Killed in the middle of a proof, it loses nothing but time: the task is handed out
/// again when its lease runs out.
#[derive(Args)]
pub struct Worker {
    /// The network's genesis file
    #[arg(long, env = "TRIFOLD_GENESIS", value_name = "FILE")]
    genesis: PathBuf,
    /// What the worker calls itself: letters, digits, - and _
    #[arg(long, env = "TRIFOLD_WORKER", value_parser = word)]
    name: Option<String>,
    #[command(flatten)]
    nats: Nats,
}

impl Worker {
    pub fn run(self) -> anyhow::Result<ExitCode> {
        let screen = Screen::new();
        let deployment = Arc::new(Deployment::ready(&screen)?);
        let network = Arc::new(Network::new(read_genesis(&self.genesis)?, &deployment)?);
        let executor = Executor::new(network, deployment, Telling::new(&screen).on_start())?;
        tokio::runtime::Runtime::new()?.block_on(self.serve(&screen, executor))?;
        Ok(ExitCode::SUCCESS)
    }

    async fn serve(&self, screen: &Screen, executor: Executor) -> anyhow::Result<()> {
        let queue = self.nats.connect().await?;
        let (stop, stopped) = watch::channel(false);
        let name = self
            .name
            .clone()
            .unwrap_or_else(|| format!("worker-{}", std::process::id()));
        let worker = start_worker(queue, executor, &name, stopped);
        screen.line(format!("{name}: worker is ready"));
        shutdown::on_signal(stop);
        Ok(worker.await?)
    }
}

fn word(text: &str) -> Result<String, String> {
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    match !text.is_empty() && text.len() <= 64 && text.chars().all(plain) {
        true => Ok(text.into()),
        false => Err("1 to 64 letters, digits, - and _".into()),
    }
}
