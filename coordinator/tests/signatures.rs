//! Whose snapshots the coordinator looks at: those that the shard's operator announced, and no other costs it an inspection.

mod common;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use ark_bn254::Fr;
use common::{Farm, Shards, announce_as, network, policy, rejected, submit};
use trifold_coordinator::Digest;
use trifold_coordinator::inspect::{Inspect, InspectError};
use trifold_coordinator::plan::Outline;
use trifold_coordinator::queue::local::LocalQueue;
use trifold_coordinator::queue::{Item, Lane, Queue};
use trifold_coordinator::standin::{StandInInspect, announcement, operator};
use trifold_coordinator::wire::{Submission, encode};
use trifold_verifier::statement::Leaf;

/// Counts what an announcement made the coordinator look at.
#[derive(Default)]
struct Counting {
    authorised: AtomicUsize,
    outlined: AtomicUsize,
}

impl Inspect for Counting {
    fn authorise(&self, submission: &Submission) -> Result<(), InspectError> {
        self.authorised.fetch_add(1, Ordering::SeqCst);
        StandInInspect.authorise(submission)
    }

    fn outline(&self, snapshot: Digest, bytes: &[u8]) -> Result<Outline, InspectError> {
        self.outlined.fetch_add(1, Ordering::SeqCst);
        StandInInspect.outline(snapshot, bytes)
    }

    fn check(&self, bytes: &[u8], previous: Option<&Leaf>) -> Result<(), InspectError> {
        StandInInspect.check(bytes, previous)
    }
}

struct Scene {
    farm: Farm,
    inspect: Arc<Counting>,
    shards: Shards,
}

impl Scene {
    fn new() -> Self {
        let queue: Arc<dyn Queue> = Arc::new(LocalQueue::memory(Duration::from_secs(30)));
        let (network, inspect) = (network(4), Arc::new(Counting::default()));
        let shards = Shards::new(&network);
        let farm = Farm::start_with(queue, network, policy(), inspect.clone());
        Self {
            farm,
            inspect,
            shards,
        }
    }

    fn queue(&self) -> &dyn Queue {
        self.farm.queue.as_ref()
    }

    /// A stored snapshot of shard 3, not yet announced.
    async fn stored(&mut self) -> Digest {
        let bytes = self.shards.next(3).encode();
        let stored = self.queue().artifacts().put(bytes).await;
        stored.expect("stored")
    }

    /// The code of the refusal; whoever is refused for the signature costs nothing beyond it.
    async fn refusal(&self, submission: &Submission) -> String {
        let before = self.inspect.outlined.load(Ordering::SeqCst);
        announce_as(self.queue(), submission).await;
        let (code, _) = rejected(self.queue(), &submission.snapshot).await;
        assert_eq!(self.inspect.outlined.load(Ordering::SeqCst), before);
        code
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn shard_2_does_not_submit_for_shard_3() {
    let mut scene = Scene::new();
    let snapshot = scene.stored().await;
    let forged = Submission::signed(&Fr::from(0), 3, snapshot, &operator(2));
    assert_eq!(scene.refusal(&forged).await, "wrong_signature");
    scene.farm.stop().await.expect("stopped");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_signature_is_not_moved_to_another_network_shard_or_snapshot() {
    let mut scene = Scene::new();
    let snapshot = scene.stored().await;
    let elsewhere = Submission::signed(&Fr::from(1), 3, snapshot, &operator(3));
    assert_eq!(scene.refusal(&elsewhere).await, "wrong_signature");
    let signed = announcement(3, snapshot);
    let next = scene.stored().await;
    let moved = Submission {
        snapshot: next,
        ..signed.clone()
    };
    assert_eq!(scene.refusal(&moved).await, "wrong_signature");
    let last = scene.stored().await;
    let of_another_shard = Submission {
        shard: 2,
        ..announcement(3, last)
    };
    assert_eq!(scene.refusal(&of_another_shard).await, "wrong_signature");
    scene.farm.stop().await.expect("stopped");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unsigned_submission_is_refused_even_if_its_snapshot_is_not_stored() {
    let scene = Scene::new();
    let unsigned = Submission {
        signature: None,
        ..announcement(3, Digest::of(b"nowhere"))
    };
    assert_eq!(scene.refusal(&unsigned).await, "unsigned");
    scene.farm.stop().await.expect("stopped");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_under_another_shards_key_is_not_even_authorised() {
    let mut scene = Scene::new();
    let snapshot = scene.stored().await;
    let item = Item {
        key: format!("2.{snapshot}"),
        attempt: 0,
        body: encode(&announcement(3, snapshot)),
    };
    let pushed = scene.queue().push(&Lane::Snapshots, &item).await;
    pushed.expect("pushed");
    // The lane is served in order: when this one is accepted, the other was seen.
    let mut shards = Shards::new(&scene.farm.network);
    let good = submit(scene.queue(), &shards.next(1)).await;
    common::accepted(scene.queue(), &good).await;
    assert_eq!(scene.inspect.authorised.load(Ordering::SeqCst), 1);
    scene.farm.stop().await.expect("stopped");
}
