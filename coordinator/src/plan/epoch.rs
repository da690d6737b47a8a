//! One closed epoch: its states and the tree of merges over its members.

use std::collections::{BTreeMap, BTreeSet};

use ark_bn254::Fr;
use trifold_circuits::trie::SparseTrie;
use trifold_verifier::statement::{GlobalState, MergeStatement};
use trifold_verifier::trie;

use super::Candidate;
use crate::Digest;
use crate::wire::{ChildWork, ProofBytes, Siblings, WireStep, Work};

/// An epoch that is closed and whose global proof is not published.
pub(super) struct Epoch {
    /// G_n.
    pub state: GlobalState,
    /// G_(n-1).
    pub previous: GlobalState,
    pub deepen: bool,
    pub history_path: Vec<[Fr; 2]>,
    pub members: Vec<(u32, Digest)>,
    /// The members' snapshots, in the same order.
    pub candidates: Vec<Candidate>,
    /// Its tasks, those of the members' programs too.
    pub tasks: Vec<Digest>,
    pub transfers: u64,
    pub sent: u128,
    pub received: u128,
    /// Merges by level and index; only those with a child that changed.
    pub nodes: BTreeMap<(u8, u32), Node>,
    pub top_proof: Option<ProofBytes>,
    pub proof: Option<ProofBytes>,
}

impl Epoch {
    pub fn nest_work(&self, previous_proof: Option<ProofBytes>, top_proof: ProofBytes) -> Work {
        Work::Nest {
            previous: self.previous.into(),
            previous_proof,
            deepen: self.deepen,
            root: self.state.root,
            sent: self.sent,
            received: self.received,
            top_proof,
            history_path: self.history_path.clone().into(),
        }
    }
}

/// A merge and what it knows of its children.
#[derive(Clone)]
pub(super) struct Node {
    children: [Child; 3],
}

#[expect(clippy::large_enum_variant, reason = "the small variants are rare")]
#[derive(Clone)]
pub(super) enum Child {
    Unchanged(Fr),
    Shard {
        step: WireStep,
        seen_path: Siblings,
        old: Fr,
        new: Fr,
        proof: Option<ProofBytes>,
    },
    Subtree {
        old: Fr,
        new: Fr,
        sent: u128,
        received: u128,
        proof: Option<ProofBytes>,
    },
}

impl Child {
    fn digests(&self) -> (Fr, Fr) {
        match self {
            Child::Unchanged(digest) => (*digest, *digest),
            Child::Shard { old, new, .. } | Child::Subtree { old, new, .. } => (*old, *new),
        }
    }

    fn flows(&self) -> (u128, u128) {
        match self {
            Child::Unchanged(_) => (0, 0),
            Child::Shard { step, .. } => (step.sent, step.received),
            Child::Subtree { sent, received, .. } => (*sent, *received),
        }
    }

    fn work(&self) -> Option<ChildWork> {
        Some(match self.clone() {
            Child::Unchanged(digest) => ChildWork::Unchanged { digest },
            Child::Shard {
                step,
                seen_path,
                proof,
                ..
            } => ChildWork::Shard {
                step,
                seen_path,
                proof: proof?,
            },
            Child::Subtree {
                old,
                new,
                sent,
                received,
                proof,
            } => ChildWork::Subtree {
                old,
                new,
                sent,
                received,
                proof: proof?,
            },
        })
    }
}

impl Node {
    pub fn fill(&mut self, child: usize, found: ProofBytes) {
        if let Child::Shard { proof, .. } | Child::Subtree { proof, .. } = &mut self.children[child]
        {
            proof.get_or_insert(found);
        }
    }

    /// The children as a task carries them, once all their proofs are there.
    pub fn works(&self) -> Option<[ChildWork; 3]> {
        let [a, b, c] = &self.children;
        Some([a.work()?, b.work()?, c.work()?])
    }

    pub fn statement(&self, keys: Fr, level: u8, index: u32, history: Fr) -> MergeStatement {
        let digests = self.children.each_ref().map(Child::digests);
        let (sent, received) = self.flows();
        MergeStatement {
            keys,
            level,
            index,
            old: trie::node(&digests.map(|(old, _)| old)),
            new: trie::node(&digests.map(|(_, new)| new)),
            history,
            sent,
            received,
        }
    }

    /// The program of the shards that changed; none above level 0.
    pub fn program(&self) -> Option<Fr> {
        self.children.iter().find_map(|child| match child {
            Child::Shard { step, .. } => Some(step.new.program),
            _ => None,
        })
    }

    fn flows(&self) -> (u128, u128) {
        let flows = self.children.iter().map(Child::flows);
        flows.fold((0, 0), |sum, flow| (sum.0 + flow.0, sum.1 + flow.1))
    }
}

/// The merges over the changed leaves, from the leaves up: `old` and `new` are tries of the epoch's depth.
pub(super) fn merge_nodes(
    old: &SparseTrie,
    new: &SparseTrie,
    mut leaves: BTreeMap<u32, Child>,
) -> BTreeMap<(u8, u32), Node> {
    let mut nodes = BTreeMap::new();
    let mut changed: BTreeSet<u32> = leaves.keys().map(|shard| shard / 3).collect();
    for level in 0..old.depth() as u8 {
        for &index in &changed {
            let children = [0, 1, 2].map(|i| {
                let position = 3 * index + i;
                let digest = || Child::Unchanged(old.node(level.into(), position.into()));
                match level {
                    0 => leaves.remove(&position).unwrap_or_else(digest),
                    _ => subtree(old, new, level, position, &nodes).unwrap_or_else(digest),
                }
            });
            nodes.insert((level, index), Node { children });
        }
        changed = changed.iter().map(|index| index / 3).collect();
    }
    nodes
}

fn subtree(
    old: &SparseTrie,
    new: &SparseTrie,
    level: u8,
    position: u32,
    nodes: &BTreeMap<(u8, u32), Node>,
) -> Option<Child> {
    let (sent, received) = nodes.get(&(level - 1, position))?.flows();
    let digest = |trie: &SparseTrie| trie.node(level.into(), position.into());
    Some(Child::Subtree {
        old: digest(old),
        new: digest(new),
        sent,
        received,
        proof: None,
    })
}
