use crate::calculator::Circuit;
use crate::support::{
    COLLECTOR, Forgery, LIST, SHARD, SINGLE, all_refused, all_restated, compile, context, domain,
    free_wires, get, key, message, messages, network, pay, power, restated, set,
};
use ark_bn254::Fr;
use ark_ff::AdditiveGroup;
use std::sync::LazyLock;
use trifold_circuits::inputs::Inputs;
use trifold_circuits::netted::messages::{MessagesError, MessagesSize};
use trifold_circuits::schnorr::{SchnorrError, Signature};
use trifold_verifier::poseidon;

static ONE: LazyLock<Circuit> = LazyLock::new(|| circuit(SINGLE));
static MANY: LazyLock<Circuit> = LazyLock::new(|| circuit(LIST));

fn circuit(size: MessagesSize) -> Circuit {
    let parameters = [("N", size.slots), ("K", size.payments)];
    compile("messages", "Messages", &parameters)
}

fn honest(size: MessagesSize) -> Inputs {
    messages(size).inputs(&context()).unwrap().0
}

/// Signs what the inputs say of message `at` of one payment, whatever their range, in a domain.
fn sign_in(inputs: &mut Inputs, at: usize, owner: u8, domain: Fr) {
    let (amount, fee) = (get(inputs, "amount", at), get(inputs, "fee", at));
    let word = amount + power(64) * fee + power(96) * get(inputs, "destination", at);
    let (from, ordinal) = (get(inputs, "from", at), get(inputs, "ordinal", at));
    let u = get(inputs, "key", 2 * at);
    let message = poseidon::hash(&[domain, from, ordinal, word]);
    let signature = key(owner).sign_hash(message, |commitment| {
        poseidon::hash(&[domain, commitment.x, commitment.y, u, from, ordinal, word])
    });
    put_signature(inputs, at, &signature);
}

fn sign(inputs: &mut Inputs, at: usize, owner: u8) {
    sign_in(inputs, at, owner, domain(1).digest());
}

fn put_signature(inputs: &mut Inputs, at: usize, signature: &Signature) {
    let point = [signature.commitment.x, signature.commitment.y];
    inputs.get_mut("commitment").unwrap()[2 * at..2 * at + 2].copy_from_slice(&point);
    for (i, digit) in (84 * at..).zip(signature.response_digits()) {
        let bits = [digit.magnitude & 1, digit.magnitude >> 1].map(Fr::from);
        inputs.get_mut("response_magnitude").unwrap()[2 * i..2 * i + 2].copy_from_slice(&bits);
        inputs.get_mut("response_positive").unwrap()[i] = digit.positive.into();
    }
}

#[test]
fn circuit_and_native_relation_agree_for_every_number_of_messages() {
    for (circuit, size) in [(&*ONE, SINGLE), (&*MANY, LIST)] {
        let all = messages(size);
        for count in 0..=all.signed.len() {
            let mut messages = all.clone();
            messages.signed.truncate(count);
            let (inputs, part) = messages.inputs(&context()).unwrap();
            let witness = circuit.honest_witness(&inputs);
            assert_eq!(circuit.check(&witness), Ok(()));
            assert_eq!(circuit.r1cs.num_public(), 1);
            assert_eq!(witness[1], part.digest(&context()));
            assert_eq!(part.events as usize, count);
        }
    }
}

#[test]
fn a_payment_abroad_names_whom_it_would_return_to() {
    let at_home = messages(SINGLE);
    let mut abroad = at_home.clone();
    let mut payment = pay(1, 30, 2);
    payment.shard += 1;
    abroad.signed[0] = message(0, 0, 1, &[payment]);
    let (inputs, part) = abroad.inputs(&context()).unwrap();
    let witness = ONE.honest_witness(&inputs);
    assert_eq!(ONE.check(&witness), Ok(()));
    assert_eq!(witness[1], part.digest(&context()));
    assert_eq!(free_wires(&ONE, &witness), Vec::<usize>::new());
    // The terms are those of the message at home, but for the payment's.
    let challenge = context().challenge;
    let destination = payment.destination();
    let home = destination - (1 << 32);
    let other = challenge.away(destination, 0, 30) - challenge.credit(home.into(), 30.into());
    assert_eq!(part.sum - at_home.part(&context()).unwrap().sum, other);
}

