//! What is counted, as it is scraped, and the reference that is made of it.

use std::path::PathBuf;

use trifold_console::metrics::{Described, MAX_SHARDS, MAX_WORKERS, Metrics, Role};
use trifold_coordinator::Digest;
use trifold_coordinator::coordinator::{Refused, Report, Requeue, TaskProved};
use trifold_coordinator::queue::{
    ArtifactStats, ConnectionStats, JournalStats, Lane, LaneStats, QueueStats,
};
use trifold_coordinator::view::{EpochStage, EpochView, PublishedView, View, WorkerView};
use trifold_coordinator::wire::{
    FailureClass, HeldStage, HeldTask, Presence, ProofBytes, Proved, TaskOutcome, VERSION,
    WorkerState,
};

fn coordinator() -> Metrics {
    Metrics::new(Role::Coordinator, "1.2.3")
}

/// The value of a series, written as in the text.
fn value(text: &str, series: &str) -> Option<f64> {
    let mut lines = text.lines();
    let line = lines.find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
    line.map(|value| value.parse().expect("a number"))
}

#[track_caller]
fn shows(metrics: &Metrics, expected: &[(&str, f64)]) {
    let text = metrics.encode();
    for (series, wanted) in expected {
        assert_eq!(value(&text, series), Some(*wanted), "{series} in\n{text}");
    }
}

fn proved(shard: Option<u32>) -> Report {
    Report::TaskProved(TaskProved {
        task: Digest::of(b"task"),
        kind: "program",
        shard,
        attempt: 1,
        what: "program of a shard".into(),
        epoch: None,
        circuit: "transfer".into(),
        constraints: 10,
        witness_seconds: 1.0,
        prove_seconds: 2.0,
        verify_seconds: 0.5,
        turnaround_seconds: 7.0,
        cpu_seconds: 3.0,
        gpu_seconds: 0.25,
        input_bytes: 4096,
        worker: "w".into(),
    })
}

fn refused(why: Refused) -> Report {
    Report::ResultRefused {
        task: None,
        kind: Some("merge"),
        worker: "w".into(),
        why,
        reason: String::new(),
    }
}

fn presence(name: &str) -> Presence {
    let held = HeldTask {
        task: Digest::of(b"task"),
        attempt: 0,
        stage: HeldStage::Proving,
        seconds: 1.0,
    };
    Presence {
        version: VERSION,
        name: name.into(),
        serial: 1,
        started_unix_ms: 0,
        build: "1".into(),
        host: "h".into(),
        process: 1,
        backend: "cpu".into(),
        card: None,
        state: WorkerState::Ready,
        lanes: Vec::new(),
        held: vec![held],
        proved_tasks: 0,
        failed_tasks: 0,
        cpu_seconds: 0.0,
        gpu_seconds: 0.0,
    }
}

fn worker(name: &str, silent_ms: u64, alive: bool, strikes: u32) -> WorkerView {
    WorkerView {
        presence: presence(name),
        silent_ms,
        alive,
        cordoned: false,
        strikes,
    }
}

fn view(workers: Vec<WorkerView>) -> View {
    let epoch = EpochView {
        epoch: 8,
        stage: EpochStage::Merging,
        depth: 1,
        members: 3,
        silent: 0,
        transfers: 9,
        age_ms: 1500,
        done: 3,
        total: 4,
        eta_seconds: None,
        levels: Vec::new(),
    };
    let published = |epoch, published_unix_ms| PublishedView {
        epoch,
        members: 3,
        silent: 0,
        transfers: 9,
        published_unix_ms,
        latency_ms: 2000,
        cpu_seconds: 5.0,
        gpu_seconds: 4.0,
        input_bytes: 1000,
        root: String::new(),
    };
    View {
        version: VERSION,
        updated_unix_ms: 0,
        leader: "a".into(),
        fence: 3,
        running: true,
        genesis: String::new(),
        shards: 3,
        depth: 1,
        closed_epoch: 8,
        published_epoch: 7,
        root: String::new(),
        waiting_snapshots: 2,
        waiting_bytes: 2048,
        ready_tasks: 5,
        queued_tasks: 6,
        quarantined_tasks: 1,
        proved_tasks: 0,
        refused_results: 0,
        proved_per_minute: 0,
        idle: None,
        epochs: vec![epoch],
        recent: vec![published(7, 1), published(6, 0)],
        workers,
        quarantined: Vec::new(),
        last_proof: None,
    }
}

