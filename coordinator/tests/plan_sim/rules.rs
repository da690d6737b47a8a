//! Single rules of the plan, each on its own.

use trifold_coordinator::Digest;
use trifold_coordinator::plan::{Action, Candidate, Event, Planner, Policy, Refusal};
use trifold_coordinator::standin::{self, Snapshot};
use trifold_coordinator::view::EpochStage;
use trifold_coordinator::wire::{FailureClass, Task, Work};

fn policy() -> Policy {
    Policy {
        deadline_ms: None,
        seal_when_complete: false,
        ..Policy::default()
    }
}

fn planner(shards: u32, policy: Policy) -> Planner {
    Planner::new(standin::network(shards).expect("a network"), policy).expect("a plan")
}

/// Submits the next snapshot of a shard.
fn submit(planner: &mut Planner, shard: u32) -> (Digest, Vec<Action>) {
    let snapshot = Snapshot::after(shard, planner.tip(shard));
    let digest = Digest::of(&snapshot.encode());
    let candidate = planner.admit(&snapshot.outline(digest)).expect("fits");
    (digest, planner.handle(0, Event::Accepted(candidate)))
}

fn pushed(actions: &[Action]) -> Vec<Task> {
    let task = |action: &Action| match action {
        Action::Push { task, .. } => Some(task.as_ref().clone()),
        _ => None,
    };
    actions.iter().filter_map(task).collect()
}

fn prove(planner: &mut Planner, task: &Task) -> Vec<Action> {
    let proof = standin::prove(&task.key, &task.statement);
    planner.handle(
        1,
        Event::Proved {
            task: task.id,
            proof,
        },
    )
}

fn fail(
    planner: &mut Planner,
    task: &Task,
    worker: &str,
    class: FailureClass,
    alone: bool,
) -> Vec<Action> {
    let failed = Event::Failed {
        task: task.id,
        worker: worker.into(),
        attempt: task.attempt,
        class,
        message: "constraint 17".into(),
        alone,
    };
    planner.handle(1, failed)
}

/// One snapshot, its task offered once.
fn one_task(policy: Policy) -> (Planner, Task, Digest) {
    let mut planner = planner(3, policy);
    let (snapshot, actions) = submit(&mut planner, 0);
    let task = pushed(&actions).remove(0);
    (planner, task, snapshot)
}

#[test]
fn a_lie_about_broken_inputs_is_found_out_by_a_proof() {
    let (mut planner, task, _) = one_task(policy());
    let actions = fail(&mut planner, &task, "liar", FailureClass::Inputs, false);
    let Action::Quarantine {
        reporters, last, ..
    } = &actions[0]
    else {
        panic!("{actions:?}");
    };
    assert_eq!(
        (reporters.as_slice(), *last),
        (&["liar".to_owned()][..], false)
    );
    let again = pushed(&actions).remove(0);
    assert_eq!((again.avoid, again.attempt), (vec!["liar".to_owned()], 1));
    let actions = prove(&mut planner, &task);
    let strike = vec!["liar".to_owned()];
    assert!(actions.contains(&Action::Release {
        task: task.id,
        strike
    }));
    assert_eq!(planner.quarantined().count(), 0);
}

#[test]
fn one_worker_alone_is_not_believed_however_often_it_says_so() {
    let (mut planner, mut task, _) = one_task(policy());
    for round in 0..20 {
        let actions = fail(&mut planner, &task, "liar", FailureClass::Inputs, false);
        assert!(!actions.iter().any(|a| matches!(a, Action::Drop { .. })));
        let later = planner.handle(60_000 * (round + 1), Event::Tick);
        task = pushed(&[actions, later].concat())
            .pop()
            .expect("offered again");
    }
    assert!(planner.task(&task.id).is_some());
}

