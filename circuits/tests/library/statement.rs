use crate::support::Circuit;
use ark_bn254::Fr;
use trifold_verifier::statement::*;

fn fr(value: u64) -> Fr {
    Fr::from(value)
}

#[test]
fn digests_agree() {
    let circuit = Circuit::new("statement");
    let fields: [Fr; 9] = std::array::from_fn(|i| fr(i as u64 + 1));
    let witness = circuit.witness(&[("in", &fields)]);
    let keys = Keys {
        merge: fr(1),
        nest: fr(2),
        registry: fr(3),
    };
    let leaf = Leaf {
        program: fr(1),
        body: fr(2),
        lamport: 3,
        timestamp: 4,
        seen_epoch: 5,
        seen_digest: fr(6),
        supply: 7,
    };
    let global = GlobalState {
        epoch: 1,
        depth: 2,
        root: fr(3),
        history: fr(4),
        in_flight: 5,
    };
    let program = ProgramStatement {
        shard: 1,
        old_body: fr(2),
        new_body: fr(3),
        events: 4,
        seen_digest: fr(5),
        sent: 6,
        received: 7,
        received_lamport: 8,
        received_timestamp: 9,
    };
    let merge = MergeStatement {
        keys: fr(1),
        level: 2,
        index: 3,
        old: fr(4),
        new: fr(5),
        history: fr(6),
        sent: 7,
        received: 8,
    };
    let nest = NestStatement {
        keys: fr(1),
        genesis: fr(2),
        global: fr(3),
    };
    let program = program.digest();
    let expected = [
        keys.digest(),
        leaf.digest(),
        global.digest(),
        program,
        merge.digest(),
        nest.digest(),
    ];
    assert_eq!(witness[1..7], expected);
}
