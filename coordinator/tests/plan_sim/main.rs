//! The planner against a world that loses, repeats, reorders and crashes, from a seed.
//!
//! Durable records survive a crash, everything else is lost; a crash may come before any effect. In the end every
//! accepted snapshot is in exactly one epoch, in its shard's order, and the published chain is the one that the
//! members give when their leaves are applied one after the other. One worker calls good inputs broken all the time.

use std::collections::{BTreeMap, HashMap, HashSet};

mod rules;
mod scale;

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use trifold_circuits::trie::SparseTrie;
use trifold_coordinator::Digest;
use trifold_coordinator::plan::{
    Action, Candidate, Event, History, Network, Planner, Policy, Quarantined,
};
use trifold_coordinator::standin::{self, Snapshot, StandInVerify};
use trifold_coordinator::verify::Verify;
use trifold_coordinator::wire::{FailureClass, GlobalProof, ProofBytes, Task};
use trifold_verifier::statement::{GlobalState, Keys, Leaf, NestStatement};

/// What survives, and what is under way.
struct World {
    random: StdRng,
    network: Network,
    policy: Policy,
    planner: Planner,
    now: u64,
    accepted: Vec<Candidate>,
    dropped: HashSet<Digest>,
    /// Snapshots that nobody can prove, and those that an operator took back.
    broken: HashSet<Digest>,
    cancelled: HashSet<Digest>,
    epochs: BTreeMap<u64, Vec<(u32, Digest)>>,
    proofs: BTreeMap<Digest, ProofBytes>,
    published: Vec<GlobalProof>,
    quarantined: BTreeMap<Digest, Quarantined>,
    queued: BTreeMap<Digest, Task>,
    results: Vec<(Digest, ProofBytes)>,
    /// Whether faults happen.
    stormy: bool,
    crashes: u32,
    events: u32,
}

struct Crash;

fn policy() -> Policy {
    Policy {
        deadline_ms: Some(50),
        max_epochs_in_flight: 3,
        max_pending_per_shard: 5,
        max_queued_tasks: 7,
        repush_ms: 40,
        backoff_ms: 5,
        max_backoff_ms: 50,
        ..Policy::default()
    }
}

impl World {
    fn new(seed: u64) -> Self {
        let mut random = StdRng::seed_from_u64(seed);
        let network = standin::network(random.random_range(1..=11)).expect("a network");
        Self {
            planner: Planner::new(network.clone(), policy()).expect("a plan"),
            random,
            network,
            policy: policy(),
            now: 0,
            accepted: Vec::new(),
            dropped: HashSet::new(),
            broken: HashSet::new(),
            cancelled: HashSet::new(),
            epochs: BTreeMap::new(),
            proofs: BTreeMap::new(),
            published: Vec::new(),
            quarantined: BTreeMap::new(),
            queued: BTreeMap::new(),
            results: Vec::new(),
            stormy: true,
            crashes: 0,
            events: 0,
        }
    }

    fn chance(&mut self, percent: u32) -> bool {
        self.random.random_range(0..100) < percent
    }

    /// Before every effect, the process may end.
    fn maybe_crash(&mut self) -> Result<(), Crash> {
        match self.stormy && self.chance(2) {
            true => Err(Crash),
            false => Ok(()),
        }
    }

    fn handle(&mut self, event: Event) {
        self.events += 1;
        let actions = self.planner.handle(self.now, event);
        if self.carry_out(actions).is_err() {
            self.restart();
        }
    }

    /// An orderly restart, from the records or from a checkpoint.
    fn stop_and_start(&mut self) {
        let checkpoint = self.chance(50).then(|| self.planner.history());
        self.restore(checkpoint);
    }

    fn restart(&mut self) {
        self.restore(None);
    }

    fn restore(&mut self, mut checkpoint: Option<History>) {
        loop {
            self.crashes += 1;
            let history = checkpoint.take().unwrap_or_else(|| History {
                accepted: self.accepted.clone(),
                epochs: self.epochs.values().cloned().collect(),
                proofs: self.proofs.clone(),
                published: self.published.clone(),
                quarantined: self.quarantined.values().cloned().collect(),
                base: None,
            });
            if self.chance(20) {
                self.queued.clear();
            }
            let restored =
                Planner::restore(self.network.clone(), self.policy.clone(), history, self.now);
            let (planner, actions) = restored.expect("consistent records");
            self.planner = planner;
            if self.carry_out(actions).is_ok() {
                return;
            }
        }
    }

