//! A small shard, one epoch of it in every form, and circuits with few slots.

use crate::calculator::Circuit;
use ark_bn254::Fr;
use ark_ff::AdditiveGroup;
use std::collections::BTreeMap;
use trifold_circuits::artifacts::{Checkout, CircuitSpec, Parameter};
use trifold_circuits::inputs::Inputs;
use trifold_circuits::montgomery::key_u;
use trifold_circuits::netted::accounts::{Account, AccountTrie};
use trifold_circuits::netted::challenge::Challenge;
use trifold_circuits::netted::epoch::{Change, Epoch};
use trifold_circuits::netted::join::PartKey;
use trifold_circuits::netted::message::{Domain, Message, Payment, SignedMessage};
use trifold_circuits::netted::messages::{Messages, MessagesSize};
use trifold_circuits::netted::statement::{Context, PART_DEPTH, destination};
use trifold_circuits::schnorr::SecretKey;
use trifold_circuits::trie::{SparseTrie, Touched};

pub const SHARD: u32 = 5;
pub const DEPTH: u8 = 3;
/// The account that takes all fees.
pub const COLLECTOR: u32 = 8;
/// One payment a message.
pub const SINGLE: MessagesSize = MessagesSize {
    slots: 3,
    payments: 1,
};
/// Lists.
pub const LIST: MessagesSize = MessagesSize {
    slots: 2,
    payments: 3,
};

pub fn network() -> Fr {
    Fr::from(7700)
}

pub fn key(owner: u8) -> SecretKey {
    SecretKey::from_seed(&[owner; 32])
}

pub fn u(owner: u8) -> Fr {
    key_u(key(owner).public().coordinates())
}

pub fn domain(payments: usize) -> Domain {
    Domain {
        network: network(),
        shard: SHARD,
        payments,
    }
}

pub fn pay(account: u32, amount: u64, fee: u32) -> Payment {
    Payment {
        account,
        shard: SHARD as u16,
        amount,
        fee,
    }
}

/// A message of account `from`, whose owner has the same number.
pub fn message(from: u32, ordinal: u64, room: usize, payments: &[Payment]) -> SignedMessage {
    let message = Message {
        from,
        ordinal,
        payments: payments.to_vec(),
    };
    message.sign(&domain(room), &key(from as u8))
}

/// Accounts 0, 1, 2, 8 and 20 with owners of the same numbers.
pub fn accounts() -> AccountTrie {
    let mut accounts = AccountTrie::new(DEPTH).unwrap();
    let account = |owner: u32, balance| Account {
        key: u(owner as u8),
        balance,
        ordinal: u64::from(owner),
    };
    let held = [(0, 100), (1, 50), (2, 7), (COLLECTOR, 0), (20, 1)];
    accounts
        .set_many(held.map(|(index, balance)| (index, account(index, balance))))
        .unwrap();
    accounts
}

/// Two messages of one account in two forms, one of another to itself and to a place that opens in the same epoch.
pub fn epoch() -> Epoch {
    Epoch {
        network: network(),
        shard: SHARD,
        collector: destination(COLLECTOR, SHARD),
        messages: vec![
            (1, message(0, 0, 1, &[pay(1, 30, 2)])),
            (1, message(2, 2, 1, &[pay(2, 7, 0)])),
            (3, message(0, 1, 3, &[pay(1, 5, 1), pay(24, 50, 0)])),
        ],
        openings: BTreeMap::from([(24, u(24))]),
        received: Vec::new(),
    }
}

/// An epoch carried out.
pub struct Carried {
    pub before: AccountTrie,
    pub after: AccountTrie,
    pub changes: BTreeMap<u32, Change>,
    pub touched: Vec<Touched>,
}

pub fn carried() -> Carried {
    let before = accounts();
    let changes = epoch().changes(&before).unwrap();
    let mut after = before.clone();
    let new = changes.values().map(|change| (change.index, change.new));
    let touched = after.set_many(new).unwrap();
    Carried {
        before,
        after,
        changes,
        touched,
    }
}

/// The epoch's messages of one form.
pub fn messages(size: MessagesSize) -> Messages {
    let all = epoch().messages.into_iter();
    Messages {
        size,
        network: network(),
        shard: SHARD,
        collector: destination(COLLECTOR, SHARD),
        signed: all
            .filter(|(room, _)| *room == size.payments)
            .map(|(_, signed)| signed)
            .collect(),
    }
}

/// Keys by place: messages, lists, tablet, rows, join.
pub fn part_keys() -> SparseTrie {
    let mut keys = SparseTrie::new(PART_DEPTH).unwrap();
    (0..5).for_each(|place| keys.set(place, Fr::from(100 + place)).unwrap());
    keys
}

pub fn part_key(place: u64) -> PartKey {
    let keys = part_keys();
    PartKey {
        digest: keys.get(place),
        path: trifold_verifier::trie::Path {
            index: place,
            siblings: keys.path(place).unwrap(),
        },
    }
}

/// A context whose challenges are just numbers.
pub fn context() -> Context {
    Context {
        keys: part_keys().root(),
        network: network(),
        shard: SHARD,
        challenge: Challenge {
            gamma: Fr::from(123456789u64) * Fr::from(u64::MAX) * Fr::from(u64::MAX),
            alpha: Fr::from(987654321u64) * Fr::from(u64::MAX) * Fr::from(u64::MAX),
        },
    }
}

