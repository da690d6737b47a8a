//! Coordinators, workers and shards around the queue, and what befalls them.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use ark_bn254::Fr;
use bytes::Bytes;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use trifold_circuits::field::to_bytes;
use trifold_coordinator::Digest;
use trifold_coordinator::core::{
    Batch, Collected, Core, CoreConfig, Effect, Entry, Input, Output, Token, newest_checkpoint,
};
use trifold_coordinator::plan::{Network, Policy};
use trifold_coordinator::standin::{self, Snapshot, StandInExecute, StandInVerify};
use trifold_coordinator::verify::Verify;
use trifold_coordinator::wire::{
    CommandKind, FailureClass, Outcome, Presence, ProofBytes, Proved, Submission, Task,
    TaskOutcome, TaskResult, VERSION, Verdict, WorkerState, decode, encode, large_lane,
};
use trifold_coordinator::worker::Execute;
use trifold_verifier::statement::{GlobalState, Leaf};

use crate::Total;
use crate::bus::{Appended, Bus, Message};
use crate::ledger::Ledger;

const COORDINATORS: usize = 3;
/// The first ones are honest; the last one calls inputs broken and returns wrong proofs.
const WORKERS: [&str; 4] = ["honest-1", "honest-2", "honest-3", "liar"];
const LIAR: usize = 3;
const HONEST: &str = "honest";
const KEPT_EVENTS: usize = 40;
/// Steps without faults after which everything must be done.
const PATIENCE: u32 = 60_000;

/// A process that leads, believes so, or stands by.
#[derive(Default)]
struct Node {
    core: Option<Core>,
    /// Newest position of the journal that it knows.
    end: u64,
    /// Ahead of true time: its clock began elsewhere, and may jump forward.
    skew: u64,
    deliveries: BTreeMap<Token, Message>,
    /// Effects to be carried out, and answers to those that were.
    effects: VecDeque<Effect>,
    inputs: VecDeque<Input>,
}

/// What a shard's operator knows.
struct Shard {
    leaf: Leaf,
    /// Submitted after it, oldest first.
    sent: Vec<(Digest, Leaf)>,
}

struct Held {
    message: Message,
    task: Task,
    finishes: u64,
}

pub struct World {
    random: StdRng,
    now: u64,
    network: Network,
    config: CoreConfig,
    bus: Bus,
    ledger: Ledger,
    nodes: Vec<Node>,
    shards: Vec<Shard>,
    held: Vec<(usize, Held)>,
    /// What was ever asked for: key and statement by task.
    asked: BTreeMap<Digest, (Fr, Fr)>,
    verdicts: BTreeMap<Digest, Verdict>,
    may_go: BTreeSet<Digest>,
    broken: BTreeSet<Digest>,
    stormy: bool,
    serial: u64,
    events: VecDeque<String>,
    total: Total,
}

fn policy() -> Policy {
    Policy {
        deadline_ms: Some(50),
        max_epochs_in_flight: 3,
        max_pending_per_shard: 5,
        max_waiting_snapshots: 20,
        repush_ms: 40,
        backoff_ms: 5,
        max_backoff_ms: 50,
        large_patience_ms: 400,
        ..Policy::default()
    }
}

impl World {
    pub fn new(seed: u64) -> Self {
        let mut random = StdRng::seed_from_u64(seed);
        let network = standin::network(random.random_range(1..=11)).expect("a network");
        let shard = |leaf: &Leaf| Shard {
            leaf: *leaf,
            sent: Vec::new(),
        };
        Self {
            bus: Bus::new(random.random()),
            config: CoreConfig {
                presence_ms: u64::MAX / 2,
                patience_ms: 3_000,
                checkpoint_entries: random.random_range(5..80),
                ..CoreConfig::new("sim", network.clone(), policy())
            },
            ledger: Ledger::default(),
            nodes: (0..COORDINATORS).map(|_| Node::default()).collect(),
            shards: network.leaves.values().map(shard).collect(),
            network,
            random,
            now: 0,
            held: Vec::new(),
            asked: BTreeMap::new(),
            verdicts: BTreeMap::new(),
            may_go: BTreeSet::new(),
            broken: BTreeSet::new(),
            stormy: true,
            serial: 0,
            events: VecDeque::new(),
            total: Total {
                seeds: 1,
                ..Total::default()
            },
        }
    }

