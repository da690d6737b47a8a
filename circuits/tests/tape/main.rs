//! The tape gives the wasm's witness or none: every operator, branches, assertions, and what can't be traced.

use ark_bn254::Fr;
use ark_ff::{AdditiveGroup, Field, PrimeField};
use ark_std::rand::{Rng, SeedableRng, rngs::StdRng};
use std::fs;
use std::path::Path;
use trifold_circuits::artifacts::{Artifact, Checkout, CircuitSpec};
use trifold_circuits::inputs::Inputs;
use trifold_circuits::witness::{Unsupported, WitnessCalculator, WitnessError};

fn artifact(name: &str) -> Artifact {
    let source = format!("tests/tape/{name}.circom");
    Checkout::find().unwrap().compile_test(source).unwrap()
}

fn calculator(name: &str) -> WitnessCalculator {
    WitnessCalculator::from_wasm(&artifact(name).wasm).unwrap()
}

fn inputs(signals: &[(&str, &[Fr])]) -> Inputs {
    let mut inputs = Inputs::new();
    for (name, values) in signals {
        inputs.insert(*name, values.iter().copied());
    }
    inputs
}

/// Whether both accept; panics unless they agree.
fn agree(calculator: &WitnessCalculator, inputs: &Inputs) -> bool {
    let by_tape = calculator.tape().unwrap().run(inputs).ok();
    let by_wasm = calculator.wasm().unwrap().calculate(inputs).ok();
    assert_eq!(by_tape, by_wasm, "{inputs:?}");
    by_tape.is_some()
}

/// Zero, small numbers, the ends of what is short, long, positive and below 254 bits, and some without a pattern.
fn values() -> Vec<Fr> {
    let half = Fr::from(2).inverse().unwrap();
    let power = |exponent: u64| Fr::from(2).pow([exponent]);
    let mut values: Vec<Fr> = [1, 2, 7, 32, 77, 253, 254, 255].map(Fr::from).into();
    values.extend([31, 32, 63, 64, 127, 128, 252, 253].map(power));
    values.extend([half, half - Fr::ONE]);
    values.extend([3, 5, 7].map(|i| Fr::from(i).pow([12345])));
    let near: Vec<Fr> = values.iter().flat_map(|&x| [-x, x - Fr::ONE]).collect();
    values.extend(near);
    values
}

#[test]
fn every_operator_is_the_wasms() {
    let calculator = calculator("operators");
    let values = values();
    for &a in &values {
        for &b in &values {
            let d = if b == Fr::ZERO { Fr::ONE } else { b };
            let inputs = inputs(&[("a", &[a]), ("b", &[b]), ("d", &[d])]);
            assert!(agree(&calculator, &inputs));
        }
    }
}

#[test]
fn branches_and_assertions_are_the_wasms() {
    let calculator = calculator("branches");
    let values = values();
    let (mut accepted, mut refused) = (0, 0);
    for (i, &a) in values.iter().enumerate() {
        for (j, &b) in values.iter().enumerate() {
            let list = [a, b, values[(i * j) % values.len()]];
            let mut other = list;
            if (i + j) % 7 < 3 {
                other[(i + j) % 7] += Fr::ONE;
            }
            let signals: [(&str, &[Fr]); 4] =
                [("a", &[a]), ("b", &[b]), ("list", &list), ("other", &other)];
            match agree(&calculator, &inputs(&signals)) {
                true => accepted += 1,
                false => refused += 1,
            }
        }
    }
    assert!(accepted > 50 && refused > 50, "{accepted} and {refused}");
}

#[test]
fn a_refusal_is_explained_by_the_wasm() {
    let calculator = calculator("branches");
    let list = [Fr::ONE; 3];
    let refusal = |a: u64, b: u64, other: &[Fr]| {
        let (a, b) = ([Fr::from(a)], [Fr::from(b)]);
        let signals: [(&str, &[Fr]); 4] = [("a", &a), ("b", &b), ("list", &list), ("other", other)];
        calculator
            .calculate(&inputs(&signals))
            .unwrap_err()
            .to_string()
    };
    for (a, b, other, line) in [
        (1, 256, list, "line: 47"),
        (0, 1, list, "line: 48"),
        (77, 1, list, "line: 49"),
        (1, 1, [Fr::ONE, Fr::ONE, Fr::ZERO], "line: 38"),
    ] {
        let text = refusal(a, b, &other);
        assert!(text.contains("Branches") && text.contains(line), "{text}");
    }
}

