//! What the tests share: a nats-server of their own, a farm of stand-ins.
#![allow(dead_code)]

pub mod desk;
pub mod node;

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use tokio::sync::watch;
use tokio::task::JoinHandle;
use trifold_coordinator::coordinator::{self, Board, Config, LeadTimes, Report};
use trifold_coordinator::inspect::Inspect;
use trifold_coordinator::plan::{Network, Policy};
use trifold_coordinator::queue::nats::{NatsConfig, NatsQueue};
use trifold_coordinator::queue::{Item, Lane, Queue};
use trifold_coordinator::standin::{self, Snapshot, StandInExecute, StandInInspect, StandInVerify};
use trifold_coordinator::wire::{
    Command as WireCommand, CommandKind, GlobalProof, Outcome, Submission, VERSION, Verdict,
    decode, encode,
};
use trifold_coordinator::worker::{self, Execute, WorkerConfig};
use trifold_coordinator::{CoordinatorError, Digest, WorkerError};

pub mod cluster;

pub fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.local_addr().expect("its address").port()
}

/// A nats-server with JetStream on a free port, killed on drop.
pub struct NatsServer {
    child: Child,
    port: u16,
    directory: tempfile::TempDir,
    binary: PathBuf,
    access: Vec<String>,
}

pub fn nats_binary() -> PathBuf {
    if let Some(path) = std::env::var_os("TRIFOLD_NATS_SERVER") {
        return path.into();
    }
    let cache = std::env::var_os("TRIFOLD_CACHE").map(PathBuf::from);
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../.cache");
    let binary = cache.unwrap_or(root).join("tools/nats/bin/nats-server");
    assert!(
        binary.exists(),
        "no nats-server: run `tools/fetch nats` or set TRIFOLD_NATS_SERVER"
    );
    binary
}

/// Sends a process SIGSTOP or SIGCONT, and waits until it is stopped or goes on: the signal itself is only on its way.
pub fn signal(child: &Child, name: &str) {
    let process = child.id().to_string();
    let sent = Command::new("kill").args(["-s", name, &process]).status();
    assert!(sent.expect("kill").success());
    let stopped = || {
        let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).expect("a process");
        let (_, state) = stat.rsplit_once(") ").expect("its state");
        state.starts_with('T')
    };
    while stopped() != (name == "STOP") {
        std::thread::sleep(Duration::from_millis(1));
    }
}

impl NatsServer {
    /// One user with a password.
    pub fn start() -> Self {
        Self::start_with(["--user", "farm", "--pass", "s3cret"].map(Into::into))
    }

    /// A server with these arguments about who may connect.
    pub fn start_with(access: impl Into<Vec<String>>) -> Self {
        let access = access.into();
        let port = free_port();
        let directory = tempfile::tempdir().expect("a directory");
        let binary = nats_binary();
        let child = spawn(&binary, port, directory.path(), &access);
        let server = Self {
            child,
            port,
            directory,
            binary,
            access,
        };
        server.wait();
        server
    }

