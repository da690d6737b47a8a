//! A reference shard on disk: `genesis.json`, `demo-seed`, `shard-<i>.json` and `shard-<i>.key` in one folder.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, ensure};
use ed25519_dalek::SigningKey;
use trifold_circuits::genesis::{DemoSecrets, Genesis, OperatorKey};
use trifold_shard::{Shard, file, key};

use crate::bounded;
use crate::network::read_genesis;

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

    /// The operator's key, out of `shard-<i>.key` beside the ledger.
    ///
    /// # Errors
    /// The file is not there, others may read it, or it is not the key in the genesis file.
    pub fn operator(&self) -> anyhow::Result<SigningKey> {
        let path = key_path(&self.path);
        let key = key::load(&path)?;
        let registered = self.genesis.shard(self.shard.index())?.operator;
        ensure!(
            key.verifying_key() == registered.0,
            "{}: not the key of shard {} in {GENESIS}",
            path.display(),
            self.shard.index()
        );
        Ok(key)
    }

    /// Replaces the file.
    pub fn save(&self) -> anyhow::Result<()> {
        Ok(file::save(&self.shard, &self.path)?)
    }
}

/// Writes a demo network: the genesis file, the seed of its accounts, and for each shard a ledger and its operator's key.
pub fn create(
    folder: &Path,
    seed: u64,
    shards: u32,
    accounts: u32,
    balance: u64,
    program: trifold_verifier::Fr,
) -> anyhow::Result<Genesis> {
    let file = folder.join(GENESIS);
    ensure!(!file.exists(), "{} exists already", file.display());
    fs::create_dir_all(folder).with_context(|| folder.display().to_string())?;
    let (genesis, _) = Genesis::demo(seed, shards, accounts, balance)?;
    let operators: Vec<_> = (0..shards).map(|_| fresh_key()).collect();
    let genesis = genesis.with_operators(operators.iter().map(public));
    for (index, operator) in (0..).zip(&operators) {
        let (shard, path) = (
            Shard::genesis(&genesis, index, program)?,
            folder.join(format!("shard-{index}.json")),
        );
        key::create(operator, &key_path(&path))?;
        file::save(&shard, &path)?;
    }
    let seed_file = folder.join(SEED);
    let text = format!("{seed} {accounts} {balance}\n");
    fs::write(&seed_file, text).with_context(|| seed_file.display().to_string())?;
    fs::write(&file, genesis.to_json()?).with_context(|| file.display().to_string())?;
    Ok(genesis)
}

fn key_path(ledger: &Path) -> PathBuf {
    ledger.with_extension("key")
}

fn public(operator: &SigningKey) -> OperatorKey {
    OperatorKey(operator.verifying_key())
}

fn fresh_key() -> SigningKey {
    SigningKey::from_bytes(&rand::random())
}

fn read_secrets(folder: &Path, genesis: &Genesis) -> anyhow::Result<DemoSecrets> {
    let file = folder.join(SEED);
    let text = String::from_utf8(bounded::read(&file, MAX_SEED_BYTES)?)?;
    let numbers: Vec<u64> = text
        .split_whitespace()
        .map_while(|word| word.parse().ok())
        .collect();
    let malformed = || format!("{}: not a demo network's seed", file.display());
    let [seed, accounts, balance] = numbers.try_into().ok().with_context(malformed)?;
    let accounts = u32::try_from(accounts).with_context(malformed)?;
    let shards = genesis.shards().len() as u32;
    let (demo, secrets) = Genesis::demo(seed, shards, accounts, balance)?;
    let operators = genesis.shards().iter().map(|shard| shard.operator);
    ensure!(
        demo.with_operators(operators) == *genesis,
        "{}: the seed is not that of {GENESIS} beside it",
        file.display()
    );
    Ok(secrets)
}
