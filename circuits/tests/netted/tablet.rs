use crate::calculator::Circuit;
use crate::support::{
    Forgery, all_refused, all_restated, carried, compile, context, free_wires, get, power, set, u,
};
use ark_bn254::Fr;
use ark_ff::AdditiveGroup;
use std::sync::LazyLock;
use trifold_circuits::inputs::Inputs;
use trifold_circuits::netted::tablet::{ChangesError, Tablet};

static NINE: LazyLock<Circuit> = LazyLock::new(|| compile("tablet", "Tablet", &[("K", 2)]));

/// Accounts 0..9, or 18..27.
fn tablet(index: u64) -> Tablet {
    let carried = carried();
    Tablet::new(2, index, &carried.before, &carried.changes)
}

fn honest() -> Inputs {
    tablet(0).inputs(&context()).unwrap().0
}

#[test]
fn circuit_and_native_relation_agree() {
    let carried = carried();
    for index in 0..3 {
        let (inputs, part) = tablet(index).inputs(&context()).unwrap();
        let witness = NINE.honest_witness(&inputs);
        assert_eq!(NINE.check(&witness), Ok(()));
        assert_eq!(NINE.r1cs.num_public(), 1);
        assert_eq!(witness[1], part.digest(&context()));
        assert_eq!(part.old, carried.before.node(2, index));
        assert_eq!(part.new, carried.after.node(2, index));
    }
    assert_eq!(tablet(1).part(&context()).unwrap().sum, Fr::ZERO);
}

#[test]
fn no_wire_is_free() {
    let witness = NINE.witness(&honest());
    assert_eq!(free_wires(&NINE, &witness), Vec::<usize>::new());
}

#[test]
fn looks_are_terms_and_committed() {
    let mut looked = tablet(0);
    looked.changes[1].looks = 3;
    let (inputs, part) = looked.inputs(&context()).unwrap();
    let witness = NINE.honest_witness(&inputs);
    assert_eq!(NINE.check(&witness), Ok(()));
    assert_eq!(witness[1], part.digest(&context()));
    let honest = tablet(0).part(&context()).unwrap();
    assert_ne!(part.sum, honest.sum);
    assert_ne!(part.commitment, honest.commitment);
    assert_eq!((part.old, part.new), (honest.old, honest.new));
}

const FORGERIES: &[Forgery] = &[
    ("more looks than fit", |inputs| {
        set(inputs, "looks", 1, power(16))
    }),
    ("more spent than there is", |inputs| {
        set(inputs, "rest", 0, -Fr::from(1))
    }),
    ("a rest of 2^64", |inputs| set(inputs, "rest", 3, power(64))),
    ("a rest that overlaps the next one's", |inputs| {
        let (first, second) = (get(inputs, "rest", 0), get(inputs, "rest", 1));
        set(inputs, "rest", 0, first + power(64));
        set(inputs, "rest", 1, second - Fr::from(1));
    }),
    ("an owner's key replaced", |inputs| {
        set(inputs, "new_key", 0, u(9))
    }),
    ("an owner's key removed", |inputs| {
        set(inputs, "new_key", 1, Fr::ZERO)
    }),
];

#[test]
fn each_constraint_refuses_its_forgery() {
    all_refused(&NINE, &honest(), FORGERIES);
}

const LEFT_TO_THE_SUMS: &[Forgery] = &[
    ("a look from nowhere", |inputs| {
        set(inputs, "looks", 1, Fr::from(1))
    }),
    ("value from nothing", |inputs| {
        set(inputs, "new_balance", 0, Fr::from(1000))
    }),
    ("an opening balance invented", |inputs| {
        set(inputs, "balance", 0, Fr::from(1000))
    }),
    ("a debit left out", |inputs| {
        set(inputs, "rest", 0, Fr::from(100))
    }),
    ("an ordinal set back", |inputs| {
        set(inputs, "new_ordinal", 0, Fr::ZERO)
    }),
    ("an ordinal skipped", |inputs| {
        set(inputs, "new_ordinal", 1, Fr::from(2))
    }),
    ("another's messages", |inputs| {
        set(inputs, "key", 3, u(0));
        set(inputs, "new_key", 3, u(0));
    }),
    ("another place", |inputs| {
        set(inputs, "index", 0, Fr::from(1))
    }),
    ("another shard", |inputs| {
        set(inputs, "shard", 0, Fr::from(6))
    }),
    ("an account opened", |inputs| {
        set(inputs, "new_key", 5, u(9))
    }),
];

#[test]
fn what_digests_and_sums_decide_is_stated() {
    all_restated(&NINE, &honest(), LEFT_TO_THE_SUMS);
}

#[test]
fn each_kind_of_theft_changes_sum_or_digests() {
    let context = context();
    let honest = tablet(0).part(&context).unwrap();
    let with = |change: fn(&mut Tablet)| {
        let mut tablet = tablet(0);
        change(&mut tablet);
        tablet.part(&context).unwrap()
    };
    let minted = with(|tablet| tablet.changes[1].new.balance += 1);
    assert_ne!((minted.sum, minted.new), (honest.sum, honest.new));
    let unpaid = with(|tablet| tablet.changes[0].rest += 1);
    assert_ne!(unpaid.sum, honest.sum);
    assert_ne!(unpaid.commitment, honest.commitment);
    let replayed = with(|tablet| tablet.changes[0].new.ordinal -= 1);
    assert_ne!((replayed.sum, replayed.new), (honest.sum, honest.new));
}

#[test]
fn the_native_relation_names_what_is_wrong() {
    let refuse = |change: fn(&mut Tablet)| {
        let mut tablet = tablet(0);
        change(&mut tablet);
        tablet.part(&context()).unwrap_err()
    };
    assert_eq!(refuse(|tablet| tablet.levels = 0), ChangesError::Levels(0));
    assert_eq!(
        refuse(|tablet| tablet.levels = 21),
        ChangesError::Levels(21)
    );
    let short = refuse(|tablet| {
        tablet.changes.pop();
    });
    let (found, expected) = (8, 9);
    assert_eq!(short, ChangesError::Count { found, expected });
    let moved = refuse(|tablet| tablet.changes[4].index = 5);
    let (found, expected) = (5, 4);
    assert_eq!(moved, ChangesError::Index { found, expected });
    let stolen = refuse(|tablet| tablet.changes[1].new.key = u(9));
    assert_eq!(stolen, ChangesError::Key { account: 1 });
}
