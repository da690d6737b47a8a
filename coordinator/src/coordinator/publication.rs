//! Global proofs, published once and for ever.

use serde::{Deserialize, Serialize};

use super::CoordinatorError;
use super::retry::insist;
use crate::core::Member;
use crate::queue::{Pushed, Queue};
use crate::wire::{GlobalProof, VERSION, decode, encode};

/// Key of the global proof of an epoch.
pub fn global_key(epoch: u64) -> String {
    format!("global.{epoch:010}")
}

/// The published global proof of an epoch.
pub async fn published(
    queue: &dyn Queue,
    epoch: u64,
) -> Result<Option<GlobalProof>, CoordinatorError> {
    let key = global_key(epoch);
    let body = queue.published(&key).await?;
    let read = |body: bytes::Bytes| decode(&body);
    body.map(read)
        .transpose()
        .map_err(|error| CoordinatorError::Published { key, error })
}

/// A part of the list of an epoch's members.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Members {
    version: u8,
    epoch: u64,
    /// Parts of this list.
    parts: usize,
    members: Vec<Member>,
}

/// Members of an epoch in one publication: less than [`crate::queue::MAX_BODY_BYTES`] of them.
const MEMBERS_PER_PART: usize = 1_000;

fn members_key(epoch: u64, part: usize) -> String {
    format!("members.{epoch:010}.{part:04}")
}

/// The members of a published epoch, in order of the shards: all that it takes to follow the global trie.
pub async fn members(
    queue: &dyn Queue,
    epoch: u64,
) -> Result<Option<Vec<Member>>, CoordinatorError> {
    let (mut all, mut part, mut parts) = (Vec::new(), 0, 1);
    while part < parts {
        let key = members_key(epoch, part);
        let Some(body) = queue.published(&key).await? else {
            return Ok(None);
        };
        let read: Members =
            decode(&body).map_err(|error| CoordinatorError::Published { key, error })?;
        all.extend(read.members);
        (part, parts) = (part + 1, read.parts);
    }
    Ok(Some(all))
}

/// Publishes who is in an epoch. Fixed since it was closed: what is out already is the same.
async fn publish_members(
    queue: &dyn Queue,
    epoch: u64,
    members: &[Member],
) -> Result<(), CoordinatorError> {
    let parts = members.chunks(MEMBERS_PER_PART);
    let count = parts.len();
    for (part, members) in parts.enumerate() {
        let body = encode(&Members {
            version: VERSION,
            epoch,
            parts: count,
            members: members.to_vec(),
        });
        let key = members_key(epoch, part);
        insist("publishing", || queue.publish(&key, body.clone())).await?;
    }
    Ok(())
}

/// Publishes a global proof, however long it takes; one that is out already must be of the same state.
pub(super) async fn publish(
    queue: &dyn Queue,
    proof: &GlobalProof,
    members: &[Member],
) -> Result<(), CoordinatorError> {
    let epoch = proof.state.epoch;
    publish_members(queue, epoch, members).await?;
    let (key, body) = (global_key(epoch), encode(proof));
    let pushed = insist("publishing", || queue.publish(&key, body.clone())).await?;
    if pushed == Pushed::New {
        tracing::info!(epoch, "global proof published");
        return Ok(());
    }
    let out = insist("publishing", || queue.published(&key)).await?;
    match out.and_then(|body| decode::<GlobalProof>(&body).ok()) {
        Some(out) if out.state == proof.state && out.genesis == proof.genesis => Ok(()),
        _ => Err(CoordinatorError::Forked(epoch)),
    }
}
