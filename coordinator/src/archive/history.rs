//! The history trie at every epoch at once: since it only grows, what changes of it is its right edge.

use ark_bn254::Fr;
use trifold_circuits::trie::empty;
use trifold_verifier::statement::HISTORY_DEPTH;
use trifold_verifier::trie::{Path, node};

/// Digests of the global states in order, and of every node above three that are complete: 48 bytes for a state.
pub struct History {
    /// Complete nodes in order, leaves first.
    levels: Vec<Vec<Fr>>,
}

impl History {
    pub fn new() -> Self {
        Self {
            levels: vec![Vec::new(); HISTORY_DEPTH + 1],
        }
    }

    /// Number of states.
    #[cfg(test)]
    fn len(&self) -> u64 {
        self.levels[0].len() as u64
    }

    /// Adds the digest of the next state.
    pub fn push(&mut self, digest: Fr) {
        let mut digest = Some(digest);
        for nodes in &mut self.levels {
            let Some(complete) = digest else { break };
            nodes.push(complete);
            digest = match nodes.as_chunks::<3>() {
                (triples, []) => triples.last().map(node),
                _ => None,
            };
        }
    }

    /// The root over the first `count` states, of which there are at least so many.
    pub fn root(&self, count: u64) -> Fr {
        Edge::new(self, count).nodes[HISTORY_DEPTH]
    }

    /// The path of state `index` under the root over the first `count`, `index` < `count`. Takes 20 hashes.
    pub fn path(&self, index: u64, count: u64) -> Path {
        let edge = Edge::new(self, count);
        let siblings = (0..HISTORY_DEPTH).scan(index, |position, level| {
            let first = *position - *position % 3;
            let others = (first..first + 3).filter(|other| other != position);
            let mut others = others.map(|other| edge.node(level, other));
            let pair = [others.next()?, others.next()?];
            *position /= 3;
            Some(pair)
        });
        Path {
            index,
            siblings: siblings.collect(),
        }
    }
}

/// The trie over the first `count` states: one node of each level is begun, those before it are complete, those after
/// it empty.
struct Edge<'a> {
    history: &'a History,
    count: u64,
    /// The node that is begun, by level.
    nodes: [Fr; HISTORY_DEPTH + 1],
}

impl<'a> Edge<'a> {
    fn new(history: &'a History, count: u64) -> Self {
        let mut edge = Self {
            history,
            count,
            nodes: [Fr::default(); HISTORY_DEPTH + 1],
        };
        let mut position = count;
        for level in 0..HISTORY_DEPTH {
            let first = position - position % 3;
            let children = [first, first + 1, first + 2].map(|child| edge.node(level, child));
            edge.nodes[level + 1] = node(&children);
            position /= 3;
        }
        edge
    }

    fn node(&self, level: usize, position: u64) -> Fr {
        let begun = self.count / 3u64.pow(level as u32);
        let complete = || self.history.levels.get(level)?.get(position as usize);
        match position.cmp(&begun) {
            std::cmp::Ordering::Less => complete().copied().unwrap_or_default(),
            std::cmp::Ordering::Equal => self.nodes[level],
            std::cmp::Ordering::Greater => empty(level).unwrap_or_default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use trifold_circuits::trie::SparseTrie;

    use super::*;

    #[test]
    fn it_is_the_history_trie_at_every_epoch() {
        let (mut history, mut trie) = (History::new(), SparseTrie::new(HISTORY_DEPTH).unwrap());
        let mut tries = vec![trie.clone()];
        for index in 0..40 {
            let digest = Fr::from(1000 + index);
            trie.set(index, digest).unwrap();
            history.push(digest);
            tries.push(trie.clone());
        }
        assert_eq!(history.len(), 40);
        for (count, trie) in (0..).zip(&tries) {
            assert_eq!(history.root(count), trie.root(), "{count}");
            for index in 0..count {
                let path = history.path(index, count);
                let expected = trie.path(index).unwrap();
                assert_eq!((path.index, path.siblings), (index, expected));
            }
        }
    }
}
