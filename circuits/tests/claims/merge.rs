use crate::determinism::is_fixed;
use crate::support::Circuit;
use ark_bn254::{Fr, G1Affine, G2Affine};
use ark_ec::AffineRepr;
use ark_ff::{AdditiveGroup, Field};
use std::sync::LazyLock;
use trifold_circuits::groth16::advice::Proof;
use trifold_circuits::inputs::Inputs;
use trifold_circuits::merge::{Child, Merge, MergeError, Registration, ShardStep, StepError};
use trifold_circuits::trie::SparseTrie;
use trifold_verifier::statement::{HISTORY_DEPTH, Keys, Leaf, REGISTRY_DEPTH};
use trifold_verifier::trie::Path;

static CIRCUIT: LazyLock<Circuit> = LazyLock::new(|| Circuit::file("tests/claims/merge.circom"));

fn proof() -> Proof {
    Proof {
        a: G1Affine::generator(),
        b: G2Affine::generator(),
        c: G1Affine::generator(),
    }
}

fn leaf(program: Fr, body: u64, lamport: u64, supply: u128) -> Leaf {
    Leaf {
        lamport,
        timestamp: 1000 + lamport,
        ..Leaf::genesis(program, Fr::from(body), supply)
    }
}

/// Shard 3 steps and has seen epoch 4, shard 4 is silent, shard 5 is fresh and receives value.
fn leaves() -> Merge {
    let program = Fr::from(77);
    let mut registry = SparseTrie::new(REGISTRY_DEPTH).unwrap();
    registry.set(5, program).unwrap();
    let mut history = SparseTrie::new(HISTORY_DEPTH).unwrap();
    for epoch in 0..6 {
        history.set(epoch, Fr::from(1000 + epoch)).unwrap();
    }
    let seen = Leaf {
        seen_epoch: 4,
        seen_digest: Fr::from(1004),
        ..leaf(program, 2, 15, 90)
    };
    let step = ShardStep {
        old: Some(leaf(program, 1, 10, 100)),
        new: seen,
        events: 5,
        sent: 30,
        received: 20,
        received_lamport: 14,
        received_timestamp: 1014,
        seen_path: history.path(4).unwrap(),
    };
    let fresh = ShardStep {
        old: None,
        new: leaf(program, 3, 1, 7),
        events: 1,
        sent: 0,
        received: 7,
        received_lamport: 0,
        received_timestamp: 1000,
        seen_path: history.path(0).unwrap(),
    };
    Merge {
        keys: Keys {
            merge: Fr::from(11),
            nest: Fr::from(12),
            registry: registry.root(),
        },
        level: 0,
        index: 1,
        history: history.root(),
        registration: Registration {
            program,
            path: Path {
                index: 5,
                siblings: registry.path(5).unwrap(),
            },
        },
        children: [
            Child::Shard {
                step,
                proof: proof(),
            },
            Child::Unchanged(Fr::from(4444)),
            Child::Shard {
                step: fresh,
                proof: proof(),
            },
        ],
    }
}

fn subtrees() -> Merge {
    let subtree = |old: u64, new: u64, sent: u128, received: u128| Child::Subtree {
        old: Fr::from(old),
        new: Fr::from(new),
        sent,
        received,
        proof: proof(),
    };
    Merge {
        level: 2,
        index: 4,
        children: [
            subtree(1, 2, 1 << 100, 3),
            Child::Unchanged(Fr::ZERO),
            subtree(5, 6, 7, 8),
        ],
        ..leaves()
    }
}

fn check_outputs(merge: &Merge, active: [u8; 3]) {
    merge.check().unwrap();
    let inputs = merge.claims();
    assert!(CIRCUIT.accepts(&inputs));
    let witness = CIRCUIT.honest_witness(&inputs);
    assert_eq!(witness[1..4], active.map(Fr::from));
    assert_eq!(witness[4..7], [0, 1, 2].map(|i| merge.child_statement(i)));
    assert_eq!(witness[7], merge.child_key());
    assert_eq!(witness[8], merge.statement().digest());
}

#[test]
fn outputs_are_the_native_ones() {
    check_outputs(&leaves(), [1, 0, 1]);
    check_outputs(&subtrees(), [1, 0, 1]);
}

