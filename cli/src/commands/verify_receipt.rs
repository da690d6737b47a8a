//! `trifold verify-receipt FILE`

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, anyhow};
use clap::Args;
use trifold_verifier::claim::Presence;
use trifold_verifier::client::Network;
use trifold_verifier::codec::{MAX_RECEIPT_BYTES, RECEIPT_FORMAT};
use trifold_verifier::json::{GlobalProof, MAX_TEXT_BYTES};
use trifold_verifier::receipt::{Receipt, ReceiptError, VerifiedReceipt};
use trifold_verifier::verified::{
    VerifiedAccount, VerifiedNettedAccount, VerifiedShard, VerifiedState,
};

use super::verify::{read_bundle, same_network, trust};
use crate::bounded;
use crate::network::{self, check_key};
use crate::text::hex;

/// Says what a receipt shows of a shard or an account, or why it refuses. A receipt shows that something was so in a valid state;
/// it doesn't show that the state is the newest, which of two valid successors is canonical, or that the data behind
/// its roots is available.
#[derive(Args)]
pub struct VerifyReceipt {
    /// The receipt, as JSON or as bytes
    file: PathBuf,
    /// A file of the network that you trust (a bundle, or a network file): keys and genesis have to be the same
    #[arg(long, value_name = "FILE")]
    network: Option<PathBuf>,
    /// Global proofs from elsewhere (bundles): the receipt must not contradict one of the same epoch, and it is said which of
    /// their histories record it
    #[arg(long, value_name = "BUNDLE", num_args = 1..)]
    newer: Vec<PathBuf>,
}

impl VerifyReceipt {
    pub fn run(self) -> anyhow::Result<ExitCode> {
        match self.check() {
            Ok(said) => println!("{said}"),
            Err(reason) => {
                println!("refused: {reason:#}");
                return Ok(ExitCode::FAILURE);
            }
        }
        Ok(ExitCode::SUCCESS)
    }

    fn check(&self) -> anyhow::Result<String> {
        let receipt = read(&self.file)?;
        if let Some(trusted) = &self.network {
            same_network(&receipt.network, &network::trusted(trusted)?)?;
        }
        check_key(&receipt.network)?;
        let verified = receipt.verify().map_err(coded)?;
        let mut lines = describe(&receipt, &verified);
        for path in &self.newer {
            let compared = compare(&receipt, &verified, &read_bundle(path)?);
            lines.push(compared.with_context(|| path.display().to_string())?);
        }
        lines.extend(network_lines(&receipt.network, self.network.is_some()));
        Ok(lines.join("\n"))
    }
}

/// Reads a receipt of bounded size.
fn read(path: &Path) -> anyhow::Result<Receipt> {
    let shown = || path.display().to_string();
    let bytes = bounded::read(path, MAX_TEXT_BYTES.max(MAX_RECEIPT_BYTES) as u64)?;
    if bytes.starts_with(RECEIPT_FORMAT.as_bytes()) {
        let receipt = Receipt::from_bytes(&bytes);
        return receipt.map_err(|error| anyhow!("{}: {}: {error}", shown(), error.code()));
    }
    let text = std::str::from_utf8(&bytes).with_context(shown)?;
    Receipt::from_json(text).map_err(|error| anyhow!("{}: {}: {error}", shown(), error.code()))
}

fn coded(error: ReceiptError) -> anyhow::Error {
    anyhow!("{}: {error}", error.code())
}

/// Holds a receipt against a global proof that somebody else gave.
fn compare(
    receipt: &Receipt,
    verified: &VerifiedReceipt,
    bundle: &GlobalProof,
) -> anyhow::Result<String> {
    same_network(&bundle.network, &receipt.network)?;
    let other = bundle.verify();
    let other = other.map_err(|error| anyhow!("{}: {error}", error.code()))?;
    let epoch = other.epoch();
    for own in [verified.state(), verified.proven()] {
        if own.epoch() == epoch {
            same_state(own, &other)?;
            return Ok(format!(
                "  epoch {epoch} of the other proof is the same state"
            ));
        }
    }
    let Some(past) = &receipt.past else {
        return Ok(no_path(epoch));
    };
    let moved = receipt
        .clone()
        .under_newer(bundle.update, past.path.clone());
    Ok(match moved.verify() {
        Ok(_) => format!("  epoch {epoch} of the other proof has it in its history"),
        Err(_) => no_path(epoch),
    })
}

