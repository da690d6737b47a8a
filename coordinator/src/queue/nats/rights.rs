//! Who may say and hear what on the server: the rights of each role, down to the subject.
//!
//! Nobody but the coordinator may make a consumer or a stream: a consumer delivers to a subject of its maker's choice,
//! which the server does not hold against the maker's rights. Whoever reads, asks for one message by its subject
//! (`$JS.API.DIRECT.GET`), and hears the answer in an inbox that is named after its own key.

use super::Names;
use crate::archive::{ASKED, TOLD};

/// Who logs in at the server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Party {
    /// One of the coordinators: leads, or stands by.
    Coordinator,
    /// The worker processes of one machine, by their names.
    Worker(Vec<String>),
    /// A shard's operator.
    Shard(u32),
    /// Gives commands, reads what the farm says of itself.
    Operator,
    /// Reads global proofs and what the farm says of itself, and asks as a light client does.
    Reader,
}

/// Subjects, with wildcards, that a role may publish to and subscribe to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rights {
    pub publish: Vec<String>,
    pub subscribe: Vec<String>,
    /// Whether it may answer the requests that it hears, once each.
    pub answer: bool,
}

/// Streams that only the coordinator takes items from.
const INTAKE: [&str; 3] = ["SNAPSHOTS", "CONTROL", "RESULTS"];
/// Streams that the coordinator writes.
const OWN: [&str; 6] = [
    "JOURNAL",
    "TASKS",
    "PROOFS",
    "NOTICES",
    "ARTIFACTS",
    "ADVISORIES",
];

/// Prefix of the inboxes of whoever has this public NKey.
pub fn inbox(public_key: &str) -> String {
    format!("_INBOX_{public_key}")
}

impl Party {
    /// The rights of a party that logs in with this public NKey, on a farm whose streams have this prefix.
    pub fn rights(&self, prefix: &str, public_key: &str) -> Rights {
        let names = Names::new(prefix);
        Rights {
            publish: match self {
                Self::Coordinator => coordinator(&names),
                Self::Worker(processes) => worker(&names, processes),
                Self::Shard(shard) => self::shard(&names, *shard),
                Self::Operator => operator(&names),
                Self::Reader => reader(&names),
            },
            subscribe: self.heard(&names, public_key),
            answer: *self == Self::Coordinator,
        }
    }

    /// Everybody hears their own answers; coordinators hear what light clients ask, and light clients of new proofs.
    fn heard(&self, names: &Names, public_key: &str) -> Vec<String> {
        let mut heard = vec![format!("{}.>", inbox(public_key))];
        match self {
            Self::Coordinator => heard.extend(asked(names)),
            Self::Shard(_) | Self::Operator | Self::Reader => heard.push(names.subject(TOLD)),
            Self::Worker(_) => {}
        }
        heard
    }
}

/// What light clients ask.
fn asked(names: &Names) -> impl Iterator<Item = String> {
    ASKED.iter().map(|subject| names.subject(subject))
}

fn coordinator(names: &Names) -> Vec<String> {
    let administer = |what: &&str| {
        let stream = names.stream(what);
        [
            format!("$JS.API.STREAM.*.{stream}"),
            format!("$JS.API.STREAM.MSG.*.{stream}"),
            format!("$JS.API.CONSUMER.*.{stream}.>"),
            format!("$JS.API.CONSUMER.CREATE.{stream}"),
            format!("$JS.API.CONSUMER.*.*.{stream}.>"),
            format!("$JS.API.DIRECT.GET.{stream}"),
            format!("$JS.API.DIRECT.GET.{stream}.>"),
            format!("$JS.ACK.{stream}.>"),
        ]
    };
    let subjects = ["journal", "tasks.>", "proofs.>", "notices.>", "artifacts.>"];
    let mut publish = vec!["$JS.API.INFO".to_owned()];
    publish.extend(OWN.iter().chain(&INTAKE).flat_map(administer));
    publish.extend(subjects.map(|subject| names.subject(subject)));
    publish.push(names.subject(TOLD));
    publish
}

fn worker(names: &Names, processes: &[String]) -> Vec<String> {
    let tasks = names.stream("TASKS");
    let own = |name: &String| {
        [
            names.subject(&format!("results.{name}.>")),
            names.subject(&format!("notices.workers.{name}")),
            read(names, "NOTICES", &format!("notices.orders.{name}")),
        ]
    };
    let mut publish = vec![
        leader(names),
        format!("$JS.API.CONSUMER.INFO.{tasks}.*"),
        format!("$JS.API.CONSUMER.MSG.NEXT.{tasks}.*"),
        format!("$JS.ACK.{tasks}.>"),
        read(names, "ARTIFACTS", "artifacts.*.*"),
    ];
    publish.extend(processes.iter().flat_map(own));
    publish
}

fn shard(names: &Names, shard: u32) -> Vec<String> {
    let mut publish = vec![
        leader(names),
        names.subject(&format!("snapshots.{shard}.*")),
        names.subject("artifacts.*.*"),
        read(names, "ARTIFACTS", "artifacts.*.*"),
        read(names, "NOTICES", &format!("notices.verdicts.{shard}.*")),
        read(names, "PROOFS", "proofs.>"),
    ];
    publish.extend(asked(names));
    publish
}

fn operator(names: &Names) -> Vec<String> {
    let mut publish = facts(names);
    publish.extend([
        names.subject("control.*"),
        read(names, "NOTICES", "notices.>"),
        read(names, "PROOFS", "proofs.>"),
        read(names, "ARTIFACTS", "artifacts.*.*"),
    ]);
    publish.extend(asked(names));
    publish
}

fn reader(names: &Names) -> Vec<String> {
    let mut publish = vec![
        leader(names),
        read(names, "NOTICES", "notices.view"),
        read(names, "PROOFS", "proofs.>"),
        read(names, "ARTIFACTS", "artifacts.*.*"),
    ];
    publish.extend(asked(names));
    publish
}

/// What everybody asks when it connects: whether a coordinator has been here.
fn leader(names: &Names) -> String {
    read(names, "NOTICES", "notices.leader")
}

/// The right to see what the server and the streams are like, and to compare clocks.
fn facts(names: &Names) -> Vec<String> {
    let all = OWN.iter().chain(&INTAKE);
    let mut publish: Vec<String> = all
        .map(|what| format!("$JS.API.STREAM.INFO.{}", names.stream(what)))
        .collect();
    publish.push("$JS.API.INFO".to_owned());
    publish.push(names.subject("notices.doctor.clock"));
    publish
}

/// The right to ask for the last message of a subject.
fn read(names: &Names, what: &str, subject: &str) -> String {
    let (stream, subject) = (names.stream(what), names.subject(subject));
    format!("$JS.API.DIRECT.GET.{stream}.{subject}")
}
