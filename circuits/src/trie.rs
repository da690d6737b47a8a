//! Sparse ternary Merkle trie: node = Poseidon(left, middle, right), empty leaf = 0, only non-empty nodes are kept.

use crate::field::Element;
use crate::parallel;
use ark_bn254::Fr;
use ark_ff::AdditiveGroup;
use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, sync::OnceLock};
use trifold_verifier::poseidon;

/// Deepest trie: 3^40 leaves are the most whose indices fit 64 bits.
pub const MAX_DEPTH: usize = 40;

/// Why a trie refused an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TrieError {
    #[error("trie depth {0} exceeds {MAX_DEPTH}")]
    Depth(usize),
    #[error("leaf {index} does not exist in a trie of depth {depth}")]
    Index { index: u64, depth: usize },
}

/// Root of an empty subtree with `level` levels below it; `None` above [`MAX_DEPTH`].
pub fn empty(level: usize) -> Option<Fr> {
    static EMPTY: OnceLock<Vec<Fr>> = OnceLock::new();
    let roots = EMPTY.get_or_init(|| {
        let next = |node: &Fr| Some(poseidon::hash(&[*node; 3]));
        std::iter::successors(Some(Fr::ZERO), next)
            .take(MAX_DEPTH + 1)
            .collect()
    });
    roots.get(level).copied()
}

/// A node that an update replaced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Touched {
    /// 0 is the leaves.
    pub level: usize,
    pub position: u64,
    pub old: Fr,
    pub new: Fr,
}

/// A trie that only grows in depth; leaf `i` sits at the base-3 digits of `i`, most significant digit at the root.
///
/// Serialised as its depth and non-empty leaves; inner nodes are recomputed when it is read back.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(try_from = "Leaves", into = "Leaves")]
pub struct SparseTrie {
    /// Non-empty nodes by position, leaves first, the root level last.
    levels: Vec<BTreeMap<u64, Fr>>,
}

impl SparseTrie {
    /// An empty trie of `depth` levels below the root.
    pub fn new(depth: usize) -> Result<Self, TrieError> {
        match depth {
            0..=MAX_DEPTH => Ok(Self {
                levels: vec![BTreeMap::new(); depth + 1],
            }),
            _ => Err(TrieError::Depth(depth)),
        }
    }

    /// Levels below the root.
    pub fn depth(&self) -> usize {
        self.levels.len() - 1
    }

    /// Number of leaf positions, 3^depth.
    pub fn capacity(&self) -> u64 {
        3u64.pow(self.depth() as u32)
    }

    /// The root digest.
    pub fn root(&self) -> Fr {
        self.node(self.depth(), 0)
    }

    /// The leaf at `index`; 0 when it is empty or outside the trie.
    pub fn get(&self, index: u64) -> Fr {
        self.node(0, index)
    }

    /// Replaces the leaf at `index`; 0 empties it.
    pub fn set(&mut self, index: u64, leaf: Fr) -> Result<(), TrieError> {
        self.check_index(index)?;
        let (mut position, mut node) = (index, leaf);
        for level in 0..self.depth() {
            self.put(level, position, node);
            position /= 3;
            node = self.hash(level, position);
        }
        self.put(self.depth(), 0, node);
        Ok(())
    }

    /// Replaces many leaves and hashes every node above them once. Gives the nodes on their paths, the leaves first, each
    /// level in order of position; of two leaves for one place the last stays. Nothing is changed if one does not fit.
    pub fn set_many(
        &mut self,
        leaves: impl IntoIterator<Item = (u64, Fr)>,
    ) -> Result<Vec<Touched>, TrieError> {
        let mut nodes: BTreeMap<u64, Fr> = leaves.into_iter().collect();
        let outside = nodes.keys().last().copied();
        outside.map_or(Ok(()), |index| self.check_index(index))?;
        let mut touched = Vec::new();
        for level in 0..=self.depth() {
            let parents: Vec<u64> = parents(&nodes);
            touched.extend(nodes.into_iter().map(|(position, new)| {
                let old = self.node(level, position);
                self.put(level, position, new);
                Touched {
                    level,
                    position,
                    old,
                    new,
                }
            }));
            let hashed = |parent: u64| (parent, self.hash(level, parent));
            nodes = match level < self.depth() {
                true => parallel::map(parents, hashed).into_iter().collect(),
                false => BTreeMap::new(),
            };
        }
        Ok(touched)
    }

    /// Adds a level: what was the trie becomes the first subtree of the new root.
    pub fn deepen(&mut self) -> Result<(), TrieError> {
        let depth = self.depth();
        if depth == MAX_DEPTH {
            return Err(TrieError::Depth(depth + 1));
        }
        self.levels.push(BTreeMap::new());
        let root = self.hash(depth, 0);
        self.put(depth + 1, 0, root);
        Ok(())
    }