#[test]
fn no_wire_is_free() {
    for (circuit, size) in [(&*ONE, SINGLE), (&*MANY, LIST)] {
        let witness = circuit.witness(&honest(size));
        assert_eq!(free_wires(circuit, &witness), Vec::<usize>::new());
    }
}

const FORGERIES: &[Forgery] = &[
    ("more messages than slots", |inputs| {
        set(inputs, "count", 0, Fr::from(4))
    }),
    ("a negative count", |inputs| {
        set(inputs, "count", 0, -Fr::from(1))
    }),
    (
        "a message that counts for nothing but moves value",
        |inputs| {
            set(inputs, "count", 0, Fr::from(1));
        },
    ),
    ("a negative amount", |inputs| {
        set(inputs, "amount", 0, -Fr::from(5));
        sign(inputs, 0, 0);
    }),
    ("an amount of 2^64", |inputs| {
        set(inputs, "amount", 0, power(64));
        sign(inputs, 0, 0);
    }),
    ("an amount that is read as fee", |inputs| {
        set(inputs, "amount", 0, Fr::from(30) + power(64));
        set(inputs, "fee", 0, Fr::from(1));
    }),
    ("a negative fee", |inputs| {
        set(inputs, "fee", 0, -Fr::from(1));
        sign(inputs, 0, 0);
    }),
    ("a fee of 2^32", |inputs| {
        set(inputs, "fee", 0, power(32));
        sign(inputs, 0, 0);
    }),
    ("a fee that is read as part of the destination", |inputs| {
        let to = get(inputs, "destination", 0);
        set(inputs, "fee", 0, Fr::from(2) + power(32));
        set(inputs, "destination", 0, to - Fr::from(1));
    }),
    ("a destination of 2^48", |inputs| {
        set(inputs, "destination", 0, power(48));
        sign(inputs, 0, 0);
    }),
    ("a payment of nothing, to where its amount was", |inputs| {
        let to = get(inputs, "destination", 0);
        let amount = get(inputs, "amount", 0);
        set(inputs, "amount", 0, Fr::ZERO);
        set(inputs, "destination", 0, to + amount * inverse(power(96)));
    }),
    ("another receiver than was signed", |inputs| {
        let to = get(inputs, "destination", 0);
        set(inputs, "destination", 0, to + Fr::from(1));
    }),
    ("another amount than was signed", |inputs| {
        set(inputs, "amount", 0, Fr::from(29))
    }),
    ("another sender than was signed", |inputs| {
        set(inputs, "from", 0, Fr::from(1))
    }),
    ("another ordinal than was signed", |inputs| {
        set(inputs, "ordinal", 0, Fr::from(1))
    }),
    ("another network", |inputs| {
        set(inputs, "network", 0, network() + Fr::from(1))
    }),
    ("another shard", |inputs| {
        set(inputs, "shard", 0, Fr::from(SHARD + 1))
    }),
    ("a signature for lists of three", |inputs| {
        sign_in(inputs, 0, 0, domain(3).digest())
    }),
    ("another signer", |inputs| sign(inputs, 0, 3)),
    ("another response", |inputs| {
        let bit = get(inputs, "response_magnitude", 100);
        set(inputs, "response_magnitude", 100, Fr::from(1) - bit);
    }),
    ("another highest digit of the response", |inputs| {
        let bit = get(inputs, "response_positive", 83);
        set(inputs, "response_positive", 83, Fr::from(1) - bit);
    }),
    ("a response bit of 2", |inputs| {
        set(inputs, "response_magnitude", 3, Fr::from(2))
    }),
    ("a response sign of 2", |inputs| {
        set(inputs, "response_positive", 3, Fr::from(2))
    }),
    ("another commitment", |inputs| {
        set(inputs, "commitment", 0, Fr::from(1))
    }),
    ("a key off the curve", |inputs| {
        set(inputs, "key", 1, Fr::from(1))
    }),
    ("the key's opposite", |inputs| {
        let v = get(inputs, "key", 1);
        set(inputs, "key", 1, -v);
    }),
    ("the key of nobody", |inputs| {
        set(inputs, "key", 0, Fr::ZERO);
        set(inputs, "key", 1, Fr::ZERO);
        sign(inputs, 0, 0);
    }),
];

