//! The compiler's files: constraint systems and witness calculators, sound and damaged.

use std::fs;

use ark_bn254::Fr;
use trifold_circuits::artifacts::{Artifact, Checkout};
use trifold_circuits::inputs::Inputs;
use trifold_circuits::r1cs::{R1cs, R1csError, Violation};
use trifold_circuits::witness::{WasmCalculator, WitnessCalculator, WitnessError};

fn artifact() -> Artifact {
    let checkout = Checkout::find().unwrap();
    checkout
        .compile_test("tests/proving/refusals.circom")
        .unwrap()
}

fn inputs(values: [u64; 3]) -> Inputs {
    let mut inputs = Inputs::new();
    inputs.insert("values", values.map(Fr::from));
    inputs
}

fn calculator() -> WitnessCalculator {
    WitnessCalculator::from_wasm(&artifact().wasm).unwrap()
}

#[test]
fn a_witness_satisfies_its_circuit_and_no_other_does() {
    let r1cs = R1cs::from_path(&artifact().r1cs).unwrap();
    let witness = calculator().calculate(&inputs([3, 2, 1])).unwrap();
    assert_eq!((r1cs.num_public(), r1cs.num_wires), (1, witness.len()));
    assert_eq!(witness[1], Fr::from(7));
    assert_eq!(r1cs.check(&witness), Ok(()));
    for wire in 0..witness.len() {
        let mut tampered = witness.clone();
        tampered[wire] += Fr::from(1);
        let expected = match wire {
            0 => Violation::One,
            _ => Violation::Constraint { constraint: 0 },
        };
        assert_eq!(r1cs.check(&tampered), Err(expected));
    }
    let short = Violation::Length {
        expected: witness.len(),
        found: 1,
    };
    assert_eq!(r1cs.check(&witness[..1]), Err(short));
}

#[test]
fn a_failed_assertion_names_the_templates_and_lines() {
    let error = calculator().calculate(&inputs([0, 4, 0])).unwrap_err();
    assert!(matches!(error, WitnessError::Circuit { .. }), "{error}");
    let text = error.to_string();
    let (inner, outer) = (text.find("Small").unwrap(), text.find("Refusals").unwrap());
    assert!(inner < outer && text.contains("line: 9"), "{text}");
}

#[test]
fn wrong_signals_are_refused_before_anything_runs() {
    let mut unknown = inputs([0, 0, 0]);
    unknown.insert("value", [Fr::from(1)]);
    let error = calculator().calculate(&unknown).unwrap_err();
    assert!(matches!(error, WitnessError::UnknownSignal { name } if name == "value"));

    let mut long = Inputs::new();
    long.insert("values", [Fr::from(1); 4]);
    let error = calculator().calculate(&long).unwrap_err();
    assert!(matches!(
        error,
        WitnessError::SignalSize {
            expected: 3,
            found: 4,
            ..
        }
    ));

    let error = calculator().calculate(&Inputs::new()).unwrap_err();
    assert!(matches!(
        error,
        WitnessError::MissingSignals {
            expected: 3,
            found: 0,
            ..
        }
    ));
}

#[test]
fn damaged_machine_code_is_compiled_again() {
    let folder = tempfile::tempdir().unwrap();
    let wasm = folder.path().join("refusals.wasm");
    fs::copy(artifact().wasm, &wasm).unwrap();
    let calculate = || {
        WasmCalculator::new(&wasm)
            .unwrap()
            .calculate(&inputs([3, 2, 1]))
    };
    let expected = calculate().unwrap();
    let code = fs::read_dir(folder.path())
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let code = code
        .into_iter()
        .find(|path| path.extension().unwrap() == "code")
        .unwrap();
    let sound = fs::read(&code).unwrap();
    for damaged in [&[][..], &sound[..sound.len() / 2], &[0; 4096]] {
        fs::write(&code, damaged).unwrap();
        assert_eq!(calculate().unwrap(), expected);
        assert_eq!(fs::read(&code).unwrap().len(), sound.len());
    }
}

#[test]
fn what_is_no_witness_calculator_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.wasm");
    for bytes in [&b""[..], b"\0asm", b"\0asm\x01\0\0\0"] {
        fs::write(&path, bytes).unwrap();
        assert!(WitnessCalculator::from_wasm(&path).is_err());
    }
    let missing = WitnessCalculator::from_wasm(&folder.path().join("absent.wasm"));
    assert!(matches!(missing, Err(WitnessError::Io { .. })));
}

#[test]
fn every_truncation_of_a_constraint_system_is_refused() {
    let bytes = fs::read(artifact().r1cs).unwrap();
    R1cs::from_bytes(&bytes).unwrap();
    for length in 0..bytes.len() {
        R1cs::from_bytes(&bytes[..length]).unwrap_err();
    }
}

#[test]
fn no_flipped_bit_of_a_constraint_system_panics_or_exhausts_memory() {
    let bytes = fs::read(artifact().r1cs).unwrap();
    let mut refused = 0;
    for position in 0..bytes.len() {
        for bit in 0..8 {
            let mut damaged = bytes.clone();
            damaged[position] ^= 1 << bit;
            refused += usize::from(R1cs::from_bytes(&damaged).is_err());
        }
    }
    assert!(refused > 8 * 50, "{refused} of {} refused", 8 * bytes.len());
}

#[test]
fn another_field_is_refused() {
    let mut bytes = fs::read(artifact().r1cs).unwrap();
    let modulus = ark_ff::BigInteger::to_bytes_le(&<Fr as ark_ff::PrimeField>::MODULUS);
    let position = bytes
        .windows(32)
        .position(|window| window == modulus)
        .unwrap();
    bytes[position] ^= 2;
    assert!(matches!(R1cs::from_bytes(&bytes), Err(R1csError::Field)));
}
