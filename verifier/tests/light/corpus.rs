//! The files of `tests/vectors/light`, as texts: a network with everything that can be shown of it, and what has to be refused.

use serde_json::{Value, json};
use trifold_verifier::claim::Presence;
use trifold_verifier::client::Update;
use trifold_verifier::codec::fr_to_bytes;
use trifold_verifier::json::{GlobalProof, proof_to_json, public_to_json, verifying_key_to_json};
use trifold_verifier::receipt::Receipt;

use crate::flips::flips;
use crate::further::Further;
use crate::refusals::refusals;
use crate::shown::claims;
use crate::world::{EPOCHS, World};

/// Where the files lie, from the crate's folder.
pub const FOLDER: &str = "tests/vectors/light";

/// Name and text of each file.
pub fn files() -> Vec<(&'static str, String)> {
    let world = World::new();
    vec![
        ("network.json", lines(&[network(&world)])),
        ("updates.json", lines(&updates(&world))),
        ("receipts.json", lines(&receipts(&world))),
        ("refusals.json", lines(&refusals(&world))),
        ("flips.json", lines(&flips(&world))),
        ("claims.json", lines(&claims())),
    ]
}

/// Seeds of the fuzz targets: folder, name and bytes.
pub fn seeds() -> Vec<(&'static str, &'static str, Vec<u8>)> {
    let world = World::new();
    let (network, update) = (world.network, world.update(3));
    let (whole, short) = (world.whole_receipt(), world.receipt(2, 4));
    let netted = Further::new().receipt(4);
    let json = |text: String| value(&text).to_string().into_bytes();
    vec![
        ("values", "proof", update.proof.to_bytes().into()),
        ("values", "state", update.state.to_bytes().into()),
        ("values", "update", update.to_bytes().into()),
        ("values", "keys", network.keys.to_bytes().into()),
        (
            "values",
            "verifying-key",
            network.nest_key.to_bytes().into(),
        ),
        ("values", "network", network.to_bytes().into()),
        ("receipt", "whole", whole.to_bytes()),
        ("receipt", "absent", short.to_bytes()),
        ("receipt", "netted", netted.to_bytes()),
        ("json", "whole-receipt", json(whole.to_json())),
        ("json", "absent-receipt", json(short.to_json())),
        ("json", "netted-receipt", json(netted.to_json())),
        (
            "json",
            "bundle",
            json(GlobalProof { network, update }.to_json()),
        ),
        ("json", "proof", json(proof_to_json(&update.proof))),
        ("json", "public", json(public_to_json(network.genesis))),
        (
            "json",
            "verification-key",
            json(verifying_key_to_json(&network.nest_key)),
        ),
        ("claims", "past-account", whole.to_bytes()),
        ("claims", "account", world.bank_receipt(5).to_bytes()),
        ("claims", "no-account", world.bank_receipt(6).to_bytes()),
        ("claims", "no-shard", world.receipt(5, 2).to_bytes()),
        ("claims", "beyond", world.past_receipt(2, 4, 5).to_bytes()),
    ]
}

/// A list with an entry per line, for diffs to be read.
fn lines(entries: &[Value]) -> String {
    let entries = entries.iter().map(Value::to_string);
    format!("[\n{}\n]\n", entries.collect::<Vec<_>>().join(",\n"))
}

pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

pub fn value(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

pub fn bundle(world: &World, update: Update) -> Value {
    let network = world.network;
    value(&GlobalProof { network, update }.to_json())
}

fn network(world: &World) -> Value {
    let mut bundle = bundle(world, world.update(1));
    json!({
        "bytes": hex(&world.network.to_bytes()),
        "keys": bundle["keys"].take(),
        "genesis": bundle["genesis"].take(),
        "verification_key": bundle["verification_key"].take(),
        "keys_digest": world.network.keys.digest().to_string(),
        "genesis_state": hex(&world.states[0].to_bytes()),
    })
}

/// Each epoch's update, with what a verifier computes on the way, and with other proofs of the same statement: proofs are not
/// unique, so these are right too.
fn updates(world: &World) -> Vec<Value> {
    let entry = |epoch| {
        let update = world.update(epoch);
        let other_proofs = world.other_proofs(&update);
        let other_proofs = other_proofs.map(|(name, proof)| {
            json!({
                "name": name,
                "bytes": hex(&proof.to_bytes()),
                "json": value(&proof_to_json(&proof)),
            })
        });
        json!({
            "epoch": epoch.to_string(),
            "digest": update.state.digest().to_string(),
            "x": world.network.statement(&update.state).digest().to_string(),
            "bytes": hex(&update.to_bytes()),
            "json": bundle(world, update),
            "other_proofs": other_proofs,
        })
    };
    (1..=EPOCHS).map(entry).collect()
}

fn receipts(world: &World) -> Vec<Value> {
    let list = [
        ("a shard", world.receipt(5, 4)),
        ("a shard in a trie of one level", world.receipt(1, 0)),
        ("no shard", world.receipt(5, 2)),
        ("no shard in an empty triple", world.receipt(5, 8)),
        ("no shard beyond the trie", world.receipt(2, 4)),
        ("no shard beyond any trie", world.receipt(5, u32::MAX)),
        ("an account", world.bank_receipt(0)),
        ("an account at the last place", world.bank_receipt(26)),
        ("no account", world.bank_receipt(6)),
        ("a shard of genesis", world.past_receipt(0, 0, 1)),
        ("a shard in the past", world.past_receipt(2, 0, 5)),
        ("no shard in the past", world.past_receipt(4, 7, 5)),
        (
            "no shard beyond the past's trie",
            world.past_receipt(2, 4, 4),
        ),
        ("an account in the past", world.whole_receipt()),
    ];
    list.iter()
        .map(|(name, receipt)| entry(name, receipt))
        .collect()
}

fn entry(name: &str, receipt: &Receipt) -> Value {
    let verified = receipt.verify().unwrap();
    let presence = |absent| if absent { "absent" } else { "present" };
    let account = verified
        .account()
        .map(|account| presence(account.is_absent()));
    let lamport = match verified.shard() {
        Presence::Present(shard) => Some(shard.clock().lamport.to_string()),
        Presence::Absent => None,
    };
    json!({
        "name": name,
        "epoch": receipt.epoch().to_string(),
        "proven_epoch": receipt.update.state.epoch.to_string(),
        "shard": presence(verified.shard().is_absent()),
        "lamport": lamport,
        "account": account,
        "leaf_digest": hex(&receipt.shard.leaf.map_or([0; 32], |leaf| fr_to_bytes(leaf.digest()))),
        "bytes": hex(&receipt.to_bytes()),
        "json": value(&receipt.to_json()),
    })
}
