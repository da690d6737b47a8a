//! Global proofs, published once and for ever, each after the leaves that its epoch replaced.

use ark_bn254::Fr;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use trifold_circuits::field::element;
use trifold_verifier::statement::{Leaf, MAX_DEPTH};

use super::CoordinatorError;
use super::retry::insist;
use crate::Digest;
use crate::core::Member;
use crate::queue::{Pushed, Queue};
use crate::wire::{GlobalProof, VERSION, WireError, decode, encode};

/// Key of the global proof of an epoch.
pub fn global_key(epoch: u64) -> String {
    format!("global.{epoch:010}")
}

/// The published global proof of an epoch.
pub async fn published(
    queue: &dyn Queue,
    epoch: u64,
) -> Result<Option<GlobalProof>, CoordinatorError> {
    read(queue, global_key(epoch)).await
}

async fn read<T: DeserializeOwned>(
    queue: &dyn Queue,
    key: String,
) -> Result<Option<T>, CoordinatorError> {
    let body = queue.published(&key).await?;
    let read = body.map(|body| decode(&body)).transpose();
    read.map_err(|error| CoordinatorError::Published { key, error })
}

/// What a shard has become by a published epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Placed {
    pub shard: u32,
    pub snapshot: Digest,
    /// Digest of the leaf.
    pub digest: Fr,
    /// `None`: its epoch was published by a version that published digests only.
    pub leaf: Option<Leaf>,
}

impl From<Member> for Placed {
    fn from(member: Member) -> Self {
        let leaf = Leaf::from(member.leaf);
        Self {
            shard: member.shard,
            snapshot: member.snapshot,
            digest: leaf.digest(),
            leaf: Some(leaf),
        }
    }
}

/// A shard's part in an epoch as it was published before leaves were.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Digested {
    shard: u32,
    snapshot: Digest,
    #[serde(with = "element")]
    leaf: Fr,
}

impl From<Digested> for Placed {
    fn from(member: Digested) -> Self {
        Self {
            shard: member.shard,
            snapshot: member.snapshot,
            digest: member.leaf,
            leaf: None,
        }
    }
}

/// A part of the list of an epoch's members.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Members<M> {
    version: u8,
    epoch: u64,
    /// Parts of this list.
    parts: usize,
    members: Vec<M>,
}

/// Members of an epoch in one publication: less than [`crate::queue::MAX_BODY_BYTES`] of them, whatever their numbers.
const MEMBERS_PER_PART: usize = 500;
/// Most members of an epoch, and so the most parts of a list: one of each shard.
const MAX_MEMBERS: usize = 3usize.pow(MAX_DEPTH as u32);

/// Lists with whole leaves.
const LEAVES: &str = "leaves";
/// Lists with digests only, of versions before.
const MEMBERS: &str = "members";

fn part_key(list: &str, epoch: u64, part: usize) -> String {
    format!("{list}.{epoch:010}.{part:04}")
}

/// The members of a published epoch, in order of the shards: all that it takes to follow the global trie. Nothing of it is
/// checked, except that it is no longer than it can be.
pub async fn members(
    queue: &dyn Queue,
    epoch: u64,
) -> Result<Option<Vec<Placed>>, CoordinatorError> {
    match list::<Member>(queue, LEAVES, epoch).await? {
        Some(members) => Ok(Some(members)),
        None => list::<Digested>(queue, MEMBERS, epoch).await,
    }
}

async fn list<M: DeserializeOwned + Into<Placed>>(
    queue: &dyn Queue,
    name: &str,
    epoch: u64,
) -> Result<Option<Vec<Placed>>, CoordinatorError> {
    let (mut all, mut part, mut parts) = (Vec::new(), 0, 1);
    while part < parts {
        let key = part_key(name, epoch, part);
        let Some(read) = read::<Members<M>>(queue, key.clone()).await? else {
            return Ok(None);
        };
        all.extend(read.members.into_iter().map(Into::into));
        (part, parts) = (part + 1, read.parts);
        if read.epoch != epoch || parts > MAX_MEMBERS || all.len() > MAX_MEMBERS {
            let error = WireError::Malformed("not a list of this epoch's members".into());
            return Err(CoordinatorError::Published { key, error });
        }
    }
    Ok(Some(all))
}

