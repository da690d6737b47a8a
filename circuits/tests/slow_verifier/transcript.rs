//! The header, the rounds and the challenges: what was absorbed cannot change, and honest values are the native ones.

use crate::native::honest_but;
use crate::verifier::{Kind, VERIFIER};
use ark_bn254::Fr;
use ark_ff::{One, Zero};
use std::collections::{BTreeSet, HashSet};
use trifold_circuits::groth16::comb::DIGIT_BITS;
use trifold_circuits::groth16::digits::{digit_bits, digit_words};
use trifold_circuits::groth16::flat;
use trifold_circuits::groth16::transcript::Sponge;

fn are_groups(violated: &BTreeSet<Kind>) -> bool {
    !violated.is_empty() && violated.iter().all(|kind| matches!(kind, Kind::Group(_)))
}

#[test]
fn the_honest_witness_is_accepted_and_has_the_native_values() {
    let verifier = &*VERIFIER;
    assert_eq!(verifier.circuit.check(&verifier.witness), Ok(()));
    assert_eq!(verifier.circuit.r1cs.num_public(), 1);
    assert_eq!(verifier.witness[1], verifier.instance.x);
    assert_eq!(
        verifier.witness[verifier.wire("key", 0)],
        verifier.key.digest()
    );
    let values: HashSet<Fr> = verifier.witness.iter().copied().collect();
    let challenges = &verifier.challenges;
    let small = challenges
        .windows
        .iter()
        .chain(&challenges.z)
        .chain(&challenges.group);
    assert!(small.clone().count() >= 33 + 9 + 147);
    assert!(
        small
            .copied()
            .all(|challenge| values.contains(&Fr::from(challenge)))
    );
}

/// One more, or one less where one more might leave the width.
fn other(value: Fr) -> Fr {
    if value.is_one() {
        value - Fr::one()
    } else {
        value + Fr::one()
    }
}

#[test]
fn what_was_absorbed_cannot_change() {
    let verifier = &*VERIFIER;
    let last = |signal: &str| verifier.inputs.get(signal).unwrap().len() - 1;
    for (signal, index) in [
        ("nonce", 0),
        ("u1", 17 * 100 + 3),
        ("u2", 17 * 3),
        ("u2", 17 * 7),
        ("u3s", 17 * 20),
        ("u3", 17 * 221 + 9),
    ] {
        let violated = verifier.verdict(&verifier.inputs_with(signal, index, other));
        assert!(are_groups(&violated), "{signal}[{index}]: {violated:?}");
    }
    // Quotients and carries: the group's own equation, and no other.
    let groups = verifier.plan.groups.len() - 1;
    for (signal, index, group) in [
        ("r_limbs", 0, 0),
        ("r_limbs", last("r_limbs"), groups),
        ("k_checked", 5, 0),
        ("k_checked", last("k_checked"), groups),
        ("k_free", 0, 0),
        ("k_free", last("k_free"), groups),
    ] {
        let violated = verifier.verdict(&verifier.inputs_with(signal, index, other));
        assert_eq!(violated, [Kind::Group(group)].into(), "{signal}[{index}]");
    }
}

