//! False statements: refused with an error by the prover, and by the circuit when the prover goes on.

use crate::support::{Instance, check, honest_but, plan, snarkjs, synthetic, verdict};
use ark_bn254::{Fq, Fq2, Fr, G1Affine, G2Affine, G2Projective};
use ark_ec::{AffineRepr, CurveGroup};
use ark_ff::{One, PrimeField, Zero};
use num_bigint::BigUint;
use trifold_circuits::groth16::advice::advise_dishonestly;
use trifold_circuits::groth16::oracle::Refusal;
use trifold_circuits::groth16::{AdviceError, PreparedKey, Slot, advise};

fn refused(instance: &Instance) -> AdviceError {
    let (plan, key) = (plan(1), instance.prepared());
    let error = advise(&plan, &[&key], &[instance.slot()], &[0]).unwrap_err();
    assert!(matches!(
        verdict(&plan, &key, &[instance.slot()]),
        Err(Refusal::Group(_))
    ));
    error
}

fn plus(point: G1Affine) -> G1Affine {
    (point + G1Affine::generator()).into_affine()
}

#[test]
fn other_points_and_inputs() {
    let honest = snarkjs;
    let invalid = AdviceError::Invalid { slot: 0 };
    let mut instance = honest();
    instance.proof.a = plus(instance.proof.a);
    assert_eq!(refused(&instance), invalid);
    let mut instance = honest();
    instance.proof.c = plus(instance.proof.c);
    assert_eq!(refused(&instance), invalid);
    let mut instance = honest();
    instance.proof.b = (instance.proof.b + G2Affine::generator()).into_affine();
    assert_eq!(refused(&instance), invalid);
    let mut instance = honest();
    instance.x += Fr::one();
    assert_eq!(refused(&instance), invalid);
    let mut instance = honest();
    instance.proof = synthetic(1).proof;
    assert_eq!(refused(&instance), invalid);
}

#[test]
fn another_key() {
    let invalid = AdviceError::Invalid { slot: 0 };
    type Change = fn(&mut Instance);
    let changes: [Change; 5] = [
        |i| i.key.alpha_g1 = plus(i.key.alpha_g1),
        |i| i.key.beta_g2 = (i.key.beta_g2 + G2Affine::generator()).into_affine(),
        |i| i.key.delta_g2 = (i.key.delta_g2 + G2Affine::generator()).into_affine(),
        |i| i.key.gamma_abc_g1[0] = plus(i.key.gamma_abc_g1[0]),
        |i| i.key.gamma_abc_g1[1] = plus(i.key.gamma_abc_g1[1]),
    ];
    for change in changes {
        let mut instance = snarkjs();
        change(&mut instance);
        assert_eq!(refused(&instance), invalid);
    }
}

#[test]
fn points_off_their_curves() {
    let mut instance = snarkjs();
    instance.proof.a.y += Fq::one();
    assert_eq!(
        refused(&instance),
        AdviceError::OffCurve {
            slot: 0,
            point: "A"
        }
    );
    let mut instance = snarkjs();
    instance.proof.c.x += Fq::one();
    assert_eq!(
        refused(&instance),
        AdviceError::OffCurve {
            slot: 0,
            point: "C"
        }
    );
    let mut instance = snarkjs();
    instance.proof.b.y.c1 += Fq::one();
    assert_eq!(
        refused(&instance),
        AdviceError::OffCurve {
            slot: 0,
            point: "B"
        }
    );
}

#[test]
fn points_at_infinity() {
    let instance = snarkjs();
    let (plan, key) = (plan(1), instance.prepared());
    type Change = fn(&mut Instance);
    let changes: [(Change, &str); 3] = [
        (|i| i.proof.a = G1Affine::zero(), "A"),
        (|i| i.proof.b = G2Affine::zero(), "B"),
        (|i| i.proof.c = G1Affine::zero(), "C"),
    ];
    for (change, point) in changes {
        let mut instance = snarkjs();
        change(&mut instance);
        let error = advise(&plan, &[&key], &[instance.slot()], &[0]).unwrap_err();
        assert_eq!(error, AdviceError::Infinity { slot: 0, point });
    }
}

#[test]
fn an_input_of_zero() {
    let mut instance = snarkjs();
    instance.x = Fr::zero();
    let error = advise(&plan(1), &[&instance.prepared()], &[instance.slot()], &[0]).unwrap_err();
    assert_eq!(error, AdviceError::ZeroInput { slot: 0 });
}

#[test]
fn a_sum_that_meets_ic0() {
    // x IC1 = IC0, so that the last addition has no chord whatever the digits.
    let mut instance = synthetic(5);
    instance.key.gamma_abc_g1[0] = (instance.key.gamma_abc_g1[1] * instance.x).into_affine();
    let error = advise(&plan(1), &[&instance.prepared()], &[instance.slot()], &[0]).unwrap_err();
    assert_eq!(error, AdviceError::DegenerateInput { slot: 0 });
}

