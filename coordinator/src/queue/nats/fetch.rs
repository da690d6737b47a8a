//! Reading messages of a stream: from a lane, those that are there; from a stream that stays, all of a subject.

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

/// Messages that are there, at most `count`, or the first that comes: JetStream's own stream of messages would fetch ahead and
/// hold them from other workers. Whatever goes wrong, this takes some time, so that a caller who asks again and again does
/// no harm.
pub async fn pull_messages(
    consumer: &PullConsumer,
    count: usize,
    wait: Duration,
    timeout: Duration,
) -> Result<Vec<Message>, QueueError> {
    let started = Instant::now();
    let pulled = pull_at_once(consumer, count, wait, timeout).await;
    let early = wait.saturating_sub(started.elapsed());
    match &pulled {
        Ok(messages) if !messages.is_empty() => {}
        Ok(_) => tokio::time::sleep(early.min(REFUSED_PAUSE)).await,
        Err(_) => tokio::time::sleep(REFUSED_PAUSE).await,
    }
    pulled
}

/// A request for many that waits would stay open for more after the first, and what comes for it later be nobody's.
async fn pull_at_once(
    consumer: &PullConsumer,
    count: usize,
    wait: Duration,
    timeout: Duration,
) -> Result<Vec<Message>, QueueError> {
    if wait.is_zero() || count > 1 {
        let fetched = fetch(consumer, count, timeout).await?;
        if wait.is_zero() || !fetched.is_empty() {
            return Ok(fetched);
        }
    }
    let pulled = async {
        let batch = consumer.batch().max_messages(1).expires(wait);
        let mut batch = batch.messages().await.map_err(backend)?;
        batch.next().await.transpose().map_err(backend)
    };
    let unanswered = |_| QueueError::Backend("the server did not answer a pull in time".into());
    let pulled = tokio::time::timeout(wait + timeout, pulled).await;
    Ok(pulled.map_err(unanswered)??.into_iter().collect())
}

/// The messages that are there now, at most `count`. The client itself would wait for ever for a server that died in
/// between; what such a server had leased to us comes again when its lease runs out. What came before something went wrong
/// is given all the same.
pub async fn fetch(
    consumer: &PullConsumer,
    count: usize,
    timeout: Duration,
) -> Result<Vec<Message>, QueueError> {
    let mut fetched = Vec::new();
    let fetching = async {
        let batch = consumer.fetch().max_messages(count).messages().await;
        let mut batch = batch.map_err(backend)?;
        while let Some(message) = batch.try_next().await.map_err(backend)? {
            fetched.push(message);
        }
        Ok(())
    };
    let ended = match tokio::time::timeout(timeout, fetching).await {
        Ok(ended) => ended,
        Err(_) => Err(QueueError::Backend(
            "the server did not answer a fetch in time".into(),
        )),
    };
    match ended {
        Err(error) if fetched.is_empty() => Err(error),
        _ => Ok(fetched),
    }
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
