//! One suite over every queue.

mod common;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use common::NatsServer;
use common::cluster::NatsCluster;
use trifold_coordinator::artifacts::{self, ArtifactError};
use trifold_coordinator::queue::local::LocalQueue;
use trifold_coordinator::queue::nats::{Limits, NatsConfig, NatsQueue, Role};
use trifold_coordinator::queue::{
    Facts, Item, JournalEntry, Lane, MAX_BODY_BYTES, MAX_DELIVERIES, Pushed, Queue, QueueError,
};
use trifold_coordinator::{Artifacts, Digest, queue};

const LEASE: Duration = Duration::from_millis(600);
/// Three servers that agree on two busy cores: a sign of life takes its time.
const CLUSTER_LEASE: Duration = Duration::from_secs(3);
const SOON: Duration = Duration::from_millis(100);
/// Ends a wait for what must come.
const LONG: Duration = Duration::from_secs(60);

fn item(key: &str, attempt: u32, body: &str) -> Item {
    Item {
        key: key.into(),
        attempt,
        body: Bytes::copy_from_slice(body.as_bytes()),
    }
}

fn tasks(name: &str) -> Lane {
    Lane::Tasks(name.into())
}

async fn pull(queue: &dyn Queue, lane: &Lane) -> queue::Delivery {
    let pulled = queue.pull(std::slice::from_ref(lane), LONG).await;
    pulled.expect("pulls").expect("an item")
}

async fn nothing(queue: &dyn Queue, lane: &Lane) {
    let pulled = queue.pull(std::slice::from_ref(lane), SOON).await;
    assert!(pulled.expect("pulls").is_none(), "{lane} should be empty");
}

/// Items come in order, each until it is done.
async fn order_and_done(queue: &dyn Queue) {
    for lane in [
        Lane::Snapshots,
        Lane::Control,
        Lane::Results,
        tasks("order-1"),
    ] {
        for key in ["a.1", "b.2", "c.3"] {
            assert_eq!(
                queue.push(&lane, &item(key, 0, key)).await.expect("pushes"),
                Pushed::New
            );
        }
        for key in ["a.1", "b.2", "c.3"] {
            let delivery = pull(queue, &lane).await;
            assert_eq!(
                (delivery.key.as_str(), &delivery.body[..]),
                (key, key.as_bytes())
            );
            assert_eq!(delivery.lane, lane);
            delivery.lease.done().await.expect("done");
        }
        nothing(queue, &lane).await;
    }
}

/// Many come at once, in order and no more than asked for, and go away when they are let go.
async fn many_at_once(queue: &dyn Queue) {
    let (lane, keys) = (Lane::Results, ["a", "b", "c", "d", "e", "f", "g"]);
    let many = |count, wait| queue.pull_many(&lane, count, wait);
    assert!(many(5, SOON).await.expect("pulls").is_empty());
    for key in keys {
        queue.push(&lane, &item(key, 0, key)).await.expect("pushes");
    }
    let mut pulled = Vec::new();
    while pulled.len() < keys.len() {
        let some = many(5, LONG).await.expect("pulls");
        assert!((1..=5).contains(&some.len()), "{}", some.len());
        pulled.extend(some);
    }
    let found: Vec<_> = pulled.iter().map(|delivery| &delivery.key[..]).collect();
    assert_eq!(found, keys);
    for delivery in pulled {
        delivery.lease.let_go().await.expect("lets go");
    }
    lane_has(queue, &lane, 0, 0).await;
    tokio::time::sleep(LEASE + SOON).await;
    assert!(many(5, SOON).await.expect("pulls").is_empty());
}

/// A key is refused while queued or leased, and free again after `done`.
async fn duplicates(queue: &dyn Queue) {
    let lane = tasks("dup-1");
    assert_eq!(
        queue.push(&lane, &item("k", 0, "x")).await.expect("pushes"),
        Pushed::New
    );
    assert_eq!(
        queue.push(&lane, &item("k", 0, "x")).await.expect("pushes"),
        Pushed::Duplicate
    );
    assert_eq!(
        queue.push(&lane, &item("k", 1, "x")).await.expect("pushes"),
        Pushed::Duplicate
    );
    let delivery = pull(queue, &lane).await;
    assert_eq!(
        queue.push(&lane, &item("k", 2, "x")).await.expect("pushes"),
        Pushed::Duplicate
    );
    delivery.lease.done().await.expect("done");
    // A cluster confirms before each of its servers has let go of the item.
    eventually("a free key", async || {
        let pushed = queue.push(&lane, &item("k", 3, "y")).await;
        pushed.expect("pushes") == Pushed::New
    })
    .await;
    let delivery = pull(queue, &lane).await;
    assert_eq!(&delivery.body[..], b"y");
    delivery.lease.done().await.expect("done");
}

