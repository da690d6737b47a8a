//! A circuit with a witness calculator that goes on where a constraint fails, so that dishonest witnesses can be made
//! in full and it is the constraint system that must refuse them.

use ark_bn254::Fr;
use std::path::PathBuf;
use trifold_circuits::artifacts::{Artifact, Checkout, CircuitSpec, Manifest};
use trifold_circuits::inputs::Inputs;
use trifold_circuits::r1cs::{R1cs, Violation};
use trifold_circuits::witness::{WasmCalculator, WitnessCalculator};

pub struct Circuit {
    relaxed: WasmCalculator,
    wasm: PathBuf,
    pub r1cs: R1cs,
}

impl Circuit {
    /// A file below `circuits/` with a main of its own.
    #[allow(
        dead_code,
        reason = "one test binary compiles files, another listed circuits"
    )]
    pub fn file(source: &str) -> Self {
        Self::compile(&CircuitSpec::unlisted(source.into()))
    }

    /// A circuit of `circuits.toml`.
    #[allow(
        dead_code,
        reason = "one test binary compiles files, another listed circuits"
    )]
    pub fn listed(name: &str) -> Self {
        let manifest = Manifest::load(&Checkout::find().unwrap()).unwrap();
        Self::compile(manifest.get(name).unwrap())
    }

    fn compile(spec: &CircuitSpec) -> Self {
        Self::of(&Checkout::find().unwrap().compile(spec, &|_| {}).unwrap())
    }

    /// A compiled circuit.
    pub fn of(artifact: &Artifact) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let wasm = folder.path().join("relaxed.wasm");
        std::fs::write(
            &wasm,
            without_assertions(&std::fs::read(&artifact.wasm).unwrap()),
        )
        .unwrap();
        Self {
            relaxed: WasmCalculator::new(&wasm).unwrap(),
            wasm: artifact.wasm.clone(),
            r1cs: R1cs::from_path(&artifact.r1cs).unwrap(),
        }
    }

    /// The witness that follows from these inputs, whether or not it satisfies the constraints.
    pub fn witness(&self, inputs: &Inputs) -> Vec<Fr> {
        self.relaxed.calculate(inputs).unwrap()
    }

    #[allow(dead_code, reason = "used where honest witnesses are looked at")]
    /// The witness by the tape; panics when the wasm's is another one.
    pub fn honest_witness(&self, inputs: &Inputs) -> Vec<Fr> {
        let calculator = WitnessCalculator::from_wasm(&self.wasm).unwrap();
        let witness = calculator.tape().unwrap().run(inputs).unwrap();
        assert!(witness == self.witness(inputs), "tape and wasm differ");
        witness
    }

    /// Whether the constraint system accepts a witness.
    pub fn check(&self, witness: &[Fr]) -> Result<(), Violation> {
        self.r1cs.check(witness)
    }

    /// Whether it accepts the witness that follows from these inputs.
    pub fn accepts(&self, inputs: &Inputs) -> bool {
        self.check(&self.witness(inputs)).is_ok()
    }

    #[allow(dead_code, reason = "used by one of the two test binaries")]
    /// Panics unless changing one element of a signal makes the constraint system refuse.
    pub fn must_refuse(&self, inputs: &Inputs, signal: &str, element: usize, value: Fr) {
        let mut forged = inputs.clone();
        let values = forged.get_mut(signal).unwrap();
        assert_ne!(values[element], value, "{signal}[{element}] is not changed");
        values[element] = value;
        assert!(
            !self.accepts(&forged),
            "{signal}[{element}] = {value} accepted"
        );
    }
}

/// Where a constraint fails, circom's calculators return code 4 from the failing block: `i32.const 4; return; end`.
/// Three no-operations instead let them go on.
fn without_assertions(wasm: &[u8]) -> Vec<u8> {
    const FAIL: [u8; 4] = [0x41, 0x04, 0x0f, 0x0b];
    let mut relaxed = wasm.to_vec();
    let mut found = 0;
    for at in 0..relaxed.len().saturating_sub(FAIL.len()) {
        if relaxed[at..at + FAIL.len()] == FAIL {
            relaxed[at..at + 3].fill(0x01);
            found += 1;
        }
    }
    assert!(found > 0, "no assertion found in the calculator");
    relaxed
}
