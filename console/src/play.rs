//! A farm that is only played, from a seed: it shows the page without a farm, and tests it.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde_json::json;
use trifold_coordinator::Digest;
use trifold_coordinator::view::{
    CellState, Cells, EpochStage, EpochView, LevelView, PublishedView, QuarantineView,
    RECENT_EPOCHS, View, WorkerView,
};
use trifold_coordinator::wire::{GlobalProof, HeldStage, HeldTask, Presence, VERSION, WorkerState};

use crate::runs;
use crate::source::Source;

/// When the played time begins, in milliseconds since 1970.
const BEGIN_UNIX_MS: u64 = 1_790_000_000_000;
/// How long a quarantined task stays so, in milliseconds.
const QUARANTINE_MS: u64 = 25_000;
/// One of so many tasks fails for good.
const FAILURE_EVERY: u64 = 6000;
/// One of so many shards has nothing to say in an epoch.
const SILENT_EVERY: u64 = 9;
/// Time from one notice of a worker to the next, in milliseconds.
const NOTICE_MS: u64 = 5000;
/// Length of a step of the play, in milliseconds.
const STEP_MS: u64 = 50;

/// What is played.
#[derive(Debug, Clone, Copy)]
pub struct Score {
    pub shards: u32,
    pub workers: u32,
    /// Mean time of a task, in milliseconds.
    pub task_ms: u64,
    pub seed: u64,
}

/// A farm whose time passes when it is told to.
pub struct Play(Mutex<Stage>);

/// Level and index of a cell: programs are level 0, merges follow, the nest is last.
type Place = (u8, u32);

struct Stage {
    score: Score,
    depth: u8,
    now_ms: u64,
    random: u64,
    trees: VecDeque<Tree>,
    workers: Vec<Worker>,
    recent: VecDeque<PublishedView>,
    quarantined: BTreeMap<(u64, Place), u64>,
    proved: u64,
    finished_ms: VecDeque<u64>,
}

struct Tree {
    epoch: u64,
    begun_ms: u64,
    levels: Vec<Vec<CellState>>,
    ready: BTreeSet<(Reverse<u8>, u32)>,
    holders: BTreeMap<Place, String>,
    silent: BTreeSet<u32>,
    /// Snapshots that are here, in the order of shards.
    arrived: u32,
    closed: bool,
}

struct Worker {
    name: String,
    state: WorkerState,
    /// Since when nothing is heard of it.
    silent_since: Option<u64>,
    /// Epoch, place, end and beginning.
    work: Option<(u64, Place, u64, u64)>,
    proved: u64,
    /// What it last said about itself, and when.
    told: Presence,
    told_ms: u64,
}

impl Play {
    pub fn new(score: Score) -> Self {
        let depth = (1..).find(|depth| 3_u64.pow(*depth) >= score.shards.into());
        let mut stage = Stage {
            score,
            depth: depth.map_or(1, |depth| depth as u8),
            now_ms: 0,
            random: score.seed | 1,
            trees: VecDeque::new(),
            workers: (0..score.workers).map(Worker::new).collect(),
            recent: VecDeque::new(),
            quarantined: BTreeMap::new(),
            proved: 0,
            finished_ms: VecDeque::new(),
        };
        stage.begin(1);
        Self(Mutex::new(stage))
    }

    /// Lets time pass.
    pub fn advance(&self, milliseconds: u64) {
        let mut stage = self.stage();
        for _ in 0..milliseconds.div_ceil(STEP_MS) {
            stage.step();
        }
    }

    fn stage(&self) -> MutexGuard<'_, Stage> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Source for Play {
    fn view(&self) -> Arc<View> {
        Arc::new(self.stage().view())
    }

    fn cells(&self, epoch: u64) -> Option<Cells> {
        let stage = self.stage();
        let tree = stage.trees.iter().find(|tree| tree.epoch == epoch)?;
        Some(tree.cells(stage.depth))
    }
}

