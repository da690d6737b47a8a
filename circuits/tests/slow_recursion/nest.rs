use crate::simulator::{Simulator, dishonest};
use crate::support::Circuit;
use ark_bn254::{Fq, Fr};
use ark_ff::AdditiveGroup;
use std::sync::LazyLock;
use trifold_circuits::groth16::advice::Numbers;
use trifold_circuits::groth16::{Mode, Params, Plan, PreparedKey, Slot};
use trifold_circuits::inputs::Inputs;
use trifold_circuits::nest::{Nest, NestError};
use trifold_circuits::trie::SparseTrie;
use trifold_verifier::statement::{GlobalState, HISTORY_DEPTH, Keys, NestStatement};

struct Setting {
    circuit: Circuit,
    plan: Plan,
    merge: Simulator,
    nest: Simulator,
}

static SETTING: LazyLock<Setting> = LazyLock::new(|| Setting {
    circuit: Circuit::listed("nest"),
    plan: Plan::new(Mode::Witness, Params::DEPLOYED, 2).unwrap(),
    merge: Simulator::new(1),
    nest: Simulator::new(2),
});

fn keys() -> Keys {
    Keys {
        merge: SETTING.merge.digest(),
        nest: SETTING.nest.digest(),
        registry: Fr::from(13),
    }
}

/// Epoch `n` with valid proofs of the previous state and of the top transition.
fn epoch(n: u64) -> Nest {
    let mut history = SparseTrie::new(HISTORY_DEPTH).unwrap();
    for earlier in 0..n - 1 {
        history.set(earlier, Fr::from(500 + earlier)).unwrap();
    }
    let previous = GlobalState {
        epoch: n - 1,
        depth: 1,
        root: Fr::from(70),
        history: history.root(),
        in_flight: 0,
    };
    let mut nest = Nest {
        keys: keys(),
        genesis: if n == 1 {
            previous.digest()
        } else {
            Fr::from(99)
        },
        previous,
        previous_proof: None,
        deepen: false,
        root: Fr::from(71),
        sent: 5,
        received: 5,
        top_proof: SETTING.merge.prove(Fr::ZERO),
        history_path: history.path(n - 1).unwrap(),
    };
    prove_both(&mut nest);
    nest
}

/// Fresh proofs of exactly what the claims need.
fn prove_both(nest: &mut Nest) {
    let previous = nest.previous_statement().digest();
    nest.previous_proof = (nest.previous.epoch > 0).then(|| SETTING.nest.prove(previous));
    nest.top_proof = SETTING.merge.prove(nest.top_statement().digest());
}

fn honest(nest: &Nest) -> Inputs {
    nest.inputs(&SETTING.plan, &SETTING.nest.key, &SETTING.merge.key)
        .unwrap()
}

/// The signals of a prover who goes on with whatever proofs the claims come with.
fn forged(
    nest: &Nest,
    keys: [&PreparedKey; 2],
    tamper: &mut dyn FnMut(usize, &mut Numbers),
) -> Inputs {
    let slots = [
        Slot {
            x: nest.previous_statement().digest(),
            proof: nest.previous_proof.as_ref(),
        },
        Slot {
            x: nest.top_statement().digest(),
            proof: Some(&nest.top_proof),
        },
    ];
    let mut inputs = dishonest(&SETTING.plan, &keys, &slots, &[0, 1], tamper);
    inputs.extend(nest.claims());
    inputs
}

fn own_keys() -> [&'static PreparedKey; 2] {
    [&SETTING.nest.key, &SETTING.merge.key]
}

fn refused(what: &str, nest: &Nest) {
    assert!(
        nest.inputs(&SETTING.plan, own_keys()[0], own_keys()[1])
            .is_err(),
        "{what}: natively"
    );
    let inputs = forged(nest, own_keys(), &mut |_, _| {});
    assert!(!SETTING.circuit.accepts(&inputs), "{what}: by the circuit");
}

#[test]
fn honest_epochs_are_accepted_and_state_the_native_digest() {
    for n in [1, 2, 9] {
        let nest = epoch(n);
        let witness = SETTING.circuit.honest_witness(&honest(&nest));
        assert_eq!(SETTING.circuit.check(&witness), Ok(()));
        assert_eq!(witness[1], nest.statement().unwrap().digest(), "epoch {n}");
    }
}

