//! What a shard submits for an epoch, its bytes, and the checks it must pass before any proving time is spent.
//!
//! Bytes: version (1), Ed25519 signature (64), then the snapshot in postcard. The signature is the operator's over
//! [`SIGNING_DOMAIN`] and the postcard bytes; bytes that are not the canonical encoding of what they decode to are refused.

mod signals;
mod work;

pub use signals::{MAX_SIGNAL_NAME_BYTES, Signals, SignalsError};
pub use work::{Exchange, Kind, Work};

use crate::field;
use crate::genesis::{Genesis, Netted};
use crate::inputs::Inputs;
use crate::netted::manifest::{ManifestError, Tree};
use crate::transfer::TransferError;
use ark_bn254::Fr;
use ed25519_dalek::{Signature, Signer, SigningKey};
use serde::{Deserialize, Serialize};
use trifold_verifier::statement::{Leaf, ProgramStatement, SUPPLY_BITS};

/// Version of the encoding, its first byte.
pub const SNAPSHOT_VERSION: u8 = 2;
/// Longest snapshot accepted, in bytes; a full batch of `transfer` takes about 30,000, two thousand parts of a
/// netted epoch about 360,000.
pub const MAX_SNAPSHOT_BYTES: usize = 512 * 1024;
/// How far a snapshot's timestamp may run ahead of the checker's clock, in milliseconds.
pub const MAX_AHEAD_MILLISECONDS: u64 = 60_000;
/// What every signed message starts with.
pub const SIGNING_DOMAIN: &[u8] = b"trifold/snapshot/v2";
/// Bytes before the postcard part.
const HEADER_BYTES: usize = 1 + Signature::BYTE_SIZE;
/// Bits of the logical counter below the milliseconds of a timestamp.
pub const COUNTER_BITS: u32 = 16;

/// Why a snapshot was refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SnapshotError {
    #[error("snapshot of {bytes} bytes exceeds {MAX_SNAPSHOT_BYTES}")]
    TooLong { bytes: usize },
    #[error("snapshot of {bytes} bytes ends before its content")]
    TooShort { bytes: usize },
    #[error("snapshot has version {0}, this build reads {SNAPSHOT_VERSION}")]
    Version(u8),
    #[error("snapshot is malformed: {0}")]
    Malformed(postcard::Error),
    #[error("snapshot is not in canonical form")]
    NotCanonical,
    #[error("shard {0} does not exist")]
    UnknownShard(u32),
    #[error("snapshot is not signed by the operator of shard {0}")]
    Signature(u32),
    #[error("snapshot belongs to another network")]
    Network,
    #[error("snapshot was submitted before and is part of the state")]
    Replayed,
    #[error("snapshot is stale: its clock {lamport} does not exceed the shard's {current}")]
    Stale { lamport: u64, current: u64 },
    #[error("snapshot does not start from the shard's current leaf")]
    PreviousLeaf,
    #[error("batch does not start from the shard's current body")]
    PreviousRoot,
    #[error("signals do not start from the shard's current body")]
    PreviousBody,
    #[error("program of the snapshot is not in the registry")]
    UnknownProgram,
    #[error("snapshot changes the shard's program")]
    ProgramChanged,
    #[error("the shard runs a program whose snapshots hold {expected}, this one holds {found}")]
    Kind { expected: Kind, found: Kind },
    #[error("snapshot has {events} events, one of its program takes 1 to {limit}")]
    Events { events: u32, limit: u32 },
    #[error(
        "clock advances from {current} to {lamport}, less than the {events} events of the snapshot"
    )]
    Lamport {
        lamport: u64,
        current: u64,
        events: u32,
    },
    #[error("timestamp {timestamp} is not later than the shard's {current}")]
    Timestamp { timestamp: u64, current: u64 },
    #[error("clock {lamport} does not exceed {received}, that of what was received")]
    ReceivedLamport { lamport: u64, received: u64 },
    #[error("timestamp {timestamp} is not later than {received}, that of what was received")]
    ReceivedTimestamp { timestamp: u64, received: u64 },
    #[error("snapshot is from the future: {ahead} ms ahead, {MAX_AHEAD_MILLISECONDS} are allowed")]
    Future { ahead: u64 },
    #[error("seen epoch goes back from {current} to {seen}")]
    SeenWentBack { seen: u64, current: u64 },
    #[error("seen epoch {seen} is not yet in the history")]
    SeenNotFinal { seen: u64 },
    #[error("seen digest is not that of epoch {seen}")]
    SeenDigest { seen: u64 },
    #[error("batch and leaf name different seen states or shards")]
    Inconsistent,
    #[error(
        "supply is {supply}, but {current} held, {received} received and {sent} sent make another"
    )]
    Supply {
        supply: u128,
        current: u128,
        sent: u128,
        received: u128,
    },
    #[error(
        "{value} is not below 2^{SUPPLY_BITS}, the limit of what a shard holds, sends or receives"
    )]
    Value { value: u128 },
    #[error("batch is invalid: {0}")]
    Batch(#[from] TransferError),
    #[error("signals are invalid: {0}")]
    Signals(#[from] SignalsError),
    #[error("new body is not the one that the work leads to")]
    NewBody,
    #[error("the epoch's parts: {0}")]
    Parts(String),
    #[error("the manifest names another network in what clients sign")]
    Name,
    #[error("the program of the snapshot is proven in parts")]
    InParts,
}

/// A step of one shard: from its leaf with digest `old` to the leaf `new` by `work`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct Snapshot {
    /// Digest of G_0, the network's name.
    #[serde(with = "field::element")]
    pub network: Fr,
    /// Index in the global trie.
    pub shard: u32,
    #[serde(with = "field::element")]
    pub old: Fr,
    #[serde(with = "leaf")]
    pub new: Leaf,
    pub work: Work,
}

