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
    /// In the order of [`PartCircuit::ALL`].
    parts: [Named; PartCircuit::ALL.len()],
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
    /// The program of these keys: of the close, and of each circuit of parts.
    ///
    /// # Errors
    /// No circuit can verify proofs under one of them.
    pub fn new(
        close: VerifyingKey,
        part: impl Fn(PartCircuit) -> VerifyingKey,
    ) -> Result<Self, GenesisError> {
        let parts = PartCircuit::ALL.map(|circuit| Named::new(circuit.name(), part(circuit)));
        let parts: Vec<Named> = parts.into_iter().collect::<Result<_, _>>()?;
        let close = Named::new(CLOSE, close)?;
        // As many as there are circuits.
        let parts = parts.try_into().map_err(|_| GenesisError::PartKeys)?;
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

    /// The key of a circuit of parts, and its digest.
    pub fn part(&self, circuit: PartCircuit) -> (&VerifyingKey, Fr) {
        let part = &self.parts[circuit as usize];
        (&part.key, part.digest)
    }

    /// The trie of the keys of parts.
    pub fn part_keys(&self) -> Result<PartKeys, GenesisError> {
        Ok(PartKeys::new(|circuit| self.part(circuit).1)?)
    }
}

impl From<NettedProgram> for Written {
    fn from(program: NettedProgram) -> Self {
        let parts = PartCircuit::ALL.into_iter().map(PartCircuit::name);
        let named = parts.zip(&program.parts).chain([(CLOSE, &program.close)]);
        let written = |(name, named): (&str, &Named)| (name.into(), program::written(&named.key));
        Self(named.map(written).collect())
    }
}

impl TryFrom<Written> for NettedProgram {
    type Error = String;

    fn try_from(Written(mut keys): Written) -> Result<Self, String> {
        let mut named = |name: &str| -> Result<Named, String> {
            let written = keys.remove(name);
            let written = written.ok_or_else(|| format!("netted: the key of {name} is missing"))?;
            let key = json::verifying_key_from_json(&written.to_string());
            let key = key.map_err(|error| format!("netted: {name}: {error}"))?;
            Named::new(name, key).map_err(|error| error.to_string())
        };
        let close = named(CLOSE)?;
        let parts: Vec<Named> = PartCircuit::ALL
            .into_iter()
            .map(|circuit| named(circuit.name()))
            .collect::<Result<_, _>>()?;
        let parts = parts
            .try_into()
            .map_err(|_| GenesisError::PartKeys.to_string())?;
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