    fn chance(&mut self, percent: u32) -> bool {
        self.random.random_range(0..100) < percent
    }

    /// Something goes wrong.
    fn fault(&mut self, percent: u32) -> bool {
        self.stormy && self.chance(percent)
    }

    fn note(&mut self, event: String) {
        if self.events.len() == KEPT_EVENTS {
            self.events.pop_front();
        }
        self.events.push_back(format!("{:>6} ms {event}", self.now));
    }

    pub fn last_events(&self) -> impl Iterator<Item = &String> {
        self.events.iter()
    }

    pub fn journal_digest(&self) -> Digest {
        Digest::of_list("sim", self.bus.journal.values().map(|body| &body[..]))
    }

    pub fn add_to(&self, total: &mut Total) {
        let mine = &self.total;
        total.seeds += mine.seeds;
        total.crashes += mine.crashes;
        total.terms += self.ledger.fence;
        total.conflicts += mine.conflicts;
        total.redelivered += self.bus.redelivered;
        total.epochs += self.ledger.epochs.len() as u64;
        total.snapshots += self.ledger.accepted.len() as u64;
        total.dropped += self.ledger.dropped.len() as u64;
        total.checkpoints += self.ledger.checkpoints;
        total.lies += mine.lies;
    }

    pub fn step(&mut self) {
        let node = self.random.random_range(0..COORDINATORS);
        match self.random.random_range(0..100) {
            0..12 => self.submit(),
            12..32 => self.deliver(node),
            32..56 => self.repeat(6, |world| world.effect(node)),
            56..68 => self.answer(node),
            68..76 => self.take_task(),
            76..86 => self.finish_task(),
            86..93 => self.pass_time(node),
            93..95 => self.command(node),
            95 => self.bus.forget_acks(),
            96 => self.crash(node),
            97 => self.nodes[node].skew += 500,
            _ => self.lead(node),
        }
        if self.nodes.iter().all(|node| node.core.is_none()) {
            self.lead(node);
        }
    }

    /// Does something up to so many times.
    fn repeat(&mut self, most: u32, what: impl Fn(&mut Self)) {
        let times = self.random.random_range(1..=most);
        (0..times).for_each(|_| what(self));
    }

    // ---- coordinators ----

    fn local(&self, node: usize) -> u64 {
        self.now + self.nodes[node].skew
    }

    /// The process ends: what it did not carry out is lost, or done late by what is left of it.
    fn crash(&mut self, node: usize) {
        self.total.crashes += u64::from(self.nodes[node].core.is_some());
        self.note(format!("coordinator {node} is gone"));
        let skew = self.nodes[node].skew;
        let effects = std::mem::take(&mut self.nodes[node].effects);
        let late = |effect: &Effect| {
            matches!(
                effect,
                Effect::Push(_)
                    | Effect::Cancel { .. }
                    | Effect::Publish { .. }
                    | Effect::Shorten { .. }
            )
        };
        let effects = match self.fault(30) {
            true => effects.into_iter().filter(late).collect(),
            false => VecDeque::new(),
        };
        self.nodes[node] = Node {
            skew,
            effects,
            ..Node::default()
        };
    }

    fn lead(&mut self, node: usize) {
        if self.nodes[node].core.is_some() {
            return;
        }
        self.nodes[node] = Node {
            skew: self.random.random_range(0..100_000),
            end: self.bus.end,
            ..Node::default()
        };
        let batch = |body: &Bytes| Batch::decode(body).expect("a batch");
        let batches: Vec<Batch> = self.bus.journal.values().map(batch).collect();
        let blob = newest_checkpoint(&batches);
        let checkpoint = blob.map(|blob| self.bus.blobs.get(&blob).expect("kept").clone());
        self.serial += 1;
        let session = format!("session-{}", self.serial);
        let (now, config) = (self.local(node), self.config.clone());
        let restored = Core::restore(config, session, now, checkpoint.as_deref(), batches);
        let (core, output) = restored.expect("a journal that leads somewhere");
        self.note(format!("coordinator {node} leads from {}", self.bus.end));
        let first = core.serial() - output.entries.len() as u64;
        self.nodes[node].core = Some(core);
        self.carry_out(node, first, output);
        for worker in 0..WORKERS.len() {
            self.presence(node, worker);
        }
    }

