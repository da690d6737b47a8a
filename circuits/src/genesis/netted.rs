//! The netted program at genesis: the keys that its proofs and their parts verify under, and what its shards start from.

use super::{GenesisAccount, GenesisError, program};
use crate::montgomery::key_u;
use crate::netted::accounts::{Account, AccountTrie};
use crate::netted::circuit::{CLOSE, PartCircuit, PartKeys};
use crate::netted::statement::State;
use crate::transfer::body;
use ark_bn254::Fr;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use trifold_verifier::groth16::VerifyingKey;
use trifold_verifier::json;

/// Keys of the netted program, all of them whole: every coordinator checks the proofs of parts, every worker joins them.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(try_from = "Written", into = "Written")]
pub struct NettedProgram {
    close: Named,
    parts: BTreeMap<PartCircuit, Named>,
}

/// A key and the digest by which circuits and tasks name it.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Named {
    key: VerifyingKey,
    digest: Fr,
}

/// Keys by the names of their circuits, as snarkjs writes them.
#[derive(Deserialize, Serialize)]
#[serde(transparent)]
struct Written(BTreeMap<String, serde_json::Value>);

/// What the netted shards of a network have in common.
#[derive(Clone, Debug)]
pub struct Netted {
    /// Names the network in everything that clients sign.
    pub network: Fr,
    /// Keys that parts are proven under.
    pub keys: PartKeys,
}

/// What a netted shard starts from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NettedStart {
    /// In order of their position.
    pub accounts: Vec<GenesisAccount>,
    /// Levels of the account trie.
    pub depth: u8,
    /// The account that fees go to.
    pub collector: u32,
}

impl Named {
    fn new(name: &str, key: VerifyingKey) -> Result<Self, GenesisError> {
        let digest = program::digest(name, &key)?;
        Ok(Self { key, digest })
    }
}

impl NettedProgram {
    /// The program of these keys: of the close, and of each circuit of parts; large ones may be missing.
    ///
    /// # Errors
    /// No circuit can verify proofs under one of them, or one is missing.
    pub fn new(
        close: VerifyingKey,
        part: impl Fn(PartCircuit) -> Option<VerifyingKey>,
    ) -> Result<Self, GenesisError> {
        let mut parts = BTreeMap::new();
        for circuit in PartCircuit::ALL {
            match part(circuit) {
                Some(key) => {
                    parts.insert(circuit, Named::new(circuit.name(), key)?);
                }
                None if circuit.is_large() => (),
                None => return Err(GenesisError::PartKey(circuit.name())),
            }
        }
        let close = Named::new(CLOSE, close)?;
        Ok(Self { close, parts })
    }

    /// Digest of the key of the close, by which leaves name the program.
    pub fn digest(&self) -> Fr {
        self.close.digest
    }

    /// The key of the close.
    pub fn close(&self) -> &VerifyingKey {
        &self.close.key
    }

    /// The key of a circuit of parts, and its digest; `None` where the network does without the circuit.
    pub fn part(&self, circuit: PartCircuit) -> Option<(&VerifyingKey, Fr)> {
        let part = self.parts.get(&circuit)?;
        Some((&part.key, part.digest))
    }

    /// The trie of the keys of parts.
    pub fn part_keys(&self) -> Result<PartKeys, GenesisError> {
        Ok(PartKeys::new(|circuit| Some(self.part(circuit)?.1))?)
    }
}

impl From<NettedProgram> for Written {
    fn from(program: NettedProgram) -> Self {
        let parts = program.parts.iter();
        let parts = parts.map(|(circuit, named)| (circuit.name(), named));
        let named = parts.chain([(CLOSE, &program.close)]);
        let written = |(name, named): (&str, &Named)| (name.into(), program::written(&named.key));
        Self(named.map(written).collect())
    }
}

impl TryFrom<Written> for NettedProgram {
    type Error = String;

    fn try_from(Written(mut keys): Written) -> Result<Self, String> {
        let mut named = |name: &str| -> Result<Option<Named>, String> {
            let Some(written) = keys.remove(name) else {
                return Ok(None);
            };
            let key = json::verifying_key_from_json(&written.to_string());
            let key = key.map_err(|error| format!("netted: {name}: {error}"))?;
            let named = Named::new(name, key).map_err(|error| error.to_string())?;
            Ok(Some(named))
        };
        let missing = |name: &str| format!("netted: the key of {name} is missing");
        let close = named(CLOSE)?.ok_or_else(|| missing(CLOSE))?;
        let mut parts = BTreeMap::new();
        for circuit in PartCircuit::ALL {
            match named(circuit.name())? {
                Some(part) => {
                    parts.insert(circuit, part);
                }
                None if circuit.is_large() => (),
                None => return Err(missing(circuit.name())),
            }
        }
        match keys.keys().next() {
            None => Ok(Self { close, parts }),
            Some(name) => Err(format!("netted: {name} is no circuit of its parts")),
        }
    }
}

impl NettedStart {
    /// The trie of the accounts.
    pub fn trie(&self) -> Result<AccountTrie, GenesisError> {
        let mut trie = AccountTrie::new(self.depth)?;
        let account = |account: &GenesisAccount| Account {
            key: key_u(account.key.coordinates()),
            balance: account.balance,
            ordinal: 0,
        };
        trie.set_many((0..).zip(self.accounts.iter().map(account)))?;
        Ok(trie)
    }

    /// Digest of the first body.
    pub(super) fn body(&self, netted: &Netted) -> Result<Fr, GenesisError> {
        let state = State {
            network: netted.network,
            keys: netted.keys.root(),
            depth: self.depth,
            accounts: self.trie()?.root(),
        };
        Ok(body(state.digest()).digest())
    }

    pub(super) fn check(&self, shard: usize) -> Result<(), GenesisError> {
        // Refuses a depth, and accounts that don't fit it, before anything is hashed.
        let capacity = AccountTrie::new(self.depth)?.capacity();
        let accounts = self.accounts.len() as u64;
        if accounts > capacity {
            return Err(GenesisError::NettedAccounts {
                shard,
                accounts,
                capacity,
            });
        }
        let collector = self.collector;
        match u64::from(collector) < accounts {
            true => Ok(()),
            false => Err(GenesisError::Collector { shard, collector }),
        }
    }
}
