//! The static plan: every bound decided, every violation an error, actual polynomials within their bounds.

use crate::support::{Instance, plan, snarkjs, synthetic};
use ark_bn254::Fr;
use ark_ff::{One, PrimeField};
use num_bigint::BigUint;
use std::path::Path;
use trifold_circuits::groth16::comb::columns;
use trifold_circuits::groth16::layout::Layout;
use trifold_circuits::groth16::plan::PolynomialBounds;
use trifold_circuits::groth16::ring::Ring;
use trifold_circuits::groth16::scheme::{KeyReading, Powers, ProofNumbers, read_proof};
use trifold_circuits::groth16::wide::{Integers, Polynomial};
use trifold_circuits::groth16::{Mode, Params, Plan, PlanError, advise, generate};

fn bounds(plan: &Plan) -> PolynomialBounds {
    PolynomialBounds::new(plan.params, &plan.layout, plan.proofs)
}

#[test]
fn plans_hold() {
    for proofs in 1..=4 {
        let plan = plan(proofs);
        assert_eq!(plan.check(&bounds(&plan)), Ok(()));
        assert_eq!(
            plan.members.iter().map(Vec::len).sum::<usize>(),
            565 * proofs + 21
        );
    }
}

#[test]
fn a_block_one_limb_too_wide() {
    let plan = plan(1);
    let bounds = bounds(&plan);
    for group in 0..plan.groups.len() {
        let mut wide = plan.clone();
        let changed = &mut wide.groups[group];
        changed.spacing += 1;
        let blocks = (changed.degree + 1).div_ceil(changed.spacing);
        changed.carry_widths = vec![254; blocks - 1];
        let refused = wide.check(&bounds);
        assert!(
            matches!(refused, Err(PlanError::Block { group: g, .. }) if g == group),
            "{refused:?}"
        );
    }
}

#[test]
fn narrower_widths() {
    let plan = plan(1);
    let bounds = bounds(&plan);
    for group in 0..plan.groups.len() {
        for carry in [0, plan.groups[group].carry_widths.len() - 1] {
            let mut narrow = plan.clone();
            narrow.groups[group].carry_widths[carry] -= 1;
            let refused = narrow.check(&bounds);
            assert!(
                matches!(refused, Err(PlanError::Carry { group: g, .. }) if g == group),
                "{refused:?}"
            );
        }
        let mut narrow = plan.clone();
        *narrow.groups[group].quotient_widths.last_mut().unwrap() -= 1;
        let refused = narrow.check(&bounds);
        assert!(
            matches!(refused, Err(PlanError::Quotient { group: g, .. }) if g == group),
            "{refused:?}"
        );
        let mut wide = plan.clone();
        wide.groups[group].quotient_widths[0] += 1;
        assert!(matches!(
            wide.check(&bounds),
            Err(PlanError::Quotient { .. })
        ));
        let mut wide = plan.clone();
        wide.groups[group].carry_widths[1] = 253;
        assert!(matches!(wide.check(&bounds), Err(PlanError::Block { .. })));
    }
}

#[test]
fn larger_coefficients_than_planned() {
    let plan = plan(1);
    let mut params = plan.params;
    params.coefficient_bits += 1;
    let larger = PolynomialBounds::new(params, &plan.layout, 1);
    let mut stretched = plan.clone();
    stretched.params = params;
    assert!(stretched.check(&larger).is_err());
    params.coefficient_bits = 200;
    assert!(Plan::new(Mode::Witness, params, 1).is_err());
}

#[test]
fn an_identity_in_no_group_or_in_two() {
    let plan = plan(1);
    let bounds = bounds(&plan);
    let mut missing = plan.clone();
    let index = missing.members[2].pop().unwrap();
    assert_eq!(missing.check(&bounds), Err(PlanError::Membership(index)));
    let mut twice = plan.clone();
    twice.members[0].push(index);
    assert_eq!(twice.check(&bounds), Err(PlanError::Membership(index)));
    let mut foreign = plan.clone();
    foreign.members[0].push(586);
    assert_eq!(foreign.check(&bounds), Err(PlanError::Membership(586)));
}

#[test]
fn classes_fill_their_blocks() {
    let layout = Layout::new(Mode::Witness);
    assert_eq!(
        (
            layout.round1.len(),
            layout.round3.len(),
            layout.identities.len()
        ),
        (541, 222, 565)
    );
    assert_eq!(layout.key_words(), 1152);
}

