//! What a shard serves, read from its ledger whenever that has changed.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::SystemTime;

use trifold_console::{Accounts, Deliveries, NoAccount, NoDelivery};
use trifold_shard::shard::Confirmed;
use trifold_shard::{DeliveryError, Posted, ShardError, file};
use trifold_verifier::claim::AccountClaim;

/// What tells one state of a file from another. Each is a new file, so the length and time of two are hardly ever the same.
type Seen = (SystemTime, u64);

/// What a file says.
struct Fresh<T> {
    path: PathBuf,
    read: fn(&Path) -> anyhow::Result<T>,
    last: Mutex<Option<(Seen, T)>>,
}

impl<T> Fresh<T> {
    fn new(path: PathBuf, read: fn(&Path) -> anyhow::Result<T>) -> Self {
        let last = Mutex::default();
        Self { path, read, last }
    }

    /// Looks at it as it is in the file now.
    fn with<R>(&self, look: impl FnOnce(&T) -> R) -> anyhow::Result<R> {
        let file = std::fs::metadata(&self.path)?;
        let seen = (file.modified()?, file.len());
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        match &*last {
            Some((known, read)) if *known == seen => Ok(look(read)),
            _ => {
                let read = (self.read)(&self.path)?;
                Ok(look(&last.insert((seen, read)).1))
            }
        }
    }
}

/// The accounts of a `transfer` shard's ledger on disk.
pub struct LedgerAccounts(Fresh<Confirmed>);

impl LedgerAccounts {
    pub fn new(ledger: &Path) -> Self {
        let read = |file: &Path| Ok(file::load(file)?.confirmed()?);
        Self(Fresh::new(ledger.into(), read))
    }
}

impl Accounts for LedgerAccounts {
    fn account(&self, index: u64) -> Result<AccountClaim, NoAccount> {
        let claim = self.0.with(|accounts| accounts.account(index));
        let claim = claim.map_err(|error| NoAccount::Unreadable(format!("{error:#}")))?;
        claim.map_err(|error| NoAccount::NoPlace(error.to_string()))
    }
}

/// What a ledger on disk has for other shards.
pub struct LedgerDeliveries(Fresh<Posted>);

impl LedgerDeliveries {
    pub fn new(ledger: &Path) -> Self {
        let read = |file: &Path| Ok(Posted::read(file)?);
        Self(Fresh::new(Posted::file(ledger), read))
    }
}

impl Deliveries for LedgerDeliveries {
    fn delivery(&self, destination: u32, epoch: u64) -> Result<String, NoDelivery> {
        let unreadable = |error: anyhow::Error| NoDelivery::Unreadable(format!("{error:#}"));
        let made = self.0.with(|posted| posted.deliver(destination, epoch));
        let delivery = made.map_err(unreadable)?.map_err(|error| match error {
            ShardError::UnknownShard(_) | ShardError::Delivery(DeliveryError::Itself(_)) => {
                NoDelivery::NoShard(error.to_string())
            }
            ShardError::Delivery(DeliveryError::NotKept(_)) => {
                NoDelivery::NotKept(error.to_string())
            }
            _ => unreadable(error.into()),
        })?;
        serde_json::to_string(&delivery).map_err(|error| unreadable(error.into()))
    }
}
