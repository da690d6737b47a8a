//! What the journal holds: numbered entries, those of one append in a batch.

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::Cost;
use crate::Digest;
use crate::plan::{Candidate, Quarantined};
use crate::queue::MAX_BODY_BYTES;
use crate::wire::{GlobalProof, ProofBytes};

/// Version of the journal's batches; others are refused.
pub const VERSION: u8 = 2;
/// Room that a batch leaves for its own fields, in bytes.
const FRAME_BYTES: usize = 1 << 10;

/// One decision that a restart must know of.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Entry {
    /// From here on this coordinator leads.
    Led {
        name: String,
        fence: u64,
        session: String,
    },
    /// A snapshot entered the plan.
    Accepted(Box<Candidate>),
    /// Snapshots of a shard left it again, in no epoch.
    Dropped {
        shard: u32,
        snapshots: Vec<Digest>,
    },
    /// The members of an epoch: of each of these shards the snapshot that waited first.
    Closed {
        epoch: u64,
        shards: Runs,
        /// Shards carried forward.
        silent: u64,
        transfers: u64,
    },
    /// The first proof of a task that verified.
    Proved {
        task: Digest,
        /// The snapshot, if it was a program or a part of one.
        snapshot: Option<Digest>,
        epoch: Option<u64>,
        proof: ProofBytes,
        cost: Cost,
    },
    /// A global proof is out.
    Published {
        proof: Box<GlobalProof>,
        /// Milliseconds from the close of the epoch.
        latency_ms: u64,
    },
    /// A worker returned something wrong.
    Struck {
        worker: String,
    },
    Cordoned {
        worker: String,
    },
    /// A worker is trusted again.
    Uncordoned {
        worker: String,
    },
    /// A task is no longer offered, or, if `last`, given up.
    Quarantined {
        doubt: Quarantined,
        /// The snapshot, if it is a program or a part of one.
        snapshot: Option<Digest>,
    },
    /// A quarantined task lies in the store with its inputs.
    Bundled {
        task: Digest,
        blob: Digest,
    },
    /// A quarantined task is offered again, or was proven.
    Released {
        task: Digest,
    },
    /// The state after all entries below `serial` lies in the store.
    Checkpoint {
        blob: Digest,
        serial: u64,
    },
}

/// Ascending numbers as (first, count).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Runs(Vec<(u32, u32)>);

impl Runs {
    pub fn of(numbers: impl IntoIterator<Item = u32>) -> Self {
        let mut runs: Vec<(u32, u32)> = Vec::new();
        for number in numbers {
            match runs.last_mut() {
                Some((first, count)) if first.checked_add(*count) == Some(number) => *count += 1,
                _ => runs.push((number, 1)),
            }
        }
        Self(runs)
    }

    pub fn iter(&self) -> impl Iterator<Item = u32> {
        let run = |(first, count): &(u32, u32)| *first..first.saturating_add(*count);
        self.0.iter().flat_map(run)
    }
}

/// The entries of one append.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Batch {
    pub version: u8,
    /// Serial number of the first entry.
    pub first: u64,
    pub entries: Vec<Entry>,
}

/// A batch that can't be written or read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EntryError {
    #[error("not a batch of journal entries: {0}")]
    Malformed(String),
    #[error(
        "journal version {0}, this is version {VERSION}: the journal was written by another program version"
    )]
    Version(u8),
    #[error(
        "entry {serial} has {bytes} bytes, more than the {MAX_BODY_BYTES} that the journal takes"
    )]
    TooLarge { serial: u64, bytes: usize },
}

#[derive(Deserialize)]
struct Versioned {
    version: u8,
}

