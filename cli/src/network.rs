//! A network: its genesis file with the keys of this machine's cache.

use std::collections::HashMap;
use std::path::Path;

use anyhow::{Context, ensure};
use ark_bn254::Fr;
use trifold_circuits::artifacts::{Checkout, Manifest};
use trifold_circuits::genesis::{Genesis, MAX_GENESIS_BYTES, Netted};
use trifold_circuits::groth16::{PreparedKey, ark_key};
use trifold_circuits::snapshot::Kind;
use trifold_coordinator::archive::Origin;
use trifold_coordinator::plan;
use trifold_verifier::client;
use trifold_verifier::refusal;
use trifold_verifier::statement::{GlobalState, Keys};
use trifold_verifier::trie;

use crate::bounded;
use crate::deployment::{CIRCUITS, Deployed, Deployment};
use crate::netted::NettedCircuits;
use crate::output::client_key;
use crate::text::hex;

/// What every process of a farm agrees on.
pub struct Network {
    pub genesis: Genesis,
    /// G_0.
    pub state: GlobalState,
    pub keys: Keys,
    /// Key digest of `transfer`.
    pub transfer: Fr,
    /// What netted shards go by, if the network admits them.
    pub netted: Option<Netted>,
    /// Where the registry holds each program.
    programs: HashMap<Fr, trie::Path>,
    nest_key: trifold_verifier::groth16::VerifyingKey,
}

impl Network {
    /// The network that starts from `genesis` under the deployment's keys.
    ///
    /// # Errors
    /// The genesis does not admit a program of the deployment, or does so under another key.
    pub fn new(genesis: Genesis, deployment: &Deployment) -> anyhow::Result<Self> {
        let mut programs = deployment.programs.iter();
        programs.try_for_each(|program| check_program(&genesis, program))?;
        check_netted(&genesis, deployment.netted.as_ref())?;
        let transfer = deployment.transfer.digest;
        let (registry, programs) = genesis.registry(transfer)?;
        Ok(Self {
            state: genesis.global_state(transfer)?,
            netted: genesis.netted()?,
            genesis,
            keys: Keys {
                merge: deployment.merge.digest,
                nest: deployment.nest.digest,
                registry,
            },
            transfer,
            programs: programs.into_iter().collect(),
            nest_key: client_key(&deployment.nest.verifying_key)?,
        })
    }

    /// What snapshots of a program hold; `None` if the network does not admit it.
    pub fn kind(&self, program: &Fr) -> Option<Kind> {
        match self.programs.contains_key(program) {
            true if *program == self.transfer => Some(Kind::Transfer),
            true if self.is_netted(program) => Some(Kind::Netted),
            true => Some(Kind::Signals),
            false => None,
        }
    }

    fn is_netted(&self, program: &Fr) -> bool {
        let netted = self.genesis.netted_program();
        netted.is_some_and(|netted| netted.digest() == *program)
    }

    /// What the planner starts from.
    pub fn plan(&self) -> anyhow::Result<plan::Network> {
        Ok(plan::Network {
            genesis: self.state,
            leaves: (0..).zip(self.genesis.leaves(self.transfer)?).collect(),
            keys: self.keys,
            programs: self.programs.clone(),
        })
    }

    /// Where an archive of the network starts.
    pub fn origin(&self) -> anyhow::Result<Origin> {
        Ok(Origin {
            network: self.client(),
            genesis: self.state,
            leaves: (0..).zip(self.genesis.leaves(self.transfer)?).collect(),
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

/// That the genesis admits this machine's program under this machine's key.
fn check_program(genesis: &Genesis, program: &Deployed) -> anyhow::Result<()> {
    let name = &program.spec.name;
    let mut listed = genesis.programs().iter();
    let listed = listed.find(|listed| listed.name() == name);
    let listed = listed.with_context(|| format!("the genesis does not admit program {name}"))?;
    ensure!(
        listed.digest() == program.digest,
        "program {name}: this machine's key is {}, the network's is {}: bring the network's here with trifold setup \
         --circuit {name} --import",
        hex(&program.digest),
        hex(&listed.digest())
    );
    Ok(())
}

/// That this machine's keys of the netted ledger are those that the genesis admits, if it admits any.
fn check_netted(genesis: &Genesis, circuits: Option<&NettedCircuits>) -> anyhow::Result<()> {
    let (Some(program), Some(circuits)) = (genesis.netted_program(), circuits) else {
        return Ok(());
    };
    let parts = circuits.parts.iter();
    let parts = parts.filter_map(|(part, here)| Some((here, program.part(*part)?.1)));
    for (circuit, expected) in parts.chain([(&circuits.close, program.digest())]) {
        let name = &circuit.spec.name;
        ensure!(
            circuit.digest == expected,
            "{name}: this machine's key is {}, the network's is {}: bring the network's here with trifold setup \
             --circuit {name} --import",
            hex(&circuit.digest),
            hex(&expected)
        );
    }
    Ok(())
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
            netted: None,
            programs: Vec::new(),
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
