//! The genesis file: the shards a network starts with, their operators and accounts, and the programs that it admits.

mod netted;
mod program;
mod shard;

pub use netted::{Netted, NettedProgram, NettedStart};
pub use program::GenesisProgram;
pub use shard::{GenesisAccount, GenesisShard, ProgramStart, Start};

use crate::groth16::VkError;
use crate::netted::accounts::AccountsError;
use crate::schnorr::SecretKey;
use crate::transfer::Size;
use crate::trie::{SparseTrie, TrieError};
use ark_bn254::Fr;
use ark_ff::PrimeField;
use ed25519_dalek::{SigningKey, VerifyingKey};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use trifold_verifier::statement::{GlobalState, Leaf, MAX_DEPTH, REGISTRY_DEPTH, SUPPLY_BITS};
use trifold_verifier::trie::Path;

/// Version of the file format.
pub const GENESIS_VERSION: u32 = 1;
/// Longest genesis file read, in bytes.
pub const MAX_GENESIS_BYTES: usize = 1 << 30;
/// The program of the reference shard, which every network admits.
pub const TRANSFER: &str = "transfer";
/// The netted program, which a network admits where its genesis holds the keys.
pub const NETTED: &str = "netted";
/// The registry's place for `transfer`; `netted` follows where it is admitted, and then the file's own programs.
const TRANSFER_PLACE: u64 = 0;
/// Programs that are not ours, at most.
pub const MAX_PROGRAMS: usize = 3usize.pow(REGISTRY_DEPTH as u32) - 2;
/// Longest name of a program, in bytes.
pub const MAX_PROGRAM_NAME_BYTES: usize = 64;
/// Circuits of every network, whose names no program may have.
const BUILT_IN: [&str; 4] = [TRANSFER, NETTED, "merge", "nest"];

