//! The queue: what its server is, promises and has left.

use trifold_coordinator::queue::{
    Facts, LocalFacts, MAX_BODY_BYTES, NatsFacts, Queue, StreamFacts,
};

use super::{Finding, Grade, filled};

/// The server below which acknowledgements and streams are lost in known ways, and the one we recommend at least.
const REFUSED_BELOW: [u32; 3] = [2, 9, 25];
const WARNED_BELOW: [u32; 3] = [2, 10, 29];
/// Room for subject and headers beside the largest body, in bytes.
const HEADER_BYTES: u64 = 16 << 10;
/// Distance of two clocks from which on times in reports mislead, and from which on snapshots are refused as of the future.
const CLOCK_WARN_MS: u64 = 1_000;
const CLOCK_REFUSE_MS: u64 = trifold_circuits::snapshot::MAX_AHEAD_MILLISECONDS;
/// Answers slower than this make every task wait, in milliseconds.
const SLOW_MS: u128 = 250;
/// Copies of a stream that survive the loss of one server.
const SAFE_REPLICAS: usize = 3;

/// Asks the queue what it is like.
pub async fn look(queue: &dyn Queue) -> Vec<Finding> {
    match queue.facts().await {
        Ok(facts) => findings(&facts),
        Err(error) => vec![Finding::warn(
            "queue",
            format!("its settings can't be seen: {error}"),
            "look with the coordinator's or the operator's key",
        )],
    }
}

/// One finding for each thing that a queue can be wrong in.
pub fn findings(facts: &Facts) -> Vec<Finding> {
    match facts {
        Facts::Nats(facts) => nats(facts),
        Facts::Local(facts) => local(facts),
    }
}

fn nats(facts: &NatsFacts) -> Vec<Finding> {
    let mut findings = vec![
        version(&facts.server_version),
        durability(&facts.streams),
        payload(facts.max_payload_bytes),
        storage(facts),
        clock(facts.clock_ahead_ms),
        round_trip(facts),
        encryption(facts),
    ];
    findings.extend(settings(&facts.streams));
    findings.extend(replicas(&facts.streams));
    findings.extend(facts.streams.iter().flat_map(fill));
    findings
}

fn version(text: &str) -> Finding {
    let check = "server version";
    let words: Vec<u32> = text
        .split(['.', '-'])
        .map_while(|word| word.parse().ok())
        .collect();
    let Some(version) = words.first_chunk::<3>() else {
        return Finding::warn(
            check,
            format!("{text:?}, which can't be read"),
            "use 2.11 or later",
        );
    };
    match () {
        () if *version < REFUSED_BELOW => Finding::refuse(
            check,
            text,
            "it brings finished work back and loses streams in known ways: use 2.11 or later",
        ),
        () if *version < WARNED_BELOW => Finding::warn(
            check,
            text,
            "known faults were repaired in 2.10.29: use 2.11 or later",
        ),
        () => Finding::ok(check, text),
    }
}

fn durability(streams: &[StreamFacts]) -> Finding {
    let check = "durability";
    match streams.iter().map(|stream| stream.replicas).min() {
        Some(least) if least >= SAFE_REPLICAS => Finding::ok(check, format!("{least} copies")),
        Some(1) => Finding::warn(
            check,
            "one copy; whether the server writes through can't be seen from here",
            "set `sync_interval: always` in its jetstream block, or use a cluster of three",
        ),
        Some(least) => Finding::warn(
            check,
            format!("{least} copies don't survive the loss of one"),
            "use three",
        ),
        None => Finding::refuse(check, "no streams", "start a coordinator, which makes them"),
    }
}

fn payload(bytes: u64) -> Finding {
    let needed = MAX_BODY_BYTES as u64 + HEADER_BYTES;
    let found = format!("{bytes} bytes");
    match bytes >= needed {
        true => Finding::ok("max_payload", found),
        false => Finding::refuse("max_payload", found, format!("set it to {needed} or more")),
    }
}

fn storage(facts: &NatsFacts) -> Finding {
    let check = "server storage";
    match facts.storage_limit_bytes {
        Some(limit) => filled(
            check,
            facts.storage_bytes,
            limit,
            "bytes",
            "raise max_file_store, or run trifold gc",
        ),
        None => Finding::warn(
            check,
            "without a limit",
            "set max_file_store below the disk's size",
        ),
    }
}