#[test]
fn the_digits_stand_for_the_public_input() {
    let verifier = &*VERIFIER;
    // The constraint that ties the digits to x is one between inputs, kept as the last digit's being a bit.
    let mut ties = verifier
        .forms
        .iter()
        .filter(|(_, form)| form.terms.contains_key(&1));
    let (tie, form) = ties.next().unwrap();
    assert!(ties.next().is_none() && form.terms.len() == 258);
    let x = verifier.instance.x;
    let digits = |x: Fr, skipped: usize| {
        let word = digit_words(x, DIGIT_BITS).nth(skipped).unwrap();
        digit_bits(&word, DIGIT_BITS)
            .into_iter()
            .map(Fr::from)
            .collect::<Vec<_>>()
    };
    let mut inputs = verifier.inputs.clone();
    inputs.insert("x", [x + Fr::one()]);
    assert!(verifier.verdict(&inputs).contains(&Kind::Lowest(*tie)));
    inputs.insert("e_bits", digits(x + Fr::one(), 0));
    assert!(are_groups(&verifier.verdict(&inputs)));
    inputs.insert("x", [x]);
    assert!(verifier.verdict(&inputs).contains(&Kind::Lowest(*tie)));
    // Another word for the same x, after the fact and from the start.
    inputs.insert("e_bits", digits(x, 1));
    assert!(are_groups(&verifier.verdict(&inputs)));
    for skipped_words in [1, 2] {
        let mut tamper = |_: usize, _: &mut _| {};
        let mut deviation = honest_but(&mut tamper);
        deviation.skipped_words = skipped_words;
        let (inputs, native) = verifier.dishonest(&verifier.instance, &mut deviation);
        assert_eq!(native, Ok(()));
        assert_ne!(inputs.get("e_bits"), verifier.inputs.get("e_bits"));
        let v = |inputs: &trifold_circuits::inputs::Inputs| {
            inputs.get("u1").unwrap()[17 * 8..17 * 10].to_vec()
        };
        assert_eq!(v(&inputs), v(&verifier.inputs));
        assert_eq!(verifier.verdict(&inputs), BTreeSet::new());
    }
}

#[test]
fn a_digit_that_is_no_bit_is_refused() {
    let verifier = &*VERIFIER;
    let bits = verifier.inputs.get("e_bits").unwrap();
    let at = (100..200)
        .find(|&i| bits[i].is_zero() && bits[i + 1].is_one())
        .unwrap();
    let mut inputs = verifier.inputs.clone();
    inputs.get_mut("e_bits").unwrap()[at] = Fr::from(2u64);
    inputs.get_mut("e_bits").unwrap()[at + 1] = Fr::zero();
    let violated = verifier.verdict(&inputs);
    assert!(
        violated.contains(&Kind::Bit(verifier.wire("e_bits", at))),
        "{violated:?}"
    );
}

#[test]
fn the_key_is_the_one_of_the_digest() {
    let verifier = &*VERIFIER;
    let groups =
        |violated: &BTreeSet<Kind>| violated.iter().any(|kind| matches!(kind, Kind::Group(_)));
    // A wrong digest is refused by the sponge over the words, which no group's equation has a part in.
    let violated = verifier.verdict(&verifier.inputs_with("key", 0, other));
    assert!(!violated.is_empty() && !groups(&violated), "{violated:?}");
    for word in [0, 1, 6 + 3 * 7, 3 * 66, 3 * 72, 1151] {
        let mut inputs = verifier.inputs_with("vkw", word, other);
        let violated = verifier.verdict(&inputs);
        assert!(
            violated.iter().any(|kind| matches!(kind, Kind::Other(_))),
            "{word}"
        );
        // With the digest of the wrong words only the equations are left to refuse them.
        let mut sponge = Sponge::new(verifier.plan.key_initial_value());
        sponge.absorb(inputs.get("vkw").unwrap());
        inputs.insert("key", sponge.squeeze(1));
        let violated = verifier.verdict(&inputs);
        assert!(are_groups(&violated), "{word}: {violated:?}");
    }
}

#[test]
fn a_residue_witness_may_be_another_one_of_the_same_class() {
    let verifier = &*VERIFIER;
    let mut base = flat::one();
    base[1] = 7u64.into();
    let root = flat::torus(&flat::power(&base, &flat::residue_order())).unwrap();
    for (factor, is_accepted) in [(root, true), (base, false)] {
        let mut tamper = |_: usize, _: &mut _| {};
        let mut deviation = honest_but(&mut tamper);
        deviation.witness_factor = factor;
        let (inputs, native) = verifier.dishonest(&verifier.instance, &mut deviation);
        assert_eq!(native.is_ok(), is_accepted);
        assert_eq!(verifier.verdict(&inputs).is_empty(), is_accepted);
    }
}
