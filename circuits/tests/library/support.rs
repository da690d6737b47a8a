//! Small circuits, compiled without simplifying linear constraints, so that wires keep their places:
//! one, outputs, inputs, the rest.

use ark_bn254::Fr;
use ark_ff::Field;
use trifold_circuits::artifacts::{Checkout, CircuitSpec};
use trifold_circuits::inputs::Inputs;
use trifold_circuits::r1cs::R1cs;
use trifold_circuits::witness::WitnessCalculator;

pub struct Circuit {
    calculator: WitnessCalculator,
    pub r1cs: R1cs,
}

impl Circuit {
    /// A file of this folder.
    pub fn new(file: &str) -> Self {
        let source = format!("tests/library/{file}.circom");
        let spec = CircuitSpec {
            name: format!("library-{file}"),
            optimization: 1,
            ..CircuitSpec::unlisted(source.into())
        };
        let artifact = Checkout::find().unwrap().compile(&spec, &|_| {}).unwrap();
        Self {
            calculator: WitnessCalculator::from_wasm(&artifact.wasm).unwrap(),
            r1cs: R1cs::from_path(&artifact.r1cs).unwrap(),
        }
    }

    /// The witness for inputs that the circuit accepts.
    pub fn witness(&self, inputs: &[(&str, &[Fr])]) -> Vec<Fr> {
        let witness = self.calculate(inputs).unwrap();
        assert_eq!(self.r1cs.check(&witness), Ok(()));
        witness
    }

    /// Whether the calculator finds no witness.
    pub fn refuses(&self, inputs: &[(&str, &[Fr])]) -> bool {
        self.calculate(inputs).is_none()
    }

    /// The tape's witness; panics unless the wasm has the same or none either.
    fn calculate(&self, inputs: &[(&str, &[Fr])]) -> Option<Vec<Fr>> {
        let inputs = named(inputs);
        let witness = self.calculator.tape().unwrap().run(&inputs).ok();
        let by_wasm = self.calculator.wasm().unwrap().calculate(&inputs);
        assert_eq!(witness, by_wasm.ok());
        witness
    }

    /// Whether the constraints hold for `witness` with some wires changed.
    pub fn accepts_forgery(&self, witness: &[Fr], changes: &[(usize, Fr)]) -> bool {
        let mut forged = witness.to_vec();
        for &(wire, value) in changes {
            assert_ne!(forged[wire], value, "wire {wire} is not changed");
            forged[wire] = value;
        }
        self.r1cs.check(&forged).is_ok()
    }

    /// Every wire that can be changed alone without violating a constraint.
    pub fn free_wires(&self, witness: &[Fr]) -> Vec<usize> {
        let bumped =
            |wire: &usize| self.accepts_forgery(witness, &[(*wire, witness[*wire] + Fr::ONE)]);
        (1..witness.len()).filter(bumped).collect()
    }
}

fn named(inputs: &[(&str, &[Fr])]) -> Inputs {
    let mut named = Inputs::new();
    for (name, values) in inputs {
        named.insert(*name, values.iter().copied());
    }
    named
}

/// Field elements without a pattern.
pub fn scalars<const N: usize>() -> [Fr; N] {
    std::array::from_fn(|i| Fr::from(i as u64 + 3).pow([12345]))
}
