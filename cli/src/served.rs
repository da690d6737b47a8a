//! What a shard serves, read from its ledger whenever that has changed.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::SystemTime;

use trifold_console::{Accounts, Deliveries, NoAccount, NoDelivery, ShardAccount};
use trifold_shard::netted::{NettedConfirmed, NettedShard};
use trifold_shard::shard::Confirmed;
use trifold_shard::{DeliveryError, Posted, ShardError, file};
use trifold_verifier::statement::Leaf;

use crate::netted;

/// The accounts under a leaf, of a ledger of either kind.
pub struct LedgerConfirmed {
    /// The shard's index.
    pub index: u32,
    /// Epoch of the newest global state that the ledger has taken in.
    pub epoch: u64,
    kind: Kind,
}

enum Kind {
    Reference(Confirmed),
    Netted(NettedConfirmed),
}

impl LedgerConfirmed {
    /// Reads the file of a `transfer` shard, or the folder of a netted one.
    ///
    /// # Errors
    /// The ledger is of another kind or damaged, or another process has the folder open.
    pub fn read(path: &Path) -> anyhow::Result<Self> {
        if path.is_dir() {
            let shard = netted::open(path)?;
            return Ok(Self {
                index: shard.chain().index(),
                epoch: shard.chain().latest_epoch(),
                kind: Kind::Netted(shard.confirmed()?),
            });
        }
        let shard = file::load(path)?;
        Ok(Self {
            index: shard.index(),
            epoch: shard.latest_epoch(),
            kind: Kind::Reference(shard.confirmed()?),
        })
    }

    /// The leaf that these are the accounts of.
    pub fn leaf(&self) -> &Leaf {
        match &self.kind {
            Kind::Reference(accounts) => accounts.leaf(),
            Kind::Netted(accounts) => accounts.leaf(),
        }
    }

    /// The account at `index` with its path, or that there is none.
    ///
    /// # Errors
    /// The index is outside the ledger.
    pub fn account(&self, index: u64) -> anyhow::Result<ShardAccount> {
        Ok(match &self.kind {
            Kind::Reference(accounts) => ShardAccount::Reference(accounts.account(index)?),
            Kind::Netted(accounts) => ShardAccount::Netted(accounts.account(index)?),
        })
    }

    /// Whether the ledger at `path` still has these accounts. That of a netted shard is not opened for it, so another process may
    /// have it open.
    fn is_current(&self, path: &Path) -> anyhow::Result<bool> {
        Ok(match &self.kind {
            Kind::Reference(_) => false,
            Kind::Netted(accounts) => NettedShard::chain_in(path)?.leaf() == accounts.leaf(),
        })
    }
}

/// What tells one state of a file from another. Each is a new file, so the length and time of two are hardly ever the same.
type Seen = (SystemTime, u64);

/// The accounts of a ledger on disk.
pub struct LedgerAccounts {
    path: PathBuf,
    index: u32,
    read: Mutex<(Seen, LedgerConfirmed)>,
}

impl LedgerAccounts {
    /// Reads them for the first time.
    ///
    /// # Errors
    /// As [`LedgerConfirmed::read`].
    pub fn read(path: PathBuf) -> anyhow::Result<Self> {
        let seen = seen(&path)?;
        let confirmed = LedgerConfirmed::read(&path)?;
        Ok(Self {
            path,
            index: confirmed.index,
            read: Mutex::new((seen, confirmed)),
        })
    }

    /// The shard's index.
    pub fn index(&self) -> u32 {
        self.index
    }

    /// Looks at the accounts as they are on disk now.
    fn with<T>(&self, look: impl FnOnce(&LedgerConfirmed) -> T) -> anyhow::Result<T> {
        let seen = seen(&self.path)?;
        let mut read = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        let (known, confirmed) = &mut *read;
        if *known != seen {
            if !confirmed.is_current(&self.path)? {
                *confirmed = LedgerConfirmed::read(&self.path)?;
            }
            *known = seen;
        }
        Ok(look(confirmed))
    }
}

fn seen(ledger: &Path) -> std::io::Result<Seen> {
    let file = std::fs::metadata(Posted::file(ledger))?;
    Ok((file.modified()?, file.len()))
}

impl Accounts for LedgerAccounts {
    fn account(&self, index: u64) -> Result<ShardAccount, NoAccount> {
        let claim = self.with(|accounts| accounts.account(index));
        let claim = claim.map_err(|error| NoAccount::Unreadable(format!("{error:#}")))?;
        claim.map_err(|error| NoAccount::NoPlace(error.to_string()))
    }
}

/// What a ledger on disk has for other shards.
pub struct LedgerDeliveries {
    ledger: PathBuf,
    last: Mutex<Option<(Seen, Posted)>>,
}

impl LedgerDeliveries {
    pub fn new(ledger: PathBuf) -> Self {
        let last = Mutex::default();
        Self { ledger, last }
    }

    /// Looks at it as it is on disk now.
    fn with<T>(&self, look: impl FnOnce(&Posted) -> T) -> anyhow::Result<T> {
        let seen = seen(&self.ledger)?;
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        match &*last {
            Some((known, posted)) if *known == seen => Ok(look(posted)),
            _ => {
                let posted = Posted::read(&Posted::file(&self.ledger))?;
                Ok(look(&last.insert((seen, posted)).1))
            }
        }
    }
}

impl Deliveries for LedgerDeliveries {
    fn delivery(&self, destination: u32, epoch: u64) -> Result<String, NoDelivery> {
        let unreadable = |error: anyhow::Error| NoDelivery::Unreadable(format!("{error:#}"));
        let made = self.with(|posted| posted.deliver(destination, epoch));
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
