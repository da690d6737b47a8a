//! The durable records of the coordinator: what a restart is rebuilt from.
//!
//! | key | content |
//! |---|---|
//! | `snapshots.<shard>.<serial>` | an accepted snapshot's outline; rewritten once if it is dropped |
//! | `epochs.<n>` | the members of epoch n |
//! | `proofs.<task>` | the first proof of a task that verified |
//! | published `global.<n>` | the global proof of epoch n |

use std::collections::HashMap;
use std::time::Duration;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::CoordinatorError;
use crate::Digest;
use crate::plan::{Candidate, ClosedEpoch, History};
use crate::queue::{ABSENT, Pushed, Queue, QueueError, Record};
use crate::wire::{GlobalProof, ProofBytes, VERSION, WireStep, decode, encode};

#[derive(Serialize, Deserialize)]
struct SnapshotRecord {
    version: u8,
    shard: u32,
    snapshot: Digest,
    step: WireStep,
    transfers: u64,
    bytes: u64,
    dropped: bool,
}

#[derive(Serialize, Deserialize)]
struct EpochRecord {
    version: u8,
    epoch: u64,
    members: Vec<(u32, Digest)>,
}

#[derive(Serialize, Deserialize)]
struct ProofRecord {
    version: u8,
    task: Digest,
    proof: ProofBytes,
}

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
    body.map(|body| read(&key, &body)).transpose()
}

fn read<T: serde::de::DeserializeOwned>(key: &str, body: &Bytes) -> Result<T, CoordinatorError> {
    decode(body).map_err(|error| CoordinatorError::Record {
        key: key.into(),
        error,
    })
}

/// Tries of a write whose fate is unknown or that the queue could not take.
const WRITE_TRIES: u32 = 12;
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(10);

/// What became of a record that should be new.
enum Created {
    /// It holds our body; the revision.
    Ours(u64),
    Theirs(Record),
}

