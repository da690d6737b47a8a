//! The program `kv`: circuit and native relation agree, each constraint refuses the forgery it is there for, and answers are
//! those of the leaf.

#[path = "../../../circuits/tests/claims/support.rs"]
mod support;

use ark_bn254::Fr;
use std::path::Path;
use std::sync::LazyLock;
use support::Circuit;
use trifold_circuits::artifacts::{Artifact, Checkout, CircuitSpec, Manifest, Parameter};
use trifold_circuits::inputs::Inputs;
use trifold_circuits::parallel;
use trifold_circuits::schnorr::{Coordinates, SecretKey, Signature};
use trifold_kv::answer;
use trifold_kv::files;
use trifold_kv::step::message;
use trifold_kv::{
    Answer, AnswersError, Header, Operation, Request, Row, Size, Step, StepError, Table, TableError,
};
use trifold_verifier::statement::Leaf;

const SIZE: Size = Size { slots: 4, depth: 2 };
const SHARD: u32 = 3;

static ARTIFACT: LazyLock<Artifact> = LazyLock::new(|| {
    let parameters = [("N", SIZE.slots), ("DEPTH", SIZE.depth)];
    let spec = CircuitSpec {
        name: "kv-small".into(),
        parameters: parameters.map(parameter).into(),
        ..program()
    };
    Checkout::find().unwrap().compile(&spec, &|_| {}).unwrap()
});
static CIRCUIT: LazyLock<Circuit> = LazyLock::new(|| Circuit::of(&ARTIFACT));

fn program() -> CircuitSpec {
    let manifest = Manifest::load(&Checkout::find().unwrap()).unwrap();
    manifest
        .program(Path::new(env!("CARGO_MANIFEST_DIR")))
        .unwrap()
}

fn parameter((name, value): (&str, usize)) -> Parameter {
    Parameter {
        name: name.into(),
        value: value as u64,
    }
}

fn owner() -> SecretKey {
    SecretKey::from_seed(&[7; 32])
}

fn row(value: u64) -> Row {
    Row {
        value,
        salt: Fr::from(1000) + Fr::from(value),
    }
}

/// A table with two rows, made by steps of its own.
fn table() -> Table {
    let table = Table::new(owner().public().coordinates());
    let rows = [(1, 50), (8, u64::MAX)];
    let requests = rows.map(|(key, value)| Request::Insert {
        key,
        row: row(value),
    });
    let (_, next) = table
        .step(SHARD, Fr::from(0), &requests, &owner(), SIZE)
        .unwrap();
    next
}

fn step_of(requests: &[Request]) -> (Step, Table) {
    let made = table().step(SHARD, Fr::from(77), requests, &owner(), SIZE);
    made.unwrap()
}

/// One operation of each kind, and a second INSERT over a row.
fn step() -> (Step, Table) {
    step_of(&[
        Request::Insert {
            key: 4,
            row: row(9),
        },
        Request::Select { key: 1 },
        Request::Between {
            key: 8,
            low: 1,
            high: u64::MAX,
        },
        Request::Insert {
            key: 1,
            row: row(0),
        },
    ])
}

/// The signals of a step with the statement that the native relation finds, or that of a forger's `new`.
fn inputs(step: &Step, new: &Header) -> Inputs {
    let mut inputs = step.signals(SIZE);
    let statement = trifold_verifier::statement::ProgramStatement {
        new_body: new.body().digest(),
        ..honest_statement(step)
    };
    inputs.insert("x", [statement.digest()]);
    inputs
}

fn honest_statement(step: &Step) -> trifold_verifier::statement::ProgramStatement {
    trifold_verifier::statement::ProgramStatement {
        shard: step.shard,
        old_body: step.old.body().digest(),
        new_body: Fr::from(0),
        events: step.slots.len() as u32,
        seen_digest: step.seen_digest,
        sent: 0,
        received: 0,
        received_lamport: 0,
        received_timestamp: 0,
    }
}

fn honest() -> (Step, Header, Inputs) {
    let (step, next) = step();
    let header = next.header(SIZE).unwrap();
    let inputs = inputs(&step, &header);
    (step, header, inputs)
}

/// Panics unless the constraint system refuses the witness of these inputs.
fn refused(inputs: &Inputs, what: &str) {
    assert!(!CIRCUIT.accepts(inputs), "accepted: {what}");
}

