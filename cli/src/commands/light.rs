//! `trifold light`

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, ensure};
use clap::{Args, Subcommand};
use tokio::sync::watch;
use trifold_console::metrics::Role;
use trifold_console::{Console, Light, LightPage, Metrics};
use trifold_coordinator::archive::{Archive, Follow};
use trifold_coordinator::queue::Queue;

use crate::config::Nats;
use crate::light::{Checkpoint, Follower, Pace, Source, Teller, Trust, run};
use crate::network::{self, read_genesis};
use crate::serve::{Listen, Page};
use crate::shutdown;
use crate::text::short;
use crate::time;

/// Exit code when two valid states of one epoch were seen.
const EQUIVOCATION: u8 = 4;
/// Most sources.
const MAX_SOURCES: usize = 64;

/// A light client checks one proof for all that ever happened, and trusts nobody who sends it.
#[derive(Args)]
pub struct LightCommand {
    #[command(subcommand)]
    action: Action,
}

#[derive(Subcommand)]
enum Action {
    /// Follow several sources: verify everything, keep the newest state, tell who lags and who lies
    Follow(FollowCommand),
    /// Serve global proofs and paths over HTTP, from what the farm published
    Serve(Serve),
}

impl LightCommand {
    pub fn run(self) -> anyhow::Result<ExitCode> {
        match self.action {
            Action::Follow(follow) => follow.run(),
            Action::Serve(serve) => serve.run(),
        }
    }
}

/// Asks each source for its newest global proof and verifies it. A newer state is accepted if it descends from the one held,
/// which the source has to show. What is refused, who is behind, and two valid states of one epoch (equivocation) are told; no
/// source can stop it by lying, hanging or sending without end. Exit code: 0; 1 if no source told anything valid; 4 if there
/// was equivocation.
#[derive(Args)]
struct FollowCommand {
    /// Where to ask: http://, https://, nats:// or tls://; as often as there are sources
    #[arg(long = "url", required = true, value_name = "URL")]
    urls: Vec<String>,
    /// A file of the network that you trust (a bundle): its keys and genesis
    #[arg(long, value_name = "FILE")]
    network: Option<PathBuf>,
    /// The network's genesis file, with the keys of this machine's cache; --network counts more
    #[arg(long, env = "TRIFOLD_GENESIS", value_name = "FILE")]
    genesis: Option<PathBuf>,
    /// Where the newest accepted state is kept, and gone on from
    #[arg(long, env = "TRIFOLD_CHECKPOINT", value_name = "FILE")]
    checkpoint: Option<PathBuf>,
    /// Time between two questions to a source
    #[arg(long, env = "TRIFOLD_INTERVAL", default_value = "1s", value_parser = time::duration, value_name = "TIME")]
    interval: Duration,
    /// Accept a newer valid state whose source can't show that it descends from the one held
    #[arg(long)]
    allow_gaps: bool,
    /// Ask every source once, say how they stand, and end
    #[arg(long)]
    once: bool,
    /// Print JSON, one object a line
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    nats: Nats,
}

impl FollowCommand {
    fn run(self) -> anyhow::Result<ExitCode> {
        ensure!(
            self.urls.len() <= MAX_SOURCES,
            "more than {MAX_SOURCES} sources"
        );
        tokio::runtime::Runtime::new()?.block_on(self.follow())
    }

    async fn follow(&self) -> anyhow::Result<ExitCode> {
        let sources = self.urls.iter().map(|url| Source::new(url, &self.nats));
        let sources: Vec<Source> = sources.collect::<anyhow::Result<_>>()?;
        let (trust, checkpoint) = self.trust()?;
        let names = sources.iter().map(|source| source.name.clone()).collect();
        let mut follower = Follower::new(trust, names, self.allow_gaps)?;
        let (stop, stopped) = watch::channel(false);
        shutdown::on_signal(stop.clone());
        let (teller, pace) = (Teller { json: self.json }, self.pace());
        let following = run(&mut follower, sources, checkpoint, teller, pace, stopped);
        let standings = following.await;
        teller.end(follower.held(), &standings);
        Ok(match () {
            () if follower.equivocated() => ExitCode::from(EQUIVOCATION),
            () if follower.has_good_source() => ExitCode::SUCCESS,
            () => ExitCode::FAILURE,
        })
    }

