//! `trifold worker`

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use clap::Args;
use tokio::process::Command;
use tokio::sync::watch;
use trifold_coordinator::WorkerConfig;
use trifold_prover::backend::Selected;

use crate::cards::{self, Card};
use crate::config::Nats;
use crate::deployment::Deployment;
use crate::farm::{Executor, start_worker};
use crate::network::{Network, read_genesis};
use crate::progress::Screen;
use crate::proving::{Proving, worker_config};
use crate::shutdown::{self, Stop};
use crate::supervisor::{self, Pauses, Post, Tell};
use crate::telling::Telling;

/// It takes tasks of one circuit together, as many as suit the backend, and makes the witnesses of the next ones on the
/// processor's cores meanwhile. Killed in the middle of a proof, it loses nothing but time: the tasks are handed out
/// again when their leases run out. On a machine with several cards it starts one process for each, and starts it
/// again when it dies.
#[derive(Args)]
pub struct Worker {
    /// The network's genesis file
    #[arg(long, env = "TRIFOLD_GENESIS", value_name = "FILE")]
    genesis: PathBuf,
    /// What the worker calls itself: letters, digits, - and _
    #[arg(long, env = "TRIFOLD_WORKER", value_parser = word)]
    name: Option<String>,
    /// Threads that make witnesses; without it one for each core, shared evenly by the cards
    #[arg(long, env = "TRIFOLD_WITNESS_THREADS", value_name = "N")]
    witness_threads: Option<NonZeroUsize>,
    #[command(flatten)]
    proving: Proving,
    #[command(flatten)]
    nats: Nats,
    /// The card of this process, which a supervisor started: it ends with its standard input.
    #[arg(long, hide = true, value_name = "NAME")]
    card: Option<String>,
    /// Cards that don't exist, for tests of the supervision.
    #[arg(long, hide = true, value_delimiter = ',', value_name = "NAMES")]
    pretend_cards: Vec<String>,
}

impl Worker {
    pub fn run(self) -> anyhow::Result<ExitCode> {
        if self.card.is_some() {
            return self.prove();
        }
        let cards = self.cards()?;
        match cards.is_empty() {
            true => self.prove(),
            false => self.supervise(&cards),
        }
    }

    /// The card of a supervised worker.
    pub fn card(&self) -> Option<&str> {
        self.card.as_deref()
    }

    fn cards(&self) -> anyhow::Result<Vec<Card>> {
        let pretended = (0..).zip(&self.pretend_cards);
        let pretended = pretended.map(|(number, name)| Card {
            number,
            uuid: name.clone(),
        });
        match self.pretend_cards.is_empty() {
            true => cards::wanted(&self.proving),
            false => Ok(pretended.collect()),
        }
    }

    fn prove(&self) -> anyhow::Result<ExitCode> {
        let screen = self.card().map_or_else(Screen::new, Screen::of_card);
        let (deployment, network) = self.ready(&screen)?;
        // A supervised process sees its own card only, under another number.
        let card = self.proving.first_card().filter(|_| self.card.is_none());
        let selected = self.proving.select(card)?;
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

    fn ready(&self, screen: &Screen) -> anyhow::Result<(Arc<Deployment>, Arc<Network>)> {
        let deployment = Arc::new(Deployment::ready(screen)?);
        let network = Network::new(read_genesis(&self.genesis)?, &deployment)?;
        Ok((deployment, Arc::new(network)))
    }

    fn config(&self, selected: &Selected) -> WorkerConfig {
        let name = self.name.clone();
        let name = name.unwrap_or_else(|| format!("worker-{}", std::process::id()));
        let name = self
            .card()
            .map_or(name.clone(), |card| format!("{name}-{card}"));
        let usual = worker_config(&name, selected);
        let preparers = self.witness_threads;
        let preparers = preparers.map_or(usual.preparers, NonZeroUsize::get);
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
        if self.card.is_some() {
            shutdown::on_end_of_input(stop.clone());
        }
        shutdown::on_signal(stop);
        Ok(worker.await??)
    }

    /// One process per card. What any of them needs from the cache is made first, once.
    fn supervise(&self, cards: &[Card]) -> anyhow::Result<ExitCode> {
        let screen = Screen::new();
        self.ready(&screen)?;
        let program = std::env::current_exe()?;
        let posts = cards
            .iter()
            .map(|card| self.post(&program, card, cards.len()));
        let posts = posts.collect();
        tokio::runtime::Runtime::new()?.block_on(async {
            let stop = shutdown::signals();
            let tell: Tell = Arc::new(move |line| screen.line(line));
            supervisor::run(posts, Pauses::default(), tell, stop.clone()).await;
            let killed = *stop.borrow() == Stop::Now;
            Ok(if killed {
                ExitCode::from(130)
            } else {
                ExitCode::SUCCESS
            })
        })
    }

    fn post(&self, program: &Path, card: &Card, cards: usize) -> Post {
        let cores = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
        let threads = self
            .witness_threads
            .map_or((cores / cards).max(1), NonZeroUsize::get);
        let (program, card) = (program.to_owned(), card.clone());
        let name = card.short().to_owned();
        let command = move || {
            let mut command = Command::new(&program);
            command
                .args(std::env::args_os().skip(1))
                .args(["--card", card.short()])
                .env("TRIFOLD_WITNESS_THREADS", threads.to_string())
                .env("CUDA_VISIBLE_DEVICES", &card.uuid);
            command
        };
        Post {
            card: name,
            command: Box::new(command),
        }
    }
}

fn word(text: &str) -> Result<String, String> {
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    match !text.is_empty() && text.len() <= 64 && text.chars().all(plain) {
        true => Ok(text.into()),
        false => Err("1 to 64 letters, digits, - and _".into()),
    }
}
