//! `trifold receipt`

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, ensure};
use clap::Args;
use trifold_coordinator::archive::{At, Question};
use trifold_verifier::claim::Presence;
use trifold_verifier::json::MAX_TEXT_BYTES;
use trifold_verifier::receipt::{Receipt, VerifiedReceipt};

use crate::bounded;
use crate::config::Nats;
use crate::light::Source;
use crate::network;

/// Asks a source, verifies what it says as a light client does, and writes it out: a file that shows, to anyone who knows the
/// network, what the shard was at that epoch, or that it was not there.
#[derive(Args)]
pub struct ReceiptCommand {
    /// Where to ask: http://, https://, nats:// or tls://
    // The server of `--nats` has this field's name.
    #[arg(id = "source", long = "url", value_name = "URL")]
    url: String,
    /// Index of the shard
    #[arg(long, value_name = "I")]
    shard: u32,
    /// The epoch that it is about
    #[arg(long, default_value = "latest", value_name = "N")]
    epoch: At,
    /// A later epoch whose proof it stands under, or latest; without it the epoch itself
    #[arg(long, value_name = "M")]
    under: Option<At>,
    /// A file of the network that you trust (a bundle, or a genesis file): keys and genesis have to be the same
    #[arg(long, value_name = "FILE")]
    network: Option<PathBuf>,
    /// Where it is written
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    #[command(flatten)]
    nats: Nats,
}

impl ReceiptCommand {
    pub fn run(self) -> anyhow::Result<ExitCode> {
        let receipt = tokio::runtime::Runtime::new()?.block_on(self.ask())?;
        let verified = match &self.network {
            Some(trusted) => receipt.verify_under(&network::trusted(trusted)?),
            None => receipt.verify(),
        };
        let verified = verified.with_context(|| format!("{} told a wrong receipt", self.url))?;
        network::check_key(&receipt.network)?;
        self.check_asked(&receipt)?;
        write(&self.out, &receipt)?;
        println!("{} in {}", told(&receipt, &verified), self.out.display());
        Ok(ExitCode::SUCCESS)
    }

    async fn ask(&self) -> anyhow::Result<Receipt> {
        let (epoch, shard, under) = (self.epoch, self.shard, self.under);
        let source = Source::new(&self.url, &self.nats)?;
        let question = Question::Receipt {
            epoch,
            shard,
            under,
        };
        let text = source.ask(&question).await.context(source.name)?;
        Ok(Receipt::from_json(&text)?)
    }

    /// A valid receipt of something else is no answer.
    fn check_asked(&self, receipt: &Receipt) -> anyhow::Result<()> {
        let is = |at: Option<At>, epoch| !matches!(at, Some(At::Epoch(asked)) if asked != epoch);
        let under = self.under.or(Some(self.epoch));
        ensure!(
            receipt.shard.index == self.shard
                && is(Some(self.epoch), receipt.epoch())
                && is(under, receipt.update.state.epoch),
            "{} told the receipt of shard {} at epoch {} under epoch {}, which was not asked for",
            self.url,
            receipt.shard.index,
            receipt.epoch(),
            receipt.update.state.epoch,
        );
        Ok(())
    }
}

/// Reads a receipt of bounded size; nothing of it is verified.
pub fn read(path: &Path) -> anyhow::Result<Receipt> {
    let bytes = bounded::read(path, MAX_TEXT_BYTES as u64)?;
    let shown = || path.display().to_string();
    let text = std::str::from_utf8(&bytes).with_context(shown)?;
    Receipt::from_json(text).with_context(shown)
}

/// Writes a receipt.
pub fn write(path: &Path, receipt: &Receipt) -> anyhow::Result<()> {
    std::fs::write(path, receipt.to_json()).with_context(|| path.display().to_string())
}

/// What a verified receipt is about, in one line.
pub fn told(receipt: &Receipt, verified: &VerifiedReceipt) -> String {
    let (index, epoch) = (receipt.shard.index, verified.state().epoch());
    let shard = match verified.shard() {
        Presence::Present(shard) => format!("shard {index} at lamport {}", shard.leaf().lamport),
        Presence::Absent => format!("no shard {index}"),
    };
    let account = match balance(verified) {
        None => String::new(),
        Some(Presence::Present((index, balance))) => {
            format!(", account {index} with balance {balance}")
        }
        Some(Presence::Absent) => ", no such account".into(),
    };
    let under = match verified.proven().epoch() {
        proven if proven == epoch => String::new(),
        proven => format!(", under the proof of epoch {proven}"),
    };
    format!("receipt of epoch {epoch}: {shard}{account}{under}")
}

/// Index and balance of the account that a receipt is about, of whichever kind.
fn balance(verified: &VerifiedReceipt) -> Option<Presence<(u64, u64)>> {
    let account = verified.account();
    let account = account.map(|found| found.map(|found| (found.index(), found.account().balance)));
    let netted = verified.netted_account();
    let netted =
        netted.map(|found| found.map(|found| (found.index().into(), found.account().balance)));
    account.or(netted)
}
