//! Bad input and dying processes: each is refused with its reason, and the run goes on.

mod common;

use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use ark_bn254::Fr;
use bytes::Bytes;
use common::*;
use trifold_coordinator::coordinator::{Report, orders_key, reply_key};
use trifold_coordinator::core::Bundle;
use trifold_coordinator::queue::local::LocalQueue;
use trifold_coordinator::queue::{Item, Lane, Queue};
use trifold_coordinator::standin::{self, Snapshot, StandInExecute};
use trifold_coordinator::view::{View, WorkerView};
use trifold_coordinator::wire::{
    Command as WireCommand, CommandKind, MAX_SNAPSHOT_BYTES, Order, Orders, Outcome, Proved, Reply,
    Task, TaskOutcome, TaskResult, VERSION, Work, decode, encode,
};
use trifold_coordinator::worker::{self, Execute, ExecuteError, Fetch, WorkerConfig};
use trifold_coordinator::{Digest, Lane as _Lane};
use trifold_verifier::statement::GlobalState;

const LEASE: Duration = Duration::from_millis(700);

fn memory() -> Arc<dyn Queue> {
    Arc::new(LocalQueue::memory(LEASE))
}

async fn expect_rejection(queue: &dyn Queue, snapshot: Digest, code: &str, part: &str) {
    let (found, message) = rejected(queue, &snapshot).await;
    assert_eq!(found, code, "{message}");
    assert!(message.contains(part), "{message}");
}

async fn expect_refusal(queue: &dyn Queue, snapshot: &Snapshot, code: &str, part: &str) {
    let snapshot = submit(queue, snapshot).await;
    expect_rejection(queue, snapshot, code, part).await;
}

/// A snapshot of another form than [`Snapshot::after`] makes, sealed again.
fn altered(snapshot: &Snapshot, alter: impl FnOnce(&mut Snapshot)) -> Snapshot {
    let mut snapshot = snapshot.clone();
    alter(&mut snapshot);
    Snapshot::new(snapshot.shard, snapshot.step, snapshot.transfers)
}

async fn bad_forms(queue: &dyn Queue, good: &Snapshot) {
    for garbage in [
        &b"not a snapshot"[..],
        b"",
        b"{\"version\":1}",
        b"{\"version\":9}",
    ] {
        let snapshot = submit_bytes(queue, 0, Bytes::copy_from_slice(garbage)).await;
        expect_rejection(queue, snapshot, "malformed", "").await;
    }
    let oversized = submit_bytes(queue, 0, vec![b' '; MAX_SNAPSHOT_BYTES + 1].into()).await;
    expect_rejection(queue, oversized, "too_large", "larger than").await;
    let missing = Digest::of(b"never stored");
    announce(queue, 0, missing).await;
    expect_rejection(queue, missing, "missing_artifact", "not in the store").await;
    let mut forged = good.clone();
    forged.step.events += 1;
    forged.step.new.lamport += 1;
    expect_refusal(queue, &forged, "signature", "wrongly signed").await;
    let foreign = submit_bytes(queue, 1, altered(good, |s| s.transfers += 7).encode()).await;
    expect_rejection(queue, foreign, "wrong_shard", "announced for shard 1").await;
    for (key, body) in [
        ("0.garbage", &b"\xff\x00"[..]),
        ("0.old", b"{\"version\":0}"),
        ("x", b"[]"),
    ] {
        let item = Item {
            key: key.into(),
            attempt: 0,
            body: Bytes::copy_from_slice(body),
        };
        for lane in [Lane::Snapshots, Lane::Control, Lane::Results] {
            queue.push(&lane, &item).await.expect("pushes");
        }
    }
}

