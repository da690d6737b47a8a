//! The queue on NATS JetStream.
//!
//! | stream | kind | settings that matter |
//! |---|---|---|
//! | `<P>_SNAPSHOTS`, `<P>_CONTROL`, `<P>_TASKS`, `<P>_RESULTS` | work queue | one message per subject, discard new per subject: a repeated push is refused while the first is queued or leased |
//! | `<P>_PROOFS` | limits | the same guard with purge and delete denied: published once, for ever |
//! | `<P>_JOURNAL` | limits | one subject; every append names the sequence of the entry before it |
//! | `<P>_NOTICES` | limits | last message per subject, old ones dropped |
//! | `<P>_ARTIFACTS` | limits | last message per subject: one piece of a blob |
//! | `<P>_ADVISORIES` | limits | which tasks JetStream gave up to deliver |
//!
//! JetStream leases have no fencing: a late holder's `extend` and `done` succeed. A publication that timed out may
//! still be delivered; the message id carries the attempt, so that a wanted repetition is not taken for a duplicate.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_nats::Client;
use async_nats::StatusCode;
use async_nats::jetstream::consumer::{Consumer, FromConsumer, PullConsumer, pull};
use async_nats::jetstream::context::{ConsumerInfoErrorKind, PublishError, PublishErrorKind};
use async_nats::jetstream::message::PublishMessage;
use async_nats::jetstream::stream::{self, DirectGetErrorKind, LastRawMessageErrorKind};
use async_nats::jetstream::{self, AckKind, Context};
use async_trait::async_trait;
use bytes::Bytes;
use tokio::sync::Mutex;

use self::artifacts::NatsArtifacts;
use self::fetch::{Reading, each, pull_messages};
use super::{
    Delivery, Facts, Item, JournalEntry, Lane, Lease, Pushed, Queue, QueueError, QueueStats, check,
    check_key, check_lane,
};
use crate::Artifacts;

mod artifacts;
mod config;
mod connect;
mod facts;
mod fetch;
mod journal;
mod rights;
mod server;
mod streams;
mod undeliverable;

pub use config::{Limits, NatsConfig, Role, Tls};
pub(crate) use connect::{Events, connect};
pub use rights::{Party, Rights, inbox};
pub use server::{Member, Server, TlsFiles, User};

/// A lane that the coordinator has not opened yet is looked for again after this time.
const LANE_PAUSE: Duration = Duration::from_secs(1);
/// What every coordinator leaves: where nobody answers for it, none has started.
const LEADER: &str = "leader";
/// JetStream marks what it hands out of a stream with this header. An item with it was pushed by nobody: somebody had the
/// server send it, by asking for a message of a stream and naming a lane as the place for the answer.
const FORWARDED: &str = "Nats-Stream";
/// JetStream: "maximum messages per subject exceeded" and other refusals to store a message.
const STORE_FAILED: u64 = 10077;
/// JetStream: "wrong last sequence" of a message that is not committed yet.
const WRONG_LAST_SEQUENCE: u64 = 10164;

/// A connection to JetStream with our streams in place.
pub struct NatsQueue {
    client: Client,
    context: Context,
    names: Names,
    role: Role,
    replicas: usize,
    limits: Limits,
    lease: Duration,
    timeout: Duration,
    encrypted: bool,
    events: Arc<Events>,
    lanes: Mutex<HashMap<Lane, Known>>,
    artifacts: NatsArtifacts,
}

/// What is known of a lane's consumer.
#[derive(Clone)]
enum Known {
    There(Arc<PullConsumer>),
    MissingAt(Instant),
}

/// Names of streams and subjects under the prefix.
#[derive(Clone)]
pub(crate) struct Names {
    upper: String,
    lower: String,
}

impl Names {
    pub fn new(prefix: &str) -> Self {
        Self {
            upper: prefix.to_uppercase(),
            lower: prefix.to_lowercase(),
        }
    }

    fn stream(&self, what: &str) -> String {
        format!("{}_{what}", self.upper)
    }

    pub fn subject(&self, rest: &str) -> String {
        format!("{}.{rest}", self.lower)
    }

