//! What the server and our streams are like, for `doctor` and for metrics.

use std::time::{Instant, SystemTime};

use async_nats::jetstream::consumer;
use async_nats::jetstream::stream::{self, ClusterInfo};
use bytes::Bytes;
use futures_util::TryStreamExt;
use futures_util::future::try_join_all;

use super::streams::{differences, wanted};
use super::{NatsQueue, backend};
use crate::queue::{
    ArtifactStats, Facts, JournalStats, Lane, LaneStats, NatsFacts, Queue, QueueError, QueueStats,
    StreamFacts,
};

/// The notice by which the clocks are compared.
const CLOCK: &str = "doctor.clock";

impl NatsQueue {
    pub(super) async fn gather_stats(&self) -> Result<QueueStats, QueueError> {
        let journal = self.journal_state().await?;
        let artifacts = self.stream_info("ARTIFACTS").await?;
        let limit = u64::try_from(artifacts.config.max_bytes).ok();
        Ok(QueueStats {
            lanes: self.lane_stats().await?,
            journal: JournalStats {
                position: journal.last_sequence,
                entries: journal.messages,
                bytes: journal.bytes,
            },
            artifacts: Some(ArtifactStats {
                blobs: artifacts.state.messages,
                bytes: artifacts.state.bytes,
                limit_bytes: limit.filter(|limit| *limit > 0),
            }),
            connection: self.events.stats(),
        })
    }

    async fn stream_info(&self, what: &str) -> Result<stream::Info, QueueError> {
        let stream = self.stream(&self.names.stream(what)).await?;
        stream.get_info().await.map_err(backend)
    }

    async fn lane_stats(&self) -> Result<Vec<LaneStats>, QueueError> {
        let mut lanes = Vec::new();
        for lane in [Lane::Snapshots, Lane::Control, Lane::Results] {
            let infos = self.consumers_of(&self.names.lane_stream(&lane)).await?;
            let sum = |number: fn(&consumer::Info) -> u64| infos.iter().map(number).sum();
            lanes.push(LaneStats {
                waiting: sum(|info| info.num_pending),
                leased: sum(|info| info.num_ack_pending as u64),
                redelivered: sum(|info| info.num_redelivered as u64),
                lane,
            });
        }
        for info in self.consumers_of(&self.names.stream("TASKS")).await? {
            let Some(lane) = info.name.strip_prefix("tasks-") else {
                continue;
            };
            lanes.push(LaneStats {
                lane: Lane::Tasks(lane.into()),
                waiting: info.num_pending,
                leased: info.num_ack_pending as u64,
                redelivered: info.num_redelivered as u64,
            });
        }
        Ok(lanes)
    }

    async fn consumers_of(&self, stream: &str) -> Result<Vec<consumer::Info>, QueueError> {
        let stream = self.stream(stream).await?;
        stream.consumers().try_collect().await.map_err(backend)
    }

    pub(super) async fn gather_facts(&self) -> Result<Facts, QueueError> {
        let started = Instant::now();
        let account = self.context.query_account().await.map_err(backend)?;
        let round_trip = started.elapsed();
        let server = self.client.server_info();
        let wanted = wanted(&self.names, self.replicas, &self.limits);
        let streams = try_join_all(wanted.iter().map(|wanted| async {
            let stream = self.stream(&wanted.name).await?;
            let info = stream.get_info().await.map_err(backend)?;
            Ok::<_, QueueError>(stream_facts(wanted, info))
        }));
        let (streams, clock_ahead_ms) = tokio::try_join!(streams, self.clock_ahead_ms())?;
        Ok(Facts::Nats(NatsFacts {
            server_version: server.version,
            cluster: server.cluster,
            max_payload_bytes: server.max_payload as u64,
            encrypted: self.encrypted || server.tls_required,
            storage_bytes: account.storage,
            reserved_bytes: account.reserved_storage,
            storage_limit_bytes: account
                .limits
                .max_storage
                .and_then(|n| u64::try_from(n).ok()),
            round_trip,
            clock_ahead_ms,
            streams,
        }))
    }

    /// By how much our clock is ahead of the server's, half a round trip uncertain.
    async fn clock_ahead_ms(&self) -> Result<Option<i64>, QueueError> {
        let now = || SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        let Ok(before) = now() else {
            return Ok(None);
        };
        let started = Instant::now();
        self.notify(CLOCK, Bytes::new()).await?;
        let ours = before + started.elapsed() / 2;
        let subject = self.names.subject(&format!("notices.{CLOCK}"));
        let stream = self.stream(&self.names.stream("NOTICES")).await?;
        let stored = stream.direct_get_last_for_subject(subject).await;
        let theirs = stored.map_err(backend)?.time.unix_timestamp_nanos();
        let ahead = ours.as_nanos() as i128 - theirs;
        Ok(i64::try_from(ahead / 1_000_000).ok())
    }
}

fn stream_facts(wanted: &stream::Config, info: stream::Info) -> StreamFacts {
    let limit = |n: i64| u64::try_from(n).ok().filter(|n| *n > 0);
    let behind = |cluster: &ClusterInfo| {
        let peers = cluster.replicas.iter();
        peers.filter(|peer| peer.offline || !peer.current).count()
    };
    StreamFacts {
        name: info.config.name.clone(),
        replicas: info.config.num_replicas,
        behind: info.cluster.as_ref().map_or(0, behind),
        messages: info.state.messages,
        messages_limit: limit(info.config.max_messages),
        bytes: info.state.bytes,
        bytes_limit: limit(info.config.max_bytes),
        differences: differences(wanted, &info.config),
    }
}
