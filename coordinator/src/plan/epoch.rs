//! One closed epoch: its states and the tree of merges over its members.

use std::collections::BTreeMap;

use ark_bn254::Fr;
use trifold_circuits::trie::{SparseTrie, Touched};
use trifold_verifier::statement::{GlobalState, MergeStatement};

use super::proofs::{Proofs, Proving};
use super::{Candidate, Time};
use crate::Digest;
use crate::wire::{ChildWork, ProofBytes, Siblings, Work};

/// An epoch that is closed and whose global proof is not published.
pub(super) struct Epoch {
    /// G_n.
    pub state: GlobalState,
    /// G_(n-1).
    pub previous: GlobalState,
    pub deepen: bool,
    pub closed_at: Time,
    pub history_path: Vec<[Fr; 2]>,
    /// In order of shard.
    pub members: Vec<(u32, Digest)>,
    /// The members' snapshots and program proofs, in the same order.
    pub programs: Vec<Member>,
    /// Paths of the states that the members have seen, by epoch: few differ.
    pub seen_paths: BTreeMap<u64, Siblings>,
    pub transfers: u64,
    pub sent: u128,
    pub received: u128,
    /// The merges of each level by index; only those with a child that changed.
    pub levels: Vec<Level>,
    pub nest: Proving,
}

/// A snapshot in a closed epoch.
pub(super) struct Member {
    pub candidate: Candidate,
    pub proofs: Proofs,
}

/// The merges of a level.
#[derive(Default)]
pub(super) struct Level {
    pub nodes: BTreeMap<u32, Node>,
    /// Those that are tasks, and of these those that are proven.
    pub started: usize,
    pub proven: usize,
    /// Subtrees that exist, changed or not.
    pub existing: usize,
}

/// A merge and what it knows of its children.
pub(super) struct Node {
    children: [Child; 3],
    old: Fr,
    new: Fr,
    sent: u128,
    received: u128,
    /// Children that changed and whose proof is not there.
    pub missing: u8,
    pub merge: Proving,
}

enum Child {
    Unchanged(Fr),
    /// Place among the epoch's programs.
    Shard(usize),
    /// The merge one level below.
    Subtree,
}

impl Epoch {
    pub fn node(&self, level: u8, index: u32) -> Option<&Node> {
        self.levels.get(usize::from(level))?.nodes.get(&index)
    }

    pub fn level_mut(&mut self, level: u8) -> Option<&mut Level> {
        self.levels.get_mut(usize::from(level))
    }

    /// The top transition's proof.
    pub fn top_proof(&self) -> Option<ProofBytes> {
        self.node(self.state.depth.checked_sub(1)?, 0)?.merge.proof
    }

    /// The place of a member among the programs.
    pub fn position(&self, shard: u32, snapshot: &Digest) -> Option<usize> {
        let found = self
            .members
            .binary_search_by_key(&shard, |(s, _)| *s)
            .ok()?;
        (self.members[found].1 == *snapshot).then_some(found)
    }

    /// Every proof of it that is there, by task.
    pub fn proofs(&self) -> impl Iterator<Item = (Digest, ProofBytes)> {
        let programs = self.programs.iter();
        let programs = programs.flat_map(|member| member.proofs.proven());
        let nodes = self.levels.iter().flat_map(|level| level.nodes.values());
        let merges = nodes.map(|node| &node.merge).chain([&self.nest]);
        programs.chain(merges.filter_map(Proving::proven))
    }

    pub fn merge_statement(&self, keys: Fr, level: u8, index: u32) -> Option<MergeStatement> {
        let node = self.node(level, index)?;
        Some(MergeStatement {
            keys,
            level,
            index,
            old: node.old,
            new: node.new,
            history: self.previous.history,
            sent: node.sent,
            received: node.received,
        })
    }

    /// The program of the shards below a merge of level 0; none above.
    pub fn program(&self, level: u8, index: u32) -> Option<Fr> {
        let shard = |child: &Child| match child {
            Child::Shard(member) => Some(self.programs.get(*member)?.candidate.step.new.program),
            Child::Unchanged(_) | Child::Subtree => None,
        };
        self.node(level, index)?.children.iter().find_map(shard)
    }

