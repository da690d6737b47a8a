//! `trifold shard`

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context, ensure};
use clap::{Args, Subcommand};
use tokio::sync::watch;
use trifold_circuits::artifacts::{Checkout, CircuitSpec, Manifest};
use trifold_circuits::genesis::{GenesisProgram, ProgramStart, Start, TRANSFER};
use trifold_circuits::schnorr::{Coordinates, PublicKey};
use trifold_circuits::snapshot::Snapshot;
use trifold_circuits::transfer::{self, SeenState};
use trifold_console::metrics::Role;
use trifold_console::{Console, Light, Metrics, ShardAccount};
use trifold_prover::Entropy;
use trifold_shard::boxes::{Inbox, Outbox};
use trifold_shard::netted::layout::{Payment, account_key};
use trifold_shard::program::{MAX_FILE_BYTES, ProgramStep, start_from_json};
use trifold_shard::{Wallet, file};
use trifold_verifier::statement::Leaf;

use super::messages::{Messages, Receive};
use super::receipt;
use crate::bounded;
use crate::deployment::Deployed;
use crate::ledger::{self, Beside, Demo, Ledger, NettedShards, Submits};
use crate::netted::{NettedCircuits, NettedLedger};
use crate::output::client_key;
use crate::program_ledger::ProgramLedger;
use crate::programs::Programs;
use crate::progress::Screen;
use crate::serve::Listen;
use crate::served::{LedgerAccounts, LedgerConfirmed, LedgerDeliveries};
use crate::shutdown;
use crate::text::hex;
use crate::time::{fresh_seed, now_milliseconds};

/// The reference shard keeps its accounts in a file, and the key that signs its snapshots in another, which only its owner
/// may read. The clients' secrets follow from a seed that lies beside them: these networks are for trying things out.
#[derive(Args)]
pub struct ShardCommand {
    #[command(subcommand)]
    action: Action,
}

#[derive(Subcommand)]
enum Action {
    /// Make a network: DIR/genesis.json, and for each shard a ledger DIR/shard-<i>.json and a key DIR/shard-<i>.key
    New(New),
    /// Let clients of a shard sign transfers, and execute them
    Transfer(Transfer),
    /// Write what the shard has for another to a file
    Messages(Messages),
    /// Take the messages of another shard, from the file that it wrote or its server
    Receive(Receive),
    /// Make the shard's next snapshot, sign it and write its bytes
    Snapshot(SnapshotCommand),
    /// Take a step of a program that is not ours as the shard's next snapshot
    Step(StepCommand),
    /// Show a shard's clock, root and accounts
    Show(Show),
    /// Add an account to a receipt of the shard
    Receipt(AddAccount),
    /// Serve messages to other shards, and accounts to light clients, over HTTP
    Serve(Serve),
}

#[derive(Args)]
struct New {
    #[arg(value_name = "DIR")]
    folder: PathBuf,
    /// Shards of `transfer`
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(0..=19683))]
    shards: u32,
    /// Netted shards after those, in folders DIR/shard-<i>: needs `trifold setup --netted`. Shards 3k to 3k+2 run one program
    #[arg(long, default_value_t = 0, value_name = "SHARDS", value_parser = clap::value_parser!(u32).range(0..=19683))]
    netted_shards: u32,
    /// Accounts per shard of either kind
    #[arg(long, default_value_t = 9, value_parser = clap::value_parser!(u32).range(2..=59049))]
    accounts: u32,
    /// What each account holds
    #[arg(long, default_value_t = 1_000_000)]
    balance: u64,
    #[arg(long)]
    seed: Option<u64>,
    /// Levels of a netted shard's account trie
    #[arg(long, default_value_t = 7, requires = "netted_shards", value_parser = clap::value_parser!(u8).range(6..=20))]
    depth: u8,
    /// One more shard, after those of ours: it runs the program of this name from what FILE says. May be given several
    /// times
    #[arg(long = "start", value_name = "NAME=FILE", value_parser = named_file)]
    starts: Vec<(String, PathBuf)>,
    #[command(flatten)]
    programs: Programs,
}