/// A silent holder loses the item, one with signs of life keeps it, one that gives it back says when.
async fn leases(queue: &dyn Queue, lease: Duration) {
    let lane = tasks("lease-1");
    queue.push(&lane, &item("k", 0, "x")).await.expect("pushes");
    let silent = pull(queue, &lane).await;
    nothing(queue, &lane).await;
    let second = pull(queue, &lane).await;
    assert_eq!(second.key, silent.key);
    let since = Instant::now();
    while since.elapsed() < 2 * lease {
        second.lease.extend().await.expect("extends");
        nothing(queue, &lane).await;
    }
    second.lease.give_back(lease / 2).await.expect("gives back");
    let given = Instant::now();
    let third = pull(queue, &lane).await;
    assert!(
        given.elapsed() >= lease / 3,
        "came back after {:?}",
        given.elapsed()
    );
    third.lease.done().await.expect("done");
    // The queue has no fencing: a late holder is heard and does no harm.
    silent.lease.done().await.expect("late");
    tokio::time::sleep(lease + SOON).await;
    nothing(queue, &lane).await;
}

/// A cancelled item is gone, whether queued or leased.
async fn cancel(queue: &dyn Queue) {
    let lane = tasks("cancel-1");
    queue
        .push(&lane, &item("queued", 0, "x"))
        .await
        .expect("pushes");
    queue.cancel(&lane, "queued").await.expect("cancels");
    nothing(queue, &lane).await;
    queue
        .push(&lane, &item("leased", 0, "x"))
        .await
        .expect("pushes");
    let delivery = pull(queue, &lane).await;
    queue.cancel(&lane, "leased").await.expect("cancels");
    assert_eq!(
        queue
            .push(&lane, &item("leased", 1, "y"))
            .await
            .expect("pushes"),
        Pushed::New
    );
    delivery.lease.done().await.expect("late");
    let delivery = pull(queue, &lane).await;
    assert_eq!(&delivery.body[..], b"y");
    delivery.lease.done().await.expect("done");
    queue.cancel(&lane, "never-was").await.expect("cancels");
}

/// The first lane that has something is served first, and a pull wakes up for a later push.
async fn lanes(queue: &dyn Queue) {
    let [urgent, other] = [tasks("urgent-1"), tasks("other-1")];
    queue
        .push(&other, &item("o", 0, "x"))
        .await
        .expect("pushes");
    queue
        .push(&urgent, &item("u", 0, "x"))
        .await
        .expect("pushes");
    lane_has(queue, &other, 1, 0).await;
    lane_has(queue, &urgent, 1, 0).await;
    let both = [urgent.clone(), other.clone()];
    for key in ["u", "o"] {
        let delivery = queue
            .pull(&both, LONG)
            .await
            .expect("pulls")
            .expect("an item");
        assert_eq!(delivery.key, key);
        delivery.lease.done().await.expect("done");
    }
    let push = async {
        tokio::time::sleep(SOON).await;
        queue
            .push(&other, &item("late", 0, "x"))
            .await
            .expect("pushes");
    };
    let since = Instant::now();
    let (delivery, ()) = tokio::join!(queue.pull(&both, LONG), push);
    delivery
        .expect("pulls")
        .expect("an item")
        .lease
        .done()
        .await
        .expect("done");
    assert!(since.elapsed() < LONG / 2);
}

/// Two holders never get the same item while both are alive.
async fn no_sharing(queue: &Arc<dyn Queue>) {
    const ITEMS: usize = 40;
    let lane = tasks("share-1");
    for i in 0..ITEMS {
        let pushed = queue.push(&lane, &item(&format!("k{i:02}"), 0, "x")).await;
        pushed.expect("pushes");
    }
    let taken = Arc::new(AtomicUsize::new(0));
    let worker = |queue: Arc<dyn Queue>| {
        let (lane, taken) = (lane.clone(), taken.clone());
        tokio::spawn(async move {
            let (mut keys, started) = (Vec::new(), Instant::now());
            // A pull that a busy server answers with nothing is no end.
            while taken.load(Ordering::Relaxed) < ITEMS && started.elapsed() < LONG {
                let pulled = queue.pull(std::slice::from_ref(&lane), SOON).await;
                if let Some(delivery) = pulled.expect("pulls") {
                    taken.fetch_add(1, Ordering::Relaxed);
                    keys.push(delivery.key.clone());
                    delivery.lease.done().await.expect("done");
                }
            }
            keys
        })
    };
    let workers: Vec<_> = (0..4).map(|_| worker(queue.clone())).collect();
    let mut keys = Vec::new();
    for worker in workers {
        keys.extend(worker.await.expect("worker"));
    }
    keys.sort();
    let pushed: Vec<_> = (0..ITEMS).map(|i| format!("k{i:02}")).collect();
    assert_eq!(keys, pushed);
    nothing(queue.as_ref(), &lane).await;
}

/// The first publication stays.
async fn publish(queue: &dyn Queue) {
    assert_eq!(queue.published("global.1").await.expect("reads"), None);
    assert_eq!(
        queue
            .publish("global.1", Bytes::from_static(b"a"))
            .await
            .expect("publishes"),
        Pushed::New
    );
    assert_eq!(
        queue
            .publish("global.1", Bytes::from_static(b"b"))
            .await
            .expect("asks"),
        Pushed::Duplicate
    );
    assert_eq!(
        queue.published("global.1").await.expect("reads"),
        Some(Bytes::from_static(b"a"))
    );
}

