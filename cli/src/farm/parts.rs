use std::collections::HashMap;

use ark_bn254::{Bn254, Fr};
use ark_groth16::Proof;
use trifold_circuits::genesis::NettedProgram;
use trifold_circuits::groth16::{Plan, PreparedKey, ark_key};
use trifold_circuits::inputs::Inputs;
use trifold_circuits::netted::circuit::PartCircuit;
use trifold_circuits::netted::join::{Join, Joined};
use trifold_circuits::netted::manifest::{Node, Source, Tree};
use trifold_circuits::netted::part_inputs::{Home, PartInputs};
use trifold_coordinator::Digest;
use trifold_coordinator::wire::ProofBytes;
use trifold_coordinator::worker::{ExecuteError, Fetch};

use super::execute::{broken, here, proof};

/// The keys that joins and closes verify parts under.
pub struct PartKeys(HashMap<PartCircuit, PreparedKey>);

impl PartKeys {
    pub fn new(program: &NettedProgram) -> anyhow::Result<Self> {
        let key = |circuit| -> anyhow::Result<_> {
            let Some((key, _)) = program.part(circuit) else {
                return Ok(None);
            };
            Ok(Some((circuit, PreparedKey::new(&ark_key(key))?)))
        };
        let keys = PartCircuit::ALL.into_iter();
        let keys = keys.filter_map(|circuit| key(circuit).transpose());
        Ok(Self(keys.collect::<Result<_, _>>()?))
    }

    fn get(&self, circuit: PartCircuit) -> Result<&PreparedKey, ExecuteError> {
        self.0
            .get(&circuit)
            .ok_or_else(|| here("a key of parts is missing"))
    }

    /// The input signals of a part, and its statement.
    pub fn part(
        &self,
        (tree, home): (&Tree, &Home),
        place: usize,
        proofs: &[ProofBytes],
        three_proofs: &Plan,
        fetch: &Fetch<'_>,
    ) -> Result<(Inputs, Fr), ExecuteError> {
        let node = tree.nodes.get(place);
        let node = node.ok_or_else(|| broken("the snapshot has fewer parts"))?;
        let statement = node.part.digest(&tree.context());
        let inputs = match &node.source {
            Source::Inputs(name) => {
                from_inputs(node, &Digest::from_bytes(*name), tree, home, fetch)?
            }
            Source::Join(join) => {
                let below = tree.below(place).next();
                let key = self.get(below.ok_or_else(|| broken("nothing to join"))?.circuit)?;
                let proofs = placed(join, proofs)?;
                join.inputs(three_proofs, key, &proofs).map_err(broken)?
            }
        };
        Ok((inputs, statement))
    }

    /// The input signals of the close, and its statement.
    pub fn close(
        &self,
        tree: &Tree,
        proofs: &[ProofBytes],
        two_proofs: &Plan,
    ) -> Result<(Inputs, Fr), ExecuteError> {
        let count = || broken("two proofs go into a close");
        let circuits: Vec<PartCircuit> = tree.below(tree.nodes.len()).map(|n| n.circuit).collect();
        let circuits: [PartCircuit; 2] = circuits.try_into().map_err(|_| count())?;
        let [messages, accounts] = tree.in_order_of_close(circuits);
        let proofs: [ProofBytes; 2] = proofs.try_into().map_err(|_| count())?;
        let [first, second] = tree.in_order_of_close(proofs);
        let keys = [self.get(messages)?, self.get(accounts)?];
        let inputs = tree
            .close
            .inputs(two_proofs, keys, &[proof(&first)?, proof(&second)?]);
        let statement = tree.close.statement().map_err(broken)?;
        Ok((inputs.map_err(broken)?, statement.digest()))
    }
}

/// The inputs of a part that verifies no others.
fn from_inputs(
    node: &Node,
    name: &Digest,
    tree: &Tree,
    home: &Home,
    fetch: &Fetch<'_>,
) -> Result<Inputs, ExecuteError> {
    let inputs = PartInputs::decode(&fetch(name)?).map_err(broken)?;
    let (signals, part) = inputs
        .inputs(node.circuit, home, &tree.context())
        .map_err(broken)?;
    match part == node.part {
        true => Ok(signals),
        false => Err(broken("the part is not what its inputs prove")),
    }
}

/// The proofs of a join in their places.
fn placed(join: &Join, proofs: &[ProofBytes]) -> Result<[Option<Proof<Bn254>>; 3], ExecuteError> {
    let mut proofs = proofs.iter();
    let mut next = |joined: &Joined| match joined {
        Joined::Absent { .. } => Ok(None),
        Joined::Part(_) => {
            let given = proofs.next();
            proof(given.ok_or_else(|| broken("a part is not proven"))?).map(Some)
        }
    };
    let [left, middle, right] = join.parts.each_ref().map(&mut next);
    Ok([left?, middle?, right?])
}
