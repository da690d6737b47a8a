//! False statements, with a prover who goes on as far as possible.

use crate::native::{Instance, honest_but, snarkjs};
use crate::verifier::{Kind, VERIFIER};
use ark_bn254::{Fq, Fq2, Fr, G1Affine, G2Affine};
use ark_ec::{AffineRepr, CurveGroup};
use ark_ff::{One, PrimeField};
use num_bigint::BigUint;
use trifold_circuits::groth16::oracle::Refusal;

fn refused(name: &str, change: impl Fn(&mut Instance)) {
    let mut instance = snarkjs();
    change(&mut instance);
    let mut tamper = |_: usize, _: &mut _| {};
    let (inputs, native) = VERIFIER.dishonest(&instance, &mut honest_but(&mut tamper));
    let violated = VERIFIER.verdict(&inputs);
    assert!(
        violated.iter().all(|kind| matches!(kind, Kind::Group(_))),
        "{name}: {violated:?}"
    );
    let first = violated.first().copied();
    assert!(
        matches!((native, first), (Err(Refusal::Group(g)), Some(Kind::Group(h))) if g == h),
        "{name}: {first:?}"
    );
}

#[test]
fn other_points_and_inputs() {
    let plus = |point: G1Affine| (point + G1Affine::generator()).into_affine();
    refused("A", |instance| instance.proof.a = plus(instance.proof.a));
    refused("-A", |instance| instance.proof.a = -instance.proof.a);
    refused("B", |instance| {
        instance.proof.b = (instance.proof.b + G2Affine::generator()).into_affine();
    });
    refused("C", |instance| instance.proof.c = plus(instance.proof.c));
    refused("x", |instance| instance.x += Fr::one());
}

#[test]
fn points_off_their_curves() {
    refused("A", |instance| instance.proof.a.y += Fq::one());
    refused("B", |instance| instance.proof.b.y.c1 += Fq::one());
    refused("C", |instance| instance.proof.c.x += Fq::one());
}

#[test]
fn b_outside_the_subgroup() {
    let cofactor = BigUint::from(Fq::MODULUS) * 2u32 - BigUint::from(Fr::MODULUS);
    let order = &cofactor * BigUint::from(Fr::MODULUS);
    let times =
        |point: G2Affine, scalar: &BigUint| point.mul_bigint(scalar.to_u64_digits()).into_affine();
    let point = (1u64..)
        .filter_map(|i| G2Affine::get_point_from_x_unchecked(Fq2::new(i.into(), Fq::one()), false))
        .find(|&point| !times(point, &(&order / 10069u32)).is_zero())
        .unwrap();
    let small = times(point, &(&order / 10069u32));
    assert!(times(small, &10069u32.into()).is_zero());
    refused("order 10069", |instance| instance.proof.b = small);
    refused("order 10069 r", |instance| {
        instance.proof.b = (instance.proof.b + small).into_affine();
    });
    refused("any point", |instance| instance.proof.b = point);
    let outside = times(point, &Fr::MODULUS.into());
    refused("no part in the subgroup", |instance| {
        instance.proof.b = outside
    });
}
