//! What the queue is like, for whoever has to judge whether a farm may rely on it.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

/// The queue behind the seam.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Facts {
    Local(LocalFacts),
    Nats(NatsFacts),
}

/// The embedded queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LocalFacts {
    /// `None`: in memory, everything ends with the process.
    pub directory: Option<PathBuf>,
    pub free_bytes: Option<u64>,
    /// Time of a write that is on disk when it returns.
    pub sync: Option<Duration>,
}

/// The server that answered us. Whether it syncs every write (`sync_interval: always`) only its own configuration says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NatsFacts {
    pub server_version: String,
    /// Name of its cluster; `None` for a single server.
    pub cluster: Option<String>,
    pub max_payload_bytes: u64,
    pub encrypted: bool,
    /// Storage of our account: used, set aside by limits of streams, and allowed.
    pub storage_bytes: u64,
    pub reserved_bytes: u64,
    pub storage_limit_bytes: Option<u64>,
    pub round_trip: Duration,
    /// By how much our clock is ahead of the server's.
    pub clock_ahead_ms: Option<i64>,
    pub streams: Vec<StreamFacts>,
}

/// One stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StreamFacts {
    pub name: String,
    pub replicas: usize,
    /// Replicas that are offline or not current.
    pub behind: usize,
    pub messages: u64,
    pub messages_limit: Option<u64>,
    pub bytes: u64,
    pub bytes_limit: Option<u64>,
    /// Settings that are not ours.
    pub differences: Vec<Difference>,
}

/// A setting of a stream that is not what it should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    pub setting: String,
    pub wanted: String,
    pub found: String,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            setting,
            wanted,
            found,
        } = self;
        write!(f, "{setting} is {found}, should be {wanted}")
    }
}