/// A point of the twist whose order is divisible by every prime of its group's order.
fn any_twist_point() -> G2Affine {
    let point = (1u64..).find_map(|i| {
        let x = Fq2::new(Fq::from(i), Fq::one());
        G2Affine::get_point_from_x_unchecked(x, false)
            .filter(|p| times(p, &group_order()).is_zero())
    });
    point.expect("half of all abscissas belong to points")
}

fn cofactor() -> BigUint {
    let (q, r) = (BigUint::from(Fq::MODULUS), BigUint::from(Fr::MODULUS));
    q * 2u32 - r
}

fn group_order() -> BigUint {
    cofactor() * BigUint::from(Fr::MODULUS)
}

fn times(point: &G2Affine, scalar: &BigUint) -> G2Projective {
    point.mul_bigint(scalar.to_u64_digits())
}

#[test]
fn b_outside_the_subgroup() {
    let point = any_twist_point();
    let mut primes: Vec<BigUint> = [10069u64, 5864401, 1875725156269]
        .map(BigUint::from)
        .to_vec();
    let last = primes.iter().fold(cofactor(), |rest, prime| rest / prime);
    primes.push(last);
    primes.push(cofactor());
    for prime in primes {
        let small = times(&point, &(group_order() / &prime)).into_affine();
        assert!(
            !small.is_zero() && times(&small, &prime).is_zero(),
            "{prime}"
        );
        let honest = snarkjs().proof.b;
        for b in [(honest + small).into_affine(), small] {
            let mut instance = snarkjs();
            instance.proof.b = b;
            assert_eq!(
                refused(&instance),
                AdviceError::Subgroup { slot: 0 },
                "{prime}"
            );
        }
    }
}

#[test]
fn one_false_proof_among_several() {
    let instance = snarkjs();
    let key = instance.prepared();
    let mut wrong = snarkjs();
    wrong.proof.c = plus(wrong.proof.c);
    for proofs in [2, 3] {
        let plan = plan(proofs);
        for position in 0..proofs {
            let mut slots = vec![instance.slot(); proofs];
            slots[position] = wrong.slot();
            let error = advise(&plan, &[&key], &slots, &vec![0; proofs]).unwrap_err();
            assert_eq!(error, AdviceError::Invalid { slot: position });
            assert!(matches!(
                verdict(&plan, &key, &slots),
                Err(Refusal::Group(_))
            ));
        }
    }
}

#[test]
fn arrangements_that_do_not_fit_the_plan() {
    let instance = snarkjs();
    let (plan, key) = (plan(2), instance.prepared());
    let slot = instance.slot();
    let shape = |slots, assigned| AdviceError::Shape {
        planned: 2,
        slots,
        assigned,
    };
    let error = |slots: &[Slot<'_>], key_of: &[usize], keys: &[&PreparedKey]| {
        advise(&plan, keys, slots, key_of).unwrap_err()
    };
    assert_eq!(error(&[slot], &[0], &[&key]), shape(1, 1));
    assert_eq!(error(&[slot; 2], &[0], &[&key]), shape(2, 1));
    assert_eq!(
        error(&[slot; 2], &[0, 1], &[&key]),
        AdviceError::Key { slot: 1, key: 1 }
    );
    let mut params = plan.params;
    params.word_limbs = 5;
    let other = PreparedKey::with_params(&instance.key, params).unwrap();
    assert_eq!(
        error(&[slot; 2], &[0, 0], &[&other]),
        AdviceError::Key { slot: 0, key: 0 }
    );
}

/// Quotient and carries by division modulo r satisfy every group's equation; only the widths of the carries refuse them.
#[test]
fn division_modulo_r() {
    let mut instance = snarkjs();
    instance.proof.c = plus(instance.proof.c);
    let (plan, key) = (plan(1), instance.prepared());
    let mut tamper = |_: usize, _: &mut _| {};
    let mut deviation = honest_but(&mut tamper);
    deviation.divides_modulo_r = true;
    let inputs =
        advise_dishonestly(&plan, &[&key], &[instance.slot()], &[0], &mut deviation).unwrap();
    let verdict = check(&plan, &inputs, &key, &[instance.x]);
    assert!(
        matches!(
            verdict,
            Err(Refusal::Range {
                name: "k_checked",
                ..
            })
        ),
        "{verdict:?}"
    );
    let mut wide = plan.clone();
    for group in &mut wide.groups {
        group.carry_widths.fill(254);
    }
    assert_eq!(wide_equations(&plan, &wide, &instance, &key), Ok(()));
}

/// The equations alone: the same forgery in a circuit whose carries have the width of the field.
fn wide_equations(
    plan: &trifold_circuits::groth16::Plan,
    wide: &trifold_circuits::groth16::Plan,
    instance: &Instance,
    key: &PreparedKey,
) -> Result<(), Refusal> {
    assert_ne!(plan.initial_value(), wide.initial_value());
    let mut tamper = |_: usize, _: &mut _| {};
    let mut deviation = honest_but(&mut tamper);
    deviation.divides_modulo_r = true;
    let inputs =
        advise_dishonestly(wide, &[key], &[instance.slot()], &[0], &mut deviation).unwrap();
    check(wide, &inputs, key, &[instance.x])
}