#[test]
fn two_workers_are_believed_and_the_snapshot_is_dropped_with_its_successors() {
    let (mut planner, task, first) = one_task(policy());
    let (second, _) = submit(&mut planner, 0);
    let again = fail(&mut planner, &task, "w1", FailureClass::Inputs, false);
    let again = pushed(&again).remove(0);
    let actions = fail(&mut planner, &again, "w2", FailureClass::Inputs, false);
    assert!(matches!(&actions[0], Action::Quarantine { last: true, .. }));
    let dropped = actions.iter().find_map(|action| match action {
        Action::Drop { snapshots, .. } => Some(snapshots.clone()),
        _ => None,
    });
    assert_eq!(dropped, Some(vec![first, second]));
    assert_eq!(planner.overview().waiting_snapshots, 0);
    assert_eq!(planner.overview().waiting_bytes, 0);
    assert!(planner.task(&task.id).is_none());
}

#[test]
fn the_only_worker_is_believed_at_once() {
    let (mut planner, task, _) = one_task(policy());
    let actions = fail(&mut planner, &task, "w1", FailureClass::Inputs, true);
    assert!(actions.iter().any(|a| matches!(a, Action::Drop { .. })));
}

/// A merge may not be given up: it is parked, and proof or operator bring it back.
#[test]
fn a_merge_that_two_call_broken_waits_for_an_operator_or_a_proof() {
    let (mut planner, task, _) = one_task(policy());
    prove(&mut planner, &task);
    let merge = pushed(&planner.handle(1, Event::CloseNow)).remove(0);
    assert!(matches!(merge.work, Work::Merge { .. }));
    let again = fail(&mut planner, &merge, "w1", FailureClass::Inputs, false);
    let again = pushed(&again).remove(0);
    fail(&mut planner, &again, "w2", FailureClass::Inputs, false);
    assert!(pushed(&planner.handle(1_000_000, Event::Tick)).is_empty());
    assert_eq!(planner.overview().quarantined_tasks, 1);
    let actions = planner.handle(1_000_000, Event::Requeue { task: merge.id });
    let released = Action::Release {
        task: merge.id,
        strike: Vec::new(),
    };
    assert!(actions.contains(&released));
    let offered = pushed(&actions).remove(0);
    assert!(offered.avoid.is_empty());
    let nest = pushed(&prove(&mut planner, &offered)).remove(0);
    assert!(matches!(nest.work, Work::Nest { .. }));
}

#[test]
fn a_failure_report_of_an_answered_offer_changes_nothing() {
    let (mut planner, task, _) = one_task(policy());
    let again = fail(&mut planner, &task, "w1", FailureClass::Inputs, false);
    assert_eq!(pushed(&again).len(), 1);
    for class in [
        FailureClass::Inputs,
        FailureClass::Worker,
        FailureClass::Memory,
    ] {
        assert_eq!(fail(&mut planner, &task, "w2", class, false), []);
    }
    let task = Task {
        attempt: 4096,
        ..task
    };
    assert_eq!(
        fail(&mut planner, &task, "w2", FailureClass::Inputs, false),
        []
    );
    // A proof is taken whatever was said.
    assert!(!prove(&mut planner, &task).is_empty());
}

#[test]
fn a_worker_without_memory_hands_the_task_to_the_large_ones_and_it_comes_back_if_there_are_none() {
    let patience = Policy::default().large_patience_ms;
    let (mut planner, task, _) = one_task(policy());
    let actions = fail(&mut planner, &task, "w1", FailureClass::Memory, false);
    let left = Action::Cancel {
        lane: task.lane(),
        task: task.id,
    };
    assert!(actions.contains(&left));
    let large = pushed(&actions).remove(0);
    assert!(large.large && large.lane() != task.lane());
    // A large worker that says so fails like any other.
    assert!(fail(&mut planner, &large, "w2", FailureClass::Memory, false).is_empty());
    let again = pushed(&planner.handle(10_000, Event::Tick)).remove(0);
    assert!(again.large);
    let back = pushed(&planner.handle(1 + patience, Event::Tick)).remove(0);
    assert!(!back.large);
}