fn conflict<T>(result: Result<T, QueueError>) -> bool {
    matches!(result, Err(QueueError::Conflict { .. }))
}

async fn positions(queue: &dyn Queue, from: u64, limit: usize) -> Vec<u64> {
    let read = queue.read(from, limit).await.expect("reads");
    read.iter().map(|entry| entry.position).collect()
}

/// An append names the position that it follows; what is forgotten leaves the other positions as they are.
async fn journal(queue: &dyn Queue) {
    let body = |i: u64| Bytes::from(i.to_string());
    assert_eq!(queue.end().await.expect("reads"), 0);
    assert!(queue.read(0, 10).await.expect("reads").is_empty());
    assert!(conflict(queue.append(body(1), 1).await));
    for i in 0..1200 {
        assert_eq!(queue.append(body(i + 1), i).await.expect("appends"), i + 1);
    }
    for stale in [0, 1, 1199, 1201] {
        assert!(conflict(queue.append(body(0), stale).await), "{stale}");
    }
    let all = queue.read(1, usize::MAX).await.expect("reads");
    assert!((1..).zip(&all).all(|(i, entry)| *entry
        == JournalEntry {
            position: i,
            body: body(i)
        }));
    assert_eq!((all.len(), queue.end().await.expect("reads")), (1200, 1200));
    assert_eq!(positions(queue, 700, 3).await, [700, 701, 702]);
    assert_eq!(positions(queue, 1200, 3).await, [1200]);
    assert!(positions(queue, 1201, 3).await.is_empty());
    assert!(positions(queue, 1, 0).await.is_empty());

    queue.shorten(1199).await.expect("shortens");
    queue.shorten(7).await.expect("is shorter already");
    assert_eq!(positions(queue, 0, 9).await, [1199, 1200]);
    assert_eq!(positions(queue, 1199, 1).await, [1199]);
    assert_eq!(queue.append(body(1), 1200).await.expect("appends"), 1201);
    queue.shorten(9999).await.expect("forgets all");
    assert!(positions(queue, 0, 9).await.is_empty());
    assert_eq!(queue.end().await.expect("reads"), 1201);
    assert!(conflict(queue.append(body(1), 0).await));
    assert_eq!(queue.append(body(2), 1201).await.expect("appends"), 1202);
    assert_eq!(positions(queue, 0, 9).await, [1202]);
}

/// Two writers race for two hundred positions: each is won by exactly one, whose entry is there.
async fn one_writer_wins(queue: &Arc<dyn Queue>) {
    let start = queue.end().await.expect("reads");
    let writer = |name: &'static str, queue: Arc<dyn Queue>| {
        tokio::spawn(async move {
            let (mut end, mut won) = (start, Vec::new());
            while end < start + 200 {
                let body = Bytes::from(format!("{name} {end}"));
                match queue.append(body.clone(), end).await {
                    Ok(position) => {
                        assert_eq!(position, end + 1);
                        won.push((position, body));
                    }
                    Err(QueueError::Conflict { .. }) => {}
                    Err(error) => panic!("{error}"),
                }
                end = queue.end().await.expect("reads");
            }
            won
        })
    };
    let writers = ["a", "b"].map(|name| writer(name, queue.clone()));
    let mut won = Vec::new();
    for writer in writers {
        won.extend(writer.await.expect("writer"));
    }
    won.sort();
    let entries = queue.read(start + 1, 1000).await.expect("reads");
    let entries = entries
        .into_iter()
        .map(|entry| (entry.position, entry.body));
    assert!(won.into_iter().eq(entries));
}

/// A writer that never heard what became of its entry finds it, or writes it again at the same place.
async fn an_append_of_unknown_fate(queue: &Arc<dyn Queue>) {
    let mut end = queue.end().await.expect("reads");
    for patience in 0..40 {
        let body = Bytes::from(format!("unknown {patience}"));
        let append = queue.append(body.clone(), end);
        // Given up at any point on its way.
        let _ = tokio::time::timeout(Duration::from_micros(30 * patience), append).await;
        let position = loop {
            let found = queue.read(end + 1, 1).await.expect("reads");
            match found.first() {
                Some(entry) => break (entry.body == body).then_some(entry.position),
                None => match queue.append(body.clone(), end).await {
                    Ok(position) => break Some(position),
                    Err(QueueError::Conflict { .. }) => {}
                    Err(error) => panic!("{error}"),
                },
            }
        };
        assert_eq!(position, Some(end + 1));
        end += 1;
        assert_eq!(queue.end().await.expect("reads"), end, "stored once");
    }
}

/// Waits until it holds: the replica of a cluster that answers may lag behind for a moment.
async fn eventually(what: &str, holds: impl AsyncFn() -> bool) {
    let started = Instant::now();
    while !holds().await {
        assert!(started.elapsed() < LONG, "{what}");
        tokio::time::sleep(SOON / 10).await;
    }
}

async fn notice_is(queue: &dyn Queue, key: &str, body: &'static [u8]) {
    let wanted = Some(Bytes::from_static(body));
    eventually(key, async || {
        queue.notice(key).await.expect("reads") == wanted
    })
    .await;
}

