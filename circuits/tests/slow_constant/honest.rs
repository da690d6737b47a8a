use crate::compile::compile;
use crate::support::{constant_plan, snarkjs};
use trifold_circuits::groth16::{ConstantKey, advise};
use trifold_circuits::r1cs::R1cs;
use trifold_circuits::witness::WitnessCalculator;

/// For the key of the snarkjs vectors; another key's constants may need other carries.
const CONSTRAINTS: u32 = 322_582;

#[test]
fn a_snarkjs_proof_is_accepted() {
    let instance = snarkjs();
    let key = ConstantKey::new(&instance.key).unwrap();
    let artifact = compile("verify", include_str!("verify.circom"), &key, 1);
    let size = artifact.size().unwrap();
    assert_eq!((size.constraints, size.public), (CONSTRAINTS, 1));
    let plan = constant_plan(&instance, 1);
    let mut inputs = advise(&plan, &[key.prepared()], &[instance.slot()], &[0]).unwrap();
    inputs.insert("x", [instance.x]);
    let calculator = WitnessCalculator::from_wasm(&artifact.wasm).unwrap();
    let witness = calculator.calculate(&inputs).unwrap();
    let r1cs = R1cs::from_path(&artifact.r1cs).unwrap();
    assert_eq!(r1cs.check(&witness), Ok(()));
}
