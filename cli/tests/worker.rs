//! Flags of the commands that prove, what is said where there is no card, and the life of a worker's process with stand-in
//! proofs.

mod support;

use std::io::{Read, Write};
use std::time::Duration;

use ark_bn254::Fr;
use support::{NatsServer, Process, checkout, signal, trifold};
use trifold_coordinator::queue::nats::{NatsConfig, NatsQueue};
use trifold_coordinator::queue::{Item, Lane, Queue};
use trifold_coordinator::standin;
use trifold_coordinator::wire::{
    FailureClass, HeldStage, Presence, ProofBytes, Task, TaskOutcome, TaskResult, Work, decode,
    encode,
};
use trifold_coordinator::worker::presence_key;
use trifold_verifier::statement::GlobalState;

/// Runs a command that has to fail and returns its exit code and what it said.
fn fails(arguments: &[&str]) -> (Option<i32>, String) {
    let output = trifold(arguments.iter().copied())
        .env("CUDA_VISIBLE_DEVICES", "")
        .output()
        .expect("starts");
    let said = [output.stdout, output.stderr].concat();
    (
        output.status.code(),
        String::from_utf8(said).expect("UTF-8"),
    )
}

#[test]
fn a_bad_value_is_named_with_what_would_be_good() {
    let cases: [(&[&str], &str); 8] = [
        (&["--backend", "metal"], "auto, cpu, cuda, icicle"),
        (&["--backend", "paired:cpu,cpu"], "paired:X,Y"),
        (&["--batch", "0"], "1 to 256"),
        (&["--gpu", "0,first"], "\"first\""),
        (&["--gpu", "1,1"], "twice"),
        (&["--memory-budget", "lots"], "40GB"),
        (&["--low-memory", "maybe"], "auto, on or off"),
        (&["--witness-threads", "0"], "--witness-threads"),
    ];
    for (flags, part) in cases {
        let arguments = [&["worker", "--genesis", "nowhere.json"], flags].concat();
        let (code, said) = fails(&arguments);
        assert_eq!(code, Some(2), "{said}");
        assert!(said.contains(flags[1]) && said.contains(part), "{said}");
    }
}

/// One line, whatever this machine lacks; a card that is there is hidden from it.
#[test]
fn without_a_card_one_line_says_why() {
    for arguments in [
        &["gpu"][..],
        &["worker", "--genesis", "nowhere.json", "--backend", "cuda"],
        &["worker", "--genesis", "nowhere.json", "--gpu", "0"],
    ] {
        let (code, said) = fails(arguments);
        assert_eq!(code, Some(1), "{said}");
        assert_eq!(said.lines().count(), 1, "{said}");
        assert!(said.contains("cuda") || said.contains("CUDA"), "{said}");
    }
}

#[test]
fn programs_get_the_reason_as_json() {
    let (code, said) = fails(&["gpu", "--json"]);
    let value: serde_json::Value = serde_json::from_str(&said).expect("JSON");
    assert_eq!(code, Some(1));
    assert_eq!(value["cards"], serde_json::json!([]));
    assert!(
        value["reason"]
            .as_str()
            .is_some_and(|reason| !reason.is_empty())
    );
}

const PATIENCE: Duration = Duration::from_secs(60);

/// A worker process of this temper, and its server.
fn worker(temper: &str, more: &[&str]) -> (NatsServer, Process) {
    let server = NatsServer::start(&checkout());
    let mut command = trifold(["worker", "--name", "w", "--stand-in", temper, "--nats"]);
    command.arg(server.url()).args(more);
    (server, Process::start(command))
}

async fn queue(server: &NatsServer) -> NatsQueue {
    let queue = NatsQueue::connect(&NatsConfig::new(server.url())).await;
    queue.expect("a connection")
}