#[test]
fn circuit_and_native_relation_agree_for_every_number_of_operations() {
    let (full, _) = step();
    for count in 1..=SIZE.slots {
        let mut step = full.clone();
        step.slots.truncate(count);
        let statement = step.statement(SIZE).unwrap();
        let mut inputs = step.signals(SIZE);
        inputs.insert("x", [statement.digest()]);
        let witness = CIRCUIT.honest_witness(&inputs);
        assert_eq!(CIRCUIT.check(&witness), Ok(()));
        assert_eq!(
            (witness[1], CIRCUIT.r1cs.num_public()),
            (statement.digest(), 1)
        );
    }
}

#[test]
fn the_edges_of_every_range_pass() {
    let between = |key, low, high| Request::Between { key, low, high };
    let cases = [
        (between(1, 50, 50), true),
        (between(1, 51, u64::MAX), false),
        (between(1, 0, 49), false),
        (between(8, u64::MAX, u64::MAX), true),
        (between(1, u64::MAX, 0), false),
        (between(0, 0, u64::MAX), false),
    ];
    for (request, expected) in cases {
        let (step, next) = step_of(&[request]);
        let Answer::Between { holds, .. } = step.answers()[0] else {
            panic!("another answer");
        };
        assert_eq!(holds, expected, "{request:?}");
        let inputs = inputs(&step, &next.header(SIZE).unwrap());
        assert!(CIRCUIT.accepts(&inputs), "{request:?}");
    }
    let last = 3u64.pow(SIZE.depth as u32) - 1;
    let row = row(u64::MAX);
    let (step, next) = step_of(&[
        Request::Insert { key: last, row },
        Request::Select { key: 0 },
    ]);
    assert!(CIRCUIT.accepts(&inputs(&step, &next.header(SIZE).unwrap())));
}

#[test]
fn no_wire_is_free() {
    let (_, _, inputs) = honest();
    let mut witness = CIRCUIT.witness(&inputs);
    let r1cs = &CIRCUIT.r1cs;
    let mut rows = vec![Vec::new(); r1cs.num_wires];
    for row in 0..r1cs.num_constraints() {
        for matrix in [&r1cs.a, &r1cs.b, &r1cs.c] {
            matrix.row(row).for_each(|(wire, _)| rows[wire].push(row));
        }
    }
    let holds = |row: &usize, witness: &[Fr]| {
        let [a, b, c] = [&r1cs.a, &r1cs.b, &r1cs.c].map(|matrix| matrix.product(*row, witness));
        a * b == c
    };
    let free = (1..witness.len()).filter(|&wire| {
        let honest = std::mem::replace(&mut witness[wire], Fr::from(3));
        let changed = honest != Fr::from(3);
        let violated = rows[wire].iter().any(|row| !holds(row, &witness));
        witness[wire] = honest;
        changed && !violated
    });
    assert_eq!(free.collect::<Vec<_>>(), Vec::<usize>::new());
}

#[test]
fn every_field_of_the_statement_is_bound() {
    let (step, header, inputs) = honest();
    let statement = trifold_verifier::statement::ProgramStatement {
        new_body: header.body().digest(),
        ..honest_statement(&step)
    };
    let changes: [fn(&mut trifold_verifier::statement::ProgramStatement); 9] = [
        |s| s.shard += 1,
        |s| s.old_body += Fr::from(1),
        |s| s.new_body += Fr::from(1),
        |s| s.events -= 1,
        |s| s.seen_digest += Fr::from(1),
        |s| s.sent = 1,
        |s| s.received = 1,
        |s| s.received_lamport = 1,
        |s| s.received_timestamp = 1,
    ];
    for (place, change) in changes.iter().enumerate() {
        let mut other = statement;
        change(&mut other);
        let mut forged = inputs.clone();
        forged.insert("x", [other.digest()]);
        refused(&forged, &format!("field {place} of another statement"));
    }
}