#[test]
fn a_shard_with_many_snapshots_does_not_starve_one_with_one() {
    let mut planner = planner(
        3,
        Policy {
            max_queued_tasks: 1,
            ..policy()
        },
    );
    let mut offered = Vec::new();
    for _ in 0..64 {
        offered.extend(pushed(&submit(&mut planner, 0).1));
    }
    submit(&mut planner, 1);
    submit(&mut planner, 2);
    for _ in 0..3 {
        let task = offered.pop().expect("a task");
        offered = pushed(&prove(&mut planner, &task));
        assert_eq!(offered.len(), 1, "the queue stays as shallow as asked");
    }
    let shards_of_the_rest = 0;
    assert!(matches!(offered[0].work, Work::Program { shard, .. } if shard == shards_of_the_rest));
    let proven = planner.epoch_views(0, &Default::default())[0].levels[0].proven;
    assert_eq!(proven, 3, "one of each shard came first");
}

#[test]
fn programs_stand_in_no_merges_way() {
    let mut planner = planner(
        3,
        Policy {
            max_queued_tasks: 1,
            ..policy()
        },
    );
    let task = pushed(&submit(&mut planner, 0).1).remove(0);
    for shard in [0, 1, 2] {
        submit(&mut planner, shard);
    }
    planner.handle(0, Event::CloseNow);
    // The others of the sealed epoch are not proven: free them for a later one.
    let first = prove(&mut planner, &task);
    let mut tasks = pushed(&first);
    let mut merged = false;
    while let Some(task) = tasks.pop() {
        merged |= matches!(task.work, Work::Merge { .. });
        tasks.extend(pushed(&prove(&mut planner, &task)));
    }
    assert!(merged);
}

#[test]
fn too_many_waiting_bytes_or_snapshots_are_a_backlog() {
    for limits in [(2, u64::MAX), (usize::MAX, 1)] {
        let (max_waiting_snapshots, max_waiting_bytes) = limits;
        let mut planner = planner(
            3,
            Policy {
                max_waiting_snapshots,
                max_waiting_bytes,
                ..policy()
            },
        );
        assert!(!planner.backlogged());
        let (first, _) = submit(&mut planner, 0);
        let (second, _) = submit(&mut planner, 1);
        assert!(planner.backlogged());
        for (shard, snapshot) in [(0, first), (1, second)] {
            planner.handle(0, Event::Cancel { shard, snapshot });
        }
        assert!(!planner.backlogged());
    }
}

/// Views and cells of one epoch from its first snapshot to its publication.
#[test]
fn the_views_follow_an_epoch() {
    let mut planner = planner(5, policy());
    let mut tasks = pushed(&submit(&mut planner, 0).1);
    tasks.extend(pushed(&submit(&mut planner, 4).1));
    let nobody = Default::default();
    let forming = planner.epoch_views(0, &[tasks[0].id].into())[0].clone();
    assert_eq!(forming.stage, EpochStage::Forming);
    assert_eq!((forming.members, forming.silent, forming.depth), (2, 3, 2));
    let programs = forming.levels[0];
    assert_eq!(
        (programs.proving, programs.queued, programs.waiting),
        (1, 1, 3)
    );
    let first = tasks[0].id;
    let holder = |id: &Digest| (*id == first).then(|| "w1".to_owned());
    let cells = planner.cells(1, &holder).expect("forming");
    assert_eq!(cells.levels, ["1r3w1q4 ", "2w1 ", "1w", "1w"]);
    assert_eq!(cells.holders, [(0, 0, "w1".to_owned())]);
    tasks
        .iter()
        .for_each(|task| drop(prove(&mut planner, task)));
    let mut tasks = pushed(&planner.handle(1, Event::CloseNow));
    let cells = planner.cells(1, &|_| None).expect("merging");
    assert_eq!(cells.levels, ["1p3c1p4 ", "2q1 ", "1w", "1w"]);
    let merging = planner.epoch_views(1, &nobody)[0].clone();
    assert_eq!((merging.done, merging.total), (2, 6));
    assert!(merging.eta_seconds.is_some_and(|eta| eta > 0.0));
    while let Some(task) = tasks.pop() {
        tasks.extend(pushed(&prove(&mut planner, &task)));
    }
    let nested = planner.epoch_views(1, &nobody)[0].clone();
    assert_eq!((nested.done, nested.total), (6, 6));
    assert_eq!(nested.stage, EpochStage::Published);
    planner.handle(1, Event::Published { epoch: 1 });
    assert_eq!(planner.epoch_views(1, &nobody)[0].epoch, 2);
    assert!(planner.cells(1, &|_| None).is_none());
}