fn no_path(epoch: u64) -> String {
    format!("  epoch {epoch} of the other proof: not compared, the receipt has no path there")
}

fn same_state(own: &VerifiedState, other: &VerifiedState) -> anyhow::Result<()> {
    match own == other {
        true => Ok(()),
        false => Err(anyhow!(
            "{}: two valid states of epoch {} exist, {} and {}",
            trifold_verifier::refusal::EQUIVOCATION,
            own.epoch(),
            hex(&own.state().digest()),
            hex(&other.state().digest())
        )),
    }
}

fn describe(receipt: &Receipt, verified: &VerifiedReceipt) -> Vec<String> {
    let (epoch, proven) = (verified.state().epoch(), verified.proven().epoch());
    let index = receipt.shard.index;
    let mut lines = match verified.shard() {
        Presence::Present(shard) => shard_lines(shard),
        Presence::Absent => vec![format!(
            "accepted: there is no shard {index} at epoch {epoch}"
        )],
    };
    let claimed = receipt.account.as_ref().map(|claim| claim.index);
    if let (Some(found), Some(index)) = (verified.account(), claimed) {
        lines.extend(presence_lines(found.map(account_lines), index));
    }
    let claimed = receipt.netted_account.as_ref().map(|claim| claim.index);
    if let (Some(found), Some(index)) = (verified.netted_account(), claimed) {
        lines.extend(presence_lines(
            found.map(netted_account_lines),
            index.into(),
        ));
    }
    lines.push(format!(
        "  root      {}",
        hex(&verified.state().state().root)
    ));
    lines.push(format!("  proven    by the proof of epoch {proven}"));
    lines
}

fn shard_lines(shard: &VerifiedShard) -> Vec<String> {
    let (leaf, clock) = (shard.leaf(), shard.clock());
    vec![
        format!(
            "accepted: shard {} at epoch {}",
            shard.index(),
            shard.state().epoch()
        ),
        format!("  program   {}", hex(&leaf.program)),
        format!("  body      {}", hex(&leaf.body)),
        format!("  events    {}", clock.lamport),
        format!(
            "  time      {} ms since 1970, as the shard says",
            clock.unix_milliseconds()
        ),
        format!("  seen      epoch {}", clock.seen_epoch),
        format!("  supply    {}", leaf.supply),
    ]
}

/// What is said of the account at `index`.
fn presence_lines(found: Presence<Vec<String>>, index: u64) -> Vec<String> {
    let none = || vec![format!("  account   {index}: there is none")];
    found.present().unwrap_or_else(none)
}

fn account_lines(account: &VerifiedAccount) -> Vec<String> {
    let (index, account) = (account.index(), account.account());
    vec![
        format!("  account   {index}"),
        format!("  balance   {}", account.balance),
        format!("  ordinal   {}", account.ordinal),
        format!("  key       {} {}", hex(&account.ax), hex(&account.ay)),
    ]
}

/// The key is its u coordinate.
fn netted_account_lines(account: &VerifiedNettedAccount) -> Vec<String> {
    let (index, account) = (account.index(), account.account());
    vec![
        format!("  account   {index}"),
        format!("  balance   {}", account.balance),
        format!("  ordinal   {}", account.ordinal),
        format!("  key u     {}", hex(&account.key)),
    ]
}

fn network_lines(network: &Network, compared: bool) -> Vec<String> {
    vec![
        format!("network ({})", trust(compared)),
        format!("  genesis   {}", hex(&network.genesis)),
        format!("  keys      {}", hex(&network.keys.digest())),
    ]
}
