//! `kv`: keeps a table, makes its steps for `trifold shard step`, and checks answers against a receipt.

use std::fs;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use anyhow::{Context, bail, ensure};
use ark_bn254::Fr;
use clap::{Args, Parser};
use serde_json::{Value, json};
use trifold_circuits::schnorr::SecretKey;
use trifold_kv::{Answers, Request, Row, Size, Table, files};
use trifold_verifier::claim::Presence;
use trifold_verifier::codec::MAX_RECEIPT_BYTES;
use trifold_verifier::json::GlobalProof;
use trifold_verifier::receipt::Receipt;

/// Longest table or list of answers that is read, in bytes.
const MAX_FILE_BYTES: u64 = 1 << 24;

/// The table of the shard `kv`, an example of a program that is not Trifold's own.
#[derive(Parser)]
#[command(name = "kv", version)]
enum Kv {
    /// Make an empty table, and the start of its shard for `trifold shard new`
    New(New),
    /// Make a step of operations, for `trifold shard step`
    Step(StepCommand),
    /// Take over the table after a step that a global state holds
    Commit(Commit),
    /// Check the answers of a step against a receipt of the shard
    Check(Check),
}

#[derive(Args)]
struct New {
    #[arg(value_name = "TABLE")]
    table: PathBuf,
    /// File with the 32 secret bytes of the owner, in hex
    #[arg(long, value_name = "FILE")]
    owner: PathBuf,
    /// Where the shard's start is written
    #[arg(long, value_name = "FILE")]
    start: PathBuf,
}

#[derive(Args)]
struct StepCommand {
    #[arg(value_name = "TABLE")]
    table: PathBuf,
    /// insert:KEY=VALUE, select:KEY or between:KEY=LOW..HIGH, both bounds included
    #[arg(value_name = "OPERATION", required = true)]
    operations: Vec<Operation>,
    /// File with the 32 secret bytes of the owner, in hex
    #[arg(long, value_name = "FILE")]
    owner: PathBuf,
    /// Index of the table's shard
    #[arg(long, value_name = "I")]
    shard: u32,
    /// Where the step is written; TABLE with `.next` at its end is the table after it
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// Where the answers are written
    #[arg(long, value_name = "FILE")]
    answers: PathBuf,
}

#[derive(Args)]
struct Commit {
    #[arg(value_name = "TABLE")]
    table: PathBuf,
}

/// The receipt has to be of the leaf that the step led to: the one of its epoch, or of a later one while the shard was silent.
#[derive(Args)]
struct Check {
    #[arg(value_name = "ANSWERS")]
    answers: PathBuf,
    /// The shard's receipt
    #[arg(long, value_name = "FILE")]
    receipt: PathBuf,
    /// A bundle of the network that you trust
    #[arg(long, value_name = "BUNDLE")]
    network: PathBuf,
}

/// One operation as it is written on the command line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Operation {
    Insert { key: u64, value: u64 },
    Select { key: u64 },
    Between { key: u64, low: u64, high: u64 },
}

fn main() -> std::process::ExitCode {
    let done = match Kv::parse() {
        Kv::New(new) => new.run(),
        Kv::Step(step) => step.run(),
        Kv::Commit(commit) => commit.run(),
        Kv::Check(check) => check.run(),
    };
    match done {
        Ok(()) => std::process::ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("kv: {error:#}");
            std::process::ExitCode::FAILURE
        }
    }
}

impl New {
    fn run(self) -> anyhow::Result<()> {
        let (path, owner) = (self.table, owner(&self.owner)?);
        ensure!(!path.exists(), "{} exists already", path.display());
        let table = Table::new(owner.public().coordinates());
        write(&self.start, &files::start(&table.header(Size::DEPLOYED)?))?;
        write(&path, &serde_json::to_value(&table)?)
    }
}

impl StepCommand {
    fn run(self) -> anyhow::Result<()> {
        let (table, owner) = (read_table(&self.table)?, owner(&self.owner)?);
        let requests: Vec<Request> = self.operations.iter().map(Operation::request).collect();
        // What the shard has seen is in the statement only; `trifold shard step` knows it.
        let (seen, size) = (Fr::default(), Size::DEPLOYED);
        let (step, next) = table.step(self.shard, seen, &requests, &owner, size)?;
        let answers = next.answers(&step, size)?;
        write(&self.out, &files::step(&step, &next.header(size)?, size))?;
        write(&next_path(&self.table), &serde_json::to_value(&next)?)?;
        for answer in &answers.answers {
            println!("{}", json!(answer));
        }
        write(&self.answers, &serde_json::to_value(&answers)?)
    }
}