#[test]
fn nothing_is_offered_again_for_its_silence_while_results_wait_unread() {
    let (mut planner, task, _) = one_task(policy());
    planner.handle(1, Event::ResultsWait { waiting: true });
    for round in 1..10 {
        let actions = planner.handle(60_000 * round, Event::Tick);
        assert_eq!(pushed(&actions), [], "its proof may wait among them");
    }
    fail(&mut planner, &task, "w", FailureClass::Worker, false);
    let again = pushed(&planner.handle(700_000, Event::Tick));
    assert_eq!(again.len(), 1, "a failure was heard of it");
    planner.handle(700_001, Event::ResultsWait { waiting: false });
    let again = pushed(&planner.handle(800_000, Event::Tick));
    assert_eq!(again.len(), 1, "it is silent and nothing waits");
}

#[test]
fn a_task_whose_result_is_being_looked_at_is_not_silent() {
    let repush = policy().repush_ms;
    let (mut planner, task, _) = one_task(policy());
    let heard = Event::Heard { task: task.id };
    planner.handle(repush - 1, heard.clone());
    let actions = planner.handle(2 * repush - 2, Event::Tick);
    assert_eq!(pushed(&actions), [], "its silence began anew");
    let again = pushed(&planner.handle(2 * repush - 1, Event::Tick));
    assert_eq!(again.len(), 1, "nothing came of it");
    fail(&mut planner, &again[0], "w", FailureClass::Worker, false);
    let again = pushed(&planner.handle(2 * repush, heard));
    assert_eq!(again.len(), 1, "a pause after a failure is no silence");
}

/// Submits the next snapshot of a shard, which is proven in parts.
fn submit_in_parts(planner: &mut Planner, shard: u32) -> (Digest, Vec<Action>) {
    let snapshot = Snapshot::after(shard, planner.tip(shard)).in_parts(Some(Digest::of(b"inputs")));
    let digest = Digest::of(&snapshot.encode());
    let candidate = planner.admit(&snapshot.outline(digest)).expect("fits");
    (digest, planner.handle(0, Event::Accepted(candidate)))
}

#[test]
fn parts_are_proven_before_what_they_go_into() {
    let mut planner = planner(1, policy());
    let (snapshot, actions) = submit_in_parts(&mut planner, 0);
    let mut ready = pushed(&actions);
    assert_eq!(ready.len(), 9);
    let blob = Digest::of(b"inputs");
    for task in &ready {
        assert_eq!(task.work.snapshot(), Some((snapshot, Some(blob))));
    }
    let mut order = Vec::new();
    while let Some(task) = ready.pop() {
        let (part, proofs) = match &task.work {
            Work::Part { part, proofs, .. } => (Some(*part), proofs.len()),
            Work::Program { proofs, .. } => (None, proofs.len()),
            _ => break,
        };
        order.push((part, proofs));
        ready.extend(pushed(&prove(&mut planner, &task)));
        planner.handle(1, Event::CloseNow);
    }
    let joined = order.iter().filter(|(part, _)| *part >= Some(9));
    assert!(joined.clone().count() == 3 && joined.into_iter().all(|(_, proofs)| *proofs == 3));
    assert_eq!(order.last(), Some(&(None, 3)));
    assert_eq!((order.len(), planner.head().epoch), (13, 1));
}

