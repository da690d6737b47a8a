//! A core with a world of its own around it: everything happens in order, in this thread, and stops where a test says.

use std::collections::{BTreeMap, VecDeque};

use bytes::Bytes;
use trifold_coordinator::Digest;
use trifold_coordinator::core::newest_checkpoint;
use trifold_coordinator::core::{Batch, Core, CoreConfig, Effect, Entry, Input, Output};
use trifold_coordinator::standin::{self, Snapshot, StandInVerify};
use trifold_coordinator::verify::Verify;
use trifold_coordinator::wire::{GlobalProof, Proved, Task, TaskOutcome, TaskResult, VERSION};

/// What survives a coordinator.
#[derive(Default)]
pub struct World {
    pub journal: Vec<Bytes>,
    pub blobs: BTreeMap<Digest, Bytes>,
    pub published: BTreeMap<u64, GlobalProof>,
    pub tasks: BTreeMap<Digest, Task>,
    /// Items of the queue by token; gone once done.
    pub submissions: BTreeMap<u64, Snapshot>,
    pub results: BTreeMap<u64, TaskResult>,
    /// Tasks whose proof is recorded.
    pub proven: BTreeMap<Digest, u32>,
    /// Times that a task was offered after its proof was recorded.
    pub wasted: u32,
    next: u64,
    sessions: u64,
}

impl World {
    pub fn submit(&mut self, snapshot: Snapshot) {
        self.next += 1;
        self.submissions.insert(self.next, snapshot);
    }

    fn batches(&self) -> Vec<Batch> {
        let decode = |body: &Bytes| Batch::decode(body).expect("a batch");
        self.journal.iter().map(decode).collect()
    }

    /// A coordinator of what is there.
    pub fn lead(&mut self, config: &CoreConfig) -> (Core, Output) {
        let batches = self.batches();
        let checkpoint = newest_checkpoint(&batches).map(|blob| self.blobs[&blob].clone());
        self.sessions += 1;
        let session = self.sessions.to_string();
        Core::restore(config.clone(), session, 0, checkpoint.as_deref(), batches).expect("restores")
    }

    pub fn append(&mut self, first: u64, entries: &[Entry]) {
        for (_, body) in Batch::bodies(first, entries).expect("fits") {
            self.journal.push(body);
        }
        for entry in entries {
            if let Entry::Proved { task, .. } = entry {
                *self.proven.entry(*task).or_default() += 1;
            }
        }
    }

    /// A worker proves the task that was offered first.
    fn prove(&mut self) -> Option<Input> {
        let (id, task) = self.tasks.pop_first()?;
        let proved = Proved {
            proof: standin::prove(&task.key, &task.statement),
            circuit: "stand-in".into(),
            constraints: 0,
            witness_seconds: 0.0,
            prove_seconds: 0.0,
            cpu_seconds: 1.0,
            gpu_seconds: 0.5,
            input_bytes: 100,
        };
        let result = TaskResult {
            version: VERSION,
            task: id,
            attempt: task.attempt,
            worker: "w".into(),
            outcome: TaskOutcome::Proved(proved),
        };
        self.next += 1;
        self.results.insert(self.next, result.clone());
        Some(arrival(self.next, result))
    }

    /// Carries an effect out; gives the answer to it.
    pub fn carry_out(&mut self, effect: Effect) -> Option<Input> {
        match effect {
            Effect::Inspect { token, .. } => Some(Input::Inspected {
                token,
                refusal: None,
            }),
            Effect::Verify {
                task,
                key,
                statement,
                proof,
                ..
            } => {
                let refusal = StandInVerify.verify(key, statement, &proof).err();
                let refusal = refusal.map(|error| error.to_string());
                Some(Input::Verified {
                    task,
                    refusal,
                    seconds: 0.0,
                })
            }
            Effect::Push(task) => {
                self.wasted += u32::from(self.proven.contains_key(&task.id));
                self.tasks.insert(task.id, *task);
                None
            }
            Effect::Cancel { task, .. } => {
                self.tasks.remove(&task);
                None
            }
            Effect::Publish { proof, .. } => {
                let epoch = proof.state.epoch;
                let out = self
                    .published
                    .entry(epoch)
                    .or_insert_with(|| (*proof).clone());
                assert_eq!(*out, *proof, "an epoch has one global proof");
                Some(Input::Published { epoch })
            }
            Effect::Done(token) => {
                self.submissions.remove(&token);
                self.results.remove(&token);
                None
            }
            Effect::Checkpoint { serial, state } => {
                let blob = Digest::of(&state);
                self.blobs.insert(blob, state);
                Some(Input::Stored { blob, serial })
            }
            Effect::Shorten { serial } => {
                let below = |body: &Bytes| {
                    let batch = Batch::decode(body).expect("a batch");
                    batch.first + batch.entries.len() as u64 <= serial
                };
                self.journal.retain(|body| !below(body));
                None
            }
            _ => None,
        }
    }
}

pub fn arrival(token: u64, result: TaskResult) -> Input {
    let key = format!("{}.{}.0", result.worker, result.task);
    Input::Result {
        token,
        key,
        result: Ok(result),
    }
}

/// One coordinator until it is killed after `steps` appends and effects, or until `epochs` are published. Gives the
/// steps that are left, `None` if it was killed.
pub fn run(world: &mut World, config: &CoreConfig, epochs: u64, steps: usize) -> Option<usize> {
    let mut left = steps;
    let (mut core, mut output) = world.lead(config);
    let mut inputs: VecDeque<Input> = VecDeque::new();
    for (token, snapshot) in &world.submissions {
        let digest = Digest::of(&snapshot.encode());
        let outline = Box::new(snapshot.outline(digest));
        inputs.push_back(Input::Submitted {
            token: *token,
            outline,
        });
    }
    let results = world.results.iter();
    inputs.extend(results.map(|(token, result)| arrival(*token, result.clone())));
    let mut now = 0;
    for _ in 0..100_000 {
        if !output.entries.is_empty() {
            left = left.checked_sub(1)?;
            world.append(core.serial() - output.entries.len() as u64, &output.entries);
        }
        for effect in std::mem::take(&mut output.effects) {
            left = left.checked_sub(1)?;
            inputs.extend(world.carry_out(effect));
        }
        let over = world.published.len() as u64 == epochs && inputs.is_empty();
        if over {
            return Some(left);
        }
        now += 1;
        let input = inputs.pop_front().or_else(|| world.prove());
        output = core.step(now, input.unwrap_or(Input::Tick));
    }
    panic!("{} of {epochs} epochs are published", world.published.len());
}
