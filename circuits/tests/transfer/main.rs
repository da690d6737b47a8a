//! The transfer program: native relation and circuit agree, and each constraint refuses the forgery it is there for.

mod messages;
mod support;

use ark_bn254::Fr;
use ark_ff::{AdditiveGroup, Field};
use support::SHARD;
use support::{Accounts, Circuit, SIZE, batch, key, lines, mixed};
use trifold_circuits::inputs::Inputs;
use trifold_circuits::schnorr::{SchnorrError, Signature};
use trifold_circuits::transfer::{self, Batch, TransferError};
use trifold_verifier::statement::ProgramStatement;

/// Signs `message` for slot 0 in place of what the inputs hold.
fn sign(inputs: &mut Inputs, message: Fr, owner: u8) {
    let signature = key(owner).sign(message);
    put_signature(inputs, &signature);
}

fn put_signature(inputs: &mut Inputs, signature: &Signature) {
    set(inputs, "commitment", 0, signature.commitment.x);
    set(inputs, "commitment", 1, signature.commitment.y);
    for (i, digit) in signature.response_digits().iter().enumerate() {
        set(
            inputs,
            "response_magnitude",
            2 * i,
            (digit.magnitude & 1).into(),
        );
        set(
            inputs,
            "response_magnitude",
            2 * i + 1,
            (digit.magnitude >> 1).into(),
        );
        set(inputs, "response_positive", i, digit.positive.into());
    }
}

fn set(inputs: &mut Inputs, name: &str, place: usize, value: Fr) {
    inputs.get_mut(name).unwrap()[place] = value;
}

fn get(inputs: &Inputs, name: &str, place: usize) -> Fr {
    inputs.get(name).unwrap()[place]
}

/// The message of slot 0 as the circuit computes it, whatever the inputs' range.
fn message(inputs: &Inputs) -> Fr {
    let field = |name| get(inputs, name, 0);
    let key = [
        get(inputs, "receiver_key", 0),
        get(inputs, "receiver_key", 1),
    ];
    let tag = trifold_circuits::field::tag("trifold/transfer/v1");
    let place = field("to")
        + field("to_shard") * Fr::from(1u64 << 32)
        + field("request") * Fr::from(1u64 << 49);
    trifold_verifier::poseidon::hash(&[
        tag,
        field("shard"),
        field("from"),
        field("sender_ordinal"),
        place,
        key[0],
        key[1],
        field("amount"),
    ])
}

#[test]
fn circuit_and_native_relation_agree_for_every_number_of_events() {
    let circuit = Circuit::small();
    assert_eq!(circuit.r1cs.num_public(), 1);
    for events in 1..=SIZE.transfers {
        let mut batch = batch();
        batch.steps.truncate(events);
        let statement = agree(&circuit, &batch);
        assert_eq!(statement.events as usize, events);
        assert_eq!((statement.sent, statement.received), (0, 0));
    }
}

/// Circuit and native relation say the same.
fn agree(circuit: &Circuit, batch: &Batch) -> ProgramStatement {
    let (inputs, statement) = batch.inputs(SIZE).unwrap();
    let witness = circuit.witness(&inputs).unwrap();
    assert_eq!(circuit.r1cs.check(&witness), Ok(()));
    assert_eq!(witness[1], statement.digest());
    statement
}

/// But for the inverses of zeros, which have no effect. In the first batch: the depth of the idle state, both boxes, kind and payload
/// of two idle messages, the own shard of three transfers, the count of three idle sends. In the second: the state's depth, a
/// kind and no key, a kind, the own shard of one transfer, no key of another, both of an idle one, two channels begun.
#[test]
fn no_wire_is_free() {
    let circuit = Circuit::small();
    let rows = rows_by_wire(&circuit);
    for (batch, zeros) in [(batch(), 13), (mixed(), 12)] {
        let (inputs, _) = batch.inputs(SIZE).unwrap();
        let mut witness = circuit.witness(&inputs).unwrap();
        let free = (1..witness.len()).filter(|&wire| {
            let honest = std::mem::replace(&mut witness[wire], Fr::from(3));
            let changed = honest != Fr::from(3);
            let violated = rows[wire]
                .iter()
                .any(|&row| !holds(&circuit, row, &witness));
            witness[wire] = honest;
            changed && !violated
        });
        assert_eq!(free.count(), zeros);
    }
}