    fn input(&mut self, node: usize, input: Input) {
        let now = self.local(node);
        let Some(core) = self.nodes[node].core.as_mut() else {
            return;
        };
        let first = core.serial();
        let output = core.step(now, input);
        self.carry_out(node, first, output);
    }

    /// Entries first; the effects wait until they are recorded.
    fn carry_out(&mut self, node: usize, first: u64, output: Output) {
        let Output { entries, effects } = output;
        let bodies = Batch::bodies(first, &entries).expect("small entries");
        for (_, body) in bodies {
            match self.append(node, body.clone()) {
                Appended::Stored => {}
                Appended::Silent if self.chance(50) => {}
                fate => {
                    self.total.conflicts += u64::from(fate == Appended::Conflict);
                    self.note(format!("coordinator {node} ends: {fate:?}"));
                    return self.crash(node);
                }
            }
        }
        let leads = self.nodes[node].end == self.bus.end;
        for effect in effects {
            if let Effect::Push(task) = &effect {
                self.asked.insert(task.id, (task.key, task.statement));
                let known = self.ledger.proved.contains(&task.id);
                assert!(!(leads && known), "asked for a recorded proof again");
            }
            self.nodes[node].effects.push_back(effect);
        }
    }

    fn append(&mut self, node: usize, body: Bytes) -> Appended {
        if self.fault(1) {
            return Appended::Full;
        }
        if !self.bus.append(self.nodes[node].end, body.clone()) {
            return Appended::Conflict;
        }
        self.nodes[node].end = self.bus.end;
        let batch = Batch::decode(&body).expect("a batch");
        for entry in &batch.entries {
            self.note(format!("coordinator {node} records {entry:.200?}"));
            if let Entry::Proved { task, proof, .. } = entry {
                let (key, statement) = self.asked[task];
                let verified = StandInVerify.verify(key, statement, proof);
                verified.expect("only what verifies is recorded");
            }
        }
        self.ledger.take(&batch.entries, &self.may_go, HONEST);
        match self.fault(2) {
            true => Appended::Silent,
            false => Appended::Stored,
        }
    }

    /// Carries out the oldest effect of a coordinator; a crash may come before it or after it.
    fn effect(&mut self, node: usize) {
        if self.fault(1) {
            return self.crash(node);
        }
        let Some(effect) = self.nodes[node].effects.pop_front() else {
            return;
        };
        let again = self.fault(2).then(|| effect.clone());
        self.perform(node, effect);
        if let Some(effect) = again {
            self.perform(node, effect);
        }
    }

