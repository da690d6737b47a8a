//! The queue, the journal and the blobs.

use trifold_coordinator::Report;
use trifold_coordinator::queue::{ConnectionStats, QueueStats};

use super::board::{Board, Gauges, Histograms, set};
use super::bounded::Bounded;

/// Lanes that are labels: one per kind and key, and the large ones.
const MAX_LANES: usize = 64;

pub(super) struct Stores {
    depth: Gauges,
    ack_pending: Gauges,
    redelivered: Gauges,
    journal_position: Gauges,
    journal_bytes: Gauges,
    append: Histograms,
    artifacts: Gauges,
    artifact_bytes: Gauges,
    artifact_limit: Gauges,
    connection: Gauges,
    lanes: Bounded,
}

impl Stores {
    pub fn new(board: &mut Board) -> Self {
        Self {
            depth: board.gauges(
                ("trifold_queue_depth", &["lane"]),
                "Items of a lane that nobody holds",
            ),
            ack_pending: board.gauges(
                ("trifold_ack_pending", &["lane"]),
                "Items of a lane that somebody holds",
            ),
            redelivered: board.gauges(
                ("trifold_redelivered", &["lane"]),
                "Held items of a lane that were delivered before",
            ),
            journal_position: board.gauges(
                ("trifold_journal_position", &[]),
                "Position of the journal's last entry",
            ),
            journal_bytes: board.gauges(("trifold_journal_bytes", &[]), "Size of the journal"),
            append: board.instants(
                ("trifold_journal_append_seconds", &[]),
                "Time of one append to the journal, of one or more entries",
            ),
            artifacts: board.gauges(("trifold_artifacts", &[]), "Blobs in the artifact store"),
            artifact_bytes: board.gauges(
                ("trifold_artifact_bytes", &[]),
                "Size of the blobs in the artifact store",
            ),
            artifact_limit: board.gauges(
                ("trifold_artifact_limit_bytes", &[]),
                "What the artifact store may hold, where a limit is known",
            ),
            connection: board.gauges(
                ("trifold_connection_events", &["event"]),
                "What happened to the leader's connection to the queue since it was made: `disconnect`, `slow_consumer`, `lame_duck`, `error`",
            ),
            lanes: Bounded::new(MAX_LANES),
        }
    }

    pub fn report(&self, report: &Report) {
        if let Report::Appended {
            position, seconds, ..
        } = report
        {
            set(&self.journal_position, &vec![], *position as f64);
            self.append.get_or_create(&vec![]).observe(*seconds);
        }
    }

    pub fn queue(&mut self, stats: &QueueStats) {
        for lane in &stats.lanes {
            let labels = vec![("lane", self.lanes.label(&lane.lane.name()))];
            set(&self.depth, &labels, lane.waiting as f64);
            set(&self.ack_pending, &labels, lane.leased as f64);
            set(&self.redelivered, &labels, lane.redelivered as f64);
        }
        set(&self.journal_bytes, &vec![], stats.journal.bytes as f64);
        self.connection(&stats.connection);
        if let Some(artifacts) = &stats.artifacts {
            set(&self.artifacts, &vec![], artifacts.blobs as f64);
            set(&self.artifact_bytes, &vec![], artifacts.bytes as f64);
            if let Some(limit) = artifacts.limit_bytes {
                set(&self.artifact_limit, &vec![], limit as f64);
            }
        }
    }

    fn connection(&self, stats: &ConnectionStats) {
        let events = [
            ("disconnect", stats.disconnects),
            ("slow_consumer", stats.slow_consumers),
            ("lame_duck", stats.lame_ducks),
            ("error", stats.errors),
        ];
        for (event, count) in events {
            set(
                &self.connection,
                &vec![("event", event.into())],
                count as f64,
            );
        }
    }
}