/// The file says what the step states and which signals prove it (`docs/programs.md`). Whether the program's circuit accepts
/// them shows when the farm proves it.
#[derive(Args)]
struct StepCommand {
    #[arg(value_name = "LEDGER")]
    ledger: PathBuf,
    #[arg(value_name = "STEP")]
    step: PathBuf,
    /// Forget the step under way, which the farm has refused
    #[arg(long)]
    replace: bool,
}

#[derive(Args)]
struct Transfer {
    #[arg(value_name = "LEDGER")]
    ledger: PathBuf,
    /// This many transfers, each to the next account
    #[arg(long, default_value_t = 1, conflicts_with_all = ["from", "to"])]
    count: u64,
    /// Account that pays
    #[arg(long, requires = "to")]
    from: Option<u64>,
    /// Account that receives
    #[arg(long, requires = "from")]
    to: Option<u64>,
    #[arg(long, default_value_t = 1)]
    amount: u64,
    /// Shard of the account that receives, if it is another one: what is sent arrives two epochs later
    #[arg(long, value_name = "SHARD", requires = "to")]
    to_shard: Option<u32>,
    /// Ask the other shard for an answer
    #[arg(long, requires = "to_shard")]
    request: bool,
}

#[derive(Args)]
struct SnapshotCommand {
    #[arg(value_name = "LEDGER")]
    ledger: PathBuf,
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
}

#[derive(Args)]
struct Show {
    #[arg(value_name = "LEDGER")]
    ledger: PathBuf,
}

/// The receipt has to be of the leaf in the newest global state that the ledger knows: accounts of earlier ones are not kept.
#[derive(Args)]
struct AddAccount {
    #[arg(value_name = "LEDGER")]
    ledger: PathBuf,
    /// Index of the account; one that is not there can be shown not to be
    #[arg(long, value_name = "I")]
    account: u64,
    /// The shard's receipt
    #[arg(long = "in", value_name = "RECEIPT")]
    receipt: PathBuf,
    /// Where the receipt with the account is written
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
}

/// Answers /light/v1/epochs/{epoch}/deliveries/{shard} with what the shard has for another, and /light/v1/accounts/{index} with the
/// account under its leaf in the newest global state that the ledger knows; both for anyone who asks: accounts and messages are
/// public. The folder of a netted shard is open for a moment at the start and after each such state only; while another
/// command has it open then, accounts are `unavailable`.
#[derive(Args)]
struct Serve {
    #[arg(value_name = "LEDGER")]
    ledger: PathBuf,
    #[command(flatten)]
    listen: Listen,
}

impl ShardCommand {
    pub fn run(self) -> anyhow::Result<ExitCode> {
        match self.action {
            Action::New(new) => new.run(),
            Action::Transfer(transfer) => transfer.run(),
            Action::Messages(messages) => messages.run(),
            Action::Receive(receive) => receive.run(),
            Action::Snapshot(snapshot) => snapshot.run(),
            Action::Step(step) => step.run(),
            Action::Show(show) => show.run(),
            Action::Receipt(add) => add.run(),
            Action::Serve(serve) => serve.run(),
        }?;
        Ok(ExitCode::SUCCESS)
    }
}

impl New {
    /// A shard's leaf names its program by the digest of its key, so that key is made first.
    fn run(self) -> anyhow::Result<()> {
        let (checkout, screen) = (Checkout::find()?, Screen::new());
        let manifest = Manifest::load(&checkout)?;
        let ready = |spec: &CircuitSpec| Deployed::ready(&checkout, spec, &Entropy::Fresh, &screen);
        let transfer = ready(manifest.get(TRANSFER)?)?;
        let seed = self.seed.unwrap_or_else(fresh_seed);
        let program = transfer.digest;
        let demo = Demo {
            seed,
            shards: self.shards,
            accounts: self.accounts,
            balance: self.balance,
        };
        let specs = self.programs.specs(&manifest)?;
        let programs = specs.iter().map(|spec| listed(&ready(spec)?));
        let beside = Beside {
            netted: self.netted(&checkout, &manifest)?,
            programs: programs.collect::<Result<_, _>>()?,
            starts: self.starts.iter().map(start).collect::<Result<_, _>>()?,
        };
        let genesis = ledger::create(&self.folder, &demo, beside, program)?;
        let network = genesis.global_state(program)?.digest();
        println!("network {} in {}", hex(&network), self.folder.display());
        Ok(())
    }

