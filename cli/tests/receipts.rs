//! `trifold verify` and `trifold verify-receipt` on the verifier's corpus: what they accept, what they refuse, and why.

mod support;

use std::path::{Path, PathBuf};

use serde_json::Value;
use support::{refuse, succeed, trifold};
use tempfile::TempDir;
use trifold_verifier::client::{Network, Update};
use trifold_verifier::json::GlobalProof;

fn entries(name: &str) -> Vec<Value> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../verifier/tests/vectors/light");
    serde_json::from_str(&std::fs::read_to_string(folder.join(name)).unwrap()).unwrap()
}

fn bytes(entry: &Value) -> Vec<u8> {
    hex::decode(entry["bytes"].as_str().unwrap()).unwrap()
}

/// The entry of a file by its name.
fn entry(file: &str, name: &str) -> Value {
    let named = |entry: &Value| entry["name"] == name;
    entries(file).into_iter().find(named).expect(name)
}

/// Files to hand over, gone when dropped.
struct Desk(TempDir);

impl Desk {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn file(&self, name: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
        let path = self.0.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        path
    }

    /// The bundle of an epoch.
    fn bundle(&self, epoch: usize) -> PathBuf {
        let entry = &entries("updates.json")[epoch - 1];
        self.file(&format!("epoch-{epoch}.json"), entry["json"].to_string())
    }

    fn receipt(&self, name: &str) -> PathBuf {
        self.file(
            "receipt.json",
            entry("receipts.json", name)["json"].to_string(),
        )
    }
}

fn verify_receipt(file: &Path, flag: Option<(&str, &Path)>) -> std::process::Command {
    let mut command = trifold(["verify-receipt".as_ref(), file.as_os_str()]);
    if let Some((flag, path)) = flag {
        command.arg(flag).arg(path);
    }
    command
}

#[test]
fn every_receipt_of_the_corpus_is_accepted_in_both_forms() {
    let desk = Desk::new();
    let trusted = desk.bundle(1);
    for entry in entries("receipts.json") {
        let json = desk.file("receipt.json", entry["json"].to_string());
        let said = succeed(&mut verify_receipt(&json, Some(("--network", &trusted))));
        let epoch = entry["epoch"].as_str().unwrap();
        assert!(said.contains(&format!("at epoch {epoch}")), "{said}");
        let absent = said.contains("there is no shard");
        assert_eq!(absent, entry["shard"] == "absent", "{said}");
        let no_account = said.contains("there is none");
        assert_eq!(no_account, entry["account"] == "absent", "{said}");
        let binary = desk.file("receipt", bytes(&entry));
        let again = succeed(&mut verify_receipt(&binary, Some(("--network", &trusted))));
        assert_eq!(again, said);
    }
}

#[test]
fn what_is_refused_is_refused_with_its_code() {
    let desk = Desk::new();
    let trusted = desk.bundle(1);
    let cases = [
        "truncated by a byte",
        "another network: genesis",
        "another network: nest key",
        "-A",
        "past: the proven epoch",
        "shard: absent, though it is there",
        "shard: too few levels",
        "account: another state root",
        "account: another index",
    ];
    let refusals = entries("refusals.json");
    for name in cases {
        let named = |entry: &&Value| entry["kind"] == "receipt" && entry["name"] == name;
        let entry = refusals.iter().find(named).expect(name);
        let file = desk.file("receipt", bytes(entry));
        let said = refuse(&mut verify_receipt(&file, Some(("--network", &trusted))));
        let code = entry["code"].as_str().unwrap();
        assert!(said.starts_with("refused: "), "{name}: {said}");
        assert!(said.contains(&format!("{code}: ")), "{name}: {said}");
    }
    let missing = desk.0.path().join("missing");
    let said = refuse(&mut verify_receipt(&missing, None));
    assert!(said.contains("missing"), "{said}");
}

/// `keys` has to name the key: a key of one's own under the digests of another network is none of that network.
#[test]
fn a_key_that_keys_do_not_name_is_refused() {
    let desk = Desk::new();
    let name = "another network's key";
    let entry = entry("refusals.json", name);
    let bundle = desk.file("bundle.json", entry["json"].to_string());
    let said = refuse(&mut trifold(["verify".as_ref(), bundle.as_os_str()]));
    assert!(said.contains("wrong_key: "), "{said}");
    let refusals = entries("refusals.json");
    let named = |entry: &&Value| entry["name"] == "another network: nest key";
    let receipt = refusals.iter().find(named).unwrap()["json"].to_string();
    let file = desk.file("receipt.json", receipt);
    let said = refuse(&mut verify_receipt(&file, None));
    assert!(said.contains("wrong_key: "), "{said}");
}

#[test]
fn other_proofs_confirm_a_receipt_or_contradict_it() {
    let desk = Desk::new();
    let (past, newer) = (desk.receipt("a shard in the past"), desk.bundle(5));
    let said = succeed(&mut verify_receipt(&past, Some(("--newer", &newer))));
    assert!(said.contains("epoch 5 of the other proof is the same state"));
    let said = succeed(&mut verify_receipt(
        &past,
        Some(("--newer", &desk.bundle(4))),
    ));
    assert!(said.contains("the receipt has no path there"), "{said}");
    let fork = entry("refusals.json", "another state of the same epoch");
    let network = Network::from_bytes(&bytes(&entries("network.json")[0])).unwrap();
    let update = Update::from_bytes(&bytes(&fork)).unwrap();
    let fork = desk.file("fork.json", GlobalProof { network, update }.to_json());
    let receipt = desk.receipt("an account in the past");
    let said = refuse(&mut verify_receipt(&receipt, Some(("--newer", &fork))));
    assert!(said.contains("equivocation: "), "{said}");
}

/// Where to ask is not where the farm is: both may be given.
#[test]
fn a_source_and_a_server_can_both_be_named() {
    let mut ask = trifold(["receipt", "--shard", "0", "--nats", "nats://127.0.0.1:1"]);
    let said = refuse(ask.args(["--url", "http://127.0.0.1:1", "--out", "nowhere.json"]));
    assert!(!said.contains("multiple times"), "{said}");
}
