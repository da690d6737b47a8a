//! The circuit's witnesses for random histories with messages.

#[path = "../../verifier/tests/common/mod.rs"]
mod common;
#[path = "messages/histories.rs"]
mod histories;
#[path = "messages/model.rs"]
mod model;
#[path = "messages/network.rs"]
mod network;

use histories::History;
use trifold_circuits::artifacts::{Artifact, Checkout, Manifest};
use trifold_circuits::r1cs::R1cs;
use trifold_circuits::witness::WitnessCalculator;

#[test]
fn every_snapshot_of_a_history_has_a_witness() {
    let checkout = Checkout::find().unwrap();
    let manifest = Manifest::load(&checkout).unwrap();
    let transfer = manifest.get("transfer").unwrap();
    let Artifact { r1cs, wasm, .. } = checkout.compile(transfer, &|_| {}).unwrap();
    let (r1cs, calculator) = (R1cs::from_path(&r1cs), WitnessCalculator::from_wasm(&wasm));
    let (r1cs, calculator) = (r1cs.unwrap(), calculator.unwrap());
    let mut looked = 0;
    for seed in [0, 3] {
        let mut history = History::new(seed);
        history.run(|snapshot| {
            let (inputs, statement) = snapshot.inputs().unwrap();
            let witness = calculator.calculate(&inputs).unwrap();
            assert_eq!(r1cs.check(&witness), Ok(()));
            assert_eq!(witness[1], statement.digest());
            looked += 1;
        });
        assert!(history.tally().iter().sum::<usize>() > 0);
    }
    assert!(looked > 20, "{looked} snapshots");
}