    fn wait(&self) {
        let started = Instant::now();
        while std::net::TcpStream::connect(("127.0.0.1", self.port)).is_err() {
            assert!(
                started.elapsed() < Duration::from_secs(20),
                "nats-server does not listen"
            );
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// SIGKILL and a new process on the same files.
    pub fn crash(&mut self) {
        self.child.kill().expect("kill");
        self.child.wait().expect("wait");
        self.child = spawn(&self.binary, self.port, self.directory.path(), &self.access);
        self.wait();
    }

    /// SIGSTOP or SIGCONT: connections stay open, and nobody answers meanwhile.
    pub fn signal(&self, name: &str) {
        signal(&self.child, name);
    }

    pub fn url(&self) -> String {
        format!("nats://farm:s3cret@127.0.0.1:{}", self.port)
    }

    pub fn bare_url(&self) -> String {
        format!("nats://127.0.0.1:{}", self.port)
    }

    /// A connection past our queue.
    pub async fn client(&self) -> async_nats::Client {
        let options = async_nats::ConnectOptions::new();
        let options = options.user_and_password("farm".into(), "s3cret".into());
        options.connect(self.bare_url()).await.expect("connects")
    }

    pub async fn queue(&self, lease: Duration) -> Arc<dyn Queue> {
        let config = NatsConfig {
            lease,
            ..NatsConfig::new(self.url())
        };
        Arc::new(NatsQueue::connect(&config).await.expect("a connection"))
    }
}

fn spawn(binary: &Path, port: u16, directory: &Path, access: &[String]) -> Child {
    let mut command = Command::new(binary);
    command
        .args(["--jetstream", "--addr", "127.0.0.1"])
        .args(access);
    command
        .arg("--port")
        .arg(port.to_string())
        .arg("--store_dir")
        .arg(directory);
    command.stdout(Stdio::null()).stderr(Stdio::null());
    command.spawn().expect("nats-server starts")
}

impl Drop for NatsServer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Fast times for tests.
pub fn policy() -> Policy {
    Policy {
        deadline_ms: None,
        repush_ms: 300,
        backoff_ms: 20,
        max_backoff_ms: 200,
        ..Policy::default()
    }
}

/// Proves in its own time.
pub fn slow_prover(pause: Duration) -> StandInExecute {
    StandInExecute {
        pause,
        ..StandInExecute::default()
    }
}

/// Fast times for tests.
pub fn worker_config(name: &str) -> WorkerConfig {
    WorkerConfig {
        heartbeat: Duration::from_millis(100),
        wait: Duration::from_millis(100),
        look: Duration::from_millis(30),
        ..WorkerConfig::new(name)
    }
}

/// A coordinator with fast times for tests.
pub fn coordinator_config(name: &str, network: &Network, policy: Policy) -> Config {
    let (inspect, verify) = (Arc::new(StandInInspect), Arc::new(StandInVerify));
    let mut config = Config::new(name, network.clone(), policy, inspect, verify);
    config.core.patience_ms = 300;
    config.core.census_ms = 0;
    config.lead = LeadTimes {
        renew: Duration::from_millis(50),
        takeover: Duration::from_millis(400),
    };
    config
}

/// A running coordinator.
pub struct Farm {
    pub queue: Arc<dyn Queue>,
    pub network: Network,
    pub reports: Arc<Mutex<Vec<Report>>>,
    pub board: Board,
    shutdown: watch::Sender<bool>,
    coordinator: Option<JoinHandle<Result<(), CoordinatorError>>>,
    workers: Vec<JoinHandle<Result<(), WorkerError>>>,
}

impl Farm {
    pub fn start(queue: Arc<dyn Queue>, network: Network, policy: Policy) -> Self {
        Self::configured(queue, coordinator_config("coordinator", &network, policy))
    }

    pub fn start_with(
        queue: Arc<dyn Queue>,
        network: Network,
        policy: Policy,
        inspect: Arc<dyn Inspect>,
    ) -> Self {
        let config = coordinator_config("coordinator", &network, policy);
        Self::configured(queue, Config { inspect, ..config })
    }

    /// A farm whose coordinator is configured by the test; only its reports go here.
    pub fn configured(queue: Arc<dyn Queue>, mut config: Config) -> Self {
        let reports = Arc::new(Mutex::new(Vec::new()));
        let sink = reports.clone();
        config.on_report = Arc::new(move |report| sink.lock().expect("reports").push(report));
        let (network, board) = (config.core.network.clone(), config.board.clone());
        let (shutdown, receiver) = watch::channel(false);
        let coordinator = tokio::spawn(coordinator::run(queue.clone(), config, receiver));
        Self {
            queue,
            network,
            reports,
            board,
            shutdown,
            coordinator: Some(coordinator),
            workers: Vec::new(),
        }
    }

    pub fn worker(&mut self, name: &str, executor: impl Execute) {
        self.worker_with(worker_config(name), executor);
    }

    pub fn worker_with(&mut self, config: WorkerConfig, executor: impl Execute) {
        let (queue, shutdown) = (self.queue.clone(), self.shutdown.subscribe());
        let work = worker::run(queue, Arc::new(executor), config, shutdown);
        self.workers.push(tokio::spawn(work));
    }

    pub fn honest(&mut self, name: &str) {
        self.worker(name, StandInExecute::default());
    }

    /// Stops everything and returns what the coordinator said.
    pub async fn stop(mut self) -> Result<(), CoordinatorError> {
        let _ = self.shutdown.send(true);
        for worker in self.workers.drain(..) {
            worker.await.expect("worker").expect("its device lives");
        }
        let coordinator = self.coordinator.take().expect("runs");
        coordinator.await.expect("coordinator")
    }

    /// What the coordinator ends with by itself.
    pub async fn ended(mut self) -> Result<(), CoordinatorError> {
        let coordinator = self.coordinator.take().expect("runs");
        coordinator.await.expect("coordinator")
    }

    /// Ends the coordinator and the workers as a crash would: nothing is finished, nothing said goodbye.
    pub async fn crash(mut self) {
        for worker in self.workers.drain(..) {
            worker.abort();
            let _ = worker.await;
        }
        let coordinator = self.coordinator.take().expect("runs");
        coordinator.abort();
        let _ = coordinator.await;
    }

    pub fn reports(&self) -> Vec<Report> {
        self.reports.lock().expect("reports").clone()
    }
}

pub async fn submit(queue: &dyn Queue, snapshot: &Snapshot) -> Digest {
    submit_bytes(queue, snapshot.shard, snapshot.encode()).await
}

pub async fn submit_bytes(queue: &dyn Queue, shard: u32, bytes: bytes::Bytes) -> Digest {
    let snapshot = queue.artifacts().put(bytes).await.expect("stored");
    announce(queue, shard, snapshot).await;
    snapshot
}

pub async fn announce(queue: &dyn Queue, shard: u32, snapshot: Digest) {
    announce_as(queue, &standin::announcement(shard, snapshot)).await;
}

pub async fn announce_as(queue: &dyn Queue, submission: &Submission) {
    static SERIAL: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);
    let attempt = SERIAL.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    let item = Item {
        key: submission.key(),
        attempt,
        body: encode(submission),
    };
    queue
        .push(&Lane::Snapshots, &item)
        .await
        .expect("announced");
}

pub async fn close_epoch(queue: &dyn Queue) {
    static SERIAL: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);
    let attempt = SERIAL.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    let body = encode(&WireCommand {
        version: VERSION,
        id: "close".into(),
        command: CommandKind::CloseEpoch,
    });
    let item = Item {
        key: format!("close-{attempt}"),
        attempt,
        body,
    };
    queue.push(&Lane::Control, &item).await.expect("commanded");
}

