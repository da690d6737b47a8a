use crate::part_keys;
use crate::simulator::{Simulator, dishonest};
use crate::support::Circuit;
use ark_bn254::Fr;
use std::sync::LazyLock;
use trifold_circuits::groth16::advice::Proof;
use trifold_circuits::groth16::{Mode, Params, Plan, PreparedKey, Slot};
use trifold_circuits::inputs::Inputs;
use trifold_circuits::netted::close::{Close, CloseError, ClosedPart};
use trifold_circuits::netted::statement::Part;
use trifold_circuits::netted::traffic::Boxes;
use trifold_circuits::snapshot::Exchange;

struct Setting {
    circuit: Circuit,
    plan: Plan,
    messages: Simulator,
    accounts: Simulator,
}

static SETTING: LazyLock<Setting> = LazyLock::new(|| Setting {
    circuit: Circuit::listed("netted-close"),
    plan: Plan::new(Mode::Witness, Params::DEPLOYED, 2).unwrap(),
    messages: Simulator::new(1),
    accounts: Simulator::new(2),
});

fn own_keys() -> [&'static PreparedKey; 2] {
    [&SETTING.messages.key, &SETTING.accounts.key]
}

/// A dense epoch whose sums are opposite.
fn close() -> Close {
    let (keys, part_keys) = part_keys(&[&SETTING.messages, &SETTING.accounts]);
    let (old, new) = (Fr::from(11), Fr::from(12));
    let messages = Part {
        commitment: Fr::from(21),
        sum: Fr::from(31),
        events: 4,
        ..Part::default()
    };
    let accounts = Part {
        level: 13,
        index: 0,
        old,
        new,
        commitment: Fr::from(22),
        sum: -Fr::from(31),
        events: 0,
    };
    let closed = |place: usize, part| ClosedPart {
        key: part_keys[place].clone(),
        part,
    };
    Close {
        network: Fr::from(77),
        shard: 5,
        keys,
        depth: 13,
        old,
        new,
        sparse: false,
        seen_digest: Fr::from(3),
        boxes: Boxes::default(),
        exchange: Exchange::default(),
        headers: 0,
        messages: closed(0, messages),
        accounts: closed(1, accounts),
    }
}

fn proofs(close: &Close) -> [Proof; 2] {
    let [messages, accounts] = close.statements();
    [
        SETTING.messages.prove(messages),
        SETTING.accounts.prove(accounts),
    ]
}

/// The signals of a prover who goes on with whatever proofs there are.
fn forged(close: &Close, keys: [&PreparedKey; 2], proofs: &[Proof; 2]) -> Inputs {
    let statements = close.statements();
    let slots = [0, 1].map(|i| Slot {
        x: statements[i],
        proof: Some(&proofs[i]),
    });
    let mut inputs = dishonest(&SETTING.plan, &keys, &slots, &[0, 1], &mut |_, _| {});
    inputs.extend(close.claims());
    inputs
}

#[test]
fn an_epoch_with_proofs_closes_and_states_the_native_digest() {
    let close = close();
    let inputs = close
        .inputs(&SETTING.plan, own_keys(), &proofs(&close))
        .unwrap();
    let witness = SETTING.circuit.honest_witness(&inputs);
    assert_eq!(SETTING.circuit.check(&witness), Ok(()));
    assert_eq!(SETTING.circuit.r1cs.num_public(), 1);
    assert_eq!(witness[1], close.statement().unwrap().digest());
}

#[test]
fn proofs_of_another_epoch_are_refused() {
    let honest = close();
    let proofs = proofs(&honest);
    let changes: [fn(&mut Close); 5] = [
        |close| close.network += Fr::from(1),
        |close| close.shard += 1,
        |close| close.messages.part.events += 1,
        |close| {
            close.new += Fr::from(1);
            close.accounts.part.new = close.new;
        },
        |close| {
            close.messages.part.sum += Fr::from(1);
            close.accounts.part.sum -= Fr::from(1);
        },
    ];
    for change in changes {
        let mut close = honest.clone();
        change(&mut close);
        let error = close
            .inputs(&SETTING.plan, own_keys(), &proofs)
            .unwrap_err();
        assert!(matches!(error, CloseError::Advice(_)), "{error}");
        assert!(
            !SETTING
                .circuit
                .accepts(&forged(&close, own_keys(), &proofs))
        );
    }
}

#[test]
fn keys_exchanged_or_self_made_are_refused() {
    let close = close();
    let [messages, accounts] = own_keys();
    let exchanged = forged(&close, [accounts, messages], &proofs(&close));
    assert!(!SETTING.circuit.accepts(&exchanged));
    let mine = Simulator::new(3);
    let [first, second] = close.statements();
    let self_made = [mine.prove(first), SETTING.accounts.prove(second)];
    let inputs = forged(&close, [&mine.key, accounts], &self_made);
    assert!(!SETTING.circuit.accepts(&inputs));
}