/// Why a genesis was refused.
#[derive(Debug, thiserror::Error)]
pub enum GenesisError {
    #[error("genesis file of {bytes} bytes exceeds {MAX_GENESIS_BYTES}")]
    TooLong { bytes: usize },
    #[error("genesis file is malformed: {0}")]
    Malformed(#[from] serde_json::Error),
    #[error("genesis file has version {0}, this build reads {GENESIS_VERSION}")]
    Version(u32),
    #[error("{shards} shards do not fit a global trie of 1 to {MAX_DEPTH} levels")]
    Shards { shards: usize },
    #[error("shard {shard} has {accounts} accounts, more than {}", Size::DEPLOYED.capacity())]
    Accounts { shard: usize, accounts: usize },
    #[error("shard {shard} does not exist; genesis has {shards}")]
    UnknownShard { shard: u32, shards: usize },
    #[error("shard {shard} starts with a supply of {supply}, which is not below 2^{SUPPLY_BITS}")]
    Supply { shard: usize, supply: u128 },
    #[error(
        "shard {shard} runs {program:?}, which the genesis does not admit; it admits {admitted}"
    )]
    UnknownProgram {
        shard: usize,
        program: String,
        admitted: String,
    },
    #[error(
        "shards {first} and {second} run {one} and {other}, but merge together: one merge verifies its three proofs under \
         one key, so shards 3k to 3k+2 run one program"
    )]
    MixedTriad {
        first: usize,
        second: usize,
        one: String,
        other: String,
    },
    #[error(
        "{programs} programs beside ours, more than the {MAX_PROGRAMS} that the registry holds"
    )]
    Programs { programs: usize },
    #[error(
        "{name:?} can't be a program's name: 1 to {MAX_PROGRAM_NAME_BYTES} letters, digits, - and _, and none of {}",
        BUILT_IN.join(", ")
    )]
    ProgramName { name: String },
    #[error("program {name} is listed twice")]
    ProgramTwice { name: String },
    #[error("programs {one} and {other} have the same key")]
    SameKey { one: String, other: String },
    #[error("the key of program {name}: {source}")]
    ProgramKey { name: String, source: VkError },
    #[error("there are netted shards, and no keys of their parts")]
    PartKeys,
    #[error("the key of {0}, a circuit of netted parts, is missing")]
    PartKey(&'static str),
    #[error("shard {shard} has {accounts} accounts, its trie holds {capacity}")]
    NettedAccounts {
        shard: usize,
        accounts: u64,
        capacity: u64,
    },
    #[error("shard {shard}: account {collector} takes the fees and does not exist")]
    Collector { shard: usize, collector: u32 },
    #[error(transparent)]
    AccountTrie(#[from] AccountsError),
    #[error(transparent)]
    Trie(#[from] TrieError),
}

/// Programs in the order of the registry, shards in order of their index in the global trie.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Genesis {
    version: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    netted: Option<NettedProgram>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    programs: Vec<GenesisProgram>,
    shards: Vec<GenesisShard>,
}

/// An operator's Ed25519 public key, hex in text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(try_from = "String", into = "String")]
pub struct OperatorKey(pub VerifyingKey);

/// The secret halves of [`Genesis::demo`].
#[derive(Debug)]
pub struct DemoSecrets {
    /// By shard.
    pub operators: Vec<SigningKey>,
    /// By shard and account.
    pub accounts: Vec<Vec<SecretKey>>,
}

impl Genesis {
    /// A network of these shards, which admits these programs beside `transfer`.
    pub fn new(
        programs: Vec<GenesisProgram>,
        shards: Vec<GenesisShard>,
    ) -> Result<Self, GenesisError> {
        Self::with_netted(None, programs, shards)
    }

    /// The same, which may admit the netted program.
    pub fn with_netted(
        netted: Option<NettedProgram>,
        programs: Vec<GenesisProgram>,
        shards: Vec<GenesisShard>,
    ) -> Result<Self, GenesisError> {
        let genesis = Self {
            version: GENESIS_VERSION,
            netted,
            programs,
            shards,
        };
        genesis.check()?;
        Ok(genesis)
    }

    /// Reads a genesis file.
    pub fn from_json(text: &[u8]) -> Result<Self, GenesisError> {
        if text.len() > MAX_GENESIS_BYTES {
            return Err(GenesisError::TooLong { bytes: text.len() });
        }
        let genesis: Self = serde_json::from_slice(text)?;
        genesis.check()?;
        Ok(genesis)
    }

    /// The text of the genesis file.
    pub fn to_json(&self) -> Result<String, GenesisError> {
        Ok(serde_json::to_string_pretty(self)?)
    }

    /// A network for trying things out: everything follows from `seed`, so none of its keys is secret.
    pub fn demo(
        seed: u64,
        shards: u32,
        accounts: u32,
        balance: u64,
    ) -> Result<(Self, DemoSecrets), GenesisError> {
        let secrets = DemoSecrets::derive(seed, shards, accounts);
        let operators = secrets.operators.iter();
        let shard = |(operator, accounts): (&SigningKey, _)| GenesisShard {
            operator: OperatorKey(operator.verifying_key()),
            start: Start::Accounts(accounts),
        };
        let shards = operators.zip(secrets.holdings(balance)).map(shard);
        Ok((Self::new(Vec::new(), shards.collect())?, secrets))
    }

    /// The netted program, if the network admits it.
    pub fn netted_program(&self) -> Option<&NettedProgram> {
        self.netted.as_ref()
    }

    /// What netted shards go by, if the network admits them.
    pub fn netted(&self) -> Result<Option<Netted>, GenesisError> {
        let Some(program) = &self.netted else {
            return Ok(None);
        };
        Ok(Some(Netted {
            network: self.name()?,
            keys: program.part_keys()?,
        }))
    }

    /// Names the network before there is a state: SHA-256 of the file's canonical text, 31 bytes of it. The state of a netted
    /// shard holds it, so it can't be the digest of G_0.
    fn name(&self) -> Result<Fr, GenesisError> {
        let digest = Sha256::digest(self.to_json()?);
        Ok(Fr::from_be_bytes_mod_order(&digest[..31]))
    }

    /// The programs that are not ours and that the network admits, in the order of the registry.
    pub fn programs(&self) -> &[GenesisProgram] {
        &self.programs
    }

    /// The key digest of the program of a shard that starts so; `transfer` is that of the program of this name.
    fn program(
        &self,
        index: usize,
        shard: &GenesisShard,
        transfer: Fr,
    ) -> Result<Fr, GenesisError> {
        match shard.start.program() {
            TRANSFER => Ok(transfer),
            NETTED => Ok(self.admitted_netted(index)?.digest()),
            name => Ok(self.listed(index, name)?.digest()),
        }
    }

    fn listed(&self, shard: usize, name: &str) -> Result<&GenesisProgram, GenesisError> {
        let found = self.programs.iter().find(|listed| listed.name() == name);
        found.ok_or_else(|| self.not_admitted(shard, name))
    }

    fn admitted_netted(&self, shard: usize) -> Result<&NettedProgram, GenesisError> {
        let found = self.netted.as_ref();
        found.ok_or_else(|| self.not_admitted(shard, NETTED))
    }

    fn not_admitted(&self, shard: usize, name: &str) -> GenesisError {
        let netted = self.netted.iter().map(|_| NETTED);
        let names = self.programs.iter().map(GenesisProgram::name);
        let admitted: Vec<&str> = [TRANSFER].into_iter().chain(netted).chain(names).collect();
        GenesisError::UnknownProgram {
            shard,
            program: name.into(),
            admitted: admitted.join(", "),
        }
    }

    /// The key digests of all programs with their places in the registry, whose root is also given.
    ///
    /// # Errors
    /// A program has the key of one of ours.
    pub fn registry(&self, transfer: Fr) -> Result<(Fr, Vec<(Fr, Path)>), GenesisError> {
        let netted = self.netted.iter().map(NettedProgram::digest);
        let ours: Vec<Fr> = [transfer].into_iter().chain(netted).collect();
        let names = [TRANSFER, NETTED].into_iter().zip(&ours);
        for (name, key) in names {
            let same = self.programs.iter().find(|listed| listed.digest() == *key);
            if let Some(same) = same {
                let (one, other) = (name.into(), same.name().into());
                return Err(GenesisError::SameKey { one, other });
            }
        }
        let listed = self.programs.iter().map(GenesisProgram::digest);
        let keys: Vec<(u64, Fr)> = (TRANSFER_PLACE..)
            .zip(ours.into_iter().chain(listed))
            .collect();
        let mut registry = SparseTrie::new(REGISTRY_DEPTH)?;
        registry.set_many(keys.iter().copied())?;
        let place = |(index, key): (u64, Fr)| {
            let siblings = registry.path(index)?;
            Ok((key, Path { index, siblings }))
        };
        let places = keys
            .into_iter()
            .map(place)
            .collect::<Result<_, TrieError>>()?;
        Ok((registry.root(), places))
    }

    /// Shards in order of their index.
    pub fn shards(&self) -> &[GenesisShard] {
        &self.shards
    }

    /// One shard.
    pub fn shard(&self, shard: u32) -> Result<&GenesisShard, GenesisError> {
        let unknown = GenesisError::UnknownShard {
            shard,
            shards: self.shards.len(),
        };
        self.shards.get(shard as usize).ok_or(unknown)
    }

    /// D_0: fewest levels that hold the shards.
    pub fn depth(&self) -> u8 {
        let holds = |depth: &u8| 3usize.pow((*depth).into()) >= self.shards.len();
        (1..MAX_DEPTH).find(holds).unwrap_or(MAX_DEPTH)
    }

    /// The leaves by index; `transfer` is the key digest of the program of this name.
    pub fn leaves(&self, transfer: Fr) -> Result<Vec<Leaf>, GenesisError> {
        let netted = self.netted()?;
        let shards = self.shards.iter().enumerate();
        shards
            .map(|(index, shard)| {
                let program = self.program(index, shard, transfer)?;
                shard.leaf(program, netted.as_ref())
            })
            .collect()
    }

    /// The first leaf of one shard.
    pub fn leaf(&self, index: u32, transfer: Fr) -> Result<Leaf, GenesisError> {
        let shard = self.shard(index)?;
        let program = self.program(index as usize, shard, transfer)?;
        shard.leaf(program, self.netted()?.as_ref())
    }

    /// The global trie over [`Genesis::leaves`].
    pub fn trie(&self, transfer: Fr) -> Result<SparseTrie, GenesisError> {
        let mut trie = SparseTrie::new(self.depth().into())?;
        for (index, leaf) in (0..).zip(self.leaves(transfer)?) {
            trie.set(index, leaf.digest())?;
        }
        Ok(trie)
    }

    /// G_0, whose digest names the network.
    pub fn global_state(&self, transfer: Fr) -> Result<GlobalState, GenesisError> {
        Ok(GlobalState::genesis(
            self.depth(),
            self.trie(transfer)?.root(),
        ))
    }

    fn check(&self) -> Result<(), GenesisError> {
        let shards = self.shards.len();
        if self.version != GENESIS_VERSION {
            return Err(GenesisError::Version(self.version));
        }
        if shards == 0 || shards > 3usize.pow(MAX_DEPTH.into()) {
            return Err(GenesisError::Shards { shards });
        }
        program::check(&self.programs)?;
        for (index, shard) in self.shards.iter().enumerate() {
            shard.check(index)?;
            self.check_program(index, shard)?;
        }
        self.shards.chunks(3).enumerate().try_for_each(check_triad)
    }

    fn check_program(&self, index: usize, shard: &GenesisShard) -> Result<(), GenesisError> {
        match shard.start.program() {
            TRANSFER => Ok(()),
            NETTED => self.admitted_netted(index).map(drop),
            name => self.listed(index, name).map(drop),
        }
    }
}

impl DemoSecrets {
    /// The secrets that follow from `seed`: of each shard's operator, and of so many accounts a shard.
    pub fn derive(seed: u64, shards: u32, accounts: u32) -> Self {
        let operator = |shard| SigningKey::from_bytes(&demo_seed(seed, "operator", shard, 0));
        let account =
            |shard, index| SecretKey::from_seed(&demo_seed(seed, "account", shard, index));
        let accounts = |shard| (0..accounts).map(|index| account(shard, index)).collect();
        Self {
            operators: (0..shards).map(operator).collect(),
            accounts: (0..shards).map(accounts).collect(),
        }
    }

    /// By shard: the accounts that these are the secrets of, each with `balance`.
    pub fn holdings(&self, balance: u64) -> impl Iterator<Item = Vec<GenesisAccount>> {
        let public = move |key: &SecretKey| GenesisAccount {
            key: key.public(),
            balance,
        };
        let shards = self.accounts.iter();
        shards.map(move |keys| keys.iter().map(public).collect())
    }
}

/// Shards that merge together run one program.
fn check_triad((triad, shards): (usize, &[GenesisShard])) -> Result<(), GenesisError> {
    let names: Vec<&str> = shards.iter().map(|shard| shard.start.program()).collect();
    match names.iter().position(|name| *name != names[0]) {
        None => Ok(()),
        Some(place) => Err(GenesisError::MixedTriad {
            first: 3 * triad,
            second: 3 * triad + place,
            one: names[0].into(),
            other: names[place].into(),
        }),
    }
}

impl From<OperatorKey> for String {
    fn from(key: OperatorKey) -> Self {
        hex::encode(key.0.as_bytes())
    }
}

impl TryFrom<String> for OperatorKey {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let mut bytes = [0; 32];
        hex::decode_to_slice(text, &mut bytes).map_err(|error| format!("operator key: {error}"))?;
        let key =
            VerifyingKey::from_bytes(&bytes).map_err(|error| format!("operator key: {error}"))?;
        match key.is_weak() {
            true => Err("operator key: of small order".into()),
            false => Ok(Self(key)),
        }
    }
}

fn demo_seed(seed: u64, role: &str, shard: u32, index: u32) -> [u8; 32] {
    let text = format!("trifold/demo/v1/{seed}/{role}/{shard}/{index}");
    Sha256::digest(text).into()
}

#[cfg(test)]
mod tests;
