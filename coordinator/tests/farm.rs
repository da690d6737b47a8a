//! The farm end to end, with stand-in circuits, on both queues.

mod common;

use std::sync::Arc;
use std::time::Duration;

use common::node::{self, World};
use common::*;
use trifold_coordinator::coordinator::{Report, VIEW_KEY};
use trifold_coordinator::core::{Batch, CoreConfig, Effect, newest_checkpoint};
use trifold_coordinator::queue::Queue;
use trifold_coordinator::queue::local::LocalQueue;
use trifold_coordinator::view::View;
use trifold_coordinator::wire::{FailureClass, Outcome, TaskOutcome, TaskResult, VERSION, decode};
use trifold_coordinator::{CoordinatorError, Digest};

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

/// A snapshot whose proof is made of others enters an epoch beside one whose proof is not.
#[tokio::test(flavor = "multi_thread")]
async fn a_snapshot_in_parts_is_proven() {
    let queue: Arc<dyn Queue> = Arc::new(LocalQueue::memory(LEASE));
    let network = network(3);
    let mut shards = Shards::new(&network);
    let mut farm = Farm::start(queue.clone(), network.clone(), policy());
    farm.honest("w1");
    farm.honest("w2");
    let inputs = queue.artifacts().put("inputs".into()).await;
    let parts = shards.next(0).in_parts(Some(inputs.expect("stores")));
    let snapshots = [
        submit(queue.as_ref(), &parts).await,
        submit(queue.as_ref(), &shards.next(1)).await,
    ];
    for snapshot in &snapshots {
        accepted(queue.as_ref(), snapshot).await;
    }
    close_epoch(queue.as_ref()).await;
    published(queue.as_ref(), 1).await;
    check_chain(queue.as_ref(), &network, 1).await;
    farm.stop().await.expect("stops cleanly");
}

