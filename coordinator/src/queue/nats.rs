//! The queue on NATS JetStream.
//!
//! | stream | kind | settings that matter |
//! |---|---|---|
//! | `<P>_SNAPSHOTS`, `<P>_CONTROL`, `<P>_TASKS`, `<P>_RESULTS` | work queue | one message per subject, discard new per subject: a repeated push is refused while the first is queued or leased |
//! | `<P>_PROOFS` | limits | the same guard with purge and delete denied: published once, for ever |
//! | `<P>_STATE` | limits | last message per subject; every write names the sequence it replaces |
//! | `<P>_JOURNAL` | limits | one subject; every append names the sequence of the entry before it |
//! | `<P>_NOTICES` | limits | last message per subject, old ones dropped |
//! | `<P>_ARTIFACTS` | limits | last message per subject: one piece of a blob |
//!
//! JetStream leases have no fencing: a late holder's `extend` and `done` succeed. A publication that timed out may
//! still be delivered; the message id carries the attempt, so that a wanted repetition is not taken for a duplicate.

use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_nats::jetstream::consumer::{AckPolicy, PullConsumer, pull};
use async_nats::jetstream::context::{PublishError, PublishErrorKind};
use async_nats::jetstream::message::PublishMessage;
use async_nats::jetstream::stream::{
    self, DirectGetErrorKind, DiscardPolicy, LastRawMessageErrorKind, RetentionPolicy,
};
use async_nats::jetstream::{self, AckKind, Context};
use async_nats::{ConnectOptions, ServerAddr};
use async_trait::async_trait;
use bytes::Bytes;
use tokio::sync::Mutex;

use self::artifacts::NatsArtifacts;
use self::fetch::{Reading, each, pull_message};
use super::{
    Delivery, Item, JOURNAL, JournalEntry, Lane, Lease, MAX_BODY_BYTES, Pushed, Queue, QueueError,
    Record, check, check_key, check_lane,
};
use crate::Artifacts;

mod artifacts;
mod fetch;
mod journal;

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
/// JetStream: "maximum messages per subject exceeded" and other refusals to store a message.
const STORE_FAILED: u64 = 10077;
/// JetStream: "wrong last sequence" of a message that is not committed yet.
const WRONG_LAST_SEQUENCE: u64 = 10164;

/// How to reach the server and what to call our streams.
#[derive(Clone)]
pub struct NatsConfig {
    /// `nats://[user:password@]host[:port]`, or `tls://`; several servers of a cluster with commas between.
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

/// Names of streams and subjects under the prefix.
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
            context: context.clone(),
            names: names.clone(),
            timeout: config.timeout,
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

    /// The messages of `stream` whose key under `root` begins with `prefix` and a dot.
    async fn each_of(
        &self,
        stream: &str,
        root: &str,
        prefix: &str,
        mut take: impl FnMut(String, u64, Bytes) + Send,
    ) -> Result<(), QueueError> {
        let root = self.names.subject(&format!("{root}."));
        let reading = Reading {
            subject: format!("{root}{prefix}.>"),
            from: 1,
            headers_only: false,
        };
        let stream = self.stream(&self.names.stream(stream)).await?;
        each(&stream, reading, self.timeout, |message| {
            let sequence = message.info().map_err(backend)?.stream_sequence;
            let key = message.subject.strip_prefix(root.as_str());
            let body = message.payload.clone();
            take(key.unwrap_or_default().to_owned(), sequence, body);
            Ok(true)
        })
        .await
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

/// The servers that the URL names.
fn addresses(config: &NatsConfig) -> Result<Vec<ServerAddr>, QueueError> {
    let addresses: Result<Vec<ServerAddr>, _> = config.url.split(',').map(str::parse).collect();
    addresses.map_err(|_| {
        // The URL may hold a password: it is not repeated here.
        let form = "nats://[user:password@]host[:port][,...]";
        QueueError::Backend(format!("the NATS URL is not of the form {form}"))
    })
}

async fn connect(config: &NatsConfig) -> Result<async_nats::Client, QueueError> {
    let addresses = addresses(config)?;
    let mut options = ConnectOptions::new()
        .name("trifold")
        .ping_interval(Duration::from_secs(10))
        .event_callback(|event| async move { tracing::info!(%event, "NATS connection") });
    let in_url = |address: &ServerAddr| {
        let login = address.username().zip(address.password());
        login.map(|(user, password)| (user.to_owned(), password.to_owned()))
    };
    let in_url = addresses.iter().find_map(in_url);
    if let Some((user, password)) = config.login.clone().or(in_url) {
        options = options.user_and_password(user, password);
    }
    if let Some(path) = &config.credentials {
        let file = options.credentials_file(path).await;
        options =
            file.map_err(|e| QueueError::Backend(format!("credentials {}: {e}", path.display())))?;
    }
    let hosts: Vec<_> = addresses
        .iter()
        .map(|address| format!("{}:{}", address.host(), address.port()))
        .collect();
    let hosts = hosts.join(", ");
    options
        .connect(addresses)
        .await
        .map_err(|e| QueueError::Backend(format!("NATS at {hosts}: {e}")))
}

fn streams(names: &Names, replicas: usize) -> Vec<stream::Config> {
    let base = |what: &str, subjects: &str| stream::Config {
        name: names.stream(what),
        subjects: vec![names.subject(subjects)],
        max_message_size: MAX_BODY_BYTES as i32 + 4096,
        max_messages_per_subject: 1,
        num_replicas: replicas,
        allow_direct: true,
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
    let journal = stream::Config {
        subjects: vec![names.subject(JOURNAL)],
        max_messages_per_subject: -1,
        discard: DiscardPolicy::New,
        ..base("JOURNAL", JOURNAL)
    };
    // A full store refuses what is new; the piece of a subject is replaced all the same.
    let artifacts = stream::Config {
        discard: DiscardPolicy::New,
        ..base("ARTIFACTS", "artifacts.>")
    };
    vec![
        journal,
        artifacts,
        work("SNAPSHOTS", "snapshots.>"),
        work("CONTROL", "control.>"),
        work("TASKS", "tasks.>"),
        work("RESULTS", "results.>"),
        proofs,
        base("STATE", "state.>"),
        notices,
    ]
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
        let mut records = Vec::new();
        self.each_of("STATE", "state", prefix, |key, revision, body| {
            records.push(Record {
                key,
                revision,
                body,
            })
        })
        .await?;
        records.sort_by(|a, b| a.key.cmp(&b.key).then(b.revision.cmp(&a.revision)));
        records.dedup_by(|later, kept| later.key == kept.key);
        Ok(records)
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
            .map_err(|error| not_stored(key, None, 0, &error))
    }

    async fn notice(&self, key: &str) -> Result<Option<Bytes>, QueueError> {
        check_key(key)?;
        let subject = self.names.subject(&format!("notices.{key}"));
        let stream = self.stream(&self.names.stream("NOTICES")).await?;
        match stream.direct_get_last_for_subject(subject).await {
            Ok(message) => Ok(Some(message.payload)),
            Err(e) if e.kind() == DirectGetErrorKind::NotFound => Ok(None),
            Err(e) => Err(backend(e)),
        }
    }

    async fn notices(&self, prefix: &str) -> Result<Vec<(String, Bytes)>, QueueError> {
        check_key(prefix)?;
        let mut notices = BTreeMap::new();
        self.each_of("NOTICES", "notices", prefix, |key, _, body| {
            notices.insert(key, body);
        })
        .await?;
        Ok(notices.into_iter().collect())
    }

    fn artifacts(&self) -> &dyn Artifacts {
        &self.artifacts
    }
}
