//! The accounts as the shard's leaf in the latest global state has them: what a receipt of that leaf can be about.

use trifold_circuits::transfer;
use trifold_verifier::claim::AccountClaim;
use trifold_verifier::statement::{Account, Body, Leaf};
use trifold_verifier::trie::Path;

use super::{Shard, ShardError};
use crate::ledger::{Ledger, LedgerError};

/// The accounts under a leaf.
pub struct Confirmed {
    leaf: Leaf,
    body: Body,
    ledger: Ledger,
}

impl Shard {
    /// The accounts without the transfers that wait for a global state, which are taken back one by one.
    ///
    /// # Errors
    /// The pending transfers are not those that the accounts came from.
    pub fn confirmed(&self) -> Result<Confirmed, ShardError> {
        let mut ledger = self.ledger.clone();
        for pending in self.pending.iter().rev() {
            ledger.undo(&pending.step)?;
        }
        match ledger.root() == self.root {
            true => Ok(Confirmed {
                leaf: self.leaf,
                body: transfer::body(self.root),
                ledger,
            }),
            false => Err(ShardError::Inconsistent(
                "the pending transfers don't lead back to the leaf's accounts",
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
        let account = self.ledger.account(index).map(|entry| {
            let key = entry.key.coordinates();
            Account {
                ax: key.x,
                ay: key.y,
                balance: entry.balance,
                ordinal: entry.ordinal,
            }
        });
        Ok(AccountClaim {
            body: self.body,
            index,
            account,
            path: Path { index, siblings },
        })
    }
}