    fn pace(&self) -> Pace {
        Pace {
            interval: self.interval,
            once: self.once,
        }
    }

    fn trust(&self) -> anyhow::Result<(Trust, Option<Arc<Checkpoint>>)> {
        let named = match (&self.network, &self.genesis) {
            (Some(file), _) => Some(Trust::Network(Box::new(network::trusted(file)?))),
            (None, Some(file)) => {
                let network = network::cached(read_genesis(file)?)?;
                Some(Trust::Genesis(Box::new(network.client()), network.state))
            }
            (None, None) => None,
        };
        let checkpoint = self.checkpoint.as_deref().map(Checkpoint::take);
        let checkpoint = checkpoint.transpose()?;
        let stored = checkpoint.as_ref().map(Checkpoint::load).transpose()?;
        let trust = Trust::with_checkpoint(named, stored.flatten());
        let trust = trust.with_context(|| format!("{:?}", self.checkpoint))?;
        let trust = trust
            .context("which network? Give --network FILE, --genesis FILE or an old --checkpoint")?;
        network::check_key(trust.network())?;
        Ok((trust, checkpoint.map(Arc::new)))
    }
}

/// Reads what the farm published, checks all of it, and answers `/light/v1/...` as a coordinator does. A reader's rights do.
#[derive(Args)]
struct Serve {
    /// The network's genesis file
    #[arg(long, env = "TRIFOLD_GENESIS", value_name = "FILE")]
    genesis: PathBuf,
    #[command(flatten)]
    nats: Nats,
    #[command(flatten)]
    listen: Listen,
    #[command(flatten)]
    page: Page,
}

impl Serve {
    fn run(self) -> anyhow::Result<ExitCode> {
        tokio::runtime::Runtime::new()?.block_on(self.serve())?;
        Ok(ExitCode::SUCCESS)
    }

    async fn serve(&self) -> anyhow::Result<()> {
        ensure!(
            self.listen.address.is_some(),
            "where to listen? Give --listen ADDR"
        );
        let network = network::cached(read_genesis(&self.genesis)?)?;
        let archive = Archive::new(&network.origin()?)?;
        let queue = self.nats.connect().await?;
        let (stop, stopped) = watch::channel(false);
        shutdown::on_signal(stop.clone());
        let console = console(&archive, self.page.read()?);
        let listening = self.listen.start(console, stopped.clone()).await?;
        let following = tokio::spawn(keep_up(archive, queue));
        eprintln!("serving network {}", short(&network.state.digest()));
        if let Some(listening) = listening {
            listening.await?;
        }
        following.abort();
        Ok(())
    }
}

/// Takes in what is published, for ever.
pub async fn keep_up(archive: Archive, queue: Arc<dyn Queue>) {
    let (archive, queue) = (&archive, queue.as_ref());
    Follow { archive, queue }.run().await;
}

fn console(archive: &Archive, page: Option<LightPage>) -> Console {
    let reached = archive.reached();
    let ready = move || {
        let reached = reached.borrow();
        match (&reached.fault, reached.current) {
            (Some(fault), _) => Err(fault.clone()),
            (None, false) => Err(format!(
                "it reads what was published: epoch {}",
                reached.epoch
            )),
            (None, true) => Ok(()),
        }
    };
    let (metrics, counted) = (
        Metrics::new(Role::Light, env!("CARGO_PKG_VERSION")),
        archive.reached(),
    );
    Console {
        ready: Arc::new(ready),
        metrics: Arc::new(move || {
            metrics.reached(&counted.borrow());
            metrics.encode()
        }),
        source: None,
        light: Some(Light::Archive(archive.clone(), page)),
    }
}