fn clock(ahead_ms: Option<i64>) -> Finding {
    let check = "clock";
    let Some(ahead) = ahead_ms else {
        return Finding::warn(check, "could not be compared with the server's", "use NTP");
    };
    let found = format!("{ahead} ms ahead of the server's");
    let grade = match ahead.unsigned_abs() {
        CLOCK_REFUSE_MS.. => Grade::Refuse,
        CLOCK_WARN_MS.. => Grade::Warn,
        _ => return Finding::ok(check, found),
    };
    Finding::new(check, grade, found, "set both by NTP")
}

fn round_trip(facts: &NatsFacts) -> Finding {
    let found = format!("{} ms", facts.round_trip.as_millis());
    match facts.round_trip.as_millis() > SLOW_MS {
        true => Finding::warn(
            "round trip",
            found,
            "put the server nearer, or give it a faster disk",
        ),
        false => Finding::ok("round trip", found),
    }
}

fn encryption(facts: &NatsFacts) -> Finding {
    match facts.encrypted {
        true => Finding::ok("encryption", "TLS"),
        false => Finding::warn(
            "encryption",
            "none: whoever is on the way reads and writes along",
            "use TLS and a key for each role; trifold nats config sets it up",
        ),
    }
}

fn settings(streams: &[StreamFacts]) -> Vec<Finding> {
    let check = "stream settings";
    let told: Vec<String> = streams
        .iter()
        .flat_map(|stream| {
            stream
                .differences
                .iter()
                .map(|d| format!("{} {d}", stream.name))
        })
        .collect();
    match told.is_empty() {
        true => vec![Finding::ok(
            check,
            format!("{} streams as they should be", streams.len()),
        )],
        false => told
            .into_iter()
            .map(|found| {
                Finding::refuse(check, found, "restart the coordinator, which sets it right")
            })
            .collect(),
    }
}

fn replicas(streams: &[StreamFacts]) -> Vec<Finding> {
    let behind = streams.iter().filter(|stream| stream.behind > 0);
    behind
        .map(|stream| {
            let found = format!(
                "{} of {} copies of {} are not current",
                stream.behind, stream.replicas, stream.name
            );
            Finding::warn(
                "replicas",
                found,
                "look after the servers: another loss stops the farm",
            )
        })
        .collect()
}

fn fill(stream: &StreamFacts) -> Vec<Finding> {
    let advice = || {
        format!(
            "{} is filling up: raise its limit, or run trifold gc",
            stream.name
        )
    };
    let bytes = stream
        .bytes_limit
        .map(|limit| filled("stream", stream.bytes, limit, "bytes", advice()));
    let messages = stream
        .messages_limit
        .map(|limit| filled("stream", stream.messages, limit, "messages", advice()));
    let both = bytes.into_iter().chain(messages);
    both.filter(|finding| finding.grade > Grade::Ok).collect()
}