    fn perform(&mut self, node: usize, effect: Effect) {
        match effect {
            Effect::Inspect { token, .. } => self.inspect(node, token),
            Effect::Verify {
                task,
                key,
                statement,
                proof,
                ..
            } => {
                let checked = StandInVerify.verify(key, statement, &proof);
                let refusal = checked.err().map(|error| error.to_string());
                self.reply(
                    node,
                    Input::Verified {
                        task,
                        refusal,
                        seconds: 0.0,
                    },
                );
            }
            Effect::Push(task) => {
                let (lane, key, attempt) = (task.lane(), task.id.to_string(), task.attempt);
                self.bus
                    .push(self.now, &lane, &key, attempt, encode(&*task));
            }
            Effect::Cancel { lane, task } => self.bus.cancel(&lane, &task.to_string()),
            Effect::Publish { proof, .. } => {
                let (epoch, body) = (proof.state.epoch, encode(&*proof));
                let out = self.bus.published.entry(epoch).or_insert(body).clone();
                let out: trifold_coordinator::wire::GlobalProof = decode(&out).expect("ours");
                assert_eq!(out.state, proof.state, "two histories of epoch {epoch}");
                self.reply(node, Input::Published { epoch });
            }
            Effect::Done(token) => {
                if let Some(message) = self.nodes[node].deliveries.remove(&token) {
                    self.bus.done(message);
                }
            }
            Effect::GiveBack { token, delay_ms } => {
                if let Some(message) = self.nodes[node].deliveries.remove(&token) {
                    self.bus.give_back(self.now, message, delay_ms);
                }
            }
            Effect::Verdict(verdict) => self.verdict(verdict),
            Effect::Bundle(bundle) => {
                let task = bundle.task.id;
                let blob = Digest::of(task.as_bytes());
                self.reply(node, Input::Bundled { task, blob });
            }
            Effect::Collect { id, .. } => self.reply(
                node,
                Input::Collected {
                    id,
                    outcome: Ok(Collected::default()),
                },
            ),
            Effect::Checkpoint { serial, state } => {
                let blob = Digest::of(&state);
                self.bus.blobs.insert(blob, state);
                self.reply(node, Input::Stored { blob, serial });
            }
            Effect::Shorten { serial } => self.shorten(serial),
            Effect::Order { .. } | Effect::Reply { .. } | Effect::Report(_) => {}
        }
    }

    fn shorten(&mut self, serial: u64) {
        let firsts = self
            .bus
            .journal
            .iter()
            .map(|(position, body)| (*position, Batch::decode(body).expect("a batch").first));
        let firsts: Vec<(u64, u64)> = firsts.collect();
        for pair in firsts.windows(2) {
            if pair[1].1 <= serial {
                self.bus.journal.remove(&pair[0].0);
            }
        }
    }

    fn reply(&mut self, node: usize, input: Input) {
        self.nodes[node].inputs.push_back(input);
    }

    fn answer(&mut self, node: usize) {
        let inputs = self.nodes[node].inputs.len();
        if inputs == 0 {
            return;
        }
        // Answers come in any order.
        let at = self.random.random_range(0..inputs);
        if let Some(input) = self.nodes[node].inputs.remove(at) {
            self.input(node, input);
        }
    }

    fn inspect(&mut self, node: usize, token: Token) {
        self.reply(
            node,
            Input::Inspected {
                token,
                refusal: None,
            },
        );
    }

    /// A coordinator takes an item: a snapshot if it wants any, or a result.
    fn deliver(&mut self, node: usize) {
        let Some(core) = &self.nodes[node].core else {
            return;
        };
        let lanes = match core.pulls_snapshots() && self.chance(40) {
            true => "snapshots",
            false => "results",
        };
        let free = self.bus.free(self.now, lanes);
        if free.is_empty() {
            return;
        }
        let message = free[self.random.random_range(0..free.len())];
        let Some(item) = self.bus.lease(self.now, message) else {
            return;
        };
        self.serial += 1;
        let token = self.serial;
        self.nodes[node].deliveries.insert(token, message);
        let input = match lanes {
            "snapshots" => self.submitted(token, &item.body),
            _ => Input::Result {
                token,
                key: item.key,
                result: decode(&item.body).map_err(|error| error.to_string()),
            },
        };
        self.input(node, input);
    }

    fn submitted(&self, token: Token, body: &[u8]) -> Input {
        let submission: Submission = decode(body).expect("ours");
        let bytes = &self.bus.blobs[&submission.snapshot];
        let snapshot: Snapshot = decode(bytes).expect("ours");
        let outline = Box::new(snapshot.outline(submission.snapshot));
        Input::Submitted { token, outline }
    }

