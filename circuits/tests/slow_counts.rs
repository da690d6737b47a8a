//! The cost of every deployed circuit: the count pinned in `circuits.toml` is what the pinned compiler makes of it.

use trifold_circuits::artifacts::{Checkout, Manifest};

#[test]
fn every_circuit_has_its_pinned_count_and_stays_below_its_ceiling() {
    let checkout = Checkout::find().unwrap();
    let manifest = Manifest::load(&checkout).unwrap();
    let mut faults = Vec::new();
    for circuit in &manifest.circuits {
        let size = checkout.compile(circuit, &|_| {}).unwrap().size().unwrap();
        let count = u64::from(size.constraints);
        println!("{}: {count} constraints, domain 2^{}", circuit.name, size.log_domain());
        if circuit.constraints != Some(count) {
            faults.push(format!("{}: {count}, pinned {:?}", circuit.name, circuit.constraints));
        }
        if circuit.ceiling.is_some_and(|ceiling| count > ceiling) {
            faults.push(format!("{}: {count} is above its ceiling", circuit.name));
        }
        assert_eq!(size.public, 1, "{} has one public value", circuit.name);
    }
    assert!(!manifest.circuits.is_empty());
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}
