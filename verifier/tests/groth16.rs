//! Groth16 against arkworks' own verifier, on real and false proofs.

mod common;

use ark_bn254::{Bn254, Fr, G1Affine, G2Affine};
use ark_ec::AffineRepr;
use ark_groth16::{Groth16, prepare_verifying_key};
use common::{Trapdoor, g1, g2, outside_subgroup, scalar, snarkjs};
use trifold_verifier::groth16::{
    InvalidPoint, KeyError, PointFault, Proof, VerifyError, VerifyingKey,
};
use trifold_verifier::json;

fn agrees_with_arkworks(key: &VerifyingKey, x: Fr, proof: &Proof) -> bool {
    let theirs = ark_groth16::VerifyingKey::<Bn254> {
        alpha_g1: key.alpha_g1(),
        beta_g2: key.beta_g2(),
        gamma_g2: key.gamma_g2(),
        delta_g2: key.delta_g2(),
        gamma_abc_g1: key.gamma_abc_g1().to_vec(),
    };
    let proof_ark = ark_groth16::Proof {
        a: proof.a(),
        b: proof.b(),
        c: proof.c(),
    };
    let expected =
        Groth16::<Bn254>::verify_proof(&prepare_verifying_key(&theirs), &proof_ark, &[x]).unwrap();
    let ours = key.verify(x, proof);
    assert_eq!(key.prepare().verify(x, proof), ours);
    assert_eq!(
        ours,
        if expected {
            Ok(())
        } else {
            Err(VerifyError::Pairing)
        }
    );
    expected
}

#[test]
fn accepts_a_snarkjs_proof_and_nothing_near_it() {
    let key = json::verifying_key_from_json(snarkjs::KEY).unwrap();
    let proof = json::proof_from_json(snarkjs::PROOF).unwrap();
    let x = json::public_from_json(snarkjs::PUBLIC).unwrap();
    assert!(agrees_with_arkworks(&key, x, &proof));
    assert!(!agrees_with_arkworks(&key, x + Fr::from(1), &proof));
    assert!(!agrees_with_arkworks(&key, -x, &proof));
    assert!(!agrees_with_arkworks(&Trapdoor::new(1).key(), x, &proof));
    let (a, b, c) = (proof.a(), proof.b(), proof.c());
    let others = [
        (c, b, a),
        (-a, b, c),
        (a, -b, c),
        (a, b, -c),
        (a, b, a),
        (c, b, c),
        (a, g2(scalar(9)), c),
    ];
    for (a, b, c) in others {
        assert!(!agrees_with_arkworks(
            &key,
            x,
            &Proof::new(a, b, c).unwrap()
        ));
    }
    // Groth16 proofs can be rerandomised: another proof of the same statement is accepted.
    assert!(agrees_with_arkworks(
        &key,
        x,
        &Proof::new(-a, -b, c).unwrap()
    ));
}

#[test]
fn accepts_simulated_proofs_of_their_statement_only() {
    let trapdoor = Trapdoor::new(7);
    let x = scalar(3);
    let proof = trapdoor.prove(x);
    assert!(agrees_with_arkworks(&trapdoor.key(), x, &proof));
    assert!(!agrees_with_arkworks(&trapdoor.key(), scalar(4), &proof));
    assert!(!agrees_with_arkworks(&Trapdoor::new(8).key(), x, &proof));
}

#[test]
fn a_proof_has_no_bad_points() {
    let (a, b) = (g1(scalar(1)), g2(scalar(2)));
    let off_g1 = G1Affine::new_unchecked(a.x, a.x);
    let off_g2 = G2Affine::new_unchecked(b.x, b.x);
    let refused = |a, b, c, name, fault| {
        assert_eq!(Proof::new(a, b, c), Err(InvalidPoint { name, fault }));
    };
    refused(G1Affine::zero(), b, a, "A", PointFault::Infinite);
    refused(a, G2Affine::zero(), a, "B", PointFault::Infinite);
    refused(a, b, G1Affine::zero(), "C", PointFault::Infinite);
    refused(off_g1, b, a, "A", PointFault::OffCurve);
    refused(a, off_g2, a, "B", PointFault::OffCurve);
    refused(a, b, off_g1, "C", PointFault::OffCurve);
    refused(a, outside_subgroup(), a, "B", PointFault::WrongSubgroup);
}

#[test]
fn a_key_has_no_bad_points() {
    let (p, q, gamma) = (g1(scalar(1)), g2(scalar(2)), G2Affine::generator());
    let off_g1 = G1Affine::new_unchecked(p.x, p.x);
    let off_g2 = G2Affine::new_unchecked(q.x, q.x);
    let refused = |alpha, beta, delta, gamma_abc: [G1Affine; 2], name, fault| {
        let found = VerifyingKey::new(alpha, beta, gamma, delta, &gamma_abc);
        assert_eq!(found, Err(KeyError::Point(InvalidPoint { name, fault })));
    };
    for (bad, fault) in [
        (off_g1, PointFault::OffCurve),
        (G1Affine::zero(), PointFault::Infinite),
    ] {
        refused(bad, q, q, [p, p], "alpha", fault);
        refused(p, q, q, [bad, p], "IC[0]", fault);
        refused(p, q, q, [p, bad], "IC[1]", fault);
    }
    let outside = (outside_subgroup(), PointFault::WrongSubgroup);
    let bad = [
        (off_g2, PointFault::OffCurve),
        (G2Affine::zero(), PointFault::Infinite),
        outside,
    ];
    for (bad, fault) in bad {
        refused(p, bad, q, [p, p], "beta", fault);
        refused(p, q, bad, [p, p], "delta", fault);
    }
}

#[test]
fn a_key_is_for_one_input_with_our_gamma_and_a_free_delta() {
    let (p, q, gamma) = (g1(scalar(1)), g2(scalar(2)), G2Affine::generator());
    let new =
        |gamma, delta, gamma_abc: &[G1Affine]| VerifyingKey::new(p, q, gamma, delta, gamma_abc);
    assert!(new(gamma, q, &[p, p]).is_ok());
    assert_eq!(new(gamma, q, &[p]), Err(KeyError::PublicInputs(0)));
    assert_eq!(new(gamma, q, &[]), Err(KeyError::PublicInputs(0)));
    assert_eq!(new(gamma, q, &[p, p, p]), Err(KeyError::PublicInputs(2)));
    assert_eq!(new(q, q, &[p, p]), Err(KeyError::GammaNotGenerator));
    assert_eq!(new(-gamma, q, &[p, p]), Err(KeyError::GammaNotGenerator));
    assert_eq!(new(gamma, gamma, &[p, p]), Err(KeyError::DeltaIsGamma));
    assert_eq!(new(gamma, -gamma, &[p, p]), Err(KeyError::DeltaIsGamma));
}
