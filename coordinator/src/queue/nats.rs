//! The queue on NATS JetStream.
//!
//! | stream | kind | settings that matter |
//! |---|---|---|
//! | `<P>_SNAPSHOTS`, `<P>_CONTROL`, `<P>_TASKS`, `<P>_RESULTS` | work queue | one message per subject, discard new per subject: a repeated push is refused while the first is queued or leased |
//! | `<P>_PROOFS` | limits | the same guard with purge and delete denied: published once, for ever |
//! | `<P>_STATE` | limits | last message per subject; every write names the sequence it replaces |
//! | `<P>_NOTICES` | limits | last message per subject, old ones dropped |
//! | `<P>_ARTIFACTS` | object store | name = digest |
//!
//! JetStream leases have no fencing: a late holder's `extend` and `done` succeed. A publication that timed out may
//! still be delivered; the message id carries the attempt, so that a wanted repetition is not taken for a duplicate.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_nats::jetstream::consumer::{AckPolicy, DeliverPolicy, PullConsumer, pull};
use async_nats::jetstream::context::{PublishError, PublishErrorKind};
use async_nats::jetstream::message::PublishMessage;
use async_nats::jetstream::object_store::{self, ObjectMetadata, ObjectStore};
use async_nats::jetstream::stream::{
    self, DiscardPolicy, LastRawMessageErrorKind, RetentionPolicy,
};
use async_nats::jetstream::{self, AckKind, Context};
use async_nats::{ConnectOptions, ServerAddr};
use async_trait::async_trait;
use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt};
use tokio::io::AsyncReadExt;
use tokio::sync::Mutex;

use super::{
    Delivery, Item, Lane, Lease, MAX_BODY_BYTES, Pushed, Queue, QueueError, Record, check,
    check_key, check_lane,
};
use crate::artifacts::name_of;
use crate::{ArtifactError, Artifacts, Digest};

/// Most messages of one work stream; more are refused with [`QueueError::Full`].
const MAX_STREAM_ITEMS: i64 = 100_000;
/// Notices older than this are dropped.
const NOTICE_AGE: Duration = Duration::from_secs(7 * 24 * 3600);
/// Most notices kept.
const MAX_NOTICES: i64 = 100_000;
/// Leased messages per consumer; a full house stalls silently, so it is far above what workers hold.
const MAX_ACK_PENDING: i64 = 20_000;
/// Waiting pulls per consumer; JetStream's 512 would refuse a large farm.
const MAX_WAITING: i64 = 10_000;
/// Records read per request of a scan.
const SCAN_BATCH: usize = 500;
/// JetStream: "maximum messages per subject exceeded" and other refusals to store a message.
const STORE_FAILED: u64 = 10077;

/// How to reach the server and what to call our streams.
#[derive(Clone)]
pub struct NatsConfig {
    /// `nats://[user:password@]host[:port]`, or `tls://`.
    pub url: String,
    /// User name and password, when they are not in the URL.
    pub login: Option<(String, String)>,
    /// A credentials file (JWT and seed).
    pub credentials: Option<PathBuf>,
    /// Prefix of the stream names; the subjects use it in lower case.
    pub prefix: String,
    /// Replicas of every stream: 1, or 3 on a cluster.
    pub replicas: usize,
    /// Time after its holder's last sign of life when an item is delivered again.
    pub lease: Duration,
    /// Time after which a request counts as unanswered.
    pub timeout: Duration,
}

impl NatsConfig {
    /// A single server with the usual names and times.
    pub fn new(url: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            login: None,
            credentials: None,
            prefix: "TRIFOLD".into(),
            replicas: 1,
            lease: Duration::from_secs(30),
            timeout: Duration::from_secs(5),
        }
    }
}

/// A connection to JetStream with our streams in place.
pub struct NatsQueue {
    context: Context,
    names: Names,
    lease: Duration,
    timeout: Duration,
    consumers: Mutex<HashMap<Lane, PullConsumer>>,
    artifacts: NatsArtifacts,
}

#[derive(Clone)]
struct Names {
    upper: String,
    lower: String,
}

impl Names {
    fn stream(&self, what: &str) -> String {
        format!("{}_{what}", self.upper)
    }

