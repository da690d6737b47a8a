//! A network: its genesis file with the keys of this machine's cache.

use std::collections::HashMap;
use std::path::Path;

use anyhow::{Context, ensure};
use ark_bn254::Fr;
use trifold_circuits::artifacts::{Checkout, Manifest};
use trifold_circuits::genesis::{Genesis, MAX_GENESIS_BYTES};
use trifold_circuits::groth16::PreparedKey;
use trifold_coordinator::archive::Origin;
use trifold_coordinator::plan;
use trifold_verifier::client;
use trifold_verifier::refusal;
use trifold_verifier::statement::{GlobalState, Keys};
use trifold_verifier::trie;

use crate::bounded;
use crate::deployment::{CIRCUITS, Deployed, Deployment};
use crate::output::{ark_key, client_key};

/// What every process of a farm agrees on.
pub struct Network {
    pub genesis: Genesis,
    /// G_0.
    pub state: GlobalState,
    pub keys: Keys,
    /// Key digest of `transfer`, which all shards run.
    pub program: Fr,
    registration: trie::Path,
    nest_key: trifold_verifier::groth16::VerifyingKey,
}

impl Network {
    /// The network that starts from `genesis` under the deployment's keys.
    pub fn new(genesis: Genesis, deployment: &Deployment) -> anyhow::Result<Self> {
        let program = deployment.transfer.digest;
        Ok(Self {
            state: genesis.global_state(program)?,
            genesis,
            keys: deployment.keys()?,
            program,
            registration: deployment.transfer_path()?,
            nest_key: client_key(&deployment.nest.verifying_key)?,
        })
    }

    /// What the planner starts from.
    pub fn plan(&self) -> anyhow::Result<plan::Network> {
        Ok(plan::Network {
            genesis: self.state,
            leaves: (0..).zip(self.genesis.leaves(self.program)?).collect(),
            keys: self.keys,
            programs: HashMap::from([(self.program, self.registration.clone())]),
        })
    }

    /// Where an archive of the network starts.
    pub fn origin(&self) -> anyhow::Result<Origin> {
        Ok(Origin {
            network: self.client(),
            genesis: self.state,
            leaves: (0..).zip(self.genesis.leaves(self.program)?).collect(),
        })
    }

    /// What a light client is shipped with.
    pub fn client(&self) -> client::Network {
        client::Network {
            keys: self.keys,
            genesis: self.state.digest(),
            nest_key: self.nest_key,
        }
    }
}

/// Reads a genesis file.
pub fn read_genesis(path: &Path) -> anyhow::Result<Genesis> {
    let text = bounded::read(path, MAX_GENESIS_BYTES as u64)?;
    Genesis::from_json(&text).with_context(|| path.display().to_string())
}

/// The network of a genesis file, with the keys that the cache has; compiles and makes nothing.
pub fn cached(genesis: Genesis) -> anyhow::Result<Network> {
    let checkout = Checkout::find()?;
    let manifest = Manifest::load(&checkout)?;
    let one = |name| -> anyhow::Result<Deployed> {
        let circuit = Deployed::cached(&checkout, manifest.get(name)?)?;
        circuit.with_context(|| format!("{name} has no key here: run trifold setup"))
    };
    let [transfer, merge, nest] = CIRCUITS.map(one);
    let (transfer, merge, nest) = (transfer?, merge?, nest?);
    Network::new(
        genesis,
        &Deployment {
            checkout,
            transfer,
            merge,
            nest,
        },
    )
}

/// Checks that the key that proofs are verified under is the one that the network's keys name.
///
/// # Errors
/// It is another one, and a verdict under it would say nothing of this network.
pub fn check_key(network: &client::Network) -> anyhow::Result<()> {
    let nest_key = PreparedKey::new(&ark_key(&network.nest_key)).context("verification_key")?;
    ensure!(
        nest_key.digest() == network.keys.nest,
        "{}: verification_key is not the key that keys.nest names",
        refusal::WRONG_KEY
    );
    Ok(())
}

/// The client's constants in a file that the reader trusts: a bundle, or a genesis file under the keys of the cache.
pub fn trusted(path: &Path) -> anyhow::Result<client::Network> {
    match crate::commands::verify::read_bundle(path) {
        Ok(bundle) => Ok(bundle.network),
        Err(not_a_bundle) => match read_genesis(path) {
            Ok(genesis) => Ok(cached(genesis)?.client()),
            Err(_) => Err(not_a_bundle),
        },
    }
}