impl Stage {
    fn step(&mut self) {
        self.now_ms += STEP_MS;
        self.arrive();
        self.release();
        self.finish();
        self.publish();
        self.assign();
        self.tell();
        let minute_ago = self.now_ms.saturating_sub(60_000);
        self.finished_ms.retain(|finished| *finished >= minute_ago);
    }

    fn random(&mut self, below: u64) -> u64 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        self.random % below.max(1)
    }

    fn begin(&mut self, epoch: u64) {
        let shards = 0..self.score.shards;
        let silent: BTreeSet<u32> = shards.filter(|_| self.random(SILENT_EVERY) == 0).collect();
        let tree = Tree::new(epoch, self.now_ms, self.depth, self.score.shards, silent);
        self.trees.push_back(tree);
        if epoch == 1 {
            self.close();
            self.begin(2);
        }
    }

    /// Snapshots come in, at the pace of the farm.
    fn arrive(&mut self) {
        let pace = u64::from(self.score.workers) * STEP_MS * 2 / self.score.task_ms.max(1);
        let count = pace.max(u64::from(self.random(20) == 0)) as u32;
        let shards = self.score.shards;
        if let Some(forming) = self.trees.iter_mut().find(|tree| !tree.closed) {
            forming.arrive(count, shards);
        }
    }

    fn close(&mut self) {
        if let Some(tree) = self.trees.iter_mut().find(|tree| !tree.closed) {
            tree.close(self.score.shards, self.now_ms);
        }
    }

    fn release(&mut self) {
        let now = self.now_ms;
        let due: Vec<_> = self
            .quarantined
            .iter()
            .filter(|(_, until)| **until <= now)
            .map(|(place, _)| *place)
            .collect();
        for (epoch, place) in due {
            self.quarantined.remove(&(epoch, place));
            if let Some(tree) = self.trees.iter_mut().find(|tree| tree.epoch == epoch) {
                tree.set(place, CellState::Queued);
            }
        }
    }

    fn finish(&mut self) {
        for index in 0..self.workers.len() {
            let Some((epoch, place, until, _)) = self.workers[index].work else {
                continue;
            };
            if until > self.now_ms {
                continue;
            }
            self.workers[index].work = None;
            let fails = self.random(FAILURE_EVERY) == 0;
            self.end(epoch, place, fails, index);
        }
    }

    fn end(&mut self, epoch: u64, place: Place, fails: bool, worker: usize) {
        let Some(tree) = self.trees.iter_mut().find(|tree| tree.epoch == epoch) else {
            return;
        };
        tree.holders.remove(&place);
        if fails {
            tree.set(place, CellState::Failed);
            self.quarantined
                .insert((epoch, place), self.now_ms + QUARANTINE_MS);
            return;
        }
        tree.set(place, CellState::Proven);
        self.workers[worker].proved += 1;
        self.proved += 1;
        self.finished_ms.push_back(self.now_ms);
    }

    fn publish(&mut self) {
        let Some(tree) = self.trees.front() else {
            return;
        };
        if tree.state((self.depth + 1, 0)) != CellState::Proven {
            return;
        }
        // The newest published tree stays to be looked at until the next one is out.
        let published = self.recent.front().map_or(0, |recent| recent.epoch);
        if tree.epoch > published {
            let view = self.published(tree);
            self.recent.push_front(view);
            self.recent.truncate(RECENT_EPOCHS);
            self.close();
            let next = self.trees.back().map_or(1, |tree| tree.epoch + 1);
            self.begin(next);
            return;
        }
        self.trees.pop_front();
    }

    fn published(&self, tree: &Tree) -> PublishedView {
        let tasks = tree.count(CellState::Proven);
        PublishedView {
            epoch: tree.epoch,
            members: u64::from(self.score.shards) - tree.silent.len() as u64,
            silent: tree.silent.len() as u64,
            transfers: (u64::from(self.score.shards) - tree.silent.len() as u64) * 16,
            published_unix_ms: BEGIN_UNIX_MS + self.now_ms,
            latency_ms: self.now_ms - tree.begun_ms,
            cpu_seconds: tasks as f64 * 1.7,
            gpu_seconds: tasks as f64 * 0.4,
            input_bytes: tasks * 5300,
            root: Digest::of(&tree.epoch.to_le_bytes()).to_string(),
        }
    }

    fn assign(&mut self) {
        for index in 0..self.workers.len() {
            if self.workers[index].work.is_some() || !self.workers[index].serves() {
                continue;
            }
            let Some((tree, place)) = self
                .trees
                .iter_mut()
                .enumerate()
                .find_map(|(n, tree)| Some((n, tree.take()?)))
            else {
                return;
            };
            let (now, task_ms) = (self.now_ms, self.score.task_ms);
            let until = now + task_ms / 2 + self.random(task_ms);
            let name = self.workers[index].name.clone();
            let tree = &mut self.trees[tree];
            tree.set(place, CellState::Proving);
            tree.holders.insert(place, name);
            self.workers[index].work = Some((tree.epoch, place, until, now));
        }
    }

    /// Each worker says every five seconds what it does, not all at once.
    fn tell(&mut self) {
        let (step, notices) = (self.now_ms / STEP_MS, NOTICE_MS / STEP_MS);
        for (number, worker) in self.workers.iter_mut().enumerate() {
            if worker.silent_since.is_none() && step % notices == number as u64 % notices {
                worker.told = presence(
                    &worker.name,
                    worker.state,
                    worker.work,
                    worker.proved,
                    self.now_ms,
                );
                worker.told_ms = self.now_ms;
            }
        }
    }

    fn view(&self) -> View {
        let published = self.recent.front();
        let in_work = self
            .trees
            .iter()
            .filter(|tree| published.is_none_or(|published| tree.epoch > published.epoch));
        let epochs: Vec<EpochView> = in_work.map(|tree| self.epoch(tree)).collect();
        let published_epoch = published.map_or(0, |published| published.epoch);
        let queued: u64 = epochs
            .iter()
            .flat_map(|epoch| &epoch.levels)
            .map(|level| level.queued)
            .sum();
        let root = published.map_or_else(
            || Digest::of(b"genesis").to_string(),
            |published| published.root.clone(),
        );
        View {
            version: VERSION,
            updated_unix_ms: BEGIN_UNIX_MS + self.now_ms,
            leader: "coordinator-a".into(),
            fence: 3,
            running: true,
            genesis: Digest::of(b"genesis").to_string(),
            shards: self.score.shards.into(),
            depth: self.depth,
            closed_epoch: published_epoch + 1,
            published_epoch,
            root,
            waiting_snapshots: self.trees.back().map_or(0, |tree| tree.arrived.into()),
            waiting_bytes: self
                .trees
                .back()
                .map_or(0, |tree| u64::from(tree.arrived) * 5300),
            ready_tasks: queued,
            queued_tasks: queued,
            quarantined_tasks: self.quarantined.len() as u64,
            proved_tasks: self.proved,
            refused_results: 0,
            proved_per_minute: self.finished_ms.len() as u64,
            idle: (self.workers.iter().all(|worker| worker.work.is_none()))
                .then(|| "no worker is alive that serves a lane with tasks".into()),
            epochs,
            recent: self.recent.iter().cloned().collect(),
            workers: self
                .workers
                .iter()
                .map(|worker| worker.view(self.now_ms))
                .collect(),
            quarantined: self
                .quarantined
                .keys()
                .map(|(epoch, place)| self.quarantine(*epoch, *place))
                .collect(),
            last_proof: published.and_then(|published| self.proof(published)),
        }
    }

    fn epoch(&self, tree: &Tree) -> EpochView {
        let levels: Vec<LevelView> = tree.levels.iter().map(|cells| level(cells)).collect();
        let sum = |of: fn(&LevelView) -> u64| levels.iter().map(of).sum::<u64>();
        let done = sum(|level| level.proven);
        let total = done + sum(|level| level.waiting + level.queued + level.proving + level.failed);
        let top = tree.state((self.depth, 0)) == CellState::Proven;
        let pace = self.finished_ms.len() as f64 / 60.0;
        EpochView {
            epoch: tree.epoch,
            stage: match (tree.closed, top) {
                (false, _) => EpochStage::Forming,
                (true, false) => EpochStage::Merging,
                (true, true) => EpochStage::Nesting,
            },
            depth: self.depth,
            members: tree.arrived.into(),
            silent: tree.silent.len() as u64,
            transfers: u64::from(tree.arrived) * 16,
            age_ms: self.now_ms - tree.begun_ms,
            done,
            total,
            eta_seconds: (tree.closed && pace > 0.0).then(|| (total - done) as f64 / pace),
            levels,
        }
    }

    fn quarantine(&self, epoch: u64, (level, index): Place) -> QuarantineView {
        let what = match level {
            0 => format!("program of shard {index}, epoch {epoch}"),
            level if level > self.depth => format!("nest of epoch {epoch}"),
            level => format!("merge {index} of level {}, epoch {epoch}", level - 1),
        };
        QuarantineView {
            task: Digest::of(what.as_bytes()),
            what,
            reason: "inputs break the relation: constraint 104 217 is not satisfied".into(),
            reporters: vec!["gpu-01".into(), "gpu-03".into()],
            bundle: Some(Digest::of(b"bundle")),
        }
    }

    fn proof(&self, published: &PublishedView) -> Option<GlobalProof> {
        let element = |n: u64| format!("{n:064x}");
        let half = |n: u64| Digest::of(&(n ^ published.epoch << 8).to_le_bytes()).to_string();
        let proof: String = (0..4).map(half).collect();
        let state = json!({ "epoch": published.epoch, "depth": self.depth, "root": element(7), "history": element(8), "in_flight": 0 });
        let keys = json!({ "merge": element(1), "nest": element(2), "registry": element(3) });
        let message = json!({
            "version": VERSION, "state": state, "proof": proof, "keys": keys, "genesis": element(4),
            "old_root": element(5), "transfers": published.transfers,
        });
        serde_json::from_value(message).ok()
    }
}

