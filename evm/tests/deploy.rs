//! The contracts compile without a warning, fit the EVM's limits, and calldata names functions as the compiler does.

mod common;

use common::{CODE_LIMIT, Deployment, INITCODE_LIMIT, compiled, contract, hex, network};
use trifold_evm::calldata::FUNCTIONS;
use trifold_evm::{solidity, standard_json};

const CONTRACTS: [&str; 4] = [
    "TrifoldLightClient",
    "TrifoldReceipts",
    "TrifoldTries",
    "TrifoldLeaves",
];

#[test]
fn code_fits() {
    let compiled = compiled();
    assert!(compiled["errors"].is_null(), "{}", compiled["errors"]);
    for name in CONTRACTS {
        let bytes = |field: &str| {
            contract(&compiled, name)[field]["object"]
                .as_str()
                .unwrap()
                .len()
                / 2
        };
        let (code, initcode) = (bytes("deployedBytecode"), bytes("bytecode"));
        eprintln!("{name}: code {code} bytes, deployed by {initcode}");
        assert!(code <= CODE_LIMIT, "{name}: {code} bytes of code");
        assert!(
            initcode + 32 <= INITCODE_LIMIT,
            "{name}: {initcode} bytes to deploy it"
        );
    }
}

#[test]
fn selectors_are_the_compilers() {
    let compiled = compiled();
    for function in FUNCTIONS {
        let identifiers = contract(&compiled, function.contract)["methodIdentifiers"]
            .as_object()
            .unwrap();
        let of_name =
            |(signature, _): &(&String, _)| signature.split('(').next() == Some(function.name);
        let (_, selector) = identifiers
            .iter()
            .find(of_name)
            .expect("a function of this name");
        assert_eq!(hex(&function.selector()), *selector, "{}", function.name);
    }
}

#[test]
fn the_constants_are_the_networks() {
    let (mut deployment, network) = (Deployment::new(), network());
    let client = deployment.client.clone();
    let mut constant = |name| {
        deployment
            .call("TrifoldLightClient", &client, name, &[])
            .words()[0]
    };
    assert_eq!(constant("KEYS"), common::word(network.keys.digest()));
    assert_eq!(constant("GENESIS"), common::word(network.genesis));
    let receipts = deployment.receipts.clone();
    assert_eq!(
        deployment.address("TrifoldReceipts", &receipts, "CLIENT"),
        client
    );
}

/// The source is a function of the network: nothing else gets into it, and all of the network does.
#[test]
fn the_source_is_of_one_network() {
    let network = network();
    let source = solidity(&network);
    assert_eq!(source, solidity(&network));
    let mut other = network;
    other.keys.registry += trifold_verifier::Fr::from(1u64);
    assert_ne!(source, solidity(&other));
    let mut other = network;
    other.genesis += trifold_verifier::Fr::from(1u64);
    assert_ne!(source, solidity(&other));
    assert!(standard_json(&source).contains("\"runs\": 1000000"));
}