    /// What of a subject comes after the prefix; nothing if it is another's.
    pub fn strip<'a>(&self, subject: &'a str) -> &'a str {
        let rest = subject.strip_prefix(&self.lower);
        rest.and_then(|rest| rest.strip_prefix('.'))
            .unwrap_or_default()
    }

    fn lane_stream(&self, lane: &Lane) -> String {
        self.stream(match lane {
            Lane::Snapshots => "SNAPSHOTS",
            Lane::Control => "CONTROL",
            Lane::Results => "RESULTS",
            Lane::Tasks(_) => "TASKS",
        })
    }
}

pub(crate) fn backend(error: impl std::fmt::Display) -> QueueError {
    QueueError::Backend(error.to_string())
}

impl NatsQueue {
    /// Connects. A coordinator creates the streams and consumers that are missing and changes those that differ from
    /// what they should be; anybody else finds that a coordinator did.
    pub async fn connect(config: &NatsConfig) -> Result<Self, QueueError> {
        check_key(&config.prefix)?;
        let events = Arc::new(Events::default());
        let client = connect(config, events.clone()).await?;
        let context = jetstream::context::ContextBuilder::new()
            .timeout(config.timeout)
            .build(client.clone());
        let names = Names::new(&config.prefix);
        let artifacts = NatsArtifacts {
            context: context.clone(),
            names: names.clone(),
            role: config.role,
            timeout: config.timeout,
        };
        let queue = Self {
            client,
            context,
            names,
            role: config.role,
            replicas: config.replicas,
            limits: config.limits,
            lease: config.lease,
            timeout: config.timeout,
            encrypted: config.tls.is_some(),
            events,
            lanes: Mutex::default(),
            artifacts,
        };
        match config.role {
            Role::Coordinator => queue.prepare().await?,
            Role::Member => queue.look().await?,
        }
        Ok(queue)
    }

    /// Puts the streams and the coordinator's consumers in place.
    async fn prepare(&self) -> Result<(), QueueError> {
        for stream in streams::wanted(&self.names, self.replicas, &self.limits) {
            streams::ensure(&self.context, stream).await?;
        }
        for lane in [Lane::Snapshots, Lane::Control, Lane::Results] {
            self.consumer(&lane).await?;
        }
        let advisories = self.stream(&self.names.stream("ADVISORIES")).await?;
        let reader = advisories.create_consumer(undeliverable::reader()).await;
        reader.map(drop).map_err(backend)
    }

    /// Whether the streams are there.
    async fn look(&self) -> Result<(), QueueError> {
        let stream = self.stream(&self.names.stream("NOTICES")).await?;
        let subject = self.names.subject(&format!("notices.{LEADER}"));
        match stream.direct_get_last_for_subject(subject).await {
            Ok(_) => Ok(()),
            Err(e) if e.kind() == DirectGetErrorKind::NotFound => Ok(()),
            Err(e) if no_responders(&e.kind()) => {
                Err(QueueError::NoCoordinator(self.names.upper.clone()))
            }
            Err(e) => Err(backend(e)),
        }
    }

    /// The consumer of a lane; `None` if we may not create it and nobody did so far.
    async fn consumer(&self, lane: &Lane) -> Result<Option<Arc<PullConsumer>>, QueueError> {
        check_lane(lane)?;
        let mut lanes = self.lanes.lock().await;
        match lanes.get(lane) {
            Some(Known::There(consumer)) => return Ok(Some(consumer.clone())),
            Some(Known::MissingAt(when)) if when.elapsed() < LANE_PAUSE => return Ok(None),
            _ => {}
        }
        let found = match self.role {
            Role::Coordinator => Some(self.create_consumer(lane).await?),
            Role::Member => self.find_consumer(lane).await?,
        };
        let found = found.map(Arc::new);
        let known = match &found {
            Some(consumer) => Known::There(consumer.clone()),
            None => Known::MissingAt(Instant::now()),
        };
        lanes.insert(lane.clone(), known);
        Ok(found)
    }

    async fn create_consumer(&self, lane: &Lane) -> Result<PullConsumer, QueueError> {
        let config = streams::consumer(&self.names, lane, self.lease);
        let stream = self.stream(&self.names.lane_stream(lane)).await?;
        stream.create_consumer(config).await.map_err(backend)
    }