/// The newest notice of each key under a prefix.
async fn all_notices(queue: &dyn Queue) {
    assert!(queue.notices("w").await.expect("reads").is_empty());
    for (key, body) in [
        ("w.b", "1"),
        ("w.a.x", "2"),
        ("ww.c", "3"),
        ("w", "4"),
        ("w.b", "5"),
    ] {
        queue.notify(key, body.into()).await.expect("notifies");
    }
    for i in 0..700 {
        let key = format!("many.k{i:03}");
        queue.notify(&key, Bytes::new()).await.expect("notifies");
    }
    let wanted = [("w.a.x", "2"), ("w.b", "5")].map(|(key, body)| (key.into(), body.into()));
    eventually("notices", async || {
        queue.notices("w").await.expect("reads") == wanted
    })
    .await;
    eventually("many notices", async || {
        queue.notices("many").await.expect("reads").len() == 700
    })
    .await;
}

/// A task that was delivered too often is told once and its key is free; what the coordinator pulls comes as often as it
/// takes.
async fn undeliverable(queue: &dyn Queue) {
    assert_eq!(queue.undeliverable().await.expect("reads"), []);
    let [poison, snapshots] = [tasks("poison-1"), Lane::Snapshots];
    for lane in [&poison, &snapshots] {
        queue.push(lane, &item("k", 0, "x")).await.expect("pushes");
        for _ in 0..MAX_DELIVERIES {
            let delivery = pull(queue, lane).await;
            delivery
                .lease
                .give_back(Duration::ZERO)
                .await
                .expect("gives back");
        }
    }
    pull(queue, &snapshots)
        .await
        .lease
        .done()
        .await
        .expect("done");
    nothing(queue, &poison).await;
    let started = Instant::now();
    let mut told = Vec::new();
    while told.is_empty() && started.elapsed() < LONG {
        told = queue.undeliverable().await.expect("reads");
    }
    assert_eq!(told, [(poison.clone(), "k".into())]);
    assert_eq!(queue.undeliverable().await.expect("reads"), []);
    let pushed = queue.push(&poison, &item("k", 1, "y")).await;
    assert_eq!(pushed.expect("pushes"), Pushed::New);
    let delivery = pull(queue, &poison).await;
    assert_eq!(&delivery.body[..], b"y");
    delivery.lease.done().await.expect("done");
}

/// Numbers of a lane, once they are as wanted.
async fn lane_has(queue: &dyn Queue, lane: &Lane, waiting: u64, leased: u64) {
    let wanted = format!("{lane}: {waiting} waiting, {leased} leased");
    eventually(&wanted, async || {
        let stats = queue.stats().await.expect("counts");
        let found = stats.lanes.iter().find(|stats| stats.lane == *lane);
        found.map_or((0, 0), |stats| (stats.waiting, stats.leased)) == (waiting, leased)
    })
    .await;
}

/// What is there is counted.
async fn stats(queue: &dyn Queue) {
    let lane = tasks("stats-1");
    lane_has(queue, &lane, 0, 0).await;
    for key in ["a", "b", "c"] {
        queue.push(&lane, &item(key, 0, "x")).await.expect("pushes");
    }
    lane_has(queue, &lane, 3, 0).await;
    let delivery = pull(queue, &lane).await;
    lane_has(queue, &lane, 2, 1).await;
    delivery.lease.done().await.expect("done");
    lane_has(queue, &lane, 2, 0).await;
    for key in ["b", "c"] {
        queue.cancel(&lane, key).await.expect("cancels");
    }
    let (end, stats) = (queue.end().await.expect("reads"), queue.stats().await);
    let stats = stats.expect("counts");
    assert_eq!(stats.journal.position, end);
    assert!(stats.journal.entries <= end && stats.journal.bytes > 0);
    let blobs = queue.artifacts().list().await.expect("lists");
    let artifacts = stats.artifacts.expect("known");
    assert!(artifacts.blobs >= blobs.len() as u64 && artifacts.bytes > 0);
}

async fn notices(queue: &dyn Queue) {
    assert_eq!(queue.notice("n.1").await.expect("reads"), None);
    for body in [&b"a"[..], b"b"] {
        queue
            .notify("n.1", Bytes::from_static(body))
            .await
            .expect("notifies");
        notice_is(queue, "n.1", body).await;
    }
}

async fn refusals(queue: &dyn Queue) {
    let lane = tasks("refuse-1");
    for key in ["", "a b", "a.*", ">", "a..b"] {
        let refused = queue.push(&lane, &item(key, 0, "x")).await;
        assert!(matches!(refused, Err(QueueError::BadKey(_))), "{key}");
        assert!(matches!(
            queue.notices(key).await,
            Err(QueueError::BadKey(_))
        ));
    }
    let bad_lane = tasks("a b");
    assert!(matches!(
        queue.push(&bad_lane, &item("k", 0, "x")).await,
        Err(QueueError::BadKey(_))
    ));
    let large = Item {
        key: "k".into(),
        attempt: 0,
        body: vec![0; MAX_BODY_BYTES + 1].into(),
    };
    assert!(matches!(
        queue.push(&lane, &large).await,
        Err(QueueError::TooLarge { .. })
    ));
    let end = queue.end().await.expect("reads");
    assert!(matches!(
        queue.append(large.body.clone(), end).await,
        Err(QueueError::TooLarge { .. })
    ));
    let largest = Item {
        key: "k".into(),
        attempt: 0,
        body: vec![0; MAX_BODY_BYTES].into(),
    };
    assert_eq!(
        queue.push(&lane, &largest).await.expect("fits"),
        Pushed::New
    );
    queue.cancel(&lane, "k").await.expect("cancels");
}

