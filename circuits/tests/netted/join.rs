use crate::calculator::Circuit;
use crate::support::{
    Forgery, LIST, SINGLE, all_violated, carried, context, every_input_counts, free_wires,
    messages, part_key, set, violated,
};
use ark_bn254::Fr;
use ark_ff::AdditiveGroup;
use std::sync::LazyLock;
use trifold_circuits::netted::join::{Join, JoinError, Joined};
use trifold_circuits::netted::statement::{Context, Part};
use trifold_circuits::netted::tablet::Tablet;

static CLAIMS: LazyLock<Circuit> = LazyLock::new(|| Circuit::file("tests/netted/join.circom"));

/// Absent, of nothing.
pub const NOTHING: Joined = Joined::Absent { digest: Fr::ZERO };

/// Both forms of messages joined, as if one key proved them.
pub fn flat(context: Context) -> Join {
    let part = |size| Joined::Part(messages(size).part(&context).unwrap());
    Join {
        context,
        key: part_key(0),
        level: 0,
        index: 0,
        parts: [part(SINGLE), NOTHING, part(LIST)],
    }
}

/// The tablets of the epoch joined; the one in the middle does not change.
pub fn tablets(context: Context) -> Join {
    let carried = carried();
    let tablet = |index| {
        let tablet = Tablet::new(2, index, &carried.before, &carried.changes);
        Joined::Part(tablet.part(&context).unwrap())
    };
    let digest = carried.before.node(2, 1);
    Join {
        context,
        key: part_key(2),
        level: 2,
        index: 0,
        parts: [tablet(0), Joined::Absent { digest }, tablet(2)],
    }
}

#[test]
fn circuit_and_native_relation_agree() {
    for join in [flat(context()), tablets(context())] {
        let witness = CLAIMS.honest_witness(&join.claims());
        assert_eq!(CLAIMS.check(&witness), Ok(()));
        let active = join
            .parts
            .map(|part| Fr::from(matches!(part, Joined::Part(_))));
        let part = join.part().unwrap();
        assert_eq!(witness[1..4], active);
        assert_eq!(witness[4..7], join.statements());
        assert_eq!(witness[7], part.digest(&context()));
    }
    let carried = carried();
    let top = tablets(context()).part().unwrap();
    let roots = (top.level, top.old, top.new);
    assert_eq!(roots, (3, carried.before.root(), carried.after.root()));
    let joined = flat(context()).part().unwrap();
    assert_eq!((joined.level, joined.events), (0, 3));
}

#[test]
fn no_wire_is_free() {
    for join in [flat(context()), tablets(context())] {
        let witness = CLAIMS.witness(&join.claims());
        assert_eq!(free_wires(&CLAIMS, &witness), Vec::<usize>::new());
    }
}

const FORGERIES: &[Forgery] = &[
    ("a sum without a proof", |inputs| {
        set(inputs, "sum", 1, Fr::from(1))
    }),
    ("events without a proof", |inputs| {
        set(inputs, "events", 1, Fr::from(1))
    }),
    ("a subtree changed without a proof", |inputs| {
        set(inputs, "new", 1, Fr::from(1))
    }),
    ("an unknown key", |inputs| {
        set(inputs, "key", 0, Fr::from(9))
    }),
    ("a key from another place", |inputs| {
        set(inputs, "key_index", 0, Fr::from(3))
    }),
    ("a place outside the trie of keys", |inputs| {
        set(inputs, "key_index", 0, Fr::from(9))
    }),
    ("another trie of keys", |inputs| {
        set(inputs, "keys", 0, Fr::from(9))
    }),
];

const FLAT_FORGERIES: &[Forgery] = &[
    ("a position without a subtree", |inputs| {
        set(inputs, "index", 0, Fr::from(1))
    }),
    ("an old digest without a subtree", |inputs| {
        set(inputs, "old", 0, Fr::from(1))
    }),
    ("a new digest without a subtree", |inputs| {
        set(inputs, "new", 0, Fr::from(1))
    }),
];

#[test]
fn each_constraint_refuses_its_forgery() {
    let (flat, tablets) = (flat(context()).claims(), tablets(context()).claims());
    all_violated(&CLAIMS, &flat, FORGERIES);
    all_violated(&CLAIMS, &tablets, FORGERIES);
    all_violated(&CLAIMS, &flat, FLAT_FORGERIES);
}

#[test]
fn nothing_but_its_commitment_makes_a_part_absent() {
    let mut inputs = flat(context()).claims();
    set(&mut inputs, "commitment", 0, Fr::ZERO);
    assert!(!CLAIMS.accepts(&inputs));
    for name in ["sum", "events"] {
        set(&mut inputs, name, 0, Fr::ZERO);
    }
    // Then it is absent, and so is its commitment from what the join states.
    let witness = CLAIMS.witness(&inputs);
    assert_eq!(violated(&CLAIMS, &witness), Vec::<usize>::new());
    assert_eq!(witness[1], Fr::ZERO);
    assert_ne!(
        witness[7],
        flat(context()).part().unwrap().digest(&context())
    );
}

#[test]
fn whatever_changes_is_stated_or_refused() {
    for join in [flat(context()), tablets(context())] {
        every_input_counts(&CLAIMS, &join.claims(), 7);
    }
}

#[test]
fn the_native_relation_names_what_is_wrong() {
    let refuse = |change: fn(&mut Join)| {
        let mut join = tablets(context());
        change(&mut join);
        join.part().unwrap_err()
    };
    let level = refuse(|join| join.level = 3);
    let (found, expected) = (2, 3);
    assert!(
        matches!(level, JoinError::Level { part: 0, found: f, expected: e } if (f, e) == (found, expected))
    );
    let index = refuse(|join| join.index = 1);
    assert!(matches!(
        index,
        JoinError::Index {
            part: 0,
            found: 0,
            expected: 3
        }
    ));
    assert!(matches!(
        refuse(|join| join.key.digest = Fr::ZERO),
        JoinError::Key(_)
    ));
    assert!(matches!(
        refuse(|join| join.parts = [NOTHING; 3]),
        JoinError::Empty
    ));
    let mut join = flat(context());
    join.parts[1] = Joined::Part(Part {
        old: Fr::from(1),
        ..Part::default()
    });
    assert!(matches!(
        join.part().unwrap_err(),
        JoinError::Flat { part: 1 }
    ));
}