    /// Number of nodes of a level (0 is the leaves) that are not empty.
    pub fn count(&self, level: usize) -> usize {
        self.levels.get(level).map_or(0, BTreeMap::len)
    }

    /// The two siblings per level from the leaf up, each pair in order of child position.
    pub fn path(&self, index: u64) -> Result<Vec<[Fr; 2]>, TrieError> {
        self.check_index(index)?;
        let position = |level: u32| index / 3u64.pow(level);
        Ok((0..self.depth())
            .map(|level| self.siblings(level, position(level as u32)))
            .collect())
    }

    /// Non-empty leaves in order of index.
    pub fn leaves(&self) -> impl Iterator<Item = (u64, Fr)> {
        self.levels[0].iter().map(|(index, leaf)| (*index, *leaf))
    }

    /// The node above the three of `level` whose first is at `3 * parent`.
    fn hash(&self, level: usize, parent: u64) -> Fr {
        poseidon::hash(&[0, 1, 2].map(|child| self.node(level, 3 * parent + child)))
    }

    fn siblings(&self, level: usize, position: u64) -> [Fr; 2] {
        let parent = position / 3;
        let others = match position % 3 {
            0 => [1, 2],
            1 => [0, 2],
            _ => [0, 1],
        };
        others.map(|child| self.node(level, 3 * parent + child))
    }

    /// The digest at `position` among those of `level` (0 = leaves); that of an empty subtree outside the trie.
    pub fn node(&self, level: usize, position: u64) -> Fr {
        let nodes = self.levels.get(level);
        nodes
            .and_then(|nodes| nodes.get(&position))
            .copied()
            .or_else(|| empty(level))
            .unwrap_or_default()
    }

    /// Whether there is a leaf that is not empty below this node, or it is one.
    pub fn contains(&self, level: usize, position: u64) -> bool {
        let nodes = self.levels.get(level);
        nodes.is_some_and(|nodes| nodes.contains_key(&position))
    }

    fn put(&mut self, level: usize, position: u64, node: Fr) {
        match Some(node) == empty(level) {
            true => self.levels[level].remove(&position),
            false => self.levels[level].insert(position, node),
        };
    }

    fn check_index(&self, index: u64) -> Result<(), TrieError> {
        match index < self.capacity() {
            true => Ok(()),
            false => Err(TrieError::Index {
                index,
                depth: self.depth(),
            }),
        }
    }
}

/// Positions of the nodes above these, in order.
fn parents(nodes: &BTreeMap<u64, Fr>) -> Vec<u64> {
    let mut parents: Vec<u64> = nodes.keys().map(|position| position / 3).collect();
    parents.dedup();
    parents
}

/// What is stored of a trie.
#[derive(Deserialize, Serialize)]
struct Leaves {
    depth: usize,
    leaves: BTreeMap<u64, Element>,
}

impl From<SparseTrie> for Leaves {
    fn from(trie: SparseTrie) -> Self {
        let leaves = trie
            .leaves()
            .map(|(index, leaf)| (index, Element(leaf)))
            .collect();
        Self {
            depth: trie.depth(),
            leaves,
        }
    }
}

impl TryFrom<Leaves> for SparseTrie {
    type Error = TrieError;

