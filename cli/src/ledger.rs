//! A reference shard on disk: `genesis.json`, `demo-seed`, `shard-<i>.json` and `shard-<i>.key` in one folder.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, ensure};
use ed25519_dalek::SigningKey;
use trifold_circuits::genesis::{
    DemoSecrets, Genesis, GenesisProgram, GenesisShard, NettedProgram, NettedStart, OperatorKey,
    ProgramStart, Start,
};
use trifold_circuits::schnorr::SecretKey;
use trifold_shard::netted::NettedShard;
use trifold_shard::store::Settings;
use trifold_shard::{Delivery, ProgramShard, Shard, file, key};
use trifold_verifier::Fr;
use trifold_verifier::verified::VerifiedState;

use crate::bounded;
use crate::netted::NettedLedger;
use crate::network::read_genesis;
use crate::program_ledger::ProgramLedger;
use crate::time::now_milliseconds;

/// Name of the genesis file.
pub const GENESIS: &str = "genesis.json";
/// The seed that the accounts of a demo network follow from.
const SEED: &str = "demo-seed";
/// Longest seed file read, in bytes: three numbers.
const MAX_SEED_BYTES: u64 = 64;

/// A shard's file with what lies beside it.
pub struct Ledger {
    path: PathBuf,
    pub genesis: Genesis,
    pub secrets: DemoSecrets,
    pub shard: Shard,
}

/// A shard that this machine keeps, whatever its program: what its operator needs to submit for it.
pub trait Submits {
    fn index(&self) -> u32;

    /// Epoch of the latest global state observed; 0 before the first.
    fn latest_epoch(&self) -> u64;

    /// Takes in a verified global state with the shard's path under its root, and remembers it.
    fn observe(&mut self, verified: &VerifiedState, siblings: Vec<[Fr; 2]>) -> anyhow::Result<()>;

    /// The signed bytes of the snapshot under way, or of a new one, and the blobs that its parts are proven from; remembered
    /// before anybody sees them.
    fn next(&mut self, operator: &SigningKey) -> anyhow::Result<(Vec<u8>, Vec<Vec<u8>>)>;

    fn genesis(&self) -> &Genesis;

    /// The operator's key, out of the file beside the ledger.
    ///
    /// # Errors
    /// The file is not there, others may read it, or it is not the key in the genesis file.
    fn operator(&self) -> anyhow::Result<SigningKey>;
}

/// A shard that this machine keeps, which has channels to others.
pub trait Exchanges {
    /// Takes what another shard has for it, and remembers that; says how many messages there were.
    fn receive(&mut self, delivery: &Delivery) -> anyhow::Result<usize>;

    /// Transfers and messages that no global state holds yet.
    fn waiting(&self) -> usize;
}

/// Opens the ledger at `path`, which has channels: a file of a `transfer` shard, or the folder of a netted one.
pub fn open_exchanging(path: &Path) -> anyhow::Result<Box<dyn Exchanges>> {
    match path.is_dir() {
        true => Ok(Box::new(NettedLedger::open(path)?)),
        false => Ok(Box::new(Ledger::open(path)?)),
    }
}

/// Opens the ledger at `path`: a file of a `transfer` shard or of one whose program is not ours, or the folder of a netted
/// one.
pub fn open(path: &Path) -> anyhow::Result<Box<dyn Submits>> {
    if path.is_dir() {
        return Ok(Box::new(NettedLedger::open(path)?));
    }
    match file::program(path)? {
        Some(_) => Ok(Box::new(ProgramLedger::open(path)?)),
        None => Ok(Box::new(Ledger::open(path)?)),
    }
}

impl Submits for Ledger {
    fn index(&self) -> u32 {
        self.shard.index()
    }

    fn latest_epoch(&self) -> u64 {
        self.shard.latest_epoch()
    }

    fn observe(&mut self, verified: &VerifiedState, siblings: Vec<[Fr; 2]>) -> anyhow::Result<()> {
        self.shard.observe(verified, siblings)?;
        self.save()
    }