    /// The netted shards, if there are to be any.
    fn netted(
        &self,
        checkout: &Checkout,
        manifest: &Manifest,
    ) -> anyhow::Result<Option<NettedShards>> {
        let (shards, depth) = (self.netted_shards, self.depth);
        if shards == 0 {
            return Ok(None);
        }
        let circuits = NettedCircuits::cached(checkout, manifest)?;
        let circuits = circuits.context("no keys here: run trifold setup --netted")?;
        let program = circuits.program()?;
        Ok(Some(NettedShards {
            program,
            shards,
            depth,
        }))
    }
}

/// As the genesis lists a program.
fn listed(program: &Deployed) -> anyhow::Result<GenesisProgram> {
    let key = client_key(&program.verifying_key)?;
    Ok(GenesisProgram::new(&program.spec.name, key)?)
}

/// `NAME=FILE`
fn named_file(text: &str) -> Result<(String, PathBuf), String> {
    let (name, file) = text.split_once('=').ok_or("not NAME=FILE")?;
    Ok((name.into(), file.into()))
}

fn start((program, file): &(String, PathBuf)) -> anyhow::Result<ProgramStart> {
    let text = bounded::read(file, MAX_FILE_BYTES as u64)?;
    start_from_json(program, &text).with_context(|| file.display().to_string())
}

impl StepCommand {
    fn run(self) -> anyhow::Result<()> {
        let mut ledger = ProgramLedger::open(&self.ledger)?;
        let text = bounded::read(&self.step, MAX_FILE_BYTES as u64)?;
        let step = ProgramStep::from_json(&text);
        let step = step.with_context(|| self.step.display().to_string())?;
        if self.replace {
            ledger.shard.forget();
        }
        let index = ledger.index();
        let snapshot = ledger.shard.step(&step, now_milliseconds())?;
        println!(
            "shard {index}: a step of {} events waits to be submitted",
            snapshot.events()
        );
        ledger.save()
    }
}

impl Transfer {
    fn run(self) -> anyhow::Result<()> {
        if self.ledger.is_dir() {
            return self.netted();
        }
        let mut ledger = Ledger::open(&self.ledger)?;
        match (self.from, self.to) {
            (Some(from), Some(to)) => self.pay(&mut ledger, from, to)?,
            _ => {
                for _ in 0..self.count {
                    let accounts = ledger.shard.ledger().accounts().count() as u64;
                    let from = ledger.shard.pending() as u64 % accounts;
                    pay(&mut ledger, from, (from + 1) % accounts, self.amount)?;
                }
            }
        }
        ledger.save()?;
        println!(
            "{} transfers and messages wait for a snapshot",
            ledger.shard.pending()
        );
        Ok(())
    }
}

impl Transfer {
    fn pay(&self, ledger: &mut Ledger, from: u64, to: u64) -> anyhow::Result<()> {
        let own = ledger.shard.index();
        match self.to_shard {
            Some(shard) if shard != own => {
                let to = (shard, to);
                send(ledger, from, to, self.amount, self.request)
            }
            _ => {
                ensure!(!self.request, "a request is for another shard");
                pay(ledger, from, to, self.amount)
            }
        }
    }

    fn netted(self) -> anyhow::Result<()> {
        ensure!(
            !self.request,
            "a netted shard sends payments, and no shard answers those: only shards of {TRANSFER} send requests"
        );
        let ledger = NettedLedger::open(&self.ledger)?;
        let shard = self.to_shard.unwrap_or(ledger.index());
        let shard = u16::try_from(shard).with_context(|| format!("no shard {shard}"))?;
        let amount = self.amount;
        let payment = |(from, account)| {
            let fee = 0;
            let payment = Payment {
                account,
                shard,
                amount,
                fee,
            };
            (from, payment)
        };
        let payments: Vec<_> = self.turns(&ledger)?.into_iter().map(payment).collect();
        ledger.pay(&payments)?;
        println!("{} messages wait for a snapshot", ledger.shard.pending());
        Ok(())
    }