    fn presence(&mut self, node: usize, worker: usize) {
        self.serial += 1;
        let lanes = StandInExecute::default().lanes();
        let large: Vec<String> = lanes.iter().map(|lane| large_lane(lane)).collect();
        let presence = Presence {
            version: VERSION,
            name: WORKERS[worker].into(),
            serial: self.serial,
            started_unix_ms: 1,
            build: "sim".into(),
            host: "sim".into(),
            process: 1,
            backend: "stand-in".into(),
            card: None,
            state: WorkerState::Ready,
            lanes: [lanes, large].concat(),
            held: Vec::new(),
            proved_tasks: 0,
            failed_tasks: 0,
            cpu_seconds: 0.0,
            gpu_seconds: 0.0,
        };
        self.input(node, Input::Presence(presence));
    }

    fn pass_time(&mut self, node: usize) {
        self.now += self.random.random_range(1..20);
        self.input(node, Input::Tick);
    }

    fn command(&mut self, node: usize) {
        let task = self.held.first().map(|(_, held)| held.task.id);
        let newest = self.shards.iter().enumerate().find_map(|(shard, known)| {
            let (snapshot, _) = known.sent.last()?;
            Some((shard as u32, *snapshot))
        });
        let command = match (self.random.random_range(0..3), task, newest) {
            (0, Some(task), _) => CommandKind::Requeue { task },
            (1, _, Some((shard, snapshot))) => {
                self.may_go.insert(snapshot);
                CommandKind::Cancel { shard, snapshot }
            }
            _ => CommandKind::CloseEpoch,
        };
        self.serial += 1;
        let (token, id) = (self.serial, format!("c{}", self.serial));
        self.input(node, Input::Command { token, id, command });
    }

    // ---- shards ----

    fn submit(&mut self) {
        let index = self.random.random_range(0..self.shards.len());
        let known = &self.shards[index];
        if known.sent.len() >= 4 {
            // It does not know what became of them: it asks again.
            let (snapshot, _) = known.sent[0];
            return self.announce(index as u32, snapshot);
        }
        let tip = known.sent.last().map_or(known.leaf, |(_, leaf)| *leaf);
        let mut snapshot = Snapshot::after(index as u32, Some(tip));
        snapshot.transfers = self.random.random_range(1..1_000_000);
        // A shard that shows the newest state can't enter the next epoch, and may wait for ever if it is the last one.
        let newest = self.bus.published.iter().rev().nth(1);
        let newest = newest.map(|(epoch, body)| (*epoch, body.clone()));
        if let Some((epoch, body)) =
            newest.filter(|_| tip.seen_epoch > 0 || self.serial.is_multiple_of(2))
        {
            let proof: trifold_coordinator::wire::GlobalProof = decode(&body).expect("ours");
            // Only what its leader knows as published can be shown: the newest may be a moment too new.
            if self.ledger.published.len() as u64 >= epoch {
                snapshot.step.new.seen_epoch = epoch;
                snapshot.step.new.seen_digest = GlobalState::from(proof.state).digest();
            }
        }
        if tip.seen_epoch > 0 && snapshot.step.new.seen_epoch < tip.seen_epoch {
            return;
        }
        let mut snapshot = Snapshot::new(index as u32, snapshot.step, snapshot.transfers);
        if self.chance(15) {
            snapshot = snapshot.in_parts(None);
        }
        let bytes = snapshot.encode();
        let digest = Digest::of(&bytes);
        self.bus.blobs.insert(digest, bytes);
        self.shards[index].sent.push((digest, snapshot.leaf()));
        if self.stormy && self.chance(4) {
            self.broken.insert(digest);
            self.may_go.insert(digest);
        }
        self.announce(index as u32, digest);
        if self.fault(5) {
            self.announce(index as u32, digest);
        }
    }

    fn announce(&mut self, shard: u32, snapshot: Digest) {
        self.serial += 1;
        let submission = Submission {
            version: VERSION,
            shard,
            snapshot,
            signature: None,
        };
        // The key has the serial of the announcement: shards repeat themselves.
        let key = format!("{shard}.{}", self.serial);
        self.bus
            .push(self.now, "snapshots", &key, 0, encode(&submission));
    }