    fn next(&mut self, operator: &SigningKey) -> anyhow::Result<(Vec<u8>, Vec<Vec<u8>>)> {
        let snapshot = self.shard.snapshot(now_milliseconds())?;
        let snapshot =
            snapshot.context("nothing to submit: no transfer since the last snapshot")?;
        let bytes = snapshot.sign(operator)?;
        self.save()?;
        Ok((bytes, Vec::new()))
    }

    fn genesis(&self) -> &Genesis {
        &self.genesis
    }

    fn operator(&self) -> anyhow::Result<SigningKey> {
        operator(&self.path, &self.genesis, self.shard.index())
    }
}

impl Exchanges for Ledger {
    fn receive(&mut self, delivery: &Delivery) -> anyhow::Result<usize> {
        let taken = self.shard.receive(delivery, now_milliseconds())?;
        self.save()?;
        Ok(taken)
    }

    fn waiting(&self) -> usize {
        self.shard.pending()
    }
}

/// The operator's key of a shard, out of `shard-<i>.key` beside its ledger.
pub fn operator(ledger: &Path, genesis: &Genesis, index: u32) -> anyhow::Result<SigningKey> {
    let path = key_path(ledger);
    let key = key::load(&path)?;
    let registered = genesis.shard(index)?.operator;
    ensure!(
        key.verifying_key() == registered.0,
        "{}: not the key of shard {index} in {GENESIS}",
        path.display()
    );
    Ok(key)
}

impl Ledger {
    /// Opens `shard-<i>.json` of a demo network's folder.
    pub fn open(path: &Path) -> anyhow::Result<Self> {
        let folder = path.parent().unwrap_or(Path::new("."));
        let genesis = read_genesis(&folder.join(GENESIS))?;
        let secrets = read_secrets(folder, &genesis)?;
        Ok(Self {
            path: path.into(),
            genesis,
            secrets,
            shard: file::load(path)?,
        })
    }

    /// Replaces the file.
    pub fn save(&self) -> anyhow::Result<()> {
        Ok(file::save(&self.shard, &self.path)?)
    }
}

/// What a network for trying things out is made of.
pub struct Demo {
    pub seed: u64,
    /// Shards of `transfer`.
    pub shards: u32,
    /// Accounts of each shard of one of our programs.
    pub accounts: u32,
    pub balance: u64,
}

/// What a network has after its shards of `transfer`, in this order.
#[derive(Default)]
pub struct Beside {
    pub netted: Option<NettedShards>,
    /// Programs that are not ours, and the shards that run them.
    pub programs: Vec<GenesisProgram>,
    pub starts: Vec<ProgramStart>,
}

/// Netted shards, whose first account takes the fees.
pub struct NettedShards {
    pub program: NettedProgram,
    pub shards: u32,
    /// Levels of the account tries.
    pub depth: u8,
}

/// Writes a demo network: the genesis file, the seed of its accounts, and for each shard a ledger and its operator's key.
pub fn create(folder: &Path, demo: &Demo, beside: Beside, transfer: Fr) -> anyhow::Result<Genesis> {
    let file = folder.join(GENESIS);
    ensure!(!file.exists(), "{} exists already", file.display());
    let (genesis, operators) = genesis(demo, beside)?;
    fs::create_dir_all(folder).with_context(|| folder.display().to_string())?;
    for (index, operator) in (0..).zip(&operators) {
        let path = folder.join(format!("shard-{index}"));
        key::create(operator, &key_path(&path))?;
        create_shard(&genesis, index, transfer, &path)?;
    }
    let Demo {
        seed,
        accounts,
        balance,
        ..
    } = demo;
    let seed_file = folder.join(SEED);
    let text = format!("{seed} {accounts} {balance}\n");
    fs::write(&seed_file, text).with_context(|| seed_file.display().to_string())?;
    fs::write(&file, genesis.to_json()?).with_context(|| file.display().to_string())?;
    Ok(genesis)
}

