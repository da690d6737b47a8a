//! What a worker says of itself, whose orders it obeys, what it does with tasks that come twice, and how it ends.

mod common;

use std::collections::HashSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use common::desk::*;
use common::worker_config;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use trifold_coordinator::queue::{Item, Lane, Pushed};
use trifold_coordinator::wire::{
    FailureClass, HeldStage, Order, Orders, Presence, Task, TaskOutcome, TaskResult, VERSION,
    WorkerState, decode, encode,
};
use trifold_coordinator::worker::{
    self, Execute, ExecuteError, Fetch, Patience, WorkerConfig, WorkerError,
};

const SOON: Duration = Duration::from_millis(20);

/// A worker that speaks often.
fn talking(name: &str) -> WorkerConfig {
    WorkerConfig {
        presence: SOON,
        avoid_pause: Duration::from_millis(1),
        ..worker_config(name)
    }
}

/// Waits until the worker says something that is as wanted.
async fn says(desk: &Desk, name: &str, wanted: impl Fn(&Presence) -> bool) -> Presence {
    let start = Instant::now();
    loop {
        let said = desk.queue.notice(&worker::presence_key(name)).await;
        if let Some(body) = said.expect("notice") {
            let presence: Presence = decode(&body).expect("a presence");
            if wanted(&presence) {
                return presence;
            }
            assert!(start.elapsed() < PATIENCE, "it never said so: {presence:?}");
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

async fn is(desk: &Desk, name: &str, state: WorkerState) -> Presence {
    says(desk, name, |presence| presence.state == state).await
}

async fn order(desk: &Desk, name: &str, order: Order, started_unix_ms: Option<u64>) {
    let orders = Orders {
        version: VERSION,
        order,
        started_unix_ms,
    };
    let key = worker::orders_key(name);
    let told = desk.queue.notify(&key, encode(&orders)).await;
    told.expect("notified");
}

async fn result(desk: &Desk) -> TaskResult {
    let pulled = desk.queue.pull(&[Lane::Results], PATIENCE).await;
    let delivery = pulled.expect("pulls").expect("a result");
    delivery.lease.done().await.expect("done");
    decode(&delivery.body).expect("a result")
}

/// Pushes a task. One like it may just be finished and not yet be let go of: waits for that.
async fn push(desk: &Desk, task: &Task) {
    let item = Item {
        key: task.id.to_string(),
        attempt: task.attempt,
        body: encode(task),
    };
    let lane = Lane::Tasks(task.lane());
    let start = Instant::now();
    while desk.queue.push(&lane, &item).await.expect("pushed") != Pushed::New {
        assert!(start.elapsed() < PATIENCE, "it is never let go of");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

/// Everything that nobody holds, until there are `count`.
async fn free(desk: &Desk, count: usize) -> HashSet<u64> {
    let mut free = HashSet::new();
    while free.len() < count {
        free.insert(desk.free(PATIENCE).await.expect("free").0);
    }
    free
}

#[tokio::test(flavor = "multi_thread")]
async fn a_presence_shows_what_is_held_and_counts_what_was_done() {
    let (desk, executor) = (Desk::memory(), Gated::closed(1));
    desk.push(programs(3)).await;
    let worker = desk.work_as(talking("w"), &executor);
    let stages = |presence: &Presence| -> Vec<_> {
        let held = presence.held.iter();
        held.map(|held| (held.task, held.stage)).collect()
    };
    let ids: Vec<_> = programs(3).iter().map(|task| task.id).collect();
    let wanted = [(ids[0], HeldStage::Proving), (ids[1], HeldStage::Waiting)];
    let busy = says(&desk, "w", |presence| stages(presence) == wanted).await;
    assert_eq!((busy.state, busy.proved_tasks), (WorkerState::Ready, 0));
    assert_eq!(busy.lanes, executor.lanes());
    assert_eq!(
        (busy.name.as_str(), busy.process),
        ("w", std::process::id())
    );
    executor.open();
    desk.outcomes(&programs(3), 3).await;
    let idle = says(&desk, "w", |presence| {
        presence.held.is_empty() && presence.proved_tasks == 3
    });
    assert!(idle.await.serial > busy.serial);
    desk.stop(worker).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cordoned_worker_finishes_what_it_holds_and_works_again_when_told() {
    let (desk, executor) = (Desk::memory(), Gated::closed(1));
    desk.push(programs(4)).await;
    let worker = desk.work_as(talking("w"), &executor);
    executor.until(|stages| stages.prepared == [0, 1]).await;
    order(&desk, "w", Order::Cordon, None).await;
    is(&desk, "w", WorkerState::Cordoned).await;
    executor.open();
    let outcomes = desk.outcomes(&programs(4), 2).await;
    assert_eq!(
        outcomes.keys().copied().collect::<HashSet<_>>(),
        HashSet::from([0, 1])
    );
    says(&desk, "w", |presence| presence.held.is_empty()).await;
    assert_eq!(executor.batches().len(), 2, "it took nothing further");
    order(&desk, "w", Order::Work, None).await;
    assert_eq!(desk.outcomes(&programs(4), 2).await.len(), 2);
    desk.stop(worker).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_to_drain_ends_the_worker_and_gives_back_what_was_not_begun() {
    let (desk, executor) = (Desk::memory(), Gated::closed(1));
    desk.push(programs(4)).await;
    let worker = desk.work_as(talking("w"), &executor);
    executor.until(|stages| stages.prepared == [0, 1]).await;
    let started = is(&desk, "w", WorkerState::Ready).await.started_unix_ms;
    order(&desk, "w", Order::Drain, Some(started)).await;
    is(&desk, "w", WorkerState::Draining).await;
    assert_eq!(free(&desk, 3).await, HashSet::from([1, 2, 3]));
    executor.open();
    worker.await.expect("no panic").expect("it was told to");
    assert_eq!(desk.outcomes(&programs(4), 1).await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_was_started_again_does_not_obey_the_order_to_the_one_before() {
    let (desk, executor) = (Desk::memory(), Gated::closed(1));
    order(&desk, "w", Order::Drain, Some(1)).await;
    let worker = desk.work_as(talking("w"), &executor);
    says(&desk, "w", |presence| presence.serial >= 3).await;
    executor.open();
    desk.push(programs(2)).await;
    assert_eq!(desk.outcomes(&programs(2), 2).await.len(), 2);
    desk.stop(worker).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_machine_that_is_taken_away_gives_back_what_the_prover_has_too() {
    let (desk, executor) = (Desk::memory(), Gated::closed(1));
    desk.push(programs(3)).await;
    let (urgent, give_back) = watch::channel(false);
    let config = WorkerConfig {
        give_back,
        ..talking("w")
    };
    let worker = desk.work_as(config, &executor);
    executor.until(|stages| stages.prepared == [0, 1]).await;
    urgent.send_replace(true);
    worker.await.expect("no panic").expect("it was told to");
    assert_eq!(free(&desk, 3).await, HashSet::from([0, 1, 2]));
    executor.open();
}

/// A drain that gets urgent does not wait for the prover either.
#[tokio::test(flavor = "multi_thread")]
async fn a_drain_may_get_urgent() {
    let (desk, executor) = (Desk::memory(), Gated::closed(1));
    desk.push(programs(1)).await;
    let (urgent, give_back) = watch::channel(false);
    let config = WorkerConfig {
        give_back,
        ..talking("w")
    };
    let worker = desk.work_as(config, &executor);
    executor.until(|stages| stages.batches.len() == 1).await;
    desk.shutdown.send_replace(true);
    is(&desk, "w", WorkerState::Draining).await;
    urgent.send_replace(true);
    worker.await.expect("no panic").expect("it was told to");
    assert_eq!(free(&desk, 1).await, HashSet::from([0]));
    executor.open();
}

/// The task comes again with a later attempt while it waits for the prover: one proof, reported for the later attempt.
#[tokio::test(flavor = "multi_thread")]
async fn a_task_that_comes_again_while_it_is_held_is_done_once() {
    let (desk, executor) = (Desk::memory(), Gated::closed(2));
    desk.push(programs(9)).await;
    let worker = desk.work_as(talking("w"), &executor);
    executor.until(|stages| stages.batches.len() == 1).await;
    // While programs are known to wait, it looks at the merges.
    let task = merge(20);
    push(&desk, &task).await;
    executor.until(|stages| stages.prepared.contains(&20)).await;
    let lane = Lane::Tasks(task.lane());
    let cancelled = desk.queue.cancel(&lane, &task.id.to_string()).await;
    cancelled.expect("cancelled");
    let again = Task { attempt: 1, ..task };
    push(&desk, &again).await;
    let adopted = |presence: &Presence| presence.held.iter().any(|held| held.attempt == 1);
    let held = says(&desk, "w", adopted).await.held;
    assert_eq!(held.iter().filter(|held| held.task == again.id).count(), 1);
    executor.open();
    let mut attempts = Vec::new();
    for _ in 0..10 {
        let result = result(&desk).await;
        attempts.extend((result.task == again.id).then_some(result.attempt));
    }
    assert_eq!(attempts, [1]);
    let proven = executor.batches().concat();
    assert_eq!(proven.iter().filter(|number| **number == 20).count(), 1);
    says(&desk, "w", |presence| presence.held.is_empty()).await;
    assert!(desk.free(Duration::ZERO).await.is_none(), "off the queue");
    desk.stop(worker).await;
}

/// A queue that forgets an ack delivers a finished task again: the same proof is reported, and none is made.
#[tokio::test(flavor = "multi_thread")]
async fn a_finished_task_that_comes_again_is_reported_again_and_not_proven() {
    let (desk, executor) = (Desk::memory(), Gated::closed(1));
    executor.open();
    let task = program(0);
    push(&desk, &task).await;
    let worker = desk.work_as(talking("w"), &executor);
    let first = result(&desk).await;
    says(&desk, "w", |presence| {
        presence.held.is_empty() && presence.proved_tasks == 1
    })
    .await;
    push(&desk, &task).await;
    let second = result(&desk).await;
    assert_eq!(
        (first.outcome, first.attempt),
        (second.outcome, second.attempt)
    );
    assert_eq!(executor.batches(), [vec![0]]);
    // A later attempt says that the proof was not taken.
    says(&desk, "w", |presence| presence.held.is_empty()).await;
    push(&desk, &Task { attempt: 1, ..task }).await;
    assert_eq!(result(&desk).await.attempt, 1);
    assert_eq!(executor.batches(), [vec![0], vec![0]]);
    desk.stop(worker).await;
}

fn avoiding(number: u64) -> Task {
    Task {
        avoid: vec!["w".into()],
        ..program(number)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_task_that_avoids_a_worker_is_left_to_others() {
    let (desk, executor) = (Desk::memory(), Gated::closed(1));
    executor.open();
    push(&desk, &avoiding(0)).await;
    push(&desk, &program(1)).await;
    let config = WorkerConfig {
        avoid_pause: Duration::from_secs(3600),
        ..talking("w")
    };
    let worker = desk.work_as(config, &executor);
    assert_eq!(result(&desk).await.task, program(1).id);
    says(&desk, "w", |presence| presence.held.is_empty()).await;
    assert_eq!(executor.batches(), [vec![1]]);
    desk.stop(worker).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_is_alone_takes_a_task_that_avoids_it_in_the_end() {
    let (desk, executor) = (Desk::memory(), Gated::closed(1));
    executor.open();
    push(&desk, &avoiding(0)).await;
    let worker = desk.work_as(talking("w"), &executor);
    assert!(proved(&result(&desk).await.outcome));
    desk.stop(worker).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_does_not_fit_goes_to_large_workers_only() {
    let too_much = Fault::Error(ExecuteError::Memory("16 GB wanted".into()));
    let executor = Gated::closed(1).with_faults([(0, too_much)]);
    executor.open();
    let desk = Desk::memory();
    let ordinary = desk.work_as(talking("small"), &executor);
    push(&desk, &program(0)).await;
    let TaskOutcome::Failed { class, message } = result(&desk).await.outcome else {
        panic!("it has not the memory");
    };
    assert_eq!(
        (class, message.as_str()),
        (FailureClass::Memory, "16 GB wanted")
    );
    let large = Task {
        large: true,
        ..program(1)
    };
    push(&desk, &large).await;
    push(&desk, &program(2)).await;
    assert_eq!(result(&desk).await.task, program(2).id);
    let executor = Gated::closed(1);
    executor.open();
    let config = WorkerConfig {
        large: true,
        ..talking("big")
    };
    let big = desk.work_as(config, &executor);
    let proved = result(&desk).await;
    assert_eq!((proved.task, proved.worker.as_str()), (large.id, "big"));
    let lanes = is(&desk, "big", WorkerState::Ready).await.lanes;
    assert_eq!((lanes[0].ends_with("-large"), lanes.len()), (true, 8));
    desk.shutdown.send_replace(true);
    for worker in [ordinary, big] {
        worker.await.expect("no panic").expect("its device lives");
    }
}

/// One hangs at the prover: it is reported with what hung, the other goes back, and the worker ends with an error of its own.
#[tokio::test(flavor = "multi_thread")]
async fn what_hangs_ends_the_worker_and_loses_no_task() {
    let (desk, executor) = (Desk::memory(), Gated::closed(1));
    desk.push(programs(2)).await;
    let config = WorkerConfig {
        patience: Patience {
            least: Duration::from_millis(200),
            times: 1,
        },
        ..talking("w")
    };
    let worker = desk.work_as(config, &executor);
    executor.until(|stages| stages.batches == [vec![0]]).await;
    let ended = worker.await.expect("no panic");
    let Err(WorkerError::Hung(what)) = ended else {
        panic!("{ended:?}");
    };
    let task = program(0).id.to_string();
    assert!(what.contains("proof") && what.contains(&task), "{what}");
    let outcomes = desk.outcomes(&programs(2), 1).await;
    assert!(failed(&outcomes[&0], FailureClass::Worker, "has not ended"));
    assert_eq!(free(&desk, 1).await, HashSet::from([1]));
    executor.open();
}

/// Its self-test waits for the test, and fails or does not.
struct Tested {
    passed: std::sync::Mutex<std::sync::mpsc::Receiver<Result<(), ExecuteError>>>,
    gated: Gated,
}

impl Execute for Tested {
    type Prepared = Task;

    fn lanes(&self) -> Vec<String> {
        self.gated.lanes()
    }

    fn ready(&self) -> Result<(), ExecuteError> {
        let passed = self.passed.lock().expect("passed");
        passed.recv_timeout(PATIENCE).expect("an outcome")
    }

    fn prepare(&self, task: &Task, fetch: &Fetch<'_>) -> Result<Task, ExecuteError> {
        self.gated.prepare(task, fetch)
    }

    fn prove(
        &self,
        tasks: &[Task],
    ) -> Vec<Result<trifold_coordinator::wire::Proved, ExecuteError>> {
        self.gated.prove(tasks)
    }
}

type Outcome = Result<(), ExecuteError>;

fn tested(
    desk: &Desk,
    config: WorkerConfig,
) -> (
    std::sync::mpsc::Sender<Outcome>,
    JoinHandle<Result<(), WorkerError>>,
) {
    let (pass, passed) = std::sync::mpsc::channel();
    let gated = Gated::closed(1);
    gated.open();
    let executor = Arc::new(Tested {
        passed: passed.into(),
        gated,
    });
    let shutdown = desk.shutdown.subscribe();
    let run = worker::run(desk.queue.clone(), executor, config, shutdown);
    (pass, tokio::spawn(run))
}

#[tokio::test(flavor = "multi_thread")]
async fn no_task_before_the_self_test() {
    let desk = Desk::memory();
    let config = talking("w");
    let mut state = config.state.subscribe();
    let (pass, worker) = tested(&desk, config);
    push(&desk, &program(0)).await;
    let starting = says(&desk, "w", |presence| presence.serial >= 3).await;
    assert_eq!(starting.state, WorkerState::Starting);
    let (_, untouched) = desk.free(Duration::ZERO).await.expect("nobody took it");
    untouched
        .lease
        .give_back(Duration::ZERO)
        .await
        .expect("given back");
    assert_eq!(*state.borrow_and_update(), WorkerState::Starting);
    pass.send(Ok(())).expect("it waits");
    state.changed().await.expect("it runs");
    assert_eq!(*state.borrow(), WorkerState::Ready);
    assert_eq!(result(&desk).await.task, program(0).id);
    desk.stop(worker).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_or_hung_self_test_ends_the_worker() {
    let desk = Desk::memory();
    let wrong = || ExecuteError::Worker("2 + 2 = 5".into());
    let (pass, worker) = tested(&desk, talking("w"));
    pass.send(Err(wrong())).expect("it waits");
    let expected = WorkerError::SelfTest("2 + 2 = 5".into());
    assert_eq!(worker.await.expect("no panic"), Err(expected));
    let patience = Patience {
        least: Duration::from_millis(50),
        times: 1,
    };
    let config = WorkerConfig {
        patience,
        ..talking("w")
    };
    let (pass, worker) = tested(&desk, config);
    let ended = worker.await.expect("no panic");
    assert!(
        matches!(&ended, Err(WorkerError::Hung(what)) if what.contains("self-test")),
        "{ended:?}"
    );
    drop(pass);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_can_be_stopped_before_it_is_ready() {
    let desk = Desk::memory();
    let (pass, worker) = tested(&desk, talking("w"));
    desk.stop(worker).await;
    drop(pass);
}
