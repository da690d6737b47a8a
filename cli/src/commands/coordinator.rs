//! `trifold coordinator`

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use tokio::sync::watch;
use trifold_coordinator::plan::Policy;
use trifold_coordinator::queue::Queue;

use crate::config::Nats;
use crate::deployment::Deployment;
use crate::farm::{coordinator_config, start_coordinator};
use crate::network::{Network, read_genesis};
use crate::progress::Screen;
use crate::shutdown;
use crate::telling::Telling;

/// It checks every snapshot before it spends proving time and every proof before it uses it. What it has done is recorded
/// in the queue: stopped or killed, it goes on where it was when it is started again. Several may run: one leads, the others stand by.
#[derive(Args)]
pub struct Coordinator {
    /// The network's genesis file
    #[arg(long, env = "TRIFOLD_GENESIS", value_name = "FILE")]
    genesis: PathBuf,
    /// Seconds after an epoch's first snapshot when it closes, whoever is missing; it closes at once when nobody is
    #[arg(long, default_value_t = 10.0, value_name = "SECONDS")]
    deadline: f64,
    /// One word; two coordinators of a farm have different names. One that is started again under its name does not
    /// wait for itself
    #[arg(long, env = "TRIFOLD_NAME", value_name = "NAME")]
    name: Option<String>,
    #[command(flatten)]
    nats: Nats,
}

impl Coordinator {
    pub fn run(self) -> anyhow::Result<ExitCode> {
        let screen = Screen::new();
        let deployment = Deployment::ready(&screen)?;
        let network = Arc::new(Network::new(read_genesis(&self.genesis)?, &deployment)?);
        tokio::runtime::Runtime::new()?.block_on(self.serve(&screen, &network, &deployment))?;
        Ok(ExitCode::SUCCESS)
    }

    async fn serve(
        &self,
        screen: &Screen,
        network: &Arc<Network>,
        deployment: &Deployment,
    ) -> anyhow::Result<()> {
        let queue: Arc<dyn Queue> = self.nats.connect().await?;
        let (stop, stopped) = watch::channel(false);
        let on_report = Telling::new(screen).on_report();
        let mut config = coordinator_config(&self.name(), network, deployment, self.policy())?;
        config.on_report = on_report;
        let coordinator = start_coordinator(queue, config, stopped);
        screen.line("coordinator is ready");
        shutdown::on_signal(stop);
        Ok(coordinator.await??)
    }

    fn name(&self) -> String {
        let name = self.name.clone();
        name.unwrap_or_else(|| format!("coordinator-{}", std::process::id()))
    }

    fn policy(&self) -> Policy {
        let deadline = Duration::try_from_secs_f64(self.deadline).unwrap_or(Duration::MAX);
        let deadline_ms = u64::try_from(deadline.as_millis()).unwrap_or(u64::MAX);
        Policy {
            deadline_ms: Some(deadline_ms),
            ..Policy::default()
        }
    }
}
