//! The network: its genesis file, this machine's circuits and keys, and whether the farm proves under the same.

use std::path::Path;

use trifold_circuits::artifacts::{Checkout, Manifest};
use trifold_coordinator::coordinator::published;
use trifold_coordinator::plan;
use trifold_coordinator::queue::Queue;
use trifold_coordinator::wire::GlobalProof;
use trifold_verifier::statement::Keys;

use super::Finding;
use crate::deployment::{CIRCUITS, Deployed, Deployment};
use crate::network::{Network, read_genesis};
use crate::programs::Programs;

/// What is found without making anything, and the network if there is one.
pub fn findings(genesis: &Path, programs: &Programs) -> (Vec<Finding>, Option<plan::Network>) {
    let (mut findings, deployment) = circuits(programs);
    let read = read_genesis(genesis);
    findings.push(match &read {
        Ok(genesis) => Finding::ok("genesis", format!("{} shards", genesis.shards().len())),
        Err(error) => Finding::refuse(
            "genesis",
            format!("{error:#}"),
            "give the network's file: --genesis",
        ),
    });
    let Some((deployment, genesis)) = deployment.zip(read.ok()) else {
        return (findings, None);
    };
    let network = Network::new(genesis, &deployment).and_then(|network| network.plan());
    if let Err(error) = &network {
        let advice = "use the network's genesis file, keys and programs";
        findings.push(Finding::refuse("network", format!("{error:#}"), advice));
    }
    (findings, network.ok())
}

/// Circuits with their keys, out of the cache.
fn circuits(programs: &Programs) -> (Vec<Finding>, Option<Deployment>) {
    let found = Checkout::find().and_then(|checkout| Ok((Manifest::load(&checkout)?, checkout)));
    let (manifest, checkout) = match found {
        Ok(found) => found,
        Err(error) => {
            return (
                vec![Finding::refuse(
                    "circuits",
                    error.to_string(),
                    "set TRIFOLD_ROOT",
                )],
                None,
            );
        }
    };
    let one = |name: &str| -> anyhow::Result<Option<Deployed>> {
        Deployed::cached(&checkout, manifest.get(name)?)
    };
    let all = CIRCUITS.map(one);
    let mut findings: Vec<Finding> = CIRCUITS
        .iter()
        .zip(&all)
        .map(|(name, found)| circuit(name, found, "trifold setup"))
        .collect();
    let foreign = programs.folders.iter();
    let foreign = foreign.map(|folder| program(&checkout, &manifest, folder));
    let (told, programs): (Vec<Finding>, Vec<Option<Deployed>>) = foreign.unzip();
    findings.extend(told);
    let [Ok(Some(transfer)), Ok(Some(merge)), Ok(Some(nest))] = all else {
        return (findings, None);
    };
    let deployment = Deployment {
        checkout,
        transfer,
        merge,
        nest,
        netted: None,
        programs: programs.into_iter().flatten().collect(),
    };
    findings.push(made_by(&deployment));
    (findings, Some(deployment))
}

/// A program that is not ours, out of the cache.
fn program(checkout: &Checkout, manifest: &Manifest, folder: &Path) -> (Finding, Option<Deployed>) {
    let spec = match manifest.program(folder) {
        Ok(spec) => spec,
        Err(error) => {
            let advice = "give the folder of a program: --program";
            return (Finding::refuse("circuits", error.to_string(), advice), None);
        }
    };
    let found = Deployed::cached(checkout, &spec);
    let setup = format!("trifold setup --program {}", folder.display());
    (
        circuit(&spec.name, &found, &setup),
        found.unwrap_or_default(),
    )
}

/// What `setup` makes ready.
fn circuit(name: &str, found: &anyhow::Result<Option<Deployed>>, setup: &str) -> Finding {
    let check = "circuits";
    match found {
        Ok(Some(circuit)) => Finding::ok(
            check,
            format!("{name}, {} MB of key", circuit.key.size_bytes >> 20),
        ),
        Ok(None) => Finding::refuse(
            check,
            format!("{name} is not in the cache"),
            format!("run {setup}"),
        ),
        Err(error) => Finding::refuse(
            check,
            format!("{name}: {error:#}"),
            format!("delete it from the cache, run {setup}"),
        ),
    }
}

/// Whoever makes a key alone could forge proofs under it.
fn made_by(deployment: &Deployment) -> Finding {
    let all = deployment.all();
    let insecure: Vec<&str> = all
        .filter(|circuit| circuit.key.insecure_development_key)
        .map(|circuit| circuit.spec.name.as_str())
        .collect();
    match insecure.is_empty() {
        true => Finding::ok("keys", "imported"),
        false => Finding::warn(
            "keys",
            format!(
                "development keys of {}: their maker could forge proofs",
                insecure.join(", ")
            ),
            "import keys of a ceremony: trifold setup --import",
        ),
    }
}

/// Looks at the first proof that the farm published.
pub async fn look(network: &plan::Network, queue: &dyn Queue) -> Finding {
    match published(queue, 1).await {
        Ok(first) => same_network(network, first.as_ref()),
        Err(error) => Finding::warn("network", error.to_string(), "see to the server"),
    }
}

/// Whether what the farm published was proven under this network's genesis and keys.
fn same_network(network: &plan::Network, published: Option<&GlobalProof>) -> Finding {
    let check = "network";
    let Some(proof) = published else {
        return Finding::ok(check, "nothing is published yet");
    };
    let (ours, theirs) = (network.keys, Keys::from(proof.keys));
    if proof.genesis != network.genesis.digest() {
        let advice = "use that network's genesis file and keys, or another --nats-prefix";
        return Finding::refuse(check, "the farm's proofs are of another genesis", advice);
    }
    match ours == theirs {
        true => Finding::ok(
            check,
            format!("the farm's, epoch {} is published", proof.state.epoch),
        ),
        false => Finding::refuse(
            check,
            "the farm's proofs are under other keys than this machine's",
            "bring the farm's keys here: trifold setup --export there, --import here",
        ),
    }
}