#[test]
fn garbage_in_the_first_epochs_empty_slot_changes_nothing() {
    let nest = epoch(1);
    let mut garble = |round: usize, numbers: &mut Numbers| {
        let block = match round {
            1 => &mut numbers.round1[0],
            3 => &mut numbers.round3[0],
            _ => return,
        };
        (1u64..)
            .zip(block)
            .for_each(|(i, number)| *number = Fq::from(i * i * 7919));
    };
    let inputs = forged(&nest, own_keys(), &mut garble);
    let witness = SETTING.circuit.honest_witness(&inputs);
    assert_eq!(SETTING.circuit.check(&witness), Ok(()));
    assert_eq!(witness[1], nest.statement().unwrap().digest());
}

#[test]
fn a_later_epoch_cannot_leave_out_the_previous_proof() {
    let unproven = Nest {
        previous_proof: None,
        ..epoch(2)
    };
    refused("no previous proof", &unproven);
}

#[test]
fn skipped_replayed_and_altered_histories_are_refused() {
    let honest = epoch(5);
    let mut skipped = honest.clone();
    skipped.previous.epoch = 5; // proven is epoch 4; place 5 of the history is empty too
    skipped.top_proof = SETTING.merge.prove(skipped.top_statement().digest());
    refused("an epoch skipped", &skipped);
    let mut replayed = honest.clone();
    replayed.previous.epoch = 3; // its place in the history is taken
    prove_both(&mut replayed);
    assert!(matches!(replayed.state(), Err(NestError::History(_))));
    refused("an epoch replayed", &replayed);
    let mut altered = honest.clone();
    altered.previous.root = Fr::from(1);
    altered.top_proof = SETTING.merge.prove(altered.top_statement().digest());
    refused("another previous root", &altered);
    let mut richer = honest.clone();
    richer.previous.in_flight = 1000;
    refused("value in flight from nowhere", &richer);
    let mut other = honest;
    other.root = Fr::from(72);
    refused("another new root", &other);
}

#[test]
fn another_genesis_or_other_keys_below_are_refused() {
    let honest = epoch(3);
    let prove = |statement: NestStatement| Some(SETTING.nest.prove(statement.digest()));
    let own = honest.previous_statement();
    let foreign = NestStatement {
        genesis: Fr::from(1),
        ..own
    };
    let genesis = Nest {
        previous_proof: prove(foreign),
        ..honest.clone()
    };
    refused("a chain from another genesis", &genesis);
    let foreign = NestStatement {
        keys: Fr::from(1),
        ..own
    };
    let keys = Nest {
        previous_proof: prove(foreign),
        ..honest
    };
    refused("a chain under other keys", &keys);
}

#[test]
fn proofs_under_a_self_made_key_do_not_pass_for_the_networks() {
    let mine = Simulator::new(3);
    let honest = epoch(2);
    let x = honest.previous_statement().digest();
    let own = Nest {
        previous_proof: Some(mine.prove(x)),
        ..honest.clone()
    };
    let inputs = forged(&own, [&mine.key, &SETTING.merge.key], &mut |_, _| {});
    assert!(
        !SETTING.circuit.accepts(&inputs),
        "the words of another key"
    );
    // Naming the key in the claims is possible, and shows: the statement is another one.
    let mut named = honest.clone();
    named.keys.nest = mine.digest();
    let x = named.previous_statement().digest();
    named.previous_proof = Some(mine.prove(x));
    named.top_proof = SETTING.merge.prove(named.top_statement().digest());
    let inputs = named
        .inputs(&SETTING.plan, &mine.key, &SETTING.merge.key)
        .unwrap();
    let witness = SETTING.circuit.witness(&inputs);
    assert_eq!(SETTING.circuit.check(&witness), Ok(()));
    assert_ne!(witness[1], honest.statement().unwrap().digest());
    // The two keys exchanged.
    let inputs = forged(
        &honest,
        [&SETTING.merge.key, &SETTING.nest.key],
        &mut |_, _| {},
    );
    assert!(!SETTING.circuit.accepts(&inputs), "exchanged keys");
}
