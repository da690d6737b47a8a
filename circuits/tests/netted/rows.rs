use crate::calculator::Circuit;
use crate::support::{
    Forgery, all_refused, all_restated, carried, compile, context, free_wires, power, set, u,
};
use ark_bn254::Fr;
use ark_ff::AdditiveGroup;
use std::sync::LazyLock;
use trifold_circuits::inputs::Inputs;
use trifold_circuits::netted::rows::{Rows, RowsSize, rows};
use trifold_circuits::netted::tablet::ChangesError;

pub const SIZE: RowsSize = RowsSize {
    bottom: 4,
    upper: 7,
};

static SMALL: LazyLock<Circuit> = LazyLock::new(|| {
    let parameters = [("B", SIZE.bottom), ("U", SIZE.upper)];
    compile("rows", "Rows", &parameters)
});

/// Bottom nodes 0, 2 and 8; above them 0 and 2, and the root.
pub fn all() -> Rows {
    let carried = carried();
    let (bottom, upper) = rows(
        &carried.before,
        &carried.after,
        &carried.changes,
        &carried.touched,
    );
    Rows {
        size: SIZE,
        bottom,
        upper,
    }
}

fn honest() -> Inputs {
    all().inputs(&context()).unwrap().0
}

#[test]
fn circuit_and_native_relation_agree() {
    let none = Rows {
        bottom: Vec::new(),
        upper: Vec::new(),
        ..all()
    };
    assert_eq!(none.part(&context()).unwrap().sum, Fr::ZERO);
    let upper = Rows {
        bottom: Vec::new(),
        ..all()
    };
    for rows in [all(), upper, none] {
        let (inputs, part) = rows.inputs(&context()).unwrap();
        let witness = SMALL.honest_witness(&inputs);
        assert_eq!(SMALL.check(&witness), Ok(()));
        assert_eq!(SMALL.r1cs.num_public(), 1);
        assert_eq!(witness[1], part.digest(&context()));
    }
    let shape = [all().bottom.len(), all().upper.len()];
    assert_eq!(shape, [3, 3]);
}

#[test]
fn no_wire_of_a_row_in_use_is_free() {
    let witness = SMALL.witness(&honest());
    assert_eq!(free_wires(&SMALL, &witness), Vec::<usize>::new());
}

const FORGERIES: &[Forgery] = &[
    ("a bottom row half in use", |inputs| {
        set(inputs, "bottom_real", 0, Fr::from(2))
    }),
    ("a bottom position of 2^32", |inputs| {
        set(inputs, "bottom_position", 1, power(32))
    }),
    ("more spent than there is", |inputs| {
        set(inputs, "bottom_rest", 0, -Fr::from(1))
    }),
    ("an owner's key replaced", |inputs| {
        set(inputs, "bottom_new_key", 0, u(9))
    }),
    ("an upper row half in use", |inputs| {
        set(inputs, "upper_real", 0, Fr::from(2))
    }),
    ("more looks than fit", |inputs| {
        set(inputs, "bottom_looks", 0, power(16))
    }),
    ("a trie of number 2^17", |inputs| {
        set(inputs, "upper_tree", 0, power(17))
    }),
    ("an upper position of 2^32", |inputs| {
        set(inputs, "upper_position", 1, power(32))
    }),
    ("an upper row at the bottom", |inputs| {
        set(inputs, "upper_level", 0, Fr::from(1))
    }),
    ("an upper row among the debits", |inputs| {
        set(inputs, "upper_level", 0, -Fr::from(1))
    }),
    ("a level of 34", |inputs| {
        set(inputs, "upper_level", 0, Fr::from(34))
    }),
    ("a child taken twice", |inputs| {
        set(inputs, "upper_touched", 0, Fr::from(2))
    }),
    ("a child taken by a row not in use", |inputs| {
        set(inputs, "upper_touched", 3 * 4, Fr::from(1));
    }),
    ("a changed child not taken", |inputs| {
        set(inputs, "upper_touched", 0, Fr::ZERO)
    }),
    ("a child changed that has no row", |inputs| {
        set(inputs, "upper_new", 3 + 1, Fr::from(1));
    }),
];

#[test]
fn each_constraint_refuses_its_forgery() {
    all_refused(&SMALL, &honest(), FORGERIES);
}