/// What the checker knows besides the snapshot.
pub struct View<'a> {
    /// Digest of G_0.
    pub network: Fr,
    /// The leaf that the shard has now.
    pub current: &'a Leaf,
    /// What snapshots of a program hold; `None` if it is not in the registry.
    pub kind: &'a dyn Fn(&Fr) -> Option<Kind>,
    /// What netted shards go by, if the network admits them.
    pub netted: Option<&'a Netted>,
    /// Digest of the global state of an epoch, if it is in the history that the next merge opens.
    pub history: &'a dyn Fn(u64) -> Option<Fr>,
    /// Unix time.
    pub now_milliseconds: u64,
}

impl Snapshot {
    /// The snapshot's bytes, signed.
    pub fn sign(&self, operator: &SigningKey) -> Result<Vec<u8>, SnapshotError> {
        let content = postcard::to_allocvec(self).map_err(SnapshotError::Malformed)?;
        let signature = operator.sign(&signed_bytes(&content));
        let bytes = [&[SNAPSHOT_VERSION][..], &signature.to_bytes(), &content].concat();
        match bytes.len() > MAX_SNAPSHOT_BYTES {
            true => Err(SnapshotError::TooLong { bytes: bytes.len() }),
            false => Ok(bytes),
        }
    }

    /// Reads what [`Snapshot::sign`] wrote, if the shard's operator signed it.
    pub fn open(bytes: &[u8], genesis: &Genesis) -> Result<Self, SnapshotError> {
        if bytes.len() > MAX_SNAPSHOT_BYTES {
            return Err(SnapshotError::TooLong { bytes: bytes.len() });
        }
        let (header, content) = bytes
            .split_first_chunk::<HEADER_BYTES>()
            .ok_or(SnapshotError::TooShort { bytes: bytes.len() })?;
        let [version, signature @ ..] = header;
        if *version != SNAPSHOT_VERSION {
            return Err(SnapshotError::Version(*version));
        }
        let snapshot: Self = decode(content)?;
        snapshot.check_signature(content, signature, genesis)?;
        Ok(snapshot)
    }

    /// Everything that can be checked without replaying the work; bounded by the snapshot's length, no proving.
    pub fn check(&self, view: &View<'_>) -> Result<(), SnapshotError> {
        self.check_origin(view)?;
        self.check_program(view)?;
        self.check_clocks(view)?;
        self.check_received_clocks()?;
        self.check_seen(view)?;
        self.check_supply(view)?;
        self.work.check(self, view.current, view.netted)
    }

