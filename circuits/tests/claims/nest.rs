use crate::determinism::is_fixed;
use crate::support::Circuit;
use ark_bn254::{Fr, G1Affine, G2Affine};
use ark_ec::AffineRepr;
use ark_ff::{AdditiveGroup, Field};
use std::sync::LazyLock;
use trifold_circuits::groth16::advice::Proof;
use trifold_circuits::nest::{Nest, NestError};
use trifold_circuits::trie::SparseTrie;
use trifold_verifier::statement::{GlobalState, HISTORY_DEPTH, Keys};

static CIRCUIT: LazyLock<Circuit> = LazyLock::new(|| Circuit::file("tests/claims/nest.circom"));

fn proof() -> Proof {
    Proof {
        a: G1Affine::generator(),
        b: G2Affine::generator(),
        c: G1Affine::generator(),
    }
}

fn keys() -> Keys {
    Keys {
        merge: Fr::from(11),
        nest: Fr::from(12),
        registry: Fr::from(13),
    }
}

/// Epoch `n`, from a history of n-1 entries.
fn epoch(n: u64, deepen: bool) -> Nest {
    let mut history = SparseTrie::new(HISTORY_DEPTH).unwrap();
    for earlier in 0..n - 1 {
        history.set(earlier, Fr::from(500 + earlier)).unwrap();
    }
    let previous = GlobalState {
        epoch: n - 1,
        depth: 2,
        root: Fr::from(70),
        history: history.root(),
        in_flight: if n == 1 { 0 } else { 40 },
    };
    Nest {
        keys: keys(),
        genesis: if n == 1 {
            previous.digest()
        } else {
            Fr::from(99)
        },
        previous,
        previous_proof: (n > 1).then(proof),
        deepen,
        root: Fr::from(71),
        sent: 5,
        received: if n == 1 { 5 } else { 45 },
        top_proof: proof(),
        history_path: history.path(n - 1).unwrap(),
    }
}

#[test]
fn outputs_are_the_native_ones() {
    for nest in [
        epoch(1, false),
        epoch(1, true),
        epoch(2, false),
        epoch(7, true),
    ] {
        let inputs = nest.claims();
        assert!(CIRCUIT.accepts(&inputs));
        let witness = CIRCUIT.honest_witness(&inputs);
        let first = nest.previous.epoch == 0;
        assert_eq!(witness[1..3], [Fr::from(!first), Fr::ONE]);
        assert_eq!(witness[3], nest.previous_statement().digest());
        assert_eq!(witness[4], nest.top_statement().digest());
        assert_eq!(witness[5], nest.statement().unwrap().digest());
    }
}

#[test]
fn the_history_grows_in_order_and_only_at_its_end() {
    let inputs = epoch(7, false).claims();
    let refuse =
        |signal: &str, value: u64| CIRCUIT.must_refuse(&inputs, signal, 0, Fr::from(value));
    refuse("history", 1);
    refuse("history_siblings", 1);
    refuse("epoch", 6); // replays one: its place is taken
    // Skipping one (epoch 8) changes the statement that the previous proof must prove: see the last test.
    refuse("epoch", 0);
    // An index beyond the trie aliases nothing.
    let beyond = Fr::from(3u64.pow(20) + 7);
    CIRCUIT.must_refuse(&inputs, "epoch", 0, beyond);
}

#[test]
fn the_first_epoch_starts_from_genesis_and_no_later_one_does() {
    let first = epoch(1, false);
    CIRCUIT.must_refuse(&first.claims(), "genesis", 0, Fr::from(1));
    for signal in ["depth", "root", "in_flight"] {
        let value = first.claims().get(signal).unwrap()[0] + Fr::ONE;
        CIRCUIT.must_refuse(&first.claims(), signal, 0, value);
    }
    let other = Nest {
        genesis: Fr::from(1),
        ..first.clone()
    };
    assert!(matches!(other.state(), Err(NestError::NotGenesis)));
    let proven = Nest {
        previous_proof: Some(proof()),
        ..first
    };
    assert!(matches!(proven.state(), Err(NestError::FirstHasProof)));
    let unproven = Nest {
        previous_proof: None,
        ..epoch(2, false)
    };
    assert!(matches!(unproven.state(), Err(NestError::MissingProof(2))));
    // The flag that takes the previous proof out is derived from the epoch: setting it is refused.
    let honest = CIRCUIT.witness(&epoch(2, false).claims());
    let mut forged = honest.clone();
    forged[1] = Fr::ZERO;
    assert!(CIRCUIT.check(&honest).is_ok());
    assert!(CIRCUIT.check(&forged).is_err());
}

#[test]
fn nothing_is_received_that_was_not_sent() {
    let inputs = epoch(2, false).claims();
    CIRCUIT.must_refuse(&inputs, "received", 0, Fr::from(46));
    CIRCUIT.must_refuse(&inputs, "sent", 0, Fr::from((1u128 << 112) + 5));
    let greedy = Nest {
        received: 46,
        ..epoch(2, false)
    };
    assert!(matches!(greedy.state(), Err(NestError::InFlight { .. })));
    let overflow = Nest {
        sent: u128::MAX,
        ..epoch(2, false)
    };
    assert!(matches!(overflow.state(), Err(NestError::InFlight { .. })));
}

#[test]
fn the_trie_deepens_by_one_level_up_to_nine() {
    let inputs = epoch(2, false).claims();
    CIRCUIT.must_refuse(&inputs, "deepen", 0, Fr::from(2));
    for depth in [0, 10] {
        CIRCUIT.must_refuse(&inputs, "depth", 0, Fr::from(depth));
    }
    let mut deepest = epoch(2, true);
    deepest.previous.depth = 9;
    assert!(matches!(deepest.state(), Err(NestError::Depth(10))));
    assert!(!CIRCUIT.accepts(&deepest.claims()));
    deepest.deepen = false;
    assert!(CIRCUIT.accepts(&deepest.claims()));
}

#[test]
fn every_field_reaches_the_statements_that_it_belongs_to() {
    let inputs = epoch(7, false).claims();
    let honest = CIRCUIT.witness(&inputs);
    let (previous, top, own) = (3, 4, 5);
    for (signal, wires) in [
        ("merge_key", vec![previous, top, own]),
        ("nest_key", vec![previous, top, own]),
        ("registry", vec![previous, top, own]),
        ("genesis", vec![previous, own]),
        ("epoch", vec![previous, own]),
        ("depth", vec![previous, top, own]),
        ("root", vec![previous, top, own]),
        ("history", vec![previous, top]),
        ("in_flight", vec![previous, own]),
        ("deepen", vec![top, own]),
        ("new_root", vec![top, own]),
        ("sent", vec![top, own]),
        ("received", vec![top, own]),
    ] {
        let mut changed = inputs.clone();
        changed.get_mut(signal).unwrap()[0] += Fr::ONE;
        let witness = CIRCUIT.witness(&changed);
        for wire in wires {
            assert_ne!(
                witness[wire], honest[wire],
                "{signal} is not in wire {wire}"
            );
        }
    }
}

#[test]
fn every_wire_is_fixed_by_the_inputs() {
    // Zeros: the distances to the first epoch and to the depth.
    for (nest, zeros) in [(epoch(1, false), 2), (epoch(7, true), 1)] {
        is_fixed("tests/claims/nest.circom", &CIRCUIT, &nest.claims(), zeros);
    }
}
