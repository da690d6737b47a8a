//! One suite for every backend: what one proves, arkworks, our verifier and snarkjs accept, and no backend disagrees
//! with a plain sum over the key's points.

mod support;

use std::sync::Arc;

use ark_bn254::{Bn254, Fr, G1Projective};
use ark_ec::{AffineRepr, CurveGroup};
use ark_ff::{One, Zero};
use ark_groth16::{Groth16, prepare_verifying_key};
use support::{Fixture, adversarial, backends, inputs};
use trifold_circuits::r1cs::Violation;
use trifold_prover::key::{Point, Points};
use trifold_prover::{Backend, BackendError, Commitments, Cpu, ProveError, ProvingKey};

fn sum<P: Point<ScalarField = Fr>>(points: Points<P>, scalars: &[Fr]) -> P::Group {
    points
        .iter()
        .zip(scalars)
        .map(|(point, scalar)| point * *scalar)
        .sum()
}

fn commit(backend: &dyn Backend, key: &Arc<ProvingKey>, witness: &[Fr]) -> Commitments {
    let found = backend.load(key.clone()).unwrap().commit(&[witness]);
    let [found] = found.unwrap().try_into().unwrap();
    found
}

#[test]
fn commitments_are_the_sums_that_the_key_defines() {
    let fixture = Fixture::new();
    let (key, witness) = (fixture.key(), fixture.witness());
    let private = &witness[key.header().num_public + 1..];
    for backend in backends() {
        let found = commit(backend.as_ref(), &key, &witness);
        assert_eq!(found.a, sum(key.a_query(), &witness), "{}", backend.name());
        assert_eq!(found.b_g1, sum(key.b_g1_query(), &witness));
        assert_eq!(found.b_g2, sum(key.b_g2_query(), &witness));
        assert_eq!(found.l, sum(key.l_query(), private));
        assert_ne!(found.h, G1Projective::zero());
        let again = commit(backend.as_ref(), &key, &witness);
        assert_eq!(found, again);
    }
}

#[test]
fn backends_agree_on_batches_and_on_vectors_that_are_no_witness() {
    let fixture = Fixture::new();
    let witnesses = adversarial(&fixture);
    let witnesses: Vec<&[Fr]> = witnesses.iter().map(Vec::as_slice).collect();
    let expected = Cpu.load(fixture.key()).unwrap().commit(&witnesses).unwrap();
    for backend in backends() {
        let loaded = backend.load(fixture.key()).unwrap();
        let found = loaded.commit(&witnesses).unwrap();
        assert_eq!(found, expected, "{}", backend.name());
        assert_eq!(loaded.commit(&[]).unwrap(), []);
        assert_eq!(loaded.commit(&witnesses[3..4]).unwrap(), expected[3..4]);
    }
}

#[test]
fn proofs_verify_and_bind_their_statement() {
    let fixture = Fixture::new();
    let verifying_key = prepare_verifying_key(&fixture.key().verifying_key());
    for backend in backends() {
        let prover = fixture.prover(backend.as_ref());
        let proven = prover.prove(&inputs(7)).unwrap();
        let verifies = |public: &[Fr]| {
            Groth16::<Bn254>::verify_proof(&verifying_key, &proven.proof, public).unwrap()
        };
        assert_eq!(proven.public, fixture.witness()[1..2]);
        assert!(verifies(&proven.public));
        assert!(!verifies(&[proven.public[0] + Fr::one()]));
    }
}

#[test]
fn two_proofs_of_one_statement_differ() {
    let fixture = Fixture::new();
    let prover = fixture.prover(backends()[0].as_ref());
    let [first, second] = [(); 2].map(|()| prover.prove(&inputs(7)).unwrap());
    assert_eq!(first.public, second.public);
    assert_ne!(first.proof.a, second.proof.a);
    assert_ne!(first.proof.b, second.proof.b);
    assert_ne!(first.proof.c, second.proof.c);
}

#[test]
fn every_tampered_wire_is_named_and_never_proven() {
    let fixture = Fixture::new();
    let r1cs = fixture.r1cs();
    let prover = fixture.prover(backends()[0].as_ref());
    for wire in 0..r1cs.num_wires {
        let mut witness = fixture.witness();
        witness[wire] += Fr::one();
        let expected = r1cs.check(&witness).unwrap_err();
        let error = prover.prove_witness(&witness).unwrap_err();
        assert!(matches!(error, ProveError::Unsatisfied(found) if found == expected));
    }
}

#[test]
fn the_violation_names_the_first_constraint() {
    let fixture = Fixture::new();
    let r1cs = fixture.r1cs();
    let mut witness = fixture.witness();
    witness[1] += Fr::one();
    let of_output = (0..r1cs.num_constraints()).find(|&row| {
        [&r1cs.a, &r1cs.b, &r1cs.c]
            .iter()
            .any(|rows| rows.row(row).any(|(wire, _)| wire == 1))
    });
    let expected = Violation::Constraint {
        constraint: of_output.unwrap(),
    };
    assert_eq!(r1cs.check(&witness), Err(expected));
}

#[test]
fn a_witness_of_another_length_is_refused() {
    let fixture = Fixture::new();
    let mut witness = fixture.witness();
    witness.pop();
    for backend in backends() {
        let error = backend
            .load(fixture.key())
            .unwrap()
            .commit(&[&fixture.witness(), &witness])
            .unwrap_err();
        assert!(matches!(error, BackendError::WitnessLength { .. }));
    }
}

#[test]
fn the_development_key_has_the_standard_generators_and_a_delta_of_its_own() {
    let fixture = Fixture::new();
    let header = fixture.key().header().clone();
    let generator = ark_bn254::G2Affine::generator();
    assert_eq!(header.gamma_g2, generator);
    assert_ne!(header.delta_g2, generator);
    assert_ne!(header.delta_g2, (-generator.into_group()).into_affine());
}
