//! The operators' commands against a farm of real processes: coordinators and a worker that prove stand-ins.

use std::sync::Arc;
use std::time::Duration;

use crate::support::{NatsServer, Process, checkout, refuse, succeed, trifold};
use serde_json::Value;
use trifold_coordinator::Digest;
use trifold_coordinator::queue::nats::{NatsConfig, NatsQueue};
use trifold_coordinator::queue::{Item, Lane, Queue};
use trifold_coordinator::standin::{self, Snapshot, announcement};
use trifold_coordinator::wire::encode;

struct Farm {
    server: NatsServer,
    queue: Arc<dyn Queue>,
}

impl Farm {
    async fn new() -> Self {
        let server = NatsServer::start(&checkout());
        let queue = NatsQueue::connect(&NatsConfig::new(server.url())).await;
        let queue = Arc::new(queue.expect("connected"));
        Self { server, queue }
    }

    fn command(&self, arguments: &[&str]) -> std::process::Command {
        let mut command = trifold(arguments);
        command.env("TRIFOLD_NATS", self.server.url());
        command
    }

    /// A coordinator of three shards that is listening; where.
    fn coordinator(&self, name: &str, more: &[&str]) -> (Process, String) {
        let usual = [
            "coordinator",
            "--stand-in",
            "3",
            "--name",
            name,
            "--listen",
            "127.0.0.1:0",
        ];
        let mut process = Process::start(self.command(&[&usual[..], more].concat()));
        let line = process.wait_for("listening on http://");
        let address = line.rsplit('/').next().expect("an address").to_owned();
        process.wait_for("coordinator is ready");
        (process, address)
    }

    fn worker(&self, temper: &str) -> Process {
        let arguments = ["worker", "--name", "w-1", "--stand-in", temper];
        let mut process = Process::start(self.command(&arguments));
        process.wait_for("worker is ready");
        process
    }

    async fn submit(&self, shard: u32) -> Digest {
        let network = standin::network(3).expect("a network");
        let bytes = Snapshot::after(shard, network.leaves.get(&shard).copied()).encode();
        let snapshot = self.queue.artifacts().put(bytes).await.expect("stored");
        let submission = announcement(shard, snapshot);
        let item = Item {
            key: submission.key(),
            attempt: 0,
            body: encode(&submission),
        };
        self.queue
            .push(&Lane::Snapshots, &item)
            .await
            .expect("pushed");
        snapshot
    }

    fn status(&self) -> Value {
        let output = self.command(&["status", "--json"]).output();
        serde_json::from_slice(&output.expect("starts").stdout).expect("JSON")
    }