    /// The parts that the program's proof is made of, and what it states: for the work of a netted shard.
    ///
    /// # Errors
    /// The work is another, or its parts don't make a proof of the step.
    pub fn in_parts(&self, netted: &Netted) -> Result<(Tree, ProgramStatement), SnapshotError> {
        let (tree, statement) = self.statement_in_parts(netted)?;
        match statement.new_body == self.new.body {
            true => Ok((tree, statement)),
            false => Err(SnapshotError::NewBody),
        }
    }

    fn statement_in_parts(
        &self,
        netted: &Netted,
    ) -> Result<(Tree, ProgramStatement), SnapshotError> {
        let Work::Netted(manifest) = &self.work else {
            return Err(SnapshotError::Kind {
                expected: Kind::Netted,
                found: self.work.kind(),
            });
        };
        if manifest.network != netted.network {
            return Err(SnapshotError::Name);
        }
        let refused = |error: ManifestError| SnapshotError::Parts(error.to_string());
        let tree = manifest.tree(self.shard, &netted.keys, self.new.seen_digest);
        let tree = tree.map_err(refused)?;
        let statement = tree.close.statement();
        let statement = statement.map_err(|error| refused(error.into()))?;
        Ok((tree, statement))
    }

    /// Replays the work: the program's inputs and statement, or why there is no proof.
    pub fn inputs(&self) -> Result<(Inputs, ProgramStatement), SnapshotError> {
        let (inputs, statement) = self.work.inputs(self)?;
        match statement.new_body == self.new.body {
            true => Ok((inputs, statement)),
            false => Err(SnapshotError::NewBody),
        }
    }

    /// Events of the program.
    pub fn events(&self) -> u32 {
        self.work.events()
    }

    fn check_signature(
        &self,
        content: &[u8],
        signature: &[u8; 64],
        genesis: &Genesis,
    ) -> Result<(), SnapshotError> {
        let shard = genesis
            .shard(self.shard)
            .map_err(|_| SnapshotError::UnknownShard(self.shard))?;
        let signature = Signature::from_bytes(signature);
        let verdict = shard
            .operator
            .0
            .verify_strict(&signed_bytes(content), &signature);
        verdict.map_err(|_| SnapshotError::Signature(self.shard))
    }

    fn check_origin(&self, view: &View<'_>) -> Result<(), SnapshotError> {
        let (lamport, current) = (self.new.lamport, view.current.lamport);
        if self.network != view.network {
            return Err(SnapshotError::Network);
        }
        if self.new == *view.current {
            return Err(SnapshotError::Replayed);
        }
        match self.old == view.current.digest() {
            true => Ok(()),
            false if lamport <= current => Err(SnapshotError::Stale { lamport, current }),
            false => Err(SnapshotError::PreviousLeaf),
        }
    }

    fn check_program(&self, view: &View<'_>) -> Result<(), SnapshotError> {
        let expected = (view.kind)(&self.new.program).ok_or(SnapshotError::UnknownProgram)?;
        let found = self.work.kind();
        match self.new.program == view.current.program {
            false => Err(SnapshotError::ProgramChanged),
            true if expected != found => Err(SnapshotError::Kind { expected, found }),
            true => Ok(()),
        }
    }

    fn check_clocks(&self, view: &View<'_>) -> Result<(), SnapshotError> {
        let (events, limit) = (self.events(), self.work.kind().limit());
        if events == 0 || events > limit {
            return Err(SnapshotError::Events { events, limit });
        }
        let (lamport, current) = (self.new.lamport, view.current.lamport);
        if lamport
            .checked_sub(current)
            .is_none_or(|advance| advance < events.into())
        {
            return Err(SnapshotError::Lamport {
                lamport,
                current,
                events,
            });
        }
        let (timestamp, current) = (self.new.timestamp, view.current.timestamp);
        if timestamp <= current {
            return Err(SnapshotError::Timestamp { timestamp, current });
        }
        let ahead = (timestamp >> COUNTER_BITS).saturating_sub(view.now_milliseconds);
        match ahead > MAX_AHEAD_MILLISECONDS {
            true => Err(SnapshotError::Future { ahead }),
            false => Ok(()),
        }
    }