const PATIENCE: Duration = Duration::from_secs(60);

/// Waits for the verdict on a snapshot to satisfy `wanted`.
pub async fn verdict(
    queue: &dyn Queue,
    snapshot: &Digest,
    wanted: impl Fn(&Outcome) -> bool,
) -> Outcome {
    let started = Instant::now();
    let mut last = None;
    while started.elapsed() < PATIENCE {
        // Whose it is, a test does not say.
        let verdicts = queue.notices("verdicts").await.expect("notices");
        let of_it = |(key, _): &&(String, bytes::Bytes)| key.ends_with(&snapshot.to_string());
        if let Some((_, body)) = verdicts.iter().find(of_it) {
            let verdict: Verdict = decode(body).expect("a verdict");
            if wanted(&verdict.outcome) {
                return verdict.outcome;
            }
            last = Some(verdict);
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    panic!("no such verdict on {snapshot}: {last:?}");
}

pub async fn accepted(queue: &dyn Queue, snapshot: &Digest) {
    verdict(queue, snapshot, |outcome| {
        !matches!(outcome, Outcome::Rejected { .. })
    })
    .await;
}

/// The code and message of the rejection.
pub async fn rejected(queue: &dyn Queue, snapshot: &Digest) -> (String, String) {
    let rejected = |outcome: &Outcome| matches!(outcome, Outcome::Rejected { .. });
    match verdict(queue, snapshot, rejected).await {
        Outcome::Rejected { code, message } => (code, message),
        other => panic!("{other:?}"),
    }
}

/// Waits for the global proof of an epoch.
pub async fn published(queue: &dyn Queue, epoch: u64) -> GlobalProof {
    let started = Instant::now();
    while started.elapsed() < PATIENCE {
        if let Some(proof) = coordinator::published(queue, epoch)
            .await
            .expect("readable")
        {
            return proof;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    panic!("epoch {epoch} is not published");
}

/// Checks the chain of published proofs: each verifies, and each starts where the one before ended.
pub async fn check_chain(queue: &dyn Queue, network: &Network, epochs: u64) {
    use trifold_coordinator::verify::Verify;
    use trifold_verifier::statement::{GlobalState, Keys, NestStatement};
    let mut previous = network.genesis;
    for epoch in 1..=epochs {
        let proof = published(queue, epoch).await;
        let state = GlobalState::from(proof.state);
        let keys = Keys::from(proof.keys);
        let genesis = network.genesis.digest();
        let statement = NestStatement {
            keys: keys.digest(),
            genesis,
            global: state.digest(),
        };
        assert_eq!(
            (keys, proof.genesis, state.epoch),
            (network.keys, genesis, epoch)
        );
        assert_eq!(proof.old_root, previous.root);
        StandInVerify
            .verify(keys.nest, statement.digest(), &proof.proof)
            .expect("the global proof verifies");
        previous = state;
    }
}

/// The shards as their owners see them.
pub struct Shards(pub Vec<trifold_verifier::statement::Leaf>);

impl Shards {
    pub fn new(network: &Network) -> Self {
        Self(network.leaves.values().copied().collect())
    }

    /// The next snapshot of a shard.
    pub fn next(&mut self, shard: u32) -> Snapshot {
        let snapshot = Snapshot::after(shard, Some(self.0[shard as usize]));
        self.0[shard as usize] = snapshot.leaf();
        snapshot
    }
}

pub fn network(shards: u32) -> Network {
    standin::network(shards).expect("a network")
}
