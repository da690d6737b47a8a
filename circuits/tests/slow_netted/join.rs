use crate::part_keys;
use crate::simulator::{Simulator, dishonest};
use crate::support::Circuit;
use ark_bn254::Fr;
use std::sync::LazyLock;
use trifold_circuits::groth16::advice::Proof;
use trifold_circuits::groth16::{Mode, Params, Plan, PreparedKey, Slot};
use trifold_circuits::inputs::Inputs;
use trifold_circuits::netted::challenge::Challenge;
use trifold_circuits::netted::join::{Join, JoinError, Joined};
use trifold_circuits::netted::statement::{Context, Part};

struct Setting {
    circuit: Circuit,
    plan: Plan,
    tablet: Simulator,
}

static SETTING: LazyLock<Setting> = LazyLock::new(|| Setting {
    circuit: Circuit::listed("netted-join"),
    plan: Plan::new(Mode::Witness, Params::DEPLOYED, 3).unwrap(),
    tablet: Simulator::new(1),
});

/// Two tablets of level 2 with a subtree between them that does not change.
fn join() -> Join {
    let (keys, part_keys) = part_keys(&[&SETTING.tablet]);
    let part = |index: u64| {
        let value = |of: u64| Fr::from(100 * index + of);
        Joined::Part(Part {
            level: 2,
            index,
            old: value(1),
            new: value(2),
            commitment: value(3),
            sum: value(4),
            events: 0,
        })
    };
    let digest = Fr::from(9);
    Join {
        context: Context {
            keys,
            network: Fr::from(77),
            shard: 5,
            challenge: Challenge {
                gamma: Fr::from(1234),
                alpha: Fr::from(4321),
            },
        },
        key: part_keys[0].clone(),
        level: 2,
        index: 2,
        parts: [part(6), Joined::Absent { digest }, part(8)],
    }
}

/// Proofs of what the parts state.
fn proofs(join: &Join, simulator: &Simulator) -> [Option<Proof>; 3] {
    let statements = join.statements();
    [0, 1, 2].map(|i| {
        let present = matches!(join.parts[i], Joined::Part(_));
        present.then(|| simulator.prove(statements[i]))
    })
}

/// The signals of a prover who goes on with whatever proofs there are.
fn forged(join: &Join, key: &PreparedKey, proofs: &[Option<Proof>; 3]) -> Inputs {
    let statements = join.statements();
    let slots = [0, 1, 2].map(|i| Slot {
        x: statements[i],
        proof: proofs[i].as_ref(),
    });
    let plan = &SETTING.plan;
    let mut inputs = dishonest(plan, &[key], &slots, &[0, 0, 0], &mut |_, _| {});
    inputs.extend(join.claims());
    inputs
}

#[test]
fn parts_with_proofs_join_and_state_the_native_digest() {
    let join = join();
    let own = &SETTING.tablet;
    let inputs = join
        .inputs(&SETTING.plan, &own.key, &proofs(&join, own))
        .unwrap();
    let witness = SETTING.circuit.honest_witness(&inputs);
    assert_eq!(SETTING.circuit.check(&witness), Ok(()));
    assert_eq!(SETTING.circuit.r1cs.num_public(), 1);
    assert_eq!(witness[1], join.part().unwrap().digest(&join.context));
}

#[test]
fn a_part_that_states_something_else_than_its_proof_is_refused() {
    let honest = join();
    let own = &SETTING.tablet;
    let proofs = proofs(&honest, own);
    let changes: [fn(&mut Part); 4] = [
        |part| part.sum += Fr::from(1),
        |part| part.new += Fr::from(1),
        |part| part.commitment += Fr::from(1),
        |part| part.events += 1,
    ];
    for change in changes {
        let mut join = honest.clone();
        if let Joined::Part(part) = &mut join.parts[2] {
            change(part);
        }
        let error = join.inputs(&SETTING.plan, &own.key, &proofs).unwrap_err();
        assert!(matches!(error, JoinError::Advice(_)), "{error}");
        assert!(!SETTING.circuit.accepts(&forged(&join, &own.key, &proofs)));
    }
    // The same parts in another context.
    let mut replayed = honest;
    replayed.context.challenge.gamma += Fr::from(1);
    assert!(
        !SETTING
            .circuit
            .accepts(&forged(&replayed, &own.key, &proofs))
    );
}

#[test]
fn a_self_made_key_does_not_pass_for_a_registered_one() {
    let (join, mine) = (join(), Simulator::new(3));
    let proofs = proofs(&join, &mine);
    let error = join.inputs(&SETTING.plan, &mine.key, &proofs).unwrap_err();
    assert!(matches!(error, JoinError::OtherKey { .. }), "{error}");
    assert!(!SETTING.circuit.accepts(&forged(&join, &mine.key, &proofs)));
}