impl Batch {
    /// Reads a batch and checks its version first.
    pub fn decode(bytes: &[u8]) -> Result<Self, EntryError> {
        let malformed = |e: serde_json::Error| EntryError::Malformed(e.to_string());
        if bytes.starts_with(head().as_bytes()) {
            return serde_json::from_slice(bytes).map_err(malformed);
        }
        let Versioned { version } = serde_json::from_slice(bytes).map_err(malformed)?;
        match version == VERSION {
            true => serde_json::from_slice(bytes).map_err(malformed),
            false => Err(EntryError::Version(version)),
        }
    }

    /// Entries from number `first` on as bodies that the journal takes, in order, each with its first serial number.
    pub fn bodies(first: u64, entries: &[Entry]) -> Result<Vec<(u64, Bytes)>, EntryError> {
        let mut bodies = Vec::new();
        let (mut start, mut body) = (first, Vec::new());
        for (serial, entry) in (first..).zip(entries) {
            let entry =
                serde_json::to_vec(entry).map_err(|e| EntryError::Malformed(e.to_string()))?;
            if entry.len() + FRAME_BYTES > MAX_BODY_BYTES {
                let bytes = entry.len();
                return Err(EntryError::TooLarge { serial, bytes });
            }
            if body.len() + entry.len() + FRAME_BYTES > MAX_BODY_BYTES {
                bodies.push((start, framed(start, &std::mem::take(&mut body))));
                start = serial;
            }
            if !body.is_empty() {
                body.push(b',');
            }
            body.extend(entry);
        }
        if !body.is_empty() {
            bodies.push((start, framed(start, &body)));
        }
        Ok(bodies)
    }
}

/// What a batch of this version begins with.
fn head() -> String {
    format!("{{\"version\":{VERSION},")
}

fn framed(first: u64, entries: &[u8]) -> Bytes {
    let head = format!("{}\"first\":{first},\"entries\":[", head());
    [head.as_bytes(), entries, b"]}"].concat().into()
}

/// The newest checkpoint that a journal names.
pub fn newest_checkpoint(batches: &[Batch]) -> Option<Digest> {
    let entries = batches
        .iter()
        .rev()
        .flat_map(|batch| batch.entries.iter().rev());
    entries.into_iter().find_map(|entry| match entry {
        Entry::Checkpoint { blob, .. } => Some(*blob),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn struck(count: usize) -> Vec<Entry> {
        let worker = "w".repeat(1000);
        vec![Entry::Struck { worker }; count]
    }

    #[test]
    fn many_entries_are_split_and_come_back_in_order() {
        let entries = struck(1000);
        let bodies = Batch::bodies(7, &entries).expect("fits");
        assert!(bodies.len() > 1);
        let mut next = 7;
        for (first, body) in bodies {
            assert!(body.len() <= MAX_BODY_BYTES);
            let batch = Batch::decode(&body).expect("a batch");
            assert_eq!((batch.first, first), (next, next));
            next += batch.entries.len() as u64;
        }
        assert_eq!(next, 1007);
    }

    #[test]
    fn what_no_batch_can_hold_is_named() {
        let worker = "w".repeat(MAX_BODY_BYTES);
        let error = Batch::bodies(3, &[Entry::Struck { worker }]).expect_err("too large");
        assert!(matches!(error, EntryError::TooLarge { serial: 3, .. }));
    }

    #[test]
    fn another_version_and_rubbish_are_refused() {
        let version = Batch::decode(b"{\"version\":9,\"first\":0,\"entries\":[]}");
        assert_eq!(version, Err(EntryError::Version(9)));
        assert!(matches!(
            Batch::decode(b"\x00"),
            Err(EntryError::Malformed(_))
        ));
    }

    #[test]
    fn runs_hold_any_ascending_numbers() {
        for numbers in [
            vec![],
            vec![0, 1, 2, 5, 7, 8],
            vec![u32::MAX - 1, u32::MAX - 2],
        ] {
            let back: Vec<u32> = Runs::of(numbers.clone()).iter().collect();
            assert_eq!(back, numbers);
        }
        assert_eq!(Runs::of(0..10_000).0.len(), 1);
    }
}
