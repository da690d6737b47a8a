//! Our streams and consumers: what they should be, and making them so.

use std::time::Duration;

use async_nats::jetstream::Context;
use async_nats::jetstream::consumer::{AckPolicy, pull};
use async_nats::jetstream::context::GetStreamErrorKind;
use async_nats::jetstream::stream::{self, DiscardPolicy, RetentionPolicy};
use serde_json::Value;

use super::{Limits, Names, backend};
use crate::queue::{Difference, JOURNAL, Lane, MAX_BODY_BYTES, MAX_DELIVERIES, QueueError};

/// Most messages of one work stream; more are refused with [`QueueError::Full`].
const MAX_STREAM_ITEMS: i64 = 100_000;
/// Most entries of the journal; a checkpoint comes long before.
const MAX_ENTRIES: i64 = 10_000_000;
/// Most publications.
const MAX_PROOFS: i64 = 10_000_000;
/// Most pieces of blobs.
const MAX_PIECES: i64 = 10_000_000;
/// Notices older than this are dropped.
const NOTICE_AGE: Duration = Duration::from_secs(7 * 24 * 3600);
/// Most notices kept.
const MAX_NOTICES: i64 = 100_000;
/// Advisories that nobody asked for are dropped.
const ADVISORY_AGE: Duration = Duration::from_secs(24 * 3600);
const MAX_ADVISORIES: i64 = 10_000;
const ADVISORIES_BYTES: i64 = 16 << 20;
/// Time in which JetStream knows a repeated message by its id.
const DUPLICATE_WINDOW: Duration = Duration::from_secs(120);
/// Leased messages per consumer; a full house stalls silently, so it is far above what workers hold.
const MAX_ACK_PENDING: i64 = 20_000;
/// Waiting pulls per consumer; JetStream's 512 would refuse a large farm.
const MAX_WAITING: i64 = 10_000;

/// Settings that are held to ours, as JetStream spells them.
const HELD: [&str; 15] = [
    "subjects",
    "retention",
    "storage",
    "discard",
    "discard_new_per_subject",
    "max_msgs",
    "max_bytes",
    "max_msgs_per_subject",
    "max_msg_size",
    "max_age",
    "num_replicas",
    "duplicate_window",
    "deny_delete",
    "deny_purge",
    "allow_direct",
];

/// The streams of a farm.
pub fn wanted(names: &Names, replicas: usize, limits: &Limits) -> Vec<stream::Config> {
    let base = |what: &str, subjects: String, max_messages: i64, max_bytes: i64| stream::Config {
        name: names.stream(what),
        subjects: vec![subjects],
        max_messages,
        max_bytes,
        max_message_size: MAX_BODY_BYTES as i32 + 4096,
        max_messages_per_subject: 1,
        // What is full refuses what is new, and forgets nothing.
        discard: DiscardPolicy::New,
        duplicate_window: DUPLICATE_WINDOW,
        num_replicas: replicas,
        ..Default::default()
    };
    let under = |root: &str| names.subject(&format!("{root}.>"));
    let work = |what: &str, root: &str| stream::Config {
        retention: RetentionPolicy::WorkQueue,
        discard_new_per_subject: true,
        ..base(what, under(root), MAX_STREAM_ITEMS, limits.items_bytes)
    };
    let proofs = stream::Config {
        discard_new_per_subject: true,
        deny_delete: true,
        deny_purge: true,
        allow_direct: true,
        ..base("PROOFS", under("proofs"), MAX_PROOFS, limits.proofs_bytes)
    };
    let journal = stream::Config {
        max_messages_per_subject: -1,
        ..base(
            "JOURNAL",
            names.subject(JOURNAL),
            MAX_ENTRIES,
            limits.journal_bytes,
        )
    };
    let notices = stream::Config {
        discard: DiscardPolicy::Old,
        max_age: NOTICE_AGE,
        allow_direct: true,
        ..base(
            "NOTICES",
            under("notices"),
            MAX_NOTICES,
            limits.notices_bytes,
        )
    };
    let artifacts = stream::Config {
        allow_direct: true,
        ..base(
            "ARTIFACTS",
            under("artifacts"),
            MAX_PIECES,
            limits.artifacts_bytes,
        )
    };
    let exhausted = "$JS.EVENT.ADVISORY.CONSUMER.MAX_DELIVERIES";
    let exhausted = format!("{exhausted}.{}.>", names.stream("TASKS"));
    let advisories = stream::Config {
        discard: DiscardPolicy::Old,
        max_age: ADVISORY_AGE,
        max_messages_per_subject: -1,
        ..base("ADVISORIES", exhausted, MAX_ADVISORIES, ADVISORIES_BYTES)
    };
    vec![
        work("SNAPSHOTS", "snapshots"),
        work("CONTROL", "control"),
        work("TASKS", "tasks"),
        work("RESULTS", "results"),
        proofs,
        journal,
        notices,
        artifacts,
        advisories,
    ]
}

