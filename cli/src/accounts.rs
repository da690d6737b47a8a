//! A shard's accounts, read from its ledger whenever that has changed.

use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};
use std::time::SystemTime;

use trifold_console::{Accounts, NoAccount};
use trifold_shard::file;
use trifold_shard::shard::Confirmed;
use trifold_verifier::claim::AccountClaim;

/// What tells one state of a file from another. Each is a new file, so the length and time of two are hardly ever the same.
type Seen = (SystemTime, u64);

/// The accounts of a ledger on disk.
pub struct LedgerAccounts {
    path: PathBuf,
    read: Mutex<Option<(Seen, Confirmed)>>,
}

impl LedgerAccounts {
    pub fn new(path: PathBuf) -> Self {
        let read = Mutex::default();
        Self { path, read }
    }

    /// Looks at the accounts as they are in the file now.
    fn with<T>(&self, look: impl FnOnce(&Confirmed) -> T) -> anyhow::Result<T> {
        let file = std::fs::metadata(&self.path)?;
        let seen = (file.modified()?, file.len());
        let mut read = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        match &*read {
            Some((known, confirmed)) if *known == seen => Ok(look(confirmed)),
            _ => {
                let confirmed = file::load(&self.path)?.confirmed()?;
                Ok(look(&read.insert((seen, confirmed)).1))
            }
        }
    }
}

impl Accounts for LedgerAccounts {
    fn account(&self, index: u64) -> Result<AccountClaim, NoAccount> {
        let claim = self.with(|accounts| accounts.account(index));
        let claim = claim.map_err(|error| NoAccount::Unreadable(format!("{error:#}")))?;
        claim.map_err(|error| NoAccount::NoPlace(error.to_string()))
    }
}
