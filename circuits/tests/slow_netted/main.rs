//! The joining circuits of the netted ledger with proofs in them, simulated from keys with known secrets.

mod close;
mod join;
#[path = "../slow_recursion/simulator.rs"]
mod simulator;
#[path = "../claims/support.rs"]
mod support;

use ark_bn254::Fr;
use simulator::Simulator;
use trifold_circuits::netted::join::PartKey;
use trifold_circuits::netted::statement::PART_DEPTH;
use trifold_circuits::trie::SparseTrie;
use trifold_verifier::trie::Path;

/// The trie of these keys in order, and each with its path.
fn part_keys(simulators: &[&Simulator]) -> (Fr, Vec<PartKey>) {
    let mut keys = SparseTrie::new(PART_DEPTH).unwrap();
    for (place, simulator) in (0..).zip(simulators) {
        keys.set(place, simulator.digest()).unwrap();
    }
    let part_key = |(index, simulator): (u64, &&Simulator)| PartKey {
        digest: simulator.digest(),
        path: Path {
            index,
            siblings: keys.path(index).unwrap(),
        },
    };
    (keys.root(), (0..).zip(simulators).map(part_key).collect())
}