fn rows_by_wire(circuit: &Circuit) -> Vec<Vec<usize>> {
    let mut rows = vec![Vec::new(); circuit.r1cs.num_wires];
    for row in 0..circuit.r1cs.num_constraints() {
        for matrix in [&circuit.r1cs.a, &circuit.r1cs.b, &circuit.r1cs.c] {
            matrix.row(row).for_each(|(wire, _)| rows[wire].push(row));
        }
    }
    rows
}

fn holds(circuit: &Circuit, row: usize, witness: &[Fr]) -> bool {
    let [a, b, c] = [&circuit.r1cs.a, &circuit.r1cs.b, &circuit.r1cs.c]
        .map(|matrix| matrix.product(row, witness));
    a * b == c
}

/// A forgery by inputs: its name, the change to the honest inputs, and the line that must refuse it.
type Forgery = (&'static str, fn(&mut Inputs), &'static str);

const SENDER: &str = "Debit: real * (update.oldRoot - root) === 0;";
const RECEIVER: &str = "Credit: real * (update.oldRoot - root) === 0;";
const CREDIT_FRESH: &str = "fresh * (fresh - 1) === 0;";

const FORGERIES: &[Forgery] = &[
    (
        "no events",
        |inputs| set(inputs, "transfers", 0, Fr::ZERO),
        "(1 - received.real[0]) * (1 - real.real[0]) === 0;",
    ),
    (
        "more transfers than slots",
        |inputs| set(inputs, "transfers", 0, Fr::from(4)),
        "used === count;",
    ),
    (
        "transfers negative",
        |inputs| set(inputs, "transfers", 0, -Fr::ONE),
        "used === count;",
    ),
    (
        "another seen state",
        |inputs| set(inputs, "seen_digest", 0, Fr::ONE),
        "x === statement;",
    ),
    (
        "another statement",
        |inputs| set(inputs, "x", 0, Fr::ONE),
        "x === statement;",
    ),
    (
        "fewer transfers than there are",
        |inputs| set(inputs, "transfers", 0, Fr::from(2)),
        "x === statement;",
    ),
    (
        "another root",
        |inputs| set(inputs, "old_root", 0, Fr::ONE),
        SENDER,
    ),
    (
        "an ordinal skipped",
        |inputs| {
            set(inputs, "sender_ordinal", 0, Fr::ONE);
            sign(inputs, message(inputs), 0);
        },
        SENDER,
    ),
    (
        "a balance invented",
        |inputs| set(inputs, "sender_balance", 0, Fr::from(1000)),
        SENDER,
    ),
    (
        "another's account",
        |inputs| {
            set(inputs, "from", 0, Fr::from(2));
            sign(inputs, message(inputs), 0);
        },
        SENDER,
    ),
    (
        "a sibling changed",
        |inputs| set(inputs, "sender_siblings", 0, Fr::ONE),
        SENDER,
    ),
    (
        "sender outside the trie",
        |inputs| {
            set(inputs, "from", 0, Fr::from(27));
            sign(inputs, message(inputs), 0);
        },
        "Debit: update.",
    ),
    (
        "receiver outside the trie",
        |inputs| {
            set(inputs, "to", 0, Fr::from(28));
            sign(inputs, message(inputs), 0);
        },
        "Credit: update.",
    ),
    (
        "overdraft",
        |inputs| {
            set(inputs, "amount", 0, Fr::from(101));
            sign(inputs, message(inputs), 0);
        },
        "Debit: _ <== Bits(64)(balance - amount);",
    ),
    (
        "a negative amount",
        |inputs| {
            set(inputs, "amount", 0, -Fr::from(5));
            sign(inputs, message(inputs), 0);
        },
        "Debit: _ <== Bits(64)(amount);",
    ),
    (
        "an amount of 2^64",
        |inputs| {
            set(inputs, "amount", 0, Fr::from(1u128 << 64));
            set(inputs, "sender_balance", 0, Fr::from(1u128 << 64));
            sign(inputs, message(inputs), 0);
        },
        "Debit: _ <== Bits(64)(amount);",
    ),
    (
        "a receiver said to be fresh",
        |inputs| {
            set(inputs, "receiver_fresh", 0, Fr::ONE);
            set(inputs, "receiver_balance", 0, Fr::ZERO);
        },
        RECEIVER,
    ),
    (
        "a fresh receiver with a balance",
        |inputs| {
            set(inputs, "receiver_fresh", 1, Fr::ONE);
            set(inputs, "receiver_balance", 1, Fr::from(9));
        },
        "fresh * balance === 0;",
    ),
    (
        "a fresh receiver with an ordinal",
        |inputs| set(inputs, "receiver_ordinal", 1, Fr::ONE),
        "fresh * ordinal === 0;",
    ),
    (
        "a receiver that is not fresh and does not exist",
        |inputs| set(inputs, "receiver_fresh", 1, Fr::ZERO),
        RECEIVER,
    ),
    (
        "a key replaced by a fraction of freshness",
        |inputs| {
            let own = key(1).public().coordinates();
            let thief = key(8).public().coordinates();
            let (leaf, other) = (
                transfer::account(own, 50, 0),
                transfer::account(thief, 0, 0),
            );
            set(inputs, "receiver_key", 0, thief.x);
            set(inputs, "receiver_key", 1, thief.y);
            set(inputs, "receiver_balance", 0, Fr::ZERO);
            set(
                inputs,
                "receiver_fresh",
                0,
                Fr::ONE - leaf * other.inverse().unwrap(),
            );
            sign(inputs, message(inputs), 0);
        },
        CREDIT_FRESH,
    ),
    (
        "another key than the receiver's",
        |inputs| {
            let other = key(8).public().coordinates();
            set(inputs, "receiver_key", 0, other.x);
            set(inputs, "receiver_key", 1, other.y);
            sign(inputs, message(inputs), 0);
        },
        RECEIVER,
    ),
    (
        "a request to an account of the own shard",
        |inputs| {
            set(inputs, "request", 0, Fr::ONE);
            sign(inputs, message(inputs), 0);
        },
        "here[i] * request[i] === 0;",
    ),
    (
        "half a request",
        |inputs| {
            set(inputs, "request", 0, Fr::from(2));
            sign(inputs, message(inputs), 0);
        },
        "request[i] * (request[i] - 1) === 0;",
    ),
    (
        "the receiver's shard moved into the receiver's place",
        |inputs| {
            let shifted = get(inputs, "to", 0) + Fr::from(5u64 << 32);
            set(inputs, "to", 0, shifted);
            set(inputs, "to_shard", 0, Fr::ZERO);
        },
        "_ <== Bits(32)(to[i]);",
    ),
    (
        "the request moved into the receiver's shard",
        |inputs| {
            set(inputs, "to_shard", 0, Fr::from((1u64 << 17) + 5));
            sign(inputs, message(inputs), 0);
        },
        "_ <== Bits(16)(to_shard[i]);",
    ),
    (
        "a local transfer said to leave",
        |inputs| {
            set(inputs, "to_shard", 0, Fr::from(6));
            sign(inputs, message(inputs), 0);
        },
        SENDER,
    ),
    (
        "the receiver changed after signing",
        |inputs| set(inputs, "to", 0, Fr::from(2)),
        SIGNATURE,
    ),
    (
        "another shard",
        |inputs| set(inputs, "shard", 0, Fr::from(6)),
        SIGNATURE,
    ),
    (
        "another signer",
        |inputs| sign(inputs, message(inputs), 3),
        SIGNATURE,
    ),
    (
        "another response",
        |inputs| {
            let bit = get(inputs, "response_magnitude", 100);
            set(inputs, "response_magnitude", 100, Fr::ONE - bit);
        },
        SIGNATURE,
    ),
    (
        "a response sign of 2",
        |inputs| set(inputs, "response_positive", 3, Fr::from(2)),
        "response_positive[i] * (response_positive[i] - 1) === 0;",
    ),
    (
        "a response bit of 2",
        |inputs| set(inputs, "response_magnitude", 3, Fr::from(2)),
        "response_magnitude[i][j] * (response_magnitude[i][j] - 1) === 0;",
    ),
    (
        "a key off the curve",
        |inputs| set(inputs, "sender_key", 0, Fr::from(1)),
        "=== xx + yy - 1;",
    ),
];

