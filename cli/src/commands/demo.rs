//! `trifold demo`: shards, a farm and a light client in one process, on real circuits.

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use clap::Args;
use tokio::sync::watch;
use trifold_circuits::genesis::{DemoSecrets, Genesis};
use trifold_circuits::schnorr::SecretKey;
use trifold_circuits::trie::SparseTrie;
use trifold_coordinator::archive::{Archive, Follow};
use trifold_coordinator::plan::Policy;
use trifold_coordinator::queue::Queue;
use trifold_coordinator::queue::local::LocalQueue;
use trifold_coordinator::wire::GlobalProof;
use trifold_shard::{DeliveryError, Shard, ShardError, Wallet};
use trifold_verifier::client::LightClient;
use trifold_verifier::codec::{GLOBAL_STATE_BYTES, NETWORK_BYTES, PROOF_BYTES};

use super::receipt;
use crate::config::Nats;
use crate::deployment::Deployment;
use crate::farm::{
    Client, Executor, bundle, coordinator_config, start_coordinator, start_worker, update,
};
use crate::network::Network;
use crate::output;
use crate::progress::Screen;
use crate::proving::{Proving, worker_config};
use crate::telling::Telling;
use crate::text::short;
use crate::time::{fresh_seed, now_milliseconds};

/// Accounts per shard at genesis, and what each holds.
const ACCOUNTS: u32 = 9;
const BALANCE: u64 = 1_000_000;
/// Time after its holder's last sign of life when the embedded queue delivers a task again.
const LEASE: Duration = Duration::from_secs(30);

/// The whole job on this machine: shards run signed transfers, every epoch is proven in Circom circuits, merged and
/// nested, and a light client checks each global proof. Each shard also pays the next one, by messages that are taken two epochs
/// later. The last shard is silent in the second epoch.
#[derive(Args)]
pub struct Demo {
    /// Shards; more than 3 need a second level of merges
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=81))]
    shards: u32,
    /// Epochs
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u64).range(1..=1000))]
    epochs: u64,
    /// Transfers of a shard in an epoch
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..=8))]
    transfers: u64,
    /// Where the last proof goes
    #[arg(long, default_value = "target/demo", value_name = "DIR")]
    out: PathBuf,
    /// Seed of the demo's accounts and transfers; by default another one each time
    #[arg(long)]
    seed: Option<u64>,
    #[command(flatten)]
    proving: Proving,
    #[command(flatten)]
    nats: Nats,
}

impl Demo {
    pub fn run(self) -> anyhow::Result<ExitCode> {
        let screen = Screen::new();
        let deployment = Arc::new(Deployment::ready(&screen)?);
        let runtime = tokio::runtime::Runtime::new()?;
        runtime.block_on(self.play(&screen, deployment))?;
        runtime.shutdown_background();
        Ok(ExitCode::SUCCESS)
    }

    async fn play(&self, screen: &Screen, deployment: Arc<Deployment>) -> anyhow::Result<()> {
        let seed = self.seed.unwrap_or_else(fresh_seed);
        let (genesis, secrets) = Genesis::demo(seed, self.shards, ACCOUNTS, BALANCE)?;
        let network = Arc::new(Network::new(genesis, &deployment)?);
        let queue = self.queue(&network).await?;
        let (stop, stopped) = watch::channel(false);
        let telling = Telling::new(screen);
        let selected = self.proving.select(self.proving.first_card())?;
        if let Some(note) = &selected.note {
            screen.line(note);
        }
        let executor = Executor::new(
            network.clone(),
            &deployment,
            &selected.backend,
            self.proving.batch.0.map(NonZeroUsize::get),
            telling.on_start(),
        )?;
        let mut config = coordinator_config("demo", &network, &deployment, policy())?;
        config.on_report = telling.on_report();
        let coordinator = start_coordinator(queue.clone(), config, stopped.clone());
        let worker = start_worker(
            queue.clone(),
            executor,
            worker_config("demo", &selected),
            stopped,
        );
        let mut stage = Stage::new(Client { queue }, network, secrets, screen)?;
        let epochs = stage.epochs(self);
        let last = tokio::select! {
            last = epochs => last?,
            ended = coordinator => match ended {
                Ok(Err(error)) => return Err(error.into()),
                _ => bail!("the coordinator stopped"),
            },
            ended = worker => match ended {
                Ok(Err(error)) => return Err(error.into()),
                _ => bail!("the worker stopped"),
            },
        };
        let _ = stop.send(true);
        self.finish(&stage, &last, &deployment)?;
        self.receipts(&stage, &last).await
    }

