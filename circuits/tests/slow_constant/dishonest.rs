use crate::circuit::Circuit;
use crate::compile::compile;
use crate::support::{Instance, constant_plan, honest_but, snarkjs, synthetic};
use ark_bn254::{Fq, Fr};
use ark_ff::One;
use trifold_circuits::groth16::advice::{Deviation, Numbers, advise_dishonestly};
use trifold_circuits::groth16::{ConstantKey, Plan};
use trifold_circuits::inputs::Inputs;

fn circuit() -> Circuit {
    let key = ConstantKey::new(&snarkjs().key).unwrap();
    Circuit::of(&compile("verify", include_str!("verify.circom"), &key, 1))
}

/// Everything that a prover who deviates gives to the circuit.
fn inputs(plan: &Plan, instance: &Instance, deviation: &mut Deviation<'_>) -> Inputs {
    let key = snarkjs().prepared();
    let slots = [instance.slot()];
    let mut inputs = advise_dishonestly(plan, &[&key], &slots, &[0], deviation).unwrap();
    inputs.insert("x", [instance.x]);
    inputs
}

#[test]
fn false_statements() {
    let (circuit, plan) = (circuit(), constant_plan(&snarkjs(), 1));
    let verdict = |change: fn(&mut Instance), divides_modulo_r: bool| {
        let mut instance = snarkjs();
        change(&mut instance);
        let mut tamper = |_: usize, _: &mut Numbers| {};
        let mut deviation = honest_but(&mut tamper);
        deviation.divides_modulo_r = divides_modulo_r;
        circuit.accepts(&inputs(&plan, &instance, &mut deviation))
    };
    assert!(verdict(|_| (), false));
    let changes: [fn(&mut Instance); 4] = [
        |i| i.x += Fr::one(),
        |i| i.proof.a = synthetic(1).proof.a,
        |i| i.proof.b = synthetic(1).proof.b,
        |i| i.proof.c = synthetic(1).proof.c,
    ];
    for change in changes {
        assert!(!verdict(change, false));
    }
    // Divisions modulo r satisfy the groups' equations; the widths refuse them, also for a true statement.
    assert!(!verdict(|i| i.x += Fr::one(), true));
    assert!(!verdict(|_| (), true));
}

/// One number of each class, changed right after it is known by a prover who goes on from there.
#[test]
fn each_class_of_numbers() {
    let (circuit, plan) = (circuit(), constant_plan(&snarkjs(), 1));
    let layout = &plan.layout;
    let middle = |range: std::ops::Range<usize>| (range.start + range.end) / 2;
    let first = ["points", "v", "m", "vinv", "c", "t", "l", "ck"];
    let third = [
        "az", "vmono", "cmono", "cz", "fr", "mz", "line", "n", "window",
    ];
    let mut cases: Vec<(usize, usize)> = vec![(2, 3), (2, 70), (4, 5), (4, 20)];
    cases.extend(first.map(|name| (1, middle(layout.round1.range(name)))));
    cases.extend(third.map(|name| (3, middle(layout.round3.range(name)))));
    for (class, index) in cases {
        let mut changed = false;
        let mut tamper = |round: usize, numbers: &mut Numbers| {
            let number = match (class, round) {
                (1, 1) => &mut numbers.round1[0][index],
                (2, 2) => &mut numbers.round2[index],
                (3, 3) => &mut numbers.round3[0][index],
                (4, 3) => &mut numbers.powers[index],
                _ => return,
            };
            *number += Fq::one();
            changed = true;
        };
        let inputs = inputs(&plan, &snarkjs(), &mut honest_but(&mut tamper));
        assert!(changed && !circuit.accepts(&inputs), "{class} {index}");
    }
}

/// The digits are bits and stand for x.
#[test]
fn digits() {
    let (circuit, plan) = (circuit(), constant_plan(&snarkjs(), 1));
    let mut tamper = |_: usize, _: &mut Numbers| {};
    let honest = inputs(&plan, &snarkjs(), &mut honest_but(&mut tamper));
    assert!(circuit.accepts(&honest));
    let bits = honest.get("e_bits").unwrap().to_vec();
    for index in [0, 7, 253] {
        circuit.must_refuse(&honest, "e_bits", index, Fr::one() - bits[index]);
    }
    circuit.must_refuse(&honest, "x", 0, snarkjs().x + Fr::one());
    // The same E from digits that are no bits.
    let mut carried = honest.clone();
    let digits = carried.get_mut("e_bits").unwrap();
    digits[20] += Fr::from(2u64);
    digits[21] -= Fr::one();
    assert!(!circuit.accepts(&carried));
}