    fn subject(&self, rest: &str) -> String {
        format!("{}.{rest}", self.lower)
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

fn backend(error: impl std::fmt::Display) -> QueueError {
    QueueError::Backend(error.to_string())
}

impl NatsQueue {
    /// Connects and creates what is missing.
    pub async fn connect(config: &NatsConfig) -> Result<Self, QueueError> {
        check_key(&config.prefix)?;
        let client = connect(config).await?;
        let context = jetstream::context::ContextBuilder::new()
            .timeout(config.timeout)
            .build(client);
        let names = Names {
            upper: config.prefix.to_uppercase(),
            lower: config.prefix.to_lowercase(),
        };
        for stream in streams(&names, config.replicas) {
            context
                .get_or_create_stream(stream)
                .await
                .map_err(backend)?;
        }
        let artifacts = NatsArtifacts {
            store: object_store(&context, &names, config.replicas).await?,
        };
        Ok(Self {
            context,
            names,
            lease: config.lease,
            timeout: config.timeout,
            consumers: Mutex::default(),
            artifacts,
        })
    }

    async fn consumer(&self, lane: &Lane) -> Result<PullConsumer, QueueError> {
        check_lane(lane)?;
        let mut consumers = self.consumers.lock().await;
        if let Some(consumer) = consumers.get(lane) {
            return Ok(consumer.clone());
        }
        let name = lane.name().replace('.', "-");
        let config = pull::Config {
            durable_name: Some(name.clone()),
            filter_subject: self.names.subject(&format!("{lane}.>")),
            ack_policy: AckPolicy::Explicit,
            ack_wait: self.lease,
            max_ack_pending: MAX_ACK_PENDING,
            max_waiting: MAX_WAITING,
            ..Default::default()
        };
        let stream = self.stream(&self.names.lane_stream(lane)).await?;
        let consumer = stream
            .get_or_create_consumer(&name, config)
            .await
            .map_err(backend)?;
        consumers.insert(lane.clone(), consumer.clone());
        Ok(consumer)
    }

    async fn stream(&self, name: &str) -> Result<stream::Stream<()>, QueueError> {
        self.context.get_stream_no_info(name).await.map_err(backend)
    }

    async fn pull_one(&self, lane: &Lane, wait: Duration) -> Result<Option<Delivery>, QueueError> {
        let consumer = self.consumer(lane).await?;
        let pulled = pull_message(&consumer, wait, self.timeout).await;
        if pulled.is_err() {
            // The consumer may be gone with its server: look it up again next time.
            self.consumers.lock().await.remove(lane);
        }
        let Some(message) = pulled? else {
            return Ok(None);
        };
        let prefix = self.names.subject(&format!("{lane}."));
        let key = message
            .subject
            .strip_prefix(prefix.as_str())
            .unwrap_or_default()
            .to_owned();
        let body = message.payload.clone();
        let left = message.info().map_or(0, |info| info.pending as usize);
        let lease = Arc::new(NatsLease(message));
        Ok(Some(Delivery {
            lane: lane.clone(),
            key,
            body,
            lease,
            left,
        }))
    }

    async fn send(&self, subject: String, message: PublishMessage) -> Result<u64, PublishError> {
        let ack = self.context.send_publish(subject, message).await?;
        ack.await.map(|ack| ack.sequence)
    }

    async fn last(&self, stream: &str, subject: &str) -> Result<Option<(u64, Bytes)>, QueueError> {
        let stream = self.stream(stream).await?;
        match stream.get_last_raw_message_by_subject(subject).await {
            Ok(message) => Ok(Some((message.sequence, message.payload))),
            Err(e) if matches!(e.kind(), LastRawMessageErrorKind::NoMessageFound) => Ok(None),
            Err(e) => Err(backend(e)),
        }
    }
}

async fn connect(config: &NatsConfig) -> Result<async_nats::Client, QueueError> {
    let address: ServerAddr = config.url.parse().map_err(|_| {
        // The URL may hold a password: it is not repeated here.
        QueueError::Backend(
            "the NATS URL is not of the form nats://[user:password@]host[:port]".into(),
        )
    })?;
    let mut options = ConnectOptions::new()
        .name("trifold")
        .ping_interval(Duration::from_secs(10))
        .event_callback(|event| async move { tracing::info!(%event, "NATS connection") });
    let in_url = address.username().zip(address.password());
    let in_url = in_url.map(|(user, password)| (user.into(), password.into()));
    if let Some((user, password)) = config.login.clone().or(in_url) {
        options = options.user_and_password(user, password);
    }
    if let Some(path) = &config.credentials {
        let file = options.credentials_file(path).await;
        options =
            file.map_err(|e| QueueError::Backend(format!("credentials {}: {e}", path.display())))?;
    }
    let (host, port) = (address.host().to_owned(), address.port());
    options
        .connect(address)
        .await
        .map_err(|e| QueueError::Backend(format!("NATS at {host}:{port}: {e}")))
}

fn streams(names: &Names, replicas: usize) -> Vec<stream::Config> {
    let base = |what: &str, subjects: &str| stream::Config {
        name: names.stream(what),
        subjects: vec![names.subject(subjects)],
        max_message_size: MAX_BODY_BYTES as i32 + 4096,
        max_messages_per_subject: 1,
        num_replicas: replicas,
        ..Default::default()
    };
    let once = |config: stream::Config| stream::Config {
        discard: DiscardPolicy::New,
        discard_new_per_subject: true,
        ..config
    };
    let work = |what: &str, subjects: &str| stream::Config {
        retention: RetentionPolicy::WorkQueue,
        max_messages: MAX_STREAM_ITEMS,
        ..once(base(what, subjects))
    };
    let proofs = stream::Config {
        deny_delete: true,
        deny_purge: true,
        ..once(base("PROOFS", "proofs.>"))
    };
    let notices = stream::Config {
        max_age: NOTICE_AGE,
        max_messages: MAX_NOTICES,
        ..base("NOTICES", "notices.>")
    };
    vec![
        work("SNAPSHOTS", "snapshots.>"),
        work("CONTROL", "control.>"),
        work("TASKS", "tasks.>"),
        work("RESULTS", "results.>"),
        proofs,
        base("STATE", "state.>"),
        notices,
    ]
}

async fn object_store(
    context: &Context,
    names: &Names,
    replicas: usize,
) -> Result<ObjectStore, QueueError> {
    let bucket = names.stream("ARTIFACTS");
    if let Ok(store) = context.get_object_store(&bucket).await {
        return Ok(store);
    }
    let config = object_store::Config {
        bucket: bucket.clone(),
        num_replicas: replicas,
        ..Default::default()
    };
    match context.create_object_store(config).await {
        Ok(store) => Ok(store),
        // Another process may have been faster.
        Err(error) => context
            .get_object_store(&bucket)
            .await
            .map_err(|_| backend(error)),
    }
}

/// One message: JetStream's own stream of messages would fetch 200 ahead and hold them from other workers.
async fn pull_message(
    consumer: &PullConsumer,
    wait: Duration,
    timeout: Duration,
) -> Result<Option<jetstream::Message>, QueueError> {
    if wait.is_zero() {
        return Ok(fetch(consumer, 1, timeout).await?.pop());
    }
    let batch = consumer.batch().max_messages(1).expires(wait);
    let mut batch = batch.messages().await.map_err(backend)?;
    batch.next().await.transpose().map_err(backend)
}

/// The messages that are there now, at most `count`. The client itself would wait for ever for a server that died in
/// between; what such a server had leased to us comes again when its lease runs out.
async fn fetch(
    consumer: &PullConsumer,
    count: usize,
    timeout: Duration,
) -> Result<Vec<jetstream::Message>, QueueError> {
    let fetched = async {
        let batch = consumer.fetch().max_messages(count).messages().await;
        batch.map_err(backend)?.try_collect().await.map_err(backend)
    };
    let unanswered = |_| QueueError::Backend("the server did not answer a fetch in time".into());
    tokio::time::timeout(timeout, fetched)
        .await
        .map_err(unanswered)?
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
    Duplicate,
    Full,
    Conflict,
    Unknown,
    Other,
}

fn classify(error: &PublishError) -> Refused {
    match (error.kind(), refusal(error)) {
        (PublishErrorKind::TimedOut | PublishErrorKind::BrokenPipe, _) => Refused::Unknown,
        (PublishErrorKind::WrongLastSequence, _) => Refused::Conflict,
        (_, Some((STORE_FAILED, text))) if text.contains("per subject") => Refused::Duplicate,
        (_, Some((STORE_FAILED, text))) if text.contains("maximum messages") => Refused::Full,
        _ => Refused::Other,
    }
}

fn not_stored(key: &str, lane: Option<&Lane>, expected: u64, error: &PublishError) -> QueueError {
    match (classify(error), lane) {
        (Refused::Unknown, _) => QueueError::Unknown(key.into()),
        (Refused::Conflict, _) => QueueError::Conflict {
            key: key.into(),
            expected,
        },
        (Refused::Full, Some(lane)) => QueueError::Full(lane.clone()),
        _ => backend(error),
    }
}

#[async_trait]
impl Queue for NatsQueue {
    async fn push(&self, lane: &Lane, item: &Item) -> Result<Pushed, QueueError> {
        check_lane(lane)?;
        check(&item.key, &item.body)?;
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
                _ => Err(not_stored(&item.key, Some(lane), 0, &error)),
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
                _ => Err(not_stored(key, None, 0, &error)),
            },
        }
    }

