//! `trifold coordinator`

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use clap::Args;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use trifold_console::metrics::Role;
use trifold_console::{Console, Light, Metrics};
use trifold_coordinator::archive::{Archive, Origin, Service};
use trifold_coordinator::coordinator::{Board, Config, OnReport};
use trifold_coordinator::queue::Queue;
use trifold_coordinator::queue::nats::NatsConfig;
use trifold_coordinator::standin::{self, StandInInspect, StandInVerify};

use crate::config::Nats;
use crate::deployment::Deployment;
use crate::doctor::Safety;
use crate::farm::{coordinator_config, start_coordinator};
use crate::limits::Limits;
use crate::network::{Network, read_genesis};
use crate::picture::Picture;
use crate::progress::Screen;
use crate::serve::{Listen, Page};
use crate::shutdown;
use crate::telling::Telling;

use super::light;
use super::orders::word;

/// Pause before light clients are answered again, after that failed.
const AGAIN: Duration = Duration::from_secs(5);
/// Pause between two views for the metrics.
const MEASURED: Duration = Duration::from_secs(1);
/// The queue is asked how full it is at every tenth of them.
const LOOKS_PER_STATS: u64 = 10;

/// It checks every snapshot before it spends proving time and every proof before it uses it. What it has done is recorded in
/// the queue: stopped or killed, it goes on where it was when it is started again. Several may run: one leads, the
/// others stand by and take over when it is gone.
#[derive(Args)]
pub struct Coordinator {
    /// The network's genesis file
    #[arg(
        long,
        env = "TRIFOLD_GENESIS",
        value_name = "FILE",
        required_unless_present = "stand_in"
    )]
    genesis: Option<PathBuf>,
    /// What the coordinator calls itself: letters, digits, - and _. Two of a farm have different names; one that is started
    /// again under its name does not wait for itself
    #[arg(long, env = "TRIFOLD_COORDINATOR", value_name = "NAME", value_parser = word)]
    name: Option<String>,
    #[command(flatten)]
    limits: Limits,
    #[command(flatten)]
    nats: Nats,
    #[command(flatten)]
    listen: Listen,
    /// Don't serve light clients, which takes memory as the published epochs do on disk
    #[arg(long, env = "TRIFOLD_NO_LIGHT")]
    no_light: bool,
    #[command(flatten)]
    page: Page,
    #[command(flatten)]
    safety: Safety,
    /// Verify nothing, for tests of the farm: stand-ins for a network of this many shards.
    #[arg(long, hide = true, value_name = "SHARDS")]
    stand_in: Option<u32>,
}

impl Coordinator {
    pub fn run(self) -> anyhow::Result<ExitCode> {
        let screen = Screen::new();
        let (mut config, origin) = match self.stand_in {
            Some(shards) => (self.stand_in(shards)?, None),
            None => self.real(&screen)?,
        };
        self.limits.apply(&mut config);
        let archive = origin.filter(|_| !self.no_light);
        let archive = archive.map(|origin| Archive::new(&origin)).transpose()?;
        tokio::runtime::Runtime::new()?.block_on(self.serve(&screen, config, archive))?;
        Ok(ExitCode::SUCCESS)
    }

    fn real(&self, screen: &Screen) -> anyhow::Result<(Config, Option<Origin>)> {
        let deployment = Deployment::ready(screen)?;
        let genesis = self.genesis.as_deref();
        let genesis = genesis.context("which network? Give --genesis FILE")?;
        let network = Arc::new(Network::new(read_genesis(genesis)?, &deployment)?);
        let policy = self.limits.policy();
        let config = coordinator_config(&self.named(), &network, &deployment, policy)?;
        Ok((config, Some(network.origin()?)))
    }

    fn stand_in(&self, shards: u32) -> anyhow::Result<Config> {
        let (inspect, verify) = (Arc::new(StandInInspect), Arc::new(StandInVerify));
        let network = standin::network(shards)?;
        let policy = self.limits.policy();
        Ok(Config::new(self.named(), network, policy, inspect, verify))
    }

