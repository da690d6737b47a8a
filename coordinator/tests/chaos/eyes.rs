//! What is looked at in the processes: that no task is offered again once its proof is recorded; and what a hostile worker
//! does beside its work.

use std::collections::{HashMap, HashSet};
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::Path;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use bytes::Bytes;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use trifold_coordinator::core::{Batch, Entry};
use trifold_coordinator::queue::{Item, Lane};
use trifold_coordinator::wire::{TaskOutcome, TaskResult, decode, encode};

use super::watched::Eye;

/// A file to which several processes append lines.
pub struct Lines(Mutex<File>);

impl Lines {
    pub fn open(path: &Path) -> Self {
        let file = OpenOptions::new().create(true).append(true).open(path);
        Self(Mutex::new(file.expect("a file of lines")))
    }

    pub fn write(&self, line: &str) {
        let mut file = self.0.lock().expect("the file");
        file.write_all(format!("{line}\n").as_bytes())
            .expect("written");
    }
}

/// Of a coordinator: what it has recorded or read of tasks, and what it offers.
pub struct Honest {
    pub name: String,
    pub violations: Lines,
    state: Mutex<Known>,
}

/// An offer that was decided on before the proof was recorded, and carried out after it, is taken back next.
const TAKEN_BACK: Duration = Duration::from_secs(20);

#[derive(Default)]
struct Known {
    proved: HashSet<String>,
    /// Offered although proven, since when, and not taken back yet.
    offered: HashMap<String, Instant>,
}

impl Honest {
    pub fn new(name: &str, violations: &Path) -> Self {
        Self {
            name: name.into(),
            violations: Lines::open(violations),
            state: Mutex::default(),
        }
    }
}

impl Eye for Honest {
    fn pushing(&self, lane: &Lane, item: &Item) -> Vec<(Duration, Item)> {
        let mut state = self.state.lock().expect("state");
        if matches!(lane, Lane::Tasks(_)) && state.proved.contains(&item.key) {
            state.offered.insert(item.key.clone(), Instant::now());
        }
        Vec::new()
    }

    fn cancelled(&self, key: &str) {
        self.state.lock().expect("state").offered.remove(key);
    }

    fn appending(&self) {
        let mut state = self.state.lock().expect("state");
        let due = |_: &String, since: &mut Instant| since.elapsed() > TAKEN_BACK;
        for (key, _) in state.offered.extract_if(due) {
            let line = format!("{} offers task {key}, whose proof is recorded", self.name);
            self.violations.write(&line);
        }
    }

    fn learned(&self, body: &Bytes) {
        let batch = Batch::decode(body).expect("a batch");
        let mut state = self.state.lock().expect("state");
        for entry in batch.entries {
            if let Entry::Proved { task, .. } = entry {
                state.proved.insert(task.to_string());
            }
        }
    }
}

/// Of a worker: it repeats results, sends them late, claims others' proofs and sends rubbish.
pub struct Hostile {
    proofs: Lines,
    state: Mutex<(StdRng, Option<TaskResult>)>,
}

/// Probability of each kind of mischief with a result.
const MISCHIEF: f64 = 0.08;

impl Hostile {
    pub fn new(seed: u64, proofs: &Path) -> Self {
        Self {
            proofs: Lines::open(proofs),
            state: Mutex::new((StdRng::seed_from_u64(seed), None)),
        }
    }
}

impl Eye for Hostile {
    fn pushing(&self, lane: &Lane, item: &Item) -> Vec<(Duration, Item)> {
        let Ok(result) = decode::<TaskResult>(&item.body) else {
            return Vec::new();
        };
        assert_eq!(*lane, Lane::Results);
        if !matches!(result.outcome, TaskOutcome::Proved(_)) {
            return Vec::new();
        }
        self.proofs.write(&result.task.to_string());
        let mut state = self.state.lock().expect("state");
        let (rng, last) = &mut *state;
        let mut more = Vec::new();
        let mut add = |rng: &mut StdRng, kind: &str, body: Bytes| {
            let delay = Duration::from_millis(rng.random_range(0..2500));
            let key = format!("{}-{kind}{}", item.key, rng.random::<u32>());
            let attempt = item.attempt;
            more.push((delay, Item { key, attempt, body }));
        };
        if rng.random_bool(MISCHIEF) {
            add(rng, "again", item.body.clone());
        }
        if let Some(last) = last
            && rng.random_bool(MISCHIEF)
        {
            // The proof of another task under the name of this one.
            let stolen = TaskResult {
                task: result.task,
                ..last.clone()
            };
            add(rng, "stolen", encode(&stolen));
        }
        if rng.random_bool(MISCHIEF) {
            let mut bytes = item.body.to_vec();
            let at = rng.random_range(0..bytes.len());
            bytes[at] ^= 1 << rng.random_range(0..8);
            add(rng, "rubbish", bytes.into());
        }
        *last = Some(result);
        more
    }
}