/// The network, with fresh keys of its operators.
fn genesis(demo: &Demo, beside: Beside) -> anyhow::Result<(Genesis, Vec<SigningKey>)> {
    let Beside {
        netted,
        programs,
        starts,
    } = beside;
    let foreign = starts.into_iter().map(Start::Program);
    let starts: Vec<Start> = our_starts(demo, netted.as_ref()).chain(foreign).collect();
    let operators: Vec<SigningKey> = starts.iter().map(|_| fresh_key()).collect();
    let shard = |(start, operator): (Start, &SigningKey)| GenesisShard {
        operator: OperatorKey(operator.verifying_key()),
        start,
    };
    let shards = starts.into_iter().zip(&operators).map(shard).collect();
    let netted = netted.map(|netted| netted.program);
    Ok((Genesis::with_netted(netted, programs, shards)?, operators))
}

fn our_starts(demo: &Demo, netted: Option<&NettedShards>) -> impl Iterator<Item = Start> {
    let (more, depth) = netted.map_or((0, 0), |netted| (netted.shards, netted.depth));
    let secrets = DemoSecrets::derive(demo.seed, demo.shards + more, demo.accounts);
    let transfers = demo.shards as usize;
    let start = move |(index, accounts)| match index < transfers {
        true => Start::Accounts(accounts),
        false => Start::Netted(NettedStart {
            accounts,
            depth,
            collector: 0,
        }),
    };
    let holdings: Vec<_> = secrets.holdings(demo.balance).collect();
    holdings.into_iter().enumerate().map(start)
}

/// A file, or a netted shard's folder; `path` has no extension yet.
fn create_shard(genesis: &Genesis, index: u32, transfer: Fr, path: &Path) -> anyhow::Result<()> {
    let file = path.with_extension("json");
    match genesis.shard(index)?.start {
        Start::Accounts(_) => file::save(&Shard::genesis(genesis, index, transfer)?, &file)?,
        Start::Netted(_) => {
            NettedShard::create(path, genesis, index, transfer, Settings::default())?;
        }
        Start::Program(_) => {
            let shard = ProgramShard::genesis(genesis, index, transfer)?;
            file::save_program(&shard, &file)?;
        }
    }
    Ok(())
}

fn key_path(ledger: &Path) -> PathBuf {
    ledger.with_extension("key")
}

fn fresh_key() -> SigningKey {
    SigningKey::from_bytes(&rand::random())
}

/// The secrets of a demo network's accounts, which follow from the seed beside its genesis file.
pub fn read_secrets(folder: &Path, genesis: &Genesis) -> anyhow::Result<DemoSecrets> {
    let file = folder.join(SEED);
    let text = String::from_utf8(bounded::read(&file, MAX_SEED_BYTES)?)?;
    let numbers: Vec<u64> = text
        .split_whitespace()
        .map_while(|word| word.parse().ok())
        .collect();
    let malformed = || format!("{}: not a demo network's seed", file.display());
    let [seed, accounts, _] = numbers.try_into().ok().with_context(malformed)?;
    let accounts = u32::try_from(accounts).with_context(malformed)?;
    let secrets = DemoSecrets::derive(seed, genesis.shards().len() as u32, accounts);
    // The shards of programs that are not ours come last and have no accounts.
    let registered = genesis.shards().iter().map(|shard| &shard.start);
    let registered = registered.filter(|start| !matches!(start, Start::Program(_)));
    let registered = registered.map(Start::accounts);
    let ours = secrets
        .accounts
        .iter()
        .zip(registered)
        .all(|(keys, accounts)| {
            let keys = keys.iter().map(SecretKey::public);
            keys.eq(accounts.iter().map(|account| account.key))
        });
    ensure!(
        ours,
        "{}: the seed is not that of {GENESIS} beside it",
        file.display()
    );
    Ok(secrets)
}