    async fn find_consumer(&self, lane: &Lane) -> Result<Option<PullConsumer>, QueueError> {
        let stream = self.stream(&self.names.lane_stream(lane)).await?;
        let name = streams::consumer_name(lane);
        let info = match stream.consumer_info(&name).await {
            Ok(info) => info,
            Err(e) if matches!(&e.kind(), ConsumerInfoErrorKind::NotFound) => return Ok(None),
            Err(e) => return Err(backend(e)),
        };
        let config = pull::Config::try_from_consumer_config(info.config.clone());
        let config = config.map_err(backend)?;
        Ok(Some(Consumer::new(config, info, self.context.clone())))
    }

    async fn stream(&self, name: &str) -> Result<stream::Stream<()>, QueueError> {
        self.context.get_stream_no_info(name).await.map_err(backend)
    }

    async fn pull_one(&self, lane: &Lane, wait: Duration) -> Result<Option<Delivery>, QueueError> {
        Ok(self.pull_some(lane, 1, wait).await?.pop())
    }

    async fn pull_some(
        &self,
        lane: &Lane,
        count: usize,
        wait: Duration,
    ) -> Result<Vec<Delivery>, QueueError> {
        let deadline = Instant::now() + wait;
        let left = || deadline.saturating_duration_since(Instant::now());
        let consumer = loop {
            match self.consumer(lane).await? {
                Some(consumer) => break consumer,
                None if left().is_zero() => return Ok(Vec::new()),
                None => tokio::time::sleep(left().min(LANE_PAUSE)).await,
            }
        };
        let pulled = pull_messages(&consumer, count, left(), self.timeout).await;
        if pulled.is_err() {
            // The consumer may be gone with its server: look it up again next time.
            self.lanes.lock().await.remove(lane);
        }
        let (forwarded, messages): (Vec<_>, Vec<_>) = pulled?.into_iter().partition(is_forwarded);
        for message in forwarded {
            tracing::warn!(subject = %message.subject, "an item that nobody pushed is dropped");
            if let Err(error) = message.double_ack().await {
                tracing::warn!(error, "it will come again");
            }
        }
        let delivery = |message| self.delivery(lane, message);
        Ok(messages.into_iter().map(delivery).collect())
    }

    fn delivery(&self, lane: &Lane, message: jetstream::Message) -> Delivery {
        let prefix = self.names.subject(&format!("{lane}."));
        let key = message.subject.strip_prefix(prefix.as_str());
        Delivery {
            lane: lane.clone(),
            key: key.unwrap_or_default().to_owned(),
            body: message.payload.clone(),
            left: message.info().map_or(0, |info| info.pending as usize),
            lease: Arc::new(NatsLease(message)),
        }
    }

    async fn send(&self, subject: String, message: PublishMessage) -> Result<u64, PublishError> {
        let ack = self.context.send_publish(subject, message).await?;
        ack.await.map(|ack| ack.sequence)
    }

    /// The last message of a subject, from any replica.
    async fn direct(&self, stream: &str, subject: &str) -> Result<Option<Bytes>, QueueError> {
        let stream = self.stream(&self.names.stream(stream)).await?;
        match stream.direct_get_last_for_subject(subject).await {
            Ok(message) => Ok(Some(message.payload)),
            Err(e) if e.kind() == DirectGetErrorKind::NotFound => Ok(None),
            Err(e) => Err(backend(e)),
        }
    }

    /// The last message of a subject, from the stream's leader.
    async fn last(&self, stream: &str, subject: &str) -> Result<Option<Bytes>, QueueError> {
        let stream = self.stream(&self.names.stream(stream)).await?;
        match stream.get_last_raw_message_by_subject(subject).await {
            Ok(message) => Ok(Some(message.payload)),
            Err(e) if matches!(e.kind(), LastRawMessageErrorKind::NoMessageFound) => Ok(None),
            Err(e) => Err(backend(e)),
        }
    }
}

