//! The account trie's digests by tablet: an epoch hashes every node above a changed account once, tablets side by side.

use super::accounts::{Accounts, TABLET_LEVELS};
use super::layout::{Account, node_digest, triad_digest};
use ark_bn254::Fr;
use rayon::prelude::*;
use std::sync::{Arc, OnceLock};
use trifold_verifier::trie::Path;

/// Fewest levels of an account trie: one tablet.
pub const MIN_DEPTH: u8 = TABLET_LEVELS;

/// Bottom nodes of a tablet.
const TRIADS: usize = 3usize.pow(TABLET_LEVELS as u32 - 1);

/// Digests of a tablet, its bottom nodes first.
#[derive(Clone, Debug)]
struct Nodes {
    levels: [Vec<Fr>; TABLET_LEVELS as usize],
}

/// All digests of one version. A clone shares tablets until one of the two changes them.
#[derive(Clone, Debug)]
pub struct Trie {
    depth: u8,
    tablets: Vec<Arc<Nodes>>,
    /// Levels above the tablets' tops, the root last; what is beyond a level's end is empty.
    upper: Vec<Vec<Fr>>,
}

impl Trie {
    /// A trie without accounts, of [`MIN_DEPTH`] to [`super::layout::MAX_DEPTH`] levels, which the ledger's rules ensure.
    pub fn new(depth: u8) -> Self {
        Self {
            depth,
            tablets: Vec::new(),
            upper: vec![Vec::new(); usize::from(depth.saturating_sub(TABLET_LEVELS))],
        }
    }

    /// The trie over all of these accounts.
    pub fn of(accounts: &Accounts, depth: u8) -> Self {
        let mut trie = Self::new(depth);
        let triads: Vec<u32> = (0..accounts.len().div_ceil(3) as u32).collect();
        trie.update(accounts, &triads);
        trie
    }

    pub fn root(&self) -> Fr {
        self.node(self.depth, 0)
    }

    /// Hashes what stands above these bottom nodes (in order) anew; gives the root.
    pub fn update(&mut self, accounts: &Accounts, triads: &[u32]) -> Fr {
        let tablet_of = |triad: &u32| *triad as usize / TRIADS;
        let Some(last) = triads.last() else {
            return self.root();
        };
        let count = (tablet_of(last) + 1).max(self.tablets.len());
        self.tablets.resize_with(count, Nodes::empty);
        let groups: Vec<&[u32]> = triads
            .chunk_by(|a, b| tablet_of(a) == tablet_of(b))
            .collect();
        let updated: Vec<(usize, Arc<Nodes>)> = groups
            .par_iter()
            .map(|triads| {
                let tablet = tablet_of(&triads[0]);
                let mut nodes = Nodes::clone(&self.tablets[tablet]);
                nodes.update(accounts, triads);
                (tablet, Arc::new(nodes))
            })
            .collect();
        let changed: Vec<usize> = updated.iter().map(|(tablet, _)| *tablet).collect();
        for (tablet, nodes) in updated {
            self.tablets[tablet] = nodes;
        }
        self.update_upper(changed);
        self.root()
    }

    fn update_upper(&mut self, mut positions: Vec<usize>) {
        for level in TABLET_LEVELS + 1..=self.depth {
            positions.iter_mut().for_each(|position| *position /= 3);
            positions.dedup();
            let digest = |position: &usize| node_digest(&self.children(level, *position));
            let digests: Vec<Fr> = positions.par_iter().map(digest).collect();
            let nodes = &mut self.upper[usize::from(level - TABLET_LEVELS - 1)];
            let count = positions.last().map_or(0, |last| last + 1).max(nodes.len());
            nodes.resize(count, empty(level));
            for (position, digest) in positions.iter().zip(digests) {
                nodes[*position] = digest;
            }
        }
    }

    /// The way from an account's bottom node, whose position is its number divided by 3, to the root, in a trie of
    /// depth - 1 levels over bottom nodes.
    pub fn path(&self, triad: u32) -> Path {
        let sibling = |level: u8| {
            let position = triad as usize / 3usize.pow(u32::from(level) - 1);
            let children = self.children(level + 1, position / 3);
            match position % 3 {
                0 => [children[1], children[2]],
                1 => [children[0], children[2]],
                _ => [children[0], children[1]],
            }
        };
        Path {
            index: triad.into(),
            siblings: (1..self.depth).map(sibling).collect(),
        }
    }

    fn children(&self, level: u8, position: usize) -> [Fr; 3] {
        [0, 1, 2].map(|child| self.node(level - 1, 3 * position + child))
    }

    /// Level 1 is the bottom nodes.
    pub(super) fn node(&self, level: u8, position: usize) -> Fr {
        let found = match level.checked_sub(TABLET_LEVELS + 1) {
            Some(above) => self.upper[usize::from(above)].get(position),
            None => {
                let span = 3usize.pow(u32::from(TABLET_LEVELS - level));
                let tablet = self.tablets.get(position / span);
                tablet.map(|nodes| &nodes.levels[usize::from(level) - 1][position % span])
            }
        };
        found.copied().unwrap_or_else(|| empty(level))
    }
}

impl Nodes {
    fn empty() -> Arc<Self> {
        static EMPTY: OnceLock<Arc<Nodes>> = OnceLock::new();
        let level = |i: usize| vec![empty(i as u8 + 1); TRIADS / 3usize.pow(i as u32)];
        let make = || {
            Arc::new(Self {
                levels: std::array::from_fn(level),
            })
        };
        EMPTY.get_or_init(make).clone()
    }

    fn update(&mut self, accounts: &Accounts, triads: &[u32]) {
        for triad in triads {
            self.levels[0][*triad as usize % TRIADS] = triad_digest(&accounts.triad(*triad));
        }
        let mut positions: Vec<usize> = triads
            .iter()
            .map(|triad| *triad as usize % TRIADS)
            .collect();
        for level in 1..self.levels.len() {
            positions.iter_mut().for_each(|position| *position /= 3);
            positions.dedup();
            for position in &positions {
                let children = [0, 1, 2].map(|child| self.levels[level - 1][3 * position + child]);
                self.levels[level][*position] = node_digest(&children);
            }
        }
    }
}

/// Digest of a subtree without accounts; level 1 is a bottom node.
fn empty(level: u8) -> Fr {
    static EMPTY: OnceLock<Vec<Fr>> = OnceLock::new();
    let digests = EMPTY.get_or_init(|| {
        let above = |digest: &Fr| Some(node_digest(&[*digest; 3]));
        let bottom = triad_digest(&[Account::default(); 3]);
        let levels = std::iter::successors(Some(bottom), above);
        levels.take(super::layout::MAX_DEPTH.into()).collect()
    });
    digests[usize::from(level) - 1]
}
