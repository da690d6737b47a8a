use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use trifold_circuits::snapshot::{COUNTER_BITS, MAX_AHEAD_MILLISECONDS, Snapshot, SnapshotError};
use trifold_coordinator::Digest;
use trifold_coordinator::inspect::{Inspect, InspectError};
use trifold_coordinator::plan::Candidate;
use trifold_coordinator::wire::WireStep;
use trifold_verifier::statement::Leaf;

use crate::network::Network;

/// Reads snapshots of `transfer` shards.
pub struct Inspector(pub Arc<Network>);