fn is_forwarded(message: &jetstream::Message) -> bool {
    let headers = message.headers.as_ref();
    headers.is_some_and(|headers| headers.get(FORWARDED).is_some())
}

/// Nobody listens where a stream would: it does not exist, or has no leader just now.
fn no_responders(kind: &DirectGetErrorKind) -> bool {
    matches!(
        kind,
        DirectGetErrorKind::ErrorResponse(StatusCode::NO_RESPONDERS, _)
    )
}

struct NatsLease(jetstream::Message);

#[async_trait]
impl Lease for NatsLease {
    async fn extend(&self) -> Result<(), QueueError> {
        self.0.ack_with(AckKind::Progress).await.map_err(backend)
    }

    async fn done(&self) -> Result<(), QueueError> {
        self.0.double_ack().await.map_err(backend)
    }

    async fn let_go(&self) -> Result<(), QueueError> {
        self.0.ack().await.map_err(backend)
    }

    async fn give_back(&self, delay: Duration) -> Result<(), QueueError> {
        // A refusal without a delay is delivered again at once, and so on.
        let delay = delay.max(Duration::from_millis(1));
        self.0
            .ack_with(AckKind::Nak(Some(delay)))
            .await
            .map_err(backend)
    }
}

/// The error code and text in which JetStream says why it did not store a message.
fn refusal(error: &PublishError) -> Option<(u64, String)> {
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        if let Some(refused) = cause.downcast_ref::<jetstream::Error>() {
            return Some((refused.error_code().0, refused.to_string()));
        }
        source = cause.source();
    }
    None
}

enum Refused {
    Absent,
    Duplicate,
    Full,
    Conflict,
    Unknown,
    Other,
}

fn classify(error: &PublishError) -> Refused {
    match (error.kind(), refusal(error)) {
        (PublishErrorKind::TimedOut | PublishErrorKind::BrokenPipe, _) => Refused::Unknown,
        (PublishErrorKind::StreamNotFound, _) => Refused::Absent,
        (PublishErrorKind::WrongLastSequence, _) => Refused::Conflict,
        (_, Some((WRONG_LAST_SEQUENCE, _))) => Refused::Conflict,
        (_, Some((STORE_FAILED, text))) if text.contains("per subject") => Refused::Duplicate,
        (_, Some((STORE_FAILED, text))) if text.contains("maximum") => Refused::Full,
        _ => Refused::Other,
    }
}

fn not_stored(place: &str, key: &str, error: &PublishError) -> QueueError {
    match classify(error) {
        Refused::Unknown => QueueError::Unknown(key.into()),
        Refused::Full => QueueError::Full(place.into()),
        _ => backend(error),
    }
}

#[async_trait]
impl Queue for NatsQueue {
    async fn push(&self, lane: &Lane, item: &Item) -> Result<Pushed, QueueError> {
        check_lane(lane)?;
        check(&item.key, &item.body)?;
        if self.role == Role::Coordinator {
            // Whoever may only pull cannot make the consumer of the lane.
            self.consumer(lane).await?;
        }
        let subject = self.names.subject(&format!("{lane}.{}", item.key));
        let id = format!("{lane}.{}/{}", item.key, item.attempt);
        let message = PublishMessage::build()
            .payload(item.body.clone())
            .message_id(id);
        let ack = match self.context.send_publish(subject, message).await {
            Ok(ack) => ack.await,
            Err(error) => Err(error),
        };
        match ack {
            Ok(ack) if ack.duplicate => Ok(Pushed::Duplicate),
            Ok(_) => Ok(Pushed::New),
            Err(error) => match classify(&error) {
                Refused::Duplicate => Ok(Pushed::Duplicate),
                _ => Err(not_stored(&lane.name(), &item.key, &error)),
            },
        }
    }