/// The consumer of a lane.
pub fn consumer(names: &Names, lane: &Lane, lease: Duration) -> pull::Config {
    // What the coordinator gives back is delivered as often as it takes; a task that ends its workers is not.
    let max_deliver = match lane {
        Lane::Tasks(_) => i64::from(MAX_DELIVERIES),
        Lane::Snapshots | Lane::Control | Lane::Results => -1,
    };
    pull::Config {
        durable_name: Some(consumer_name(lane)),
        filter_subject: names.subject(&format!("{lane}.>")),
        ack_policy: AckPolicy::Explicit,
        ack_wait: lease,
        max_deliver,
        max_ack_pending: MAX_ACK_PENDING,
        max_waiting: MAX_WAITING,
        ..Default::default()
    }
}

/// The durable of a lane.
pub fn consumer_name(lane: &Lane) -> String {
    lane.name().replace('.', "-")
}

/// JetStream writes "no limit" as 0, as -1 or not at all.
fn setting(config: &Value, key: &str) -> Value {
    match &config[key] {
        Value::Null | Value::Bool(false) => Value::Null,
        Value::Number(n) if n.as_i64().is_some_and(|n| n <= 0) => Value::Null,
        other => other.clone(),
    }
}

/// The settings of `found` that are not as wanted.
pub fn differences(wanted: &stream::Config, found: &stream::Config) -> Vec<Difference> {
    let json = |config: &stream::Config| serde_json::to_value(config).unwrap_or_default();
    let (wanted_json, found_json) = (json(wanted), json(found));
    let difference = |key: &&str| {
        let (wanted, found) = (setting(&wanted_json, key), setting(&found_json, key));
        (wanted != found).then(|| Difference {
            setting: (*key).into(),
            wanted: wanted.to_string(),
            found: found.to_string(),
        })
    };
    HELD.iter().filter_map(difference).collect()
}

/// Creates the stream, or makes it what it should be.
pub async fn ensure(context: &Context, wanted: stream::Config) -> Result<(), QueueError> {
    let found = match context.get_stream(&wanted.name).await {
        Ok(stream) => stream.cached_info().config.clone(),
        Err(error) => match error.kind() {
            GetStreamErrorKind::JetStream(e) if e.code() == 404 => {
                let created = context.get_or_create_stream(wanted).await;
                return created.map(drop).map_err(backend);
            }
            _ => return Err(backend(error)),
        },
    };
    let differences = differences(&wanted, &found);
    if differences.is_empty() {
        return Ok(());
    }
    tracing::warn!(stream = wanted.name, ?differences, "the stream is changed");
    let updated = context.update_stream(&wanted).await;
    updated.map(drop).map_err(|error| {
        let told: Vec<_> = differences.iter().map(ToString::to_string).collect();
        QueueError::Backend(format!(
            "stream {} differs from what it should be ({}) and cannot be changed: {error}",
            wanted.name,
            told.join(", ")
        ))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_stream_is_limited() {
        let names = Names::new("T");
        for config in wanted(&names, 3, &Limits::default()) {
            assert!(
                config.max_bytes > 0 && config.max_messages > 0,
                "{config:?}"
            );
            assert!(config.max_message_size > 0 && config.num_replicas == 3);
        }
    }

    #[test]
    fn unset_is_unset_however_it_is_written() {
        let wanted = stream::Config::default();
        let mut found = stream::Config {
            max_bytes: -1,
            ..Default::default()
        };
        assert_eq!(differences(&wanted, &found), []);
        found.max_bytes = 5;
        found.deny_purge = true;
        let found = differences(&wanted, &found);
        let told: Vec<_> = found.iter().map(ToString::to_string).collect();
        assert_eq!(
            told,
            [
                "max_bytes is 5, should be null",
                "deny_purge is true, should be null"
            ]
        );
    }
}