/// A template with parameters.
pub fn compile(file: &str, template: &str, parameters: &[(&str, usize)]) -> Circuit {
    let values: Vec<String> = parameters
        .iter()
        .map(|(_, value)| value.to_string())
        .collect();
    let parameter = |(name, value): &(&str, usize)| Parameter {
        name: (*name).into(),
        value: *value as u64,
    };
    let spec = CircuitSpec {
        name: format!("netted-{file}-{}", values.join("-")),
        template: Some(template.into()),
        parameters: parameters.iter().map(parameter).collect(),
        ..CircuitSpec::unlisted(format!("lib/netted/{file}.circom").into())
    };
    Circuit::of(&Checkout::find().unwrap().compile(&spec, &|_| {}).unwrap())
}

/// The rows that a witness violates.
pub fn violated(circuit: &Circuit, witness: &[Fr]) -> Vec<usize> {
    let rows = 0..circuit.r1cs.num_constraints();
    rows.filter(|&row| !holds(circuit, row, witness)).collect()
}

fn holds(circuit: &Circuit, row: usize, witness: &[Fr]) -> bool {
    let [a, b, c] = matrices(circuit).map(|matrix| matrix.product(row, witness));
    a * b == c
}

fn matrices(circuit: &Circuit) -> [&trifold_circuits::r1cs::Matrix; 3] {
    [&circuit.r1cs.a, &circuit.r1cs.b, &circuit.r1cs.c]
}

/// Whether the row says what the public input, wire 1, is.
fn states(circuit: &Circuit, row: usize) -> bool {
    matrices(circuit)
        .iter()
        .any(|matrix| matrix.row(row).any(|(wire, _)| wire == 1))
}

/// Whether the inputs, with everything that follows from them, break more than the public input that they were given.
pub fn refused(circuit: &Circuit, inputs: &Inputs) -> bool {
    let rows = violated(circuit, &circuit.witness(inputs));
    rows.iter().any(|&row| !states(circuit, row))
}

/// Whether they break that alone: a witness of another statement.
pub fn restated(circuit: &Circuit, inputs: &Inputs) -> bool {
    let rows = violated(circuit, &circuit.witness(inputs));
    !rows.is_empty() && rows.iter().all(|&row| states(circuit, row))
}

/// Every wire that can be changed alone, but for the inverses by which zero tests compute: one has its only place in a product with
/// what is zero, and then nothing depends on it.
pub fn free_wires(circuit: &Circuit, witness: &[Fr]) -> Vec<usize> {
    let mut rows_of = vec![Vec::new(); witness.len()];
    for row in 0..circuit.r1cs.num_constraints() {
        for matrix in matrices(circuit) {
            matrix
                .row(row)
                .for_each(|(wire, _)| rows_of[wire].push(row));
        }
    }
    let mut witness = witness.to_vec();
    let mut free = |wire: usize| {
        let honest = witness[wire];
        witness[wire] += Fr::from(3);
        let held = rows_of[wire]
            .iter()
            .all(|&row| holds(circuit, row, &witness));
        witness[wire] = honest;
        held
    };
    let counts = |wire: &usize| rows_of[*wire].len() != 1;
    (1..rows_of.len())
        .filter(counts)
        .filter(|&wire| free(wire))
        .collect()
}

pub fn set(inputs: &mut Inputs, name: &str, place: usize, value: Fr) {
    let held = &mut inputs.get_mut(name).unwrap()[place];
    assert_ne!(*held, value, "{name}[{place}] is not changed");
    *held = value;
}

pub fn get(inputs: &Inputs, name: &str, place: usize) -> Fr {
    inputs.get(name).unwrap()[place]
}

/// A forgery: its name and the change to honest inputs.
pub type Forgery = (&'static str, fn(&mut Inputs));

/// Each must break a constraint other than the one for the public input.
pub fn all_refused(circuit: &Circuit, honest: &Inputs, forgeries: &[Forgery]) {
    assert_eq!(
        violated(circuit, &circuit.witness(honest)),
        Vec::<usize>::new()
    );
    for (name, forge) in forgeries {
        let mut inputs = honest.clone();
        forge(&mut inputs);
        assert!(refused(circuit, &inputs), "{name}: accepted");
    }
}

/// Each must be a witness of another statement.
pub fn all_restated(circuit: &Circuit, honest: &Inputs, changes: &[Forgery]) {
    for (name, change) in changes {
        let mut inputs = honest.clone();
        change(&mut inputs);
        assert!(
            restated(circuit, &inputs),
            "{name}: not a witness of another statement"
        );
    }
}

/// Each must break a constraint of claims, which state what they prove by outputs.
pub fn all_violated(circuit: &Circuit, honest: &Inputs, forgeries: &[Forgery]) {
    for (name, forge) in forgeries {
        let mut inputs = honest.clone();
        forge(&mut inputs);
        let rows = violated(circuit, &circuit.witness(&inputs));
        assert_ne!(rows, Vec::<usize>::new(), "{name}: accepted");
    }
}

/// Changing any one input of claims changes one of the wires from 1 to `outputs`, or is refused.
pub fn every_input_counts(circuit: &Circuit, honest: &Inputs, outputs: usize) {
    let stated = circuit.witness(honest)[1..=outputs].to_vec();
    let inputs = honest.iter();
    let names: Vec<(String, usize)> = inputs
        .map(|(name, values)| (name.into(), values.len()))
        .collect();
    for (name, length) in names {
        for place in 0..length {
            let mut inputs = honest.clone();
            let value = get(&inputs, &name, place) + Fr::from(1);
            set(&mut inputs, &name, place, value);
            let witness = circuit.witness(&inputs);
            let same = witness[1..=outputs] == stated && circuit.check(&witness).is_ok();
            assert!(!same, "{name}[{place}] has no effect");
        }
    }
}

/// 2^n.
pub fn power(n: u32) -> Fr {
    (0..n).fold(Fr::from(1), |value, _| value.double())
}