    /// The embedded queue, or streams of their own on a server.
    async fn queue(&self, network: &Network) -> anyhow::Result<Arc<dyn Queue>> {
        match &self.nats.url {
            None => Ok(Arc::new(LocalQueue::memory(LEASE))),
            Some(_) => {
                let name = short(&network.state.digest());
                let prefix = format!("{}_DEMO_{name}", self.nats.prefix);
                self.nats.administer_as(&prefix).await
            }
        }
    }

    /// Writes the last proof and says how others check it.
    fn finish(
        &self,
        stage: &Stage<'_>,
        last: &GlobalProof,
        deployment: &Deployment,
    ) -> anyhow::Result<()> {
        let screen = stage.screen;
        output::write(&self.out, &bundle(&stage.network, last)?)?;
        let client = &stage.client;
        let state = client.held().state();
        screen.line(format!(
            "light client: accepted epoch {}, root {}; it holds {} bytes: proof {PROOF_BYTES}, state \
             {GLOBAL_STATE_BYTES}, and {NETWORK_BYTES} of constants shipped with it",
            state.epoch,
            short(&state.root),
            PROOF_BYTES + GLOBAL_STATE_BYTES + NETWORK_BYTES,
        ));
        screen.line(format!(
            "messages between shards: {} sent by clients, {} taken, replies among them; {} of value in flight",
            stage.sent, stage.taken, state.in_flight
        ));
        screen.line(format!(
            "written to {}; check it with public snarkjs:",
            self.out.display()
        ));
        screen.line(format!(
            "  {}",
            output::snarkjs_command(&deployment.checkout, &self.out)
        ));
        Ok(())
    }
}

impl Demo {
    /// Writes what each shard shows to others: its leaf in the last state, and its first account.
    async fn receipts(&self, stage: &Stage<'_>, last: &GlobalProof) -> anyhow::Result<()> {
        let archive = Archive::new(&stage.network.origin()?)?;
        let (archive, queue) = (&archive, stage.farm.queue.as_ref());
        Follow { archive, queue }.catch_up().await?;
        let epoch = last.state.epoch;
        for shard in &stage.shards {
            let mut receipt = archive.records().receipt(epoch, shard.index(), epoch)?;
            receipt.account = Some(shard.confirmed()?.account(0)?);
            receipt.verify_under(&stage.network.client())?;
            let path = self.out.join(format!("receipt-{}.json", shard.index()));
            receipt::write(&path, &receipt)?;
        }
        stage.screen.line(format!(
            "a receipt for each of {} shards: {}/receipt-<shard>.json",
            stage.shards.len(),
            self.out.display()
        ));
        Ok(())
    }
}

/// An epoch closes when the demo says so.
fn policy() -> Policy {
    Policy {
        deadline_ms: None,
        seal_when_complete: false,
        ..Policy::default()
    }
}

/// The shards with their clients, and the light client that follows them.
struct Stage<'a> {
    farm: Client,
    network: Arc<Network>,
    secrets: DemoSecrets,
    shards: Vec<Shard>,
    leaves: SparseTrie,
    client: LightClient,
    screen: &'a Screen,
    steps: u64,
    /// Messages between shards, those sent and those taken.
    sent: usize,
    taken: usize,
}

impl<'a> Stage<'a> {
    fn new(
        farm: Client,
        network: Arc<Network>,
        secrets: DemoSecrets,
        screen: &'a Screen,
    ) -> anyhow::Result<Self> {
        let genesis = &network.genesis;
        let shards = 0..genesis.shards().len() as u32;
        let shards = shards.map(|index| Shard::genesis(genesis, index, network.transfer));
        Ok(Self {
            shards: shards.collect::<Result<_, _>>()?,
            leaves: genesis.trie(network.transfer)?,
            client: LightClient::from_genesis(network.client(), network.state)?,
            farm,
            network,
            secrets,
            screen,
            steps: 0,
            sent: 0,
            taken: 0,
        })
    }

    async fn epochs(&mut self, demo: &Demo) -> anyhow::Result<GlobalProof> {
        let mut last = None;
        for epoch in 1..=demo.epochs {
            last = Some(self.epoch(epoch, demo.transfers).await?);
        }
        last.context("no epoch was asked for")
    }