    fn carry_out(&mut self, actions: Vec<Action>) -> Result<(), Crash> {
        for action in actions {
            self.maybe_crash()?;
            match action {
                Action::Close(closed) => {
                    let before = self.epochs.insert(closed.epoch, closed.members);
                    assert!(before.is_none(), "epoch {} closed twice", closed.epoch);
                }
                Action::Push { task, .. } => drop(self.queued.insert(task.id, *task)),
                Action::Cancel { task, .. } => drop(self.queued.remove(&task)),
                Action::Publish(proof) => self.publish(*proof)?,
                Action::Drop {
                    snapshots, reason, ..
                } => self.drop_all(snapshots, &reason),
                Action::Quarantine {
                    task,
                    what,
                    reason,
                    reporters,
                    last,
                } => {
                    let program = task.work.snapshot().is_some();
                    let task = task.id;
                    let quarantined = Quarantined {
                        task,
                        what,
                        reason,
                        reporters,
                        last,
                    };
                    // A program or part that is given up leaves with its snapshot; until that is recorded it is asked for again.
                    match last && program {
                        true => drop(self.quarantined.remove(&task)),
                        false => drop(self.quarantined.insert(task, quarantined)),
                    }
                }
                Action::Release { task, .. } => drop(self.quarantined.remove(&task)),
            }
        }
        Ok(())
    }

    /// The first was broken or cancelled; the others build on it.
    fn drop_all(&mut self, snapshots: Vec<Digest>, reason: &str) {
        let justified = match reason {
            "cancelled" => &self.cancelled,
            _ => &self.broken,
        };
        assert!(justified.contains(&snapshots[0]), "a good snapshot is lost");
        self.accepted.retain(|c| !snapshots.contains(&c.snapshot));
        self.dropped.extend(snapshots);
    }

    fn publish(&mut self, proof: GlobalProof) -> Result<(), Crash> {
        let epoch = proof.state.epoch;
        match self.published.get(epoch as usize - 1) {
            Some(out) => assert_eq!(out.state, proof.state, "two histories"),
            None => {
                assert_eq!(
                    epoch,
                    self.published.len() as u64 + 1,
                    "published out of order"
                );
                self.published.push(proof);
            }
        }
        self.maybe_crash()?;
        let actions = self.planner.handle(self.now, Event::Published { epoch });
        self.carry_out(actions)
    }

    fn submit(&mut self) {
        let shards = self.network.leaves.len() as u32;
        let shard = self.random.random_range(0..shards);
        let mut snapshot = Snapshot::after(shard, self.planner.tip(shard));
        let seen = self.planner.published_epoch();
        let tip = self.planner.tip(shard).expect("a shard");
        if seen > 0 && self.chance(50) || tip.seen_epoch > 0 {
            snapshot.step.new.seen_epoch = seen;
            snapshot.step.new.seen_digest =
                GlobalState::from(self.published[seen as usize - 1].state).digest();
        }
        if self.chance(20) {
            snapshot = snapshot.in_parts(None);
        }
        let outline = snapshot.outline(Digest::of(&snapshot.encode()));
        let Ok(candidate) = self.planner.admit(&outline) else {
            return;
        };
        // It may be submitted again after it was dropped.
        self.dropped.remove(&candidate.snapshot);
        self.accepted.push(candidate.clone());
        if self.stormy && self.chance(4) {
            self.broken.insert(candidate.snapshot);
        }
        if self.maybe_crash().is_err() {
            return self.restart();
        }
        self.handle(Event::Accepted(candidate));
        assert!(
            self.planner.admit(&outline).is_err(),
            "a snapshot is let in once"
        );
    }

    /// A snapshot from any time is submitted again.
    fn replay(&mut self) {
        if self.accepted.is_empty() {
            return;
        }
        let candidate = self.accepted[self.random.random_range(0..self.accepted.len())].clone();
        if self.dropped.contains(&candidate.snapshot) {
            return;
        }
        let again = Snapshot::new(candidate.shard, candidate.step, candidate.transfers);
        assert!(
            self.planner
                .admit(&again.outline(candidate.snapshot))
                .is_err()
        );
    }

