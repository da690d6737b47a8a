//! Reading messages of a stream: from a lane, one at a time; from a stream that stays, all of a subject.

use std::time::{Duration, Instant};

use async_nats::jetstream::consumer::{AckPolicy, DeliverPolicy, PullConsumer, pull};
use async_nats::jetstream::{Message, stream};
use futures_util::{StreamExt, TryStreamExt};

use super::backend;
use crate::queue::QueueError;

/// Messages per request when many are read.
const BATCH: usize = 500;
/// A reader that was left behind is removed by the server after this time.
const READER_AGE: Duration = Duration::from_secs(30);

/// Least time of a pull that was refused: too many wait, the consumer or its server is gone.
const REFUSED_PAUSE: Duration = Duration::from_millis(200);
/// Pause before another reader is made.
const PAUSE: Duration = Duration::from_millis(20);

/// One message: JetStream's own stream of messages would fetch 200 ahead and hold them from other workers. Whatever goes
/// wrong, this takes some time, so that a caller who asks again and again does no harm.
pub async fn pull_message(
    consumer: &PullConsumer,
    wait: Duration,
    timeout: Duration,
) -> Result<Option<Message>, QueueError> {
    let started = Instant::now();
    let pulled = pull_at_once(consumer, wait, timeout).await;
    let early = wait.saturating_sub(started.elapsed());
    match &pulled {
        Ok(Some(_)) => {}
        Ok(None) => tokio::time::sleep(early.min(REFUSED_PAUSE)).await,
        Err(_) => tokio::time::sleep(REFUSED_PAUSE).await,
    }
    pulled
}

async fn pull_at_once(
    consumer: &PullConsumer,
    wait: Duration,
    timeout: Duration,
) -> Result<Option<Message>, QueueError> {
    if wait.is_zero() {
        return Ok(fetch(consumer, 1, timeout).await?.pop());
    }
    let pulled = async {
        let batch = consumer.batch().max_messages(1).expires(wait);
        let mut batch = batch.messages().await.map_err(backend)?;
        batch.next().await.transpose().map_err(backend)
    };
    let unanswered = |_| QueueError::Backend("the server did not answer a pull in time".into());
    tokio::time::timeout(wait + timeout, pulled)
        .await
        .map_err(unanswered)?
}

/// The messages that are there now, at most `count`. The client itself would wait for ever for a server that died in
/// between; what such a server had leased to us comes again when its lease runs out.
pub async fn fetch(
    consumer: &PullConsumer,
    count: usize,
    timeout: Duration,
) -> Result<Vec<Message>, QueueError> {
    let fetched = async {
        let batch = consumer.fetch().max_messages(count).messages().await;
        batch.map_err(backend)?.try_collect().await.map_err(backend)
    };
    let unanswered = |_| QueueError::Backend("the server did not answer a fetch in time".into());
    tokio::time::timeout(timeout, fetched)
        .await
        .map_err(unanswered)?
}

/// What to read of a stream that stays.
pub struct Reading {
    pub subject: String,
    /// First sequence to read.
    pub from: u64,
    /// Sizes and times without the bodies.
    pub headers_only: bool,
}

async fn reader(
    stream: &stream::Stream<()>,
    reading: &Reading,
) -> Result<PullConsumer, QueueError> {
    let config = pull::Config {
        filter_subject: reading.subject.clone(),
        ack_policy: AckPolicy::None,
        deliver_policy: DeliverPolicy::ByStartSequence {
            start_sequence: reading.from.max(1),
        },
        headers_only: reading.headers_only,
        memory_storage: true,
        num_replicas: 1,
        inactive_threshold: READER_AGE,
        ..Default::default()
    };
    stream.create_consumer(config).await.map_err(backend)
}

/// Every message that is there now, in order, each given to `take`, which says whether it wants another. In a cluster a
/// new reader may not be reachable yet, or go down with its server: another one goes on behind the last message.
pub async fn each(
    stream: &stream::Stream<()>,
    mut reading: Reading,
    timeout: Duration,
    mut take: impl FnMut(Message) -> Result<bool, QueueError>,
) -> Result<(), QueueError> {
    let started = Instant::now();
    loop {
        match each_of_reader(stream, &mut reading, timeout, &mut take).await {
            Err(error) if started.elapsed() < timeout => {
                tracing::debug!(%error, "another reader is made");
                tokio::time::sleep(PAUSE).await;
            }
            read => return read,
        }
    }
}

async fn each_of_reader(
    stream: &stream::Stream<()>,
    reading: &mut Reading,
    timeout: Duration,
    take: &mut impl FnMut(Message) -> Result<bool, QueueError>,
) -> Result<(), QueueError> {
    let consumer = reader(stream, reading).await?;
    let mut left = consumer.cached_info().num_pending as usize;
    'reading: while left > 0 {
        let messages = fetch(&consumer, left.min(BATCH), timeout).await?;
        if messages.is_empty() {
            break;
        }
        for message in messages {
            left = left.saturating_sub(1);
            reading.from = message.info().map_err(backend)?.stream_sequence + 1;
            if !take(message)? {
                break 'reading;
            }
        }
    }
    let name = &consumer.cached_info().name;
    if let Err(error) = stream.delete_consumer(name).await {
        tracing::debug!(%error, "a reader is left to the server, which removes it");
    }
    Ok(())
}
