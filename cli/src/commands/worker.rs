//! `trifold worker`

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use clap::Args;
use tokio::sync::watch;
use trifold_coordinator::WorkerConfig;
use trifold_prover::backend::Selected;

use crate::config::Nats;
use crate::deployment::Deployment;
use crate::farm::{Executor, start_worker};
use crate::network::{Network, read_genesis};
use crate::progress::Screen;
use crate::proving::{Proving, worker_config};
use crate::shutdown;
use crate::telling::Telling;

/// It takes tasks of one circuit together, as many as suit the backend, and makes the witnesses of the next ones on the
/// processor's cores meanwhile. Killed in the middle of a proof, it loses nothing but time: the tasks are handed out
/// again when their leases run out.
#[derive(Args)]
pub struct Worker {
    /// The network's genesis file
    #[arg(long, env = "TRIFOLD_GENESIS", value_name = "FILE")]
    genesis: PathBuf,
    /// What the worker calls itself: letters, digits, - and _
    #[arg(long, env = "TRIFOLD_WORKER", value_parser = word)]
    name: Option<String>,
    /// Threads that make witnesses; without it, one for each core
    #[arg(long, env = "TRIFOLD_WITNESS_THREADS", value_name = "N")]
    witness_threads: Option<NonZeroUsize>,
    #[command(flatten)]
    proving: Proving,
    #[command(flatten)]
    nats: Nats,
}

impl Worker {
    pub fn run(self) -> anyhow::Result<ExitCode> {
        let screen = Screen::new();
        let deployment = Arc::new(Deployment::ready(&screen)?);
        let network = Arc::new(Network::new(read_genesis(&self.genesis)?, &deployment)?);
        let selected = self.proving.select(self.proving.first_card())?;
        if let Some(note) = &selected.note {
            screen.line(note);
        }
        let executor = Executor::new(
            network,
            deployment,
            &selected.backend,
            self.proving.batch.0.map(NonZeroUsize::get),
            Telling::new(&screen).on_start(),
        )?;
        let config = self.config(&selected);
        tokio::runtime::Runtime::new()?.block_on(self.serve(&screen, executor, config))?;
        Ok(ExitCode::SUCCESS)
    }

    fn config(&self, selected: &Selected) -> WorkerConfig {
        let name = self.name.clone();
        let name = name.unwrap_or_else(|| format!("worker-{}", std::process::id()));
        let usual = worker_config(&name, selected);
        let preparers = self
            .witness_threads
            .map_or(usual.preparers, NonZeroUsize::get);
        WorkerConfig { preparers, ..usual }
    }

    async fn serve(
        &self,
        screen: &Screen,
        executor: Executor,
        config: WorkerConfig,
    ) -> anyhow::Result<()> {
        let queue = self.nats.connect().await?;
        let (stop, stopped) = watch::channel(false);
        let ready = format!("{}: worker is ready", config.name);
        let worker = start_worker(queue, executor, config, stopped);
        screen.line(ready);
        shutdown::on_signal(stop);
        Ok(worker.await??)
    }
}

fn word(text: &str) -> Result<String, String> {
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    match !text.is_empty() && text.len() <= 64 && text.chars().all(plain) {
        true => Ok(text.into()),
        false => Err("1 to 64 letters, digits, - and _".into()),
    }
}