#[test]
fn no_input_can_be_changed_alone() {
    let (_, _, inputs) = honest();
    let places = inputs.iter().flat_map(|(name, values)| {
        // The digits of signatures are many and alike.
        let pace = if name.starts_with("response") { 41 } else { 1 };
        let places = (0..values.len()).step_by(pace);
        places.map(move |place| (name.to_owned(), place))
    });
    let accepted = parallel::map(places.collect(), |(name, place)| {
        let mut forged = inputs.clone();
        forged.get_mut(&name).unwrap()[place] += Fr::from(1);
        CIRCUIT.accepts(&forged).then_some((name, place))
    });
    assert_eq!(accepted.into_iter().flatten().collect::<Vec<_>>(), []);
}

#[test]
fn a_value_out_of_range_is_refused_even_signed_by_the_owner() {
    let (step, _, _) = honest();
    let big = Fr::from(u64::MAX) + Fr::from(1);
    let mut inputs = step.signals(SIZE);
    let salt = inputs.get("salt").unwrap()[0];
    let tag = trifold_circuits::field::tag("kv/insert/v1");
    let numbers = [
        tag,
        SHARD.into(),
        step.old.ordinal.into(),
        4.into(),
        big,
        salt,
    ];
    let signed = owner().sign(trifold_verifier::poseidon::hash(&numbers));
    set(&mut inputs, "value", 0, big);
    put_signature(&mut inputs, 0, &signed);
    // A forger sets x to whatever follows from the witness.
    let witness = CIRCUIT.witness(&inputs_with_any_x(inputs));
    assert!(CIRCUIT.check(&witness).is_err());
}

/// x as the circuit computes it of these signals, so that only another constraint can refuse them: the one constraint that x
/// stands in is linear in it.
fn inputs_with_any_x(mut inputs: Inputs) -> Inputs {
    inputs.insert("x", [Fr::from(0)]);
    let (witness, r1cs) = (CIRCUIT.witness(&inputs), &CIRCUIT.r1cs);
    let coefficient = |row: usize| {
        let mut terms = r1cs.c.row(row);
        let found = terms.find(|(wire, _)| *wire == X)?;
        Some((row, found.1))
    };
    let (row, coefficient) = (0..r1cs.num_constraints()).find_map(coefficient).unwrap();
    let [a, b, c] = [&r1cs.a, &r1cs.b, &r1cs.c].map(|matrix| matrix.product(row, &witness));
    inputs.insert("x", [(a * b - c) / coefficient]);
    inputs
}

/// The wire of the public input.
const X: usize = 1;

fn set(inputs: &mut Inputs, name: &str, place: usize, value: Fr) {
    inputs.get_mut(name).unwrap()[place] = value;
}

fn put_signature(inputs: &mut Inputs, slot: usize, signature: &Signature) {
    set(inputs, "commitment", 2 * slot, signature.commitment.x);
    set(inputs, "commitment", 2 * slot + 1, signature.commitment.y);
    for (i, digit) in signature.response_digits().iter().enumerate() {
        let place = 84 * slot + i;
        let magnitude = digit.magnitude;
        set(
            inputs,
            "response_magnitude",
            2 * place,
            (magnitude & 1).into(),
        );
        set(
            inputs,
            "response_magnitude",
            2 * place + 1,
            (magnitude >> 1).into(),
        );
        set(inputs, "response_positive", place, digit.positive.into());
    }
}

/// The witness whose statement is its own must still be refused; what is honest must not.
fn refused_whatever_it_states(signals: Inputs, what: &str) {
    refused(&inputs_with_any_x(signals), what);
}

#[test]
fn the_helper_accepts_what_is_honest() {
    let (step, _, inputs) = honest();
    assert_eq!(inputs_with_any_x(step.signals(SIZE)), inputs);
    assert!(CIRCUIT.accepts(&inputs));
}

#[test]
fn an_insert_without_the_owner_s_signature_is_refused() {
    let (step, _, _) = honest();
    let row = row(9);
    let message = message(SHARD, step.old.ordinal, 4, &row);
    let stranger = SecretKey::from_seed(&[8; 32]).sign(message);
    let mut signals = step.signals(SIZE);
    put_signature(&mut signals, 0, &stranger);
    refused_whatever_it_states(signals, "a stranger's signature");
    let mut signals = step.signals(SIZE);
    put_signature(&mut signals, 0, &Signature::neutral(message));
    refused_whatever_it_states(signals, "nobody's signature");
}

