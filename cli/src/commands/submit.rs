//! `trifold submit`

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use clap::Args;
use trifold_coordinator::archive::{AskError, Asker, At, Question};
use trifold_coordinator::wire::Outcome;
use trifold_verifier::receipt::Receipt;

use super::receipt;
use crate::config::Nats;
use crate::farm::Client;
use crate::ledger::{self, Submits};
use crate::network::{self, Network};

/// Time in which a coordinator has read what was published.
const PATIENCE: Duration = Duration::from_secs(30);
/// Pause before it is asked again.
const AGAIN: Duration = Duration::from_millis(200);

/// First takes in the newest global state, after checking its proof as a light client does and finding the shard's own
/// leaf in it. The snapshot that was submitted before is sent again until a global state holds it.
#[derive(Args)]
pub struct Submit {
    /// The shard's ledger, as `trifold shard new` makes it
    #[arg(value_name = "LEDGER")]
    ledger: PathBuf,
    /// Wait until the snapshot's epoch is published, and write the shard's receipt there
    #[arg(long, value_name = "FILE")]
    receipt: Option<PathBuf>,
    #[command(flatten)]
    nats: Nats,
}

impl Submit {
    pub fn run(self) -> anyhow::Result<ExitCode> {
        let ledger = ledger::open(&self.ledger)?;
        let network = network::cached(ledger.genesis().clone())?;
        tokio::runtime::Runtime::new()?.block_on(self.send(ledger, &network))?;
        Ok(ExitCode::SUCCESS)
    }

    async fn send(&self, ledger: Box<dyn Submits>, network: &Network) -> anyhow::Result<()> {
        let mut shard = Submitter {
            farm: Client {
                queue: self.nats.connect().await?,
            },
            asker: Asker::connect(&self.nats.config()?).await?,
            network,
            ledger,
        };
        if let Some(receipt) = shard.newest().await? {
            shard.observe(&receipt)?;
        }
        let operator = shard.ledger.operator()?;
        let (bytes, inputs) = shard.ledger.next(&operator)?;
        let index = shard.ledger.index();
        shard.farm.store(inputs).await?;
        let snapshot = shard.farm.submit(network, index, bytes, &operator).await?;
        let outcome = shard.farm.accepted(index, &snapshot).await?;
        println!("shard {index}: snapshot {snapshot} {}", said(&outcome));
        if let Some(out) = &self.receipt {
            let epoch = shard.farm.included(index, &snapshot).await?;
            let receipt = shard.receipt(epoch).await?;
            shard.observe(&receipt)?;
            receipt::write(out, &receipt)?;
            println!("receipt of epoch {epoch} in {}", out.display());
        }
        Ok(())
    }
}

/// A shard's operator before a farm.
struct Submitter<'a> {
    farm: Client,
    asker: Asker,
    network: &'a Network,
    ledger: Box<dyn Submits>,
}

impl Submitter<'_> {
    /// The receipt of the newest epoch that is published; `None` if there is none.
    async fn newest(&self) -> anyhow::Result<Option<Receipt>> {
        let mut epoch = self.told().await?;
        // Whoever answers may not have read what was published last.
        while self.farm.is_published(epoch + 1).await? {
            epoch += 1;
        }
        match epoch {
            0 => Ok(None),
            _ => Ok(Some(self.receipt(epoch).await?)),
        }
    }

    /// The newest epoch that light clients are told of; 0 if there is none.
    async fn told(&self) -> anyhow::Result<u64> {
        let (epoch, under) = (At::Latest, None);
        let shard = self.ledger.index();
        let question = Question::Receipt {
            epoch,
            shard,
            under,
        };
        match self.asker.ask(&question).await {
            Ok(answer) => Ok(read(&answer)?.epoch()),
            Err(AskError::Refused { code, .. }) if code == NO_EPOCH => Ok(0),
            Err(error) => Err(error).context("no coordinator serves light clients"),
        }
    }

    /// The shard's receipt of a published epoch.
    async fn receipt(&self, epoch: u64) -> anyhow::Result<Receipt> {
        let (shard, under, start) = (self.ledger.index(), None, Instant::now());
        let question = Question::Receipt {
            epoch: At::Epoch(epoch),
            shard,
            under,
        };
        loop {
            match self.asker.ask(&question).await {
                Ok(answer) => return read(&answer),
                Err(AskError::Refused { .. }) if start.elapsed() < PATIENCE => {
                    tokio::time::sleep(AGAIN).await;
                }
                Err(error) => return Err(error).with_context(|| format!("epoch {epoch}")),
            }
        }
    }

    /// The shard takes in a state whose proof a light client has checked, if it is newer than the one it knows.
    fn observe(&mut self, receipt: &Receipt) -> anyhow::Result<()> {
        let verified = receipt.verify_under(&self.network.client())?;
        let index = self.ledger.index();
        ensure!(
            receipt.shard.index == index && receipt.past.is_none(),
            "that is not the receipt of shard {index} that was asked for"
        );
        if receipt.epoch() <= self.ledger.latest_epoch() {
            return Ok(());
        }
        let siblings = receipt.shard.path.siblings.clone();
        self.ledger.observe(verified.state(), siblings)
    }
}

/// The refusal of a farm that has published nothing.
const NO_EPOCH: &str = "no_epoch";

fn read(answer: &[u8]) -> anyhow::Result<Receipt> {
    Ok(Receipt::from_json(std::str::from_utf8(answer)?)?)
}

fn said(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Accepted => "accepted".into(),
        Outcome::Included { epoch } => format!("is part of epoch {epoch}"),
        Outcome::Final { epoch } => format!("is final in epoch {epoch}"),
        Outcome::Rejected { code, message } => format!("refused ({code}): {message}"),
    }
}
