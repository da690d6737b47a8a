//! `trifold shard messages` and `trifold shard receive`

use std::path::PathBuf;

use anyhow::Context;
use clap::Args;
use trifold_shard::Delivery;
use trifold_shard::delivery::MAX_DELIVERY_BYTES;

use crate::bounded;
use crate::ledger;

/// The other shard takes them under a global state that it has seen, which has to be one of the newest eight that this ledger took
/// in. The file also tells the other how many of its messages were taken, so it is of use without any.
#[derive(Args)]
pub struct Messages {
    #[arg(value_name = "LEDGER")]
    ledger: PathBuf,
    /// Shard that the messages are for
    #[arg(long, value_name = "SHARD")]
    to: u32,
    /// Epoch of the global state; by default the newest but one that this ledger took in
    #[arg(long)]
    epoch: Option<u64>,
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
}

/// Every message is checked against the global state that the ledger has seen, and enters the next snapshots.
#[derive(Args)]
pub struct Receive {
    #[arg(value_name = "LEDGER")]
    ledger: PathBuf,
    /// What `trifold shard messages` wrote
    #[arg(value_name = "FILE")]
    delivery: PathBuf,
}

impl Messages {
    pub fn run(self) -> anyhow::Result<()> {
        let shard = ledger::open_exchanging(&self.ledger)?;
        let epoch = self.epoch.or(shard.seen_epoch());
        let epoch = epoch.context("no global state was taken in yet: trifold submit does that")?;
        let delivery = shard.deliver(self.to, epoch)?;
        let text = serde_json::to_vec(&delivery)?;
        std::fs::write(&self.out, text).with_context(|| self.out.display().to_string())?;
        println!(
            "{} messages for shard {} under epoch {epoch} in {}",
            delivery.messages.len(),
            self.to,
            self.out.display()
        );
        Ok(())
    }
}

impl Receive {
    pub fn run(self) -> anyhow::Result<()> {
        let text = bounded::read(&self.delivery, MAX_DELIVERY_BYTES)?;
        let delivery: Delivery = serde_json::from_slice(&text)
            .with_context(|| format!("{}: not a delivery", self.delivery.display()))?;
        let mut shard = ledger::open_exchanging(&self.ledger)?;
        let taken = shard.receive(&delivery)?;
        println!(
            "{taken} messages of shard {} taken; {} transfers and messages wait for a snapshot",
            delivery.source,
            shard.waiting()
        );
        Ok(())
    }
}
