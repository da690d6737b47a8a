//! What a program proves of a snapshot. Each kind of program has its variant here and nothing else tells them apart.

use super::{Signals, Snapshot, SnapshotError};
use crate::genesis::Netted;
use crate::inputs::Inputs;
use crate::netted::manifest::Manifest;
use crate::transfer::{Batch, Size};
use serde::{Deserialize, Serialize};
use std::fmt;
use trifold_verifier::statement::{Leaf, ProgramStatement};

/// The work of a snapshot, as its program takes it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub enum Work {
    /// Transfers, replayed before anything is proven.
    Transfer(Batch),
    /// Input signals that the shard computed itself, for a program that only its circuit knows.
    Signals(Signals),
    /// An epoch of a netted shard, proven in parts.
    Netted(Manifest),
}

/// What a step exchanges with other shards.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Exchange {
    /// Value that leaves, below 2^96.
    pub sent: u128,
    /// Value that arrives, below 2^96.
    pub received: u128,
    /// At least the Lamport counter of every leaf that a message was taken from; 0 if none was.
    pub received_lamport: u64,
    /// The same for timestamps.
    pub received_timestamp: u64,
}

/// What the snapshots of a program hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Transfer,
    Signals,
    Netted,
}

impl Kind {
    /// Most events of one snapshot.
    pub fn limit(self) -> u32 {
        match self {
            Self::Transfer => Size::DEPLOYED.events() as u32,
            Self::Signals | Self::Netted => u32::MAX,
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Transfer => "transfers",
            Self::Signals => "signals",
            Self::Netted => "netted",
        })
    }
}

impl Work {
    pub fn kind(&self) -> Kind {
        match self {
            Self::Transfer(_) => Kind::Transfer,
            Self::Signals(_) => Kind::Signals,
            Self::Netted(_) => Kind::Netted,
        }
    }

    /// Events of the program.
    pub fn events(&self) -> u32 {
        match self {
            Self::Transfer(batch) => batch.events().try_into().unwrap_or(u32::MAX),
            Self::Signals(signals) => signals.events,
            Self::Netted(manifest) => manifest.events().try_into().unwrap_or(u32::MAX),
        }
    }

    /// What leaves for other shards and arrives from them.
    pub fn exchange(&self) -> Exchange {
        match self {
            Self::Transfer(batch) => batch.exchange(),
            Self::Netted(manifest) => manifest.exchange,
            Self::Signals(signals) => signals.exchange,
        }
    }

    /// That the work belongs to its snapshot and starts from the shard's current leaf.
    pub(super) fn check(
        &self,
        snapshot: &Snapshot,
        current: &Leaf,
        netted: Option<&Netted>,
    ) -> Result<(), SnapshotError> {
        match self {
            Self::Transfer(batch) => check_batch(batch, snapshot, current),
            Self::Netted(_) => {
                let netted = netted.ok_or(SnapshotError::UnknownProgram)?;
                let statement = snapshot.statement_in_parts(netted)?.1;
                match statement.old_body == current.body {
                    true => Ok(()),
                    false => Err(SnapshotError::PreviousRoot),
                }
            }
            Self::Signals(signals) if signals.old_body != current.body => {
                Err(SnapshotError::PreviousBody)
            }
            Self::Signals(signals) => Ok(signals.check()?),
        }
    }

    /// The program's input signals and what it states.
    pub(super) fn inputs(
        &self,
        snapshot: &Snapshot,
    ) -> Result<(Inputs, ProgramStatement), SnapshotError> {
        match self {
            Self::Transfer(batch) => Ok(batch.inputs(Size::DEPLOYED)?),
            Self::Signals(signals) => Ok(signals.inputs(snapshot.shard, &snapshot.new)?),
            Self::Netted(_) => Err(SnapshotError::InParts),
        }
    }
}

fn check_batch(batch: &Batch, snapshot: &Snapshot, current: &Leaf) -> Result<(), SnapshotError> {
    if batch.shard != snapshot.shard || batch.seen_digest != snapshot.new.seen_digest {
        return Err(SnapshotError::Inconsistent);
    }
    batch.check_count(Size::DEPLOYED)?;
    match batch.old_body().digest() == current.body {
        true => Ok(()),
        false => Err(SnapshotError::PreviousRoot),
    }
}