#[test]
fn a_part_that_two_workers_call_broken_takes_its_snapshot_along() {
    let mut planner = planner(1, policy());
    let (snapshot, actions) = submit_in_parts(&mut planner, 0);
    let task = pushed(&actions).remove(4);
    let again = fail(&mut planner, &task, "w1", FailureClass::Inputs, false);
    let again = pushed(&again).remove(0);
    let actions = fail(&mut planner, &again, "w2", FailureClass::Inputs, false);
    let dropped = actions.iter().find_map(|action| match action {
        Action::Drop { snapshots, .. } => Some(snapshots.clone()),
        _ => None,
    });
    assert_eq!(dropped, Some(vec![snapshot]));
    let cancelled = actions
        .iter()
        .filter(|a| matches!(a, Action::Cancel { .. }));
    assert_eq!(cancelled.count(), 9);
    assert_eq!(planner.overview().queued_tasks, 0);
}

#[test]
fn parts_that_are_no_tree_are_refused() {
    let planner = planner(1, policy());
    let mut outline = Snapshot::after(0, planner.tip(0))
        .in_parts(None)
        .outline(Digest::of(b"snapshot"));
    outline.parts[9].parent = 9;
    let refusal = planner.admit(&outline).expect_err("a circle");
    assert_eq!(refusal.code(), "parts");
}

#[test]
fn a_picture_shows_the_part_that_is_in_work() {
    let mut planner = planner(1, policy());
    let (_, actions) = submit_in_parts(&mut planner, 0);
    let first = pushed(&actions).remove(0);
    let held = [first.id].into();
    let view = planner.epoch_views(1, &held).remove(0);
    assert_eq!((view.levels[0].queued, view.levels[0].proving), (0, 1));
    let cells = planner.cells(1, &|_| Some("w1".into())).expect("drawn");
    assert_eq!(cells.holders, [(0, 0, "w1".to_owned())]);
}

/// The next snapshot of a shard, with so much value leaving and arriving.
fn moving(planner: &Planner, shard: u32, sent: u128, received: u128) -> Snapshot {
    let mut step = Snapshot::after(shard, planner.tip(shard)).step;
    step.new.supply = step.new.supply + received - sent;
    (step.sent, step.received) = (sent, received);
    Snapshot::new(shard, step, 1)
}

fn admit(planner: &Planner, snapshot: &Snapshot) -> Result<Candidate, Refusal> {
    planner.admit(&snapshot.outline(Digest::of(&snapshot.encode())))
}

fn let_in(planner: &mut Planner, snapshot: &Snapshot) -> Vec<Task> {
    let candidate = admit(planner, snapshot).expect("fits");
    pushed(&planner.handle(0, Event::Accepted(candidate)))
}

/// The epoch would have a negative value in flight, and never be proven.
#[test]
fn what_was_never_sent_is_not_received_and_blocks_no_epoch() {
    let mut planner = planner(3, policy());
    let refused = |planner: &Planner, received, in_total, in_flight| {
        let refusal = admit(planner, &moving(planner, 1, 0, received)).expect_err("too much");
        assert_eq!(refusal.code(), "not_sent");
        let received = in_total;
        assert_eq!(
            refusal,
            Refusal::NotSent {
                received,
                in_flight
            }
        );
    };
    refused(&planner, 5, 5, 0);
    let sending = moving(&planner, 0, 8, 0);
    let program = let_in(&mut planner, &sending).remove(0);
    prove(&mut planner, &program);
    // Not even what is sent in the same epoch.
    refused(&planner, 5, 5, 0);
    planner.handle(1, Event::CloseNow);
    assert_eq!((planner.head().epoch, planner.head().in_flight), (1, 8));
    refused(&planner, 9, 9, 8);
    let first = moving(&planner, 1, 0, 5);
    let program = let_in(&mut planner, &first).remove(0);
    prove(&mut planner, &program);
    // What waits before it counts too.
    refused(&planner, 4, 9, 8);
    let second = moving(&planner, 1, 0, 3);
    let program = let_in(&mut planner, &second).remove(0);
    prove(&mut planner, &program);
    for (epoch, in_flight) in [(2, 3), (3, 0)] {
        planner.handle(1, Event::CloseNow);
        assert_eq!(
            (planner.head().epoch, planner.head().in_flight),
            (epoch, in_flight)
        );
    }
}