async fn blobs(queue: &dyn Queue) {
    let store = queue.artifacts();
    for size in [0, 1, 1000, 128 << 10, 700_000] {
        let bytes = Bytes::from(vec![7; size]);
        let digest = store.put(bytes.clone()).await.expect("stores");
        assert_eq!(digest, Digest::of(&bytes));
        assert_eq!(store.put(bytes.clone()).await.expect("again"), digest);
        assert!(store.holds(&digest).await.expect("looks"));
        assert_eq!(
            artifacts::fetch(store, &digest, size).await.expect("reads"),
            bytes
        );
        if size > 0 {
            let limited = artifacts::fetch(store, &digest, size - 1).await;
            assert!(matches!(limited, Err(ArtifactError::TooLarge { .. })));
        }
    }
    assert!(!store.holds(&Digest::of(b"nobody")).await.expect("looks"));
    let missing = artifacts::fetch(store, &Digest::of(b"nobody"), 10).await;
    assert!(matches!(missing, Err(ArtifactError::Missing(_))));
}

async fn list_has(store: &dyn Artifacts, wanted: &[(Digest, u64)]) {
    eventually("the list of blobs", async || {
        let found = store.list().await.expect("lists");
        found
            .iter()
            .map(|b| (b.digest, b.bytes))
            .eq(wanted.iter().copied())
    })
    .await;
}

/// What is stored is listed until it is deleted.
async fn listed_blobs(queue: &dyn Queue) {
    let store = queue.artifacts();
    for blob in store.list().await.expect("lists") {
        store.delete(&blob.digest).await.expect("deletes");
    }
    list_has(store, &[]).await;
    let mut wanted = Vec::new();
    for size in [0, 1, 300_000] {
        let digest = store.put(vec![9; size].into()).await.expect("stores");
        wanted.push((digest, size as u64));
    }
    wanted.sort();
    list_has(store, &wanted).await;
    let found = store.list().await.expect("lists");
    assert!(found.iter().all(|blob| blob.age < Duration::from_secs(600)));
    let (gone, size) = wanted.remove(1);
    store.delete(&gone).await.expect("deletes");
    store.delete(&gone).await.expect("is gone already");
    // A replica may show for a moment longer what the leader has deleted.
    eventually("the end of a blob", async || {
        let read = artifacts::fetch(store, &gone, size as usize).await;
        matches!(read, Err(ArtifactError::Missing(_)))
    })
    .await;
    assert!(!store.holds(&gone).await.expect("looks"));
    list_has(store, &wanted).await;
    let again = store.put(vec![9; size as usize].into()).await;
    assert!(again.is_ok() || size == 0);
}