fn inverse(value: Fr) -> Fr {
    ark_ff::Field::inverse(&value).unwrap()
}

#[test]
fn each_constraint_refuses_its_forgery() {
    all_refused(&ONE, &honest(SINGLE), FORGERIES);
}

/// What one proof of messages leaves to the sums: they are witnesses of other statements.
const LEFT_TO_THE_SUMS: &[Forgery] = &[
    ("another account, signed under one's own key", |inputs| {
        set(inputs, "from", 0, Fr::from(20));
        sign(inputs, 0, 0);
    }),
    ("an ordinal of 2^200", |inputs| {
        set(inputs, "ordinal", 0, power(200));
        sign(inputs, 0, 0);
    }),
    ("another collector", |inputs| {
        set(inputs, "collector", 0, Fr::from(COLLECTOR))
    }),
    ("another challenge", |inputs| {
        set(inputs, "gamma", 0, Fr::from(5))
    }),
    ("other keys", |inputs| set(inputs, "keys", 0, Fr::from(5))),
];

#[test]
fn what_the_sums_decide_is_stated() {
    all_restated(&ONE, &honest(SINGLE), LEFT_TO_THE_SUMS);
}

#[test]
fn a_list_has_one_signature_for_all_its_payments_in_order() {
    let honest = honest(LIST);
    let mut swapped = honest.clone();
    for name in ["destination", "amount", "fee"] {
        swapped.get_mut(name).unwrap().swap(0, 1);
    }
    let mut longer = honest.clone();
    set(&mut longer, "amount", 2, Fr::from(1));
    let mut fewer = honest.clone();
    set(&mut fewer, "amount", 1, Fr::ZERO);
    for forged in [swapped, longer, fewer] {
        assert!(!restated(&MANY, &forged));
        assert!(crate::support::refused(&MANY, &forged));
    }
}

#[test]
fn the_commitment_tells_lists_apart() {
    let all = messages(SINGLE);
    let mut shorter = all.clone();
    shorter.signed.pop();
    let mut collector = all.clone();
    collector.collector += 1;
    let mut roomier = all.clone();
    roomier.size.slots += 1;
    let mut order = all.clone();
    order.signed.reverse();
    for other in [shorter, collector, roomier, order] {
        assert_ne!(other.commitment(), all.commitment());
    }
}

#[test]
fn the_native_relation_names_what_is_wrong() {
    let refuse = |change: fn(&mut trifold_circuits::netted::messages::Messages)| {
        let mut messages = messages(SINGLE);
        change(&mut messages);
        messages.part(&context()).unwrap_err()
    };
    let many = refuse(|messages| messages.signed = vec![messages.signed[0].clone(); 4]);
    assert_eq!(many, MessagesError::TooMany { count: 4, slots: 3 });
    let size = refuse(|messages| messages.size.payments = 10);
    assert_eq!(size, MessagesError::Size(10));
    let long = refuse(|messages| {
        let payments = &mut messages.signed[1].message.payments;
        payments.push(payments[0]);
    });
    let (message, found, room) = (1, 2, 1);
    assert_eq!(
        long,
        MessagesError::Payments {
            message,
            found,
            room
        }
    );
    let forged = refuse(|messages| messages.signed[1].message.ordinal += 1);
    let source = SchnorrError::Mismatch;
    assert!(
        [
            MessagesError::Signature { message, source },
            MessagesError::Signature {
                message,
                source: SchnorrError::Challenge
            }
        ]
        .contains(&forged)
    );
}