fn level(cells: &[CellState]) -> LevelView {
    let count = |state| cells.iter().filter(|cell| **cell == state).count() as u64;
    LevelView {
        waiting: count(CellState::Waiting),
        queued: count(CellState::Queued),
        proving: count(CellState::Proving),
        proven: count(CellState::Proven),
        carried: count(CellState::Carried),
        failed: count(CellState::Failed),
    }
}

impl Tree {
    fn new(epoch: u64, begun_ms: u64, depth: u8, shards: u32, silent: BTreeSet<u32>) -> Self {
        let width = |level: u8| 3_usize.pow((depth - level).into());
        let cells = |level: u8| {
            (0..width(level))
                .map(|index| first_state(level, index as u32, shards))
                .collect()
        };
        let mut levels: Vec<Vec<CellState>> = (0..=depth).map(cells).collect();
        levels.push(vec![CellState::Waiting]);
        Self {
            epoch,
            begun_ms,
            levels,
            ready: BTreeSet::new(),
            holders: BTreeMap::new(),
            silent,
            arrived: 0,
            closed: false,
        }
    }

    fn state(&self, (level, index): Place) -> CellState {
        self.levels[usize::from(level)][index as usize]
    }

    fn set(&mut self, place: Place, state: CellState) {
        let (level, index) = place;
        self.levels[usize::from(level)][index as usize] = state;
        if state == CellState::Queued {
            self.ready.insert((Reverse(level), index));
        }
        if self.closed && settled(state) {
            self.look_at((level + 1, index / 3));
        }
    }