    /// Who pays whom.
    fn turns(&self, ledger: &NettedLedger) -> anyhow::Result<Vec<(u32, u32)>> {
        if let (Some(from), Some(to)) = (self.from, self.to) {
            return Ok(vec![(from.try_into()?, to.try_into()?)]);
        }
        let accounts = ledger.shard.store().accounts().len() as u64;
        let first = ledger.shard.pending() as u64;
        let turn = |nth: u64| ((nth % accounts) as u32, ((nth + 1) % accounts) as u32);
        Ok((first..first + self.count).map(turn).collect())
    }
}

fn pay(ledger: &mut Ledger, from: u64, to: u64, amount: u64) -> anyhow::Result<()> {
    let receiver = ledger.shard.ledger().account(to).map(|account| account.key);
    let receiver = receiver.with_context(|| format!("account {to} does not exist"))?;
    let signed = wallet(ledger, from)?.transfer(to, PublicKey::new(receiver)?, amount);
    Ok(ledger.shard.accept(&signed)?)
}

/// To another shard, naming the key that the account there has had since genesis, if it is that old; a netted shard knows it by its
/// u coordinate.
fn send(
    ledger: &mut Ledger,
    from: u64,
    (shard, to): (u32, u64),
    amount: u64,
    request: bool,
) -> anyhow::Result<()> {
    let keys = ledger.secrets.accounts.get(shard as usize);
    let place = usize::try_from(to).ok();
    let key = keys.zip(place).and_then(|(keys, place)| keys.get(place));
    let key = key.map(|secret| secret.public().coordinates());
    let there = ledger.genesis.shards().get(shard as usize);
    let netted = there.is_some_and(|shard| matches!(shard.start, Start::Netted(_)));
    let named = |key| match netted {
        true => account_key(key),
        false => key,
    };
    let mut wallet = wallet(ledger, from)?;
    let transfer = transfer::Transfer {
        receiver_key: key.map_or(Coordinates::NONE, named),
        request,
        ..wallet.send((shard, to), None, amount).transfer
    };
    Ok(ledger.shard.accept(&wallet.sign(transfer))?)
}

/// The client with that account.
fn wallet(ledger: &Ledger, from: u64) -> anyhow::Result<Wallet> {
    let index = ledger.shard.index();
    let keys = ledger.secrets.accounts.get(index as usize);
    let keys = keys.context("no such shard")?;
    let secret = usize::try_from(from).ok().and_then(|from| keys.get(from));
    let secret = secret.with_context(|| format!("no key for account {from}"))?;
    let account = ledger.shard.ledger().account(from);
    let ordinal = account.map_or(0, |account| account.ordinal);
    Ok(Wallet::new(secret.clone(), index, from, ordinal))
}

impl SnapshotCommand {
    fn run(self) -> anyhow::Result<()> {
        let mut ledger = ledger::open(&self.ledger)?;
        let operator = ledger.operator()?;
        let (bytes, _) = ledger.next(&operator)?;
        std::fs::write(&self.out, &bytes).with_context(|| self.out.display().to_string())?;
        println!("{} bytes in {}", bytes.len(), self.out.display());
        Ok(())
    }
}

impl Show {
    /// Bodies and digests as decimal numbers, as the author of a step needs them.
    fn program(self) -> anyhow::Result<()> {
        let shard = ProgramLedger::open(&self.ledger)?.shard;
        let chain = shard.chain();
        println!(
            "shard {} runs {}: {} events under way",
            chain.index(),
            shard.program(),
            chain.under_way().map_or(0, Snapshot::events)
        );
        show_leaf(chain.leaf());
        println!("body {}", chain.leaf().body);
        let seen = chain
            .seen()
            .map(|SeenState(state)| (state.epoch, state.digest()));
        let (epoch, digest) = seen.unwrap_or_default();
        println!("the next step has seen epoch {epoch}, digest {digest}");
        Ok(())
    }

    fn netted(self) -> anyhow::Result<()> {
        let ledger = NettedLedger::open(&self.ledger)?;
        let (shard, chain) = (&ledger.shard, ledger.shard.chain());
        println!(
            "shard {}: {} messages and {} of other shards wait for a snapshot, {} under way",
            chain.index(),
            shard.pending(),
            shard.queued(),
            chain.under_way().map_or(0, Snapshot::events)
        );
        show_leaf(chain.leaf());
        println!("account  balance  messages signed");
        for (index, account) in shard.store().accounts().iter().enumerate() {
            println!(
                "{index:>7}  {:>7}  {:>15}",
                account.balance, account.ordinal
            );
        }
        show_channels(shard.outbox(), shard.inbox());
        Ok(())
    }

