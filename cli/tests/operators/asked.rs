//! The operators' commands against a real server: what they ask, what they show, and how they end.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::support::{NatsServer, checkout, trifold};
use serde_json::{Value, json};
use tokio::task::JoinHandle;
use trifold_coordinator::Digest;
use trifold_coordinator::queue::nats::{NatsConfig, NatsQueue};
use trifold_coordinator::queue::{Lane, Queue};
use trifold_coordinator::view::{
    EpochStage, EpochView, LevelView, PublishedView, View, WorkerView,
};
use trifold_coordinator::wire::{
    Command, CommandKind, Presence, Reply, VERSION, WorkerState, decode, encode,
};

const VIEW: &str = "view";

/// A server, and what answers there.
struct Farm {
    server: NatsServer,
    queue: Arc<dyn Queue>,
    asked: Arc<Mutex<Vec<CommandKind>>>,
    answering: Option<JoinHandle<()>>,
}

/// How a command ended.
struct Ended {
    code: i32,
    out: String,
    errors: String,
}

impl Ended {
    fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|e| panic!("{e}: {}", self.out))
    }
}

impl Farm {
    /// A server without a coordinator.
    async fn empty() -> Self {
        let server = NatsServer::start(&checkout());
        let queue = NatsQueue::connect(&NatsConfig::new(server.url())).await;
        Self {
            server,
            queue: Arc::new(queue.expect("connected")),
            asked: Arc::default(),
            answering: None,
        }
    }

    /// A farm whose leader answers every command in the same way.
    async fn answering(done: bool, message: &str) -> Self {
        let mut farm = Self::empty().await;
        let (queue, asked) = (farm.queue.clone(), farm.asked.clone());
        let reply = encode(&Reply {
            version: VERSION,
            done,
            message: message.into(),
        });
        farm.answering = Some(tokio::spawn(async move {
            loop {
                let pulled = queue.pull(&[Lane::Control], Duration::from_secs(1)).await;
                let Some(item) = pulled.expect("the queue") else {
                    continue;
                };
                let command: Command = decode(&item.body).expect("a command");
                assert_eq!(item.key, command.id);
                asked.lock().expect("asked").push(command.command);
                let key = format!("replies.{}", command.id);
                queue.notify(&key, reply.clone()).await.expect("told");
                item.lease.done().await.expect("done");
            }
        }));
        farm
    }

    async fn show(&self, view: &View) {
        self.queue.notify(VIEW, encode(view)).await.expect("shown");
    }

    /// Runs `trifold` here and waits for its end.
    async fn run(&self, arguments: &[&str]) -> Ended {
        let mut command = trifold(arguments);
        command.env("TRIFOLD_NATS", self.server.url());
        let output = tokio::task::spawn_blocking(move || command.output());
        let output = output.await.expect("ran").expect("starts");
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("UTF-8");
        Ended {
            code: output.status.code().expect("no signal"),
            out: text(output.stdout),
            errors: text(output.stderr),
        }
    }

    fn asked(&self) -> Vec<CommandKind> {
        std::mem::take(&mut self.asked.lock().expect("asked"))
    }
}

impl Drop for Farm {
    fn drop(&mut self) {
        if let Some(answering) = &self.answering {
            answering.abort();
        }
    }
}

fn now() -> u64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    since.expect("after 1970").as_millis() as u64
}

fn worker(name: &str, alive: bool) -> WorkerView {
    WorkerView {
        presence: Presence {
            version: VERSION,
            name: name.into(),
            serial: 7,
            started_unix_ms: 1,
            build: "0.1.0".into(),
            host: "host-a".into(),
            process: 1,
            backend: "cuda".into(),
            card: Some("GPU-0011".into()),
            state: WorkerState::Ready,
            lanes: vec![],
            held: vec![],
            proved_tasks: 12,
            failed_tasks: 1,
            cpu_seconds: 3.5,
            gpu_seconds: 9.0,
        },
        silent_ms: 61_000,
        alive,
        cordoned: false,
        strikes: 2,
    }
}