    async fn published(&self, key: &str) -> Result<Option<Bytes>, QueueError> {
        check_key(key)?;
        let subject = self.names.subject(&format!("proofs.{key}"));
        let last = self.last(&self.names.stream("PROOFS"), &subject).await?;
        Ok(last.map(|(_, body)| body))
    }

    async fn store(&self, key: &str, body: Bytes, expected: u64) -> Result<u64, QueueError> {
        check(key, &body)?;
        let subject = self.names.subject(&format!("state.{key}"));
        let message = PublishMessage::build()
            .payload(body)
            .expected_last_subject_sequence(expected);
        let sent = self.send(subject, message).await;
        sent.map_err(|error| not_stored(key, None, expected, &error))
    }

    async fn load(&self, key: &str) -> Result<Option<Record>, QueueError> {
        check_key(key)?;
        let subject = self.names.subject(&format!("state.{key}"));
        let last = self.last(&self.names.stream("STATE"), &subject).await?;
        Ok(last.map(|(revision, body)| Record {
            key: key.into(),
            revision,
            body,
        }))
    }

    async fn scan(&self, prefix: &str) -> Result<Vec<Record>, QueueError> {
        check_key(prefix)?;
        let root = self.names.subject("state.");
        let config = pull::Config {
            filter_subject: format!("{root}{prefix}.>"),
            ack_policy: AckPolicy::None,
            deliver_policy: DeliverPolicy::All,
            memory_storage: true,
            inactive_threshold: Duration::from_secs(30),
            ..Default::default()
        };
        let stream = self.stream(&self.names.stream("STATE")).await?;
        let consumer: PullConsumer = stream.create_consumer(config).await.map_err(backend)?;
        let mut records = Vec::new();
        loop {
            let before = records.len();
            for message in fetch(&consumer, SCAN_BATCH, self.timeout).await? {
                let revision = message.info().map_err(backend)?.stream_sequence;
                let key = message
                    .subject
                    .strip_prefix(root.as_str())
                    .unwrap_or_default()
                    .to_owned();
                records.push(Record {
                    key,
                    revision,
                    body: message.payload.clone(),
                });
            }
            if records.len() == before {
                break;
            }
        }
        records.sort_by(|a, b| a.key.cmp(&b.key).then(b.revision.cmp(&a.revision)));
        records.dedup_by(|later, kept| later.key == kept.key);
        Ok(records)
    }

