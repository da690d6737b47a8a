//! A quarantined task done again on another machine, with the real circuit: the same failure, or a proof.

mod support;

use std::path::{Path, PathBuf};

use ark_bn254::Fr;
use serde_json::Value;
use support::{refuse, succeed, trifold};
use trifold_circuits::genesis::Genesis;
use trifold_circuits::snapshot::Snapshot;
use trifold_coordinator::Digest;
use trifold_coordinator::core::Bundle;
use trifold_coordinator::wire::{Task, VERSION, Work};
use trifold_verifier::statement::Keys;

/// A network with the snapshot of its only shard.
struct Network {
    folder: tempfile::TempDir,
    snapshot: Vec<u8>,
}

impl Network {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let path = |name: &str| folder.path().join(name).display().to_string();
        let network = folder.path().display().to_string();
        succeed(&mut trifold([
            "shard", "new", &network, "--shards", "1", "--seed", "7",
        ]));
        let ledger = path("shard-0.json");
        succeed(&mut trifold(["shard", "transfer", &ledger]));
        let file = path("snapshot");
        succeed(&mut trifold(["shard", "snapshot", &ledger, "--out", &file]));
        let snapshot = std::fs::read(file).expect("written");
        Self { folder, snapshot }
    }

    fn genesis(&self) -> PathBuf {
        self.folder.path().join("genesis.json")
    }

    /// The bundle of a task to prove these bytes, whose statement is that of the good ones.
    fn bundle(&self, bytes: &[u8], reason: &str) -> Bundle {
        let genesis = std::fs::read(self.genesis()).expect("written");
        let genesis = Genesis::from_json(&genesis).expect("a genesis file");
        let good = Snapshot::open(&self.snapshot, &genesis).expect("a snapshot");
        let (_, statement) = good.inputs().expect("inputs");
        let nothing = Fr::from(0u64);
        let keys = Keys {
            merge: nothing,
            nest: nothing,
            registry: nothing,
        };
        let work = Work::Program {
            shard: 0,
            snapshot: Digest::of(bytes),
            proofs: Vec::new(),
        };
        Bundle {
            version: VERSION,
            task: Task::new(good.new.program, statement.digest(), keys, nothing, work),
            what: "program of shard 0".into(),
            reason: reason.into(),
            reporters: vec!["w-1".into()],
            last: true,
            snapshot: Some(hex::encode(bytes)),
            inputs: None,
        }
    }

    fn replay(&self, bundle: &Bundle, more: &[&str]) -> std::process::Command {
        let file = self.folder.path().join("bundle.json");
        write(&file, bundle);
        let mut command = trifold(["dlq", "replay", "--backend", "cpu", "--file"]);
        command.arg(file).arg("--genesis").arg(self.genesis());
        command.args(more);
        command
    }
}

fn write(file: &Path, bundle: &Bundle) {
    let text = serde_json::to_vec(bundle).expect("JSON");
    std::fs::write(file, text).expect("written");
}

#[test]
fn a_task_is_done_again_elsewhere() {
    let network = Network::new();
    let good = network.bundle(&network.snapshot, "out of luck");
    let said = succeed(&mut network.replay(&good, &[]));
    assert!(said.contains("program of shard 0 proves here"), "{said}");
    assert!(said.contains("out of luck"), "{said}");

    let short = &network.snapshot[..network.snapshot.len() - 1];
    let broken = network.bundle(short, "out of luck");
    let output = network
        .replay(&broken, &["--json"])
        .output()
        .expect("starts");
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8_lossy(&output.stdout);
    let told: Value = serde_json::from_str(&said).expect(&said);
    assert_eq!(
        (&told["version"], &told["proves"]),
        (&1.into(), &false.into())
    );
    let failure = told["failure"].as_str().expect("a reason");
    let same = network.bundle(short, failure);
    let said = refuse(&mut network.replay(&same, &[]));
    assert!(said.contains("fails here in the same way"), "{said}");
    assert!(said.contains(failure), "{said}");

    // Bytes that are not those of the task.
    let mut swapped = good;
    swapped.snapshot = Some(hex::encode(short));
    let said = refuse(&mut network.replay(&swapped, &[]));
    assert!(said.contains("is broken"), "{said}");
}

#[test]
fn a_file_that_is_no_bundle_is_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("bundle.json");
    std::fs::write(&file, "{}").expect("written");
    let mut command = trifold(["dlq", "replay", "--genesis", "nowhere.json", "--file"]);
    let said = refuse(command.arg(file));
    assert!(said.contains("not a valid message"), "{said}");
}