fn local(facts: &LocalFacts) -> Vec<Finding> {
    let place = match &facts.directory {
        Some(directory) => Finding::ok("queue", format!("in {}", directory.display())),
        None => Finding::warn(
            "queue",
            "in memory: it ends with the process",
            "use a folder or NATS",
        ),
    };
    let disk = facts
        .free_bytes
        .map(|free| super::machine::disk("queue disk", free));
    std::iter::once(place).chain(disk).collect()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use trifold_coordinator::queue::Difference;

    use super::*;

    fn stream(name: &str) -> StreamFacts {
        StreamFacts {
            name: name.into(),
            replicas: 3,
            behind: 0,
            messages: 1,
            messages_limit: Some(100),
            bytes: 1,
            bytes_limit: Some(100),
            differences: Vec::new(),
        }
    }

    fn healthy() -> NatsFacts {
        NatsFacts {
            server_version: "2.11.4".into(),
            cluster: Some("trifold".into()),
            max_payload_bytes: 1 << 20,
            encrypted: true,
            storage_bytes: 10,
            reserved_bytes: 50,
            storage_limit_bytes: Some(100),
            round_trip: Duration::from_millis(2),
            clock_ahead_ms: Some(-3),
            streams: vec![stream("T_TASKS"), stream("T_JOURNAL")],
        }
    }

    /// What is not all right, as check and grade.
    fn bad(facts: NatsFacts) -> Vec<(&'static str, Grade)> {
        let findings = findings(&Facts::Nats(facts));
        let bad = findings.iter().filter(|finding| finding.grade > Grade::Ok);
        bad.inspect(|finding| assert!(finding.advice.is_some()))
            .map(|finding| (finding.check, finding.grade))
            .collect()
    }

    #[test]
    fn a_healthy_server_is_all_right() {
        assert_eq!(bad(healthy()), []);
    }

    #[test]
    fn old_servers_are_told_and_refused() {
        let grade = |version: &str| version_grade(version);
        for old in ["2.9.10", "2.9.24", "2.8.4", "1.4.1"] {
            assert_eq!(grade(old), Grade::Refuse, "{old}");
        }
        for old in ["2.9.25", "2.10.0", "2.10.28", "2.10.28-RC.1", "what?", ""] {
            assert_eq!(grade(old), Grade::Warn, "{old}");
        }
        for good in ["2.10.29", "2.11.0", "2.15.1", "3.0.0"] {
            assert_eq!(grade(good), Grade::Ok, "{good}");
        }
    }

    fn version_grade(text: &str) -> Grade {
        version(text).grade
    }

    #[test]
    fn one_copy_is_told_since_nobody_sees_whether_it_is_written_through() {
        let mut facts = healthy();
        facts.streams[1].replicas = 1;
        assert_eq!(bad(facts.clone()), [("durability", Grade::Warn)]);
        facts.streams[1].replicas = 2;
        assert_eq!(bad(facts.clone()), [("durability", Grade::Warn)]);
        facts.streams.clear();
        assert_eq!(bad(facts), [("durability", Grade::Refuse)]);
    }

    #[test]
    fn limits_that_are_too_small_are_refused() {
        let facts = NatsFacts {
            max_payload_bytes: MAX_BODY_BYTES as u64,
            ..healthy()
        };
        assert_eq!(bad(facts), [("max_payload", Grade::Refuse)]);
    }

    #[test]
    fn a_store_that_fills_up_is_told_and_then_refused() {
        let with = |storage_bytes, storage_limit_bytes| NatsFacts {
            storage_bytes,
            storage_limit_bytes,
            ..healthy()
        };
        assert_eq!(bad(with(85, Some(100))), [("server storage", Grade::Warn)]);
        assert_eq!(
            bad(with(99, Some(100))),
            [("server storage", Grade::Refuse)]
        );
        assert_eq!(bad(with(1, None)), [("server storage", Grade::Warn)]);
        let mut facts = healthy();
        facts.streams[0].messages = 97;
        facts.streams[1].bytes = 85;
        assert_eq!(
            bad(facts),
            [("stream", Grade::Refuse), ("stream", Grade::Warn)]
        );
    }

    #[test]
    fn other_settings_than_ours_are_refused_one_by_one() {
        let mut facts = healthy();
        let difference = |setting: &str| Difference {
            setting: setting.into(),
            wanted: "1".into(),
            found: "2".into(),
        };
        facts.streams[0].differences = vec![difference("max_age"), difference("retention")];
        let refused = ("stream settings", Grade::Refuse);
        assert_eq!(bad(facts), [refused, refused]);
    }

    #[test]
    fn clocks_that_differ_are_told_and_then_refused() {
        let with = |clock_ahead_ms| NatsFacts {
            clock_ahead_ms,
            ..healthy()
        };
        assert_eq!(bad(with(Some(-1_500))), [("clock", Grade::Warn)]);
        assert_eq!(bad(with(Some(60_000))), [("clock", Grade::Refuse)]);
        assert_eq!(bad(with(None)), [("clock", Grade::Warn)]);
    }

    #[test]
    fn slow_open_and_lagging_servers_are_told() {
        let mut facts = healthy();
        facts.round_trip = Duration::from_secs(1);
        facts.encrypted = false;
        facts.streams[0].behind = 1;
        let checks = ["round trip", "encryption", "replicas"];
        assert_eq!(bad(facts), checks.map(|check| (check, Grade::Warn)));
    }

    #[test]
    fn a_queue_in_memory_is_told_and_a_full_disk_refused() {
        let facts = LocalFacts {
            directory: None,
            free_bytes: Some(1),
            sync: None,
        };
        let grades: Vec<Grade> = findings(&Facts::Local(facts))
            .iter()
            .map(|f| f.grade)
            .collect();
        assert_eq!(grades, [Grade::Warn, Grade::Refuse]);
    }
}
