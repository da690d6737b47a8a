//! The seam to the queue: work lanes, one journal that survives, notices that need not.
//!
//! Both implementations give the same promises, no more: an item is delivered until it is done, perhaps more
//! than once and perhaps to two holders at a time; `done` proves nothing about ownership; a push that timed out may
//! have happened. So every effect behind this seam is idempotent: items have deterministic keys and entries of
//! the journal a place, and a repeated push, publish or append is refused.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;

use crate::Artifacts;

mod facts;
pub mod journal;
pub mod local;
mod log;
pub mod nats;
mod stats;

pub use facts::{Difference, Facts, LocalFacts, NatsFacts, StreamFacts};
pub use stats::{ArtifactStats, ConnectionStats, JournalStats, LaneStats, QueueStats};

/// Largest body of an item, an entry or a notice, in bytes.
pub const MAX_BODY_BYTES: usize = 256 << 10;
/// Deliveries of one task after which the queue keeps it back: it ends its workers, or they never end.
pub const MAX_DELIVERIES: u32 = 30;
/// What errors call the journal.
pub(crate) const JOURNAL: &str = "journal";
/// Longest key, in bytes.
pub const MAX_KEY_BYTES: usize = 200;

/// A stream of work, each item of which is to be done once.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub enum Lane {
    /// Announced snapshots, shard to coordinator.
    Snapshots,
    /// Commands, operator to coordinator.
    Control,
    /// Outcomes of tasks, worker to coordinator.
    Results,
    /// Tasks of one circuit under one verifying key, coordinator to worker. The name is one token.
    Tasks(String),
}

impl Lane {
    /// The lane of that [`Lane::name`].
    pub fn named(name: &str) -> Option<Self> {
        match name {
            "snapshots" => Some(Lane::Snapshots),
            "control" => Some(Lane::Control),
            "results" => Some(Lane::Results),
            _ => name
                .strip_prefix("tasks.")
                .map(|name| Lane::Tasks(name.into())),
        }
    }

    /// Lane and its name as subject tokens, for logs and subjects.
    pub fn name(&self) -> String {
        match self {
            Lane::Snapshots => "snapshots".into(),
            Lane::Control => "control".into(),
            Lane::Results => "results".into(),
            Lane::Tasks(name) => format!("tasks.{name}"),
        }
    }
}

impl fmt::Display for Lane {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name())
    }
}

/// What became of a push or a publication.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pushed {
    /// It was stored.
    New,
    /// An item (or publication) of this key is already there: queued, leased or published.
    Duplicate,
}

/// One piece of work to be pushed.
#[derive(Debug, Clone)]
pub struct Item {
    /// Names the work: at most one item of a key is queued or leased at a time.
    pub key: String,
    /// Number of times this work was pushed before; tells a repeated push from a wanted one.
    pub attempt: u32,
    pub body: Bytes,
}

/// The hold on a delivered item. It lasts for the queue's lease time after the last sign of life.
#[async_trait]
pub trait Lease: Send + Sync {
    /// A sign of life: the lease time starts again.
    async fn extend(&self) -> Result<(), QueueError>;
    /// The item is done and goes away. Its key is free soon after: a cluster confirms before each of its servers has let go.
    async fn done(&self) -> Result<(), QueueError>;
    /// As [`Lease::done`], without waiting to hear that the queue knows: what is lost on the way is delivered again.
    async fn let_go(&self) -> Result<(), QueueError>;
    /// The item goes back to its lane and is delivered again, not before `delay` has passed.
    async fn give_back(&self, delay: Duration) -> Result<(), QueueError>;
}

/// A delivered item.
pub struct Delivery {
    pub lane: Lane,
    pub key: String,
    pub body: Bytes,
    pub lease: Arc<dyn Lease>,
    /// Items of the lane that nobody held when this one was delivered; a queue may overlook some.
    pub left: usize,
}

/// One entry of the journal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JournalEntry {
    /// Its place in the journal: 1 for the first that was ever appended, then one more each, whatever is forgotten.
    pub position: u64,
    pub body: Bytes,
}

/// What can go wrong between us and the queue.
#[derive(Debug, thiserror::Error)]
pub enum QueueError {
    #[error("key {0:?} is not made of dot-separated words of letters, digits, - and _")]
    BadKey(String),
    #[error("{key}: {bytes} bytes, more than the {MAX_BODY_BYTES} a message may have")]
    TooLarge { key: String, bytes: usize },
    #[error("the journal does not end at {after}: somebody else wrote it")]
    Conflict { after: u64 },
    #[error("the queue did not answer in time, it may or may not have taken {0}")]
    Unknown(String),
    #[error("{0} is full")]
    Full(String),
    #[error("no coordinator of the farm {0} has started yet: its streams are missing")]
    NoCoordinator(String),
    #[error("queue: {0}")]
    Backend(String),
}

