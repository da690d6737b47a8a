//! How to reach the servers, as whom, and what our streams are called and may hold.

use std::path::PathBuf;
use std::time::Duration;

/// What a process may do to streams and consumers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Creates them, and changes those whose settings differ from ours.
    Coordinator,
    /// Uses what a coordinator made: needs no right to create, change or list anything.
    Member,
}

/// Encryption of the connection.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tls {
    /// Certificates (PEM) of those who may sign a server's; without one, those that the system trusts.
    pub ca: Option<PathBuf>,
    /// Our certificate and its key (PEM), if the servers ask for one.
    pub identity: Option<(PathBuf, PathBuf)>,
}

/// Most bytes of each stream. JetStream sets them aside: their sum must fit the server's storage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Each of the work streams: snapshots, control, tasks, results.
    pub items_bytes: i64,
    pub proofs_bytes: i64,
    pub journal_bytes: i64,
    pub notices_bytes: i64,
    pub artifacts_bytes: i64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            items_bytes: 256 << 20,
            proofs_bytes: 512 << 20,
            journal_bytes: 1 << 30,
            notices_bytes: 256 << 20,
            artifacts_bytes: 4 << 30,
        }
    }
}

/// How to reach the servers and what to call our streams.
#[derive(Clone)]
pub struct NatsConfig {
    /// `nats://[user:password@]host[:port]`, or `tls://`; several servers of a cluster with commas between.
    pub url: String,
    /// User name and password, when they are not in the URL.
    pub login: Option<(String, String)>,
    /// A credentials file (JWT and seed).
    pub credentials: Option<PathBuf>,
    /// A file with the seed of an NKey.
    pub nkey: Option<PathBuf>,
    /// Encryption is demanded when this is given; without it a `tls://` URL or the server decides.
    pub tls: Option<Tls>,
    /// Subjects of answers begin with this, so that a role can be confined to its own.
    pub inbox: Option<String>,
    /// What this process is called in the server's list of connections.
    pub name: String,
    pub role: Role,
    /// Prefix of the stream names; the subjects use it in lower case.
    pub prefix: String,
    /// Replicas of every stream: 1, or 3 on a cluster.
    pub replicas: usize,
    pub limits: Limits,
    /// Time after its holder's last sign of life when an item is delivered again.
    pub lease: Duration,
    /// Time after which a request counts as unanswered.
    pub timeout: Duration,
}

impl NatsConfig {
    /// A coordinator's connection to a single server with the usual names, limits and times.
    pub fn new(url: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            login: None,
            credentials: None,
            nkey: None,
            tls: None,
            inbox: None,
            name: "trifold".into(),
            role: Role::Coordinator,
            prefix: "TRIFOLD".into(),
            replicas: 1,
            limits: Limits::default(),
            lease: Duration::from_secs(30),
            timeout: Duration::from_secs(5),
        }
    }
}
