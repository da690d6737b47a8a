//! The main job end to end, on real circuits: the demo over both queues, judged by public snarkjs, and a farm of
//! separate processes that loses its worker in the middle of a proof and its coordinator between two epochs.

mod support;

use std::path::{Path, PathBuf};
use std::process::Command;

use support::{
    NatsServer, Process, altered, checkout, refuse, signal, snarkjs_verifies, succeed, trifold,
};

/// Proof, state and the verdict of everybody who can judge them.
fn judged(out: &Path, epoch: u64) {
    let checkout = checkout();
    let bundle = out.join("bundle.json");
    let verdict = succeed(&mut trifold(["verify".as_ref(), bundle.as_os_str()]));
    assert!(verdict.contains(&format!("epoch {epoch}")), "{verdict}");
    assert!(
        snarkjs_verifies(&checkout, out),
        "snarkjs refuses the proof"
    );
    let public = altered(&out.join("public.json"), |public| public[0] = "1".into());
    std::fs::copy(public, out.join("public.json")).unwrap();
    assert!(
        !snarkjs_verifies(&checkout, out),
        "snarkjs accepts another statement"
    );
    for field in ["epoch", "in_flight"] {
        let lie = altered(&bundle, |value| value["state"][field] = "7".into());
        let said = refuse(&mut trifold(["verify".as_ref(), lie.as_os_str()]));
        assert!(said.contains("does not hold for this statement"), "{said}");
    }
}

#[test]
fn the_demo_runs_on_the_embedded_queue_and_snarkjs_verifies_its_proof() {
    let out = tempfile::tempdir().unwrap();
    let said = succeed(trifold(["demo", "--epochs", "2", "--out"]).arg(out.path()));
    for expected in [
        "transfer", "merge", "nest", "epoch 1", "epoch 2", "silent", "accepted",
    ] {
        assert!(
            said.contains(expected),
            "{expected:?} is missing in\n{said}"
        );
    }
    judged(out.path(), 2);
}

#[test]
fn the_demo_runs_over_nats() {
    let server = NatsServer::start(&checkout());
    let out = tempfile::tempdir().unwrap();
    let mut demo = trifold(["demo", "--epochs", "1", "--nats", &server.url(), "--out"]);
    let said = succeed(demo.arg(out.path()));
    assert!(said.contains("epoch 1"), "{said}");
    judged(out.path(), 1);
}

/// A network's folder and the server that a farm of separate processes talks through.
struct Farm {
    folder: tempfile::TempDir,
    server: NatsServer,
}

impl Farm {
    const SHARDS: u32 = 3;

    fn new() -> Self {
        let farm = Self {
            folder: tempfile::tempdir().unwrap(),
            server: NatsServer::start(&checkout()),
        };
        succeed(trifold(["shard", "new", "--shards", "3"]).arg(farm.path("network")));
        farm
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn command(&self, name: &str) -> Command {
        let mut command = trifold([name, "--nats", &self.server.url()]);
        command.env("TRIFOLD_GENESIS", self.path("network/genesis.json"));
        command
    }

    fn coordinator(&self) -> Process {
        let mut coordinator = Process::start(self.command("coordinator"));
        coordinator.wait_for("coordinator is ready");
        coordinator
    }

    fn worker(&self) -> Process {
        let mut worker = Process::start(self.command("worker"));
        worker.wait_for("worker is ready");
        worker
    }

    /// Every shard makes some transfers and submits its snapshot.
    fn submit(&self) {
        for shard in 0..Self::SHARDS {
            let ledger = self.path(&format!("network/shard-{shard}.json"));
            succeed(trifold(["shard", "transfer", "--count", "3"]).arg(&ledger));
            let said = succeed(self.command("submit").arg(&ledger));
            assert!(said.contains("snapshot"), "{said}");
        }
    }

    /// Waits for the epoch's global proof and writes it out.
    fn export(&self, epoch: &str) -> PathBuf {
        let out = self.path(&format!("epoch-{epoch}"));
        succeed(
            self.command("status")
                .args(["--wait", epoch, "--out"])
                .arg(&out),
        );
        out
    }
}

#[test]
fn a_farm_survives_kill_9_of_its_worker_in_a_proof_and_of_its_coordinator_between_epochs() {
    let farm = Farm::new();
    let coordinator = farm.coordinator();
    let mut worker = farm.worker();
    farm.submit();
    worker.wait_for("proving merge");
    worker.kill();
    let _worker = farm.worker();
    farm.export("1");
    coordinator.kill();
    let _coordinator = farm.coordinator();
    farm.submit();
    judged(&farm.export("2"), 2);
}

/// The number at the end of a line.
fn process(line: &str) -> u32 {
    let word = line.rsplit(' ').next().expect("a word");
    word.parse().expect("a process")
}

#[test]
fn every_card_has_a_worker_that_is_started_again_when_it_dies_in_a_proof() {
    let farm = Farm::new();
    let _coordinator = farm.coordinator();
    let mut command = farm.command("worker");
    // Its own card is the only one that a child sees, whatever the flag says.
    command.args(["--pretend-cards", "GPU-aaaa,GPU-bbbb", "--gpu", "7"]);
    command.args(["--batch", "2", "--name", "w"]);
    let mut cards = Process::start(command);
    let started = [(); 2].map(|()| cards.wait_for("worker started, process"));
    for _ in &started {
        cards.wait_for("worker is ready");
    }
    farm.submit();
    let proving = cards.wait_for(": proving transfer");
    let victim = &proving[..8];
    let its_start = started.iter().find(|line| line.starts_with(victim));
    signal("KILL", process(its_start.expect("a line of that card")));
    let ended = cards.wait_for("worker ended (signal: 9");
    assert!(ended.starts_with(victim), "{ended}");
    cards.wait_for(&format!("w-{victim}: worker is ready"));
    judged(&farm.export("1"), 1);
    let (status, said) = cards.terminate();
    assert!(status.success(), "{status}");
    let stopped = said.iter().filter(|line| line.ends_with("worker stopped"));
    assert_eq!(stopped.count(), 2, "{said:?}");
}
