//! Netted shards on real circuits: an epoch's proof made of parts by a farm of separate processes, merged and nested as any
//! other's, and checked by who knows nothing of parts.

mod support;

use std::path::{Path, PathBuf};
use std::process::Command;

use support::{NatsServer, Process, checkout, refuse, snarkjs_verifies, succeed, trifold};

/// Messages that no single proof takes: two are joined.
const MANY: u32 = 130;

struct Farm {
    folder: tempfile::TempDir,
    server: NatsServer,
}

impl Farm {
    fn new() -> Self {
        succeed(&mut trifold(["setup", "--netted"]));
        let farm = Self {
            folder: tempfile::tempdir().unwrap(),
            server: NatsServer::start(&checkout()),
        };
        let mut new = trifold(["shard", "new", "--shards", "0", "--netted-shards", "3"]);
        succeed(new.args(["--accounts", "200"]).arg(farm.path("network")));
        farm
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn shard(&self, index: u32) -> PathBuf {
        self.path(&format!("network/shard-{index}"))
    }

    fn command(&self, name: &str) -> Command {
        let mut command = trifold(name.split(' '));
        command.args(["--nats", &self.server.url()]);
        command.env("TRIFOLD_GENESIS", self.path("network/genesis.json"));
        command
    }

    fn coordinator(&self) -> Process {
        let mut command = self.command("coordinator");
        // An epoch closes when the snapshots that wait are proven; the other shards stay away.
        command.args(["--deadline", "1"]);
        let mut coordinator = Process::start(command);
        coordinator.wait_for("coordinator is ready");
        coordinator
    }

    fn pay(&self, index: u32, more: &[&str]) -> String {
        let mut pay = trifold(["shard", "transfer"]);
        succeed(pay.arg(self.shard(index)).args(more))
    }

    fn submit(&self, index: u32) -> String {
        succeed(self.command("submit").arg(self.shard(index)))
    }

    fn receipt(&self, index: u32) -> PathBuf {
        let receipt = self.path(&format!("receipt-{index}.json"));
        let mut submit = self.command("submit");
        succeed(submit.arg(self.shard(index)).arg("--receipt").arg(&receipt));
        receipt
    }
}

/// Balance and messages signed of an account, as `shard show` prints them.
fn account(shard: &Path, index: u32) -> (u64, u64) {
    let shown = succeed(trifold(["shard", "show"]).arg(shard));
    let line = shown.lines().find(|line| {
        let mut words = line.split_whitespace();
        words.next() == Some(&index.to_string()) && words.clone().count() == 2
    });
    let words = line.unwrap_or_else(|| panic!("no account {index} in\n{shown}"));
    let numbers: Vec<u64> = words
        .split_whitespace()
        .map(|word| word.parse().unwrap())
        .collect();
    (numbers[1], numbers[2])
}

#[test]
fn a_farm_proves_netted_shards_in_parts() {
    let farm = Farm::new();
    let mut coordinator = farm.coordinator();
    let mut worker = Process::start(farm.command("worker"));
    worker.wait_for("worker is ready");

    farm.pay(0, &["--count", &MANY.to_string(), "--amount", "3"]);
    let said = farm.submit(0);
    assert!(said.contains("accepted"), "{said}");
    // What is proven when the coordinator dies is not proven again.
    coordinator.wait_for("netted-messages");
    coordinator.kill();
    let mut coordinator = farm.coordinator();
    for expected in ["netted-join", "netted-close", "global proof published"] {
        coordinator.wait_for(expected);
    }
    assert_eq!(account(&farm.shard(0), 5), (1_000_000, 1));
    assert_eq!(account(&farm.shard(0), 0), (999_997, 1));
    assert_eq!(account(&farm.shard(0), MANY), (1_000_003, 0));

    // Two shards in one epoch, each by the circuits for little.
    let refused = refuse(
        trifold([
            "shard", "transfer", "--from", "1", "--to", "2", "--amount", "9999999",
        ])
        .arg(farm.shard(1)),
    );
    assert!(refused.contains("would spend 9999999"), "{refused}");
    farm.pay(1, &["--from", "1", "--to", "150", "--amount", "7"]);
    farm.pay(0, &["--from", "2", "--to", "3"]);
    farm.submit(1);
    let receipt = farm.receipt(0);
    coordinator.wait_for("netted-rows-idle");

    let out = farm.path("proof");
    let mut status = farm.command("status");
    succeed(status.args(["--wait", "2", "--out"]).arg(&out));
    let verdict = succeed(trifold(["verify"]).arg(out.join("bundle.json")));
    assert!(verdict.contains("accepted: epoch"), "{verdict}");
    assert!(
        snarkjs_verifies(&checkout(), &out),
        "snarkjs refuses the proof"
    );
    let mut verify = trifold(["verify-receipt"]);
    let said = succeed(
        verify
            .arg(&receipt)
            .arg("--network")
            .arg(out.join("bundle.json")),
    );
    assert!(said.starts_with("accepted: shard 0 at epoch"), "{said}");
    let shown = farm.path("account.json");
    let mut add = trifold(["shard", "receipt", "--account", "3"]);
    add.arg(farm.shard(0)).arg("--in").arg(&receipt);
    succeed(add.arg("--out").arg(&shown));
    let said = succeed(trifold(["verify-receipt"]).arg(&shown));
    assert!(said.contains("  balance   1000001\n"), "{said}");
    assert!(said.contains("  ordinal   1\n"), "{said}");
}

/// A payment that arrives and one that comes back, by epochs that hold nothing but messages of other shards.
#[test]
fn netted_shards_exchange_messages() {
    let farm = Farm::new();
    let _coordinator = farm.coordinator();
    let mut worker = Process::start(farm.command("worker"));
    worker.wait_for("worker is ready");
    let carry = |from: u32, to: u32, epoch: &str| {
        let file = farm.path("messages.json");
        let mut messages = trifold(["shard", "messages", "--epoch", epoch]);
        messages
            .arg(farm.shard(from))
            .args(["--to", &to.to_string()]);
        succeed(messages.arg("--out").arg(&file));
        let mut receive = trifold(["shard", "receive"]);
        succeed(receive.arg(farm.shard(to)).arg(&file))
    };
    let elsewhere = ["--to-shard", "1", "--amount", "9"];
    for to in ["5", "999"] {
        let pair = ["--from", "3", "--to", to];
        farm.pay(0, &[pair, elsewhere].concat());
    }
    farm.receipt(0);
    farm.pay(1, &["--from", "1", "--to", "2"]);
    farm.receipt(1);
    assert!(carry(0, 1, "1").starts_with("2 messages of shard 0 taken"));
    farm.receipt(1);
    assert_eq!(account(&farm.shard(1), 5), (1_000_009, 0));
    farm.pay(0, &["--from", "1", "--to", "2"]);
    farm.receipt(0);
    assert_eq!(account(&farm.shard(0), 3), (999_982, 2));
    assert!(carry(1, 0, "3").starts_with("1 messages of shard 1 taken"));
    farm.receipt(0);
    assert_eq!(account(&farm.shard(0), 3), (999_991, 2));
}
