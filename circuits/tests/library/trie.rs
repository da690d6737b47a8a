use crate::support::{Circuit, scalars};
use ark_bn254::Fr;
use ark_ff::{AdditiveGroup, Field};
use trifold_verifier::trie::Path;

const DEPTH: usize = 3;

fn fr(value: u64) -> Fr {
    Fr::from(value)
}

fn siblings() -> Vec<[Fr; 2]> {
    scalars::<{ 2 * DEPTH }>().as_chunks::<2>().0.to_vec()
}

fn native_root(index: u64, leaf: Fr) -> Fr {
    let path = Path {
        index,
        siblings: siblings(),
    };
    path.root(leaf, DEPTH).unwrap()
}

#[test]
fn digits_are_those_of_the_index() {
    let circuit = Circuit::new("digits");
    for index in 0..27u64 {
        let witness = circuit.witness(&[("index", &[fr(index)])]);
        let digits = [index % 3, index / 3 % 3, index / 9];
        assert_eq!(witness[1..4], digits.map(|digit| fr((digit == 1).into())));
        assert_eq!(witness[4..7], digits.map(|digit| fr((digit == 2).into())));
        assert_eq!(circuit.free_wires(&witness), Vec::<usize>::new());
    }
    for index in [fr(27), fr(1 << 50), -Fr::ONE] {
        assert!(circuit.refuses(&[("index", &[index])]));
    }
}

#[test]
fn digits_are_below_three_and_boolean() {
    let circuit = Circuit::new("digits");
    let (one, two) = (|i: usize| 1 + i, |i: usize| 4 + i);
    let three = circuit.witness(&[("index", &[fr(3)])]);
    // 3 = 3 * 1: the lowest digit as 1 + 2, as a 3 and as -1 twice two and the like.
    let forged = [(one(1), Fr::ZERO), (one(0), Fr::ONE), (two(0), Fr::ONE)];
    assert!(!circuit.accepts_forgery(&three, &forged));
    assert!(!circuit.accepts_forgery(&three, &[(one(1), Fr::ZERO), (one(0), fr(3))]));
    let half = fr(3) / fr(2);
    assert!(!circuit.accepts_forgery(&three, &[(one(1), Fr::ZERO), (two(0), half)]));
    // 27 = 9 * 3 by the highest digit.
    let nine = circuit.witness(&[("index", &[fr(9)])]);
    let index = 7;
    assert!(!circuit.accepts_forgery(&nine, &[(two(2), Fr::ONE), (index, fr(27))]));
    // Both digits honest, another index: accepted, so the forgeries fail for their digits alone.
    assert!(circuit.accepts_forgery(&nine, &[(one(0), Fr::ONE), (index, fr(10))]));
}

#[test]
fn roots_agree_at_every_index() {
    let circuit = Circuit::new("trie_path");
    let siblings = siblings();
    for index in 0..27 {
        let leaf = fr(1000 + index);
        let inputs: [(&str, &[Fr]); 3] = [
            ("leaf", &[leaf]),
            ("index", &[fr(index)]),
            ("siblings", siblings.as_flattened()),
        ];
        assert_eq!(circuit.witness(&inputs)[1], native_root(index, leaf));
    }
    let outside: [(&str, &[Fr]); 3] = [
        ("leaf", &[fr(1)]),
        ("index", &[fr(27)]),
        ("siblings", siblings.as_flattened()),
    ];
    assert!(circuit.refuses(&outside));
}

#[test]
fn a_path_is_pinned_throughout() {
    let circuit = Circuit::new("trie_path");
    let siblings = siblings();
    for index in [0, 13, 26, 5] {
        let inputs: [(&str, &[Fr]); 3] = [
            ("leaf", &[fr(8)]),
            ("index", &[fr(index)]),
            ("siblings", siblings.as_flattened()),
        ];
        let witness = circuit.witness(&inputs);
        assert_eq!(circuit.free_wires(&witness), Vec::<usize>::new());
    }
}

#[test]
fn an_update_has_both_roots_over_the_same_path() {
    let circuit = Circuit::new("trie_update");
    let siblings = siblings();
    for index in 0..27 {
        let (old, new) = (fr(5), fr(6 + index));
        let inputs: [(&str, &[Fr]); 4] = [
            ("old", &[old]),
            ("new", &[new]),
            ("index", &[fr(index)]),
            ("siblings", siblings.as_flattened()),
        ];
        let witness = circuit.witness(&inputs);
        assert_eq!(witness[1], native_root(index, old));
        assert_eq!(witness[2], native_root(index, new));
        if index % 13 == 0 {
            assert_eq!(circuit.free_wires(&witness), Vec::<usize>::new());
        }
    }
}