    fn named(&self) -> String {
        let name = self.name.clone();
        name.unwrap_or_else(|| format!("coordinator-{}", std::process::id()))
    }

    async fn serve(
        &self,
        screen: &Screen,
        mut config: Config,
        archive: Option<Archive>,
    ) -> anyhow::Result<()> {
        let (stop, stopped) = watch::channel(false);
        let metrics = Metrics::new(Role::Coordinator, env!("CARGO_PKG_VERSION"));
        config.on_report = both(Telling::new(screen).on_report(), metrics.clone());
        let page = self.page.read()?;
        let light = archive.clone().map(|archive| Light::Archive(archive, page));
        let console = console(&config, metrics.clone(), light);
        let listening = self.listen.start(console, stopped.clone()).await?;
        let queue = self.nats.administer().await?;
        let network = &config.core.network;
        let checked = self.safety.before_coordinator(queue.as_ref(), network);
        checked.await?;
        let measuring = tokio::spawn(measure(config.board.clone(), queue.clone(), metrics));
        let serving = archive.map(|archive| self.light(archive, queue.clone(), &config.board));
        let serving = serving.transpose()?;
        let coordinator = start_coordinator(queue, config, stopped);
        screen.line("coordinator is ready");
        shutdown::on_signal(stop.clone());
        let ended = coordinator.await?;
        measuring.abort();
        if let Some(serving) = serving {
            serving.abort();
        }
        stop.send_replace(true);
        if let Some(listening) = listening {
            listening.await?;
        }
        Ok(ended?)
    }
}

impl Coordinator {
    /// Keeps up with what is published, and answers light clients on NATS; the leader tells them of new proofs.
    fn light(
        &self,
        archive: Archive,
        queue: Arc<dyn Queue>,
        board: &Board,
    ) -> anyhow::Result<JoinHandle<()>> {
        let (config, board) = (self.nats.config()?, board.clone());
        Ok(tokio::spawn(async move {
            let answering = answer(config, archive.clone(), board);
            tokio::join!(light::keep_up(archive, queue), answering);
        }))
    }
}

/// Answers for as long as the process runs; what fails is begun again.
async fn answer(config: NatsConfig, archive: Archive, board: Board) {
    loop {
        let served = async {
            let service = Service::connect(&config, archive.clone()).await?;
            service.serve(|| board.leads()).await
        };
        if let Err(error) = served.await {
            tracing::warn!(%error, "light clients are not answered on NATS");
        }
        tokio::time::sleep(AGAIN).await;
    }
}

fn console(config: &Config, metrics: Metrics, light: Option<Light>) -> Console {
    let reached = match &light {
        Some(Light::Archive(archive, _)) => Some(archive.reached()),
        _ => None,
    };
    let picture = Arc::new(Picture::new(config.board.clone(), &config.core.network));
    let source = picture.clone();
    Console {
        ready: Arc::new(move || picture.ready()),
        metrics: Arc::new(move || {
            if let Some(reached) = &reached {
                metrics.reached(&reached.borrow());
            }
            metrics.encode()
        }),
        source: Some(source),
        light,
    }
}

/// People are told of what happens, and it is counted.
fn both(tell: OnReport, metrics: Metrics) -> OnReport {
    Arc::new(move |report| {
        metrics.report(&report);
        tell(report);
    })
}

/// Counts what the views show, and how full the queue is, while this coordinator leads; of another's farm its own process
/// tells.
async fn measure(board: Board, queue: Arc<dyn Queue>, metrics: Metrics) {
    for look in 0u64.. {
        if let Some(view) = board.view().filter(|_| board.leads()) {
            metrics.view(&view);
            if look.is_multiple_of(LOOKS_PER_STATS)
                && let Ok(stats) = queue.stats().await
            {
                metrics.queue(&stats);
            }
        }
        tokio::time::sleep(MEASURED).await;
    }
}
