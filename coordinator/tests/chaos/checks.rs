//! What must hold, whatever was killed.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use trifold_coordinator::Digest;
use trifold_coordinator::coordinator::{members, published};
use trifold_coordinator::core::{Batch, Entry};
use trifold_coordinator::plan::Network;
use trifold_coordinator::queue::Queue;
use trifold_coordinator::standin::StandInVerify;
use trifold_coordinator::verify::Verify;
use trifold_coordinator::wire::GlobalProof;
use trifold_verifier::statement::{GlobalState, Keys, NestStatement};

use super::shards::Shared;

/// Follows the journal and the published proofs.
pub struct Checks {
    pub queue: Arc<dyn Queue>,
    pub network: Network,
    pub ledger: Shared,
    pub epochs: Vec<GlobalProof>,
    position: u64,
    /// Entries that were forgotten before they were read.
    pub missed: u64,
    pub terms: u64,
    proved: HashMap<Digest, u64>,
}

impl Checks {
    pub fn new(queue: Arc<dyn Queue>, network: Network, ledger: Shared) -> Self {
        Self {
            queue,
            network,
            ledger,
            epochs: Vec::new(),
            position: 0,
            missed: 0,
            terms: 0,
            proved: HashMap::new(),
        }
    }

    pub fn proved(&self) -> usize {
        self.proved.len()
    }

    /// Reads on; what cannot be read just now is read later. True: there is a new epoch.
    pub async fn look(&mut self) -> bool {
        if let Ok(entries) = self.queue.read(self.position + 1, 1000).await {
            for entry in entries {
                self.missed += entry.position - self.position - 1;
                self.position = entry.position;
                self.learn(&Batch::decode(&entry.body).expect("a batch"));
            }
        }
        let epoch = self.epochs.len() as u64 + 1;
        let Ok(Some(proof)) = published(self.queue.as_ref(), epoch).await else {
            return false;
        };
        let Ok(Some(members)) = members(self.queue.as_ref(), epoch).await else {
            return false;
        };
        self.check_proof(&proof);
        let mut ledger = self.ledger.lock().expect("ledger");
        for member in members {
            let before = ledger.published.insert(member.snapshot, epoch);
            assert_eq!(before, None, "{} is in two epochs", member.snapshot);
            let known = ledger.blobs.remove(&member.snapshot);
            assert!(known.is_some(), "nobody submitted {}", member.snapshot);
            let open = ledger.open.entry(member.shard).or_default();
            // Not accepted yet to the knowledge of its shard, or the next one of those that are.
            if let Some(at) = open.iter().position(|open| *open == member.snapshot) {
                assert_eq!(at, 0, "shard {} lost a snapshot", member.shard);
                open.pop_front();
            }
        }
        drop(ledger);
        self.epochs.push(proof);
        true
    }

    /// A proof is recorded once.
    fn learn(&mut self, batch: &Batch) {
        for entry in &batch.entries {
            match entry {
                Entry::Led { .. } => self.terms += 1,
                Entry::Proved { task, .. } => {
                    let before = self.proved.insert(*task, self.position);
                    assert_eq!(before, None, "task {task} was recorded twice");
                }
                _ => {}
            }
        }
    }

    /// It verifies, and goes on where the one before ended.
    fn check_proof(&self, proof: &GlobalProof) {
        let last = self.epochs.last();
        let previous = last.map_or(self.network.genesis, |last| last.state.into());
        let (state, keys) = (GlobalState::from(proof.state), Keys::from(proof.keys));
        let genesis = self.network.genesis.digest();
        assert_eq!(state.epoch, previous.epoch + 1);
        assert_eq!((keys, proof.genesis), (self.network.keys, genesis));
        assert_eq!(proof.old_root, previous.root);
        let statement = NestStatement {
            keys: keys.digest(),
            genesis,
            global: state.digest(),
        };
        let verified = StandInVerify.verify(keys.nest, statement.digest(), &proof.proof);
        verified.expect("the global proof verifies");
    }

    /// What was published first is still what is published.
    pub async fn check_again(&self) {
        for (epoch, first) in (1..).zip(&self.epochs) {
            let now = published(self.queue.as_ref(), epoch).await;
            assert_eq!(now.expect("reads").as_ref(), Some(first), "epoch {epoch}");
        }
    }

    pub fn is_all_published(&self) -> bool {
        let ledger = self.ledger.lock().expect("ledger");
        ledger.open.values().all(|open| open.is_empty())
    }

    /// Lanes and store are empty in the end.
    pub async fn check_leaks(&self, patience: Duration) {
        let started = Instant::now();
        loop {
            let leaks = self.leaks().await;
            if leaks.is_empty() {
                return;
            }
            assert!(started.elapsed() < patience, "left behind: {leaks:?}");
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
    }

    async fn leaks(&self) -> Vec<String> {
        let stats = match self.queue.stats().await {
            Ok(stats) => stats,
            Err(error) => return vec![error.to_string()],
        };
        let held = stats
            .lanes
            .iter()
            .filter(|lane| lane.waiting + lane.leased > 0);
        let mut leaks: Vec<_> = held.map(|lane| format!("{lane:?}")).collect();
        let blobs = match self.queue.artifacts().list().await {
            Ok(blobs) => blobs,
            Err(error) => return vec![error.to_string()],
        };
        let ledger = self.ledger.lock().expect("ledger");
        let old: HashSet<_> = ledger.published.keys().collect();
        let old = blobs.iter().filter(|blob| old.contains(&blob.digest));
        leaks.extend(old.map(|blob| format!("snapshot {blob:?}")));
        if blobs.len() > MOST_BLOBS {
            leaks.push(format!("{} blobs", blobs.len()));
        }
        leaks
    }
}

/// Blobs of a farm at rest: its checkpoints.
const MOST_BLOBS: usize = 3;
