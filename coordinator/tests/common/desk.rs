//! A worker's desk: a queue with tasks, seen from the coordinator's side, and an executor with a gate before each stage. Gates
//! take the place of times: a stage waits until the test opens it.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

use ark_bn254::Fr;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use trifold_circuits::field;
use trifold_coordinator::Digest;
use trifold_coordinator::queue::local::LocalQueue;
use trifold_coordinator::queue::{Delivery, Item, Lane, Queue};
use trifold_coordinator::standin::{self, StandInExecute};
use trifold_coordinator::wire::{
    ChildWork, FailureClass, ProofBytes, Proved, Task, TaskOutcome, TaskResult, WirePath, Work,
    decode, encode,
};
use trifold_coordinator::worker::{self, Execute, ExecuteError, Fetch, WorkerConfig, WorkerError};
use trifold_verifier::statement::GlobalState;

use super::{network, worker_config};

pub const LEASE: Duration = Duration::from_secs(30);
/// Ends a test that would hang.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// What the stages did and what holds them.
#[derive(Default)]
pub struct Stages {
    /// Numbers of the tasks whose witness was begun.
    pub preparing: HashSet<u64>,
    /// Numbers of the tasks whose witness is made.
    pub prepared: Vec<u64>,
    /// Numbers of the tasks of each batch that was begun, in order.
    pub batches: Vec<Vec<u64>>,
    /// Tasks whose witness waits.
    pub slow: HashSet<u64>,
    /// Proofs wait.
    pub closed: bool,
}

/// An executor with a gate before each stage; a task is known by the number in its statement.
#[derive(Clone, Default)]
pub struct Gated {
    pub stages: Arc<(Mutex<Stages>, Condvar)>,
    pub batch: usize,
    /// Tasks of the first batch, whose witnesses wait for each other.
    pub gathered: HashSet<u64>,
    pub faults: HashMap<u64, Fault>,
}

#[derive(Clone)]
pub enum Fault {
    Error(ExecuteError),
    Panic,
}

pub fn number(task: &Task) -> u64 {
    let bytes = field::to_bytes(&task.statement);
    u64::from_le_bytes(bytes[..8].try_into().expect("eight bytes"))
}

impl Gated {
    pub fn closed(batch: usize) -> Self {
        let gated = Self {
            batch,
            ..Self::default()
        };
        gated.set(|stages| stages.closed = true);
        gated
    }

    /// The first tasks are ready together, so that they are the first batch.
    pub fn gathering(self) -> Self {
        Self {
            gathered: (0..self.batch as u64).collect(),
            ..self
        }
    }

    pub fn with_faults(self, faults: impl IntoIterator<Item = (u64, Fault)>) -> Self {
        Self {
            faults: faults.into_iter().collect(),
            ..self
        }
    }

    pub fn set(&self, change: impl FnOnce(&mut Stages)) {
        change(&mut self.stages.0.lock().expect("stages"));
        self.stages.1.notify_all();
    }

    /// Whose witnesses wait from now on.
    pub fn slow<const N: usize>(&self, numbers: [u64; N]) {
        self.set(|stages| stages.slow = numbers.into());
    }

    pub fn open(&self) {
        self.set(|stages| stages.closed = false);
    }

    pub fn batches(&self) -> Vec<Vec<u64>> {
        self.stages.0.lock().expect("stages").batches.clone()
    }

    /// Lets the stage begin once `held` no longer says that it waits.
    pub fn pass(&self, held: impl Fn(&Stages) -> bool, begin: impl FnOnce(&mut Stages)) {
        let (stages, changed) = &*self.stages;
        let mut stages = stages.lock().expect("stages");
        begin(&mut stages);
        changed.notify_all();
        let waited = changed.wait_timeout_while(stages, PATIENCE, |stages| held(stages));
        assert!(
            !waited.expect("stages").1.timed_out(),
            "nobody opened the gate"
        );
    }

    /// Waits until the stages are as wanted.
    pub async fn until(&self, wanted: impl Fn(&Stages) -> bool) {
        let start = Instant::now();
        while !wanted(&self.stages.0.lock().expect("stages")) {
            assert!(start.elapsed() < PATIENCE, "it never happened");
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }
}

impl Execute for Gated {
    type Prepared = Task;

    fn lanes(&self) -> Vec<String> {
        StandInExecute::default().lanes()
    }

    fn batch(&self, _lane: &str) -> usize {
        self.batch
    }

    fn prepare(&self, task: &Task, _fetch: &Fetch<'_>) -> Result<Task, ExecuteError> {
        let number = number(task);
        let alone = |stages: &Stages| {
            self.gathered.contains(&number) && !self.gathered.is_subset(&stages.preparing)
        };
        self.pass(
            |stages| alone(stages) || stages.slow.contains(&number),
            |stages| stages.preparing.extend([number]),
        );
        self.set(|stages| stages.prepared.push(number));
        Ok(task.clone())
    }

