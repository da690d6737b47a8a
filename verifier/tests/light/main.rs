//! The corpus of `tests/vectors/light`, which all implementations of the light client share: it is what its generator makes, what
//! is valid in it is accepted, and the rest is refused for the reason that it names.
//!
//! To renew it: `cargo run --release -p trifold-verifier --example light_vectors`.

#[path = "../common/mod.rs"]
mod common;
mod corpus;
mod flips;
mod further;
mod judge;
mod refusals;
mod shown;
mod world;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use common::unhex;
use judge::{Code, judge, shown};
use serde_json::Value;
use trifold_verifier::client::{LightClient, Network, Update};
use trifold_verifier::groth16::Proof;
use trifold_verifier::json::GlobalProof;
use trifold_verifier::receipt::Receipt;
use trifold_verifier::refusal;
use trifold_verifier::statement::GlobalState;
use world::World;

fn file(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(corpus::FOLDER);
    folder.join(name)
}

fn entries(name: &str) -> Vec<Value> {
    serde_json::from_str(&std::fs::read_to_string(file(name)).unwrap()).unwrap()
}

fn bytes(entry: &Value) -> Vec<u8> {
    unhex(entry["bytes"].as_str().unwrap())
}

#[test]
fn the_files_are_what_the_generator_makes() {
    for (name, text) in corpus::files() {
        let found = std::fs::read_to_string(file(name)).unwrap_or_default();
        assert!(
            found == text,
            "{name}: run the example light_vectors and look at what changed"
        );
    }
    for (target, name, seed) in corpus::seeds() {
        let path = format!("fuzz/seeds/{target}/{name}");
        let found = std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join(&path));
        assert_eq!(found.unwrap_or_default(), seed, "{path}");
    }
}

#[test]
fn every_refusal_has_its_code() {
    let (world, mut seen) = (World::new(), BTreeSet::new());
    for entry in entries("refusals.json") {
        let verdicts = judge(&world, &entry);
        assert!(!verdicts.is_empty(), "{}: nothing to judge", entry["name"]);
        for verdict in verdicts {
            let Err(Code(code)) = verdict else {
                panic!("{}: accepted", entry["name"]);
            };
            assert_eq!(code, entry["code"], "{} {}", entry["kind"], entry["name"]);
            seen.insert(code);
        }
    }
    let all = BTreeSet::from(refusal::CODES);
    assert_eq!(seen, all, "a code that nothing shows");
}

#[test]
fn names_tell_the_refusals_of_a_kind_apart() {
    let mut names = BTreeSet::new();
    for entry in entries("refusals.json") {
        let name = (entry["kind"].to_string(), entry["name"].to_string());
        assert!(names.insert(name), "{} twice", entry["name"]);
    }
}

/// The chain is followed from genesis by what the files say alone.
#[test]
fn every_update_is_accepted_with_any_of_its_proofs() {
    let constants = &entries("network.json")[0];
    let network = Network::from_bytes(&bytes(constants)).unwrap();
    let genesis = unhex(constants["genesis_state"].as_str().unwrap());
    let genesis = GlobalState::from_bytes(&genesis).unwrap();
    let mut client = LightClient::from_genesis(network, genesis).unwrap();
    for entry in entries("updates.json") {
        let update = Update::from_bytes(&bytes(&entry)).unwrap();
        let bundle = GlobalProof::from_json(&entry["json"].to_string()).unwrap();
        assert_eq!(bundle, GlobalProof { network, update });
        let verified = client.verify(&update).unwrap();
        for other in entry["other_proofs"].as_array().unwrap() {
            let proof = Proof::from_bytes(&bytes(other)).unwrap();
            assert_ne!(proof, update.proof);
            assert_eq!(client.verify(&Update { proof, ..update }), Ok(verified));
        }
        client.advance(verified).unwrap();
        assert_eq!(client.held().epoch().to_string(), entry["epoch"]);
    }
}

#[test]
fn every_receipt_is_accepted_and_has_one_encoding() {
    let world = World::new();
    for entry in entries("receipts.json") {
        let receipt = Receipt::from_bytes(&bytes(&entry)).unwrap();
        assert_eq!(receipt.to_bytes(), bytes(&entry));
        let read = Receipt::from_json(&entry["json"].to_string()).unwrap();
        assert_eq!(read, receipt, "{}", entry["name"]);
        assert_eq!(Receipt::from_json(&receipt.to_json()).unwrap(), receipt);
        let verified = world.client.verify_receipt(&receipt).unwrap();
        let shard = verified.shard().is_absent();
        assert_eq!(shard, entry["shard"] == "absent", "{}", entry["name"]);
        let account = verified.account().map(|account| account.is_absent());
        let expected = entry["account"].as_str().map(|text| text == "absent");
        assert_eq!(account, expected, "{}", entry["name"]);
        assert_eq!(verified.state().epoch().to_string(), entry["epoch"]);
    }
}

/// Netted accounts and messages: every field changed alone is among what is refused.
#[test]
fn every_claim_has_its_verdict() {
    let entries = entries("claims.json");
    let (state, claims) = entries.split_first().unwrap();
    let update = Update::from_bytes(&bytes(state)).unwrap();
    let client = LightClient::from_checkpoint(World::get().network, &update).unwrap();
    for entry in claims {
        let (kind, name) = (&entry["kind"], &entry["name"]);
        for verdict in shown(&client, entry) {
            match verdict {
                Ok(present) => {
                    let found = if present { "present" } else { "absent" };
                    assert_eq!(entry["found"], found, "{kind} {name}");
                    assert!(entry["code"].is_null(), "{kind} {name}: accepted");
                }
                Err(Code(code)) => assert_eq!(code, entry["code"], "{kind} {name}"),
            }
        }
    }
}

#[test]
fn names_tell_the_claims_of_a_kind_apart() {
    let mut names = BTreeSet::new();
    for entry in &entries("claims.json")[1..] {
        let name = (entry["kind"].to_string(), entry["name"].to_string());
        assert!(names.insert(name), "{} twice", entry["name"]);
    }
}