    async fn epoch(&mut self, epoch: u64, transfers: u64) -> anyhow::Result<GlobalProof> {
        let start = Instant::now();
        for index in 0..self.shards.len() {
            match epoch == 2 && index + 1 == self.shards.len() && index > 0 {
                true => self
                    .screen
                    .line(format!("shard {index}: silent in this epoch")),
                false => self.submit(index, transfers).await?,
            }
        }
        self.farm.close_epoch().await?;
        let proof = self.farm.published(epoch).await?;
        self.client.advance(self.client.verify(&update(&proof)?)?)?;
        self.observe()?;
        self.screen.line(format!(
            "epoch {epoch}: {} transfers, root {} -> {}, proof {PROOF_BYTES} bytes, light client: accepted ({:.1} s)",
            proof.transfers,
            short(&proof.old_root),
            short(&proof.state.root),
            start.elapsed().as_secs_f64(),
        ));
        Ok(proof)
    }

    /// A shard's clients sign transfers, and its operator submits the snapshot.
    async fn submit(&mut self, index: usize, transfers: u64) -> anyhow::Result<()> {
        self.take(index)?;
        for _ in 0..transfers {
            self.transfer(index)?;
        }
        self.send(index)?;
        let snapshot = self.shards[index].snapshot(now_milliseconds())?;
        let snapshot = snapshot.context("nothing to submit")?.clone();
        let operator = &self.secrets.operators[index];
        let bytes = snapshot.sign(operator)?;
        let submitted = self
            .farm
            .submit(&self.network, snapshot.shard, bytes, operator);
        let digest = submitted.await?;
        self.farm.accepted(snapshot.shard, &digest).await?;
        self.leaves
            .set(snapshot.shard.into(), snapshot.new.digest())?;
        Ok(())
    }

    /// One account pays its neighbour.
    fn transfer(&mut self, index: usize) -> anyhow::Result<()> {
        self.steps += 1;
        let accounts = u64::from(ACCOUNTS);
        let (from, to) = (self.steps % accounts, (self.steps + 1) % accounts);
        let shard = &mut self.shards[index];
        let keys: &[SecretKey] = &self.secrets.accounts[index];
        let ordinal = shard
            .ledger()
            .account(from)
            .context("no such account")?
            .ordinal;
        let mut wallet = Wallet::new(keys[from as usize].clone(), shard.index(), from, ordinal);
        let signed = wallet.transfer(to, keys[to as usize].public(), 1 + self.steps % 100);
        Ok(shard.accept(&signed)?)
    }

    /// One account pays one of the next shard, and the last asks it for an answer.
    fn send(&mut self, index: usize) -> anyhow::Result<()> {
        let next = (index + 1) % self.shards.len();
        if next == index {
            return Ok(());
        }
        let shard = &mut self.shards[index];
        let from = u64::from(ACCOUNTS - 1);
        let account = shard.ledger().account(from).context("no such account")?;
        let secret = self.secrets.accounts[index][from as usize].clone();
        let mut wallet = Wallet::new(secret, shard.index(), from, account.ordinal);
        let key = self.secrets.accounts[next][0].public();
        let signed = match next {
            0 => wallet.request((0, 0), Some(key), 1),
            next => wallet.send((next as u32, 0), Some(key), 1),
        };
        shard.accept(&signed)?;
        self.sent += 1;
        Ok(())
    }

    /// A shard takes what others have for it under the state before the newest.
    fn take(&mut self, index: usize) -> anyhow::Result<()> {
        let to = self.shards[index].index();
        let epoch = self.shards[index].seen_epoch().filter(|epoch| *epoch > 0);
        let Some(epoch) = epoch else {
            return Ok(());
        };
        for from in (0..self.shards.len()).filter(|from| *from != index) {
            let delivery = self.shards[from].deliver(to, epoch)?;
            // What was taken is in there again until its sender is told.
            self.taken += match self.shards[index].receive(&delivery, now_milliseconds()) {
                Err(ShardError::Delivery(DeliveryError::Replayed { .. })) => 0,
                taken => taken?,
            };
        }
        Ok(())
    }

    /// Every shard takes in the state that the light client has just checked.
    fn observe(&mut self) -> anyhow::Result<()> {
        let state = *self.client.held();
        for shard in &mut self.shards {
            shard.observe(&state, self.leaves.path(shard.index().into())?)?;
        }
        Ok(())
    }
}
