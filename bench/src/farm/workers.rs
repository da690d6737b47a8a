//! A thousand workers: each holds one task at a time for as long as its proof would take, and says so every few seconds. Those of
//! a connection are served by a few hands that take from the queue, so that idle ones cost the queue little.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::Result;
use tokio::sync::{Semaphore, watch};
use trifold_coordinator::queue::{Delivery, Item, Lane, Queue};
use trifold_coordinator::standin::StandInExecute;
use trifold_coordinator::standin::faulty::{Temper, good};
use trifold_coordinator::wire::{
    Presence, Task, TaskOutcome, TaskResult, VERSION, Work, WorkerState, decode, encode,
};
use trifold_coordinator::worker::{Execute, presence_key};

/// Half of the proofs of a program, a merge and a nest take longer; a hundredth of what they take on a card.
const PROGRAM: Duration = Duration::from_millis(60);
const MERGE: Duration = Duration::from_millis(200);
const NEST: Duration = Duration::from_millis(150);
/// Standard deviation of the logarithm of a proof's time.
const SPREAD: f64 = 0.5;
/// Hands that take tasks for the workers of a connection.
const HANDS: u32 = 8;
const WAIT: Duration = Duration::from_secs(1);
const PRESENCE: Duration = Duration::from_secs(5);

/// The workers of a connection.
pub struct Crew {
    pub queue: Arc<dyn Queue>,
    /// Numbers of its workers.
    pub first: u32,
    pub count: u32,
}

impl Crew {
    /// Starts them all; they work until `stop` turns true.
    pub fn start(self, stop: &watch::Receiver<bool>) {
        let free = Arc::new(Semaphore::new(self.count as usize));
        let lanes = StandInExecute::default().lanes();
        for hand in 0..HANDS {
            let name = format!("bench-{}", self.first + hand % self.count);
            let lanes = lanes.iter().cloned().map(Lane::Tasks).collect();
            let hand = Hand {
                queue: self.queue.clone(),
                free: free.clone(),
                lanes,
                name,
            };
            tokio::spawn(hand.work(stop.clone()));
        }
        for number in self.first..self.first + self.count {
            let presence = presence(format!("bench-{number}"), lanes.clone());
            tokio::spawn(speak(self.queue.clone(), presence, stop.clone()));
        }
    }
}

struct Hand {
    queue: Arc<dyn Queue>,
    free: Arc<Semaphore>,
    lanes: Vec<Lane>,
    name: String,
}

impl Hand {
    async fn work(self, stop: watch::Receiver<bool>) {
        while !*stop.borrow() {
            let Ok(worker) = self.free.clone().acquire_owned().await else {
                return;
            };
            match self.queue.pull(&self.lanes, WAIT).await {
                Ok(Some(delivery)) => {
                    let (queue, name) = (self.queue.clone(), self.name.clone());
                    tokio::spawn(async move {
                        if let Err(error) = prove(queue, name, delivery).await {
                            eprintln!("a worker: {error:#}");
                        }
                        drop(worker);
                    });
                }
                Ok(None) => {}
                Err(_) => tokio::time::sleep(WAIT).await,
            }
        }
    }
}

async fn prove(queue: Arc<dyn Queue>, worker: String, delivery: Delivery) -> Result<()> {
    let task: Task = decode(&delivery.body)?;
    let median = match task.work {
        Work::Program { .. } | Work::Part { .. } => PROGRAM,
        Work::Merge { .. } => MERGE,
        Work::Nest { .. } => NEST,
    };
    let temper = Temper {
        median,
        spread: SPREAD,
        ..Temper::default()
    };
    let time = temper.fate(&task, 0).time;
    tokio::time::sleep(time).await;
    let result = TaskResult {
        version: VERSION,
        task: task.id,
        attempt: task.attempt,
        outcome: TaskOutcome::Proved(good(&task, time)),
        worker: worker.clone(),
    };
    let item = Item {
        key: format!("{worker}.{}.{}", task.id, task.attempt),
        attempt: 0,
        body: encode(&result),
    };
    queue.push(&Lane::Results, &item).await?;
    delivery.lease.done().await?;
    Ok(())
}

fn presence(name: String, lanes: Vec<String>) -> Presence {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    Presence {
        version: VERSION,
        name,
        serial: 0,
        started_unix_ms: since.map_or(0, |since| since.as_millis() as u64),
        build: String::new(),
        host: String::new(),
        process: std::process::id(),
        backend: "stand-in".into(),
        card: None,
        state: WorkerState::Ready,
        lanes,
        held: Vec::new(),
        proved_tasks: 0,
        failed_tasks: 0,
        cpu_seconds: 0.0,
        gpu_seconds: 0.0,
    }
}

async fn speak(queue: Arc<dyn Queue>, mut presence: Presence, stop: watch::Receiver<bool>) {
    let key = presence_key(&presence.name);
    while !*stop.borrow() {
        presence.serial += 1;
        // The next one will do.
        let _ = queue.notify(&key, encode(&presence)).await;
        tokio::time::sleep(PRESENCE).await;
    }
}