    /// Queues a merge or the nest once what it takes is there.
    fn look_at(&mut self, place: Place) {
        let (level, index) = place;
        let Some(cells) = self.levels.get(usize::from(level)) else {
            return;
        };
        if cells[index as usize] != CellState::Waiting {
            return;
        }
        let below = &self.levels[usize::from(level) - 1];
        let first = index as usize * 3;
        let children = &below[first..(first + 3).min(below.len())];
        if children
            .iter()
            .all(|child| matches!(child, CellState::Carried | CellState::Empty))
        {
            self.set(place, CellState::Carried);
        } else if children.iter().all(|child| settled(*child)) {
            self.set(place, CellState::Queued);
        }
    }

    fn arrive(&mut self, count: u32, shards: u32) {
        let until = (self.arrived + count).min(shards);
        for shard in self.arrived..until {
            if !self.silent.contains(&shard) {
                self.set((0, shard), CellState::Queued);
            }
        }
        self.arrived = until;
    }

    fn close(&mut self, shards: u32, now_ms: u64) {
        self.arrive(shards, shards);
        self.closed = true;
        self.begun_ms = now_ms;
        for shard in self.silent.clone() {
            self.set((0, shard), CellState::Carried);
        }
        for merge in 0..self.levels[1].len() {
            self.look_at((1, merge as u32));
        }
    }