/// Without the inputs of its parts in the store a snapshot is refused before anybody waits for it.
#[tokio::test(flavor = "multi_thread")]
async fn a_snapshot_without_its_inputs_is_refused() {
    let queue: Arc<dyn Queue> = Arc::new(LocalQueue::memory(LEASE));
    let network = network(3);
    let mut shards = Shards::new(&network);
    let farm = Farm::start(queue.clone(), network.clone(), policy());
    let nowhere = Some(Digest::of(b"nowhere"));
    let parts = submit(queue.as_ref(), &shards.next(0).in_parts(nowhere)).await;
    let (code, _) = rejected(queue.as_ref(), &parts).await;
    assert_eq!(code, "missing_artifact");
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

/// Killed after any number of appends and effects, with checkpoints all the time: the next one goes on, nothing is lost,
/// nothing published twice, no proof that was recorded made again, no proof recorded twice.
#[test]
fn a_coordinator_killed_between_any_two_effects_has_an_heir() {
    let network = network(3);
    let mut config = CoreConfig::new("c", network.clone(), policy());
    config.checkpoint_entries = 5;
    let world = || {
        let (mut world, mut shards) = (World::default(), Shards::new(&network));
        for shard in [0, 1, 2, 0, 1, 2] {
            world.submit(shards.next(shard));
        }
        world
    };
    let all = 10_000;
    let mut whole = world();
    let steps = all - node::run(&mut whole, &config, 2, all).expect("runs to the end");
    assert!(steps > 60, "{steps} steps");
    for killed_after in 0..steps {
        let mut world = world();
        // Proofs differ from run to run, and with them the order of tasks: one may need a step less than another.
        if node::run(&mut world, &config, 2, killed_after).is_none() {
            node::run(&mut world, &config, 2, all).expect("the heir runs to the end");
        }
        let states = |world: &World| {
            world
                .published
                .values()
                .map(|p| p.state)
                .collect::<Vec<_>>()
        };
        assert_eq!(
            states(&world),
            states(&whole),
            "killed after {killed_after} steps"
        );
        assert!(
            world.proven.values().all(|times| *times == 1),
            "recorded twice"
        );
        assert_eq!(world.wasted, 0, "offered again after {killed_after} steps");
        assert!(world.submissions.is_empty(), "all snapshots are taken");
    }
}

/// A worker's word on an offer of the leader before says nothing about ours.
#[test]
fn a_failure_reported_to_an_earlier_leader_changes_nothing() {
    let network = network(3);
    let mut config = CoreConfig::new("c", network.clone(), policy());
    config.census_ms = 0;
    let offered = |steps| {
        let mut world = World::default();
        world.submit(Shards::new(&network).next(0));
        assert_eq!(node::run(&mut world, &config, 1, steps), None, "killed");
        (!world.tasks.is_empty()).then_some(world)
    };
    let mut world = (0..20).find_map(offered).expect("killed after the offer");
    let stale = world.tasks.values().next().expect("an offer").clone();
    let (mut core, output) = world.lead(&config);
    world.append(core.serial() - output.entries.len() as u64, &output.entries);
    let offers = output
        .effects
        .into_iter()
        .filter_map(|effect| match effect {
            Effect::Push(task) => Some(*task),
            _ => None,
        });
    let ours = offers.last().expect("offered again");
    assert!(ours.id == stale.id && ours.attempt > stale.attempt);
    let mut fail = |token, attempt| {
        let outcome = TaskOutcome::Failed {
            class: FailureClass::Inputs,
            message: "broken".into(),
        };
        let (task, worker) = (stale.id, "w".to_owned());
        let result = TaskResult {
            version: VERSION,
            task,
            attempt,
            worker,
            outcome,
        };
        core.step(1, node::arrival(token, result)).entries
    };
    assert_eq!(fail(1, stale.attempt), []);
    assert!(
        !fail(2, ours.attempt).is_empty(),
        "that of our own offer counts"
    );
}

/// An epoch's snapshots, one of each shard.
async fn submit_epoch(queue: &dyn Queue, shards: &mut Shards, count: u32) {
    for shard in 0..count {
        let snapshot = submit(queue, &shards.next(shard)).await;
        accepted(queue, &snapshot).await;
    }
}

/// The leader is held up in the middle of its work, the standby takes over, and the old leader wakes up: it records
/// nothing, and stands by.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn an_old_leader_that_wakes_up_records_nothing() {
    let queue: Arc<dyn Queue> = Arc::new(LocalQueue::memory(LEASE));
    let network = network(3);
    let mut shards = Shards::new(&network);
    let (wake, sleep) = std::sync::mpsc::channel::<()>();
    let sleep = std::sync::Mutex::new(sleep);
    let (tell, mut told) = tokio::sync::mpsc::unbounded_channel();
    let mut old = coordinator_config("old", &network, policy());
    old.on_report = Arc::new(move |report| {
        if matches!(report, Report::SnapshotAccepted { .. }) {
            // Others may be in this thread's queue: they go to another.
            tokio::task::block_in_place(|| {
                let _ = sleep.lock().expect("sleep").recv();
            });
        }
        let _ = tell.send(report);
    });
    let (stop, stopped) = tokio::sync::watch::channel(false);
    let running = tokio::spawn(trifold_coordinator::coordinator::run(
        queue.clone(),
        old,
        stopped,
    ));
    while !matches!(told.recv().await, Some(Report::Led { fence: 1 })) {}
    submit(queue.as_ref(), &shards.next(0)).await;
    // It sleeps on its report now; the new one waits until it is taken for dead.
    let config = coordinator_config("new", &network, policy());
    let mut farm = Farm::configured(queue.clone(), config);
    farm.honest("w1");
    submit(queue.as_ref(), &shards.next(1)).await;
    submit(queue.as_ref(), &shards.next(2)).await;
    published(queue.as_ref(), 1).await;
    drop(wake);
    while !matches!(told.recv().await, Some(Report::Deposed)) {}
    submit_epoch(queue.as_ref(), &mut shards, 3).await;
    check_chain(queue.as_ref(), &network, 2).await;
    let published_by_new = farm
        .reports()
        .iter()
        .filter(|r| matches!(r, Report::EpochPublished(_)))
        .count();
    assert_eq!(published_by_new, 2);
    stop.send(true).expect("it stands by");
    running.await.expect("no panic").expect("stops cleanly");
    farm.stop().await.expect("stops cleanly");
}

