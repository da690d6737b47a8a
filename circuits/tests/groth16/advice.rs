//! Advice for true and false statements.

use crate::support::{check, plan, snarkjs, synthetic};
use trifold_circuits::groth16::advise;

#[test]
fn a_snarkjs_proof_is_accepted() {
    let instance = snarkjs();
    let (plan, key) = (plan(1), instance.prepared());
    let inputs = advise(&plan, &[&key], &[instance.slot()], &[0]).unwrap();
    assert_eq!(check(&plan, &inputs, &key, &[instance.x]), Ok(()));
}

#[test]
fn synthetic_proofs_are_accepted() {
    let plan = plan(1);
    for seed in 0..4 {
        let instance = synthetic(seed);
        let key = instance.prepared();
        let inputs = advise(&plan, &[&key], &[instance.slot()], &[0]).unwrap();
        assert_eq!(check(&plan, &inputs, &key, &[instance.x]), Ok(()), "seed {seed}");
    }
}
