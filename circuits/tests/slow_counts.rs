//! The cost of every deployed circuit: the count pinned in `circuits.toml` is what the pinned compiler makes of it.

use std::sync::Mutex;
use trifold_circuits::artifacts::{Checkout, CircuitSpec, Manifest};

/// Compiles two circuits at a time: the compiler uses one core, and up to 4 GiB for the largest.
const COMPILERS: usize = 2;

#[test]
fn every_circuit_has_its_pinned_count_and_stays_below_its_ceiling() {
    let checkout = Checkout::find().unwrap();
    let manifest = Manifest::load(&checkout).unwrap();
    assert!(!manifest.circuits.is_empty());
    // The largest take minutes and gigabytes each.
    let all = std::env::var_os("TRIFOLD_LARGE").is_some();
    let circuits = manifest.circuits.iter();
    let circuits = circuits.filter(|circuit| all || !circuit.name.ends_with("-large"));
    let waiting = Mutex::new(circuits);
    let faults = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..COMPILERS {
            scope.spawn(|| {
                loop {
                    let next = waiting.lock().unwrap().next();
                    let Some(circuit) = next else { break };
                    let found = check(&checkout, circuit);
                    faults.lock().unwrap().extend(found);
                }
            });
        }
    });
    let faults = faults.into_inner().unwrap();
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

fn check(checkout: &Checkout, circuit: &CircuitSpec) -> Vec<String> {
    let name = &circuit.name;
    let size = match checkout
        .compile(circuit, &|_| {})
        .and_then(|artifact| artifact.size())
    {
        Ok(size) => size,
        Err(error) => return vec![format!("{name}: {error}")],
    };
    let count = u64::from(size.constraints);
    println!(
        "{name}: {count} constraints, domain 2^{}",
        size.log_domain()
    );
    let mut faults = Vec::new();
    if circuit.constraints != Some(count) {
        faults.push(format!("{name}: {count}, pinned {:?}", circuit.constraints));
    }
    if circuit.ceiling.is_some_and(|ceiling| count > ceiling) {
        faults.push(format!("{name}: {count} is above its ceiling"));
    }
    if size.public != 1 {
        faults.push(format!("{name} has {} public values", size.public));
    }
    faults
}
