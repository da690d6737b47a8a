//! Quotients and carries by division modulo r satisfy every equation: only the widths of the carries refuse them.

use crate::native::{Instance, honest_but, snarkjs};
use crate::verifier::{Kind, VERIFIER};
use ark_bn254::G1Affine;
use ark_ec::{AffineRepr, CurveGroup};
use ark_ff::PrimeField;
use num_bigint::BigUint;
use std::collections::BTreeSet;
use std::ops::Range;
use trifold_circuits::inputs::Inputs;

fn advice(instance: &Instance, divides_modulo_r: bool) -> Inputs {
    let mut tamper = |_: usize, _: &mut _| {};
    let mut deviation = honest_but(&mut tamper);
    deviation.divides_modulo_r = divides_modulo_r;
    VERIFIER.dishonest(instance, &mut deviation).0
}

/// Where each group's values lie in `r_limbs`, `k_checked` and `k_free`.
fn parts() -> Vec<[Range<usize>; 3]> {
    let mut next = [0; 3];
    let groups = VERIFIER.plan.groups.iter();
    let sizes = groups.map(|g| {
        [
            g.quotient_widths.len(),
            g.carry_widths.len(),
            g.free_carries(),
        ]
    });
    sizes
        .map(|sizes| {
            let part = std::array::from_fn(|i| next[i]..next[i] + sizes[i]);
            (0..3).for_each(|i| next[i] += sizes[i]);
            part
        })
        .collect()
}

/// How many checked carries of a group do not fit their widths.
fn misfits(inputs: &Inputs, group: usize) -> usize {
    let widths = &VERIFIER.plan.groups[group].carry_widths;
    let values = &inputs.get("k_checked").unwrap()[parts()[group][1].clone()];
    let bits = values
        .iter()
        .map(|value| BigUint::from(value.into_bigint()).bits() as usize);
    bits.zip(widths)
        .filter(|(bits, width)| bits > *width)
        .count()
}

fn groups(violated: &BTreeSet<Kind>) -> Vec<usize> {
    let group = |kind: &Kind| match kind {
        Kind::Group(group) => Some(*group),
        _ => None,
    };
    violated.iter().filter_map(group).collect()
}

/// `inputs` with one group's quotient and carries from others; the rounds before are the same.
fn with_group(inputs: &Inputs, from: &Inputs, group: usize) -> Inputs {
    let mut mixed = inputs.clone();
    assert_eq!(inputs.get("u3"), from.get("u3"));
    for (signal, part) in ["r_limbs", "k_checked", "k_free"]
        .into_iter()
        .zip(&parts()[group])
    {
        let values = &from.get(signal).unwrap()[part.clone()];
        mixed.get_mut(signal).unwrap()[part.clone()].copy_from_slice(values);
    }
    mixed
}

fn only_widths_refuse(inputs: &Inputs, expected_misfits: usize) {
    let violated = VERIFIER.verdict(inputs);
    assert!(expected_misfits > 0);
    assert!(
        violated.iter().all(|kind| matches!(kind, Kind::Lowest(_))),
        "{violated:?}"
    );
    assert_eq!(violated.len(), expected_misfits);
}

#[test]
fn each_group_of_a_true_statement() {
    let forged = advice(&VERIFIER.instance, true);
    for group in 0..VERIFIER.plan.groups.len() {
        let mixed = with_group(&VERIFIER.inputs, &forged, group);
        only_widths_refuse(&mixed, misfits(&forged, group));
    }
}

#[test]
fn a_false_statement() {
    let mut instance = snarkjs();
    instance.proof.c = (instance.proof.c + G1Affine::generator()).into_affine();
    let (integers, forged) = (advice(&instance, false), advice(&instance, true));
    let failing = groups(&VERIFIER.verdict(&integers));
    assert_eq!(failing.first(), Some(&0));
    let mut mixed = integers;
    for &group in &failing {
        mixed = with_group(&mixed, &forged, group);
    }
    only_widths_refuse(
        &mixed,
        failing.iter().map(|&group| misfits(&forged, group)).sum(),
    );
}