#[test]
fn a_coordinators_reports_are_counted() {
    let metrics = coordinator();
    let snapshot = Digest::of(b"snapshot");
    let reports = [
        Report::Led { fence: 4 },
        Report::Appended {
            position: 12,
            entries: 2,
            seconds: 0.001,
        },
        Report::SnapshotAccepted {
            shard: 1,
            snapshot,
            transfers: 9,
        },
        Report::SnapshotRejected {
            shard: 1,
            snapshot,
            code: "unsigned".into(),
            message: String::new(),
        },
        proved(Some(1)),
        refused(Refused::Invalid),
        refused(Refused::Failed(FailureClass::Memory)),
        Report::TaskRequeued {
            task: snapshot,
            kind: "merge",
            why: Requeue::Silent,
        },
        Report::TaskQuarantined {
            task: snapshot,
            what: String::new(),
            reason: String::new(),
        },
    ];
    reports.iter().for_each(|report| metrics.report(report));
    shows(
        &metrics,
        &[
            (
                "trifold_build_info{version=\"1.2.3\",role=\"coordinator\"}",
                1.0,
            ),
            ("trifold_leader", 1.0),
            ("trifold_leader_fence", 4.0),
            ("trifold_journal_position", 12.0),
            ("trifold_journal_append_seconds_count", 1.0),
            ("trifold_snapshots_accepted_total", 1.0),
            ("trifold_transfers_accepted_total", 9.0),
            ("trifold_snapshots_refused_total{code=\"unsigned\"}", 1.0),
            (
                "trifold_task_attempts_total{kind=\"program\",class=\"proved\"}",
                1.0,
            ),
            (
                "trifold_task_attempts_total{kind=\"merge\",class=\"memory\"}",
                1.0,
            ),
            ("trifold_verify_failures_total{kind=\"merge\"}", 1.0),
            (
                "trifold_task_requeues_total{kind=\"merge\",reason=\"silent\"}",
                1.0,
            ),
            ("trifold_quarantined_total", 1.0),
            (
                "trifold_task_run_seconds_sum{kind=\"program\",stage=\"prove\"}",
                2.0,
            ),
            ("trifold_task_wait_seconds_sum{kind=\"program\"}", 4.0),
            ("trifold_proof_gpu_seconds_sum{circuit=\"transfer\"}", 0.25),
            ("trifold_proof_cpu_seconds_sum{circuit=\"transfer\"}", 3.0),
            (
                "trifold_proof_input_bytes_sum{circuit=\"transfer\"}",
                4096.0,
            ),
        ],
    );
}

#[test]
fn a_view_is_shown_and_each_publication_counted_once() {
    let metrics = coordinator();
    metrics.report(&Report::Led { fence: 3 });
    let workers = vec![
        worker("fast", 1000, true, 0),
        worker("gone", 90_000, false, 2),
    ];
    metrics.view(&view(workers.clone()));
    metrics.view(&view(workers));
    shows(
        &metrics,
        &[
            ("trifold_leader_fence", 3.0),
            ("trifold_epochs_behind", 1.0),
            ("trifold_oldest_epoch_seconds", 1.5),
            ("trifold_epoch_progress_ratio", 0.75),
            ("trifold_epoch_latency_seconds_count", 1.0),
            ("trifold_epoch_gpu_seconds_sum", 4.0),
            ("trifold_epoch_cpu_seconds_sum", 5.0),
            ("trifold_epoch_input_bytes_sum", 1000.0),
            ("trifold_waiting_snapshot_bytes", 2048.0),
            ("trifold_tasks{state=\"quarantined\"}", 1.0),
            ("trifold_idle", 0.0),
            ("trifold_workers{state=\"ready\"}", 1.0),
            ("trifold_workers{state=\"silent\"}", 1.0),
            ("trifold_heartbeat_age_seconds{worker=\"gone\"}", 90.0),
            ("trifold_strikes{worker=\"gone\"}", 2.0),
            ("trifold_held_tasks{stage=\"proving\"}", 1.0),
        ],
    );
}

