//! The accounts as the shard's leaf in the latest global state has them: what a receipt of that leaf can be about.

use trifold_verifier::claim::AccountClaim;
use trifold_verifier::statement::{Account, Body, Leaf};
use trifold_verifier::trie::Path;

use super::{Event, Shard, ShardError};
use crate::ledger::{Ledger, LedgerError};

/// The accounts under a leaf.
pub struct Confirmed {
    leaf: Leaf,
    body: Body,
    ledger: Ledger,
}

impl Shard {
    /// The accounts without what waits for a global state, which is taken back one by one.
    ///
    /// # Errors
    /// The pending events are not those that the accounts came from.
    pub fn confirmed(&self) -> Result<Confirmed, ShardError> {
        let mut ledger = self.ledger.clone();
        for pending in self.pending.iter().rev() {
            match &pending.event {
                Event::Transfer(step) => ledger.undo(self.index(), step)?,
                Event::Receive { receive, .. } => {
                    ledger.take_back(&receive.opening.message, receive.held)?;
                }
            }
        }
        match ledger.root() == self.body.state_root {
            true => Ok(Confirmed {
                leaf: *self.leaf(),
                body: self.body,
                ledger,
            }),
            false => Err(ShardError::Inconsistent(
                "the pending events don't lead back to the leaf's accounts",
            )),
        }
    }
}

impl Confirmed {
    /// The leaf that these are the accounts of.
    pub fn leaf(&self) -> &Leaf {
        &self.leaf
    }

    /// The account at `index` with its path, or that there is none.
    ///
    /// # Errors
    /// The index is outside the ledger.
    pub fn account(&self, index: u64) -> Result<AccountClaim, LedgerError> {
        let siblings = self.ledger.path(index)?;
        let account = self.ledger.account(index).map(|entry| Account {
            ax: entry.key.x,
            ay: entry.key.y,
            balance: entry.balance,
            ordinal: entry.ordinal,
        });
        Ok(AccountClaim {
            body: self.body,
            index,
            account,
            path: Path { index, siblings },
        })
    }
}
