//! Every class of committed numbers bites, with a prover who adapts everything that follows.

use crate::verifier::{Kind, VERIFIER};
use ark_bn254::Fq;
use ark_ff::One;
use trifold_circuits::groth16::advice::Numbers;
use trifold_circuits::groth16::oracle::Refusal;

/// The changed number is refused, by the equations of groups only, the native verdict's the first of them.
fn bites(name: &str, round: usize, number: impl Fn(&mut Numbers) -> &mut Fq) {
    let mut tamper = |at: usize, numbers: &mut Numbers| {
        if at == round {
            *number(numbers) += Fq::one();
        }
    };
    let (inputs, native) = VERIFIER.tampered(&mut tamper);
    let violated = VERIFIER.verdict(&inputs);
    let groups = |kind: &Kind| matches!(kind, Kind::Group(_));
    assert!(violated.iter().all(groups), "{name}: {violated:?}");
    let first = violated.first().copied();
    assert!(
        matches!((native, first), (Err(Refusal::Group(g)), Some(Kind::Group(h))) if g == h),
        "{name}: {first:?}"
    );
}

#[test]
fn each_class_of_round_1() {
    let layout = &VERIFIER.plan.layout;
    for name in ["points", "v", "vx", "vy", "m", "vinv", "c", "t", "l", "ck"] {
        let range = layout.round1.range(name);
        let middle = (range.start + range.end) / 2;
        bites(name, 1, |numbers| &mut numbers.round1[0][middle]);
    }
}

#[test]
fn each_class_of_rounds_2_and_3() {
    let layout = &VERIFIER.plan.layout;
    for (name, index) in [("S", 2), ("Q", 70)] {
        bites(name, 2, |numbers| &mut numbers.round2[index]);
    }
    for index in [3, 15] {
        bites("powers of z", 3, |numbers| &mut numbers.powers[index]);
    }
    for name in [
        "az", "vmono", "cmono", "cz", "fr", "mz", "line", "n", "window",
    ] {
        let range = layout.round3.range(name);
        let middle = (range.start + range.end) / 2;
        bites(name, 3, |numbers| &mut numbers.round3[0][middle]);
    }
}
