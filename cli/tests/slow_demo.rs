//! The main job end to end, on real circuits: the demo over both queues, judged by public snarkjs, and a farm of
//! separate processes that loses its worker in the middle of a proof and its coordinator between two epochs.

#[path = "../../evm/tests/common/mod.rs"]
mod evm;
mod support;

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Command;

use support::{
    NatsServer, Process, altered, checkout, refuse, signal, snarkjs_verifies, succeed, trifold,
};
use trifold_evm::calldata;
use trifold_verifier::json::GlobalProof;
use trifold_verifier::receipt::Receipt;

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

/// The receipts of a run are accepted by the command, the package and the contract, and refused by each once a value is another.
fn receipts_accepted(out: &Path, shards: u32) {
    let bundle = out.join("bundle.json");
    let receipts: Vec<PathBuf> = (0..shards)
        .map(|shard| out.join(format!("receipt-{shard}.json")))
        .collect();
    for (shard, receipt) in receipts.iter().enumerate() {
        let mut verify = trifold(["verify-receipt"]);
        let said = succeed(verify.arg(receipt).arg("--network").arg(&bundle));
        assert!(
            said.starts_with(&format!("accepted: shard {shard} at epoch")),
            "{said}"
        );
    }
    let lie = altered(&receipts[0], |receipt| {
        receipt["account"]["account"]["balance"] = "7".into();
    });
    let said = refuse(trifold(["verify-receipt"]).arg(&lie));
    assert!(said.starts_with("refused: wrong_"), "{said}");
    contract_accepts(&bundle, &receipts, &lie);
    package_accepts(&bundle, &receipts, &lie);
}

fn contract_accepts(bundle: &Path, receipts: &[PathBuf], lie: &Path) {
    let text = |path: &Path| std::fs::read_to_string(path).unwrap();
    let bundle = GlobalProof::from_json(&text(bundle)).unwrap();
    let mut contracts = evm::Deployment::of(&bundle.network);
    let advanced = contracts.client(&calldata::advance(&bundle.update));
    assert!(advanced.ok, "{:?}", advanced.refusal());
    let mut verify = |path: &Path| {
        let receipt = Receipt::from_json(&text(path)).unwrap();
        let data = calldata::verify_receipt(&bundle.network, &receipt).unwrap();
        contracts.receipts(&data)
    };
    for path in receipts {
        let outcome = verify(path);
        assert!(outcome.ok, "{path:?}: {:?}", outcome.refusal());
    }
    assert!(verify(lie).refusal().is_some());
}

fn package_accepts(bundle: &Path, receipts: &[PathBuf], lie: &Path) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let built = Command::new("node")
        .arg(root.join("browser/build.mjs"))
        .status();
    assert!(built.unwrap().success(), "the package is not built");
    let target = std::env::var_os("CARGO_TARGET_DIR").unwrap_or_else(|| "target".into());
    let package = root.join(target).join("light/package/light.js");
    let program = r#"
        const [package_, bundle, lie, ...receipts] = process.argv.slice(1);
        const { readFileSync } = await import("node:fs");
        const { LightClient } = await import(package_);
        const read = (file) => readFileSync(file, "utf8");
        const { keys, genesis, verification_key } = JSON.parse(read(bundle));
        const network = { format: "trifold/network/v1", keys, genesis, verification_key };
        const client = await LightClient.fromCheckpoint(network, read(bundle));
        for (const receipt of receipts) {
          const { shard, account } = client.verifyReceipt(read(receipt));
          if (!shard.present || !account.present) throw new Error(receipt);
        }
        try {
          client.verifyReceipt(read(lie));
        } catch (error) {
          console.log(error.name, error.code);
        }
    "#;
    let mut node = Command::new("node");
    node.args(["--input-type=module", "--eval", program]);
    node.args([package.canonicalize().unwrap(), bundle.into(), lie.into()]);
    let said = succeed(node.args(receipts));
    assert!(said.starts_with("RefusedError wrong_"), "{said}");
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
    receipts_accepted(out.path(), 3);
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
        let mut command = trifold(name.split(' '));
        command.args(["--nats", &self.server.url()]);
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

    /// Serves light clients; with the address.
    fn light(&self) -> (Process, String) {
        let mut command = self.command("light serve");
        command.args(["--listen", "127.0.0.1:0"]);
        let mut serving = Process::start(command);
        let line = serving.wait_for("listening on http://");
        let address = line.rsplit("http://").next().expect("an address");
        (serving, format!("http://{address}"))
    }

    /// Every shard makes some transfers and submits its snapshot.
    fn submit(&self) {
        (0..Self::SHARDS).for_each(|shard| self.submit_one(shard, &[]));
    }

    fn submit_one(&self, shard: u32, more: &[&OsStr]) {
        let ledger = self.path(&format!("network/shard-{shard}.json"));
        succeed(trifold(["shard", "transfer", "--count", "3"]).arg(&ledger));
        let said = succeed(self.command("submit").arg(&ledger).args(more));
        assert!(said.contains("snapshot"), "{said}");
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
    let (_serving, url) = farm.light();
    let receipt = farm.path("receipt.json");
    (1..Farm::SHARDS).for_each(|shard| farm.submit_one(shard, &[]));
    farm.submit_one(0, &["--receipt".as_ref(), receipt.as_os_str()]);
    let out = farm.export("2");
    receipt_is_that_of_whoever_serves(&farm, &url, &receipt, &out.join("bundle.json"));
    judged(&out, 2);
}

/// What `submit --receipt` wrote is what is served over HTTP, and a client that follows HTTP and NATS finds them in step.
fn receipt_is_that_of_whoever_serves(farm: &Farm, url: &str, receipt: &Path, bundle: &Path) {
    let mut verify = trifold(["verify-receipt"]);
    let said = succeed(verify.arg(receipt).arg("--network").arg(bundle));
    assert!(said.starts_with("accepted: shard 0 at epoch 2"), "{said}");
    let nats = farm.server.url();
    let mut follow = trifold(["light", "follow", "--interval", "100ms", "--json", "--url"]);
    follow.args([url, "--url", &nats, "--network"]).arg(bundle);
    let mut following = Process::start(follow);
    following.wait_for(r#""event":"advanced""#);
    following.wait_for(r#""event":"in_step""#);
    let (ended, said) = following.terminate();
    assert!(ended.success(), "{said:?}");
    let served = farm.path("served.json");
    let mut ask = trifold([
        "receipt", "--shard", "0", "--epoch", "2", "--url", url, "--out",
    ]);
    succeed(ask.arg(&served).arg("--network").arg(bundle));
    let read = |path: &Path| std::fs::read_to_string(path).unwrap();
    let parsed = |path| Receipt::from_json(&read(path)).unwrap();
    assert_eq!(parsed(&served), parsed(receipt));
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
    let proving = cards.wait_for(": proving program");
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
