//! The analysis of determinism on circuits whose answer is known.

mod analysis;

use analysis::{Report, analyse, labels};
use ark_bn254::Fr;
use ark_ff::{AdditiveGroup, Field};
use trifold_circuits::artifacts::Checkout;
use trifold_circuits::inputs::Inputs;
use trifold_circuits::r1cs::R1cs;
use trifold_circuits::witness::WitnessCalculator;

fn report(circuit: &str, signals: &[(&str, &[Fr])]) -> Report {
    let source = format!("tests/determinism/{circuit}.circom");
    let artifact = Checkout::find().unwrap().compile_test(source).unwrap();
    let mut inputs = Inputs::new();
    for (name, values) in signals {
        inputs.insert(*name, values.iter().copied());
    }
    let calculator = WitnessCalculator::from_wasm(&artifact.wasm).unwrap();
    let r1cs = R1cs::from_path(&artifact.r1cs).unwrap();
    analyse(
        &r1cs,
        &labels(&artifact.r1cs),
        &calculator.calculate(&inputs).unwrap(),
    )
}

fn scalar(value: u64) -> Fr {
    Fr::from(value).pow([12345])
}

#[test]
fn every_kind_of_hint_is_fixed() {
    let (word, ratio) = ([scalar(3)], [scalar(5), Fr::ONE]);
    let nonzero = [Fr::from(53)];
    let signals: [(&str, &[Fr]); 3] = [("small", &nonzero), ("word", &word), ("ratio", &ratio)];
    let fixed = Report::default();
    assert_eq!(report("fixed", &signals), fixed);
}

#[test]
fn the_inverse_of_zero_is_idle() {
    let (word, ratio) = ([scalar(3)], [scalar(5), Fr::ONE]);
    let zero = [Fr::ZERO];
    let signals: [(&str, &[Fr]); 3] = [("small", &zero), ("word", &word), ("ratio", &ratio)];
    let report = report("fixed", &signals);
    assert_eq!((report.unused, report.loose), (vec![], vec![]));
    assert_eq!(report.idle.len(), 1);
}

#[test]
fn a_quotient_by_zero_is_loose() {
    let (word, ratio) = ([scalar(3)], [Fr::ZERO, Fr::ZERO]);
    let small = [Fr::from(53)];
    let signals: [(&str, &[Fr]); 3] = [("small", &small), ("word", &word), ("ratio", &ratio)];
    // The hint has no value, the constraint accepts every one.
    let report = report("fixed", &signals);
    assert_eq!((report.loose.len(), report.idle.len()), (0, 1));
}

#[test]
fn a_bit_that_is_none_leaves_its_neighbours_loose() {
    let report = report("missing_bit", &[("in", &[Fr::from(77)])]);
    assert!(report.loose.len() >= 2, "{report:?}");
}

#[test]
fn a_word_without_a_bound_is_loose() {
    let report = report("missing_bound", &[("in", &[scalar(3)])]);
    assert_eq!(report.loose.len(), 253);
}
