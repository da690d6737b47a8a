use std::sync::Arc;

use trifold_circuits::netted::manifest::{Node, Source};
use trifold_circuits::snapshot::{
    COUNTER_BITS, Kind, MAX_AHEAD_MILLISECONDS, Snapshot, SnapshotError, View,
};
use trifold_coordinator::Digest;
use trifold_coordinator::inspect::{Inspect, InspectError};
use trifold_coordinator::plan::Outline;
use trifold_coordinator::wire::{Submission, WirePart};
use trifold_verifier::statement::Leaf;

use crate::network::Network;
use crate::time::now_milliseconds;

/// Reads and checks the snapshots of all shards.
pub struct Inspector(pub Arc<Network>);

impl Inspector {
    fn open(&self, bytes: &[u8]) -> Result<Snapshot, SnapshotError> {
        let snapshot = Snapshot::open(bytes, &self.0.genesis)?;
        match snapshot.network == self.0.state.digest() {
            true => Ok(snapshot),
            false => Err(SnapshotError::Network),
        }
    }

    /// Everything about the batch; that the seen state is in the history is for the plan to say, and it has.
    fn replay(&self, snapshot: &Snapshot, current: &Leaf) -> Result<(), SnapshotError> {
        let view = View {
            network: self.0.state.digest(),
            current,
            kind: &|program| self.0.kind(program),
            netted: self.0.netted.as_ref(),
            history: &|_| Some(snapshot.new.seen_digest),
            now_milliseconds: now_milliseconds(),
        };
        snapshot.check(&view)?;
        match &self.0.netted {
            Some(netted) if snapshot.work.kind() == Kind::Netted => {
                snapshot.in_parts(netted).map(drop)
            }
            _ => snapshot.inputs().map(drop),
        }
    }

    /// The proofs that the snapshot's is made of.
    fn parts(&self, snapshot: &Snapshot) -> Result<Vec<WirePart>, SnapshotError> {
        let Some(netted) = &self.0.netted else {
            return Ok(Vec::new());
        };
        if snapshot.work.kind() != Kind::Netted {
            return Ok(Vec::new());
        }
        let (tree, _) = snapshot.in_parts(netted)?;
        let context = tree.context();
        let part = |node: &Node| WirePart {
            key: netted.keys.key(node.circuit).digest,
            statement: node.part.digest(&context),
            parent: node.parent as u16,
            inputs: match &node.source {
                Source::Inputs(name) => Some(Digest::from_bytes(*name)),
                Source::Join(_) => None,
            },
        };
        Ok(tree.nodes.iter().map(part).collect())
    }
}

impl Inspect for Inspector {
    fn authorise(&self, submission: &Submission) -> Result<(), InspectError> {
        let shard = self.0.genesis.shard(submission.shard).ok();
        let operator = shard.map(|shard| &shard.operator.0);
        Ok(submission.check(&self.0.state.digest(), operator)?)
    }

    fn outline(&self, digest: Digest, bytes: &[u8]) -> Result<Outline, InspectError> {
        let snapshot = self.open(bytes).map_err(refusal)?;
        let ahead = (snapshot.new.timestamp >> COUNTER_BITS).saturating_sub(now_milliseconds());
        if ahead > MAX_AHEAD_MILLISECONDS {
            return Err(refusal(SnapshotError::Future { ahead }));
        }
        let (events, exchange) = (snapshot.events(), snapshot.work.exchange());
        Ok(Outline {
            shard: snapshot.shard,
            snapshot: digest,
            old: snapshot.old,
            new: snapshot.new,
            events,
            sent: exchange.sent,
            received: exchange.received,
            received_lamport: exchange.received_lamport,
            received_timestamp: exchange.received_timestamp,
            transfers: events.into(),
            bytes: bytes.len() as u64,
            parts: self.parts(&snapshot).map_err(refusal)?,
        })
    }

    fn check(&self, bytes: &[u8], previous: Option<&Leaf>) -> Result<(), InspectError> {
        let snapshot = self.open(bytes).map_err(refusal)?;
        let current =
            previous.ok_or_else(|| refusal(SnapshotError::UnknownShard(snapshot.shard)))?;
        self.replay(&snapshot, current).map_err(refusal)
    }
}

fn refusal(error: SnapshotError) -> InspectError {
    InspectError::new(code(&error), error)
}

/// The error's name for programs.
fn code(error: &SnapshotError) -> &'static str {
    match error {
        SnapshotError::TooLong { .. } => "too_long",
        SnapshotError::TooShort { .. }
        | SnapshotError::Malformed(_)
        | SnapshotError::NotCanonical => "malformed",
        SnapshotError::Version(_) => "version",
        SnapshotError::UnknownShard(_) => "unknown_shard",
        SnapshotError::Signature(_) => "signature",
        SnapshotError::Network => "other_network",
        SnapshotError::Replayed => "replayed",
        SnapshotError::Stale { .. } => "stale",
        SnapshotError::PreviousLeaf | SnapshotError::PreviousRoot | SnapshotError::PreviousBody => {
            "wrong_previous"
        }
        SnapshotError::UnknownProgram
        | SnapshotError::ProgramChanged
        | SnapshotError::Kind { .. } => "unknown_program",
        SnapshotError::Events { .. } => "events",
        SnapshotError::Lamport { .. }
        | SnapshotError::Timestamp { .. }
        | SnapshotError::ReceivedLamport { .. }
        | SnapshotError::ReceivedTimestamp { .. } => "clock",
        SnapshotError::Future { .. } => "future",
        SnapshotError::SeenWentBack { .. }
        | SnapshotError::SeenNotFinal { .. }
        | SnapshotError::SeenDigest { .. } => "seen",
        SnapshotError::Inconsistent => "inconsistent",
        SnapshotError::Supply { .. } | SnapshotError::Value { .. } => "supply",
        SnapshotError::Batch(_) => "batch",
        SnapshotError::Signals(_) => "signals",
        SnapshotError::NewBody => "new_body",
        SnapshotError::Parts(_) | SnapshotError::InParts => "parts",
        SnapshotError::Name => "other_network",
    }
}
