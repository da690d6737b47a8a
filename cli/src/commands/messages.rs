//! `trifold shard messages` and `trifold shard receive`

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context;
use clap::Args;
use trifold_shard::delivery::MAX_DELIVERY_BYTES;
use trifold_shard::{Delivery, Posted};

use crate::bounded;
use crate::ledger;
use crate::light::{Bounds, Http, hidden};

/// What is taken of a server that is asked for a delivery.
const BOUNDS: Bounds = Bounds {
    bytes: MAX_DELIVERY_BYTES as usize,
    patience: Duration::from_secs(60),
};

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

/// Every message is checked against the global state that the ledger has seen, and enters the next snapshots. A server is asked
/// for what it has under that state.
#[derive(Args)]
pub struct Receive {
    #[arg(value_name = "LEDGER")]
    ledger: PathBuf,
    /// What `trifold shard messages` wrote, or the http:// or https:// address of the other shard's `trifold shard serve`
    #[arg(value_name = "FILE|URL", value_parser = origin)]
    origin: Origin,
}

/// Where a delivery is had from.
#[derive(Clone)]
enum Origin {
    File(PathBuf),
    Server(String),
}

fn origin(text: &str) -> Result<Origin, std::convert::Infallible> {
    let is_url = text.starts_with("http://") || text.starts_with("https://");
    Ok(match is_url {
        true => Origin::Server(text.into()),
        false => Origin::File(text.into()),
    })
}

impl Messages {
    pub fn run(self) -> anyhow::Result<()> {
        let posted = Posted::read(&Posted::file(&self.ledger))?;
        let epoch = self.epoch.map_or_else(|| seen_epoch(&posted), Ok)?;
        let delivery = posted.deliver(self.to, epoch)?;
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
        let delivery = match &self.origin {
            Origin::File(file) => read(file)?,
            Origin::Server(url) => {
                let shown = || hidden(url);
                fetch(&self.ledger, url).with_context(shown)?
            }
        };
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

/// Epoch of the global state that a shard takes messages under.
fn seen_epoch(posted: &Posted) -> anyhow::Result<u64> {
    let epoch = posted.seen_epoch();
    epoch.context("no global state was taken in yet: trifold submit does that")
}

fn read(file: &Path) -> anyhow::Result<Delivery> {
    let text = bounded::read(file, MAX_DELIVERY_BYTES)?;
    serde_json::from_slice(&text).with_context(|| format!("{}: not a delivery", file.display()))
}

/// What a server has for the shard of this ledger.
fn fetch(ledger: &Path, url: &str) -> anyhow::Result<Delivery> {
    let posted = Posted::read(&Posted::file(ledger))?;
    let (index, epoch) = (posted.index(), seen_epoch(&posted)?);
    let path = format!("epochs/{epoch}/deliveries/{index}");
    let http = Http::new(url, BOUNDS)?;
    let answer = tokio::runtime::Runtime::new()?.block_on(http.get(&path, None))?;
    serde_json::from_str(&answer.text).context("not a delivery")
}
