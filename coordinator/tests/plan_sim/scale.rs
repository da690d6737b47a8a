//! What a plan of many shards costs: `cargo test --release --workspace --test plan_sim -- --ignored --nocapture scale`.

use std::alloc::{GlobalAlloc, Layout, System};
use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use trifold_coordinator::Digest;
use trifold_coordinator::plan::{Action, Event, History, Network, Planner, Policy};
use trifold_coordinator::standin::{self, Snapshot};
use trifold_coordinator::wire::Task;

/// Counts the bytes that are allocated and the most there were.
struct Counting;

static LIVE: AtomicUsize = AtomicUsize::new(0);
static MOST: AtomicUsize = AtomicUsize::new(0);

// SAFETY: every call goes to the system's allocator unchanged.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let live = LIVE.fetch_add(layout.size(), Ordering::Relaxed) + layout.size();
        MOST.fetch_max(live, Ordering::Relaxed);
        // SAFETY: as the caller promises.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        LIVE.fetch_sub(layout.size(), Ordering::Relaxed);
        // SAFETY: as the caller promises.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static COUNTING: Counting = Counting;

/// A plan that is fed, and the time that it takes.
struct Run {
    planner: Planner,
    tasks: VecDeque<Task>,
    admitting: Duration,
    handling: Duration,
    longest: Duration,
    snapshots: u32,
    proven: u32,
}

fn policy() -> Policy {
    Policy {
        max_queued_tasks: 4_000,
        deadline_ms: None,
        ..Policy::default()
    }
}

impl Run {
    fn new(network: Network) -> Self {
        Self {
            planner: Planner::new(network, policy()).expect("a plan"),
            tasks: VecDeque::new(),
            admitting: Duration::ZERO,
            handling: Duration::ZERO,
            longest: Duration::ZERO,
            snapshots: 0,
            proven: 0,
        }
    }

    fn handle(&mut self, event: Event) {
        let started = Instant::now();
        let actions = self.planner.handle(0, event);
        let spent = started.elapsed();
        self.handling += spent;
        self.longest = self.longest.max(spent);
        let mut published = None;
        for action in actions {
            match action {
                Action::Push { task, .. } => self.tasks.push_back(*task),
                Action::Publish(proof) => published = Some(proof.state.epoch),
                _ => {}
            }
        }
        if let Some(epoch) = published {
            self.handle(Event::Published { epoch });
        }
    }

    fn submit_all(&mut self, shards: u32) {
        for shard in 0..shards {
            let snapshot = Snapshot::after(shard, self.planner.tip(shard));
            let outline = snapshot.outline(Digest::of(&snapshot.encode()));
            let started = Instant::now();
            let candidate = self.planner.admit(&outline).expect("fits");
            self.admitting += started.elapsed();
            self.snapshots += 1;
            self.handle(Event::Accepted(candidate));
        }
    }

    /// Proves `tasks` tasks, or all.
    fn prove(&mut self, tasks: usize) {
        for _ in 0..tasks {
            let Some(task) = self.tasks.pop_front() else {
                return;
            };
            let proof = standin::prove(&task.key, &task.statement);
            self.proven += 1;
            self.handle(Event::Proved {
                task: task.id,
                proof,
            });
        }
    }
}

fn mebibytes(bytes: usize) -> f64 {
    bytes as f64 / f64::from(1 << 20)
}

fn milliseconds(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1000.0
}

#[test]
#[ignore = "prints figures"]
fn scale_cost_per_task() {
    for shards in [100, 1_000, 10_000] {
        let mut run = Run::new(standin::network(shards).expect("a network"));
        let before = LIVE.load(Ordering::Relaxed);
        MOST.store(before, Ordering::Relaxed);
        let epochs = 30_000 / shards;
        for _ in 0..epochs {
            run.submit_all(shards);
            run.prove(usize::MAX);
        }
        assert_eq!(run.planner.published_epoch(), u64::from(epochs));
        let most = MOST.load(Ordering::Relaxed) - before;
        println!(
            "{shards:>6} shards: {:.1} us per task ({} tasks of {epochs} epochs), {:.1} us per admission, longest step {:.1} ms, at most {:.1} MiB more than the network",
            run.handling.as_secs_f64() * 1e6 / f64::from(run.proven),
            run.proven,
            run.admitting.as_secs_f64() * 1e6 / f64::from(run.snapshots),
            milliseconds(run.longest),
            mebibytes(most),
        );
    }
}

#[test]
#[ignore = "prints figures"]
fn scale_memory_views_and_restart() {
    let start = LIVE.load(Ordering::Relaxed);
    let shards = 10_000;
    let mut run = Run::new(standin::network(shards).expect("a network"));
    let network = LIVE.load(Ordering::Relaxed) - start;
    MOST.store(start + network, Ordering::Relaxed);
    // One epoch is closed and half merged, the next two wait: 20,000 open programs.
    run.submit_all(shards);
    run.prove(12_000);
    run.submit_all(shards);
    run.submit_all(shards);
    println!("{:?}", run.planner.overview());
    let queued: usize = run.tasks.iter().map(size_of_val).sum();
    println!(
        "memory: network {:.1} MiB, plan {:.1} MiB (at most {:.1}), of that {:.1} MiB tasks at the queue of the test",
        mebibytes(network),
        mebibytes(LIVE.load(Ordering::Relaxed) - start - network),
        mebibytes(MOST.load(Ordering::Relaxed) - start - network),
        mebibytes(queued),
    );
    let started = Instant::now();
    let views = run.planner.epoch_views(0, &Default::default());
    let viewed = started.elapsed();
    let started = Instant::now();
    let cells = run.planner.cells(1, &|_| None).expect("closed");
    let letters: usize = cells.levels.iter().map(String::len).sum();
    println!(
        "{} epoch views {:.2} ms; cells of epoch 1 {:.2} ms, {letters} letters",
        views.len(),
        milliseconds(viewed),
        milliseconds(started.elapsed())
    );
    let started = Instant::now();
    let history = run.planner.history();
    let made = started.elapsed();
    let bytes = serde_json::to_vec(&history).expect("serialises");
    println!(
        "checkpoint: made in {:.0} ms, {:.1} MiB of JSON after {:.0} ms",
        milliseconds(made),
        mebibytes(bytes.len()),
        milliseconds(started.elapsed())
    );
    let started = Instant::now();
    let read: History = serde_json::from_slice(&bytes).expect("reads");
    let parsed = started.elapsed();
    let network = standin::network(shards).expect("a network");
    let restoring = Instant::now();
    let (planner, actions) = Planner::restore(network, policy(), read, 0).expect("restores");
    println!(
        "restart: {:.2} s to read it, {:.2} s to restore {} snapshots, {} offers",
        parsed.as_secs_f64(),
        restoring.elapsed().as_secs_f64(),
        planner.overview().waiting_snapshots,
        actions.len(),
    );
}
