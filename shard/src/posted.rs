//! What a shard has for others, as its ledger on disk says: it can be asked for while another process has the ledger open.

use crate::chain::Chain;
use crate::delivery::Delivery;
use crate::file::{self, FileError};
use crate::netted;
use crate::post::Post;
use crate::shard::ShardError;
use serde::Deserialize;
use std::path::{Path, PathBuf};
use trifold_circuits::transfer::SeenState;

/// The part of a ledger that the files of both kinds of shards have alike.
#[derive(Debug, Deserialize)]
pub struct Posted {
    chain: Chain,
    post: Post,
}

impl Posted {
    /// Where it lies: a shard of `transfer` is a file, a netted one a folder.
    pub fn file(ledger: &Path) -> PathBuf {
        match ledger.is_dir() {
            true => ledger.join(netted::CHAIN),
            false => ledger.into(),
        }
    }

    /// Reads it from [`Posted::file`].
    ///
    /// # Errors
    /// The file can't be read, or is of a shard whose program is not ours.
    pub fn read(file: &Path) -> Result<Self, FileError> {
        file::read_ours(file)
    }

    /// The shard's index in the global trie.
    pub fn index(&self) -> u32 {
        self.chain.index()
    }

    /// Epoch of the global state that messages are taken under, once there is one.
    pub fn seen_epoch(&self) -> Option<u64> {
        self.chain.seen().map(|SeenState(state)| state.epoch)
    }

    /// All that the shard has for another under the global state of an epoch.
    ///
    /// # Errors
    /// There is no such shard, or the state is not among the newest that are kept.
    pub fn deliver(&self, destination: u32, epoch: u64) -> Result<Delivery, ShardError> {
        self.post.deliver(&self.chain, destination, epoch)
    }
}