#[test]
fn a_signed_insert_is_used_once_and_in_its_shard() {
    let insert = Request::Insert {
        key: 4,
        row: row(9),
    };
    let (first, next) = step_of(&[insert]);
    let (second, _) = next
        .step(SHARD, Fr::from(77), &[insert], &owner(), SIZE)
        .unwrap();
    let Operation::Insert { signature, .. } = first.slots[0].operation else {
        panic!("another operation");
    };
    let mut signals = second.signals(SIZE);
    put_signature(&mut signals, 0, &signature);
    refused_whatever_it_states(signals, "the signature of the INSERT before");
    let mut signals = first.signals(SIZE);
    set(&mut signals, "shard", 0, Fr::from(SHARD + 3));
    refused_whatever_it_states(signals, "the signature for another shard");
}

#[test]
fn a_row_that_is_not_in_the_table_is_refused() {
    let (step, _, _) = honest();
    let mut signals = step.signals(SIZE);
    set(&mut signals, "held_value", 1, Fr::from(51));
    refused_whatever_it_states(signals, "a forged value of SELECT");
    let mut signals = step.signals(SIZE);
    for name in ["present", "held_value", "held_salt"] {
        set(&mut signals, name, 1, Fr::from(0));
    }
    refused_whatever_it_states(signals, "a row denied by SELECT");
    let mut signals = step.signals(SIZE);
    set(&mut signals, "present", 0, Fr::from(1));
    refused_whatever_it_states(signals, "a row claimed where there is none");
    let mut signals = step.signals(SIZE);
    set(&mut signals, "old_rows", 0, Fr::from(5));
    refused_whatever_it_states(signals, "another table");
}

#[test]
fn flags_are_pinned() {
    let (step, _, _) = honest();
    let change = |name: &str, place: usize, value: Fr| {
        let mut signals = step.signals(SIZE);
        set(&mut signals, name, place, value);
        refused_whatever_it_states(signals, &format!("{name}[{place}] = {value}"));
    };
    // An operation of no kind, of two, a SELECT that inserts, and flags that are no bits.
    change("select", 1, Fr::from(0));
    change("between", 1, Fr::from(1));
    change("insert", 0, Fr::from(2));
    change("present", 1, Fr::from(2));
    change("events", 0, Fr::from(3));
    let mut signals = step.signals(SIZE);
    set(&mut signals, "select", 1, Fr::from(0));
    set(&mut signals, "insert", 1, Fr::from(1));
    refused_whatever_it_states(signals, "a SELECT that inserts");
    let mut signals = step.signals(SIZE);
    set(&mut signals, "select", 1, Fr::from(2));
    set(&mut signals, "between", 1, -Fr::from(1));
    refused_whatever_it_states(signals, "flags that only add up to 1");
    // What an operation has no use for.
    for name in ["value", "salt", "low", "high"] {
        change(name, 1, Fr::from(1));
    }
    change("low", 0, Fr::from(1));
    change("value", 2, Fr::from(1));
    let (absent, _) = step_of(&[Request::Select { key: 0 }]);
    for name in ["held_value", "held_salt"] {
        let mut signals = absent.signals(SIZE);
        set(&mut signals, name, 0, Fr::from(1));
        refused_whatever_it_states(signals, "a value where there is no row");
    }
    // A slot in use after one that is not.
    let mut signals = absent.signals(SIZE);
    set(&mut signals, "select", 2, Fr::from(1));
    set(&mut signals, "events", 0, Fr::from(2));
    refused_whatever_it_states(signals, "a gap between slots");
    let mut signals = absent.signals(SIZE);
    set(&mut signals, "select", 0, Fr::from(0));
    set(&mut signals, "events", 0, Fr::from(0));
    refused_whatever_it_states(signals, "no operation");
}

#[test]
fn bounds_and_keys_out_of_range_are_refused() {
    let (step, _, _) = honest();
    let big = Fr::from(u64::MAX) + Fr::from(1);
    for (name, value) in [
        ("low", big),
        ("high", big),
        ("low", -Fr::from(1)),
        ("key", 9.into()),
    ] {
        let mut signals = step.signals(SIZE);
        set(&mut signals, name, 2, value);
        refused_whatever_it_states(signals, name);
    }
}

