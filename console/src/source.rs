//! Where the console gets what it shows.

use std::sync::Arc;

use trifold_coordinator::Archive;
use trifold_coordinator::view::{Cells, View};
use trifold_verifier::claim::{AccountClaim, NettedAccountClaim};

use crate::light::LightPage;

/// The farm as its coordinator knows it. Asked a few times a second while somebody looks, and not at all otherwise.
pub trait Source: Send + Sync + 'static {
    /// The newest picture of the farm.
    fn view(&self) -> Arc<View>;

    /// Every cell of this epoch's tree, if it is known.
    fn cells(&self, epoch: u64) -> Option<Cells>;
}

/// Whether the process can do its work; the error says why it can't.
pub type Ready = Arc<dyn Fn() -> Result<(), String> + Send + Sync>;

/// The process's metrics as OpenMetrics text.
pub type Exposition = Arc<dyn Fn() -> String + Send + Sync>;

/// What light clients are served.
#[derive(Clone)]
pub enum Light {
    /// Global proofs, receipts and paths; and a page that checks them, if there is one.
    Archive(Archive, Option<LightPage>),
    /// What a shard has for others, and its accounts.
    Shard(Arc<dyn Deliveries>, Arc<dyn Accounts>),
}

/// A shard's messages to others.
pub trait Deliveries: Send + Sync + 'static {
    /// All that the shard has for another under the global state of an epoch, as the JSON that `trifold shard receive` takes.
    fn delivery(&self, destination: u32, epoch: u64) -> Result<String, NoDelivery>;
}

/// Why there is no delivery.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoDelivery {
    #[error("{0}")]
    NoShard(String),
    #[error("{0}")]
    NotKept(String),
    #[error("the ledger can't be read: {0}")]
    Unreadable(String),
}

/// The accounts under a shard's leaf in the newest global state that the shard knows.
pub trait Accounts: Send + Sync + 'static {
    /// An account with its path, or that there is none at this place.
    fn account(&self, index: u64) -> Result<ShardAccount, NoAccount>;
}

/// What a shard claims of an account, by the kind of the shard.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ShardAccount {
    /// Of the reference program.
    Reference(AccountClaim),
    Netted(NettedAccountClaim),
}

impl ShardAccount {
    /// The part `account` or `netted_account` of a receipt.
    pub fn to_json(&self) -> String {
        match self {
            Self::Reference(claim) => claim.to_json(),
            Self::Netted(claim) => claim.to_json(),
        }
    }
}

/// Why there is nothing to say about an account.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoAccount {
    #[error("{0}")]
    NoPlace(String),
    #[error("the ledger can't be read: {0}")]
    Unreadable(String),
}

/// What a process has to tell.
#[derive(Clone)]
pub struct Console {
    pub ready: Ready,
    pub metrics: Exposition,
    /// The farm, if this process knows it: a coordinator does, and has a live page; a worker does not.
    pub source: Option<Arc<dyn Source>>,
    /// What light clients are served, if this process serves them.
    pub light: Option<Light>,
}
