//! Two backends at once: one answer when they agree, none and a precise complaint when they do not.

mod support;

use std::sync::Arc;

use ark_bn254::{Fr, G1Projective, G2Projective};
use ark_ec::{CurveGroup, PrimeGroup};
use support::faulty::{Fault, Faulty};
use support::{Fixture, inputs};
use trifold_prover::backend::Paired;
use trifold_prover::{Backend, BackendError, Cpu, ProveError};

fn pair(fault: Fault, statements: &[Fr]) -> Paired {
    let statements = statements.to_vec();
    let refuses = false;
    Paired::new(
        Arc::new(Cpu),
        Arc::new(Faulty {
            fault,
            statements,
            refuses,
        }),
    )
}

#[test]
fn agreeing_backends_give_the_answer_of_either() {
    let fixture = Fixture::new();
    let paired = pair(|_, _| {}, &[]);
    assert_eq!(paired.name(), "paired:cpu,faulty");
    let witness = fixture.witness();
    let commit = |backend: &dyn Backend| {
        let loaded = backend.load(fixture.key()).unwrap();
        loaded.commit(&[&witness, &witness]).unwrap()
    };
    assert_eq!(commit(&paired), commit(&Cpu));
    fixture.prover(&paired).prove(&inputs(7)).unwrap();
}

#[test]
fn any_difference_is_refused_and_named_with_what_both_said() {
    let fixture = Fixture::new();
    let witness = fixture.witness();
    let other = fixture.prover(&Cpu).witness(&inputs(8)).unwrap();
    let faults: [(&str, Fault); 5] = [
        ("a", |found, _| found.a += G1Projective::generator()),
        ("b_g1", |found, _| found.b_g1 += G1Projective::generator()),
        ("b_g2", |found, _| found.b_g2 += G2Projective::generator()),
        ("h", |found, _| found.h += G1Projective::generator()),
        ("l", |found, _| found.l += G1Projective::generator()),
    ];
    for (name, fault) in faults {
        let loaded = pair(fault, &[other[1]]).load(fixture.key()).unwrap();
        let error = loaded.commit(&[&witness, &other, &witness]).unwrap_err();
        let BackendError::Differ {
            witness,
            commitment,
            first,
            first_says,
            second,
            second_says,
        } = &error
        else {
            panic!("{error}");
        };
        assert_eq!((*witness, *commitment), (1, name));
        assert_eq!((&first[..], &second[..]), ("cpu", "faulty"));
        assert_ne!(first_says, second_says);
    }
}

#[test]
fn what_both_said_is_the_points_themselves() {
    let fixture = Fixture::new();
    let witness = fixture.witness();
    let expected = Cpu.load(fixture.key()).unwrap().commit(&[&witness]);
    let expected = expected.unwrap()[0].l;
    let paired = pair(|found, _| found.l += found.l, &witness[1..2]);
    let error = paired.load(fixture.key()).unwrap().commit(&[&witness]);
    let text = error.unwrap_err().to_string();
    for point in [expected, expected + expected] {
        assert!(text.contains(&point.into_affine().to_string()), "{text}");
    }
}

#[test]
fn one_difference_in_a_batch_costs_the_others_nothing() {
    let fixture = Fixture::new();
    let bad = fixture.prover(&Cpu).witness(&inputs(8)).unwrap()[1];
    let paired = pair(|found, _| found.h += G1Projective::generator(), &[bad]);
    let proven = fixture
        .prover(&paired)
        .prove_many(&[inputs(7), inputs(8), inputs(9)]);
    assert!(matches!(
        &proven[..],
        [
            Ok(_),
            Err(ProveError::Backend(BackendError::Differ { .. })),
            Ok(_)
        ]
    ));
}

#[test]
fn a_failure_of_either_is_an_error() {
    let fixture = Fixture::new();
    let witness = fixture.witness();
    let refusing = Arc::new(Faulty {
        fault: |_, _| {},
        statements: vec![witness[1]],
        refuses: true,
    });
    let cpu: Arc<dyn Backend> = Arc::new(Cpu);
    for paired in [
        Paired::new(cpu.clone(), refusing.clone()),
        Paired::new(refusing, cpu),
    ] {
        let loaded = paired.load(fixture.key()).unwrap();
        let error = loaded.commit(&[&witness]).unwrap_err();
        assert!(matches!(error, BackendError::Unavailable { .. }), "{error}");
    }
}