/// The queue, its journal and its artifacts.
#[async_trait]
pub trait Queue: Send + Sync {
    /// Adds an item to a lane, unless one of that key is queued or leased there.
    async fn push(&self, lane: &Lane, item: &Item) -> Result<Pushed, QueueError>;

    /// Leases the oldest free item of the first of `lanes` that has one; waits up to `wait` for it. What was pushed a moment ago
    /// may not be seen yet, so an item of a later lane may come first.
    async fn pull(&self, lanes: &[Lane], wait: Duration) -> Result<Option<Delivery>, QueueError>;

    /// Leases free items of a lane, the oldest first: those that are there, at most `count`; waits up to `wait` for one.
    async fn pull_many(
        &self,
        lane: &Lane,
        count: usize,
        wait: Duration,
    ) -> Result<Vec<Delivery>, QueueError>;

    /// Tasks that were delivered [`MAX_DELIVERIES`] times and never done: each is told once, and is gone from its lane
    /// unless it is pushed again.
    async fn undeliverable(&self) -> Result<Vec<(Lane, String)>, QueueError>;

    /// Removes the item of `key`, queued or leased. Its holder is not told.
    async fn cancel(&self, lane: &Lane, key: &str) -> Result<(), QueueError>;

    /// Publishes under `key` once and for ever.
    async fn publish(&self, key: &str, body: Bytes) -> Result<Pushed, QueueError>;

    /// What was published under `key`.
    async fn published(&self, key: &str) -> Result<Option<Bytes>, QueueError>;

    /// Appends an entry to the journal if its last position is still `after` (0: nothing was ever appended); gives the
    /// position of the entry. [`QueueError::Conflict`]: somebody else appended. [`QueueError::Unknown`]: the entry may
    /// be there or still come; the caller reads on from `after` and recognises its own body, or appends it again at the
    /// same place, where it is stored once.
    async fn append(&self, body: Bytes, after: u64) -> Result<u64, QueueError>;

    /// Entries of the journal from position `from` on, in order, at most `limit`; those forgotten are left out. No
    /// more of them are there when it gives none.
    async fn read(&self, from: u64, limit: usize) -> Result<Vec<JournalEntry>, QueueError>;

    /// The position of the last entry of the journal, forgotten or not; 0 if there never was one.
    async fn end(&self) -> Result<u64, QueueError>;

    /// Forgets the entries of the journal below position `before`.
    async fn shorten(&self, before: u64) -> Result<(), QueueError>;

    /// Leaves a notice; the newest of a key replaces the one before, and old ones may be dropped.
    async fn notify(&self, key: &str, body: Bytes) -> Result<(), QueueError>;

    /// The newest notice under `key`.
    async fn notice(&self, key: &str) -> Result<Option<Bytes>, QueueError>;

    /// The newest notice of every key that is `prefix` followed by a dot and more, in order of the keys.
    async fn notices(&self, prefix: &str) -> Result<Vec<(String, Bytes)>, QueueError>;

    /// How full the queue is.
    async fn stats(&self) -> Result<QueueStats, QueueError>;

    /// What the queue is like.
    async fn facts(&self) -> Result<Facts, QueueError>;

    /// The blobs that items and entries name by digest.
    fn artifacts(&self) -> &dyn Artifacts;
}

pub(crate) fn check_key(key: &str) -> Result<(), QueueError> {
    let token = |t: &str| {
        let word = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
        !t.is_empty() && t.bytes().all(word)
    };
    match key.len() <= MAX_KEY_BYTES && key.split('.').all(token) {
        true => Ok(()),
        false => Err(QueueError::BadKey(
            key.chars().take(MAX_KEY_BYTES).collect(),
        )),
    }
}

pub(crate) fn check_entry(body: &Bytes) -> Result<(), QueueError> {
    check(JOURNAL, body)
}

pub(crate) fn check(key: &str, body: &Bytes) -> Result<(), QueueError> {
    check_key(key)?;
    match body.len() <= MAX_BODY_BYTES {
        true => Ok(()),
        false => Err(QueueError::TooLarge {
            key: key.into(),
            bytes: body.len(),
        }),
    }
}

pub(crate) fn check_lane(lane: &Lane) -> Result<(), QueueError> {
    check_key(&lane.name())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_words() {
        for good in ["a", "results.ab-3_X.0"] {
            assert!(check_key(good).is_ok(), "{good}");
        }
        for bad in [
            "",
            ".",
            "a.",
            "a b",
            "a.*",
            "a.>",
            "ü",
            &"a".repeat(MAX_KEY_BYTES + 1),
        ] {
            assert!(check_key(bad).is_err(), "{bad}");
        }
    }
}
