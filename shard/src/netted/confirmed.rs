//! The accounts as the netted shard's leaf in the latest global state has them: what a receipt of that leaf can be about.

use super::{NettedShard, NettedShardError, View};
use crate::shard::ShardError;
use crate::store::StoreError;
use trifold_circuits::netted::statement::State;
use trifold_verifier::claim::NettedAccountClaim;
use trifold_verifier::statement::{Body, Leaf};

/// The accounts under a leaf.
#[derive(Debug)]
pub struct NettedConfirmed {
    leaf: Leaf,
    body: Body,
    state: State,
    view: View,
}

impl NettedShard {
    /// The accounts as they were when the epoch ended that the latest global state holds; those of genesis before the first.
    ///
    /// # Errors
    /// The store keeps no accounts that lead to the leaf.
    pub fn confirmed(&self) -> Result<NettedConfirmed, NettedShardError> {
        let (leaf, body) = (*self.chain().leaf(), *self.body());
        let is_held = |root| self.state(root).digest() == body.state_root;
        let view = self.store().view(is_held);
        let view = view.ok_or(ShardError::Inconsistent(
            "no accounts are kept that lead to the leaf",
        ))?;
        let root = view.trie.root();
        Ok(NettedConfirmed {
            leaf,
            body,
            state: self.state(root),
            view,
        })
    }
}

impl NettedConfirmed {
    /// The leaf that these are the accounts of.
    pub fn leaf(&self) -> &Leaf {
        &self.leaf
    }

    /// The account at `index` with its path, or that nobody owns the place.
    ///
    /// # Errors
    /// The index is outside the trie.
    pub fn account(&self, index: u64) -> Result<NettedAccountClaim, StoreError> {
        let State {
            network,
            keys,
            depth,
            ..
        } = self.state;
        let inside = index < 3u64.pow(depth.into());
        let account = u32::try_from(index).ok().filter(|_| inside);
        let account = account.ok_or(StoreError::Account { account: index })?;
        let triad = self.view.accounts.triad(account / 3);
        Ok(NettedAccountClaim {
            body: self.body,
            network,
            keys,
            depth,
            index: account,
            triad: triad.map(Into::into),
            path: self.view.trie.path(account / 3),
        })
    }
}