    async fn pull(&self, lanes: &[Lane], wait: Duration) -> Result<Option<Delivery>, QueueError> {
        const FIRST_PAUSE: Duration = Duration::from_millis(10);
        const LONGEST_PAUSE: Duration = Duration::from_millis(200);
        if let [lane] = lanes {
            return self.pull_one(lane, wait).await;
        }
        // Waiting on several lanes at once could lease a message of each.
        let deadline = Instant::now() + wait;
        let mut pause = FIRST_PAUSE;
        loop {
            for lane in lanes {
                if let Some(delivery) = self.pull_one(lane, Duration::ZERO).await? {
                    return Ok(Some(delivery));
                }
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(None);
            }
            tokio::time::sleep(pause.min(left)).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    async fn pull_many(
        &self,
        lane: &Lane,
        count: usize,
        wait: Duration,
    ) -> Result<Vec<Delivery>, QueueError> {
        self.pull_some(lane, count, wait).await
    }

    async fn cancel(&self, lane: &Lane, key: &str) -> Result<(), QueueError> {
        check_lane(lane)?;
        check_key(key)?;
        let subject = self.names.subject(&format!("{lane}.{key}"));
        let stream = self.stream(&self.names.lane_stream(lane)).await?;
        stream.purge().filter(subject).await.map_err(backend)?;
        Ok(())
    }

    async fn publish(&self, key: &str, body: Bytes) -> Result<Pushed, QueueError> {
        check(key, &body)?;
        let subject = self.names.subject(&format!("proofs.{key}"));
        match self
            .send(subject, PublishMessage::build().payload(body))
            .await
        {
            Ok(_) => Ok(Pushed::New),
            Err(error) => match classify(&error) {
                Refused::Duplicate => Ok(Pushed::Duplicate),
                _ => Err(not_stored("the stream of proofs", key, &error)),
            },
        }
    }

    async fn published(&self, key: &str) -> Result<Option<Bytes>, QueueError> {
        check_key(key)?;
        let subject = self.names.subject(&format!("proofs.{key}"));
        let found = self.direct("PROOFS", &subject).await?;
        if found.is_some() || self.role == Role::Member {
            return Ok(found);
        }
        // A replica may lag behind; the stream's leader does not.
        self.last("PROOFS", &subject).await
    }

    async fn append(&self, body: Bytes, after: u64) -> Result<u64, QueueError> {
        self.append_entry(body, after).await
    }

    async fn read(&self, from: u64, limit: usize) -> Result<Vec<JournalEntry>, QueueError> {
        self.read_entries(from, limit).await
    }

    async fn end(&self) -> Result<u64, QueueError> {
        Ok(self.journal_state().await?.last_sequence)
    }

    async fn shorten(&self, before: u64) -> Result<(), QueueError> {
        self.shorten_journal(before).await
    }

    async fn notify(&self, key: &str, body: Bytes) -> Result<(), QueueError> {
        check(key, &body)?;
        let subject = self.names.subject(&format!("notices.{key}"));
        let sent = self
            .send(subject, PublishMessage::build().payload(body))
            .await;
        sent.map(drop)
            .map_err(|error| not_stored("the stream of notices", key, &error))
    }

    async fn notice(&self, key: &str) -> Result<Option<Bytes>, QueueError> {
        check_key(key)?;
        let subject = self.names.subject(&format!("notices.{key}"));
        self.direct("NOTICES", &subject).await
    }

    async fn notices(&self, prefix: &str) -> Result<Vec<(String, Bytes)>, QueueError> {
        check_key(prefix)?;
        let root = self.names.subject("notices.");
        let reading = Reading {
            subject: format!("{root}{prefix}.>"),
            from: 1,
            headers_only: false,
        };
        let stream = self.stream(&self.names.stream("NOTICES")).await?;
        let mut notices = BTreeMap::new();
        each(&stream, reading, self.timeout, |message| {
            if let Some(key) = message.subject.strip_prefix(root.as_str()) {
                notices.insert(key.to_owned(), message.payload.clone());
            }
            Ok(true)
        })
        .await?;
        Ok(notices.into_iter().collect())
    }

    async fn undeliverable(&self) -> Result<Vec<(Lane, String)>, QueueError> {
        self.take_undeliverable().await
    }

    async fn stats(&self) -> Result<QueueStats, QueueError> {
        self.gather_stats().await
    }

    async fn facts(&self) -> Result<Facts, QueueError> {
        self.gather_facts().await
    }

    fn artifacts(&self) -> &dyn Artifacts {
        &self.artifacts
    }
}