async fn bad_places(queue: &dyn Queue, good: &Snapshot) {
    let refuse = |alter: fn(&mut Snapshot)| altered(good, alter);
    let unknown = refuse(|s| s.step.new.program = Fr::from(5));
    expect_refusal(queue, &unknown, "unknown_program", "not admitted").await;
    let far = refuse(|s| s.shard = 100);
    let far = submit_bytes(queue, 100, far.encode()).await;
    expect_rejection(queue, far, "unknown_shard", "100").await;
    let same_clock = refuse(|s| s.step.new.timestamp = 0);
    expect_refusal(queue, &same_clock, "step", "timestamp").await;
    let minted = refuse(|s| s.step.new.supply += 1);
    expect_refusal(queue, &minted, "step", "supply").await;
    let idle = refuse(|s| s.step.events = 0);
    expect_refusal(queue, &idle, "step", "no event").await;
    let wrong_root = refuse(|s| {
        if let Some(old) = &mut s.step.old {
            old.body += Fr::from(1);
        }
    });
    expect_refusal(queue, &wrong_root, "wrong_previous", "is not the shard's").await;
    let visionary = refuse(|s| (s.step.new.seen_epoch, s.step.new.seen_digest) = (3, Fr::from(3)));
    expect_refusal(queue, &visionary, "seen_future", "epoch 3").await;
    let foreign = refuse(|s| s.step.new.seen_digest = Fr::from(3));
    expect_refusal(queue, &foreign, "seen_foreign", "not ours").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_snapshots_are_refused_and_the_run_goes_on() {
    let queue = memory();
    let network = network(3);
    let mut shards = Shards::new(&network);
    let mut farm = Farm::start(queue.clone(), network.clone(), policy());
    farm.honest("w1");
    let first = shards.next(0);
    bad_forms(queue.as_ref(), &first).await;
    bad_places(queue.as_ref(), &first).await;
    let included = submit(queue.as_ref(), &first).await;
    accepted(queue.as_ref(), &included).await;
    close_epoch(queue.as_ref()).await;
    published(queue.as_ref(), 1).await;
    bad_times(queue.as_ref(), &network, &mut shards, included).await;
    let next = submit(queue.as_ref(), &shards.next(1)).await;
    accepted(queue.as_ref(), &next).await;
    close_epoch(queue.as_ref()).await;
    check_chain(queue.as_ref(), &network, 2).await;
    farm.stop().await.expect("stops cleanly");
}

/// After the first epoch: replays, rollbacks, gaps.
async fn bad_times(
    queue: &dyn Queue,
    network: &trifold_coordinator::plan::Network,
    shards: &mut Shards,
    included: Digest,
) {
    announce(queue, 0, included).await;
    accepted(queue, &included).await;
    let rolled_back = Snapshot::after(0, network.leaves.get(&0).copied());
    let rolled_back = altered(&rolled_back, |s| s.step.new.body += Fr::from(1));
    expect_refusal(queue, &rolled_back, "stale", "Lamport").await;
    let before = shards.0[0];
    shards.next(0);
    let future = shards.next(0);
    expect_refusal(queue, &future, "future", "submit what lies between").await;
    shards.0[0] = before;
}

/// What a lying worker does with a task.
enum Lie {
    Noise,
    AnotherStatement,
    AnotherKey,
    /// The proof of the first task it ever saw.
    Stolen(std::sync::Mutex<Option<Box<Proved>>>),
    BrokenInputs,
    Panic,
}

struct Liar(Lie);

impl Execute for Liar {
    type Prepared = Task;

    fn lanes(&self) -> Vec<String> {
        StandInExecute::default().lanes()
    }

    fn prepare(&self, task: &Task, fetch: &Fetch<'_>) -> Result<Task, ExecuteError> {
        StandInExecute::default().prepare(task, fetch)
    }

    fn prove(&self, tasks: &[Task]) -> Vec<Result<Proved, ExecuteError>> {
        let proven = StandInExecute::default().prove(tasks).into_iter();
        let lies = proven
            .zip(tasks)
            .map(|(proved, task)| self.lie(task, proved?));
        lies.collect()
    }
}

impl Liar {
    fn lie(&self, task: &Task, mut proved: Proved) -> Result<Proved, ExecuteError> {
        match &self.0 {
            Lie::Noise => proved.proof.0[40] ^= 1,
            Lie::AnotherStatement => {
                proved.proof = standin::prove(&task.key, &(task.statement + Fr::from(1)))
            }
            Lie::AnotherKey => {
                proved.proof = standin::prove(&(task.key + Fr::from(1)), &task.statement)
            }
            Lie::Stolen(kept) => {
                let mut kept = kept.lock().expect("kept");
                return Ok(kept.get_or_insert(Box::new(proved)).as_ref().clone());
            }
            Lie::BrokenInputs => return Err(ExecuteError::Inputs("I don't like it".into())),
            Lie::Panic => panic!("the prover crashes"),
        }
        Ok(proved)
    }
}

/// Two epochs with only this liar at first, then an honest worker as well.
async fn survives(lie: Lie, expected: &str) {
    let queue = memory();
    let network = network(3);
    let mut shards = Shards::new(&network);
    let mut farm = Farm::start(queue.clone(), network.clone(), policy());
    farm.worker("liar", Liar(lie));
    let refused = |report: &Report| match report {
        Report::ResultRefused { worker, reason, .. } => {
            worker == "liar" && reason.contains(expected)
        }
        _ => false,
    };
    for epoch in 1..=2 {
        for shard in 0..3 {
            let snapshot = submit(queue.as_ref(), &shards.next(shard)).await;
            accepted(queue.as_ref(), &snapshot).await;
        }
        if epoch == 1 {
            wait_for(&farm, refused).await;
            farm.honest("honest");
        }
        published(queue.as_ref(), epoch).await;
    }
    check_chain(queue.as_ref(), &network, 2).await;
    farm.stop().await.expect("stops cleanly");
}

async fn wait_for(farm: &Farm, wanted: impl Fn(&Report) -> bool) {
    for _ in 0..4000 {
        if farm.reports().iter().any(&wanted) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    panic!("never reported: {:?}", farm.reports());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_returns_noise() {
    survives(Lie::Noise, "does not verify").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_proves_another_statement() {
    survives(Lie::AnotherStatement, "does not verify").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_proves_under_another_key() {
    survives(Lie::AnotherKey, "does not verify").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_returns_somebody_elses_proof() {
    survives(Lie::Stolen(std::sync::Mutex::new(None)), "does not verify").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_whose_prover_panics() {
    survives(Lie::Panic, "panicked").await;
}

/// A farm of three snapshots and one worker, which lies about all of them.
async fn farm_of_a_liar(
    queue: &Arc<dyn Queue>,
    network: &trifold_coordinator::plan::Network,
) -> Farm {
    let mut shards = Shards::new(network);
    let mut farm = Farm::start(queue.clone(), network.clone(), policy());
    farm.worker("liar", Liar(Lie::Noise));
    for shard in 0..3 {
        submit(queue.as_ref(), &shards.next(shard)).await;
    }
    farm
}

/// A liar loses the coordinator's attention after three strikes, whatever it returns then.
#[tokio::test(flavor = "multi_thread")]
async fn strikes_cost_a_worker_its_voice() {
    let queue = memory();
    let network = network(3);
    let farm = farm_of_a_liar(&queue, &network).await;
    let cordoned = |view: &View| {
        let liar = |w: &&WorkerView| w.presence.name == "liar";
        view.workers.iter().find(liar).is_some_and(|w| w.cordoned)
    };
    view_with(&farm, cordoned).await;
    // Now even the truth does not help it.
    let lanes = StandInExecute::default().lanes();
    let lanes: Vec<Lane> = lanes.into_iter().map(_Lane::Tasks).collect();
    let pulled = queue.pull(&lanes, Duration::from_secs(20)).await;
    let task: Task = decode(&pulled.expect("pulls").expect("a task").body).expect("a task");
    let mut proved = StandInExecute::default().prove(std::slice::from_ref(&task));
    let outcome = TaskOutcome::Proved(proved.remove(0).expect("proven"));
    let (attempt, worker) = (task.attempt, "liar".to_owned());
    let key = format!("liar.{}.truth", task.id);
    let task = task.id;
    let body = encode(&TaskResult {
        version: VERSION,
        task,
        attempt,
        worker,
        outcome,
    });
    let item = Item {
        key,
        attempt: 0,
        body,
    };
    queue.push(&Lane::Results, &item).await.expect("pushes");
    wait_for(&farm, |report| match report {
        Report::ResultRefused { reason, .. } => reason.contains("is cordoned"),
        _ => false,
    })
    .await;
    let proven = |report: &Report| matches!(report, Report::TaskProved(_));
    assert!(!farm.reports().iter().any(proven));
    farm.stop().await.expect("stops cleanly");
}

/// Malformed results, by a process that takes tasks and reports rubbish.
#[tokio::test(flavor = "multi_thread")]
async fn malformed_results_are_refused_and_the_task_is_done_again() {
    let queue = memory();
    let network = network(3);
    let mut shards = Shards::new(&network);
    let mut farm = Farm::start(queue.clone(), network.clone(), policy());
    for shard in 0..3 {
        submit(queue.as_ref(), &shards.next(shard)).await;
    }
    let lanes: Vec<Lane> = StandInExecute::default()
        .lanes()
        .into_iter()
        .map(_Lane::Tasks)
        .collect();
    for (serial, rubbish) in [&b"\x00\x01"[..], b"{}", b"{\"version\":1,\"task\":\"zz\"}"]
        .iter()
        .enumerate()
    {
        let delivery = queue
            .pull(&lanes, Duration::from_secs(5))
            .await
            .expect("pulls")
            .expect("a task");
        let key = format!("rubbish.{}.{serial}", delivery.key);
        let item = Item {
            key,
            attempt: 0,
            body: Bytes::copy_from_slice(rubbish),
        };
        queue.push(&Lane::Results, &item).await.expect("pushes");
        delivery.lease.done().await.expect("done");
    }
    wait_for(&farm, |report| match report {
        Report::ResultRefused { reason, worker, .. } => {
            reason.contains("malformed") && worker == "rubbish"
        }
        _ => false,
    })
    .await;
    farm.honest("honest");
    published(queue.as_ref(), 1).await;
    farm.stop().await.expect("stops cleanly");
}

/// One valid result, delivered many times and by several workers, counts once; a later one is ignored.
#[tokio::test(flavor = "multi_thread")]
async fn a_result_counts_once() {
    let queue = memory();
    let network = network(3);
    let mut shards = Shards::new(&network);
    let mut farm = Farm::start(queue.clone(), network.clone(), policy());
    submit(queue.as_ref(), &shards.next(0)).await;
    let lanes: Vec<Lane> = StandInExecute::default()
        .lanes()
        .into_iter()
        .map(_Lane::Tasks)
        .collect();
    let delivery = queue
        .pull(&lanes, Duration::from_secs(5))
        .await
        .expect("pulls")
        .expect("a task");
    let task: Task = decode(&delivery.body).expect("a task");
    for worker in ["a", "b", "c"] {
        let proved = Proved {
            proof: standin::prove(&task.key, &task.statement),
            circuit: "stand-in program".into(),
            constraints: 0,
            witness_seconds: 0.0,
            prove_seconds: 0.0,
            cpu_seconds: 0.0,
            gpu_seconds: 0.0,
            input_bytes: 0,
        };
        let outcome = TaskOutcome::Proved(proved);
        let result = TaskResult {
            version: VERSION,
            attempt: 0,
            task: task.id,
            worker: worker.into(),
            outcome,
        };
        let item = Item {
            key: format!("{worker}.{}.0", task.id),
            attempt: 0,
            body: encode(&result),
        };
        queue.push(&Lane::Results, &item).await.expect("pushes");
    }
    // Never acknowledged: the lease runs out, and an honest worker gets the task again for nothing.
    close_epoch(queue.as_ref()).await;
    farm.honest("honest");
    published(queue.as_ref(), 1).await;
    let programs = farm
        .reports()
        .iter()
        .filter(|report| matches!(report, Report::TaskProved(proved) if proved.circuit.ends_with("program")))
        .count();
    assert_eq!(programs, 1);
    farm.stop().await.expect("stops cleanly");
}

/// Can't prove shard 1's first snapshot.
struct Picky(Digest);

impl Execute for Picky {
    type Prepared = Task;

    fn lanes(&self) -> Vec<String> {
        StandInExecute::default().lanes()
    }

    fn prepare(&self, task: &Task, fetch: &Fetch<'_>) -> Result<Task, ExecuteError> {
        StandInExecute::default().prepare(task, fetch)
    }

    fn prove(&self, tasks: &[Task]) -> Vec<Result<Proved, ExecuteError>> {
        let mut proven = StandInExecute::default().prove(tasks);
        for (task, outcome) in tasks.iter().zip(&mut proven) {
            if matches!(&task.work, Work::Program { snapshot, .. } if *snapshot == self.0) {
                *outcome = Err(ExecuteError::Inputs("constraint 17 is violated".into()));
            }
        }
        proven
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unprovable_snapshot_delays_nobody() {
    let queue = memory();
    let network = network(3);
    let mut shards = Shards::new(&network);
    let mut farm = Farm::start(queue.clone(), network.clone(), policy());
    let (genesis, bad) = (shards.0[1], shards.next(1));
    let dependent = shards.next(1);
    let picky = Picky(Digest::of(&bad.encode()));
    let others = [
        submit(queue.as_ref(), &shards.next(0)).await,
        submit(queue.as_ref(), &shards.next(2)).await,
    ];
    for other in &others {
        accepted(queue.as_ref(), other).await;
    }
    let bad = submit(queue.as_ref(), &bad).await;
    let dependent = submit(queue.as_ref(), &dependent).await;
    accepted(queue.as_ref(), &dependent).await;
    farm.worker("w1", picky);
    expect_rejection(queue.as_ref(), bad, "unprovable", "constraint 17").await;
    expect_rejection(queue.as_ref(), dependent, "unprovable", "builds on").await;
    assert_eq!(published(queue.as_ref(), 1).await.transfers, 6);
    // The shard goes on from where it was.
    shards.0[1] = genesis;
    let mut again = shards.next(1);
    again.transfers += 1;
    let again = submit(queue.as_ref(), &again).await;
    accepted(queue.as_ref(), &again).await;
    close_epoch(queue.as_ref()).await;
    published(queue.as_ref(), 2).await;
    check_chain(queue.as_ref(), &network, 2).await;
    farm.stop().await.expect("stops cleanly");
}

#[tokio::test(flavor = "multi_thread")]
async fn one_lying_report_of_broken_inputs_drops_nothing() {
    let queue = memory();
    let network = network(3);
    let mut shards = Shards::new(&network);
    let mut farm = Farm::start(queue.clone(), network.clone(), policy());
    farm.worker("liar", Liar(Lie::BrokenInputs));
    let snapshot = submit(queue.as_ref(), &shards.next(0)).await;
    wait_for(&farm, |report| {
        matches!(report, Report::ResultRefused { .. })
    })
    .await;
    farm.honest("h1");
    farm.honest("h2");
    farm.honest("h3");
    close_epoch(queue.as_ref()).await;
    let settled =
        |outcome: &Outcome| !matches!(outcome, Outcome::Accepted | Outcome::Included { .. });
    match verdict(queue.as_ref(), &snapshot, settled).await {
        // Wasted time is the worst: refused without a fault of its own, the same snapshot may be submitted again.
        Outcome::Rejected { code, .. } => assert_eq!(code, "unprovable"),
        outcome => assert_eq!(outcome, Outcome::Final { epoch: 1 }),
    }
    farm.stop().await.expect("stops cleanly");
}

/// Ends coordinator and workers abruptly, again and again, and starts them on what is left.
async fn crashes(open: impl AsyncFn() -> Arc<dyn Queue>) {
    let network = network(4);
    let mut shards = Shards::new(&network);
    let mut epoch = 0;
    for pause in [0, 3, 10, 25, 60, 0, 5, 15] {
        let queue = open().await;
        let mut farm = Farm::start(queue.clone(), network.clone(), policy());
        farm.worker("w1", slow_prover(Duration::from_millis(4)));
        farm.worker("w2", slow_prover(Duration::from_millis(4)));
        epoch += 1;
        for shard in 0..4 {
            let snapshot = submit(queue.as_ref(), &shards.next(shard)).await;
            accepted(queue.as_ref(), &snapshot).await;
        }
        tokio::time::sleep(Duration::from_millis(pause)).await;
        farm.crash().await;
        drop(queue);
    }
    let queue = open().await;
    let mut farm = Farm::start(queue.clone(), network.clone(), policy());
    farm.honest("w1");
    check_chain(queue.as_ref(), &network, epoch).await;
    let state = GlobalState::from(published(queue.as_ref(), epoch).await.state);
    let mut expected = trifold_circuits::trie::SparseTrie::new(2).expect("a trie");
    for (shard, leaf) in (0..).zip(&shards.0) {
        expected.set(shard, leaf.digest()).expect("in the trie");
    }
    assert_eq!(state.root, expected.root());
    farm.stop().await.expect("stops cleanly");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_run_survives_crashes_on_a_directory() {
    let directory = tempfile::tempdir().expect("a directory");
    let open = async || {
        for _ in 0..200 {
            match LocalQueue::open(directory.path(), LEASE) {
                Ok(queue) => return Arc::new(queue) as Arc<dyn Queue>,
                // A task of the crashed farm still lets go of the directory.
                Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
            }
        }
        panic!("the directory stays locked");
    };
    crashes(open).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_run_survives_crashes_on_nats() {
    let server = NatsServer::start();
    crashes(async || server.queue(LEASE).await).await;
}

/// The server dies too, in the middle of everything, and nobody restarts us.
#[tokio::test(flavor = "multi_thread")]
async fn the_run_survives_a_killed_nats_server() {
    let mut server = NatsServer::start();
    let queue = server.queue(LEASE).await;
    let network = network(3);
    let mut shards = Shards::new(&network);
    let mut farm = Farm::start(queue.clone(), network.clone(), policy());
    farm.worker("w1", slow_prover(Duration::from_millis(100)));
    for epoch in 1..=2 {
        for shard in 0..3 {
            let snapshot = submit(queue.as_ref(), &shards.next(shard)).await;
            accepted(queue.as_ref(), &snapshot).await;
        }
        server.crash();
        published_despite_outage(queue.as_ref(), epoch).await;
    }
    check_chain(queue.as_ref(), &network, 2).await;
    farm.stop().await.expect("stops cleanly");
}

async fn published_despite_outage(queue: &dyn Queue, epoch: u64) {
    for _ in 0..600 {
        if let Ok(Some(_)) = trifold_coordinator::coordinator::published(queue, epoch).await {
            return;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("epoch {epoch} is not published");
}

/// Not a test: the worker process that the next test kills.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "started by another test as a process of its own"]
async fn worker_process() {
    let Ok(url) = std::env::var("TRIFOLD_TEST_WORKER") else {
        return;
    };
    let config = trifold_coordinator::queue::nats::NatsConfig {
        lease: LEASE,
        ..trifold_coordinator::queue::nats::NatsConfig::new(url)
    };
    let queue = trifold_coordinator::queue::nats::NatsQueue::connect(&config)
        .await
        .expect("connects");
    let executor = StandInExecute {
        batch: 4,
        ..slow_prover(Duration::from_secs(20))
    };
    let (_stop, shutdown) = tokio::sync::watch::channel(false);
    let mut worker = WorkerConfig::new("doomed");
    worker.heartbeat = LEASE / 3;
    let ended = worker::run(Arc::new(queue), Arc::new(executor), worker, shutdown).await;
    ended.expect("its device lives");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_killed_in_the_middle_of_a_batch() {
    const SHARDS: u32 = 6;
    let server = NatsServer::start();
    let queue = server.queue(LEASE).await;
    let network = network(SHARDS);
    let mut shards = Shards::new(&network);
    let mut farm = Farm::start(queue.clone(), network.clone(), policy());
    for shard in 0..SHARDS {
        let snapshot = submit(queue.as_ref(), &shards.next(shard)).await;
        accepted(queue.as_ref(), &snapshot).await;
    }
    let mut process = Command::new(std::env::current_exe().expect("this test"))
        .args(["--exact", "worker_process", "--ignored"])
        .env("TRIFOLD_TEST_WORKER", server.url())
        .stdout(Stdio::null())
        .spawn()
        .expect("starts");
    let held = still_held(queue.as_ref(), SHARDS as usize).await;
    assert!(held < SHARDS as usize, "it holds all {held} tasks");
    process.kill().expect("kill -9");
    process.wait().expect("dead");
    farm.honest("heir");
    published(queue.as_ref(), 1).await;
    check_chain(queue.as_ref(), &network, 1).await;
    farm.stop().await.expect("stops cleanly");
}

/// How many of `count` tasks another process holds, and keeps by its signs of life: at least two.
async fn still_held(queue: &dyn Queue, count: usize) -> usize {
    let lanes = StandInExecute::default().lanes();
    let lanes: Vec<Lane> = lanes.into_iter().map(_Lane::Tasks).collect();
    loop {
        tokio::time::sleep(3 * LEASE).await;
        let mut free = Vec::new();
        let wait = Duration::from_millis(100);
        while let Some(delivery) = queue.pull(&lanes, wait).await.expect("pulls") {
            free.push(delivery);
        }
        let held = count - free.len();
        for delivery in free {
            let given_back = delivery.lease.give_back(Duration::ZERO).await;
            given_back.expect("given back");
        }
        if held > 1 {
            return held;
        }
    }
}

/// Sends a command and waits for the answer.
async fn command(queue: &dyn Queue, id: &str, command: CommandKind) -> Reply {
    let body = encode(&WireCommand {
        version: VERSION,
        id: id.into(),
        command,
    });
    let item = Item {
        key: id.into(),
        attempt: 0,
        body,
    };
    queue.push(&Lane::Control, &item).await.expect("commanded");
    for _ in 0..4000 {
        if let Some(body) = queue.notice(&reply_key(id)).await.expect("notice") {
            return decode(&body).expect("a reply");
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    panic!("no answer to {id}");
}

async fn expect_done(queue: &dyn Queue, id: &str, kind: CommandKind) {
    let reply = command(queue, id, kind).await;
    assert!(reply.done, "{reply:?}");
}

async fn expect_not_done(queue: &dyn Queue, id: &str, kind: CommandKind, part: &str) {
    let reply = command(queue, id, kind).await;
    assert!(!reply.done && reply.message.contains(part), "{reply:?}");
}

/// Waits until the newest view satisfies `wanted`.
async fn view_with(farm: &Farm, wanted: impl Fn(&View) -> bool) -> Arc<View> {
    let mut last = None;
    for _ in 0..4000 {
        if let Some(view) = farm.board.view() {
            if wanted(&view) {
                return view;
            }
            last = Some(view);
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    panic!("never seen: {last:?}");
}

fn sees(view: &View, worker: &str) -> bool {
    view.workers
        .iter()
        .any(|w| w.presence.name == worker && w.alive)
}

#[tokio::test(flavor = "multi_thread")]
async fn commands_about_nothing_say_so() {
    let queue = memory();
    let network = network(3);
    let farm = Farm::start(queue.clone(), network.clone(), policy());
    let (q, nobody) = (queue.as_ref(), || "nobody".to_owned());
    let nothing = Digest::of(b"nothing");
    expect_not_done(
        q,
        "a",
        CommandKind::Cordon { worker: nobody() },
        "no worker",
    )
    .await;
    expect_not_done(
        q,
        "b",
        CommandKind::Uncordon { worker: nobody() },
        "no worker",
    )
    .await;
    expect_not_done(q, "c", CommandKind::Drain { worker: nobody() }, "no worker").await;
    expect_not_done(
        q,
        "d",
        CommandKind::Drain { worker: "*".into() },
        "no worker",
    )
    .await;
    expect_not_done(
        q,
        "e",
        CommandKind::Cordon {
            worker: "a b".into(),
        },
        "one word",
    )
    .await;
    expect_not_done(
        q,
        "f",
        CommandKind::Requeue { task: nothing },
        "no proof of a task",
    )
    .await;
    let cancel = CommandKind::Cancel {
        shard: 0,
        snapshot: nothing,
    };
    expect_not_done(q, "g", cancel, "does not wait").await;
    expect_not_done(q, "h", CommandKind::CloseEpoch, "no snapshot").await;
    farm.stop().await.expect("stops cleanly");
}

/// A cordoned worker gets nothing and is not listened to; trusted again, it proves.
#[tokio::test(flavor = "multi_thread")]
async fn a_cordoned_worker_works_again_when_it_is_trusted() {
    let queue = memory();
    let network = network(3);
    let mut shards = Shards::new(&network);
    let mut farm = Farm::start(queue.clone(), network.clone(), policy());
    farm.honest("w1");
    view_with(&farm, |view| sees(view, "w1")).await;
    let worker = || "w1".to_owned();
    expect_done(
        queue.as_ref(),
        "a",
        CommandKind::Cordon { worker: worker() },
    )
    .await;
    let orders = queue
        .notice(&orders_key("w1"))
        .await
        .expect("notice")
        .expect("orders");
    assert_eq!(
        decode::<Orders>(&orders).expect("orders").order,
        Order::Cordon
    );
    for shard in 0..3 {
        submit(queue.as_ref(), &shards.next(shard)).await;
    }
    let view = view_with(&farm, |view| {
        view.idle.as_deref() == Some("all workers are cordoned")
    })
    .await;
    assert_eq!((view.proved_tasks, view.published_epoch), (0, 0));
    expect_done(
        queue.as_ref(),
        "b",
        CommandKind::Uncordon { worker: worker() },
    )
    .await;
    published(queue.as_ref(), 1).await;
    expect_done(queue.as_ref(), "c", CommandKind::Drain { worker: worker() }).await;
    let orders = queue
        .notice(&orders_key("w1"))
        .await
        .expect("notice")
        .expect("orders");
    let orders: Orders = decode(&orders).expect("orders");
    assert!(orders.order == Order::Drain && orders.started_unix_ms.is_some());
    farm.stop().await.expect("stops cleanly");
}

/// A snapshot that is cancelled takes with it what builds on it; its shard goes on from before.
#[tokio::test(flavor = "multi_thread")]
async fn a_cancelled_snapshot_is_forgotten() {
    let queue = memory();
    let network = network(3);
    let mut shards = Shards::new(&network);
    let mut farm = Farm::start(queue.clone(), network.clone(), policy());
    let before = shards.0[0];
    let first = submit(queue.as_ref(), &shards.next(0)).await;
    let second = submit(queue.as_ref(), &shards.next(0)).await;
    accepted(queue.as_ref(), &second).await;
    let cancel = CommandKind::Cancel {
        shard: 0,
        snapshot: first,
    };
    let reply = command(queue.as_ref(), "a", cancel).await;
    assert!(
        reply.done && reply.message.contains("1 that build on it"),
        "{reply:?}"
    );
    expect_rejection(queue.as_ref(), first, "cancelled", "").await;
    expect_rejection(queue.as_ref(), second, "cancelled", "builds on").await;
    shards.0[0] = before;
    let mut other = shards.next(0);
    other.transfers += 1;
    submit(queue.as_ref(), &other).await;
    farm.honest("w1");
    for shard in 1..3 {
        submit(queue.as_ref(), &shards.next(shard)).await;
    }
    check_chain(queue.as_ref(), &network, 1).await;
    farm.stop().await.expect("stops cleanly");
}

/// What is held against a worker is held against it by the next coordinator too.
#[tokio::test(flavor = "multi_thread")]
async fn strikes_and_cordons_survive_a_restart() {
    let queue = memory();
    let network = network(3);
    let farm = farm_of_a_liar(&queue, &network).await;
    let cordoned = |view: &View| {
        let liar = |w: &&WorkerView| w.presence.name == "liar";
        view.workers
            .iter()
            .find(liar)
            .is_some_and(|w| w.cordoned && w.strikes >= 3)
    };
    view_with(&farm, cordoned).await;
    farm.crash().await;
    let mut farm = Farm::start(queue.clone(), network.clone(), policy());
    view_with(&farm, |view| view.fence == 2 && cordoned(view)).await;
    farm.honest("honest");
    published(queue.as_ref(), 1).await;
    farm.stop().await.expect("stops cleanly");
}

/// A worker calls good inputs broken: another one is asked, proves them, and the liar has a strike.
#[tokio::test(flavor = "multi_thread")]
async fn a_second_opinion_clears_a_snapshot() {
    let queue = memory();
    let network = network(3);
    let mut shards = Shards::new(&network);
    let mut config = coordinator_config("coordinator", &network, policy());
    // Nobody is taken for the last one to ask.
    config.core.census_ms = u64::MAX;
    let mut farm = Farm::configured(queue.clone(), config);
    farm.worker("liar", Liar(Lie::BrokenInputs));
    let snapshot = submit(queue.as_ref(), &shards.next(0)).await;
    wait_for(&farm, |report| {
        matches!(report, Report::TaskQuarantined { .. })
    })
    .await;
    let view = view_with(&farm, |view| {
        view.quarantined.iter().any(|q| q.bundle.is_some())
    })
    .await;
    let kept = &view.quarantined[0];
    assert_eq!(
        (kept.reporters.as_slice(), kept.reason.as_str()),
        (&["liar".to_owned()][..], "I don't like it")
    );
    let bundle = fetch_bundle(queue.as_ref(), &kept.bundle.expect("a bundle")).await;
    assert_eq!(bundle.task.id, kept.task);
    assert_eq!(
        bundle.snapshot,
        Some(hex::encode(shards_first(&network).encode()))
    );
    farm.honest("honest");
    close_epoch(queue.as_ref()).await;
    verdict(queue.as_ref(), &snapshot, |outcome| {
        *outcome == Outcome::Final { epoch: 1 }
    })
    .await;
    view_with(&farm, |view| {
        let liar = view.workers.iter().find(|w| w.presence.name == "liar");
        view.quarantined.is_empty() && liar.is_some_and(|w| w.strikes > 0)
    })
    .await;
    farm.stop().await.expect("stops cleanly");
}

fn shards_first(network: &trifold_coordinator::plan::Network) -> Snapshot {
    Shards::new(network).next(0)
}

async fn fetch_bundle(queue: &dyn Queue, blob: &Digest) -> Bundle {
    let bytes = trifold_coordinator::artifacts::fetch(queue.artifacts(), blob, 1 << 24).await;
    decode(&bytes.expect("stored")).expect("a bundle")
}

/// Blobs that nothing needs go, those of what waits stay.
#[tokio::test(flavor = "multi_thread")]
async fn what_nothing_needs_is_collected() {
    let queue = memory();
    let network = network(3);
    let mut shards = Shards::new(&network);
    let farm = Farm::start(queue.clone(), network.clone(), policy());
    let waits = submit(queue.as_ref(), &shards.next(0)).await;
    accepted(queue.as_ref(), &waits).await;
    let stray = queue
        .artifacts()
        .put(Bytes::from_static(b"stray"))
        .await
        .expect("stored");
    let gc = |older_seconds, dry_run| CommandKind::Gc {
        older_seconds,
        dry_run,
    };
    let reply = command(queue.as_ref(), "a", gc(0, true)).await;
    assert_eq!(reply.message, "1 blobs of 5 bytes could be deleted");
    let reply = command(queue.as_ref(), "b", gc(3600, false)).await;
    assert!(reply.message.starts_with("0 blobs"), "{reply:?}");
    let there = async |blob| {
        queue
            .artifacts()
            .get_unchecked(&blob, 1 << 20)
            .await
            .is_ok()
    };
    assert!(there(stray).await && there(waits).await);
    expect_done(queue.as_ref(), "c", gc(0, false)).await;
    assert!(!there(stray).await && there(waits).await);
    farm.stop().await.expect("stops cleanly");
}