fn task() -> Task {
    let keys = standin::network(1).expect("a network").keys;
    let work = Work::Nest {
        previous: GlobalState::genesis(1, Fr::from(0)).into(),
        previous_proof: None,
        deepen: false,
        root: Fr::from(0),
        sent: 0,
        received: 0,
        top_proof: ProofBytes([0; 128]),
        history_path: Vec::new().into(),
    };
    Task::new(keys.nest, Fr::from(7), keys, Fr::from(0), work)
}

async fn offer(queue: &NatsQueue, task: &Task) {
    let item = Item {
        key: task.id.to_string(),
        attempt: 0,
        body: encode(task),
    };
    let lane = Lane::Tasks(task.lane());
    queue.push(&lane, &item).await.expect("pushed");
}

/// The next result.
async fn result(queue: &NatsQueue) -> TaskOutcome {
    let pulled = queue.pull(&[Lane::Results], PATIENCE).await;
    let delivery = pulled.expect("pulls").expect("a result");
    assert!(delivery.key.starts_with("w."), "{}", delivery.key);
    delivery.lease.done().await.expect("done");
    let result: TaskResult = decode(&delivery.body).expect("a result");
    result.outcome
}

fn answer(address: &str, path: &str) -> String {
    let mut stream = std::net::TcpStream::connect(address).expect("it listens");
    write!(
        stream,
        "GET {path} HTTP/1.1\r\nhost: w\r\nconnection: close\r\n\r\n"
    )
    .expect("asked");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("answered");
    answer
}

#[tokio::test]
async fn a_worker_process_proves_says_so_over_http_and_drains() {
    let (server, mut worker) = worker("seed=1", &["--listen", "127.0.0.1:0"]);
    let line = worker.wait_for("listening on http://");
    let address = line.rsplit('/').next().expect("an address");
    worker.wait_for("w: worker is ready");
    let queue = queue(&server).await;
    offer(&queue, &task()).await;
    let outcome = result(&queue).await;
    assert!(matches!(outcome, TaskOutcome::Proved(_)), "{outcome:?}");
    assert!(answer(address, "/readyz").starts_with("HTTP/1.1 200"));
    let metrics = answer(address, "/metrics");
    assert!(metrics.contains("trifold_prover_tasks"), "{metrics}");
    let (status, _) = worker.terminate();
    assert_eq!(status.code(), Some(0));
}

#[tokio::test]
async fn a_proof_that_hangs_ends_the_process_with_a_code_of_its_own() {
    let (server, worker) = worker("hang=1", &["--stage-patience", "1"]);
    let queue = queue(&server).await;
    offer(&queue, &task()).await;
    let TaskOutcome::Failed { class, message } = result(&queue).await else {
        panic!("it can't end");
    };
    assert_eq!(class, FailureClass::Worker);
    assert!(message.contains("has not ended"), "{message}");
    assert_eq!(worker.end().0.code(), Some(75));
}

/// The prover hangs, so an orderly end would take for ever.
#[tokio::test]
async fn a_worker_whose_machine_is_taken_away_gives_back_what_it_holds() {
    let (server, mut worker) = worker("hang=1", &[]);
    let queue = queue(&server).await;
    let task = task();
    offer(&queue, &task).await;
    let proves = async {
        while !proving(&queue).await {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    let proves = tokio::time::timeout(PATIENCE, proves).await;
    proves.expect("it begins to prove");
    signal("USR1", worker.id());
    worker.wait_for("is given back");
    assert_eq!(worker.end().0.code(), Some(0));
    let lane = Lane::Tasks(task.lane());
    let free = queue.pull(&[lane], PATIENCE).await.expect("pulls");
    assert_eq!(free.expect("given back").key, task.id.to_string());
}

/// Whether the worker says that something is at its prover.
async fn proving(queue: &NatsQueue) -> bool {
    let said = queue.notice(&presence_key("w")).await.expect("notice");
    let presence = said.map(|body| decode::<Presence>(&body).expect("a presence"));
    presence.is_some_and(|presence| {
        presence
            .held
            .iter()
            .any(|held| held.stage == HeldStage::Proving)
    })
}
