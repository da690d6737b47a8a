//! The reference shard: accounts on a ternary trie, signed transfers, clocks, snapshots.
//!
//! It proves nothing and talks to nobody: transfers, messages and verified global states in, snapshots and messages out. [`Shard`] is
//! the whole state machine; a [`Delivery`] carries messages from one to another; [`file`](mod@file) keeps it between runs; [`Wallet`] is the client's side. That is the shard of the `transfer`
//! program, a path per transfer. The shard of the netted circuits is [`NettedLedger`]: messages in any order, checked together by
//! [`signatures`], every node hashed once per epoch; [`Store`] keeps it on disk through a [`journal`].

pub mod boxes;
pub mod chain;
pub mod channel;
pub mod clock;
pub mod delivery;
pub mod file;
pub mod journal;
pub mod key;
pub mod ledger;
pub mod netted;
mod poseidon;
mod post;
mod posted;
pub mod program;
pub mod shard;
pub mod signatures;
pub mod store;
pub mod wallet;
mod wide;

pub use delivery::{Delivery, DeliveryError};
pub use ledger::{Ledger, LedgerError};
pub use netted::{NettedError, NettedLedger};
pub use posted::Posted;
pub use program::{ProgramShard, ProgramShardError};
pub use shard::{Shard, ShardError};
pub use store::{Store, StoreError};
pub use wallet::Wallet;