    /// Waits until the farm looks like this.
    fn until(&self, what: &str, good: impl Fn(&Value) -> bool) -> Value {
        for _ in 0..600 {
            let status = self.status();
            if good(&status) {
                return status;
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        panic!("{what} never came; the last status: {:#}", self.status());
    }
}

fn knows_worker(status: &Value) -> bool {
    status["workers"].as_array().is_some_and(|workers| {
        let mut workers = workers.iter();
        workers.any(|worker| worker["presence"]["name"] == "w-1" && worker["alive"] == true)
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_farm_is_operated() {
    let farm = Farm::new().await;
    let (coordinator, address) = farm.coordinator("north", &["--deadline", "1h"]);
    farm.until("a leader", |status| status["leader"] == "north");
    succeed(&mut trifold(["health", "--listen", &address]));
    let worker = farm.worker("median=1");
    farm.until("the worker", knows_worker);
    assert!(succeed(&mut farm.command(&["workers"])).contains("w-1 "));

    // A snapshot waits until its epoch is closed by hand.
    let snapshot = farm.submit(0).await.to_string();
    farm.until("the snapshot", |status| status["waiting_snapshots"] == 1);
    assert!(succeed(&mut farm.command(&["status"])).contains("epoch 1: forming; 1 shards"));
    succeed(&mut farm.command(&["cancel", "0", &snapshot]));
    assert!(refuse(&mut farm.command(&["cancel", "0", &snapshot])).contains("does not wait"));
    assert!(refuse(&mut farm.command(&["epoch", "close"])).contains("no snapshot waits"));
    farm.submit(1).await;
    farm.until("the snapshot", |status| status["waiting_snapshots"] == 1);
    succeed(&mut farm.command(&["epoch", "close"]));
    farm.until("the proof", |status| status["published_epoch"] == 1);
    let shown = succeed(&mut farm.command(&["status", "--wait", "1"]));
    assert!(shown.contains("last proof: epoch 1"), "{shown}");

    // Who or what is unknown is named.
    for arguments in [
        &["cordon", "nobody"][..],
        &["uncordon", "nobody"],
        &["drain", "nobody"],
        &["requeue", &snapshot],
        &["dlq", "show", &snapshot],
    ] {
        let said = refuse(&mut farm.command(arguments));
        assert!(said.contains(arguments[arguments.len() - 1]), "{said}");
    }
    assert!(succeed(&mut farm.command(&["dlq", "list"])).contains("no task is quarantined"));
    succeed(&mut farm.command(&["gc", "--dry-run"]));

    succeed(&mut farm.command(&["cordon", "w-1"]));
    farm.until("the cordon", |status| {
        status["workers"][0]["cordoned"] == true
    });
    assert!(succeed(&mut farm.command(&["workers"])).contains("cordoned"));
    succeed(&mut farm.command(&["uncordon", "w-1"]));
    succeed(&mut farm.command(&["drain", "w-1", "--wait", "5min"]));
    let (status, lines) = worker.end();
    assert!(status.success(), "{lines:?}");
    let (status, lines) = coordinator.terminate();
    assert!(status.success(), "{lines:?}");
    assert_eq!(farm.status()["running"], false);
}

/// A task that nobody proves is listed with its bundle, which a file then has.
#[tokio::test(flavor = "multi_thread")]
async fn a_quarantined_task_can_be_looked_at() {
    let farm = Farm::new().await;
    let (_coordinator, _) = farm.coordinator("north", &["--opinions", "1"]);
    let _worker = farm.worker("median=1,inputs=1");
    farm.until("the worker", knows_worker);
    let snapshot = farm.submit(2).await;
    let quarantined = |status: &Value| status["quarantined"][0]["bundle"].is_string();
    let status = farm.until("the quarantine", quarantined);
    let task = status["quarantined"][0]["task"].as_str().expect("a task");
    let listed = succeed(&mut farm.command(&["dlq", "list"]));
    assert!(listed.contains(task) && listed.contains("w-1"), "{listed}");
    let json = succeed(&mut farm.command(&["dlq", "list", "--json"]));
    let json: Value = serde_json::from_str(&json).expect("JSON");
    assert_eq!(
        (&json["version"], &json["quarantined"]),
        (&1.into(), &status["quarantined"])
    );

    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("bundle.json");
    let show = [
        "dlq",
        "show",
        task,
        "--json",
        "--out",
        file.to_str().expect("UTF-8"),
    ];
    let shown = succeed(&mut farm.command(&show));
    let shown: Value = serde_json::from_str(&shown).expect("JSON");
    assert_eq!(shown["task"]["id"], task);
    let inputs = shown["snapshot"].as_str().expect("a snapshot");
    let inputs = Digest::of(&hex::decode(inputs).expect("hex"));
    assert_eq!(inputs, snapshot);
    let written = std::fs::read(&file).expect("written");
    let written: Value = serde_json::from_slice(&written).expect("JSON");
    assert_eq!(written, shown);
    let shown = succeed(&mut farm.command(&["dlq", "show", task]));
    assert!(shown.contains("reported by  w-1"), "{shown}");
}

/// The standby answers as soon as the leader is gone.
#[tokio::test(flavor = "multi_thread")]
async fn a_standby_takes_over() {
    let farm = Farm::new().await;
    let (north, _) = farm.coordinator("north", &["--takeover", "2s"]);
    farm.until("a leader", |status| status["leader"] == "north");
    let (_south, address) = farm.coordinator("south", &["--takeover", "2s"]);
    north.kill();
    farm.until("the standby", |status| status["leader"] == "south");
    succeed(&mut trifold(["health", "--listen", &address]));
    succeed(&mut farm.command(&["gc", "--dry-run"]));
}

#[test]
fn who_does_not_answer_is_not_healthy() {
    let said = refuse(&mut trifold(["health", "--listen", "127.0.0.1:1"]));
    assert!(said.contains("http://127.0.0.1:1/readyz"), "{said}");
}

#[test]
fn a_coordinator_refuses_limits_out_of_range() {
    for wrong in [
        ["--epochs-in-flight", "0"],
        ["--opinions", "11"],
        ["--max-strikes", "0"],
        ["--takeover", "1s"],
        ["--waiting-bytes", "lots"],
        ["--deadline", "-1"],
        ["--name", "a b"],
    ] {
        let usual = [
            "coordinator",
            "--stand-in",
            "3",
            "--nats",
            "nats://127.0.0.1:1",
        ];
        let output = trifold([&usual[..], &wrong].concat()).output();
        let output = output.expect("starts");
        assert_eq!(output.status.code(), Some(2), "{wrong:?}");
    }
}