#[test]
fn signals_that_are_not_the_circuits_are_named() {
    let calculator = calculator("operators");
    let one = [Fr::ONE];
    let whole: [(&str, &[Fr]); 3] = [("a", &one), ("b", &one), ("d", &one)];
    assert!(agree(&calculator, &inputs(&whole)));
    let error = |signals: &[(&str, &[Fr])]| calculator.calculate(&inputs(signals)).unwrap_err();
    assert!(matches!(
        error(&whole[..2]),
        WitnessError::MissingSignals { found: 2, .. }
    ));
    let unknown = [whole[0], whole[1], ("e", &one[..])];
    assert!(matches!(
        error(&unknown),
        WitnessError::UnknownSignal { .. }
    ));
    let long = [whole[0], whole[1], ("d", &[Fr::ONE; 2][..])];
    assert!(matches!(error(&long), WitnessError::SignalSize { .. }));
}

#[test]
fn what_cannot_be_traced_goes_through_the_wasm() {
    check_untraceable("index", &[("place", 2)], 5);
    check_untraceable("loop", &[("turns", 4)], 6);
    check_untraceable("return", &[("a", 8), ("b", 9)], 9);
}

fn check_untraceable(name: &str, signals: &[(&str, u64)], expected: u64) {
    let calculator = calculator(name);
    let mut inputs = Inputs::new();
    for (signal, value) in signals {
        inputs.insert(*signal, [Fr::from(*value)]);
    }
    let unsupported: Unsupported = calculator.tape().unwrap_err();
    let text = unsupported.to_string();
    assert!(text.contains("depends on inputs"), "{name}: {text}");
    let witness = calculator.calculate(&inputs).unwrap();
    assert_eq!(witness[1], Fr::from(expected), "{name}");
}

/// Random values of every size, and random ones among few, so that equal and boolean ones come up.
fn random(rng: &mut StdRng) -> Fr {
    let bits = rng.gen_range(0..256u32);
    let bytes: [u8; 32] = rng.r#gen();
    let wide = Fr::from_le_bytes_mod_order(&bytes);
    let mask = Fr::from(2).pow([u64::from(bits)]);
    match rng.gen_range(0..4) {
        0 => Fr::from(rng.gen_range(0..3u64)),
        1 => -Fr::from(rng.gen_range(0..3u64)),
        2 => Fr::from(wide.into_bigint() >> (256 - bits).min(255)),
        _ => wide * mask,
    }
}

#[test]
fn the_librarys_circuits_agree_on_random_inputs() {
    let mut rng = StdRng::seed_from_u64(1);
    for (file, name, size) in [
        ("is_zero", "in", 1),
        ("is_equal", "in", 2),
        ("bits_8", "in", 1),
        ("bits_253", "in", 1),
        ("digits", "index", 1),
        ("assert_bits", "in", 2),
    ] {
        let spec = CircuitSpec {
            name: format!("library-{file}"),
            optimization: 1,
            ..CircuitSpec::unlisted(format!("tests/library/{file}.circom").into())
        };
        let artifact = Checkout::find().unwrap().compile(&spec, &|_| {}).unwrap();
        let calculator = WitnessCalculator::from_wasm(&artifact.wasm).unwrap();
        let accepted = (0..400).filter(|_| {
            let values: Vec<Fr> = (0..size).map(|_| random(&mut rng)).collect();
            agree(&calculator, &inputs(&[(name, &values)]))
        });
        assert!(accepted.count() > 10, "{file}");
    }
}

#[test]
fn a_damaged_or_foreign_tape_is_made_again() {
    let folder = tempfile::tempdir().unwrap();
    let wasm = folder.path().join("branches.wasm");
    let tape = wasm.with_extension("tape");
    fs::copy(artifact("branches").wasm, &wasm).unwrap();
    let load = |wasm: &Path| WitnessCalculator::from_wasm(wasm).unwrap();
    let made = load(&wasm);
    let sound = fs::read(&tape).unwrap();
    assert_eq!(load(&wasm).tape(), made.tape(), "read back");
    let mut flipped = sound.clone();
    *flipped.last_mut().unwrap() ^= 1;
    let mut foreign = sound.clone();
    foreign[8] ^= 1;
    for damaged in [&[][..], &sound[..sound.len() / 2], &flipped, &foreign] {
        fs::write(&tape, damaged).unwrap();
        assert_eq!(load(&wasm).tape(), made.tape());
        assert!(fs::read(&tape).unwrap() == sound);
    }
}
