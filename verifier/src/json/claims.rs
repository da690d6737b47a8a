//! Parts of bundles and receipts that are claims of their own.

use super::receipt::{path, shard};
use super::{JsonError, Node, parse, state};
use crate::claim::ShardClaim;
use crate::statement::GlobalState;
use crate::trie::Path;

fn read<T>(text: &str, part: fn(&Node) -> Result<T, JsonError>) -> Result<T, JsonError> {
    part(&Node::root(&parse(text)?))
}

impl GlobalState {
    /// Reads the part `state` of a bundle.
    pub fn from_json(text: &str) -> Result<Self, JsonError> {
        read(text, state)
    }
}

impl ShardClaim {
    /// Reads the part `shard` of a receipt; nothing of it is verified.
    pub fn from_json(text: &str) -> Result<Self, JsonError> {
        read(text, shard)
    }
}

impl Path {
    /// Reads the part `path` of a claim.
    pub fn from_json(text: &str) -> Result<Self, JsonError> {
        read(text, path)
    }
}