    fn work(&mut self) {
        if self.queued.is_empty() {
            return;
        }
        let at = self.random.random_range(0..self.queued.len());
        let task = self.queued.values().nth(at).expect("in range").clone();
        let worker = ["w1", "w2", "liar"][self.random.random_range(0..3)];
        if task.avoid.iter().any(|avoided| avoided == worker) && self.chance(90) {
            return;
        }
        let snapshot = task.work.snapshot();
        let broken = snapshot.is_some_and(|(snapshot, _)| self.broken.contains(&snapshot));
        if broken || worker == "liar" {
            return self.give_up(&task, worker, FailureClass::Inputs);
        }
        // The worker may die, forget to acknowledge, lie, or report twice.
        if self.stormy && self.chance(15) {
            return;
        }
        if !(self.stormy && self.chance(15)) {
            self.queued.remove(&task.id);
        }
        let statement = match self.stormy && self.chance(10) {
            true => task.key,
            false => task.statement,
        };
        self.results
            .push((task.id, standin::prove(&task.key, &statement)));
        if self.stormy && self.chance(15) {
            self.results
                .push((task.id, standin::prove(&task.key, &task.statement)));
        }
    }

    fn deliver(&mut self) {
        if self.results.is_empty() {
            return;
        }
        let at = self.random.random_range(0..self.results.len());
        let (id, proof) = self.results.swap_remove(at);
        if self.stormy && self.chance(10) {
            return;
        }
        let Some(wanted) = self.planner.task(&id) else {
            return;
        };
        let (key, statement, offers) = (wanted.key, wanted.statement, wanted.offers);
        if StandInVerify.verify(key, statement, &proof).is_err() {
            return self.handle(Event::Refused {
                task: id,
                worker: "liar".into(),
                attempt: offers.saturating_sub(1),
            });
        }
        let proof = *self.proofs.entry(id).or_insert(proof);
        if self.maybe_crash().is_err() {
            return self.restart();
        }
        self.handle(Event::Proved { task: id, proof });
    }

    fn fail(&mut self) {
        let Some(task) = self.queued.values().next().cloned() else {
            return;
        };
        let class = match self.chance(30) {
            true => FailureClass::Memory,
            false => FailureClass::Worker,
        };
        self.give_up(&task, "w1", class);
    }

    fn give_up(&mut self, task: &Task, worker: &str, class: FailureClass) {
        self.queued.remove(&task.id);
        self.handle(Event::Failed {
            task: task.id,
            worker: worker.into(),
            attempt: task.attempt,
            class,
            message: "fails".into(),
            alone: false,
        });
    }

    /// An operator steps in.
    fn command(&mut self) {
        let task = self.queued.keys().next().copied();
        let newest = self.accepted.last().map(|c| (c.shard, c.snapshot));
        match (self.random.random_range(0..4), task, newest) {
            (0, Some(task), _) => self.handle(Event::Requeue { task }),
            (1, _, Some((shard, snapshot))) => {
                self.cancelled.insert(snapshot);
                self.handle(Event::Cancel { shard, snapshot });
            }
            (2, ..) => {
                let tasks = self.random.random_range(1..20);
                self.handle(Event::Window { tasks });
            }
            _ => self.handle(Event::CloseNow),
        }
    }

    /// A checkpoint restored is the plan again. Without policy it forms no epoch of its own.
    fn check_checkpoint(&self) {
        let idle = Policy {
            deadline_ms: None,
            seal_when_complete: false,
            ..self.policy.clone()
        };
        let history = self.planner.history();
        let bytes = serde_json::to_vec(&history).expect("serialises");
        let read: History = serde_json::from_slice(&bytes).expect("reads");
        let restored = Planner::restore(self.network.clone(), idle, read, self.now);
        let (restored, _) = restored.expect("a consistent checkpoint");
        assert_eq!(restored.history(), history);
        assert_eq!(restored.head(), self.planner.head());
        for id in self.queued.keys() {
            let statement = |planner: &Planner| planner.task(id).map(|wanted| wanted.statement);
            assert_eq!(
                statement(&restored),
                statement(&self.planner),
                "another task"
            );
        }
        for shard in self.network.leaves.keys() {
            assert_eq!(restored.tip(*shard), self.planner.tip(*shard));
        }
    }