/// Writes a new record; a write of unknown fate is repeated and recognised by its body.
async fn create(queue: &dyn Queue, key: &str, body: Bytes) -> Result<Created, QueueError> {
    let mut pause = FIRST_PAUSE;
    let mut tries = 0;
    loop {
        tries += 1;
        let error = match queue.store(key, body.clone(), ABSENT).await {
            Ok(revision) => return Ok(Created::Ours(revision)),
            Err(QueueError::Conflict { .. }) => match queue.load(key).await {
                Ok(Some(record)) if record.body == body => {
                    return Ok(Created::Ours(record.revision));
                }
                Ok(Some(record)) => return Ok(Created::Theirs(record)),
                Ok(None) => QueueError::Unknown(key.into()),
                Err(error) => error,
            },
            Err(error) => error,
        };
        if tries == WRITE_TRIES || !passing(&error) {
            return Err(error);
        }
        tracing::warn!(key, %error, "writing again");
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

/// Whether trying again may help.
fn passing(error: &QueueError) -> bool {
    matches!(error, QueueError::Unknown(_) | QueueError::Backend(_))
}

/// Records a proof; of several for one task the first stays, and is returned.
pub(super) async fn record_proof(
    queue: &dyn Queue,
    task: Digest,
    proof: ProofBytes,
) -> Result<ProofBytes, CoordinatorError> {
    let key = format!("proofs.{task}");
    let body = encode(&ProofRecord {
        version: VERSION,
        task,
        proof,
    });
    match create(queue, &key, body).await? {
        Created::Ours(_) => Ok(proof),
        Created::Theirs(record) => {
            read::<ProofRecord>(&key, &record.body).map(|record| record.proof)
        }
    }
}

/// Records the members of an epoch.
pub(super) async fn record_epoch(
    queue: &dyn Queue,
    closed: &ClosedEpoch,
) -> Result<(), CoordinatorError> {
    let (epoch, members) = (closed.epoch, closed.members.clone());
    let key = format!("epochs.{epoch:010}");
    let body = encode(&EpochRecord {
        version: VERSION,
        epoch,
        members,
    });
    match create(queue, &key, body).await? {
        Created::Ours(_) => Ok(()),
        Created::Theirs(_) => Err(CoordinatorError::Usurped(key)),
    }
}

/// Publishes a global proof; one that is out already must be of the same state.
pub(super) async fn publish(
    queue: &dyn Queue,
    proof: &GlobalProof,
) -> Result<Pushed, CoordinatorError> {
    let key = global_key(proof.state.epoch);
    let mut pause = FIRST_PAUSE;
    for _ in 1..WRITE_TRIES {
        match queue.publish(&key, encode(proof)).await {
            Ok(Pushed::New) => return Ok(Pushed::New),
            Ok(Pushed::Duplicate) => return same_publication(queue, proof).await,
            Err(error) if passing(&error) => tracing::warn!(key, %error, "publishing again"),
            Err(error) => return Err(error.into()),
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
    Err(QueueError::Unknown(key).into())
}

async fn same_publication(
    queue: &dyn Queue,
    proof: &GlobalProof,
) -> Result<Pushed, CoordinatorError> {
    let epoch = proof.state.epoch;
    match published(queue, epoch).await? {
        Some(out) if out.state == proof.state && out.genesis == proof.genesis => {
            Ok(Pushed::Duplicate)
        }
        _ => Err(CoordinatorError::Forked(epoch)),
    }
}

/// The records of snapshots, by snapshot.
#[derive(Default)]
pub(super) struct SnapshotRecords {
    next: HashMap<u32, u64>,
    places: HashMap<Digest, (String, u64, Candidate)>,
}

impl SnapshotRecords {
    /// Records an accepted snapshot.
    pub async fn accept(
        &mut self,
        queue: &dyn Queue,
        candidate: &Candidate,
    ) -> Result<(), CoordinatorError> {
        let serial = self.next.entry(candidate.shard).or_default();
        let key = format!("snapshots.{:05}.{serial:010}", candidate.shard);
        match create(queue, &key, body_of(candidate, false)).await? {
            Created::Ours(revision) => {
                *serial += 1;
                self.places
                    .insert(candidate.snapshot, (key, revision, candidate.clone()));
                Ok(())
            }
            Created::Theirs(_) => Err(CoordinatorError::Usurped(key)),
        }
    }

    /// Marks a snapshot as dropped.
    pub async fn forget(
        &mut self,
        queue: &dyn Queue,
        snapshot: &Digest,
    ) -> Result<(), CoordinatorError> {
        let Some((key, revision, candidate)) = self.places.remove(snapshot) else {
            return Ok(());
        };
        let body = body_of(&candidate, true);
        match queue.store(&key, body.clone(), revision).await {
            Ok(_) => Ok(()),
            Err(error) => match queue.load(&key).await? {
                Some(record) if record.body == body => Ok(()),
                _ => Err(error.into()),
            },
        }
    }

    /// No longer needed once its epoch is closed.
    pub fn settle(&mut self, snapshot: &Digest) {
        self.places.remove(snapshot);
    }

    async fn load(queue: &dyn Queue) -> Result<(Self, Vec<Candidate>), CoordinatorError> {
        let mut records = Self::default();
        let mut accepted = Vec::new();
        for record in queue.scan("snapshots").await? {
            let found: SnapshotRecord = read(&record.key, &record.body)?;
            *records.next.entry(found.shard).or_default() += 1;
            if found.dropped {
                continue;
            }
            let SnapshotRecord {
                shard,
                snapshot,
                step,
                transfers,
                bytes,
                ..
            } = found;
            let candidate = Candidate {
                shard,
                snapshot,
                step,
                transfers,
                bytes,
            };
            records
                .places
                .insert(snapshot, (record.key, record.revision, candidate.clone()));
            accepted.push(candidate);
        }
        Ok((records, accepted))
    }
}

fn body_of(candidate: &Candidate, dropped: bool) -> Bytes {
    let Candidate {
        shard,
        snapshot,
        step,
        transfers,
        bytes,
    } = candidate.clone();
    encode(&SnapshotRecord {
        version: VERSION,
        shard,
        snapshot,
        step,
        transfers,
        bytes,
        dropped,
    })
}

/// Reads all records.
pub(super) async fn load(
    queue: &dyn Queue,
) -> Result<(SnapshotRecords, History), CoordinatorError> {
    let (mut snapshots, accepted) = SnapshotRecords::load(queue).await?;
    let mut history = History {
        accepted,
        ..History::default()
    };
    for (expected, record) in (1..).zip(queue.scan("epochs").await?) {
        let found: EpochRecord = read(&record.key, &record.body)?;
        if found.epoch != expected {
            return Err(CoordinatorError::MissingEpoch(expected));
        }
        found
            .members
            .iter()
            .for_each(|(_, snapshot)| snapshots.settle(snapshot));
        history.epochs.push(found.members);
    }
    for record in queue.scan("proofs").await? {
        let found: ProofRecord = read(&record.key, &record.body)?;
        history.proofs.insert(found.task, found.proof);
    }
    while let Some(proof) = published(queue, history.published.len() as u64 + 1).await? {
        history.published.push(proof);
    }
    Ok((snapshots, history))
}