    /// What was received comes from the past.
    fn check_received_clocks(&self) -> Result<(), SnapshotError> {
        let (exchange, lamport) = (self.work.exchange(), self.new.lamport);
        let (received, timestamp) = (exchange.received_lamport, self.new.timestamp);
        if lamport <= received {
            return Err(SnapshotError::ReceivedLamport { lamport, received });
        }
        match exchange.received_timestamp {
            received if timestamp <= received => Err(SnapshotError::ReceivedTimestamp {
                timestamp,
                received,
            }),
            _ => Ok(()),
        }
    }

    fn check_seen(&self, view: &View<'_>) -> Result<(), SnapshotError> {
        let (seen, digest) = (self.new.seen_epoch, self.new.seen_digest);
        let current = view.current.seen_epoch;
        if seen < current {
            return Err(SnapshotError::SeenWentBack { seen, current });
        }
        if seen == 0 && digest == Fr::default() && view.current.seen_digest == digest {
            return Ok(());
        }
        match (view.history)(seen) {
            None => Err(SnapshotError::SeenNotFinal { seen }),
            Some(expected) if expected != digest => Err(SnapshotError::SeenDigest { seen }),
            Some(_) => Ok(()),
        }
    }

    fn check_supply(&self, view: &View<'_>) -> Result<(), SnapshotError> {
        let (supply, current) = (self.new.supply, view.current.supply);
        let Exchange { sent, received, .. } = self.work.exchange();
        let mut values = [sent, received, supply].into_iter();
        if let Some(value) = values.find(|value| value >> SUPPLY_BITS != 0) {
            return Err(SnapshotError::Value { value });
        }
        match current.checked_add(received) == supply.checked_add(sent) {
            true => Ok(()),
            false => Err(SnapshotError::Supply {
                supply,
                current,
                sent,
                received,
            }),
        }
    }
}

fn signed_bytes(content: &[u8]) -> Vec<u8> {
    [SIGNING_DOMAIN, content].concat()
}

fn decode(content: &[u8]) -> Result<Snapshot, SnapshotError> {
    let snapshot: Snapshot = postcard::from_bytes(content).map_err(SnapshotError::Malformed)?;
    let canonical = postcard::to_allocvec(&snapshot).map_err(SnapshotError::Malformed)?;
    match canonical == content {
        true => Ok(snapshot),
        false => Err(SnapshotError::NotCanonical),
    }
}

/// A leaf as it travels, in a snapshot and between the processes of a farm.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WireLeaf {
    #[serde(with = "field::element")]
    pub program: Fr,
    #[serde(with = "field::element")]
    pub body: Fr,
    pub lamport: u64,
    pub timestamp: u64,
    pub seen_epoch: u64,
    #[serde(with = "field::element")]
    pub seen_digest: Fr,
    pub supply: u128,
}

impl From<Leaf> for WireLeaf {
    fn from(leaf: Leaf) -> Self {
        let Leaf {
            program,
            body,
            lamport,
            timestamp,
            seen_epoch,
            seen_digest,
            supply,
        } = leaf;
        Self {
            program,
            body,
            lamport,
            timestamp,
            seen_epoch,
            seen_digest,
            supply,
        }
    }
}

impl From<WireLeaf> for Leaf {
    fn from(leaf: WireLeaf) -> Self {
        let WireLeaf {
            program,
            body,
            lamport,
            timestamp,
            seen_epoch,
            seen_digest,
            supply,
        } = leaf;
        Self {
            program,
            body,
            lamport,
            timestamp,
            seen_epoch,
            seen_digest,
            supply,
        }
    }
}

/// For `#[serde(with = "leaf")]` on a [`Leaf`].
pub mod leaf {
    use super::*;
    use serde::{Deserializer, Serializer};

    pub fn serialize<S: Serializer>(leaf: &Leaf, serializer: S) -> Result<S::Ok, S::Error> {
        WireLeaf::from(*leaf).serialize(serializer)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Leaf, D::Error> {
        WireLeaf::deserialize(deserializer).map(Leaf::from)
    }
}