/// Publishes who is in an epoch. Fixed since it was closed: what is out already is the same.
async fn publish_members(
    queue: &dyn Queue,
    epoch: u64,
    members: &[Member],
) -> Result<(), CoordinatorError> {
    for (part, body) in parts(epoch, members).enumerate() {
        let key = part_key(LEAVES, epoch, part);
        insist("publishing", || queue.publish(&key, body.clone())).await?;
    }
    Ok(())
}

fn parts(epoch: u64, members: &[Member]) -> impl Iterator<Item = bytes::Bytes> {
    let parts = members.chunks(MEMBERS_PER_PART);
    let count = parts.len();
    parts.map(move |members| {
        encode(&Members {
            version: VERSION,
            epoch,
            parts: count,
            members: members.to_vec(),
        })
    })
}

/// Publishes a global proof, however long it takes; one that is out already must be of the same state.
pub async fn publish(
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

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::queue::MAX_BODY_BYTES;
    use crate::queue::local::LocalQueue;

    fn member(shard: u32) -> Member {
        let largest = Fr::from(-1);
        Member {
            shard,
            snapshot: Digest::of(&shard.to_le_bytes()),
            leaf: Leaf {
                program: largest,
                body: largest,
                lamport: u64::MAX,
                timestamp: u64::MAX,
                seen_epoch: u64::MAX,
                seen_digest: largest,
                supply: u128::MAX,
            }
            .into(),
        }
    }

    fn queue() -> LocalQueue {
        LocalQueue::memory(Duration::from_secs(1))
    }

    #[test]
    fn the_largest_members_fit_a_publication() {
        let members: Vec<Member> = (0..MAX_MEMBERS as u32).map(member).collect();
        assert!(parts(u64::MAX, &members).all(|part| part.len() <= MAX_BODY_BYTES));
    }

    #[tokio::test]
    async fn a_list_is_read_as_it_was_published_in_whatever_parts() {
        let queue = queue();
        for count in [1, 500, 501, 1_700] {
            let (epoch, of) = (u64::from(count), 0..count);
            let all: Vec<Member> = of.map(member).collect();
            assert_eq!(members(&queue, epoch).await.unwrap(), None);
            publish_members(&queue, epoch, &all).await.unwrap();
            publish_members(&queue, epoch, &all).await.unwrap();
            let read = members(&queue, epoch).await.unwrap();
            assert_eq!(read, Some(all.into_iter().map(Placed::from).collect()));
        }
    }

    #[tokio::test]
    async fn a_list_of_digests_from_before_is_still_read() {
        let (queue, hex) = (queue(), hex::encode([1; 32]));
        let text = format!(
            r#"{{"version":2,"epoch":7,"parts":1,"members":[{{"shard":4,"snapshot":"{hex}","leaf":"{hex}"}}]}}"#
        );
        let key = "members.0000000007.0000";
        queue.publish(key, text.into()).await.unwrap();
        let read = members(&queue, 7).await.unwrap().unwrap();
        assert_eq!((read.len(), read[0].shard, read[0].leaf), (1, 4, None));
        assert_eq!(trifold_circuits::field::to_bytes(&read[0].digest), [1; 32]);
    }

    #[tokio::test]
    async fn a_list_that_has_no_end_or_is_of_another_epoch_is_refused() {
        let queue = queue();
        for (epoch, said, parts) in [(1, 2, 1), (3, 3, 1u64 << 40)] {
            let text = format!(r#"{{"version":2,"epoch":{said},"parts":{parts},"members":[]}}"#);
            let key = part_key(LEAVES, epoch, 0);
            queue.publish(&key, text.into()).await.unwrap();
            let error = members(&queue, epoch).await.unwrap_err().to_string();
            assert!(error.contains("not a list"), "{error}");
        }
    }
}