#[test]
fn a_leaf_step_is_bound_to_its_digests_and_rules() {
    let inputs = leaves().claims();
    let minus = |value: u64| -Fr::from(value);
    let refuse = |signal: &str, value: Fr| CIRCUIT.must_refuse(&inputs, signal, 0, value);
    for field in [
        "body",
        "lamport",
        "timestamp",
        "seen_epoch",
        "seen_digest",
        "supply",
    ] {
        for side in ["old", "new"] {
            let signal = format!("{side}_{field}");
            let value = inputs.get(&signal).unwrap()[0] + Fr::ONE;
            refuse(&signal, value);
        }
    }
    refuse("events", Fr::ZERO);
    refuse("events", Fr::from(6));
    refuse("events", minus(1));
    refuse("events", Fr::from((1u64 << 32) + 1));
    refuse("sent", Fr::from(31));
    refuse("received", Fr::from(21));
    refuse("received_lamport", Fr::from(15));
    refuse("received_lamport", minus(1));
    refuse("received_lamport", Fr::from(1u128 << 64));
    refuse("received_timestamp", Fr::from(1015));
    refuse("received_timestamp", minus(1));
    refuse("seen_siblings", Fr::from(9));
    refuse("history", Fr::from(9));
    refuse("program", Fr::from(78));
    refuse("program_index", Fr::from(6));
    refuse("program_siblings", Fr::from(9));
    refuse("registry", Fr::from(9));
    refuse("old", Fr::from(9));
    refuse("new", Fr::from(9));
}

/// A step with its digests made consistent, so that only the rule itself can refuse it.
fn with_step(change: impl Fn(&mut ShardStep)) -> Merge {
    let mut merge = leaves();
    if let Child::Shard { step, .. } = &mut merge.children[0] {
        change(step);
    }
    merge
}

fn rule_bites(expected: StepError, change: impl Fn(&mut ShardStep)) {
    let merge = with_step(change);
    match merge.check() {
        Err(MergeError::Step { child: 0, reason }) => assert_eq!(reason, expected),
        other => panic!("expected {expected}, got {other:?}"),
    }
    assert!(!CIRCUIT.accepts(&merge.claims()), "{expected}");
}

#[test]
fn each_rule_of_a_step_bites_in_the_circuit_and_natively() {
    rule_bites(
        StepError::Lamport {
            old: 10,
            new: 14,
            events: 5,
        },
        |step| step.new.lamport = 14,
    );
    rule_bites(
        StepError::Lamport {
            old: 10,
            new: 9,
            events: 5,
        },
        |step| step.new.lamport = 9,
    );
    rule_bites(
        StepError::Timestamp {
            old: 1010,
            new: 1010,
        },
        |step| step.new.timestamp = 1010,
    );
    rule_bites(
        StepError::ReceivedLamport {
            received: 15,
            new: 15,
        },
        |step| step.received_lamport = 15,
    );
    rule_bites(
        StepError::ReceivedTimestamp {
            received: u64::MAX,
            new: 1015,
        },
        |step| step.received_timestamp = u64::MAX,
    );
    rule_bites(StepError::SeenEpoch { old: 5, new: 4 }, |step| {
        step.old = step.old.map(|old| Leaf {
            seen_epoch: 5,
            seen_digest: Fr::from(1005),
            ..old
        });
    });
    rule_bites(StepError::SeenState(4), |step| {
        step.new.seen_digest = Fr::from(1003)
    });
    rule_bites(StepError::SeenState(3), |step| step.new.seen_epoch = 3);
    rule_bites(StepError::Unseen, |step| step.new.seen_digest = Fr::ZERO);
    rule_bites(StepError::Unseen, |step| {
        step.old = step.old.map(|old| Leaf {
            seen_digest: Fr::from(1000),
            ..old
        });
        (step.new.seen_epoch, step.new.seen_digest) = (0, Fr::ZERO);
    });
    let supply = |new, sent, received| StepError::Supply {
        old: 100,
        new,
        sent,
        received,
    };
    rule_bites(supply(91, 30, 20), |step| step.new.supply = 91);
    rule_bites(StepError::Range(1 << 96), |step| {
        (step.new.supply, step.received) = (1 << 96, (1 << 96) - 70);
    });
    rule_bites(StepError::Range(1 << 96), |step| {
        (step.sent, step.received) = (1 << 96, (1 << 96) - 10);
    });
    rule_bites(StepError::ProgramChanged, |step| {
        step.old = step.old.map(|old| Leaf {
            program: Fr::from(78),
            ..old
        });
    });
}