    fn try_from(stored: Leaves) -> Result<Self, TrieError> {
        let mut trie = Self::new(stored.depth)?;
        let leaves = stored.leaves.into_iter();
        trie.set_many(leaves.map(|(index, leaf)| (index, leaf.0)))?;
        Ok(trie)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Root by hashing every leaf.
    fn dense_root(trie: &SparseTrie) -> Fr {
        let mut nodes: Vec<Fr> = (0..trie.capacity()).map(|index| trie.get(index)).collect();
        while nodes.len() > 1 {
            nodes = nodes
                .as_chunks::<3>()
                .0
                .iter()
                .map(poseidon::hash)
                .collect();
        }
        nodes[0]
    }

    fn fold(leaf: Fr, index: u64, path: &[[Fr; 2]]) -> Fr {
        let step = |(node, position): (Fr, u64), [a, b]: &[Fr; 2]| {
            let children = match position % 3 {
                0 => [node, *a, *b],
                1 => [*a, node, *b],
                _ => [*a, *b, node],
            };
            (poseidon::hash(&children), position / 3)
        };
        path.iter().fold((leaf, index), step).0
    }

    #[test]
    fn sparse_root_equals_dense_root_and_every_path_folds_to_it() {
        let mut trie = SparseTrie::new(4).unwrap();
        for (index, leaf) in [(0, 5), (80, 6), (40, 7), (41, 8), (40, 0), (0, 9)] {
            trie.set(index, Fr::from(leaf)).unwrap();
            assert_eq!(trie.root(), dense_root(&trie));
        }
        for index in 0..81 {
            assert_eq!(
                fold(trie.get(index), index, &trie.path(index).unwrap()),
                trie.root()
            );
        }
    }

    #[test]
    fn an_emptied_trie_is_the_empty_trie() {
        let mut trie = SparseTrie::new(9).unwrap();
        trie.set(1234, Fr::from(1)).unwrap();
        trie.set(1234, Fr::ZERO).unwrap();
        assert_eq!(trie, SparseTrie::new(9).unwrap());
        assert_eq!(Some(trie.root()), empty(9));
    }

    #[test]
    fn many_leaves_at_once_give_what_they_give_one_by_one() {
        let mut many = SparseTrie::new(3).unwrap();
        let mut single = many.clone();
        let rounds: [&[(u64, u64)]; 3] = [
            &[(0, 1), (1, 2), (26, 3), (13, 4)],
            &[(13, 0), (2, 5), (0, 6)],
            &[(0, 0), (1, 0), (2, 0), (26, 0)],
        ];
        for leaves in rounds {
            let before = many.clone();
            let leaves = leaves.iter().map(|(index, leaf)| (*index, Fr::from(*leaf)));
            let touched = many.set_many(leaves.clone()).unwrap();
            leaves.for_each(|(index, leaf)| single.set(index, leaf).unwrap());
            assert_eq!(many, single);
            for node in touched {
                assert_eq!(node.old, before.node(node.level, node.position));
                assert_eq!(node.new, many.node(node.level, node.position));
            }
        }
        assert_eq!(many, SparseTrie::new(3).unwrap());
    }

    #[test]
    fn many_leaves_touch_every_node_above_them_once() {
        let mut trie = SparseTrie::new(2).unwrap();
        let touched = trie.set_many([(0, Fr::from(1)), (1, Fr::from(2)), (8, Fr::from(3))]);
        let places: Vec<_> = touched
            .unwrap()
            .iter()
            .map(|t| (t.level, t.position))
            .collect();
        assert_eq!(places, [(0, 0), (0, 1), (0, 8), (1, 0), (1, 2), (2, 0)]);
        assert_eq!(
            trie.set_many([(0, Fr::from(9)), (9, Fr::from(1))]),
            Err(TrieError::Index { index: 9, depth: 2 })
        );
        assert_eq!(trie.get(0), Fr::from(1));
        assert_eq!((trie.count(0), trie.count(1), trie.count(2)), (3, 2, 1));
    }

    #[test]
    fn a_deepened_trie_is_the_deeper_trie_of_the_same_leaves() {
        for leaves in [vec![], vec![(0, Fr::from(1)), (8, Fr::from(2))]] {
            let mut trie = SparseTrie::new(2).unwrap();
            let mut deeper = SparseTrie::new(3).unwrap();
            trie.set_many(leaves.clone()).unwrap();
            deeper.set_many(leaves).unwrap();
            trie.deepen().unwrap();
            assert_eq!(trie, deeper);
        }
        let mut deepest = SparseTrie::new(MAX_DEPTH).unwrap();
        assert_eq!(deepest.deepen(), Err(TrieError::Depth(MAX_DEPTH + 1)));
    }

    #[test]
    fn limits_are_refused() {
        assert_eq!(SparseTrie::new(41), Err(TrieError::Depth(41)));
        let mut trie = SparseTrie::new(2).unwrap();
        assert_eq!(
            trie.set(9, Fr::from(1)),
            Err(TrieError::Index { index: 9, depth: 2 })
        );
        assert_eq!(trie.path(9), Err(TrieError::Index { index: 9, depth: 2 }));
        assert_eq!(trie.get(9), Fr::ZERO);
    }

    #[test]
    fn storage_keeps_the_leaves_and_refuses_what_does_not_fit() {
        let mut trie = SparseTrie::new(3).unwrap();
        trie.set(26, Fr::from(11)).unwrap();
        let text = serde_json::to_string(&trie).unwrap();
        assert_eq!(serde_json::from_str::<SparseTrie>(&text).unwrap(), trie);
        assert!(serde_json::from_str::<SparseTrie>(&text.replace("26", "27")).is_err());
        assert!(serde_json::from_str::<SparseTrie>(&text.replace("\"0b", "\"gg")).is_err());
        let huge = "ff".repeat(32);
        assert!(
            serde_json::from_str::<SparseTrie>(&format!(
                r#"{{"depth":1,"leaves":{{"0":"{huge}"}}}}"#
            ))
            .is_err()
        );
    }
}