    /// The children of a merge as its task carries them, once all their proofs are there.
    pub fn child_works(&self, level: u8, index: u32) -> Option<Box<[ChildWork; 3]>> {
        let children = &self.node(level, index)?.children;
        let work = |child: usize| match &children[child] {
            Child::Unchanged(digest) => Some(ChildWork::Unchanged { digest: *digest }),
            Child::Shard(member) => self.shard_work(*member),
            Child::Subtree => self.subtree_work(level.checked_sub(1)?, 3 * index + child as u32),
        };
        Some(Box::new([work(0)?, work(1)?, work(2)?]))
    }

    fn shard_work(&self, member: usize) -> Option<ChildWork> {
        let member = self.programs.get(member)?;
        let step = member.candidate.step.clone();
        Some(ChildWork::Shard {
            seen_path: self.seen_paths.get(&step.new.seen_epoch)?.clone(),
            step,
            proof: member.proofs.program.proof?,
        })
    }

    fn subtree_work(&self, level: u8, index: u32) -> Option<ChildWork> {
        let node = self.node(level, index)?;
        Some(ChildWork::Subtree {
            old: node.old,
            new: node.new,
            sent: node.sent,
            received: node.received,
            proof: node.merge.proof?,
        })
    }

    pub fn nest_work(&self, previous_proof: Option<ProofBytes>) -> Option<Work> {
        Some(Work::Nest {
            previous: self.previous.into(),
            previous_proof,
            deepen: self.deepen,
            root: self.state.root,
            sent: self.sent,
            received: self.received,
            top_proof: self.top_proof()?,
            history_path: self.history_path.clone().into(),
        })
    }
}

/// The merges over the leaves that an update of `trie` touched, from the leaves up. `missing` says of the members, which
/// are in the order of their leaves, which have no proof.
pub(super) fn merge_levels(
    trie: &SparseTrie,
    touched: &[Touched],
    members: &[Member],
) -> Vec<Level> {
    let mut levels: Vec<Level> = Vec::new();
    let leaves = touched.iter().filter(|node| node.level == 0);
    let places: BTreeMap<u64, usize> = leaves.map(|leaf| leaf.position).zip(0..).collect();
    for node in touched.iter().filter(|node| node.level > 0) {
        let below = node.level - 1;
        let mut merge = Node::new(node);
        for child in 0..3 {
            let position = 3 * node.position + child as u64;
            match below {
                0 => match places.get(&position) {
                    Some(member) => merge.adopt_shard(child, *member, &members[*member]),
                    None => merge.children[child] = Child::Unchanged(trie.node(below, position)),
                },
                _ => match levels[below - 1].nodes.get(&(position as u32)) {
                    Some(subtree) => merge.adopt_subtree(child, subtree.sent, subtree.received),
                    None => merge.children[child] = Child::Unchanged(trie.node(below, position)),
                },
            }
        }
        if levels.len() < node.level {
            let existing = trie.count(node.level);
            levels.push(Level {
                existing,
                ..Level::default()
            });
        }
        levels[below].nodes.insert(node.position as u32, merge);
    }
    levels
}

impl Node {
    fn new(node: &Touched) -> Self {
        Self {
            children: [0; 3].map(|_| Child::Subtree),
            old: node.old,
            new: node.new,
            sent: 0,
            received: 0,
            missing: 0,
            merge: Proving::default(),
        }
    }

    fn adopt_shard(&mut self, child: usize, place: usize, member: &Member) {
        let step = &member.candidate.step;
        self.children[child] = Child::Shard(place);
        self.missing += u8::from(member.proofs.program.proof.is_none());
        self.sent += step.sent;
        self.received += step.received;
    }

    fn adopt_subtree(&mut self, child: usize, sent: u128, received: u128) {
        self.children[child] = Child::Subtree;
        self.missing += 1;
        self.sent += sent;
        self.received += received;
    }
}
