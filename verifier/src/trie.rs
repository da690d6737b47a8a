//! Ternary Merkle tries: a node is the Poseidon hash of its three children, an empty leaf is 0.

use alloc::vec::Vec;

use ark_bn254::Fr;
use ark_ff::AdditiveGroup;
use thiserror::Error;

use crate::{poseidon, refusal};

/// Most levels of any trie: the indices of 3^40 leaves are the most that 64 bits tell apart.
pub const MAX_LEVELS: usize = 40;

/// Why a path was refused.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum TrieError {
    #[error("a path of {levels} levels, but the trie has {expected}")]
    WrongDepth { levels: usize, expected: usize },
    #[error("index {index} is outside a trie of {levels} levels")]
    IndexOutOfRange { index: u64, levels: usize },
    #[error("a path to index {found} instead of {expected}")]
    WrongIndex { found: u64, expected: u64 },
    #[error("the path leads to another root")]
    WrongRoot,
}

impl TrieError {
    /// The reason, as one word of [`refusal`].
    pub fn code(&self) -> &'static str {
        match self {
            Self::WrongDepth { .. } => refusal::WRONG_DEPTH,
            Self::IndexOutOfRange { .. } | Self::WrongIndex { .. } => refusal::WRONG_INDEX,
            Self::WrongRoot => refusal::WRONG_ROOT,
        }
    }
}

/// Digest of a node with these children.
pub fn node(children: &[Fr; 3]) -> Fr {
    poseidon::hash(children)
}

/// Digest of an empty subtree of `levels` levels.
pub fn empty_digest(levels: usize) -> Fr {
    (0..levels).fold(Fr::ZERO, |digest, _| node(&[digest; 3]))
}

/// Digests of the empty subtrees of 0, 1, .., `N`-1 levels.
pub fn empty_digests<const N: usize>() -> [Fr; N] {
    let mut next = Fr::ZERO;
    [(); N].map(|()| {
        let digest = next;
        next = node(&[digest; 3]);
        digest
    })
}

/// The way from a leaf to the root.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Path {
    /// Position of the leaf; its base-3 digits, lowest first, say which child the way passes at each level.
    pub index: u64,
    /// For each level, from the leaf up, the two other children in order.
    pub siblings: Vec<[Fr; 2]>,
}

impl Path {
    /// The root over `leaf`, in a trie of `levels` levels.
    pub fn root(&self, leaf: Fr, levels: usize) -> Result<Fr, TrieError> {
        if self.siblings.len() != levels {
            return Err(TrieError::WrongDepth {
                levels: self.siblings.len(),
                expected: levels,
            });
        }
        let mut index = self.index;
        let root = self.siblings.iter().fold(leaf, |child, siblings| {
            let digit = index % 3;
            index /= 3;
            parent(digit, child, siblings)
        });
        match index {
            0 => Ok(root),
            _ => Err(TrieError::IndexOutOfRange {
                index: self.index,
                levels,
            }),
        }
    }

    /// Checks that the path is to the place that is claimed.
    pub fn leads_to(&self, expected: u64) -> Result<(), TrieError> {
        match self.index {
            found if found == expected => Ok(()),
            found => Err(TrieError::WrongIndex { found, expected }),
        }
    }

    /// Checks that `leaf` stands at this path under `root`.
    pub fn verify(&self, leaf: Fr, root: Fr, levels: usize) -> Result<(), TrieError> {
        if self.root(leaf, levels)? == root {
            Ok(())
        } else {
            Err(TrieError::WrongRoot)
        }
    }

    /// Checks that the place at this path is empty under `root`, and gives the root with `leaf` put there.
    pub fn append(&self, leaf: Fr, root: Fr, levels: usize) -> Result<Fr, TrieError> {
        self.verify(Fr::ZERO, root, levels)?;
        self.root(leaf, levels)
    }
}

fn parent(digit: u64, child: Fr, &[first, second]: &[Fr; 2]) -> Fr {
    node(&match digit {
        0 => [child, first, second],
        1 => [first, child, second],
        _ => [first, second, child],
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn leaves() -> [Fr; 9] {
        core::array::from_fn(|i| Fr::from(i as u64 + 1))
    }

    /// Root and path of a full trie of two levels.
    fn small_trie(leaves: &[Fr; 9], index: usize) -> (Fr, Path) {
        let inner: [Fr; 3] =
            core::array::from_fn(|i| node(&[leaves[3 * i], leaves[3 * i + 1], leaves[3 * i + 2]]));
        let others = |all: &[Fr], skip: usize| {
            let rest: Vec<Fr> = (0..3).filter(|&i| i != skip).map(|i| all[i]).collect();
            [rest[0], rest[1]]
        };
        let triple = &leaves[index / 3 * 3..][..3];
        let siblings = Vec::from([others(triple, index % 3), others(&inner, index / 3)]);
        (
            node(&inner),
            Path {
                index: index as u64,
                siblings,
            },
        )
    }

    #[test]
    fn every_position_verifies_and_only_there() {
        let leaves = leaves();
        for index in 0..9 {
            let (root, path) = small_trie(&leaves, index);
            assert_eq!(path.verify(leaves[index], root, 2), Ok(()));
            for other in (0..9).filter(|&other| other != index as u64) {
                let moved = Path {
                    index: other,
                    ..path.clone()
                };
                assert_eq!(
                    moved.verify(leaves[index], root, 2),
                    Err(TrieError::WrongRoot)
                );
            }
            let wrong = Fr::from(100);
            assert_eq!(path.verify(wrong, root, 2), Err(TrieError::WrongRoot));
        }
    }

    #[test]
    fn refuses_indices_and_depths_out_of_range() {
        let leaves = leaves();
        let (root, path) = small_trie(&leaves, 4);
        let aliased = Path {
            index: 4 + 9,
            ..path.clone()
        };
        let error = TrieError::IndexOutOfRange {
            index: 13,
            levels: 2,
        };
        assert_eq!(aliased.verify(leaves[4], root, 2), Err(error));
        let error = TrieError::WrongDepth {
            levels: 2,
            expected: 3,
        };
        assert_eq!(path.verify(leaves[4], root, 3), Err(error));
        assert!(
            Path {
                index: u64::MAX,
                ..path
            }
            .root(leaves[4], 2)
            .is_err()
        );
    }

    #[test]
    fn appends_to_empty_places_only() {
        let mut leaves = leaves();
        leaves[7] = Fr::ZERO;
        let (root, path) = small_trie(&leaves, 7);
        leaves[7] = Fr::from(50);
        let (appended, _) = small_trie(&leaves, 7);
        assert_eq!(path.append(leaves[7], root, 2), Ok(appended));
        assert_eq!(
            path.append(leaves[7], appended, 2),
            Err(TrieError::WrongRoot)
        );
    }

    #[test]
    fn empty_digests_agree() {
        let digests = empty_digests::<21>();
        assert_eq!(digests[0], Fr::ZERO);
        assert_eq!(digests[1], node(&[Fr::ZERO; 3]));
        digests
            .iter()
            .enumerate()
            .for_each(|(level, digest)| assert_eq!(empty_digest(level), *digest));
    }
}