/// The native relation has a specific refusal for each.
#[test]
fn the_native_relation_refuses_with_the_reason() {
    let (honest, _) = step();
    let refuse = |change: &dyn Fn(&mut Step)| {
        let mut step = honest.clone();
        change(&mut step);
        step.statement(SIZE).unwrap_err()
    };
    let (count, slots) = (0, SIZE.slots);
    assert_eq!(
        refuse(&|s| s.slots.clear()),
        StepError::Count { count, slots }
    );
    let more = |s: &mut Step| s.slots.push(s.slots[0].clone());
    assert_eq!(refuse(&more), StepError::Count { count: 5, slots });
    let levels = StepError::PathLength {
        slot: 1,
        levels: 1,
        depth: 2,
    };
    assert_eq!(refuse(&|s| s.slots[1].siblings.truncate(1)), levels);
    assert_eq!(
        refuse(&|s| s.slots[2].key = 9),
        StepError::Key { slot: 2, key: 9 }
    );
    assert_eq!(
        refuse(&|s| s.slots[1].held = None),
        StepError::Row { slot: 1, key: 1 }
    );
    assert!(matches!(
        refuse(&|s| s.shard += 1),
        StepError::Signature { slot: 0, .. }
    ));
    let stranger = SecretKey::from_seed(&[8; 32]);
    let requests = [Request::Select { key: 0 }];
    let error = table().step(SHARD, Fr::from(0), &requests, &stranger, SIZE);
    assert_eq!(error.unwrap_err(), TableError::Owner);
    let outside = [Request::Select { key: 9 }];
    let error = table().step(SHARD, Fr::from(0), &outside, &owner(), SIZE);
    assert!(matches!(error.unwrap_err(), TableError::Trie(_)));
}

#[test]
fn answers_are_those_of_the_leaf_and_no_others() {
    let (step, next) = step();
    let answers = next.answers(&step, SIZE).unwrap();
    let body = next.header(SIZE).unwrap().body().digest();
    let leaf = Leaf::genesis(Fr::from(1), body, 0);
    assert_eq!(answers.check(&leaf), Ok(()));
    let told = [
        Answer::Inserted { key: 4 },
        Answer::Selected {
            key: 1,
            value: Some(50),
        },
        Answer::Between {
            key: 8,
            low: 1,
            high: u64::MAX,
            holds: true,
        },
        Answer::Inserted { key: 1 },
    ];
    assert_eq!(answers.answers, told);
    let refuse = |change: &dyn Fn(&mut trifold_kv::Answers)| {
        let mut other = answers.clone();
        change(&mut other);
        assert_eq!(other.check(&leaf), Err(AnswersError::NotUnderLeaf));
    };
    refuse(&|a| {
        a.answers[1] = Answer::Selected {
            key: 1,
            value: None,
        }
    });
    refuse(&|a| {
        a.answers[1] = Answer::Selected {
            key: 1,
            value: Some(51),
        }
    });
    refuse(&|a| a.answers.swap(0, 1));
    refuse(&|a| a.answers.truncate(3));
    refuse(&|a| a.ordinal += 1);
    refuse(&|a| a.owner = Coordinates::NEUTRAL);
    let many = trifold_kv::Answers {
        answers: vec![told[0]; 1025],
        ..answers.clone()
    };
    assert_eq!(many.check(&leaf), Err(AnswersError::TooMany(1025)));
    // No two answers have one digest: an absent row is no row of value 0.
    let absent = answer::digest(&[Answer::Selected {
        key: 1,
        value: None,
    }]);
    let zero = answer::digest(&[Answer::Selected {
        key: 1,
        value: Some(0),
    }]);
    assert_ne!(absent, zero);
}

#[test]
fn the_sample_is_what_its_generator_writes() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(folder.join("sample.json")).unwrap();
    let sample = files::sample().unwrap();
    assert_eq!(text, format!("{sample}\n"), "renew it: examples/sample.rs");
}

#[test]
fn the_deployed_instance_fits_a_small_domain() {
    let artifact = Checkout::find().unwrap().compile(&program(), &|_| {});
    let artifact = artifact.unwrap();
    artifact.check_program().unwrap();
    let size = artifact.size().unwrap();
    let pinned = program().constraints;
    assert_eq!(
        (Some(size.constraints.into()), size.log_domain()),
        (pinned, 16)
    );
}