/// The leader dies; the standby publishes what is left, each epoch once.
#[tokio::test(flavor = "multi_thread")]
async fn a_standby_takes_over() {
    let queue: Arc<dyn Queue> = Arc::new(LocalQueue::memory(LEASE));
    let network = network(3);
    let mut shards = Shards::new(&network);
    let first = Farm::configured(queue.clone(), coordinator_config("a", &network, policy()));
    submit_epoch(queue.as_ref(), &mut shards, 3).await;
    let mut second = Farm::configured(queue.clone(), coordinator_config("b", &network, policy()));
    second.honest("w1");
    published(queue.as_ref(), 1).await;
    assert!(!second.board.leads(), "one leads, the other stands by");
    first.crash().await;
    submit_epoch(queue.as_ref(), &mut shards, 3).await;
    check_chain(queue.as_ref(), &network, 2).await;
    assert!(second.board.leads());
    second.stop().await.expect("stops cleanly");
}

/// With a checkpoint every few entries the journal stays short, and a restart needs nothing of what is forgotten.
#[tokio::test(flavor = "multi_thread")]
async fn a_shortened_journal_restores() {
    let queue: Arc<dyn Queue> = Arc::new(LocalQueue::memory(LEASE));
    let network = network(3);
    let mut shards = Shards::new(&network);
    let mut config = coordinator_config("c", &network, policy());
    config.core.checkpoint_entries = 10;
    for epoch in 1..=4 {
        let mut farm = Farm::configured(queue.clone(), config.clone());
        farm.honest("w1");
        submit_epoch(queue.as_ref(), &mut shards, 3).await;
        published(queue.as_ref(), epoch).await;
        farm.stop().await.expect("stops cleanly");
    }
    check_chain(queue.as_ref(), &network, 4).await;
    let journal = queue.read(1, 10_000).await.expect("reads");
    assert!(journal[0].position > 1, "the beginning is forgotten");
    let batches: Vec<Batch> = journal
        .iter()
        .map(|e| Batch::decode(&e.body).expect("valid"))
        .collect();
    let blob = newest_checkpoint(&batches).expect("there is one");
    // Lost, it is missed by name, and nothing begins anew.
    queue.artifacts().delete(&blob).await.expect("deletes");
    let farm = Farm::configured(queue.clone(), config);
    let ended = farm.ended().await;
    let lost =
        matches!(ended, Err(CoordinatorError::Checkpoint { blob: named, .. }) if named == blob);
    assert!(lost, "{ended:?}");
}

/// Beyond what may wait, snapshots stay at the queue: none is refused, and all of them are proven in the end.
#[tokio::test(flavor = "multi_thread")]
async fn too_many_snapshots_wait_at_the_queue() {
    let queue: Arc<dyn Queue> = Arc::new(LocalQueue::memory(LEASE));
    let network = network(3);
    let mut shards = Shards::new(&network);
    let policy = trifold_coordinator::plan::Policy {
        max_waiting_snapshots: 3,
        ..policy()
    };
    let mut farm = Farm::start(queue.clone(), network.clone(), policy);
    for shard in [0, 1, 2, 0, 1, 2, 0, 1, 2] {
        submit(queue.as_ref(), &shards.next(shard)).await;
    }
    let accepted = |farm: &Farm| {
        let reports = farm.reports();
        reports
            .iter()
            .filter(|report| matches!(report, Report::SnapshotAccepted { .. }))
            .count()
    };
    while accepted(&farm) < 3 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    tokio::time::sleep(Duration::from_millis(300)).await;
    // Those that were being inspected when it was full, one of each other shard, come on top.
    let waiting = accepted(&farm);
    assert!(waiting <= 5, "{waiting} are let in without proofs");
    farm.honest("w1");
    check_chain(queue.as_ref(), &network, 3).await;
    let refused = |report: &&Report| matches!(report, Report::SnapshotRejected { .. });
    assert_eq!(farm.reports().iter().filter(refused).count(), 0);
    farm.stop().await.expect("stops cleanly");
}
