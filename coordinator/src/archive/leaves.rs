//! The global trie at every epoch at once: each node with its versions, so that a path of any epoch is a few look-ups.

use std::collections::{BTreeMap, BTreeSet};

use ark_bn254::Fr;
use trifold_circuits::trie::empty;
use trifold_verifier::statement::{Leaf, MAX_DEPTH};
use trifold_verifier::trie::{Path, node};

/// Values by the epoch that they hold from, in order of the epochs.
type Versions<T> = Vec<(u32, T)>;

/// What holds at an epoch.
fn at<T>(versions: &Versions<T>, epoch: u64) -> Option<&T> {
    let later = versions.partition_point(|(from, _)| u64::from(*from) <= epoch);
    versions.get(later.checked_sub(1)?).map(|(_, value)| value)
}

/// A leaf, or the one word that it was published without its contents.
pub enum Opened {
    Leaf(Box<Leaf>),
    DigestOnly,
}

/// The shards' leaves and the nodes above them.
pub struct Leaves {
    /// By level and position, leaves first.
    nodes: Vec<BTreeMap<u32, Versions<Fr>>>,
    leaves: BTreeMap<u32, Versions<Option<Box<Leaf>>>>,
}

/// What an epoch changes, not taken in yet.
pub struct Change {
    epoch: u32,
    nodes: Vec<BTreeMap<u32, Fr>>,
    leaves: Vec<(u32, Option<Box<Leaf>>)>,
    pub root: Fr,
}

impl Leaves {
    pub fn new() -> Self {
        Self {
            nodes: vec![BTreeMap::new(); usize::from(MAX_DEPTH) + 1],
            leaves: BTreeMap::new(),
        }
    }

    /// The nodes that these leaves lead to in a trie of `depth` levels, which had `depth_before` of them. The shards fit it.
    pub fn change(
        &self,
        epoch: u32,
        depth_before: u8,
        depth: u8,
        leaves: impl IntoIterator<Item = (u32, Fr, Option<Leaf>)>,
    ) -> Change {
        let mut change = Change {
            epoch,
            nodes: vec![BTreeMap::new()],
            leaves: Vec::new(),
            root: Fr::default(),
        };
        for (shard, digest, leaf) in leaves {
            change.nodes[0].insert(shard, digest);
            change.leaves.push((shard, leaf.map(Box::new)));
        }
        for level in 0..usize::from(depth) {
            let changed = &change.nodes[level];
            let mut above: BTreeSet<u32> = changed.keys().map(|position| position / 3).collect();
            // A new level is there even if nothing below it changed.
            if level >= usize::from(depth_before) {
                above.insert(0);
            }
            let hashed = |position| (position, self.hash(changed, level, position));
            let hashed = above.into_iter().map(hashed).collect();
            change.nodes.push(hashed);
        }
        let top = usize::from(depth);
        let changed = change.nodes.get(top).and_then(|nodes| nodes.get(&0));
        change.root = changed.copied().unwrap_or_else(|| self.newest(top, 0));
        change
    }

    fn hash(&self, changed: &BTreeMap<u32, Fr>, level: usize, position: u32) -> Fr {
        let child = |place| {
            let position = 3 * position + place;
            let new = changed.get(&position).copied();
            new.unwrap_or_else(|| self.newest(level, position))
        };
        node(&[0, 1, 2].map(child))
    }

    fn newest(&self, level: usize, position: u32) -> Fr {
        self.node(level, position, u64::MAX)
    }

    /// Takes a change in.
    pub fn take(&mut self, change: Change) {
        let epoch = change.epoch;
        for (level, nodes) in change.nodes.into_iter().enumerate() {
            for (position, digest) in nodes {
                let versions = self.nodes[level].entry(position).or_default();
                versions.push((epoch, digest));
            }
        }
        for (shard, leaf) in change.leaves {
            self.leaves.entry(shard).or_default().push((epoch, leaf));
        }
    }

    fn node(&self, level: usize, position: u32, epoch: u64) -> Fr {
        let versions = self.nodes.get(level).and_then(|nodes| nodes.get(&position));
        let digest = versions.and_then(|versions| at(versions, epoch)).copied();
        digest.or_else(|| empty(level)).unwrap_or_default()
    }

    /// A shard's leaf at an epoch; `None` if it had none.
    pub fn leaf(&self, shard: u32, epoch: u64) -> Option<Opened> {
        let leaf = at(self.leaves.get(&shard)?, epoch)?;
        Some(match leaf {
            Some(leaf) => Opened::Leaf(leaf.clone()),
            None => Opened::DigestOnly,
        })
    }

    /// The path of a shard at an epoch, when the trie had `depth` levels and a place for it.
    pub fn path(&self, shard: u32, epoch: u64, depth: u8) -> Path {
        let siblings = (0..usize::from(depth)).scan(shard, |position, level| {
            let first = *position - *position % 3;
            let others = (first..first + 3).filter(|other| other != position);
            let mut others = others.map(|other| self.node(level, other, epoch));
            let pair = [others.next()?, others.next()?];
            *position /= 3;
            Some(pair)
        });
        Path {
            index: shard.into(),
            siblings: siblings.collect(),
        }
    }

    /// Number of versions of leaves and of nodes.
    pub fn versions(&self) -> (usize, usize) {
        let leaves = self.leaves.values().map(Vec::len).sum();
        let nodes = self.nodes.iter().flat_map(BTreeMap::values).map(Vec::len);
        (leaves, nodes.sum())
    }
}

#[cfg(test)]
mod tests {
    use trifold_circuits::trie::SparseTrie;

    use super::*;

    #[test]
    fn it_is_the_global_trie_at_every_epoch_deeper_ones_included() {
        let (mut leaves, mut trie) = (Leaves::new(), SparseTrie::new(1).unwrap());
        let mut tries: Vec<SparseTrie> = Vec::new();
        for epoch in 0..30u32 {
            let depth_before = trie.depth() as u8;
            if epoch % 9 == 8 {
                trie.deepen().unwrap();
            }
            let places = trie.capacity() as u32;
            let of_shard = |shard| (shard, Fr::from(1 + epoch), None);
            let mut changed: Vec<_> = (0..epoch % 4)
                .map(|i| of_shard((7 * epoch + i) % places))
                .collect();
            changed.sort_by_key(|(shard, ..)| *shard);
            let depth = trie.depth() as u8;
            let change = leaves.change(epoch, depth_before, depth, changed.clone());
            let new = changed
                .iter()
                .map(|(shard, digest, _)| (u64::from(*shard), *digest));
            trie.set_many(new).unwrap();
            assert_eq!(change.root, trie.root(), "epoch {epoch}");
            leaves.take(change);
            tries.push(trie.clone());
        }
        for (epoch, trie) in (0..).zip(&tries) {
            for shard in 0..trie.capacity() {
                let path = leaves.path(shard as u32, epoch, trie.depth() as u8);
                assert_eq!(path.siblings, trie.path(shard).unwrap(), "{epoch} {shard}");
            }
        }
    }
}
