//! The corpus before verifiers that know nothing of this project: arkworks' and snarkjs'. Statement and proof of every valid
//! update hold there too; what is refused here for its pairing is refused there.

mod common;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use ark_bn254::Bn254;
use ark_groth16::{Groth16, PreparedVerifyingKey, prepare_verifying_key};
use serde_json::{Value, json};
use trifold_verifier::client::{Network, Update};
use trifold_verifier::groth16::Proof;
use trifold_verifier::json::{proof_to_json, public_to_json, verifying_key_to_json};

fn entries(name: &str) -> Vec<Value> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors/light");
    serde_json::from_str(&fs::read_to_string(folder.join(name)).unwrap()).unwrap()
}

fn bytes(entry: &Value) -> Vec<u8> {
    common::unhex(entry["bytes"].as_str().unwrap())
}

fn network() -> Network {
    Network::from_bytes(&bytes(&entries("network.json")[0])).unwrap()
}

/// Name, update, and whether it holds.
fn cases() -> Vec<(String, Update, bool)> {
    let mut cases = Vec::new();
    for entry in entries("updates.json") {
        let update = Update::from_bytes(&bytes(&entry)).unwrap();
        cases.push((format!("epoch {}", entry["epoch"]), update, true));
        for other in entry["other_proofs"].as_array().unwrap() {
            let proof = Proof::from_bytes(&bytes(other)).unwrap();
            cases.push((other["name"].to_string(), Update { proof, ..update }, true));
        }
    }
    let wrong = |entry: &Value| entry["kind"] == "update" && entry["code"] == "pairing";
    for entry in entries("refusals.json").into_iter().filter(wrong) {
        let update = Update::from_bytes(&bytes(&entry)).unwrap();
        cases.push((entry["name"].to_string(), update, false));
    }
    cases
}

fn arkworks(network: &Network) -> PreparedVerifyingKey<Bn254> {
    let key = &network.nest_key;
    prepare_verifying_key(&ark_groth16::VerifyingKey {
        alpha_g1: key.alpha_g1(),
        beta_g2: key.beta_g2(),
        gamma_g2: key.gamma_g2(),
        delta_g2: key.delta_g2(),
        gamma_abc_g1: key.gamma_abc_g1().to_vec(),
    })
}

#[test]
fn arkworks_agrees() {
    let network = network();
    let key = arkworks(&network);
    for (name, update, holds) in cases() {
        let x = network.statement(&update.state).digest();
        let (a, b, c) = (update.proof.a(), update.proof.b(), update.proof.c());
        let proof = ark_groth16::Proof { a, b, c };
        let theirs = Groth16::<Bn254>::verify_proof(&key, &proof, &[x]);
        assert_eq!(theirs.unwrap(), holds, "{name}");
        assert_eq!(network.verify(&update).is_ok(), holds, "{name}");
    }
}

/// One run of Node for all of them.
#[test]
fn snarkjs_agrees() {
    let network = network();
    let (cases, key) = (cases(), verifying_key_to_json(&network.nest_key));
    let value = |text: &str| serde_json::from_str::<Value>(text).unwrap();
    let each = cases.iter().map(|(name, update, _)| {
        let x = network.statement(&update.state).digest();
        json!({
            "name": name,
            "public": value(&public_to_json(x)),
            "proof": value(&proof_to_json(&update.proof)),
        })
    });
    let input = json!({"key": value(&key), "cases": each.collect::<Vec<_>>()});
    let answers = node(&input);
    assert_eq!(answers.len(), cases.len());
    for ((name, _, holds), answer) in cases.iter().zip(answers) {
        assert_eq!(answer, json!(holds), "{name}");
    }
}

fn node(input: &Value) -> Vec<Value> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors/light/snarkjs.cjs");
    let file = tempfile::NamedTempFile::new().unwrap();
    fs::write(file.path(), input.to_string()).unwrap();
    let run = Command::new("node")
        .args([script, modules(), file.path().into()])
        .output()
        .expect("node is installed");
    let said = String::from_utf8_lossy(&run.stderr);
    assert!(run.status.success(), "{said}");
    serde_json::from_slice(&run.stdout).unwrap()
}

/// Where `tools/fetch npm` puts snarkjs.
fn modules() -> PathBuf {
    let cache = std::env::var_os("TRIFOLD_CACHE").map(PathBuf::from);
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../.cache");
    cache.unwrap_or(root).join("tools/npm/node_modules")
}
