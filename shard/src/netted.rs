//! The fast ledger: an epoch's messages in any order, every trie node hashed once per epoch.
//!
//! [`NettedLedger`] accepts signed messages against the balances that the epoch opened with; [`NettedLedger::close`] nets them and
//! goes on with the next epoch at once; [`Trie`] turns what was closed into a root, meanwhile, on all cores. [`layout`] is the one
//! place that knows how accounts and messages are hashed.

mod accounts;
pub mod layout;
mod ledger;
mod limits;
mod sent;
mod shard;
mod trie;
mod view;

pub use accounts::{Accounts, Entry};
pub use ledger::{Closed, NettedError, NettedLedger, Rules};
pub use limits::{Limits, MAX_TAKEN};
pub use sent::Sent;
pub(crate) use shard::CHAIN;
pub use shard::{NettedShard, NettedShardError, Submission};
pub use trie::Trie;
pub use view::View;