    fn prove(&self, tasks: &[Task]) -> Vec<Result<Proved, ExecuteError>> {
        let numbers: Vec<u64> = tasks.iter().map(number).collect();
        self.pass(
            |stages| stages.closed,
            |stages| stages.batches.push(numbers.clone()),
        );
        let proven = StandInExecute::default().prove(tasks);
        let proven = proven.into_iter().zip(numbers);
        proven
            .map(|(proved, number)| match self.faults.get(&number) {
                None => proved,
                Some(Fault::Error(error)) => Err(error.clone()),
                Some(Fault::Panic) => panic!("task {number} crashes the prover"),
            })
            .collect()
    }
}

pub fn program(number: u64) -> Task {
    let work = Work::Program {
        shard: number as u32,
        snapshot: Digest::of(&number.to_le_bytes()),
        proofs: Vec::new(),
    };
    task(standin::program(), number, work)
}

pub fn merge(number: u64) -> Task {
    let child = |_| ChildWork::Unchanged {
        digest: Fr::from(0),
    };
    let work = Work::Merge {
        level: 0,
        index: 0,
        history: Fr::from(0),
        program: standin::program(),
        registration: WirePath {
            index: 0,
            siblings: Vec::new().into(),
        },
        children: Box::new([0, 1, 2].map(child)),
    };
    task(network(1).keys.merge, number, work)
}

pub fn nest(number: u64) -> Task {
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
    task(network(1).keys.nest, number, work)
}

pub fn task(key: Fr, number: u64, work: Work) -> Task {
    Task::new(key, Fr::from(number), network(1).keys, Fr::from(0), work)
}

/// A queue with tasks, seen from the coordinator's side.
pub struct Desk {
    pub queue: Arc<dyn Queue>,
    pub shutdown: watch::Sender<bool>,
}

impl Desk {
    pub fn new(queue: Arc<dyn Queue>) -> Self {
        let shutdown = watch::Sender::new(false);
        Self { queue, shutdown }
    }

    pub fn memory() -> Self {
        Self::new(Arc::new(LocalQueue::memory(LEASE)))
    }

    pub async fn push(&self, tasks: impl IntoIterator<Item = Task>) {
        for task in tasks {
            let item = Item {
                key: task.id.to_string(),
                attempt: 0,
                body: encode(&task),
            };
            let lane = Lane::Tasks(task.lane());
            self.queue.push(&lane, &item).await.expect("pushed");
        }
    }

    pub fn work(&self, executor: &Gated) -> JoinHandle<Result<(), WorkerError>> {
        self.work_as(worker_config("w"), executor)
    }

    pub fn work_as(
        &self,
        config: WorkerConfig,
        executor: &Gated,
    ) -> JoinHandle<Result<(), WorkerError>> {
        let (queue, executor) = (self.queue.clone(), Arc::new(executor.clone()));
        tokio::spawn(worker::run(
            queue,
            executor,
            config,
            self.shutdown.subscribe(),
        ))
    }

    /// Stops the worker, and expects it to end well.
    pub async fn stop(&self, worker: JoinHandle<Result<(), WorkerError>>) {
        self.shutdown.send_replace(true);
        worker.await.expect("no panic").expect("its device lives");
    }

    /// The task that nobody holds, if there is one, leased by the test.
    pub async fn free(&self, wait: Duration) -> Option<(u64, Delivery)> {
        let lanes = StandInExecute::default().lanes();
        let lanes: Vec<Lane> = lanes.into_iter().map(Lane::Tasks).collect();
        let found = self.queue.pull(&lanes, wait).await.expect("pulls")?;
        let task: Task = decode(&found.body).expect("a task");
        Some((number(&task), found))
    }

    /// The next `count` outcomes by the number of their task; none is given twice.
    pub async fn outcomes(&self, tasks: &[Task], count: usize) -> HashMap<u64, TaskOutcome> {
        let numbers: HashMap<Digest, u64> = tasks.iter().map(|t| (t.id, number(t))).collect();
        let mut outcomes = HashMap::new();
        while outcomes.len() < count {
            let pulled = self.queue.pull(&[Lane::Results], PATIENCE).await;
            let delivery = pulled.expect("pulls").expect("a result");
            let result: TaskResult = decode(&delivery.body).expect("a result");
            delivery.lease.done().await.expect("done");
            let before = outcomes.insert(numbers[&result.task], result.outcome);
            assert!(before.is_none(), "reported twice");
        }
        outcomes
    }
}

pub fn proved(outcome: &TaskOutcome) -> bool {
    matches!(outcome, TaskOutcome::Proved(_))
}

pub fn failed(outcome: &TaskOutcome, expected: FailureClass, part: &str) -> bool {
    match outcome {
        TaskOutcome::Failed { class, message } => *class == expected && message.contains(part),
        TaskOutcome::Proved(_) => false,
    }
}

pub fn programs(count: u64) -> Vec<Task> {
    (0..count).map(program).collect()
}

/// A worker whose batches wait for all that is being prepared.
pub fn patient() -> WorkerConfig {
    WorkerConfig {
        linger: PATIENCE,
        preparers: 8,
        ..worker_config("w")
    }
}