#[test]
fn a_standby_shows_nothing_that_only_a_leader_knows() {
    let metrics = coordinator();
    metrics.report(&Report::Led { fence: 1 });
    metrics.view(&view(vec![worker("w", 0, true, 0)]));
    metrics.report(&Report::Deposed);
    metrics.view(&view(vec![worker("w", 0, true, 0)]));
    shows(
        &metrics,
        &[("trifold_leader", 0.0), ("trifold_leader_fence", 3.0)],
    );
    let text = metrics.encode();
    assert!(!text.contains("trifold_workers{"), "{text}");
    assert!(!text.contains("\ntrifold_epochs_behind "), "{text}");
}

#[test]
fn names_of_workers_and_shards_are_bounded() {
    let metrics = coordinator();
    metrics.report(&Report::Led { fence: 3 });
    let shards = MAX_SHARDS as u32 + 5;
    (0..shards).for_each(|shard| metrics.report(&proved(Some(shard))));
    metrics.report(&proved(Some(shards - 1)));
    let many = (0..MAX_WORKERS + 3)
        .map(|number| worker(&format!("w{number}"), number as u64 * 1000, true, 1));
    metrics.view(&view(many.collect()));
    let text = metrics.encode();
    let series = |name: &str| text.lines().filter(|line| line.starts_with(name)).count();
    assert_eq!(series("trifold_shard_gpu_seconds{"), MAX_SHARDS + 1);
    assert_eq!(series("trifold_heartbeat_age_seconds{"), MAX_WORKERS + 1);
    let costliest = format!("trifold_shard_cpu_seconds{{shard=\"{}\"}}", shards - 1);
    shows(
        &metrics,
        &[
            (&costliest, 6.0),
            ("trifold_shard_cpu_seconds{shard=\"other\"}", 15.0),
            ("trifold_strikes{worker=\"other\"}", 3.0),
            (
                "trifold_heartbeat_age_seconds{worker=\"other\"}",
                MAX_WORKERS as f64 + 2.0,
            ),
        ],
    );
}

#[test]
fn the_queue_is_shown() {
    let metrics = coordinator();
    let lane = LaneStats {
        lane: Lane::Tasks("merge-00".into()),
        waiting: 7,
        leased: 2,
        redelivered: 1,
    };
    metrics.queue(&QueueStats {
        lanes: vec![lane],
        journal: JournalStats {
            position: 9,
            entries: 9,
            bytes: 512,
        },
        artifacts: Some(ArtifactStats {
            blobs: 3,
            bytes: 300,
            limit_bytes: Some(1000),
        }),
        connection: ConnectionStats {
            slow_consumers: 2,
            ..ConnectionStats::default()
        },
    });
    shows(
        &metrics,
        &[
            ("trifold_queue_depth{lane=\"tasks.merge-00\"}", 7.0),
            ("trifold_ack_pending{lane=\"tasks.merge-00\"}", 2.0),
            ("trifold_redelivered{lane=\"tasks.merge-00\"}", 1.0),
            ("trifold_journal_bytes", 512.0),
            ("trifold_artifact_bytes", 300.0),
            ("trifold_artifact_limit_bytes", 1000.0),
            ("trifold_connection_events{event=\"slow_consumer\"}", 2.0),
        ],
    );
}

