//! Batches of proofs under one key: whole ones pass, and one false proof at any place spoils them.

mod common;

use std::num::NonZeroU128;

use ark_bn254::Fr;
use ark_ec::CurveGroup;
use common::{Trapdoor, g1, scalar, snarkjs};
use trifold_verifier::groth16::{BatchItem, PreparedVerifyingKey, Proof, VerifyError};
use trifold_verifier::json;

/// Fixed stand-ins for random coefficients, the largest and the smallest among them.
fn coefficient(index: usize) -> NonZeroU128 {
    let values = [u128::MAX, 1, 0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835];
    let value = values[index % values.len()].wrapping_sub(7 * (index / values.len()) as u128);
    NonZeroU128::new(value).unwrap()
}

fn batch(claims: &[(Fr, Proof)]) -> Vec<BatchItem> {
    let items = claims.iter().enumerate();
    items
        .map(|(index, &(x, proof))| BatchItem {
            x,
            proof,
            coefficient: coefficient(index),
        })
        .collect()
}

fn claims(trapdoor: &Trapdoor, count: u64) -> Vec<(Fr, Proof)> {
    let statements = (0..count).map(|i| scalar(50 + i));
    statements.map(|x| (x, trapdoor.prove(x))).collect()
}

fn prepared(trapdoor: &Trapdoor) -> PreparedVerifyingKey {
    trapdoor.key().prepare()
}

#[test]
fn true_proofs_pass_in_batches_of_any_size() {
    let trapdoor = Trapdoor::new(7);
    let key = prepared(&trapdoor);
    let claims = claims(&trapdoor, 9);
    for count in 0..=claims.len() {
        assert_eq!(key.verify_batch(&batch(&claims[..count])), Ok(()));
    }
}

#[test]
fn a_proof_by_snarkjs_passes_in_a_batch_and_only_with_its_statement() {
    let key = json::verifying_key_from_json(snarkjs::KEY)
        .unwrap()
        .prepare();
    let proof = json::proof_from_json(snarkjs::PROOF).unwrap();
    let x = json::public_from_json(snarkjs::PUBLIC).unwrap();
    assert_eq!(key.verify_batch(&batch(&[(x, proof), (x, proof)])), Ok(()));
    let false_batch = batch(&[(x, proof), (x + Fr::from(1), proof)]);
    assert_eq!(key.verify_batch(&false_batch), Err(VerifyError::Batch(2)));
}

#[test]
fn one_false_proof_at_any_place_spoils_the_batch() {
    let trapdoor = Trapdoor::new(7);
    let key = prepared(&trapdoor);
    let claims = claims(&trapdoor, 5);
    for place in 0..claims.len() {
        let (x, proof) = claims[place];
        let other = Proof::new(proof.a(), proof.b(), -proof.c()).unwrap();
        for claim in [(x + Fr::from(1), proof), (x, other)] {
            let mut spoilt = claims.clone();
            spoilt[place] = claim;
            let found = key.verify_batch(&batch(&spoilt));
            assert_eq!(found, Err(VerifyError::Batch(5)), "place {place}");
        }
    }
}

/// Errors that cancel in the plain product of the equations do not cancel under different coefficients.
#[test]
fn two_false_proofs_that_cancel_under_equal_coefficients_are_caught() {
    let trapdoor = Trapdoor::new(7);
    let key = prepared(&trapdoor);
    let mut claims = claims(&trapdoor, 3);
    let shift = g1(scalar(5));
    for (place, shift) in [(0, shift), (2, -shift)] {
        let (_, proof) = claims[place];
        let c = (proof.c() + shift).into_affine();
        claims[place].1 = Proof::new(proof.a(), proof.b(), c).unwrap();
    }
    let mut equal = batch(&claims);
    equal
        .iter_mut()
        .for_each(|item| item.coefficient = coefficient(0));
    assert_eq!(key.verify_batch(&equal), Ok(()), "they do cancel");
    let found = key.verify_batch(&batch(&claims));
    assert_eq!(found, Err(VerifyError::Batch(3)));
}

#[test]
fn a_batch_holds_under_its_own_key_only() {
    let batch = batch(&claims(&Trapdoor::new(7), 3));
    let other = prepared(&Trapdoor::new(8));
    assert_eq!(other.verify_batch(&batch), Err(VerifyError::Batch(3)));
}

/// All bits of a coefficient count: with its upper half cut off, errors in the ratio of two coefficients would cancel
/// elsewhere.
#[test]
fn errors_cancel_only_in_the_ratio_of_the_whole_coefficients() {
    let trapdoor = Trapdoor::new(7);
    let key = prepared(&trapdoor);
    let mut claims = claims(&trapdoor, 2);
    let [z0, z1] = [0, 1].map(|i| Fr::from(coefficient(i).get()));
    let errors = [z1 * scalar(5), -z0 * scalar(5)];
    for (claim, error) in claims.iter_mut().zip(errors) {
        let c = (claim.1.c() + g1(error)).into_affine();
        claim.1 = Proof::new(claim.1.a(), claim.1.b(), c).unwrap();
    }
    assert_eq!(key.verify_batch(&batch(&claims)), Ok(()));
    let mut other = batch(&claims);
    let cut = other[0].coefficient.get() & u128::from(u64::MAX);
    other[0].coefficient = NonZeroU128::new(cut).unwrap();
    assert_eq!(key.verify_batch(&other), Err(VerifyError::Batch(2)));
}