const SIGNATURE: &str = "difference === commitment;";

#[test]
fn each_constraint_refuses_its_forgery() {
    let circuit = Circuit::small();
    let honest = batch().inputs(SIZE).unwrap().0;
    for (name, forge, expected) in FORGERIES {
        let mut inputs = honest.clone();
        forge(&mut inputs);
        let found = lines(&circuit.refusal(&inputs));
        println!("{name}: {found:?}");
        assert!(
            found.iter().any(|line| line.contains(expected)),
            "{name}: refused at {found:?}"
        );
    }
}

#[test]
fn credits_beyond_64_bits_are_refused_by_both_sides() {
    let mut accounts = Accounts::new(SIZE.depth, &[100, u64::MAX - 10, 7]);
    accounts.step(0, 1, 1, 10);
    let mut batch = accounts.batch();
    let (mut inputs, _) = batch.inputs(SIZE).unwrap();
    set(&mut inputs, "amount", 0, Fr::from(11));
    let signed = message(&inputs);
    sign(&mut inputs, signed, 0);
    let found = lines(&Circuit::small().refusal(&inputs));
    assert!(
        found
            .iter()
            .any(|line| line == "Credit: _ <== Bits(64)(balance + amount);"),
        "{found:?}"
    );
    let step = &mut batch.steps[0];
    step.signed.transfer.amount = 11;
    step.signed.signature = key(0).sign(step.signed.transfer.message(SHARD));
    let error = batch.statement(SIZE).unwrap_err();
    assert!(matches!(
        error,
        TransferError::Overflow {
            slot: 0,
            amount: 11,
            ..
        } | TransferError::Receiver { slot: 0 }
    ));
}

