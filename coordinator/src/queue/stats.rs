//! How full the queue is, for metrics and for operators. Nothing is decided by it.

use super::Lane;

/// The queue at one instant; each number may be a little old.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct QueueStats {
    pub lanes: Vec<LaneStats>,
    pub journal: JournalStats,
    /// `None` where the store can't say.
    pub artifacts: Option<ArtifactStats>,
    pub connection: ConnectionStats,
}

/// What happened to this process's connection since it was made.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ConnectionStats {
    pub disconnects: u64,
    /// Times that we were too slow, so that the client dropped messages.
    pub slow_consumers: u64,
    /// Times that a server said it would stop soon.
    pub lame_ducks: u64,
    /// Errors that the server or the client told, refused subjects among them.
    pub errors: u64,
}

/// One lane.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LaneStats {
    pub lane: Lane,
    /// Items that nobody holds.
    pub waiting: u64,
    /// Items that somebody holds.
    pub leased: u64,
    /// Held items that were delivered before.
    pub redelivered: u64,
}

/// The coordinator's journal.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct JournalStats {
    /// Of the last entry.
    pub position: u64,
    pub entries: u64,
    pub bytes: u64,
}

/// The blobs; on NATS those of more than 128 KiB count once for each piece.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ArtifactStats {
    pub blobs: u64,
    pub bytes: u64,
    /// What the store may hold, if it is limited.
    pub limit_bytes: Option<u64>,
}
