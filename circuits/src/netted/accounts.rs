//! Accounts and their trie: three accounts to a bottom node, three nodes to a node above.

use crate::field;
use crate::trie::Touched;
use ark_bn254::Fr;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use trifold_verifier::{netted, poseidon};

pub use trifold_verifier::netted::MAX_DEPTH;

/// Why a trie of accounts refused an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AccountsError {
    #[error("an account trie has 1 to {MAX_DEPTH} levels, not {0}")]
    Depth(u8),
    #[error("account {index} does not exist in a trie of {depth} levels")]
    Index { index: u32, depth: u8 },
}

/// A [`netted::Account`] that serde can carry.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
pub struct Account {
    /// The u coordinate of the owner's key ([`crate::montgomery::key_u`]).
    #[serde(with = "field::element")]
    pub key: Fr,
    pub balance: u64,
    /// Messages that the account has signed.
    pub ordinal: u64,
}

impl From<Account> for netted::Account {
    fn from(account: Account) -> Self {
        let Account {
            key,
            balance,
            ordinal,
        } = account;
        Self {
            key,
            balance,
            ordinal,
        }
    }
}

/// [`netted::triad_digest`].
pub fn triad_digest(accounts: &[Account; 3]) -> Fr {
    netted::triad_digest(&accounts.map(Into::into))
}

/// All accounts of a shard, with the digest of every node above one that is not the default.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccountTrie {
    accounts: BTreeMap<u32, Account>,
    /// Digests by position; level 1, the bottom nodes, comes first.
    levels: Vec<BTreeMap<u64, Fr>>,
    /// Digest of a subtree without accounts by level, from 1.
    empty: Vec<Fr>,
}

impl AccountTrie {
    /// A trie of `depth` levels without accounts.
    pub fn new(depth: u8) -> Result<Self, AccountsError> {
        if depth == 0 || depth > MAX_DEPTH {
            return Err(AccountsError::Depth(depth));
        }
        let bottom = triad_digest(&[Account::default(); 3]);
        let above = |digest: &Fr| Some(poseidon::hash(&[*digest; 3]));
        let empty = std::iter::successors(Some(bottom), above);
        Ok(Self {
            accounts: BTreeMap::new(),
            levels: vec![BTreeMap::new(); depth.into()],
            empty: empty.take(depth.into()).collect(),
        })
    }

    pub fn depth(&self) -> u8 {
        self.levels.len() as u8
    }

    /// Places for accounts, 3^depth.
    pub fn capacity(&self) -> u64 {
        3u64.pow(self.depth().into())
    }

    pub fn root(&self) -> Fr {
        self.node(self.depth(), 0)
    }

    /// The account at `index`; the default where there is none.
    pub fn get(&self, index: u32) -> Account {
        self.accounts.get(&index).copied().unwrap_or_default()
    }

    /// The accounts of a bottom node.
    pub fn triad(&self, position: u64) -> [Account; 3] {
        [0, 1, 2].map(|i| self.get(3 * position as u32 + i))
    }

    /// Digest of a node; `level` counts from 1 and is at most the depth.
    pub fn node(&self, level: u8, position: u64) -> Fr {
        let at = usize::from(level) - 1;
        let digest = self.levels[at].get(&position);
        digest.copied().unwrap_or(self.empty[at])
    }

    /// Digests of the three nodes below a node of level 2 or more.
    pub fn children(&self, level: u8, position: u64) -> [Fr; 3] {
        [0, 1, 2].map(|i| self.node(level - 1, 3 * position + i))
    }

    /// Replaces accounts and hashes every node above them once. Gives the nodes on their paths, the bottom ones first, each
    /// level in order of position. Nothing is changed if one does not fit.
    pub fn set_many(
        &mut self,
        accounts: impl IntoIterator<Item = (u32, Account)>,
    ) -> Result<Vec<Touched>, AccountsError> {
        let accounts: BTreeMap<u32, Account> = accounts.into_iter().collect();
        if let Some(&index) = accounts.keys().next_back()
            && u64::from(index) >= self.capacity()
        {
            let depth = self.depth();
            return Err(AccountsError::Index { index, depth });
        }
        let mut positions: Vec<u64> = accounts.keys().map(|&index| index.into()).collect();
        self.accounts.extend(accounts);
        let mut touched = Vec::new();
        for level in 1..=self.depth() {
            positions.iter_mut().for_each(|position| *position /= 3);
            positions.dedup();
            touched.extend(positions.iter().map(|&at| self.rehash(level, at)));
        }
        Ok(touched)
    }

    fn rehash(&mut self, level: u8, position: u64) -> Touched {
        let old = self.node(level, position);
        let new = match level {
            1 => triad_digest(&self.triad(position)),
            _ => poseidon::hash(&self.children(level, position)),
        };
        self.levels[usize::from(level) - 1].insert(position, new);
        let level = level.into();
        Touched {
            level,
            position,
            old,
            new,
        }
    }
}