    fn verdict(&mut self, verdict: Verdict) {
        let Verdict {
            shard, snapshot, ..
        } = verdict;
        let known = &mut self.shards[shard as usize];
        let place = known.sent.iter().position(|(sent, _)| *sent == snapshot);
        let dropped = self.ledger.dropped.contains(&snapshot);
        match (&verdict.outcome, place) {
            (Outcome::Included { .. } | Outcome::Final { .. }, Some(place)) => {
                known.leaf = known.sent[place].1;
                known.sent.drain(..=place);
            }
            (Outcome::Rejected { .. }, Some(place)) => {
                let accepted = self.ledger.accepted.contains_key(&snapshot);
                if dropped || !accepted {
                    known.sent.truncate(place);
                }
            }
            _ => {}
        }
        self.verdicts.insert(snapshot, verdict);
    }

    // ---- workers ----

    fn take_task(&mut self) {
        let worker = self.random.random_range(0..WORKERS.len());
        let mut free = self.bus.free(self.now, "program");
        free.extend(self.bus.free(self.now, "part"));
        free.extend(self.bus.free(self.now, "merge"));
        free.extend(self.bus.free(self.now, "nest"));
        if free.is_empty() {
            return;
        }
        let message = free[self.random.random_range(0..free.len())];
        let Some(item) = self.bus.lease(self.now, message) else {
            return;
        };
        let task: Task = decode(&item.body).expect("ours");
        if task.avoid.iter().any(|avoided| avoided == WORKERS[worker]) && self.chance(90) {
            return self.bus.give_back(self.now, message, 5);
        }
        let longest = if self.stormy { 150 } else { 30 };
        let finishes = self.now + self.random.random_range(1..longest);
        self.held.push((
            worker,
            Held {
                message,
                task,
                finishes,
            },
        ));
    }

    fn finish_task(&mut self) {
        let now = self.now;
        let Some(at) = self.held.iter().position(|(_, held)| held.finishes <= now) else {
            return;
        };
        let (worker, Held { message, task, .. }) = self.held.swap_remove(at);
        // It dies before it says anything, or before it lets go; its lease runs out.
        if self.fault(8) {
            return;
        }
        let outcome = self.outcome(worker, &task);
        let times = if self.fault(6) { 2 } else { 1 };
        for _ in 0..times {
            self.serial += 1;
            let key = format!("{}.{}.{}", WORKERS[worker], task.id, self.serial);
            let result = TaskResult {
                version: VERSION,
                task: task.id,
                attempt: task.attempt,
                worker: WORKERS[worker].into(),
                outcome: outcome.clone(),
            };
            let body = match worker == LIAR && self.fault(10) {
                true => Bytes::from_static(b"{\"version\":2}"),
                false => encode(&result),
            };
            self.bus.push(self.now, "results", &key, 0, body);
        }
        if !self.fault(8) {
            self.bus.done(message);
        }
    }

    fn outcome(&mut self, worker: usize, task: &Task) -> TaskOutcome {
        let failed = |class| TaskOutcome::Failed {
            class,
            message: "sim".into(),
        };
        let snapshot = task.work.snapshot();
        let broken = snapshot.is_some_and(|(snapshot, _)| self.broken.contains(&snapshot));
        let lies = worker == LIAR && self.stormy;
        self.total.lies += u64::from(lies);
        if broken || lies && self.chance(50) {
            return failed(FailureClass::Inputs);
        }
        match self.random.random_range(0..100) {
            0..5 if self.stormy => failed(FailureClass::Worker),
            5..8 if self.stormy => failed(FailureClass::Memory),
            8..60 if lies => self.proved(task, &task.key),
            _ => self.proved(task, &task.statement),
        }
    }

