//! Honest inputs of the deployed circuits, each with every slot in use.

use anyhow::{Context, Result};
use ark_bn254::Fr;
use trifold_circuits::genesis::Genesis;
use trifold_circuits::groth16::{Mode, Params, Plan};
use trifold_circuits::inputs::Inputs;
use trifold_circuits::merge::{Child, Merge, Registration};
use trifold_circuits::nest::Nest;
use trifold_circuits::transfer::Size;
use trifold_circuits::trie::SparseTrie;
use trifold_coordinator::standin::Simulator;
use trifold_shard::{Shard, Wallet};
use trifold_verifier::statement::{GlobalState, HISTORY_DEPTH, Keys, REGISTRY_DEPTH};
use trifold_verifier::trie::Path;

use crate::netted;

/// The inputs of the circuit of that name.
pub fn of(circuit: &str) -> Result<Inputs> {
    match circuit {
        "transfer" => transfer(),
        "merge" => merge(),
        "nest" => nest(),
        other => netted::of(other),
    }
}

/// As many transfers as fit one batch, from the first account of a shard of three to the others in turn.
fn transfer() -> Result<Inputs> {
    let (genesis, secrets) = Genesis::demo(1, 1, 3, 1000)?;
    let accounts = &secrets.accounts[0];
    let mut shard = Shard::genesis(&genesis, 0, Fr::from(11))?;
    let mut wallet = Wallet::new(accounts[0].clone(), 0, 0, 0);
    for i in 0..Size::DEPLOYED.transfers {
        let to = 1 + i % 2;
        let signed = wallet.transfer(to as u64, accounts[to].public(), 5);
        shard.accept(&signed)?;
    }
    let snapshot = shard.snapshot(1_790_000_000_000)?;
    Ok(snapshot.context("no snapshot")?.inputs()?.0)
}

/// Three changed subtrees.
fn merge() -> Result<Inputs> {
    let below = Simulator::new(1);
    let key = below.prepared()?;
    let subtree = |old: u64| Child::Subtree {
        old: Fr::from(old),
        new: Fr::from(old + 1),
        sent: 7,
        received: 8,
        proof: below.prove(Fr::from(0)),
    };
    let mut merge = Merge {
        keys: keys(key.digest(), Fr::from(12)),
        level: 2,
        index: 1,
        history: Fr::from(31),
        registration: Registration {
            program: Fr::from(11),
            path: Path {
                index: 0,
                siblings: SparseTrie::new(REGISTRY_DEPTH)?.path(0)?,
            },
        },
        children: [10, 20, 30].map(subtree),
    };
    let statements = [0, 1, 2].map(|i| merge.child_statement(i));
    for (child, x) in merge.children.iter_mut().zip(statements) {
        if let Child::Subtree { proof, .. } = child {
            *proof = below.prove(x);
        }
    }
    let plan = Plan::new(Mode::Witness, Params::DEPLOYED, 3)?;
    Ok(merge.inputs(&plan, &key)?)
}

/// The second epoch, so that there is a previous proof.
fn nest() -> Result<Inputs> {
    let (previous, top) = (Simulator::new(2), Simulator::new(1));
    let (nest_key, merge_key) = (previous.prepared()?, top.prepared()?);
    let history = SparseTrie::new(HISTORY_DEPTH)?;
    let mut nest = Nest {
        keys: keys(merge_key.digest(), nest_key.digest()),
        genesis: Fr::from(99),
        previous: GlobalState {
            epoch: 1,
            depth: 1,
            root: Fr::from(70),
            history: history.root(),
            in_flight: 0,
        },
        previous_proof: None,
        deepen: false,
        root: Fr::from(71),
        sent: 5,
        received: 5,
        top_proof: top.prove(Fr::from(0)),
        history_path: history.path(1)?,
    };
    nest.previous_proof = Some(previous.prove(nest.previous_statement().digest()));
    nest.top_proof = top.prove(nest.top_statement().digest());
    let plan = Plan::new(Mode::Witness, Params::DEPLOYED, 2)?;
    Ok(nest.inputs(&plan, &nest_key, &merge_key)?)
}

fn keys(merge: Fr, nest: Fr) -> Keys {
    Keys {
        merge,
        nest,
        registry: Fr::from(13),
    }
}
