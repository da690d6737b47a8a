//! The processes of the farm: this test program, started once more with another task.

use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::sync::watch;
use trifold_coordinator::coordinator::{self, Config, LeadTimes};
use trifold_coordinator::plan::Policy;
use trifold_coordinator::queue::Queue;
use trifold_coordinator::queue::nats::{NatsConfig, NatsQueue, Role};
use trifold_coordinator::standin::faulty::{Faulty, Temper};
use trifold_coordinator::standin::{StandInInspect, StandInVerify, network};
use trifold_coordinator::worker::{self, Patience, WorkerConfig};

use super::eyes::{Honest, Hostile};
use super::watched::Watched;

pub const LEASE: Duration = Duration::from_secs(3);
/// Exit code of a process whose parent is gone.
const ORPHAN: i32 = 3;
const SETUP: &str = "TRIFOLD_CHAOS_PROCESS";

/// What a process is.
#[derive(Clone, Serialize, Deserialize)]
pub struct Setup {
    pub kind: Kind,
    pub name: String,
    pub url: String,
    pub replicas: usize,
    pub shards: u32,
    pub seed: u64,
    /// Where everybody leaves files.
    pub folder: PathBuf,
}

#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Kind {
    Coordinator,
    Worker,
}

impl Setup {
    pub fn violations(&self) -> PathBuf {
        self.folder.join("violations")
    }

    pub fn proofs(&self) -> PathBuf {
        self.folder.join("proofs")
    }

    pub fn log(&self) -> PathBuf {
        self.folder.join(format!("{}.log", self.name))
    }

    /// Starts the process; `test` is the test that calls [`run_if_asked`].
    pub fn spawn(&self, test: &str) -> Child {
        let mut options = std::fs::File::options();
        let log = options.create(true).append(true).open(self.log());
        let log = log.expect("a log");
        Command::new(std::env::current_exe().expect("this program"))
            .args(["--exact", test, "--ignored", "--nocapture"])
            .env(SETUP, serde_json::to_string(self).expect("JSON"))
            .stdin(Stdio::null())
            .stdout(log.try_clone().expect("a log"))
            .stderr(log)
            .spawn()
            .expect("starts")
    }

    fn nats(&self) -> NatsConfig {
        NatsConfig {
            role: match self.kind {
                Kind::Coordinator => Role::Coordinator,
                Kind::Worker => Role::Member,
            },
            name: self.name.clone(),
            replicas: self.replicas,
            lease: LEASE,
            timeout: Duration::from_secs(2),
            ..NatsConfig::new(&self.url)
        }
    }

    async fn queue(&self) -> Arc<dyn Queue> {
        loop {
            match NatsQueue::connect(&self.nats()).await {
                Ok(queue) => return Arc::new(queue),
                Err(error) => println!("{}: {error}", self.name),
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }
}

/// Is a process of the farm if it was started as one.
pub async fn run_if_asked() {
    let Ok(setup) = std::env::var(SETUP) else {
        return;
    };
    let setup: Setup = serde_json::from_str(&setup).expect("a setup");
    let parent = std::os::unix::process::parent_id();
    std::thread::spawn(move || {
        while std::os::unix::process::parent_id() == parent {
            std::thread::sleep(Duration::from_millis(200));
        }
        std::process::exit(ORPHAN);
    });
    let filter = "trifold_coordinator=info,warn";
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(false)
        .init();
    match setup.kind {
        Kind::Coordinator => coordinate(&setup).await,
        Kind::Worker => work(&setup).await,
    }
}

async fn coordinate(setup: &Setup) {
    let eye = Honest::new(&setup.name, &setup.violations());
    let queue = Watched {
        queue: setup.queue().await,
        eye,
    };
    let policy = Policy {
        deadline_ms: Some(1_500),
        repush_ms: 4_000,
        backoff_ms: 30,
        max_backoff_ms: 500,
        ..Policy::default()
    };
    let network = network(setup.shards).expect("a network");
    let (inspect, verify) = (Arc::new(StandInInspect), Arc::new(StandInVerify));
    let mut config = Config::new(&setup.name, network, policy, inspect, verify);
    // Every worker lies now and then: with the usual limit none would be left.
    config.core.max_strikes = u32::MAX;
    config.core.presence_ms = 6_000;
    config.core.patience_ms = 20_000;
    config.core.checkpoint_entries = 150;
    config.core.retention_seconds = 5;
    config.core.collect_ms = 3_000;
    config.lead = LeadTimes {
        renew: Duration::from_millis(300),
        takeover: Duration::from_millis(1_200),
    };
    let (_keep, shutdown) = watch::channel(false);
    let ended = coordinator::run(Arc::new(queue), config, shutdown).await;
    ended.expect("a coordinator goes on, whatever happens");
}

async fn work(setup: &Setup) {
    let eye = Hostile::new(setup.seed, &setup.proofs());
    let queue = Watched {
        queue: setup.queue().await,
        eye,
    };
    let temper: Temper = "median=15ms,spread=0.7,wrong=0.02,fail=0.02,hang=0.002,crash=0.01"
        .parse()
        .expect("a temper");
    let temper = Temper {
        seed: setup.seed,
        ..temper
    };
    let config = WorkerConfig {
        lease: LEASE,
        heartbeat: LEASE / 4,
        wait: Duration::from_millis(300),
        look: Duration::from_millis(50),
        presence: Duration::from_millis(500),
        patience: Patience {
            least: Duration::from_secs(3),
            ..Patience::default()
        },
        ..WorkerConfig::new(&setup.name)
    };
    let (_keep, shutdown) = watch::channel(false);
    let ended = worker::run(
        Arc::new(queue),
        Arc::new(Faulty { temper }),
        config,
        shutdown,
    )
    .await;
    println!("{}: {ended:?}", setup.name);
}
