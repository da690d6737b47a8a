use crate::support::Circuit;
use ark_bn254::Fr;
use ark_ff::{AdditiveGroup, Field};

fn fr(value: u64) -> Fr {
    Fr::from(value)
}

fn power_of_two(exponent: u64) -> Fr {
    fr(2).pow([exponent])
}

#[test]
fn bits_are_those_of_the_input() {
    let circuit = Circuit::new("bits_8");
    for value in [0u64, 1, 0b1010_0110, 255] {
        let witness = circuit.witness(&[("in", &[fr(value)])]);
        let bits: Vec<Fr> = (0..8).map(|i| fr(value >> i & 1)).collect();
        assert_eq!(witness[1..9], bits);
        assert_eq!(circuit.free_wires(&witness), Vec::<usize>::new());
    }
    for value in [fr(256), fr(1 << 60), -Fr::ONE] {
        assert!(circuit.refuses(&[("in", &[value])]));
    }
}

#[test]
fn bits_are_boolean() {
    let circuit = Circuit::new("bits_8");
    let (bit, input) = (|i: usize| 1 + i, 9);
    let witness = circuit.witness(&[("in", &[fr(6)])]);
    assert_eq!(witness[input], fr(6));
    // 6 = 3 * 2, and 6 = 6 * 1.
    assert!(!circuit.accepts_forgery(&witness, &[(bit(1), fr(3)), (bit(2), Fr::ZERO)]));
    assert!(!circuit.accepts_forgery(
        &witness,
        &[(bit(0), fr(6)), (bit(1), Fr::ZERO), (bit(2), Fr::ZERO)]
    ));
    // 256 = 2 * 128, and the negative of a bit's weight.
    let high = circuit.witness(&[("in", &[fr(128)])]);
    assert!(!circuit.accepts_forgery(&high, &[(bit(7), fr(2)), (input, fr(256))]));
    assert!(!circuit.accepts_forgery(&high, &[(bit(7), -Fr::ONE), (input, -fr(128))]));
    // Another number with its own bits is accepted: the forgeries above fail for their bits alone.
    assert!(circuit.accepts_forgery(&high, &[(bit(0), Fr::ONE), (input, fr(129))]));
}

#[test]
fn the_widest_bits_have_no_alias() {
    let circuit = Circuit::new("bits_253");
    let largest = power_of_two(253) - Fr::ONE;
    let witness = circuit.witness(&[("in", &[largest])]);
    assert_eq!(witness[1..254], [Fr::ONE; 253]);
    assert!(circuit.refuses(&[("in", &[power_of_two(253)])]));
    assert!(circuit.refuses(&[("in", &[-Fr::ONE])]));
}

#[test]
fn zero_is_told_from_everything_else() {
    let circuit = Circuit::new("is_zero");
    let (out, inverse) = (1, 3);
    let zero = circuit.witness(&[("in", &[Fr::ZERO])]);
    assert_eq!(zero[out], Fr::ONE);
    // The inverse of zero is anything, but the answer is not.
    assert_eq!(circuit.free_wires(&zero), [inverse]);
    assert!(!circuit.accepts_forgery(&zero, &[(out, Fr::ZERO)]));
    for value in [Fr::ONE, fr(77), -Fr::ONE] {
        let witness = circuit.witness(&[("in", &[value])]);
        assert_eq!(witness[out], Fr::ZERO);
        assert_eq!(circuit.free_wires(&witness), Vec::<usize>::new());
        // An inverse of 0 would make the first constraint say 1; of 2/in, -1.
        assert!(!circuit.accepts_forgery(&witness, &[(out, Fr::ONE), (inverse, Fr::ZERO)]));
        let double = witness[inverse].double();
        assert!(!circuit.accepts_forgery(&witness, &[(out, -Fr::ONE), (inverse, double)]));
    }
}

#[test]
fn equality_is_told_from_difference() {
    let circuit = Circuit::new("is_equal");
    for (a, b) in [
        (fr(5), fr(5)),
        (fr(5), fr(6)),
        (Fr::ZERO, -Fr::ONE),
        (-fr(3), -fr(3)),
    ] {
        let witness = circuit.witness(&[("in", &[a, b])]);
        assert_eq!(witness[1], fr((a == b).into()));
        let flipped = Fr::ONE - witness[1];
        assert!(!circuit.accepts_forgery(&witness, &[(1, flipped)]));
    }
}

#[test]
fn asserted_bits_are_boolean() {
    let circuit = Circuit::new("assert_bits");
    for bits in [[0, 0], [0, 1], [1, 0], [1, 1]] {
        let bits = bits.map(fr);
        assert_eq!(circuit.witness(&[("in", &bits)])[1..3], bits);
    }
    for bad in [[fr(2), fr(0)], [fr(1), fr(2)], [-Fr::ONE, fr(1)]] {
        assert!(circuit.refuses(&[("in", &bad)]));
    }
}
