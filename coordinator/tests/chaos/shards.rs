//! Shards that submit one snapshot after the other and remember which ones were accepted.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use bytes::Bytes;
use trifold_coordinator::Digest;
use trifold_coordinator::coordinator::verdict_key;
use trifold_coordinator::queue::{Item, Lane, Queue};
use trifold_coordinator::standin::{Snapshot, announcement};
use trifold_coordinator::wire::{Outcome, Verdict, decode, encode};
use trifold_verifier::statement::Leaf;

/// Time without a verdict after which a snapshot is announced again.
const PATIENCE: Duration = Duration::from_secs(4);
const LOOK: Duration = Duration::from_millis(40);
/// Accepted snapshots of a shard that are not published yet, at most.
const AHEAD: usize = 2;

/// What all shards know together.
#[derive(Default)]
pub struct Ledger {
    /// Accepted and not published, in order, of each shard.
    pub open: HashMap<u32, VecDeque<Digest>>,
    /// Blobs of snapshots that are submitted and not published.
    pub blobs: HashMap<Digest, Bytes>,
    /// Epochs of published snapshots.
    pub published: HashMap<Digest, u64>,
    pub submitted: u64,
    pub announced_again: u64,
    pub stop: bool,
}

pub type Shared = Arc<Mutex<Ledger>>;

pub struct Shard {
    pub index: u32,
    pub leaf: Leaf,
    pub queue: Arc<dyn Queue>,
    pub ledger: Shared,
}

impl Shard {
    /// Submits until it is told to stop; what it began is accepted before it ends.
    pub async fn run(mut self) {
        loop {
            while self.is_ahead() {
                tokio::time::sleep(LOOK).await;
            }
            if self.ledger.lock().expect("ledger").stop {
                return;
            }
            let snapshot = Snapshot::after(self.index, Some(self.leaf));
            let bytes = snapshot.encode();
            let digest = Digest::of(&bytes);
            {
                let mut ledger = self.ledger.lock().expect("ledger");
                ledger.submitted += 1;
                ledger.blobs.insert(digest, bytes.clone());
            }
            self.submit(digest, bytes).await;
            self.leaf = snapshot.leaf();
            let mut ledger = self.ledger.lock().expect("ledger");
            if !ledger.published.contains_key(&digest) {
                ledger.open.entry(self.index).or_default().push_back(digest);
            }
        }
    }

    fn is_ahead(&self) -> bool {
        let ledger = self.ledger.lock().expect("ledger");
        !ledger.stop
            && ledger
                .open
                .get(&self.index)
                .is_some_and(|open| open.len() >= AHEAD)
    }

    /// Stores and announces the snapshot, again and again, until it is accepted.
    async fn submit(&self, digest: Digest, bytes: Bytes) {
        for attempt in 0.. {
            let stored = self.queue.artifacts().put(bytes.clone()).await;
            let submission = announcement(self.index, digest);
            let item = Item {
                key: submission.key(),
                attempt,
                body: encode(&submission),
            };
            if stored.is_ok()
                && self.queue.push(&Lane::Snapshots, &item).await.is_ok()
                && self.is_accepted(digest).await
            {
                return;
            }
            self.ledger.lock().expect("ledger").announced_again += 1;
            tokio::time::sleep(10 * LOOK).await;
        }
    }

    async fn is_accepted(&self, digest: Digest) -> bool {
        let started = Instant::now();
        while started.elapsed() < PATIENCE {
            let notice = self.queue.notice(&verdict_key(self.index, &digest)).await;
            let verdict = notice.ok().flatten().map(|body| decode::<Verdict>(&body));
            match verdict.map(|verdict| verdict.expect("a verdict").outcome) {
                // Its blob was broken just then; a good one is stored again.
                Some(Outcome::Rejected { code, message }) => {
                    println!("shard {}: {code}: {message}", self.index);
                    return false;
                }
                Some(_) => return true,
                None => tokio::time::sleep(LOOK).await,
            }
        }
        false
    }
}