#[test]
fn the_native_relation_names_what_is_wrong() {
    let refuse = |change: fn(&mut Batch)| {
        let mut batch = batch();
        change(&mut batch);
        batch.statement(SIZE).unwrap_err()
    };
    assert_eq!(refuse(|batch| batch.steps.clear()), TransferError::Empty);
    let too_many = refuse(|batch| batch.steps.push(batch.steps[0].clone()));
    assert_eq!(
        too_many,
        TransferError::TooMany {
            what: "transfers",
            count: 4,
            slots: 3
        }
    );
    assert_eq!(
        refuse(|batch| batch.old_root = Fr::ONE),
        TransferError::Sender { slot: 0 }
    );
    let source = SchnorrError::Mismatch;
    assert!(
        [
            TransferError::Signature { slot: 1, source },
            TransferError::Signature {
                slot: 1,
                source: SchnorrError::Challenge
            }
        ]
        .contains(&refuse(|batch| batch.steps[1].signed.transfer.amount = 1))
    );
    let short = refuse(|batch| batch.steps[2].receiver_siblings.truncate(1));
    assert_eq!(
        short,
        TransferError::PathLength {
            slot: 2,
            levels: 1,
            depth: 3
        }
    );
    assert_eq!(
        refuse(|batch| batch.steps[1].receiver = Some(Default::default())),
        TransferError::Receiver { slot: 1 }
    );
    let outside = refuse(|batch| {
        batch.steps[0].signed.transfer.from = 27;
        batch.steps[0].signed.signature =
            key(0).sign(batch.steps[0].signed.transfer.message(SHARD));
    });
    assert_eq!(outside, TransferError::Index { slot: 0, index: 27 });
    let overdraft = refuse(|batch| {
        batch.steps[0].signed.transfer.amount = 101;
        batch.steps[0].signed.signature =
            key(0).sign(batch.steps[0].signed.transfer.message(SHARD));
    });
    assert_eq!(
        overdraft,
        TransferError::Overdraft {
            slot: 0,
            balance: 100,
            amount: 101
        }
    );
}

#[test]
fn a_transfer_to_oneself_moves_only_the_ordinal() {
    let mut accounts = Accounts::new(SIZE.depth, &[5, 6]);
    accounts.step(0, 0, 0, 5);
    assert_eq!(accounts.ordinal(0), 1);
    let mut expected = trifold_circuits::trie::SparseTrie::new(SIZE.depth).unwrap();
    let leaf = |owner, balance, ordinal| {
        transfer::account(key(owner).public().coordinates(), balance, ordinal)
    };
    expected.set(0, leaf(0, 5, 1)).unwrap();
    expected.set(1, leaf(1, 6, 0)).unwrap();
    assert_eq!(accounts.root(), expected.root());
}