const LEFT_TO_THE_SUMS: &[Forgery] = &[
    ("value from nothing", |inputs| {
        set(inputs, "bottom_new_balance", 0, Fr::from(1000))
    }),
    ("an opening balance invented", |inputs| {
        set(inputs, "bottom_balance", 0, Fr::from(1000))
    }),
    ("another place", |inputs| {
        set(inputs, "bottom_position", 0, Fr::from(1))
    }),
    ("a row left out", |inputs| {
        set(inputs, "bottom_real", 0, Fr::ZERO)
    }),
    ("a look from nowhere", |inputs| {
        set(inputs, "bottom_looks", 0, Fr::from(1))
    }),
    ("a node of another trie", |inputs| {
        set(inputs, "upper_tree", 0, Fr::from(1))
    }),
    ("a node moved", |inputs| {
        set(inputs, "upper_position", 0, Fr::from(1))
    }),
    ("a node raised", |inputs| {
        set(inputs, "upper_level", 0, Fr::from(3))
    }),
    ("another subtree before", |inputs| {
        set(inputs, "upper_old", 0, Fr::from(1))
    }),
    ("another subtree after", |inputs| {
        set(inputs, "upper_new", 0, Fr::from(1))
    }),
];

#[test]
fn what_the_links_decide_is_stated() {
    all_restated(&SMALL, &honest(), LEFT_TO_THE_SUMS);
}

#[test]
fn a_row_not_in_use_has_no_effect_whatever_it_holds() {
    let (mut inputs, part) = all().inputs(&context()).unwrap();
    // The last bottom row mints, the last upper row replaces a subtree; both are committed, neither counts.
    set(&mut inputs, "bottom_new_balance", 3 * 3, Fr::from(1000));
    set(&mut inputs, "upper_old", 3 * 6, Fr::from(7));
    set(&mut inputs, "upper_new", 3 * 6, Fr::from(7));
    let part = trifold_circuits::netted::statement::Part {
        commitment: commitment_of(&inputs),
        ..part
    };
    set(&mut inputs, "x", 0, part.digest(&context()));
    assert_eq!(SMALL.check(&SMALL.witness(&inputs)), Ok(()));
}

/// The commitment that the circuit makes of such inputs.
fn commitment_of(inputs: &Inputs) -> Fr {
    let triad = |prefix: &str, row: usize| {
        let mut state = [trifold_circuits::field::tag("trifold/netted/accounts/v1"); 10];
        for account in 0..3 {
            for (lane, name) in ["key", "balance", "ordinal"].into_iter().enumerate() {
                let name = format!("bottom_{prefix}{name}");
                state[1 + 3 * account + lane] = inputs.get(&name).unwrap()[3 * row + account];
            }
        }
        trifold_verifier::poseidon::permute(&mut state);
        state[0]
    };
    let at = |name: &str, place: usize| inputs.get(name).unwrap()[place];
    let mut words = vec![Fr::from(SIZE.bottom as u64) + power(32) * Fr::from(SIZE.upper as u64)];
    for row in 0..SIZE.bottom {
        let rest = |i: usize| at("bottom_rest", 3 * row + i);
        words.extend([triad("", row), triad("new_", row)]);
        let looks = |i: usize| at("bottom_looks", 3 * row + i);
        words.push(
            rest(0)
                + power(64) * rest(1)
                + power(128) * rest(2)
                + power(192) * (looks(0) + power(16) * looks(1) + power(32) * looks(2)),
        );
    }
    words.push((0..SIZE.bottom).fold(Fr::ZERO, |sum, row| {
        let place = at("bottom_position", row) + power(32) * at("bottom_real", row);
        sum + power(33 * row as u32) * place
    }));
    let node = |name: &str, row: usize| {
        trifold_verifier::poseidon::hash(&[0, 1, 2].map(|i| at(name, 3 * row + i)))
    };
    for row in 0..SIZE.upper {
        words.extend([node("upper_old", row), node("upper_new", row)]);
    }
    let place = |row: usize| {
        let flags = (0..3).fold(at("upper_real", row), |sum, i| {
            sum + power(i + 1) * at("upper_touched", 3 * row + i as usize)
        });
        let level = at("upper_level", row) - Fr::from(2);
        at("upper_position", row)
            + power(32) * level
            + power(37) * flags
            + power(41) * at("upper_tree", row)
    };
    for first in (0..SIZE.upper).step_by(4) {
        let rows = first..SIZE.upper.min(first + 4);
        words.push(rows.fold(Fr::ZERO, |sum, row| {
            sum + power(58 * (row - first) as u32) * place(row)
        }));
    }
    trifold_circuits::netted::statement::commitment("trifold/netted/rows/v1", &words)
}

#[test]
fn the_native_relation_names_what_is_wrong() {
    let mut small = all();
    small.size.bottom = 2;
    let (kind, found, room) = ("bottom", 3, 2);
    let refused = small.part(&context()).unwrap_err();
    assert_eq!(refused, ChangesError::Rows { kind, found, room });
    let mut moved = all();
    moved.bottom[0].position = 1;
    let (found, expected) = (0, 3);
    let refused = moved.part(&context()).unwrap_err();
    assert_eq!(refused, ChangesError::Index { found, expected });
    let mut bottom = all();
    bottom.upper[0].level = 1;
    assert_eq!(
        bottom.part(&context()).unwrap_err(),
        ChangesError::UpperLevel { level: 1, most: 20 }
    );
}
