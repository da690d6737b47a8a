//! Every single committed number of a proof bites: about a thousand dishonest provers.

#[path = "groth16/support.rs"]
#[allow(dead_code)]
mod support;

use ark_bn254::Fq;
use ark_ff::One;
use support::{check, constant_plan, honest_but, plan, snarkjs};
use trifold_circuits::groth16::Plan;
use trifold_circuits::groth16::advice::{Numbers, advise_dishonestly};
use trifold_circuits::groth16::oracle::Refusal;

/// The numbers of one proof by round and index.
fn number(numbers: &mut Numbers, round: usize, index: usize) -> Option<&mut Fq> {
    match round {
        1 => numbers.round1[0].get_mut(index),
        2 => numbers.round2.get_mut(index),
        _ => numbers
            .powers
            .iter_mut()
            .chain(&mut numbers.round3[0])
            .nth(index),
    }
}

#[test]
fn every_number_bites_under_a_key_that_is_read() {
    every_number_bites(&plan(1));
}

#[test]
fn every_number_bites_under_a_key_that_the_circuit_contains() {
    every_number_bites(&constant_plan(&snarkjs(), 1));
}

fn every_number_bites(plan: &Plan) {
    let instance = snarkjs();
    let key = instance.prepared();
    let counts = [plan.layout.round1.len(), 139, 21 + plan.layout.round3.len()];
    for (round, count) in (1..).zip(counts) {
        for index in 0..count {
            let mut changed = false;
            let mut tamper = |at: usize, numbers: &mut Numbers| {
                if at == round {
                    *number(numbers, round, index).unwrap() += Fq::one();
                    changed = true;
                }
            };
            let mut deviation = honest_but(&mut tamper);
            let slots = [instance.slot()];
            let inputs = advise_dishonestly(plan, &[&key], &slots, &[0], &mut deviation).unwrap();
            let verdict = check(plan, &inputs, &key, &[instance.x]);
            assert!(
                changed && matches!(verdict, Err(Refusal::Group(_))),
                "round {round}, {index}"
            );
        }
    }
}
