use crate::compile::compile;
use crate::support::snarkjs;
use ark_bn254::{Fq, Fr};
use ark_ff::UniformRand;
use ark_std::test_rng;
use trifold_circuits::groth16::fixed_base::{DIGIT_BITS, WINDOW_BITS, WINDOWS, windows};
use trifold_circuits::groth16::limbs::NumberCode;
use trifold_circuits::groth16::ring::{Evaluations, Ring};
use trifold_circuits::groth16::{ConstantKey, Params};
use trifold_circuits::inputs::Inputs;
use trifold_circuits::r1cs::R1cs;
use trifold_circuits::witness::WitnessCalculator;

/// Every entry of every window: words that have the same seven digits in all even windows and the opposite ones, which
/// select the same entry with the other sign, in all odd windows.
#[test]
fn every_entry_is_selected_by_its_digits() {
    let key = ConstantKey::new(&snarkjs().key).unwrap();
    let artifact = compile("select", include_str!("select.circom"), &key, 1);
    let calculator = WitnessCalculator::from_wasm(&artifact.wasm).unwrap();
    let r1cs = R1cs::from_path(&artifact.r1cs).unwrap();
    let code = NumberCode::number(&Params::DEPLOYED);
    let mut rng = test_rng();
    for value in 0..1usize << (WINDOW_BITS - 1) {
        let xi = Fr::rand(&mut rng);
        let ring = Evaluations::new(Params::DEPLOYED, xi);
        let at = |number: Fq| ring.limbs(&code.signed(number), 1);
        let bits: Vec<bool> = (0..DIGIT_BITS)
            .map(|i| (value >> (i % WINDOW_BITS) & 1 == 1) == (i / WINDOW_BITS).is_multiple_of(2))
            .collect();
        let mut inputs = Inputs::new();
        inputs.insert("xi", [xi]);
        inputs.insert("bits", bits.iter().map(|&bit| Fr::from(bit)));
        let witness = calculator.calculate(&inputs).unwrap();
        assert_eq!(r1cs.check(&witness), Ok(()));
        for (window, (entry, positive)) in windows(&bits).into_iter().enumerate() {
            let point = key.tables()[window][entry];
            let y = at(point.y);
            let expected = [at(point.x), if positive { y } else { -y }];
            let found = [witness[1 + window], witness[1 + WINDOWS + window]];
            assert_eq!(found, expected, "window {window}, digits {value}");
        }
    }
}