    fn run(self) -> anyhow::Result<()> {
        if self.ledger.is_dir() {
            return self.netted();
        }
        if file::program(&self.ledger)?.is_some() {
            return self.program();
        }
        let Ledger { shard, .. } = Ledger::open(&self.ledger)?;
        let leaf = shard.leaf();
        println!(
            "shard {}: {} transfers and messages wait for a global state",
            shard.index(),
            shard.pending()
        );
        println!("state root {}", hex(&shard.ledger().root()));
        show_leaf(leaf);
        println!("account  balance  transfers signed");
        for (index, account) in shard.ledger().accounts() {
            println!(
                "{index:>7}  {:>7}  {:>16}",
                account.balance, account.ordinal
            );
        }
        show_channels(shard.outbox(), shard.inbox());
        Ok(())
    }
}

/// Messages to and from other shards, if there ever were any.
fn show_channels(outbox: &Outbox, inbox: &Inbox) {
    let sent = outbox.channels().map(|(other, _)| other);
    let others: BTreeSet<u32> = sent.chain(inbox.counts().map(|(other, _)| other)).collect();
    if others.is_empty() {
        return;
    }
    println!("shard  messages sent  of them kept  messages taken");
    for other in others {
        let channel = outbox.channel(other);
        let (sent, kept) = channel.map_or((0, 0), |channel| (channel.count(), channel.kept()));
        let taken = inbox.count(other);
        println!("{other:>5}  {sent:>13}  {kept:>12}  {taken:>14}");
    }
}

fn show_leaf(leaf: &Leaf) {
    println!(
        "in the latest global state: lamport {}, timestamp {}, seen epoch {}, supply {}",
        leaf.lamport, leaf.timestamp, leaf.seen_epoch, leaf.supply
    );
}

impl AddAccount {
    fn run(self) -> anyhow::Result<()> {
        let mut receipt = receipt::read(&self.receipt)?;
        let accounts = LedgerConfirmed::read(&self.ledger)?;
        let LedgerConfirmed { index, epoch, .. } = accounts;
        ensure!(
            receipt.shard.index == index,
            "a receipt of shard {}, but this is the ledger of shard {index}",
            receipt.shard.index
        );
        ensure!(
            receipt.shard.leaf == Some(*accounts.leaf()),
            "the receipt is of another leaf of shard {index} than the one of epoch {epoch}, the newest that the ledger knows",
        );
        (receipt.account, receipt.netted_account) = match accounts.account(self.account)? {
            ShardAccount::Reference(claim) => (Some(claim), None),
            ShardAccount::Netted(claim) => (None, Some(claim)),
        };
        let verified = receipt.verify().context("the receipt does not hold")?;
        receipt::write(&self.out, &receipt)?;
        let told = receipt::told(&receipt, &verified);
        println!("{told} in {}", self.out.display());
        Ok(())
    }
}

impl Serve {
    fn run(self) -> anyhow::Result<()> {
        ensure!(
            self.listen.address.is_some(),
            "where to listen? Give --listen ADDR"
        );
        let accounts = LedgerAccounts::read(self.ledger.clone())?;
        let index = accounts.index();
        let console = console(self.ledger, accounts);
        tokio::runtime::Runtime::new()?.block_on(async {
            let (stop, stopped) = watch::channel(false);
            shutdown::on_signal(stop);
            let listening = self.listen.start(console, stopped).await?;
            eprintln!("serving shard {index}");
            match listening {
                Some(listening) => Ok(listening.await?),
                None => Ok(()),
            }
        })
    }
}

fn console(ledger: PathBuf, accounts: LedgerAccounts) -> Console {
    let (accounts, deliveries) = (Arc::new(accounts), Arc::new(LedgerDeliveries::new(ledger)));
    let metrics = Metrics::new(Role::Shard, env!("CARGO_PKG_VERSION"));
    Console {
        ready: Arc::new(|| Ok(())),
        metrics: Arc::new(move || metrics.encode()),
        source: None,
        light: Some(Light::Shard(deliveries, accounts)),
    }
}
