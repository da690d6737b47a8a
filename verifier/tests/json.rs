//! snarkjs's formats and the bundle: what is written is read back, and every fault is named by its field.

mod common;

use common::{Trapdoor, scalar, snarkjs};
use serde_json::{Value, json};
use trifold_verifier::client::{Network, Update};
use trifold_verifier::json::{self, GlobalProof, JsonError};
use trifold_verifier::statement::{GlobalState, Keys};

fn bundle() -> GlobalProof {
    let keys = Keys {
        merge: scalar(1),
        nest: scalar(2),
        registry: scalar(0),
    };
    let network = Network {
        keys,
        genesis: scalar(4),
        nest_key: Trapdoor::new(1).key(),
    };
    let (root, history) = (scalar(1), scalar(2));
    let state = GlobalState {
        epoch: 5,
        depth: 2,
        root,
        history,
        in_flight: 1 << 100,
    };
    let proof = Trapdoor::new(1).prove(network.statement(&state).digest());
    GlobalProof {
        network,
        update: Update { state, proof },
    }
}

fn value(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

/// Every place in a text, by its path as errors name it.
fn places(value: &Value, path: &str) -> Vec<String> {
    let mut found = vec![path.to_string()];
    match value {
        Value::Object(map) => {
            let separator = if path.is_empty() { "" } else { "." };
            map.iter().for_each(|(key, child)| {
                found.extend(places(child, &format!("{path}{separator}{key}")))
            });
        }
        Value::Array(list) => {
            let each = list.iter().enumerate();
            each.for_each(|(i, child)| found.extend(places(child, &format!("{path}[{i}]"))));
        }
        _ => {}
    }
    found
}

fn place<'a>(value: &'a mut Value, path: &str) -> &'a mut Value {
    let pointer = format!("/{}", path.replace(['.', '['], "/").replace(']', ""));
    let pointer = if path.is_empty() { "" } else { &pointer };
    value.pointer_mut(pointer).unwrap()
}

/// Puts each wrong value at each place and expects an error that names the place.
fn every_fault_is_named<T: std::fmt::Debug>(text: &str, read: fn(&str) -> Result<T, JsonError>) {
    read(text).unwrap();
    let original = value(text);
    let huge = "9".repeat(100);
    let wrong = [
        json!(null),
        json!({}),
        json!([]),
        json!(""),
        json!("-1"),
        json!("+1"),
        json!("007"),
        json!("0x10"),
        json!("1e3"),
        json!(" 1"),
        json!("１"),
        json!(7.5),
        json!(huge),
    ];
    for path in places(&original, "")
        .iter()
        .filter(|path| !path.contains("vk_alphabeta_12"))
    {
        for wrong in &wrong {
            let mut changed = original.clone();
            *place(&mut changed, path) = wrong.clone();
            let message = read(&changed.to_string()).expect_err(path).to_string();
            let named = path.is_empty() || message.starts_with(path.as_str());
            assert!(named, "{path} = {wrong}: {message}");
        }
    }
}

#[test]
fn faults_in_a_proof_are_named() {
    every_fault_is_named(snarkjs::PROOF, json::proof_from_json);
}

#[test]
fn faults_in_a_key_are_named() {
    every_fault_is_named(snarkjs::KEY, json::verifying_key_from_json);
}

#[test]
fn faults_in_a_bundle_are_named() {
    every_fault_is_named(&bundle().to_json(), GlobalProof::from_json);
}

#[test]
fn snarkjs_files_survive_a_round_trip() {
    let proof = json::proof_from_json(snarkjs::PROOF).unwrap();
    assert_eq!(value(&json::proof_to_json(&proof)), value(snarkjs::PROOF));
    let x = json::public_from_json(snarkjs::PUBLIC).unwrap();
    assert_eq!(value(&json::public_to_json(x)), value(snarkjs::PUBLIC));
    let key = json::verifying_key_from_json(snarkjs::KEY).unwrap();
    let mut theirs = value(snarkjs::KEY);
    theirs.as_object_mut().unwrap().remove("vk_alphabeta_12");
    assert_eq!(value(&json::verifying_key_to_json(&key)), theirs);
}

