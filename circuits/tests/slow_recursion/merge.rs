use crate::simulator::{Simulator, dishonest};
use crate::support::Circuit;
use ark_bn254::Fr;
use std::sync::LazyLock;
use trifold_circuits::groth16::{Mode, Params, Plan, PreparedKey, Slot};
use trifold_circuits::inputs::Inputs;
use trifold_circuits::merge::{Child, Merge, MergeError, Registration, ShardStep};
use trifold_circuits::trie::SparseTrie;
use trifold_verifier::statement::{HISTORY_DEPTH, Keys, Leaf, REGISTRY_DEPTH};
use trifold_verifier::trie::Path;

struct Setting {
    circuit: Circuit,
    plan: Plan,
    merge: Simulator,
    program: Simulator,
}

static SETTING: LazyLock<Setting> = LazyLock::new(|| Setting {
    circuit: Circuit::listed("merge"),
    plan: Plan::new(Mode::Witness, Params::DEPLOYED, 3).unwrap(),
    merge: Simulator::new(1),
    program: Simulator::new(4),
});

fn shard(number: u64, prover: &Simulator, index: u32) -> Child {
    let program = SETTING.program.digest();
    let old = Leaf::genesis(program, Fr::from(number), 100);
    let new = Leaf {
        body: Fr::from(number + 50),
        lamport: 3,
        timestamp: 1000,
        ..old
    };
    let step = ShardStep {
        old: Some(old),
        new,
        events: 3,
        sent: 0,
        received: 0,
        received_lamport: 0,
        received_timestamp: 0,
        seen_path: vec![[Fr::from(0); 2]; HISTORY_DEPTH],
    };
    let proof = prover.prove(step.statement(index).digest());
    Child::Shard { step, proof }
}

/// Shards 6 and 8 step, shard 7 is silent.
fn leaves() -> Merge {
    let program = SETTING.program.digest();
    let mut registry = SparseTrie::new(REGISTRY_DEPTH).unwrap();
    registry.set(0, program).unwrap();
    Merge {
        keys: Keys {
            merge: SETTING.merge.digest(),
            nest: Fr::from(12),
            registry: registry.root(),
        },
        level: 0,
        index: 2,
        history: Fr::from(31),
        registration: Registration {
            program,
            path: Path {
                index: 0,
                siblings: registry.path(0).unwrap(),
            },
        },
        children: [
            shard(1, &SETTING.program, 6),
            Child::Unchanged(Fr::from(4444)),
            shard(3, &SETTING.program, 8),
        ],
    }
}

/// Three changed subtrees, proven.
fn subtrees() -> Merge {
    let subtree = |old: u64| Child::Subtree {
        old: Fr::from(old),
        new: Fr::from(old + 1),
        sent: 7,
        received: 8,
        proof: SETTING.merge.prove(Fr::from(1)),
    };
    let mut merge = Merge {
        level: 2,
        index: 1,
        children: [subtree(10), subtree(20), subtree(30)],
        ..leaves()
    };
    let statements = [0, 1, 2].map(|i| merge.child_statement(i));
    for (child, x) in merge.children.iter_mut().zip(statements) {
        if let Child::Subtree { proof, .. } = child {
            *proof = SETTING.merge.prove(x);
        }
    }
    merge
}

fn key(merge: &Merge) -> &'static PreparedKey {
    match merge.level {
        0 => &SETTING.program.key,
        _ => &SETTING.merge.key,
    }
}

/// The signals of a prover who goes on with whatever proofs the claims come with; `without` leaves one slot empty.
fn forged(merge: &Merge, key: &PreparedKey, without: Option<usize>) -> Inputs {
    let proofs = merge.children.each_ref().map(|child| match child {
        Child::Unchanged(_) => None,
        Child::Shard { proof, .. } | Child::Subtree { proof, .. } => Some(proof),
    });
    let slots = [0, 1, 2].map(|i| Slot {
        x: merge.child_statement(i),
        proof: proofs[i].filter(|_| without != Some(i)),
    });
    let mut inputs = dishonest(&SETTING.plan, &[key], &slots, &[0; 3], &mut |_, _| {});
    inputs.extend(merge.claims());
    inputs
}

fn refused(what: &str, merge: &Merge) {
    assert!(
        merge.inputs(&SETTING.plan, key(merge)).is_err(),
        "{what}: natively"
    );
    let inputs = forged(merge, key(merge), None);
    assert!(!SETTING.circuit.accepts(&inputs), "{what}: by the circuit");
}

#[test]
fn honest_merges_are_accepted_and_state_the_native_digest() {
    for merge in [leaves(), subtrees()] {
        let inputs = merge.inputs(&SETTING.plan, key(&merge)).unwrap();
        let witness = SETTING.circuit.honest_witness(&inputs);
        assert_eq!(SETTING.circuit.check(&witness), Ok(()));
        assert_eq!(
            witness[1],
            merge.statement().digest(),
            "level {}",
            merge.level
        );
    }
}

#[test]
fn a_changed_child_cannot_go_without_a_proof() {
    let merge = leaves();
    let inputs = forged(&merge, key(&merge), Some(2));
    assert!(!SETTING.circuit.accepts(&inputs));
}

#[test]
fn a_false_proof_is_refused_in_every_position() {
    for position in 0..3 {
        let mut merge = subtrees();
        let Child::Subtree { proof, .. } = &mut merge.children[position] else {
            unreachable!()
        };
        *proof = SETTING.merge.prove(Fr::from(5));
        refused(&format!("a false proof at {position}"), &merge);
    }
    let mut exchanged = leaves();
    exchanged.children.swap(0, 2);
    refused("two shards exchanged", &exchanged);
}

#[test]
fn a_shards_proof_serves_at_its_own_index_only() {
    let mut moved = leaves();
    moved.index = 3;
    refused("the same shards one triad further", &moved);
}

#[test]
fn a_program_that_is_not_registered_is_refused() {
    let mine = Simulator::new(9);
    let mut merge = leaves();
    merge.registration.program = mine.digest();
    for (child, index) in [(0, 6), (2, 8)] {
        let Child::Shard { step, proof } = &mut merge.children[child] else {
            unreachable!()
        };
        step.new.program = mine.digest();
        step.old = step.old.map(|old| Leaf {
            program: mine.digest(),
            ..old
        });
        *proof = mine.prove(step.statement(index).digest());
    }
    assert!(matches!(merge.check(), Err(MergeError::Unregistered(_))));
    assert!(!SETTING.circuit.accepts(&forged(&merge, &mine.key, None)));
}
