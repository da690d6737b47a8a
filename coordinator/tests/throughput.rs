//! The worker's production line: witnesses beside proofs, batches, what is held and what is given back.

mod common;

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use common::desk::*;
use trifold_coordinator::queue::local::LocalQueue;
use trifold_coordinator::queue::{
    Delivery, Facts, Item, JournalEntry, Lane, Lease, Pushed, Queue, QueueError, QueueStats,
};
use trifold_coordinator::wire::FailureClass;
use trifold_coordinator::worker::ExecuteError;
use trifold_coordinator::{Artifacts, WorkerError};

#[tokio::test(flavor = "multi_thread")]
async fn the_next_witness_is_made_while_the_prover_works() {
    let (desk, executor) = (Desk::memory(), Gated::closed(1));
    desk.push(programs(3)).await;
    let worker = desk.work(&executor);
    executor
        .until(|stages| stages.batches == [vec![0]] && stages.prepared == [0, 1])
        .await;
    let third = desk.free(PATIENCE).await.map(|(number, _)| number);
    assert_eq!(third, Some(2), "one ahead, no more");
    executor.open();
    assert!(desk.outcomes(&programs(3), 2).await.values().all(proved));
    desk.stop(worker).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn tasks_of_one_circuit_are_proven_together() {
    let (desk, executor) = (Desk::memory(), Gated::closed(4).gathering());
    desk.push(programs(9)).await;
    let worker = desk.work_as(patient(), &executor);
    executor.until(|stages| stages.batches.len() == 1).await;
    assert_eq!(executor.batches(), [vec![0, 1, 2, 3]]);
    executor.open();
    let outcomes = desk.outcomes(&programs(9), 9).await;
    assert!(outcomes.values().all(proved));
    let batches = executor.batches();
    assert!(batches.iter().all(|batch| batch.len() <= 4), "{batches:?}");
    assert_eq!(batches.concat().len(), 9, "each once: {batches:?}");
    desk.stop(worker).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_does_not_wait_for_a_witness_that_takes_long() {
    let (desk, executor) = (Desk::memory(), Gated::closed(2));
    executor.slow([1]);
    desk.push(programs(4)).await;
    let worker = desk.work(&executor);
    executor.until(|stages| stages.batches == [vec![0]]).await;
    executor.slow([]);
    executor.open();
    assert!(desk.outcomes(&programs(4), 4).await.values().all(proved));
    desk.stop(worker).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_closer_to_the_root_overtakes_what_was_taken_ahead() {
    let (desk, executor) = (Desk::memory(), Gated::closed(1));
    desk.push(programs(4)).await;
    let worker = desk.work(&executor);
    executor.until(|stages| stages.prepared == [0, 1]).await;
    desk.push([merge(10), nest(11)]).await;
    executor
        .until(|stages| {
            [10, 11]
                .iter()
                .all(|number| stages.prepared.contains(number))
        })
        .await;
    executor.open();
    executor.until(|stages| stages.batches.len() >= 4).await;
    assert_eq!(
        executor.batches()[..4],
        [[0], [11], [10], [1]].map(Vec::from)
    );
    desk.stop(worker).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bad_task_fails_alone_and_with_its_class() {
    let inputs = Fault::Error(ExecuteError::Inputs("constraint 17 is violated".into()));
    let here = Fault::Error(ExecuteError::Worker("out of memory".into()));
    let executor = Gated::closed(4)
        .gathering()
        .with_faults([(1, inputs), (2, here)]);
    let desk = Desk::memory();
    desk.push(programs(8)).await;
    let worker = desk.work_as(patient(), &executor);
    executor
        .until(|stages| stages.batches == [vec![0, 1, 2, 3]])
        .await;
    executor.open();
    let outcomes = desk.outcomes(&programs(8), 8).await;
    assert!(failed(&outcomes[&1], FailureClass::Inputs, "constraint 17"));
    assert!(failed(&outcomes[&2], FailureClass::Worker, "out of memory"));
    assert!(
        [0, 3, 4, 5, 6, 7]
            .iter()
            .all(|number| proved(&outcomes[number]))
    );
    desk.stop(worker).await;
}

/// A whole batch that fails is halved until the task that breaks the prover is alone.
#[tokio::test(flavor = "multi_thread")]
async fn a_task_that_crashes_the_prover_costs_no_other_its_proof() {
    let executor = Gated::closed(4)
        .gathering()
        .with_faults([(2, Fault::Panic)]);
    let desk = Desk::memory();
    desk.push(programs(8)).await;
    let worker = desk.work_as(patient(), &executor);
    executor.until(|stages| stages.batches.len() == 1).await;
    executor.open();
    let outcomes = desk.outcomes(&programs(8), 8).await;
    for (number, outcome) in &outcomes {
        match number {
            2 => assert!(failed(outcome, FailureClass::Worker, "crashes the prover")),
            _ => assert!(proved(outcome), "{number}"),
        }
    }
    let batches = executor.batches();
    assert_eq!(
        batches[..5],
        [vec![0, 1, 2, 3], vec![0, 1], vec![2, 3], vec![2], vec![3]]
    );
    desk.stop(worker).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shutdown_finishes_the_batch_and_gives_back_the_rest() {
    let (desk, executor) = (Desk::memory(), Gated::closed(2).gathering());
    executor.slow([3]);
    desk.push(programs(12)).await;
    let worker = desk.work_as(patient(), &executor);
    executor
        .until(|stages| stages.batches == [vec![0, 1]] && stages.prepared.contains(&2))
        .await;
    desk.shutdown.send_replace(true);
    // Ready or not, what the prover does not have is free again while the prover still works.
    let mut free = HashSet::new();
    while free.len() < 10 {
        free.insert(desk.free(PATIENCE).await.expect("given back").0);
    }
    assert_eq!(free, (2..12).collect());
    assert!(!worker.is_finished(), "the batch is still at the prover");
    executor.slow([]);
    executor.open();
    desk.stop(worker).await;
    let outcomes = desk.outcomes(&programs(12), 2).await;
    assert!([0, 1].iter().all(|number| proved(&outcomes[number])));
    assert_eq!(executor.batches().len(), 1, "no new batch was begun");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_device_ends_the_worker_and_loses_no_task() {
    let lost = Fault::Error(ExecuteError::Lost("fell off the bus".into()));
    let executor = Gated::closed(1).with_faults([(0, lost)]);
    let desk = Desk::memory();
    desk.push(programs(3)).await;
    let worker = desk.work(&executor);
    executor.until(|stages| stages.prepared == [0, 1]).await;
    executor.open();
    let ended = worker.await.expect("no panic");
    assert_eq!(ended, Err(WorkerError::Lost("fell off the bus".into())));
    let outcomes = desk.outcomes(&programs(3), 1).await;
    assert!(failed(
        &outcomes[&0],
        FailureClass::Worker,
        "fell off the bus"
    ));
    let mut free = HashSet::new();
    while free.len() < 2 {
        free.insert(desk.free(PATIENCE).await.expect("given back").0);
    }
    assert_eq!(free, HashSet::from([1, 2]));
}

/// The first to come can't take everything: each of the two gets a task although neither lets go of its own.
#[tokio::test(flavor = "multi_thread")]
async fn two_workers_share_a_few_tasks() {
    for count in 2..=5 {
        let desk = Desk::memory();
        let executors = [Gated::closed(4), Gated::closed(4)];
        desk.push(programs(count)).await;
        let workers = executors.each_ref().map(|executor| desk.work(executor));
        for executor in &executors {
            executor.until(|stages| !stages.batches.is_empty()).await;
        }
        executors.iter().for_each(Gated::open);
        let outcomes = desk.outcomes(&programs(count), count as usize).await;
        assert!(outcomes.values().all(proved));
        for worker in workers {
            desk.stop(worker).await;
        }
    }
}

/// Signs of life for one task get lost; everything else is passed on.
struct Deaf {
    queue: LocalQueue,
    key: String,
}

struct DeafLease(Arc<dyn Lease>);

#[async_trait]
impl Lease for DeafLease {
    async fn extend(&self) -> Result<(), QueueError> {
        Err(QueueError::Backend("lost on the way".into()))
    }

    async fn done(&self) -> Result<(), QueueError> {
        self.0.done().await
    }

    async fn let_go(&self) -> Result<(), QueueError> {
        self.0.let_go().await
    }

    async fn give_back(&self, delay: Duration) -> Result<(), QueueError> {
        self.0.give_back(delay).await
    }
}

#[async_trait]
impl Queue for Deaf {
    async fn push(&self, lane: &Lane, item: &Item) -> Result<Pushed, QueueError> {
        self.queue.push(lane, item).await
    }

    async fn pull(&self, lanes: &[Lane], wait: Duration) -> Result<Option<Delivery>, QueueError> {
        let pulled = self.queue.pull(lanes, wait).await?;
        Ok(pulled.map(|delivery| match delivery.key == self.key {
            true => Delivery {
                lease: Arc::new(DeafLease(delivery.lease.clone())),
                ..delivery
            },
            false => delivery,
        }))
    }

    async fn pull_many(
        &self,
        lane: &Lane,
        count: usize,
        wait: Duration,
    ) -> Result<Vec<Delivery>, QueueError> {
        self.queue.pull_many(lane, count, wait).await
    }

    async fn cancel(&self, lane: &Lane, key: &str) -> Result<(), QueueError> {
        self.queue.cancel(lane, key).await
    }

    async fn publish(&self, key: &str, body: Bytes) -> Result<Pushed, QueueError> {
        self.queue.publish(key, body).await
    }

    async fn published(&self, key: &str) -> Result<Option<Bytes>, QueueError> {
        self.queue.published(key).await
    }

    async fn append(&self, body: Bytes, after: u64) -> Result<u64, QueueError> {
        self.queue.append(body, after).await
    }

    async fn read(&self, from: u64, limit: usize) -> Result<Vec<JournalEntry>, QueueError> {
        self.queue.read(from, limit).await
    }

    async fn end(&self) -> Result<u64, QueueError> {
        self.queue.end().await
    }

    async fn shorten(&self, before: u64) -> Result<(), QueueError> {
        self.queue.shorten(before).await
    }

    async fn notices(&self, prefix: &str) -> Result<Vec<(String, Bytes)>, QueueError> {
        self.queue.notices(prefix).await
    }

    async fn notify(&self, key: &str, body: Bytes) -> Result<(), QueueError> {
        self.queue.notify(key, body).await
    }

    async fn notice(&self, key: &str) -> Result<Option<Bytes>, QueueError> {
        self.queue.notice(key).await
    }

    async fn undeliverable(&self) -> Result<Vec<(Lane, String)>, QueueError> {
        self.queue.undeliverable().await
    }

    async fn stats(&self) -> Result<QueueStats, QueueError> {
        self.queue.stats().await
    }

    async fn facts(&self) -> Result<Facts, QueueError> {
        self.queue.facts().await
    }

    fn artifacts(&self) -> &dyn Artifacts {
        self.queue.artifacts()
    }
}

/// The one whose lease runs out is handed out again, the others of its batch are not; its late result is reported all the
/// same.
#[tokio::test(flavor = "multi_thread")]
async fn the_lease_of_one_of_a_batch_runs_out() {
    let queue = LocalQueue::memory(Duration::from_millis(400));
    let key = program(1).id.to_string();
    let desk = Desk::new(Arc::new(Deaf { queue, key }));
    let executor = Gated::closed(4).gathering();
    desk.push(programs(8)).await;
    let worker = desk.work_as(patient(), &executor);
    executor
        .until(|stages| stages.batches == [vec![0, 1, 2, 3]])
        .await;
    let mut again = None;
    while again.is_none() {
        let (number, delivery) = desk.free(PATIENCE).await.expect("the one that ran out");
        match number {
            0 | 2 | 3 => panic!("task {number} has signs of life"),
            1 => again = Some(delivery),
            // Not in the batch: out of the way.
            _ => delivery.lease.done().await.expect("done"),
        }
    }
    executor.open();
    let outcomes = desk.outcomes(&programs(8), 4).await;
    assert!([0, 1, 2, 3].iter().all(|number| proved(&outcomes[number])));
    desk.stop(worker).await;
}