#[test]
fn a_bundle_survives_a_round_trip_and_verifies() {
    let bundle = bundle();
    let read = GlobalProof::from_json(&bundle.to_json()).unwrap();
    assert_eq!(read, bundle);
    assert_eq!(read.verify().unwrap().state(), &bundle.update.state);
    let state = GlobalState {
        epoch: 6,
        ..read.update.state
    };
    let update = Update {
        state,
        ..read.update
    };
    assert!(GlobalProof { update, ..read }.verify().is_err());
}

#[test]
fn numbers_from_the_modulus_on_are_refused() {
    let r = "21888242871839275222246405745257275088548364400416034343698204186575808495617";
    let q = "21888242871839275222246405745257275088696311157297823662689037894645226208583";
    let error = json::public_from_json(&json!([r]).to_string()).unwrap_err();
    assert_eq!(
        error.to_string(),
        "public[0] is not below the modulus of its field"
    );
    let mut proof = value(snarkjs::PROOF);
    proof["pi_b"][1][0] = json!(q);
    let error = json::proof_from_json(&proof.to_string()).unwrap_err();
    assert_eq!(
        error.to_string(),
        "pi_b[1][0] is not below the modulus of its field"
    );
    let mut changed = value(&bundle().to_json());
    changed["state"]["depth"] = json!("256");
    let error = GlobalProof::from_json(&changed.to_string()).unwrap_err();
    assert_eq!(error.to_string(), "state.depth is not below 2^8");
    changed["state"]["depth"] = json!("10");
    let error = GlobalProof::from_json(&changed.to_string()).unwrap_err();
    assert_eq!(error.to_string(), "state: depth 10 is not between 1 and 9");
}

#[test]
fn one_public_input_exactly() {
    for text in ["[]", "[\"1\", \"2\"]", "{}", "\"1\""] {
        assert!(json::public_from_json(text).is_err(), "{text}");
    }
    let mut key = value(snarkjs::KEY);
    key["nPublic"] = json!(2);
    let error = json::verifying_key_from_json(&key.to_string()).unwrap_err();
    assert_eq!(error.to_string(), "nPublic is not 1: one public input");
}

#[test]
fn bad_points_and_keys_are_named() {
    let mut proof = value(snarkjs::PROOF);
    proof["pi_a"] = json!(["1", "1", "1"]);
    let error = json::proof_from_json(&proof.to_string()).unwrap_err();
    assert_eq!(error.to_string(), "the text: A is not on its curve");
    proof["pi_a"] = json!(["0", "1", "0"]);
    let error = json::proof_from_json(&proof.to_string()).unwrap_err();
    assert_eq!(error.to_string(), "the text: A is the point at infinity");
    let mut key = value(snarkjs::KEY);
    key["vk_delta_2"] = key["vk_gamma_2"].clone();
    let error = json::verifying_key_from_json(&key.to_string()).unwrap_err();
    assert!(error.to_string().starts_with("the text: delta is gamma"));
    let mut key = value(snarkjs::KEY);
    key["vk_gamma_2"] = key["vk_delta_2"].clone();
    let error = json::verifying_key_from_json(&key.to_string()).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the text: gamma is not the generator of G2"
    );
}

#[test]
fn garbage_and_long_texts_are_refused() {
    for text in ["", "{", "nul", "[[[[", "\u{0}", &"[".repeat(60_000)] {
        assert!(GlobalProof::from_json(text).is_err());
    }
    let long = " ".repeat(json::MAX_TEXT_BYTES + 1);
    assert!(matches!(
        json::proof_from_json(&long),
        Err(JsonError::TooLong(_))
    ));
}