    async fn notify(&self, key: &str, body: Bytes) -> Result<(), QueueError> {
        check(key, &body)?;
        let subject = self.names.subject(&format!("notices.{key}"));
        let sent = self
            .send(subject, PublishMessage::build().payload(body))
            .await;
        sent.map(drop)
            .map_err(|error| not_stored(key, None, 0, &error))
    }

    async fn notice(&self, key: &str) -> Result<Option<Bytes>, QueueError> {
        check_key(key)?;
        let subject = self.names.subject(&format!("notices.{key}"));
        let last = self.last(&self.names.stream("NOTICES"), &subject).await?;
        Ok(last.map(|(_, body)| body))
    }

    fn artifacts(&self) -> &dyn Artifacts {
        &self.artifacts
    }
}

/// Blobs in a JetStream object store, at most [`crate::artifacts::MAX_ARTIFACT_BYTES`] each.
struct NatsArtifacts {
    store: ObjectStore,
}

fn store_error(error: impl std::fmt::Display) -> ArtifactError {
    ArtifactError::Store(error.to_string())
}

#[async_trait]
impl Artifacts for NatsArtifacts {
    async fn put(&self, bytes: Bytes) -> Result<Digest, ArtifactError> {
        let digest = name_of(&bytes)?;
        let kept = self.get_unchecked(&digest, bytes.len()).await;
        if kept.is_ok_and(|kept| kept == bytes) {
            return Ok(digest);
        }
        let metadata = ObjectMetadata {
            name: digest.to_string(),
            ..Default::default()
        };
        self.store
            .put(metadata, &mut bytes.as_ref())
            .await
            .map_err(store_error)?;
        Ok(digest)
    }

    async fn get_unchecked(&self, digest: &Digest, limit: usize) -> Result<Bytes, ArtifactError> {
        let object = match self.store.get(digest.to_string()).await {
            Ok(object) => object,
            Err(e) if e.kind() == object_store::GetErrorKind::NotFound => {
                return Err(ArtifactError::Missing(*digest));
            }
            Err(e) => return Err(store_error(e)),
        };
        if object.info.size > limit {
            return Err(ArtifactError::TooLarge {
                digest: *digest,
                limit,
            });
        }
        let mut bytes = Vec::new();
        object
            .take(limit as u64 + 1)
            .read_to_end(&mut bytes)
            .await
            .map_err(store_error)?;
        Ok(bytes.into())
    }
}