#[test]
fn a_fresh_shard_starts_from_nothing() {
    let inputs = leaves().claims();
    for field in [
        "body",
        "lamport",
        "timestamp",
        "seen_epoch",
        "seen_digest",
        "supply",
    ] {
        CIRCUIT.must_refuse(&inputs, &format!("old_{field}"), 2, Fr::ONE);
    }
    // Supply from nowhere, with every digest consistent.
    let mut merge = leaves();
    if let Child::Shard { step, .. } = &mut merge.children[2] {
        step.received = 6;
    }
    assert!(merge.check().is_err());
    assert!(!CIRCUIT.accepts(&merge.claims()));
}

#[test]
fn an_unchanged_child_is_inactive_and_moves_no_value() {
    let inputs = leaves().claims();
    let mut forged = inputs.clone();
    forged.get_mut("sent").unwrap()[1] = Fr::from(5);
    forged.get_mut("received").unwrap()[1] = Fr::from(9);
    let (honest, forged) = (CIRCUIT.witness(&inputs), CIRCUIT.witness(&forged));
    assert_eq!(honest[8], forged[8]);
    // Turning its flag on or another's off breaks the constraints: flags are derived.
    for (wire, value) in [(2, Fr::ONE), (1, Fr::ZERO)] {
        let mut witness = honest.clone();
        witness[wire] = value;
        assert!(CIRCUIT.check(&witness).is_err());
    }
}

#[test]
fn above_level_0_every_field_reaches_the_statements() {
    let merge = subtrees();
    let inputs = merge.claims();
    let honest = CIRCUIT.witness(&inputs);
    for (signal, element) in [
        ("merge_key", 0),
        ("nest_key", 0),
        ("registry", 0),
        ("level", 0),
        ("index", 0),
        ("history", 0),
        ("old", 0),
        ("new", 0),
        ("sent", 0),
        ("received", 2),
    ] {
        let mut changed = inputs.clone();
        changed.get_mut(signal).unwrap()[element] += Fr::from(1000);
        let witness = CIRCUIT.witness(&changed);
        assert!(CIRCUIT.check(&witness).is_ok(), "{signal}");
        let child = 4 + element;
        assert_ne!(
            witness[child], honest[child],
            "{signal} is not in the child's statement"
        );
        assert_ne!(witness[8], honest[8], "{signal} is not in the statement");
    }
}

#[test]
fn a_proof_of_the_wrong_level_is_refused() {
    let kinds = Merge {
        level: 1,
        ..leaves()
    };
    assert!(matches!(
        kinds.check(),
        Err(MergeError::Kind {
            child: 0,
            level: 1,
            ..
        })
    ));
    let kinds = Merge {
        level: 0,
        ..subtrees()
    };
    assert!(matches!(
        kinds.check(),
        Err(MergeError::Kind {
            child: 0,
            level: 0,
            ..
        })
    ));
    assert!(!CIRCUIT.accepts(&level_0_of(&subtrees())));
}

/// Subtree digests passed off as leaves.
fn level_0_of(merge: &Merge) -> Inputs {
    let mut inputs = merge.claims();
    let registered = leaves().claims();
    for signal in ["program", "program_index", "program_siblings"] {
        inputs.insert(signal, registered.get(signal).unwrap().to_vec());
    }
    inputs.insert("level", [Fr::ZERO]);
    inputs
}

#[test]
fn every_wire_is_fixed_by_the_inputs() {
    // Zeros: the level, the silent child's change, the fresh one's leaf, two seen states.
    is_fixed("tests/claims/merge.circom", &CIRCUIT, &leaves().claims(), 5);
    // Zeros: the silent child's change and leaf, three seen states.
    is_fixed(
        "tests/claims/merge.circom",
        &CIRCUIT,
        &subtrees().claims(),
        5,
    );
}
