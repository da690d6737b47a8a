//! The genesis file: the shards a network starts with, their operators and accounts.

use crate::schnorr::{PublicKey, SecretKey};
use crate::transfer::{self, Size};
use crate::trie::{SparseTrie, TrieError};
use ark_bn254::Fr;
use ed25519_dalek::{SigningKey, VerifyingKey};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use trifold_verifier::statement::{GlobalState, Leaf, MAX_DEPTH};

/// Version of the file format.
pub const GENESIS_VERSION: u32 = 1;
/// Longest genesis file read, in bytes.
pub const MAX_GENESIS_BYTES: usize = 1 << 30;

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
    #[error(transparent)]
    Trie(#[from] TrieError),
}

/// Shards in order of their index in the global trie.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Genesis {
    version: u32,
    shards: Vec<GenesisShard>,
}

/// One shard at genesis.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct GenesisShard {
    /// Who may submit the shard's snapshots.
    pub operator: OperatorKey,
    /// In order of their position in the state trie.
    pub accounts: Vec<GenesisAccount>,
}

/// One account at genesis.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct GenesisAccount {
    pub key: PublicKey,
    pub balance: u64,
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
    /// A network of these shards.
    pub fn new(shards: Vec<GenesisShard>) -> Result<Self, GenesisError> {
        let genesis = Self {
            version: GENESIS_VERSION,
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
        let operator = |shard| SigningKey::from_bytes(&demo_seed(seed, "operator", shard, 0));
        let account =
            |shard, index| SecretKey::from_seed(&demo_seed(seed, "account", shard, index));
        let secrets = DemoSecrets {
            operators: (0..shards).map(operator).collect(),
            accounts: (0..shards)
                .map(|shard| (0..accounts).map(|index| account(shard, index)).collect())
                .collect(),
        };
        let public = |key: &SecretKey| GenesisAccount {
            key: key.public(),
            balance,
        };
        let pairs = secrets.operators.iter().zip(&secrets.accounts);
        let shard = |(operator, keys): (&SigningKey, &Vec<SecretKey>)| GenesisShard {
            operator: OperatorKey(operator.verifying_key()),
            accounts: keys.iter().map(public).collect(),
        };
        Ok((Self::new(pairs.map(shard).collect())?, secrets))
    }

    /// The same network with the keys of its shards' operators replaced, in order; the first shards, if there are fewer.
    pub fn with_operators(mut self, operators: impl IntoIterator<Item = OperatorKey>) -> Self {
        for (shard, operator) in self.shards.iter_mut().zip(operators) {
            shard.operator = operator;
        }
        self
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

    /// The leaves by index, when all shards run `program`.
    pub fn leaves(&self, program: Fr) -> Result<Vec<Leaf>, GenesisError> {
        self.shards
            .iter()
            .map(|shard| shard.leaf(program))
            .collect()
    }

    /// The global trie over [`Genesis::leaves`].
    pub fn trie(&self, program: Fr) -> Result<SparseTrie, GenesisError> {
        let mut trie = SparseTrie::new(self.depth().into())?;
        for (index, leaf) in (0..).zip(self.leaves(program)?) {
            trie.set(index, leaf.digest())?;
        }
        Ok(trie)
    }

    /// G_0, whose digest names the network.
    pub fn global_state(&self, program: Fr) -> Result<GlobalState, GenesisError> {
        Ok(GlobalState::genesis(
            self.depth(),
            self.trie(program)?.root(),
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
        let counts = self
            .shards
            .iter()
            .map(|shard| shard.accounts.len())
            .enumerate();
        let mut over = counts.filter(|(_, accounts)| *accounts as u64 > Size::DEPLOYED.capacity());
        over.next().map_or(Ok(()), |(shard, accounts)| {
            Err(GenesisError::Accounts { shard, accounts })
        })
    }
}

impl GenesisShard {
    /// The state trie over the accounts.
    pub fn state(&self) -> Result<SparseTrie, GenesisError> {
        let mut trie = SparseTrie::new(Size::DEPLOYED.depth)?;
        for (index, account) in (0..).zip(&self.accounts) {
            trie.set(
                index,
                transfer::account(account.key.coordinates(), account.balance, 0),
            )?;
        }
        Ok(trie)
    }

    /// Sum of the balances, below 2^96 because the accounts are fewer than 2^32.
    pub fn supply(&self) -> u128 {
        self.accounts
            .iter()
            .map(|account| u128::from(account.balance))
            .sum()
    }

    /// The shard's first leaf.
    pub fn leaf(&self, program: Fr) -> Result<Leaf, GenesisError> {
        let body = transfer::body(self.state()?.root()).digest();
        Ok(Leaf::genesis(program, body, self.supply()))
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
mod tests {
    use super::*;

    fn demo(shards: u32) -> Genesis {
        Genesis::demo(7, shards, 3, 100).unwrap().0
    }

    #[test]
    fn the_file_round_trips_and_names_the_network() {
        let genesis = demo(4);
        let text = genesis.to_json().unwrap();
        let read = Genesis::from_json(text.as_bytes()).unwrap();
        assert_eq!(read, genesis);
        assert_eq!(read.depth(), 2);
        let program = Fr::from(5);
        let digest = |genesis: &Genesis| genesis.global_state(program).unwrap().digest();
        assert_eq!(digest(&read), digest(&genesis));
        assert_ne!(digest(&demo(3)), digest(&genesis));
        assert_eq!(read.leaves(program).unwrap()[0].supply, 300);
    }

    #[test]
    fn bad_files_get_specific_errors() {
        let text = demo(1).to_json().unwrap();
        let read = |text: String| Genesis::from_json(text.as_bytes()).unwrap_err();
        assert!(matches!(
            read(text.replace("\"version\": 1", "\"version\": 2")),
            GenesisError::Version(2)
        ));
        assert!(matches!(read("{".into()), GenesisError::Malformed(_)));
        assert!(matches!(
            Genesis::new(vec![]).unwrap_err(),
            GenesisError::Shards { shards: 0 }
        ));
        let operator: String = demo(1).shards[0].operator.into();
        let without = text.replace(&format!("\"operator\": \"{operator}\","), "");
        assert!(
            read(without)
                .to_string()
                .contains("missing field `operator`")
        );
        let weak = "01".to_string() + &"00".repeat(31);
        assert!(
            read(text.replace(&operator, &weak))
                .to_string()
                .contains("small order")
        );
        let x = text.find("\"x\": \"").unwrap() + 6;
        let off_curve = format!(
            "{}{}{}",
            &text[..x],
            "11".repeat(31) + "00",
            &text[x + 64..]
        );
        assert!(
            read(off_curve)
                .to_string()
                .contains("not a point of the curve")
        );
        assert!(matches!(
            demo(1).shard(1).unwrap_err(),
            GenesisError::UnknownShard {
                shard: 1,
                shards: 1
            }
        ));
    }
}