/// The integer polynomials of an honest proof's identities, with a z of extreme limbs.
fn polynomials(plan: &Plan, instance: &Instance) -> Vec<Polynomial> {
    let key = instance.prepared();
    let inputs = advise(plan, &[&key], &[instance.slot()], &[0]).unwrap();
    let ring = Integers::new(plan.params);
    let widths = plan.params.widths();
    let read = |name: &str| -> Vec<Polynomial> {
        let number = |limbs: &[Fr]| {
            let signed = limbs.iter().zip(&widths);
            let signed = signed
                .map(|(limb, width)| limb.into_bigint().0[0] as i128 - (1i128 << (width - 1)));
            ring.limbs(&signed.collect::<Vec<_>>(), 1)
        };
        inputs
            .get(name)
            .unwrap()
            .chunks(widths.len())
            .map(number)
            .collect()
    };
    let words: Vec<Polynomial> = key
        .signed_words()
        .map(|words| ring.limbs(words, plan.params.word_limbs))
        .collect();
    let bits: Vec<bool> = inputs
        .get("e_bits")
        .unwrap()
        .iter()
        .map(|bit| bit.is_one())
        .collect();
    let select = |(entry, positive): (usize, bool)| {
        let y = words[3 + 2 * entry].clone();
        [words[2 + 2 * entry].clone(), if positive { y } else { -y }]
    };
    let mut numbers = ProofNumbers {
        round1: read("u1"),
        round3: read("u3").into_iter().map(Some).collect(),
        columns: columns(&bits).into_iter().map(select).collect(),
    };
    let z = ring.limbs(&[-(1 << 14); 9], 1);
    let (powers, of_powers) = Powers::new(&ring, z, &read("u3s"));
    let key = KeyReading::Witness(&words);
    let mut residuals = read_proof(&ring, &plan.layout, &powers, &key, &mut numbers).residuals;
    residuals.extend(of_powers);
    residuals
}

#[test]
fn polynomials_respect_their_bounds() {
    let plan = plan(1);
    let bounds = bounds(&plan);
    for instance in [snarkjs(), synthetic(7)] {
        let polynomials = polynomials(&plan, &instance);
        assert_eq!(polynomials.len(), bounds.count());
        for (index, polynomial) in polynomials.iter().enumerate() {
            let bound = &bounds.identity(index).0;
            for (i, coefficient) in polynomial.0.iter().enumerate() {
                let magnitude: BigUint = coefficient.to_integer().magnitude().clone();
                let least = bound.get(i).cloned().unwrap_or_default();
                assert!(
                    magnitude <= least,
                    "{}",
                    plan.layout.identity_name(1, index)
                );
            }
        }
    }
}

/// A change of any order, width, bound or parameter changes these; keys and proofs made before it are then void.
#[test]
fn plan_and_layout_are_frozen() {
    let expected = [
        "31fe272881b26e7f1bfe098e081f898c4163195ca424435aef2bdff1572303ad",
        "c06a7bf13fb6cef70c0ad49d03aae3846bbae6128ca6c88354d415aa6ad953aa",
        "38a3f0f306cc36361f462f702e2969fd6fb9527accd9ac2d14f5462dd5faacba",
    ];
    for (proofs, expected) in (1..).zip(expected) {
        let description = plan(proofs).description();
        assert_eq!(
            description.rsplit_once("plan=").unwrap().1,
            expected,
            "{proofs} proofs"
        );
    }
}

#[test]
fn generated_files_are_current() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    for file in generate::files().unwrap() {
        let text = std::fs::read_to_string(root.join(&file.path)).unwrap();
        assert!(
            text == file.text,
            "{} is stale: run the generator",
            file.path
        );
    }
}

#[test]
fn a_constant_key_is_needed_for_its_plan() {
    let refused = Plan::new(Mode::Constant, Params::DEPLOYED, 1);
    assert_eq!(refused, Err(PlanError::ConstantKey));
}

#[test]
fn the_initial_value_binds_the_parameters() {
    let base = plan(1);
    assert_ne!(base.initial_value(), plan(2).initial_value());
    assert_eq!(base.key_initial_value(), plan(2).key_initial_value());
    let other = Plan::new(
        Mode::Witness,
        Params {
            coefficient_bits: 119,
            ..Params::DEPLOYED
        },
        1,
    )
    .unwrap();
    assert_ne!(base.initial_value(), other.initial_value());
}
