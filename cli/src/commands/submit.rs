//! `trifold submit`

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use trifold_coordinator::wire::{GlobalProof, Outcome};
use trifold_verifier::client::LightClient;

use super::shard::next_snapshot;
use crate::config::Nats;
use crate::farm::{Client, update};
use crate::ledger::Ledger;
use crate::network::{self, Network};

/// First takes in the newest global state, after checking its proof as a light client does and finding the shard's own
/// leaf in it. The snapshot that was submitted before is sent again until a global state holds it.
#[derive(Args)]
pub struct Submit {
    /// The shard's ledger, as `trifold shard new` makes it
    #[arg(value_name = "LEDGER")]
    ledger: PathBuf,
    #[command(flatten)]
    nats: Nats,
}

impl Submit {
    pub fn run(self) -> anyhow::Result<ExitCode> {
        let mut ledger = Ledger::open(&self.ledger)?;
        let network = network::cached(ledger.genesis.clone())?;
        tokio::runtime::Runtime::new()?.block_on(self.send(&mut ledger, &network))?;
        Ok(ExitCode::SUCCESS)
    }

    async fn send(&self, ledger: &mut Ledger, network: &Network) -> anyhow::Result<()> {
        let farm = Client {
            queue: self.nats.connect().await?,
        };
        let newest = farm.newest_epoch().await?;
        if newest > ledger.shard.latest_epoch() {
            let proof = farm.published(newest).await?;
            observe(ledger, network, &farm, &proof).await?;
        }
        let operator = ledger.operator()?;
        let bytes = next_snapshot(ledger, &operator)?;
        let shard = ledger.shard.index();
        let snapshot = farm.submit(network, shard, bytes, &operator).await?;
        let outcome = farm.accepted(shard, &snapshot).await?;
        println!(
            "shard {}: snapshot {snapshot} {}",
            ledger.shard.index(),
            said(&outcome)
        );
        Ok(())
    }
}

/// The shard takes in a state whose proof a light client has checked.
async fn observe(
    ledger: &mut Ledger,
    network: &Network,
    farm: &Client,
    proof: &GlobalProof,
) -> anyhow::Result<()> {
    let client = LightClient::from_genesis(network.client(), network.state)?;
    let state = client.verify(&update(proof)?)?;
    let trie = farm.trie(network, proof).await?;
    ledger
        .shard
        .observe(&state, trie.path(ledger.shard.index().into())?)?;
    ledger.save()
}

fn said(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Accepted => "accepted".into(),
        Outcome::Included { epoch } => format!("is part of epoch {epoch}"),
        Outcome::Final { epoch } => format!("is final in epoch {epoch}"),
        Outcome::Rejected { code, message } => format!("refused ({code}): {message}"),
    }
}