fn view() -> View {
    let level = |proven, waiting| LevelView {
        proven,
        waiting,
        ..LevelView::default()
    };
    View {
        version: VERSION,
        updated_unix_ms: now(),
        leader: "north".into(),
        fence: 3,
        running: true,
        genesis: "00".into(),
        shards: 9,
        depth: 2,
        closed_epoch: 5,
        published_epoch: 4,
        root: "ab".into(),
        waiting_snapshots: 2,
        waiting_bytes: 12_345,
        ready_tasks: 0,
        queued_tasks: 1,
        quarantined_tasks: 0,
        proved_tasks: 1_000,
        refused_results: 0,
        proved_per_minute: 0,
        idle: Some("no worker serves merge-00".into()),
        epochs: vec![EpochView {
            epoch: 5,
            stage: EpochStage::Merging,
            depth: 2,
            members: 9,
            silent: 0,
            transfers: 45,
            age_ms: 65_000,
            done: 9,
            total: 14,
            eta_seconds: Some(90.0),
            levels: vec![level(9, 0), level(0, 3), level(0, 1), level(0, 1)],
        }],
        recent: vec![PublishedView {
            epoch: 4,
            members: 9,
            silent: 0,
            transfers: 45,
            published_unix_ms: now(),
            latency_ms: 31_000,
            cpu_seconds: 1.5,
            gpu_seconds: 0.0,
            input_bytes: 1,
            root: "ab".into(),
        }],
        workers: vec![worker("w-1", true), worker("w-2", false)],
        quarantined: vec![],
        last_proof: None,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_command_asks_for_what_it_says() {
    let farm = Farm::answering(true, "as you wish").await;
    let task = Digest::of(b"task");
    let text = task.to_string();
    let worker = || String::from("w-1");
    let cases: [(&[&str], CommandKind); 10] = [
        (&["drain", "w-1"], CommandKind::Drain { worker: worker() }),
        (
            &["drain", "--all"],
            CommandKind::Drain { worker: "*".into() },
        ),
        (&["cordon", "w-1"], CommandKind::Cordon { worker: worker() }),
        (
            &["uncordon", "w-1"],
            CommandKind::Uncordon { worker: worker() },
        ),
        (&["requeue", &text], CommandKind::Requeue { task }),
        (
            &["cancel", "7", &text],
            CommandKind::Cancel {
                shard: 7,
                snapshot: task,
            },
        ),
        (
            &["gc"],
            CommandKind::Gc {
                older_seconds: 604_800,
                dry_run: false,
            },
        ),
        (
            &["gc", "--dry-run", "--older", "90min"],
            CommandKind::Gc {
                older_seconds: 5_400,
                dry_run: true,
            },
        ),
        (&["epoch", "close"], CommandKind::CloseEpoch),
        (
            &["epoch", "close", "--patience", "60"],
            CommandKind::CloseEpoch,
        ),
    ];
    for (arguments, expected) in cases {
        let ended = farm.run(arguments).await;
        assert_eq!(
            (ended.code, &*ended.out),
            (0, "as you wish\n"),
            "{}",
            ended.errors
        );
        assert_eq!(farm.asked(), [expected], "{arguments:?}");
    }
    let ended = farm.run(&["cordon", "w-1", "--json"]).await;
    let expected = json!({
        "version": 1, "command": "cordon", "answered": true, "done": true, "message": "as you wish",
    });
    assert_eq!((ended.code, ended.json()), (0, expected));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_is_exit_code_1_with_the_reason() {
    let farm = Farm::answering(false, "no worker is called w-9").await;
    let ended = farm.run(&["cordon", "w-9"]).await;
    assert_eq!((ended.code, &*ended.out), (1, ""));
    assert_eq!(ended.errors, "trifold: no worker is called w-9\n");
    let ended = farm
        .run(&["requeue", &Digest::of(b"x").to_string(), "--json"])
        .await;
    let expected = json!({
        "version": 1, "command": "requeue", "answered": true, "done": false,
        "message": "no worker is called w-9",
    });
    assert_eq!((ended.code, ended.json()), (1, expected));
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_coordinator_a_command_says_so_and_is_withdrawn() {
    let farm = Farm::empty().await;
    let ended = farm.run(&["drain", "--all", "--patience", "300ms"]).await;
    assert_eq!(ended.code, 3, "{}", ended.errors);
    assert!(
        ended.errors.contains("no coordinator has run here yet"),
        "{}",
        ended.errors
    );
    assert!(ended.errors.contains("withdrawn"), "{}", ended.errors);
    let left = farm
        .queue
        .pull(&[Lane::Control], Duration::from_millis(300))
        .await;
    assert!(left.expect("the queue").is_none());

    let mut old = view();
    old.updated_unix_ms -= 3_600_000;
    farm.show(&old).await;
    let ended = farm.run(&["gc", "--patience", "300ms", "--json"]).await;
    assert_eq!((ended.code, &ended.json()["answered"]), (3, &json!(false)));
    let message = ended.json()["message"].to_string();
    assert!(
        message.contains("no coordinator leads: north was last heard of 1 h 0 min ago"),
        "{message}"
    );

    old.running = false;
    farm.show(&old).await;
    let ended = farm.run(&["gc", "--patience", "300ms"]).await;
    assert!(
        ended.errors.contains("north stopped 1 h 0 min ago"),
        "{}",
        ended.errors
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_arguments_are_exit_code_2() {
    let cases: [&[&str]; 11] = [
        &["drain"],
        &["drain", "w-1", "--all"],
        &["drain", "w 1"],
        &["cordon", "*"],
        &["cordon"],
        &["uncordon", ""],
        &["requeue", "12"],
        &["cancel", "7"],
        &["cancel", "-1", "00"],
        &["gc", "--older", "soon"],
        &["epoch"],
    ];
    for arguments in cases {
        let output = trifold(arguments).output().expect("starts");
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn status_shows_the_tree_and_why_nothing_goes_on() {
    let farm = Farm::empty().await;
    let ended = farm.run(&["status"]).await;
    assert_eq!((ended.code, &*ended.out), (3, ""));
    let ended = farm.run(&["status", "--json"]).await;
    assert_eq!((ended.code, ended.json()), (3, Value::Null));

    let shown = view();
    farm.show(&shown).await;
    let ended = farm.run(&["status"]).await;
    assert_eq!(ended.code, 0, "{}", ended.errors);
    for part in [
        "coordinator north leads",
        "4 proven, 5 closed",
        "12 345 bytes",
        "idle: no worker serves merge-00",
        "epoch 5: merging; 9 shards, 0 silent, 45 transfers; closed 1 min 5 s ago",
        "[######....] 9 of 14 proofs, about 1 min 30 s to go",
        "\nnest ",
        "\n  merges of level 1 ",
        "\n    merges of level 0 ",
        "\n      programs ",
        "last proof: epoch 4",
        "31 s after it closed",
        "workers: 1 alive, 0 cordoned",
    ] {
        assert!(ended.out.contains(part), "no {part:?} in\n{}", ended.out);
    }
    assert!(!ended.out.contains('\u{1b}'), "colours in a pipe");
    let ended = farm.run(&["status", "--json"]).await;
    let told: View = serde_json::from_str(&ended.out).expect("a view");
    assert_eq!((ended.code, told), (0, shown));
}

#[tokio::test(flavor = "multi_thread")]
async fn workers_are_listed() {
    let farm = Farm::empty().await;
    assert_eq!(farm.run(&["workers"]).await.code, 3);
    let mut shown = view();
    farm.show(&shown).await;
    let ended = farm.run(&["workers"]).await;
    assert_eq!(ended.code, 0, "{}", ended.errors);
    let lines: Vec<&str> = ended.out.lines().collect();
    let words: Vec<&str> = lines[2].split_whitespace().collect();
    let expected = "w-1 ready 0 12 1 2 1 min 1 s ago cuda (GPU-0011) host-a 0.1.0";
    assert_eq!(words.join(" "), expected);
    assert!(lines[3].starts_with("w-2     gone "), "{}", lines[3]);
    let ended = farm.run(&["workers", "--json"]).await;
    let told = ended.json();
    assert_eq!(
        (&told["version"], &told["updated_unix_ms"]),
        (&json!(1), &json!(shown.updated_unix_ms))
    );
    assert_eq!(told["workers"], json!(shown.workers));
    shown.workers.clear();
    farm.show(&shown).await;
    assert!(
        farm.run(&["workers"])
            .await
            .out
            .contains("no worker has been heard of")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_drain_can_wait_until_the_worker_is_gone() {
    let farm = Farm::answering(true, "draining").await;
    let mut shown = view();
    farm.show(&shown).await;
    let ended = farm.run(&["drain", "w-1", "--wait", "300ms"]).await;
    assert_eq!(ended.code, 1, "{}", ended.out);
    assert!(
        ended.errors.contains("still here after 300 ms: w-1"),
        "{}",
        ended.errors
    );

    assert_eq!(farm.asked().len(), 1);
    let waiting = farm.run(&["drain", "--all", "--wait", "1h"]);
    let leaving = async {
        while farm.asked().is_empty() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        // The same name, started later, is another process.
        shown.workers[0].presence.started_unix_ms += 1;
        farm.show(&shown).await;
    };
    let (ended, ()) = tokio::join!(waiting, leaving);
    assert_eq!(
        (ended.code, &*ended.out),
        (0, "gone: w-1\n"),
        "{}",
        ended.errors
    );
}
