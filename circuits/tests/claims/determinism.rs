//! Every wire of the claims is fixed by the inputs.

#[path = "../determinism/analysis.rs"]
mod analysis;

use crate::support::Circuit;
use analysis::{Report, analyse, labels};
use trifold_circuits::artifacts::Checkout;
use trifold_circuits::inputs::Inputs;

/// Panics unless all wires are used and fixed; `zeros` wires are inverses of a zero, which have no effect.
pub fn is_fixed(source: &str, circuit: &Circuit, inputs: &Inputs, zeros: usize) {
    let artifact = Checkout::find().unwrap().compile_test(source).unwrap();
    let labels = labels(&artifact.r1cs);
    let report = analyse(&circuit.r1cs, &labels, &circuit.witness(inputs));
    let Report {
        unused,
        loose,
        idle,
        stand_ins,
    } = report;
    assert_eq!([unused.len(), loose.len(), stand_ins.len()], [0; 3]);
    assert_eq!(idle.len(), zeros);
}