    /// A stand-in proof whose nonce comes from the seed.
    fn proved(&mut self, task: &Task, statement: &Fr) -> TaskOutcome {
        let mut proof = [0; 128];
        self.random.fill(&mut proof[..32]);
        let [key, statement] = [&task.key, statement].map(to_bytes);
        for part in 0..3u8 {
            let items: [&[u8]; 4] = [&proof[..32], &key, &statement, &[part]];
            let tag = Digest::of_list("trifold/standin-proof/v1", items);
            let at = 32 + 32 * usize::from(part);
            proof[at..at + 32].copy_from_slice(tag.as_bytes());
        }
        TaskOutcome::Proved(Proved {
            proof: ProofBytes(proof),
            circuit: "stand-in".into(),
            constraints: 1,
            witness_seconds: 0.0,
            prove_seconds: 0.0,
            cpu_seconds: 0.0,
            gpu_seconds: 0.0,
            input_bytes: 0,
        })
    }

    // ---- the end ----

    /// No more faults and no more snapshots: everything must come to rest.
    pub fn settle(&mut self) {
        self.stormy = false;
        for node in 0..COORDINATORS {
            // What is left of a dead process is done now or never.
            while self.nodes[node].core.is_none() && !self.nodes[node].effects.is_empty() {
                self.effect(node);
            }
            if self.nodes[node].core.is_none() {
                self.nodes[node].inputs.clear();
            }
        }
        for _ in 0..PATIENCE {
            let leader = self.leader();
            match self.random.random_range(0..100) {
                0..25 => self.deliver(leader),
                25..50 => self.repeat(60, |world| world.effect(leader)),
                50..75 => self.repeat(6, |world| world.answer(leader)),
                75..82 => self.take_task(),
                82..90 => self.finish_task(),
                90..91 => self.release_parked(leader),
                _ => self.pass_time(leader),
            }
            if self.is_quiet() {
                return;
            }
        }
        panic!("never comes to rest: {:?}", self.bus.left());
    }

    /// The coordinator that leads; those that only believe so find out.
    fn leader(&mut self) -> usize {
        for node in 0..COORDINATORS {
            if self.nodes[node].core.is_some() && self.nodes[node].end != self.bus.end {
                self.crash(node);
            }
        }
        match self.nodes.iter().position(|node| node.core.is_some()) {
            Some(node) => node,
            None => {
                self.lead(0);
                0
            }
        }
    }

    /// An operator offers again what is quarantined and was not given up.
    fn release_parked(&mut self, leader: usize) {
        let now = self.local(leader);
        let view = self.nodes[leader]
            .core
            .as_ref()
            .map(|core| core.view(now, 0));
        // A program is dropped in the end; the merges and nests of a closed epoch wait for a word.
        let parked = view.and_then(|view| {
            let mut quarantined = view.quarantined.iter();
            let parked = quarantined.find(|task| !task.what.contains("of shard"));
            parked.map(|task| task.task)
        });
        if let Some(task) = parked {
            self.serial += 1;
            let (token, id) = (self.serial, format!("c{}", self.serial));
            let command = CommandKind::Requeue { task };
            self.input(leader, Input::Command { token, id, command });
        }
    }

    fn is_quiet(&self) -> bool {
        let idle = |node: &Node| node.effects.is_empty() && node.inputs.is_empty();
        self.bus.is_empty()
            && self.nodes.iter().all(idle)
            && self.ledger.epochs.len() == self.ledger.published.len()
            && self.ledger.is_at_rest()
    }

    pub fn check(&self) {
        self.ledger.check(&self.network);
        let published: Vec<u64> = self.bus.published.keys().copied().collect();
        let recorded = 1..=self.ledger.published.len() as u64;
        assert_eq!(
            published,
            recorded.collect::<Vec<u64>>(),
            "published, once each"
        );
        for (snapshot, _) in self.shards.iter().flat_map(|shard| &shard.sent) {
            let answered = self.verdicts.contains_key(snapshot);
            assert!(answered, "an announcement is lost");
        }
        for (epoch, members) in (1..).zip(&self.ledger.epochs) {
            for (shard, snapshot) in members {
                let outcome = self.verdicts.get(snapshot).map(|verdict| &verdict.outcome);
                // An announcement that came back after the end changes nothing.
                let told =
                    matches!(outcome, Some(Outcome::Final { epoch: told }) if *told == epoch);
                assert!(told, "shard {shard} does not know its end: {outcome:?}");
            }
        }
    }
}