#[test]
fn a_worker_counts_its_own_work() {
    let metrics = Metrics::new(Role::Worker, "1.2.3");
    metrics.presence(&presence("w"));
    metrics.worked(
        "nest",
        &TaskOutcome::Proved(Proved {
            proof: ProofBytes([0; 128]),
            circuit: "nest".into(),
            constraints: 1,
            witness_seconds: 1.0,
            prove_seconds: 2.0,
            cpu_seconds: 8.0,
            gpu_seconds: 1.5,
            input_bytes: 1,
        }),
    );
    let class = FailureClass::Inputs;
    let message = String::new();
    metrics.worked("nest", &TaskOutcome::Failed { class, message });
    metrics.key_loaded("nest", 2.5);
    metrics.device_memory(80, 60);
    shows(
        &metrics,
        &[
            ("trifold_prover_ready", 1.0),
            ("trifold_prover_held_tasks{stage=\"proving\"}", 1.0),
            (
                "trifold_prover_tasks_total{kind=\"nest\",class=\"proved\"}",
                1.0,
            ),
            (
                "trifold_prover_tasks_total{kind=\"nest\",class=\"inputs\"}",
                1.0,
            ),
            (
                "trifold_prover_run_seconds_sum{kind=\"nest\",stage=\"witness\"}",
                1.0,
            ),
            ("trifold_prover_cpu_seconds_total", 8.0),
            ("trifold_prover_gpu_seconds_total", 1.5),
            ("trifold_prover_key_load_seconds{circuit=\"nest\"}", 2.5),
            ("trifold_prover_vram_bytes{state=\"free\"}", 60.0),
        ],
    );
}

/// The text of docs/metrics.md.
fn reference() -> String {
    let mut text = String::from(include_str!("metrics.head.md"));
    let of = |role| Metrics::new(role, "").described();
    let (coordinator, worker) = (of(Role::Coordinator), of(Role::Worker));
    let own = |all: &[Described]| {
        let both = |metric: &&Described| !(coordinator.contains(metric) && worker.contains(metric));
        all.iter().filter(both).cloned().collect::<Vec<_>>()
    };
    let shared: Vec<_> = coordinator
        .iter()
        .filter(|metric| worker.contains(metric))
        .cloned()
        .collect();
    for (title, metrics) in [
        ("Every process", shared),
        ("Coordinator", own(&coordinator)),
        ("Worker", own(&worker)),
    ] {
        text += &format!(
            "\n## {title}\n\n| name | kind | labels | meaning |\n| --- | --- | --- | --- |\n"
        );
        metrics.iter().for_each(|metric| text += &row(metric));
    }
    text
}

fn row(metric: &Described) -> String {
    let Described {
        name,
        kind,
        labels,
        help,
    } = metric;
    let labels: Vec<_> = labels.iter().map(|label| format!("`{label}`")).collect();
    format!("| `{name}` | {kind} | {} | {help} |\n", labels.join(", "))
}

/// `TRIFOLD_WRITE=1` renews the reference instead.
#[test]
fn the_reference_lists_every_metric() {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../docs/metrics.md");
    let made = reference();
    if std::env::var_os("TRIFOLD_WRITE").is_some() {
        std::fs::write(&path, &made).expect("docs/metrics.md can be written");
    }
    let found = std::fs::read_to_string(&path).expect("docs/metrics.md is there");
    assert_eq!(
        found, made,
        "docs/metrics.md is outdated: run this test with TRIFOLD_WRITE=1"
    );
}

#[test]
fn every_metric_is_named_as_prometheus_wants_it() {
    for role in [Role::Coordinator, Role::Worker] {
        for Described { name, kind, .. } in Metrics::new(role, "").described() {
            let word = |c: char| c.is_ascii_lowercase() || c == '_';
            assert!(
                name.starts_with("trifold_") && name.chars().all(word),
                "{name}"
            );
            assert_eq!(name.ends_with("_total"), kind == "counter", "{name}");
            let measured = ["_seconds", "_bytes"]
                .iter()
                .any(|unit| name.ends_with(unit));
            assert!(measured || kind != "histogram", "{name} has no unit");
        }
    }
}