async fn suite(queue: Arc<dyn Queue>, lease: Duration) {
    order_and_done(queue.as_ref()).await;
    many_at_once(queue.as_ref()).await;
    duplicates(queue.as_ref()).await;
    leases(queue.as_ref(), lease).await;
    cancel(queue.as_ref()).await;
    lanes(queue.as_ref()).await;
    no_sharing(&queue).await;
    publish(queue.as_ref()).await;
    journal(queue.as_ref()).await;
    one_writer_wins(&queue).await;
    an_append_of_unknown_fate(&queue).await;
    notices(queue.as_ref()).await;
    all_notices(queue.as_ref()).await;
    refusals(queue.as_ref()).await;
    blobs(queue.as_ref()).await;
    listed_blobs(queue.as_ref()).await;
    undeliverable(queue.as_ref()).await;
    stats(queue.as_ref()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_queue_in_memory_conforms() {
    suite(Arc::new(LocalQueue::memory(LEASE)), LEASE).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_queue_in_a_directory_conforms() {
    let directory = tempfile::tempdir().expect("a directory");
    let queue = LocalQueue::open(directory.path(), LEASE).expect("opens");
    suite(Arc::new(queue), LEASE).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_queue_on_nats_conforms() {
    let server = NatsServer::start();
    suite(server.queue(LEASE).await, LEASE).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_queue_on_a_cluster_conforms() {
    let cluster = NatsCluster::start();
    suite(cluster.queue(CLUSTER_LEASE).await, CLUSTER_LEASE).await;
}

/// What a queue must still know after it was killed.
async fn fill(queue: &dyn Queue) -> Digest {
    for lane in [Lane::Snapshots, Lane::Results] {
        for key in ["done", "leased", "free"] {
            queue.push(&lane, &item(key, 0, key)).await.expect("pushes");
        }
        pull(queue, &lane).await.lease.done().await.expect("done");
        pull(queue, &lane).await;
    }
    queue
        .publish("global.1", Bytes::from_static(b"p"))
        .await
        .expect("publishes");
    for i in 0..5 {
        let body = Bytes::from(format!("entry {}", i + 1));
        queue.append(body, i).await.expect("appends");
    }
    queue.shorten(4).await.expect("shortens");
    queue
        .artifacts()
        .put(Bytes::from_static(b"blob"))
        .await
        .expect("stores")
}

async fn remembered(queue: &dyn Queue, blob: &Digest) {
    for lane in [Lane::Snapshots, Lane::Results] {
        let mut keys = BTreeSet::new();
        while keys.len() < 2 {
            let delivery = pull(queue, &lane).await;
            // What was acknowledged just before the end may come again.
            if delivery.key != "done" {
                assert!(keys.insert(delivery.key.clone()), "{} again", delivery.key);
            }
            delivery.lease.done().await.expect("done");
        }
        assert!(keys.iter().eq(["free", "leased"]), "{lane}: {keys:?}");
    }
    assert_eq!(
        queue
            .publish("global.1", Bytes::from_static(b"q"))
            .await
            .expect("asks"),
        Pushed::Duplicate
    );
    assert_eq!(
        &queue
            .published("global.1")
            .await
            .expect("reads")
            .expect("there")[..],
        b"p"
    );
    assert_eq!(positions(queue, 0, 9).await, [4, 5]);
    assert!(conflict(queue.append(Bytes::new(), 4).await));
    let appended = queue.append(Bytes::new(), 5).await;
    assert_eq!(appended.expect("appends"), 6);
    let bytes = artifacts::fetch(queue.artifacts(), blob, 100)
        .await
        .expect("reads");
    assert_eq!(&bytes[..], b"blob");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_directory_remembers() {
    let directory = tempfile::tempdir().expect("a directory");
    let queue = LocalQueue::open(directory.path(), LEASE).expect("opens");
    assert!(
        LocalQueue::open(directory.path(), LEASE).is_err(),
        "one process at a time"
    );
    let blob = fill(&queue).await;
    drop(queue);
    let journal = directory.path().join("journal");
    let mut bytes = std::fs::read(&journal).expect("a journal");
    bytes.extend([9, 0, 0, 0, 1, 2, 3]);
    std::fs::write(&journal, bytes).expect("a torn tail");
    let queue = LocalQueue::open(directory.path(), LEASE).expect("opens again");
    remembered(&queue, &blob).await;
}

/// Whatever a power cut leaves of the last entry, those before it are there, and the next one gets its position.
#[tokio::test(flavor = "multi_thread")]
async fn a_journal_cut_anywhere_in_its_last_entry() {
    let directory = tempfile::tempdir().expect("a directory");
    let file = directory.path().join("journal");
    let queue = LocalQueue::open(directory.path(), LEASE).expect("opens");
    for (i, body) in ["first", "second"].into_iter().enumerate() {
        queue.append(body.into(), i as u64).await.expect("appends");
    }
    let before = std::fs::metadata(&file).expect("a journal").len() as usize;
    queue.append("third".into(), 2).await.expect("appends");
    drop(queue);
    let whole = std::fs::read(&file).expect("a journal");
    assert!(before < whole.len());
    for cut in before..=whole.len() {
        std::fs::write(&file, &whole[..cut]).expect("a torn tail");
        let queue = LocalQueue::open(directory.path(), LEASE).expect("opens");
        let end = if cut == whole.len() { 3 } else { 2 };
        let kept: Vec<_> = (1..=end).collect();
        assert_eq!(positions(&queue, 0, 9).await, kept, "cut at {cut}");
        let next = queue.append("next".into(), end).await;
        assert_eq!(next.expect("appends"), end + 1);
        drop(queue);
        let queue = LocalQueue::open(directory.path(), LEASE).expect("opens");
        let entries = queue.read(end + 1, 9).await.expect("reads");
        assert_eq!(&entries[0].body[..], b"next", "cut at {cut}");
    }
}

/// A journal that is shortened again and again does not grow for ever, and nothing that counts is lost with the rest.
#[tokio::test(flavor = "multi_thread")]
async fn a_shortened_journal_stays_small() {
    let directory = tempfile::tempdir().expect("a directory");
    let queue = LocalQueue::open(directory.path(), LEASE).expect("opens");
    for key in ["leased", "free"] {
        queue
            .push(&Lane::Results, &item(key, 0, key))
            .await
            .expect("pushes");
    }
    pull(&queue, &Lane::Results).await;
    let body = Bytes::from(vec![7; MAX_BODY_BYTES]);
    for end in 0..600 {
        queue.append(body.clone(), end).await.expect("appends");
        if end % 50 == 49 {
            queue.shorten(end).await.expect("shortens");
        }
    }
    drop(queue);
    let bytes = std::fs::metadata(directory.path().join("journal"))
        .expect("a journal")
        .len();
    assert!(bytes < 100 << 20, "{bytes} of 150 MiB");
    let queue = LocalQueue::open(directory.path(), LEASE).expect("opens");
    assert_eq!(positions(&queue, 0, 9).await, [599, 600]);
    for key in ["leased", "free"] {
        assert_eq!(pull(&queue, &Lane::Results).await.key, key);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broken_artifact_is_refused() {
    let directory = tempfile::tempdir().expect("a directory");
    let queue = LocalQueue::open(directory.path(), LEASE).expect("opens");
    let bytes = Bytes::from_static(b"precious");
    let digest = queue.artifacts().put(bytes.clone()).await.expect("stores");
    let path = directory.path().join("artifacts").join(digest.to_string());
    for broken in [&b"preciouS"[..], b"prec", b""] {
        std::fs::write(&path, broken).expect("broken");
        let read = artifacts::fetch(queue.artifacts(), &digest, 100).await;
        assert!(matches!(read, Err(ArtifactError::Broken { wanted, .. }) if wanted == digest));
    }
    queue.artifacts().put(bytes.clone()).await.expect("mends");
    assert_eq!(
        artifacts::fetch(queue.artifacts(), &digest, 100)
            .await
            .expect("reads"),
        bytes
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_nats_server_remembers() {
    let mut server = NatsServer::start();
    let queue = server.queue(LEASE).await;
    let blob = fill(queue.as_ref()).await;
    drop(queue);
    server.crash();
    remembered(server.queue(LEASE).await.as_ref(), &blob).await;
}

/// A request that was lost with its server must not hold the puller for ever.
#[tokio::test(flavor = "multi_thread")]
async fn a_pull_that_nobody_answers_ends() {
    let server = NatsServer::start();
    let config = NatsConfig {
        timeout: Duration::from_millis(500),
        ..NatsConfig::new(server.url())
    };
    let queue = NatsQueue::connect(&config).await.expect("a connection");
    let lane = [tasks("a")];
    let empty = queue.pull(&lane, Duration::ZERO).await.expect("answered");
    assert!(empty.is_none());
    server.signal("STOP");
    let unanswered = queue.pull(&lane, Duration::ZERO).await;
    server.signal("CONT");
    assert!(unanswered.is_err());
    let pushed = queue.push(&lane[0], &item("x", 0, "1")).await;
    assert_eq!(pushed.expect("pushed"), Pushed::New);
    assert_eq!(pull(&queue, &lane[0]).await.key, "x");
}

#[tokio::test(flavor = "multi_thread")]
async fn nats_refuses_strangers_without_repeating_the_password() {
    let server = NatsServer::start();
    let port = server.bare_url();
    let refused = NatsQueue::connect(&NatsConfig::new(port))
        .await
        .err()
        .expect("refused");
    assert!(refused.to_string().contains("127.0.0.1"), "{refused}");
    let wrong = NatsConfig::new("nats://farm:pa ss@[");
    let refused = NatsQueue::connect(&wrong)
        .await
        .err()
        .expect("refused")
        .to_string();
    assert!(!refused.contains("pa ss"), "{refused}");
}

#[tokio::test(flavor = "multi_thread")]
async fn facts_of_a_directory() {
    let directory = tempfile::tempdir().expect("a directory");
    let queue = LocalQueue::open(directory.path(), LEASE).expect("opens");
    let Facts::Local(facts) = queue.facts().await.expect("facts") else {
        panic!("a local queue");
    };
    assert_eq!(facts.directory.as_deref(), Some(directory.path()));
    assert!(facts.free_bytes.is_some_and(|bytes| bytes > 0) && facts.sync.is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn facts_of_a_server() {
    let server = NatsServer::start();
    let queue = server.queue(LEASE).await;
    let Facts::Nats(facts) = queue.facts().await.expect("facts") else {
        panic!("a NATS server");
    };
    assert!(facts.server_version.starts_with("2."), "{facts:?}");
    assert!(facts.max_payload_bytes >= MAX_BODY_BYTES as u64);
    // One machine, one clock.
    assert!(facts.clock_ahead_ms.is_some_and(|ms| ms.abs() < 1000));
    assert!(facts.streams.len() >= 9 && !facts.encrypted);
    for stream in facts.streams {
        assert_eq!((stream.replicas, stream.behind), (1, 0), "{}", stream.name);
        assert!(stream.bytes_limit.is_some() && stream.messages_limit.is_some());
        assert!(stream.differences.is_empty(), "{stream:?}");
    }
}

/// An operator's old stream becomes ours, or the error says what is wrong with it.
#[tokio::test(flavor = "multi_thread")]
async fn streams_with_other_settings_are_mended_or_named() {
    use async_nats::jetstream::{self, stream};
    let server = NatsServer::start();
    let client = server.client().await;
    let context = jetstream::new(client);
    let old = |name: &str, subject: &str, retention| stream::Config {
        name: name.into(),
        subjects: vec![subject.into()],
        retention,
        ..Default::default()
    };
    let work = stream::RetentionPolicy::WorkQueue;
    let mended = old("TRIFOLD_RESULTS", "trifold.results.>", work);
    context.create_stream(mended).await.expect("creates");
    let queue = server.queue(LEASE).await;
    duplicates_of_results(queue.as_ref()).await;
    drop(queue);

    context
        .delete_stream("TRIFOLD_CONTROL")
        .await
        .expect("deletes");
    let limits = stream::RetentionPolicy::Limits;
    let wrong = old("TRIFOLD_CONTROL", "trifold.control.>", limits);
    context.create_stream(wrong).await.expect("creates");
    let refused = NatsQueue::connect(&NatsConfig::new(server.url())).await;
    let refused = refused.err().expect("refused").to_string();
    for part in [
        "TRIFOLD_CONTROL",
        "retention is \"limits\", should be \"workqueue\"",
    ] {
        assert!(refused.contains(part), "{refused}");
    }
}

async fn duplicates_of_results(queue: &dyn Queue) {
    for (attempt, pushed) in [(0, Pushed::New), (1, Pushed::Duplicate)] {
        let again = queue.push(&Lane::Results, &item("k", attempt, "x")).await;
        assert_eq!(again.expect("pushes"), pushed);
    }
}

/// A worker that starts first is told that there is no coordinator; a lane that is not open yet is an empty lane.
#[tokio::test(flavor = "multi_thread")]
async fn members_find_what_a_coordinator_made() {
    let server = NatsServer::start();
    let member = NatsConfig {
        role: Role::Member,
        ..NatsConfig::new(server.url())
    };
    let early = NatsQueue::connect(&member).await.err();
    assert!(
        matches!(early, Some(QueueError::NoCoordinator(_))),
        "{early:?}"
    );
    let coordinator = server.queue(LEASE).await;
    let worker = NatsQueue::connect(&member).await.expect("connects");
    let lane = tasks("later-1");
    nothing(&worker, &lane).await;
    coordinator
        .push(&lane, &item("k", 0, "x"))
        .await
        .expect("pushes");
    let delivery = pull(&worker, &lane).await;
    assert_eq!(delivery.key, "k");
    delivery.lease.done().await.expect("done");
    let pushed = worker.push(&Lane::Results, &item("w.k", 0, "x")).await;
    assert_eq!(pushed.expect("pushes"), Pushed::New);
    assert_eq!(pull(coordinator.as_ref(), &Lane::Results).await.key, "w.k");
}

/// Somebody has the server answer into a lane: what it sends is no item.
#[tokio::test(flavor = "multi_thread")]
async fn what_the_server_was_made_to_send_is_no_item() {
    let server = NatsServer::start();
    let queue = server.queue(LEASE).await;
    queue
        .notify("n.1", Bytes::from_static(b"a command"))
        .await
        .expect("notifies");
    let client = server.client().await;
    let get = "$JS.API.DIRECT.GET.TRIFOLD_NOTICES.trifold.notices.n.1";
    let forged = client.publish_with_reply(get, "trifold.control.forged", Bytes::new());
    forged.await.expect("publishes");
    client.flush().await.expect("flushes");
    lane_has(queue.as_ref(), &Lane::Control, 1, 0).await;
    nothing(queue.as_ref(), &Lane::Control).await;
    lane_has(queue.as_ref(), &Lane::Control, 0, 0).await;
}

/// A stream that is full refuses what is new, says so, and keeps what it has.
#[tokio::test(flavor = "multi_thread")]
async fn full_streams_refuse() {
    let server = NatsServer::start();
    let config = NatsConfig {
        limits: Limits {
            items_bytes: 4 * MAX_BODY_BYTES as i64,
            journal_bytes: 4 * MAX_BODY_BYTES as i64,
            artifacts_bytes: 4 * MAX_BODY_BYTES as i64,
            ..Limits::default()
        },
        ..NatsConfig::new(server.url())
    };
    let queue = NatsQueue::connect(&config).await.expect("connects");
    let body = Bytes::from(vec![7; MAX_BODY_BYTES]);
    let mut end = 0;
    let refused = loop {
        match queue.append(body.clone(), end).await {
            Ok(position) => end = position,
            Err(refused) => break refused,
        }
    };
    assert!(matches!(refused, QueueError::Full(_)), "{refused}");
    assert_eq!(positions(&queue, 0, 9).await.len() as u64, end);
    assert!(end > 1);
    queue.shorten(end).await.expect("shortens");
    assert_eq!(
        queue.append(body.clone(), end).await.expect("fits"),
        end + 1
    );

    let full = |key: String| Item {
        key,
        attempt: 0,
        body: body.clone(),
    };
    let mut stored = 0;
    let refused = loop {
        let pushed = queue
            .push(&Lane::Results, &full(format!("k{stored}")))
            .await;
        match pushed {
            Ok(_) => stored += 1,
            Err(refused) => break refused,
        }
    };
    assert!(matches!(refused, QueueError::Full(_)), "{refused}");
    assert_eq!(pull(&queue, &Lane::Results).await.key, "k0");
    let blob = Bytes::from(vec![1; 8 * MAX_BODY_BYTES]);
    let refused = queue.artifacts().put(blob.clone()).await;
    assert!(
        matches!(refused, Err(ArtifactError::Store(_))),
        "{refused:?}"
    );
    let half = queue.artifacts().list().await.expect("lists");
    assert_eq!(half.len(), 1, "what is left of it is not hidden");
    let read = artifacts::fetch(queue.artifacts(), &Digest::of(&blob), blob.len()).await;
    assert!(matches!(read, Err(ArtifactError::Missing(_))), "{read:?}");
}
