//! Several proofs together: each task has a result of its own, whatever happens to the others.

mod support;

use ark_bn254::{Bn254, Fr, G1Projective};
use ark_ec::PrimeGroup;
use ark_ff::One;
use ark_groth16::{Groth16, prepare_verifying_key};
use support::faulty::Faulty;
use support::{Fixture, backends, inputs};
use trifold_circuits::inputs::Inputs;
use trifold_prover::{BackendError, Cpu, ProofWithStatement, ProveError};

const BATCH: u64 = 4;

fn batch() -> Vec<Inputs> {
    (7..7 + BATCH).map(inputs).collect()
}

fn statement(fixture: &Fixture, place: usize) -> Fr {
    let prover = fixture.prover(&Cpu);
    prover.witness(&batch()[place]).unwrap()[1]
}

fn verifies(fixture: &Fixture, proven: &ProofWithStatement) -> bool {
    let key = prepare_verifying_key(&fixture.key().verifying_key());
    Groth16::<Bn254>::verify_proof(&key, &proven.proof, &proven.public).unwrap()
}

/// Proves a batch of which some are faulty, checks that all others are proven, and gives the errors.
fn prove(fixture: &Fixture, faulty: Faulty) -> Vec<ProveError> {
    let statements = faulty.statements.clone();
    let prover = fixture.prover(&faulty);
    let mut errors = Vec::new();
    for (place, proven) in prover.prove_many(&batch()).into_iter().enumerate() {
        let expected = statement(fixture, place);
        match proven {
            Ok(proven) => {
                assert!(!statements.contains(&expected), "place {place} was faulty");
                assert_eq!(proven.public, [expected]);
                assert!(verifies(fixture, &proven));
            }
            Err(error) => {
                assert!(statements.contains(&expected), "place {place}: {error}");
                errors.push(error);
            }
        }
    }
    errors
}

#[test]
fn a_batch_gives_a_proof_for_each_input_in_order() {
    let fixture = Fixture::new();
    for backend in backends() {
        let prover = fixture.prover(backend.as_ref());
        for (place, proven) in prover.prove_many(&batch()).into_iter().enumerate() {
            let proven = proven.unwrap();
            assert_eq!(proven.public, [statement(&fixture, place)]);
            assert!(verifies(&fixture, &proven));
            assert!(proven.witness_seconds > 0.0 && proven.prove_seconds > 0.0);
        }
        assert!(prover.prove_many(&[]).is_empty());
    }
}

#[test]
fn one_wrong_result_at_any_place_fails_alone_and_is_named() {
    let fixture = Fixture::new();
    for place in 0..BATCH as usize {
        let errors = prove(
            &fixture,
            Faulty {
                fault: |commitments, _| commitments.h += G1Projective::generator(),
                statements: vec![statement(&fixture, place)],
                refuses: false,
            },
        );
        let [ProveError::SelfCheck { path, backend }] = &errors[..] else {
            panic!("{errors:?}");
        };
        assert_eq!((&**path, &backend[..]), (fixture.key().path(), "faulty"));
    }
}

/// The errors cancel in the plain product of the two verification equations.
#[test]
fn two_wrong_results_that_cancel_are_both_caught() {
    let fixture = Fixture::new();
    let errors = prove(
        &fixture,
        Faulty {
            fault: |commitments, place| {
                let shift = G1Projective::generator();
                commitments.h += if place == 0 { shift } else { -shift };
            },
            statements: vec![statement(&fixture, 0), statement(&fixture, 3)],
            refuses: false,
        },
    );
    assert_eq!(errors.len(), 2);
}

#[test]
fn a_backend_that_refuses_one_witness_still_proves_the_others() {
    let fixture = Fixture::new();
    let errors = prove(
        &fixture,
        Faulty {
            fault: |_, _| {},
            statements: vec![statement(&fixture, 1)],
            refuses: true,
        },
    );
    let [ProveError::Backend(BackendError::Unavailable { .. })] = &errors[..] else {
        panic!("{errors:?}");
    };
}

#[test]
fn inputs_and_witnesses_that_are_wrong_fail_alone() {
    let fixture = Fixture::new();
    let prover = fixture.prover(&Cpu);
    let mut inputs = batch();
    inputs[2] = Inputs::new();
    let mut proven = prover.prove_many(&inputs);
    let error = proven.swap_remove(2).unwrap_err();
    assert!(matches!(error, ProveError::Witness(_)), "{error}");
    assert!(proven.iter().all(|proven| proven.is_ok()));

    let good = fixture.witness();
    let (mut short, mut tampered) = (good.clone(), good.clone());
    short.pop();
    tampered[3] += Fr::one();
    let proven = prover.prove_witnesses(&[&good, &short, &tampered, &good]);
    let [Ok(_), Err(short), Err(tampered), Ok(_)] = &proven[..] else {
        panic!("{proven:?}");
    };
    let length = BackendError::WitnessLength {
        expected: good.len(),
        found: good.len() - 1,
    };
    assert_eq!(short.to_string(), length.to_string());
    assert!(matches!(tampered, ProveError::Unsatisfied(_)));
}

/// The batch check is for one public value; proofs with more are checked one by one.
#[test]
fn circuits_with_several_public_values_are_proven_in_batches_too() {
    let fixture = Fixture::of("tests/proving/two_outputs.circom");
    let prover = fixture.prover(&Cpu);
    for proven in prover.prove_many(&batch()) {
        let proven = proven.unwrap();
        assert_eq!(proven.public.len(), 2);
        assert!(verifies(&fixture, &proven));
    }
    let mut tampered = fixture.witness();
    tampered[1] += Fr::one();
    let proven = prover.prove_witnesses(&[&tampered, &fixture.witness()]);
    assert!(matches!(
        proven[..],
        [Err(ProveError::Unsatisfied(_)), Ok(_)]
    ));
}
