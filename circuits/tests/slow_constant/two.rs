use crate::circuit::Circuit;
use crate::compile::compile;
use crate::support::{constant_plan, honest_but, snarkjs, synthetic};
use ark_bn254::Fr;
use trifold_circuits::groth16::advice::{Numbers, advise_dishonestly};
use trifold_circuits::groth16::{ConstantKey, Slot};

#[test]
fn two_slots_each_verified_or_empty() {
    let honest = snarkjs();
    let key = ConstantKey::new(&honest.key).unwrap();
    let main = include_str!("verify_two.circom");
    let circuit = Circuit::of(&compile("verify_two", main, &key, 2));
    let plan = constant_plan(&honest, 2);
    let mut wrong = snarkjs();
    wrong.proof.c = synthetic(1).proof.c;
    let verdict = |slots: [Slot<'_>; 2], active: [u64; 2]| {
        let mut tamper = |_: usize, _: &mut Numbers| {};
        let mut deviation = honest_but(&mut tamper);
        let keys = [key.prepared()];
        let mut inputs = advise_dishonestly(&plan, &keys, &slots, &[0, 0], &mut deviation).unwrap();
        inputs.insert("x", slots.map(|slot| slot.x));
        inputs.insert("active", active.map(Fr::from));
        circuit.accepts(&inputs)
    };
    let empty = Slot {
        x: Fr::from(7u64),
        proof: None,
    };
    assert!(verdict([honest.slot(), honest.slot()], [1, 1]));
    assert!(verdict([honest.slot(), empty], [1, 0]));
    assert!(verdict([empty, honest.slot()], [0, 1]));
    assert!(verdict([empty, empty], [0, 0]));
    assert!(!verdict([honest.slot(), empty], [1, 1]));
    assert!(!verdict([wrong.slot(), honest.slot()], [1, 1]));
    assert!(!verdict([honest.slot(), wrong.slot()], [1, 1]));
    // A false proof is not made true by a flag that the prover's transcript did not have.
    assert!(!verdict([honest.slot(), wrong.slot()], [1, 0]));
}