    fn take(&mut self) -> Option<Place> {
        let (Reverse(level), index) = self.ready.pop_first()?;
        Some((level, index))
    }

    fn count(&self, state: CellState) -> u64 {
        self.levels
            .iter()
            .flatten()
            .filter(|cell| **cell == state)
            .count() as u64
    }

    fn cells(&self, depth: u8) -> Cells {
        let runs = |cells: &Vec<CellState>| {
            runs::encode(&cells.iter().map(|cell| cell.letter()).collect::<Vec<_>>())
        };
        let holders = self
            .holders
            .iter()
            .take(trifold_coordinator::view::SHOWN_HOLDERS);
        Cells {
            version: VERSION,
            epoch: self.epoch,
            depth,
            levels: self.levels.iter().map(runs).collect(),
            holders: holders
                .map(|(&(level, index), name)| (level, index, name.clone()))
                .collect(),
        }
    }
}

fn first_state(level: u8, index: u32, shards: u32) -> CellState {
    match index * 3_u32.pow(level.into()) < shards {
        true => CellState::Waiting,
        false => CellState::Empty,
    }
}

fn settled(state: CellState) -> bool {
    matches!(
        state,
        CellState::Proven | CellState::Carried | CellState::Empty
    )
}

impl Worker {
    fn new(number: u32) -> Self {
        let name = format!("gpu-{number:02}");
        let state = match number {
            5 => WorkerState::Cordoned,
            7 => WorkerState::Starting,
            _ => WorkerState::Ready,
        };
        Self {
            told: presence(&name, state, None, 0, 0),
            told_ms: 0,
            name,
            state,
            silent_since: (number == 6).then_some(0),
            work: None,
            proved: 0,
        }
    }

    fn serves(&self) -> bool {
        self.state == WorkerState::Ready && self.silent_since.is_none()
    }

    fn view(&self, now_ms: u64) -> WorkerView {
        WorkerView {
            presence: self.told.clone(),
            silent_ms: now_ms - self.told_ms,
            alive: self.silent_since.is_none(),
            cordoned: self.state == WorkerState::Cordoned,
            strikes: u32::from(self.state == WorkerState::Cordoned) * 3,
        }
    }
}

/// What a worker says about itself at `now_ms`.
fn presence(
    name: &str,
    state: WorkerState,
    work: Option<(u64, Place, u64, u64)>,
    proved: u64,
    now_ms: u64,
) -> Presence {
    let held = work.map(|(epoch, place, _, since)| HeldTask {
        task: Digest::of(format!("{epoch} {place:?}").as_bytes()),
        attempt: 1,
        stage: HeldStage::Proving,
        seconds: (now_ms - since) as f64 / 1000.0,
    });
    Presence {
        version: VERSION,
        name: name.into(),
        serial: now_ms / NOTICE_MS,
        started_unix_ms: BEGIN_UNIX_MS,
        build: "0.1.0".into(),
        host: "host-a".into(),
        process: 4000,
        backend: "cuda".into(),
        card: Some("played card, 80 GB".into()),
        state,
        lanes: ["program", "merge", "nest"]
            .map(|kind| format!("{kind}-0011223344556677"))
            .into(),
        held: held.into_iter().collect(),
        proved_tasks: proved,
        failed_tasks: 0,
        cpu_seconds: proved as f64 * 1.7,
        gpu_seconds: proved as f64 * 0.4,
    }
}
