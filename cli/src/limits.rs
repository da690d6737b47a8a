//! When epochs close, how much waits, and how failures are met: the coordinator's policy as flags.

use std::time::Duration;

use clap::Args;
use clap::builder::{RangedU64ValueParser, TypedValueParser};
use trifold_coordinator::coordinator::{Config, LeadTimes};
use trifold_coordinator::plan::Policy;

use crate::proving::Bytes;
use crate::time;

/// The leader says that it leads this many times in the time after which another one takes over.
const RENEWALS: u32 = 3;
/// Shortest time of silence after which a leader can be taken for dead: shorter than a hiccup of the server it is not.
const SHORTEST_TAKEOVER: Duration = Duration::from_secs(2);

/// A coordinator's policy.
#[derive(Args)]
pub struct Limits {
    /// An epoch closes this long after its first snapshot, whoever is missing; it closes at once when nobody is
    #[arg(
        long,
        env = "TRIFOLD_DEADLINE",
        default_value = "10s",
        value_parser = time::duration,
        value_name = "TIME"
    )]
    deadline: Duration,
    /// Epochs closed and not published, at most
    #[arg(
        long,
        env = "TRIFOLD_EPOCHS_IN_FLIGHT",
        default_value_t = 4,
        value_parser = up_to(64),
        value_name = "N"
    )]
    epochs_in_flight: usize,
    /// Snapshots of a shard that wait, at most; it is refused further ones
    #[arg(
        long,
        env = "TRIFOLD_WAITING_PER_SHARD",
        default_value_t = 64,
        value_parser = up_to(10_000),
        value_name = "N"
    )]
    waiting_per_shard: usize,
    /// Snapshots that wait in all; beyond, no more are taken from the queue, where they wait
    #[arg(
        long,
        env = "TRIFOLD_WAITING_SNAPSHOTS",
        default_value_t = 100_000,
        value_parser = up_to(10_000_000),
        value_name = "N"
    )]
    waiting_snapshots: usize,
    /// Bytes of those snapshots, e.g. 16GiB; beyond, no more are taken from the queue
    #[arg(
        long,
        env = "TRIFOLD_WAITING_BYTES",
        default_value = "16GiB",
        value_name = "BYTES"
    )]
    waiting_bytes: Bytes,
    /// Tasks of a kind that are offered at a time, until it is known how many workers there are
    #[arg(
        long,
        env = "TRIFOLD_WINDOW",
        default_value_t = 1000,
        value_parser = up_to(100_000),
        value_name = "N"
    )]
    window: usize,
    /// Workers that must call a task's inputs broken before that is believed and the task given up
    #[arg(
        long,
        env = "TRIFOLD_OPINIONS",
        default_value_t = 2,
        value_parser = up_to(10),
        value_name = "N"
    )]
    opinions: usize,
    /// Longest pause before a task that failed is offered again
    #[arg(
        long,
        env = "TRIFOLD_MAX_BACKOFF",
        default_value = "30s",
        value_parser = time::duration,
        value_name = "TIME"
    )]
    max_backoff: Duration,
    /// Wrong or malformed results after which a worker is cordoned
    #[arg(
        long,
        env = "TRIFOLD_MAX_STRIKES",
        default_value_t = 3,
        value_parser = clap::value_parser!(u32).range(1..=1000),
        value_name = "N"
    )]
    max_strikes: u32,
    /// A worker that says nothing for this long counts as gone
    #[arg(
        long,
        env = "TRIFOLD_WORKER_SILENCE",
        default_value = "20s",
        value_parser = time::duration,
        value_name = "TIME"
    )]
    worker_silence: Duration,
    /// Blobs younger than this are never deleted
    #[arg(
        long,
        env = "TRIFOLD_RETENTION",
        default_value = "7d",
        value_parser = time::duration,
        value_name = "TIME"
    )]
    retention: Duration,
    /// Time between looks for blobs that nothing needs
    #[arg(
        long,
        env = "TRIFOLD_GC_INTERVAL",
        default_value = "1h",
        value_parser = time::duration,
        value_name = "TIME"
    )]
    gc_interval: Duration,
    /// Entries of the journal between two checkpoints, from which a coordinator starts
    #[arg(
        long,
        env = "TRIFOLD_CHECKPOINT_ENTRIES",
        default_value_t = 20_000,
        value_parser = clap::value_parser!(u64).range(100..=10_000_000),
        value_name = "N"
    )]
    checkpoint_entries: u64,
    /// A leader that says nothing for this long is taken for dead, and the standby leads; at least 2s
    #[arg(
        long,
        env = "TRIFOLD_TAKEOVER",
        default_value = "6s",
        value_parser = takeover,
        value_name = "TIME"
    )]
    takeover: Duration,
}

fn up_to(most: u64) -> impl TypedValueParser<Value = usize> {
    RangedU64ValueParser::<usize>::new().range(1..=most)
}

fn takeover(text: &str) -> Result<Duration, String> {
    let time = time::duration(text)?;
    match time >= SHORTEST_TAKEOVER {
        true => Ok(time),
        false => Err(format!("{text:?} is shorter than 2s")),
    }
}

impl Limits {
    /// When epochs are formed, and how failures are met.
    pub fn policy(&self) -> Policy {
        Policy {
            deadline_ms: Some(milliseconds(self.deadline)),
            max_epochs_in_flight: self.epochs_in_flight,
            max_pending_per_shard: self.waiting_per_shard,
            max_waiting_snapshots: self.waiting_snapshots,
            max_waiting_bytes: self.waiting_bytes.0.get(),
            max_queued_tasks: self.window,
            opinions: self.opinions,
            max_backoff_ms: milliseconds(self.max_backoff),
            ..Policy::default()
        }
    }

    /// The same for what is not the planner's.
    pub fn apply(&self, config: &mut Config) {
        config.core.max_strikes = self.max_strikes;
        config.core.presence_ms = milliseconds(self.worker_silence);
        config.core.retention_seconds = self.retention.as_secs();
        config.core.collect_ms = milliseconds(self.gc_interval);
        config.core.checkpoint_entries = self.checkpoint_entries;
        config.lead = LeadTimes {
            renew: self.takeover / RENEWALS,
            takeover: self.takeover,
        };
    }
}

fn milliseconds(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
