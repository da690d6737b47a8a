//! Tasks that JetStream delivered too often: they stay in their stream, invisible, and an advisory tells of each.

use async_nats::jetstream::Message;
use async_nats::jetstream::consumer::{AckPolicy, PullConsumer, pull};
use async_nats::jetstream::stream::{RawMessageErrorKind, Stream};
use serde::Deserialize;

use super::fetch::fetch;
use super::{NatsQueue, backend};
use crate::queue::{Lane, QueueError};

/// Advisories read at a time.
const BATCH: usize = 100;
const READER: &str = "coordinator";

/// What we need of an advisory.
#[derive(Deserialize)]
struct Advisory {
    stream_seq: u64,
}

/// The consumer that remembers which advisories were heeded.
pub fn reader() -> pull::Config {
    pull::Config {
        durable_name: Some(READER.into()),
        ack_policy: AckPolicy::Explicit,
        ..Default::default()
    }
}

impl NatsQueue {
    pub(super) async fn take_undeliverable(&self) -> Result<Vec<(Lane, String)>, QueueError> {
        let advisories = self.stream(&self.names.stream("ADVISORIES")).await?;
        let tasks = self.stream(&self.names.stream("TASKS")).await?;
        let consumer: PullConsumer = advisories.get_consumer(READER).await.map_err(backend)?;
        let mut found = Vec::new();
        for message in fetch(&consumer, BATCH, self.timeout).await? {
            found.extend(self.take_one(&tasks, &message).await?);
            message.ack().await.map_err(backend)?;
        }
        Ok(found)
    }

    /// The task that the advisory is about leaves its stream, so that its key is free again.
    async fn take_one(
        &self,
        tasks: &Stream<()>,
        advisory: &Message,
    ) -> Result<Option<(Lane, String)>, QueueError> {
        let Ok(Advisory { stream_seq }) = serde_json::from_slice(&advisory.payload) else {
            tracing::warn!(subject = %advisory.subject, "an advisory that cannot be read");
            return Ok(None);
        };
        let task = match tasks.get_raw_message(stream_seq).await {
            Ok(task) => task,
            Err(e) if matches!(e.kind(), RawMessageErrorKind::NoMessageFound) => return Ok(None),
            Err(e) => return Err(backend(e)),
        };
        tasks.delete_message(stream_seq).await.map_err(backend)?;
        let root = self.names.subject("tasks.");
        let name = task.subject.strip_prefix(root.as_str());
        let parts = name.and_then(|name| name.split_once('.'));
        Ok(parts.map(|(lane, key)| (Lane::Tasks(lane.into()), key.into())))
    }
}