impl Commit {
    fn run(self) -> anyhow::Result<()> {
        let next = next_path(&self.table);
        fs::rename(&next, &self.table).with_context(|| next.display().to_string())
    }
}

impl Check {
    fn run(self) -> anyhow::Result<()> {
        let answers: Answers = serde_json::from_slice(&read(&self.answers, MAX_FILE_BYTES)?)
            .with_context(|| self.answers.display().to_string())?;
        let trusted = read(&self.network, MAX_FILE_BYTES)?;
        let trusted = GlobalProof::from_json(std::str::from_utf8(&trusted)?)?;
        let receipt = read(&self.receipt, MAX_RECEIPT_BYTES as u64 * 4)?;
        let receipt = Receipt::from_json(std::str::from_utf8(&receipt)?)?;
        let verified = receipt.verify_under(&trusted.network)?;
        let Presence::Present(_) = verified.shard() else {
            bail!("the receipt shows that there is no such shard");
        };
        let leaf = receipt.shard.leaf.context("the receipt is of no leaf")?;
        answers.check(&leaf)?;
        let (shard, epoch) = (receipt.shard.index, receipt.epoch());
        println!("the answers of shard {shard} at epoch {epoch}:");
        for answer in &answers.answers {
            println!("{}", json!(answer));
        }
        Ok(())
    }
}

impl Operation {
    fn request(&self) -> Request {
        match *self {
            Self::Insert { key, value } => Request::Insert {
                key,
                row: Row {
                    value,
                    salt: Fr::from(rand::random::<u128>()),
                },
            },
            Self::Select { key } => Request::Select { key },
            Self::Between { key, low, high } => Request::Between { key, low, high },
        }
    }
}

impl FromStr for Operation {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let form = "insert:KEY=VALUE, select:KEY or between:KEY=LOW..HIGH";
        let number = |text: &str| {
            let parsed = text.parse::<u64>();
            parsed.map_err(|_| format!("{text:?} is no number below 2^64; {form}"))
        };
        let (kind, rest) = text.split_once(':').ok_or(form)?;
        match (kind, rest.split_once('=')) {
            ("select", None) => Ok(Self::Select { key: number(rest)? }),
            ("insert", Some((key, value))) => Ok(Self::Insert {
                key: number(key)?,
                value: number(value)?,
            }),
            ("between", Some((key, bounds))) => {
                let (low, high) = bounds.split_once("..").ok_or(form)?;
                let (key, low, high) = (number(key)?, number(low)?, number(high)?);
                Ok(Self::Between { key, low, high })
            }
            _ => Err(form.into()),
        }
    }
}

fn next_path(table: &Path) -> PathBuf {
    let mut path = table.as_os_str().to_owned();
    path.push(".next");
    path.into()
}

fn owner(path: &Path) -> anyhow::Result<SecretKey> {
    let text = String::from_utf8(read(path, 66)?)?;
    let digits = text.trim();
    let byte = |place: usize| {
        let pair = digits.get(2 * place..2 * place + 2);
        pair.and_then(|pair| u8::from_str_radix(pair, 16).ok())
    };
    let bytes: Option<Vec<u8>> = (0..32).map(byte).collect();
    let bytes = bytes.filter(|_| digits.len() == 64);
    let bytes = bytes.with_context(|| format!("{}: not 64 hex digits", path.display()))?;
    let seed = <[u8; 32]>::try_from(bytes).ok().context("32 bytes")?;
    Ok(SecretKey::from_seed(&seed))
}

fn read_table(path: &Path) -> anyhow::Result<Table> {
    let text = read(path, MAX_FILE_BYTES)?;
    serde_json::from_slice(&text).with_context(|| path.display().to_string())
}

fn read(path: &Path, limit: u64) -> anyhow::Result<Vec<u8>> {
    use std::io::Read;
    let shown = || path.display().to_string();
    let mut bytes = Vec::new();
    let file = fs::File::open(path).with_context(shown)?;
    file.take(limit + 1)
        .read_to_end(&mut bytes)
        .with_context(shown)?;
    ensure!(
        bytes.len() as u64 <= limit,
        "{}: more than {limit} bytes",
        shown()
    );
    Ok(bytes)
}

fn write(path: &Path, value: &Value) -> anyhow::Result<()> {
    fs::write(path, format!("{value:#}\n")).with_context(|| path.display().to_string())
}
