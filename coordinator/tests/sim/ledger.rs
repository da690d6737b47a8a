//! What is recorded, seen from outside: every entry is checked against all before it.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use trifold_circuits::trie::SparseTrie;
use trifold_coordinator::Digest;
use trifold_coordinator::core::Entry;
use trifold_coordinator::plan::{Candidate, Network};
use trifold_coordinator::standin::StandInVerify;
use trifold_coordinator::verify::Verify;
use trifold_coordinator::wire::GlobalProof;
use trifold_verifier::statement::{GlobalState, Keys, Leaf, NestStatement};

#[derive(Default)]
pub struct Ledger {
    pub accepted: BTreeMap<Digest, Candidate>,
    waiting: BTreeMap<u32, VecDeque<Digest>>,
    pub dropped: BTreeSet<Digest>,
    pub epochs: Vec<Vec<(u32, Digest)>>,
    pub proved: BTreeSet<Digest>,
    /// The tasks of programs and their parts that are proven, by snapshot.
    programs: BTreeMap<Digest, Vec<Digest>>,
    pub published: Vec<GlobalProof>,
    pub fence: u64,
    pub checkpoints: u64,
}

impl Ledger {
    /// Takes in what was appended. `may_go` says which snapshots may be given up: nobody can prove them, or their shard
    /// took them back.
    pub fn take(&mut self, entries: &[Entry], may_go: &BTreeSet<Digest>, honest: &str) {
        for entry in entries {
            self.entry(entry, may_go, honest);
        }
    }

    fn entry(&mut self, entry: &Entry, may_go: &BTreeSet<Digest>, honest: &str) {
        match entry {
            Entry::Led { fence, .. } => {
                assert_eq!(*fence, self.fence + 1, "two leaders of one number");
                self.fence = *fence;
            }
            Entry::Accepted(candidate) => self.accept(candidate),
            Entry::Dropped { shard, snapshots } => {
                assert!(may_go.contains(&snapshots[0]), "a good snapshot is lost");
                let line = self.waiting.entry(*shard).or_default();
                line.retain(|snapshot| !snapshots.contains(snapshot));
                for snapshot in snapshots {
                    // With the snapshot its proofs are forgotten; should it be submitted again, they are asked for again.
                    for task in self.programs.remove(snapshot).unwrap_or_default() {
                        self.proved.remove(&task);
                    }
                }
                self.dropped.extend(snapshots);
            }
            Entry::Closed { epoch, shards, .. } => {
                assert_eq!(*epoch, self.epochs.len() as u64 + 1, "closed out of order");
                let members = shards.iter().map(|shard| {
                    let line = self.waiting.get_mut(&shard);
                    let first = line.and_then(VecDeque::pop_front);
                    (shard, first.expect("a member that waits"))
                });
                let members = members.collect();
                self.epochs.push(members);
            }
            Entry::Proved { task, snapshot, .. } => {
                assert!(self.proved.insert(*task), "recorded as proven twice");
                if let Some(snapshot) = snapshot {
                    self.programs.entry(*snapshot).or_default().push(*task);
                }
            }
            Entry::Published { proof, .. } => {
                let expected = self.published.len() as u64 + 1;
                assert_eq!(proof.state.epoch, expected, "published out of order");
                self.published.push(proof.as_ref().clone());
            }
            Entry::Struck { worker } | Entry::Cordoned { worker } => {
                assert!(!worker.starts_with(honest), "an honest worker is struck");
            }
            Entry::Checkpoint { .. } => self.checkpoints += 1,
            _ => {}
        }
    }

    fn accept(&mut self, candidate: &Candidate) {
        let before = self.accepted.insert(candidate.snapshot, candidate.clone());
        let again = self.dropped.remove(&candidate.snapshot);
        assert!(before.is_none() || again, "accepted twice");
        let line = self.waiting.entry(candidate.shard).or_default();
        line.push_back(candidate.snapshot);
    }

    /// Whether no snapshot waits.
    pub fn is_at_rest(&self) -> bool {
        self.waiting.values().all(VecDeque::is_empty)
    }

    /// Nothing waits, and all that was closed is published, each of the state that its members lead to.
    pub fn check(&self, network: &Network) {
        assert!(self.is_at_rest(), "snapshots wait");
        assert_eq!(self.epochs.len(), self.published.len());
        let included: Vec<&Digest> = self.epochs.iter().flatten().map(|(_, s)| s).collect();
        let once: BTreeSet<&Digest> = included.iter().copied().collect();
        assert_eq!(included.len(), once.len(), "a snapshot in two epochs");
        for snapshot in self.accepted.keys() {
            let dropped = self.dropped.contains(snapshot);
            assert_ne!(
                dropped,
                once.contains(snapshot),
                "lost, or dropped and included"
            );
        }
        self.check_chain(network);
    }

    fn check_chain(&self, network: &Network) {
        let mut leaves = network.leaves.clone();
        let (mut depth, genesis) = (network.genesis.depth, network.genesis.digest());
        for (members, proof) in self.epochs.iter().zip(&self.published) {
            for (shard, snapshot) in members {
                let step = &self.accepted[snapshot].step;
                let old = leaves.insert(*shard, step.new.into());
                assert_eq!(step.old.map(Leaf::from), old, "out of the shard's order");
            }
            let state = GlobalState::from(proof.state);
            depth = depth.max(state.depth);
            let mut trie = SparseTrie::new(depth.into()).expect("a trie");
            let digests = leaves
                .iter()
                .map(|(shard, leaf)| ((*shard).into(), leaf.digest()));
            trie.set_many(digests).expect("in range");
            assert_eq!(state.root, trie.root(), "published of another state");
            let keys = Keys::from(proof.keys);
            let statement = NestStatement {
                keys: keys.digest(),
                genesis,
                global: state.digest(),
            };
            let verified = StandInVerify.verify(keys.nest, statement.digest(), &proof.proof);
            verified.expect("a proof that verifies");
        }
    }
}
