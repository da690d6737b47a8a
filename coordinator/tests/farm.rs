//! The farm end to end, with stand-in circuits, on both queues.

mod common;

use std::sync::Arc;
use std::time::Duration;

use common::*;
use trifold_coordinator::coordinator::{Report, VIEW_KEY};
use trifold_coordinator::queue::Queue;
use trifold_coordinator::queue::local::LocalQueue;
use trifold_coordinator::view::View;
use trifold_coordinator::wire::{Outcome, decode};

const LEASE: Duration = Duration::from_secs(1);

async fn three_epochs(queue: Arc<dyn Queue>) {
    let network = network(4);
    let mut shards = Shards::new(&network);
    let mut farm = Farm::start(queue.clone(), network.clone(), policy());
    farm.honest("w1");
    farm.honest("w2");
    let mut last = None;
    for epoch in 1..=3u64 {
        // Shard 1 is silent in the second epoch.
        for shard in (0..4).filter(|shard| (epoch, *shard) != (2, 1)) {
            let snapshot = submit(queue.as_ref(), &shards.next(shard)).await;
            accepted(queue.as_ref(), &snapshot).await;
            last = Some(snapshot);
        }
        close_epoch(queue.as_ref()).await;
    }
    let proof = published(queue.as_ref(), 3).await;
    let mut expected = trifold_circuits::trie::SparseTrie::new(2).expect("a trie");
    for (shard, leaf) in (0..).zip(&shards.0) {
        expected.set(shard, leaf.digest()).expect("in the trie");
    }
    assert_eq!(proof.state.root, expected.root());
    assert_eq!(proof.transfers, 12);
    check_chain(queue.as_ref(), &network, 3).await;
    let last = last.expect("submitted");
    verdict(queue.as_ref(), &last, |outcome| {
        *outcome == Outcome::Final { epoch: 3 }
    })
    .await;
    check_reports(&farm.reports());
    farm.stop().await.expect("stops cleanly");
    let view: View =
        decode(&queue.notice(VIEW_KEY).await.expect("notice").expect("view")).expect("valid");
    assert_eq!(
        (view.published_epoch, view.running, view.quarantined_tasks),
        (3, false, 0)
    );
    let root = trifold_circuits::field::to_bytes(&expected.root());
    assert_eq!(view.root, hex::encode(root));
}

fn check_reports(reports: &[Report]) {
    let proved = |kind: &str| {
        let of_kind = |report: &&Report| match report {
            Report::TaskProved(proved) => proved.circuit == format!("stand-in {kind}"),
            _ => false,
        };
        reports.iter().filter(of_kind).count()
    };
    // Four shards need two merges at level 0 and one above.
    assert_eq!(
        (proved("program"), proved("merge"), proved("nest")),
        (11, 9, 3)
    );
    let silent: Vec<u64> = reports
        .iter()
        .filter_map(|report| match report {
            Report::EpochClosed(closed) => Some(closed.silent),
            _ => None,
        })
        .collect();
    assert_eq!(silent, [0, 1, 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn three_epochs_on_the_embedded_queue() {
    three_epochs(Arc::new(LocalQueue::memory(LEASE))).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn three_epochs_on_a_directory() {
    let directory = tempfile::tempdir().expect("a directory");
    three_epochs(Arc::new(
        LocalQueue::open(directory.path(), LEASE).expect("opens"),
    ))
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn three_epochs_on_nats() {
    let server = NatsServer::start();
    three_epochs(server.queue(LEASE).await).await;
}

/// Without a command: complete epochs close at once, incomplete ones at the deadline.
#[tokio::test(flavor = "multi_thread")]
async fn epochs_close_by_policy() {
    let queue: Arc<dyn Queue> = Arc::new(LocalQueue::memory(LEASE));
    let network = network(3);
    let mut shards = Shards::new(&network);
    let policy = trifold_coordinator::plan::Policy {
        deadline_ms: Some(300),
        ..policy()
    };
    let mut farm = Farm::start(queue.clone(), network.clone(), policy);
    farm.honest("w1");
    for shard in 0..3 {
        submit(queue.as_ref(), &shards.next(shard)).await;
    }
    published(queue.as_ref(), 1).await;
    submit(queue.as_ref(), &shards.next(1)).await;
    let second = published(queue.as_ref(), 2).await;
    assert_eq!(second.transfers, 3);
    check_chain(queue.as_ref(), &network, 2).await;
    farm.stop().await.expect("stops cleanly");
}

/// A fresh shard beyond the trie deepens it by a level.
#[tokio::test(flavor = "multi_thread")]
async fn a_fresh_shard_deepens_the_trie() {
    let queue: Arc<dyn Queue> = Arc::new(LocalQueue::memory(LEASE));
    let network = network(3);
    let mut farm = Farm::start(queue.clone(), network.clone(), policy());
    farm.honest("w1");
    let fresh = trifold_coordinator::standin::Snapshot::after(5, None);
    let snapshot = submit(queue.as_ref(), &fresh).await;
    accepted(queue.as_ref(), &snapshot).await;
    close_epoch(queue.as_ref()).await;
    let proof = published(queue.as_ref(), 1).await;
    assert_eq!(proof.state.depth, 2);
    let mut expected = trifold_circuits::trie::SparseTrie::new(2).expect("a trie");
    for (shard, leaf) in &network.leaves {
        expected
            .set((*shard).into(), leaf.digest())
            .expect("in the trie");
    }
    expected.set(5, fresh.leaf().digest()).expect("in the trie");
    assert_eq!(proof.state.root, expected.root());
    farm.stop().await.expect("stops cleanly");
}