    fn pass_time(&mut self) {
        self.now += self.random.random_range(1..30);
        self.handle(Event::Tick);
    }

    fn step(&mut self) {
        match self.random.random_range(0..100) {
            0..20 => self.submit(),
            20..25 => self.replay(),
            25..55 => self.work(),
            55..85 => self.deliver(),
            85..87 => self.fail(),
            87..89 => self.command(),
            89..99 => self.pass_time(),
            _ => self.stop_and_start(),
        }
    }

    /// Good weather until nothing is left to do.
    fn settle(&mut self) {
        self.stormy = false;
        for _ in 0..20_000 {
            if self.planner.overview().waiting_snapshots == 0
                && self.published.len() == self.epochs.len()
            {
                return;
            }
            self.work();
            self.deliver();
            self.pass_time();
        }
        panic!("never comes to rest: {:?}", self.planner.overview());
    }

    fn check(&self) {
        let mut included = HashMap::new();
        for (epoch, members) in &self.epochs {
            for (shard, snapshot) in members {
                let before = included.insert(*snapshot, *epoch);
                assert!(before.is_none(), "shard {shard}: a snapshot in two epochs");
            }
        }
        for candidate in &self.accepted {
            let dropped = self.dropped.contains(&candidate.snapshot);
            assert_ne!(
                dropped,
                included.contains_key(&candidate.snapshot),
                "lost, or dropped and included"
            );
        }
        self.check_chain();
    }

    fn check_chain(&self) {
        let by_digest: HashMap<Digest, &Candidate> =
            self.accepted.iter().map(|c| (c.snapshot, c)).collect();
        let mut leaves = self.network.leaves.clone();
        let mut previous = self.network.genesis;
        for ((epoch, members), proof) in self.epochs.iter().zip(&self.published) {
            for (shard, snapshot) in members {
                let step = &by_digest[snapshot].step;
                assert_eq!(
                    step.old.map(Leaf::from),
                    leaves.get(shard).copied(),
                    "in the shard's order"
                );
                assert!(step.new.seen_epoch == 0 || step.new.seen_epoch + 2 <= *epoch);
                leaves.insert(*shard, step.new.into());
            }
            let mut trie = SparseTrie::new(previous.depth.into()).expect("a trie");
            for (shard, leaf) in &leaves {
                trie.set((*shard).into(), leaf.digest()).expect("in range");
            }
            let state = GlobalState::from(proof.state);
            assert_eq!((state.epoch, state.root), (*epoch, trie.root()));
            let (keys, genesis) = (Keys::from(proof.keys), self.network.genesis.digest());
            let statement = NestStatement {
                keys: keys.digest(),
                genesis,
                global: state.digest(),
            };
            StandInVerify
                .verify(keys.nest, statement.digest(), &proof.proof)
                .expect("verifies");
            previous = state;
        }
    }
}

#[test]
fn no_snapshot_is_lost_and_no_epoch_doubled() {
    let seeds = std::env::var("TRIFOLD_SIM_SEEDS")
        .ok()
        .and_then(|n| n.parse().ok())
        .unwrap_or(60);
    let (mut crashes, mut epochs, mut snapshots) = (0, 0, 0);
    for seed in 0..seeds {
        let mut world = World::new(seed);
        for _ in 0..400 {
            world.step();
        }
        world.settle();
        world.check();
        crashes += world.crashes;
        epochs += world.epochs.len();
        snapshots += world.accepted.len();
    }
    assert!(
        crashes > 0 && epochs > 0 && snapshots > 0,
        "nothing happened"
    );
    println!("{seeds} seeds: {crashes} crashes, {epochs} epochs, {snapshots} snapshots");
}

/// After every step, a checkpoint holds all that the plan knows.
#[test]
fn a_checkpoint_is_the_plan() {
    for seed in 0..8 {
        let mut world = World::new(seed);
        for _ in 0..300 {
            world.step();
            world.check_checkpoint();
        }
    }
}

/// A proof that was recorded is not asked for again after a restart.
#[test]
fn nothing_is_proven_twice() {
    for seed in 0..20 {
        let mut world = World::new(seed);
        for _ in 0..200 {
            world.step();
        }
        world.restart();
        for id in world.proofs.keys() {
            assert!(
                world.planner.task(id).is_none(),
                "seed {seed}: {id} is wanted again"
            );
        }
    }
}
