//! The embedded queue: in this process, in memory, and on disk when given a directory.
//!
//! With a directory, snapshots, commands, results, publications and the journal survive the process; tasks do
//! not, since the coordinator makes them anew.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use bytes::Bytes;
use tokio::sync::{Notify, oneshot};

use super::journal::{Entry, Journal};
use super::log::Log;
use super::{
    ArtifactStats, Delivery, Facts, Item, JournalEntry, Lane, LaneStats, Lease, LocalFacts,
    MAX_DELIVERIES, Pushed, Queue, QueueError, QueueStats, check, check_entry, check_key,
    check_lane,
};
use crate::Artifacts;
use crate::artifacts::{DirectoryArtifacts, MemoryArtifacts, write_atomically};

/// Most items in one lane.
pub const MAX_LANE_ITEMS: usize = 100_000;
/// Most notices kept; beyond it the oldest key goes.
pub const MAX_NOTICES: usize = 10_000;

/// The embedded queue.
pub struct LocalQueue {
    shared: Arc<Shared>,
    artifacts: Box<dyn Artifacts>,
    directory: Option<PathBuf>,
    // Held for the life of the queue, so that two processes never share a directory.
    _lock: Option<File>,
}

struct Shared {
    state: Mutex<State>,
    changed: Notify,
    lease: Duration,
    journal: Option<Journal>,
}

#[derive(Default)]
struct State {
    lanes: HashMap<String, LaneState>,
    published: BTreeMap<String, Bytes>,
    log: Log,
    undeliverable: Vec<(Lane, String)>,
    notices: BTreeMap<String, Bytes>,
    notice_order: VecDeque<String>,
}

/// Items by serial number: free ones in order, and those that become free at a known instant.
#[derive(Default)]
struct LaneState {
    next: u64,
    items: HashMap<u64, Held>,
    by_key: HashMap<String, u64>,
    free: BTreeSet<u64>,
    later: BTreeSet<(Instant, u64)>,
}

struct Held {
    key: String,
    body: Bytes,
    free_at: Option<Instant>,
    deliveries: u32,
}

/// An item that was just leased.
struct Taken {
    lane: Lane,
    serial: u64,
    key: String,
    body: Bytes,
    left: usize,
}

impl LaneState {
    fn insert(&mut self, key: &str, body: Bytes) {
        let serial = self.next;
        self.next += 1;
        self.items.insert(
            serial,
            Held {
                key: key.into(),
                body,
                free_at: None,
                deliveries: 0,
            },
        );
        self.by_key.insert(key.into(), serial);
        self.free.insert(serial);
    }

    fn remove(&mut self, serial: u64) -> Option<Held> {
        let held = self.items.remove(&serial)?;
        self.by_key.remove(&held.key);
        self.free.remove(&serial);
        if let Some(at) = held.free_at {
            self.later.remove(&(at, serial));
        }
        Some(held)
    }

    /// Makes the item free at `at`, wherever it was before.
    fn postpone(&mut self, serial: u64, at: Instant) {
        let Some(held) = self.items.get_mut(&serial) else {
            return;
        };
        self.free.remove(&serial);
        if let Some(old) = held.free_at.replace(at) {
            self.later.remove(&(old, serial));
        }
        self.later.insert((at, serial));
    }

    /// Hands out a free item until `until`.
    fn deliver(&mut self, lane: &Lane, serial: u64, until: Instant) -> Option<Taken> {
        self.postpone(serial, until);
        let left = self.free.len();
        let held = self.items.get_mut(&serial)?;
        held.deliveries += 1;
        Some(Taken {
            lane: lane.clone(),
            serial,
            key: held.key.clone(),
            body: held.body.clone(),
            left,
        })
    }

    fn stats(&self, lane: Lane, now: Instant) -> LaneStats {
        let due = self.later.iter().take_while(|(at, _)| *at <= now).count();
        let redelivered = |held: &&Held| held.free_at.is_some() && held.deliveries > 1;
        LaneStats {
            lane,
            waiting: (self.free.len() + due) as u64,
            leased: (self.later.len() - due) as u64,
            redelivered: self.items.values().filter(redelivered).count() as u64,
        }
    }

    fn release_due(&mut self, now: Instant) {
        while let Some(&(at, serial)) = self.later.first().filter(|(at, _)| *at <= now) {
            self.later.remove(&(at, serial));
            self.free.insert(serial);
            if let Some(held) = self.items.get_mut(&serial) {
                held.free_at = None;
            }
        }
    }
}

impl LocalQueue {
    /// A queue in memory. A delivered item is free again `lease` after its holder's last sign of life.
    pub fn memory(lease: Duration) -> Self {
        Self::new(
            State::default(),
            lease,
            None,
            Box::<MemoryArtifacts>::default(),
            None,
        )
    }

    /// A queue in `directory`, continuing what an earlier process left there.
    pub fn open(directory: &Path, lease: Duration) -> Result<Self, QueueError> {
        let failed = |e: &dyn std::fmt::Display| QueueError::Backend(e.to_string());
        std::fs::create_dir_all(directory).map_err(|e| failed(&e))?;
        let lock = lock(&directory.join("lock"))?;
        let artifacts =
            DirectoryArtifacts::open(directory.join("artifacts")).map_err(|e| failed(&e))?;
        let path = directory.join("journal");
        let (entries, whole_bytes) = Journal::read(&path)?;
        let before = entries.len();
        let state = State::replay(entries);
        let live = state.entries();
        let journal = match before > 2 * live.len() {
            true => Journal::rewrite(path, &live)?,
            false => Journal::resume(path, whole_bytes)?,
        };
        Ok(Self::new(
            state,
            lease,
            Some(journal),
            Box::new(artifacts),
            Some((directory.to_owned(), lock)),
        ))
    }

    fn new(
        state: State,
        lease: Duration,
        journal: Option<Journal>,
        artifacts: Box<dyn Artifacts>,
        place: Option<(PathBuf, File)>,
    ) -> Self {
        let shared = Shared {
            state: Mutex::new(state),
            changed: Notify::new(),
            lease,
            journal,
        };
        let (directory, lock) = place.unzip();
        Self {
            shared: Arc::new(shared),
            artifacts,
            directory,
            _lock: lock,
        }
    }
}

/// The probe's name; its content is of no use to anybody.
const PROBE: &str = "doctor";

fn local_facts(directory: Option<PathBuf>) -> Result<LocalFacts, QueueError> {
    let Some(directory) = directory else {
        return Ok(LocalFacts {
            directory: None,
            free_bytes: None,
            sync: None,
        });
    };
    let failed = |e: String| QueueError::Backend(format!("{}: {e}", directory.display()));
    let space = nix::sys::statvfs::statvfs(&directory).map_err(|e| failed(e.to_string()))?;
    let started = Instant::now();
    let written = write_atomically(&directory.join(PROBE), &[]);
    written.map_err(|e| failed(e.to_string()))?;
    Ok(LocalFacts {
        sync: Some(started.elapsed()),
        free_bytes: Some(space.blocks_available() as u64 * space.fragment_size() as u64),
        directory: Some(directory),
    })
}

fn lock(path: &Path) -> Result<File, QueueError> {
    let failed = |e: String| QueueError::Backend(format!("{}: {e}", path.display()));
    let file = File::create(path).map_err(|e| failed(e.to_string()))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(std::fs::TryLockError::WouldBlock) => {
            Err(failed("another process uses this queue".into()))
        }
        Err(std::fs::TryLockError::Error(e)) => Err(failed(e.to_string())),
    }
}

fn durable(lane: &Lane) -> bool {
    !matches!(lane, Lane::Tasks(_))
}

impl State {
    fn replay(entries: Vec<Entry>) -> Self {
        let mut state = Self::default();
        for entry in entries {
            match entry {
                Entry::Push { lane, key, body } => state.lane(lane).insert(&key, body),
                Entry::Done { lane, key } => {
                    let lane = state.lane(lane);
                    if let Some(serial) = lane.by_key.get(&key) {
                        lane.remove(*serial);
                    }
                }
                Entry::Publish { key, body } => drop(state.published.insert(key, body)),
                Entry::Append { body } => drop(state.log.append(body)),
                Entry::Shorten { before } => state.log.shorten(before),
            }
        }
        state.log.synced(state.log.end());
        state
    }

    /// The shortest journal that replays to this state.
    fn entries(&self) -> Vec<Entry> {
        let mut entries = Vec::new();
        for (key, body) in &self.published {
            entries.push(Entry::Publish {
                key: key.clone(),
                body: body.clone(),
            });
        }
        entries.push(Entry::Shorten {
            before: self.log.first(),
        });
        for body in self.log.bodies() {
            entries.push(Entry::Append { body: body.clone() });
        }
        let is_durable = |lane: &String| Lane::named(lane).is_some_and(|lane| durable(&lane));
        for (lane, items) in self.lanes.iter().filter(|(lane, _)| is_durable(lane)) {
            let held: BTreeMap<_, _> = items.items.iter().collect();
            for held in held.into_values() {
                let (key, body) = (held.key.clone(), held.body.clone());
                entries.push(Entry::Push {
                    lane: lane.clone(),
                    key,
                    body,
                });
            }
        }
        entries
    }

    fn lane(&mut self, name: String) -> &mut LaneState {
        self.lanes.entry(name).or_default()
    }

    fn take(&mut self, lanes: &[Lane], now: Instant, lease: Duration) -> Option<Taken> {
        for lane in lanes {
            let Some(state) = self.lanes.get_mut(&lane.name()) else {
                continue;
            };
            state.release_due(now);
            while let Some(&serial) = state.free.first() {
                if !durable(lane) && state.items[&serial].deliveries >= MAX_DELIVERIES {
                    let held = state.remove(serial);
                    self.undeliverable
                        .extend(held.map(|held| (lane.clone(), held.key)));
                    continue;
                }
                return state.deliver(lane, serial, now + lease);
            }
        }
        None
    }

    fn stats(&self) -> QueueStats {
        let now = Instant::now();
        let lane =
            |(name, state): (&String, &LaneState)| Some(state.stats(Lane::named(name)?, now));
        let mut lanes: Vec<_> = self.lanes.iter().filter_map(lane).collect();
        lanes.sort_by(|a, b| a.lane.cmp(&b.lane));
        QueueStats {
            lanes,
            journal: self.log.stats(),
            ..QueueStats::default()
        }
    }

    fn next_due(&self, lanes: &[Lane]) -> Option<Instant> {
        let due = |lane: &Lane| {
            self.lanes
                .get(&lane.name())?
                .later
                .first()
                .map(|(at, _)| *at)
        };
        lanes.iter().filter_map(due).min()
    }
}

impl Shared {
    fn deliver(self: &Arc<Self>, taken: Taken) -> Delivery {
        let lease = LocalLease {
            shared: self.clone(),
            lane: taken.lane.clone(),
            serial: taken.serial,
        };
        Delivery {
            lane: taken.lane,
            key: taken.key,
            body: taken.body,
            lease: Arc::new(lease),
            left: taken.left,
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(|e| e.into_inner())
    }

    /// Waits for what was appended to the journal so far; what an earlier failure kept from the disk stays unseen.
    async fn settle(&self) {
        let end = self.lock().log.end();
        let pending = self.journal.as_ref().map(Journal::barrier);
        let _ = self.settled(end, pending).await;
    }

    async fn settled(&self, end: u64, pending: Option<Pending>) -> Result<(), QueueError> {
        let written = synced(pending).await;
        let mut state = self.lock();
        match &written {
            Ok(()) => state.log.synced(end),
            Err(_) => state.log.take_back(),
        }
        written
    }

    fn append(&self, entry: &Entry) -> Option<Pending> {
        self.journal.as_ref().map(|journal| journal.append(entry))
    }
}

/// Answers once an entry is on disk.
type Pending = oneshot::Receiver<Result<(), String>>;

async fn synced(pending: Option<Pending>) -> Result<(), QueueError> {
    let Some(pending) = pending else {
        return Ok(());
    };
    match pending.await {
        Ok(written) => written.map_err(QueueError::Backend),
        Err(_) => Err(QueueError::Backend("the journal is closed".into())),
    }
}

struct LocalLease {
    shared: Arc<Shared>,
    lane: Lane,
    serial: u64,
}

#[async_trait]
impl Lease for LocalLease {
    async fn extend(&self) -> Result<(), QueueError> {
        self.give_back(self.shared.lease).await
    }

    async fn done(&self) -> Result<(), QueueError> {
        let mut state = self.shared.lock();
        let lane = self.lane.name();
        let removed = state
            .lanes
            .get_mut(&lane)
            .and_then(|l| l.remove(self.serial));
        if let (Some(held), true, Some(journal)) =
            (removed, durable(&self.lane), &self.shared.journal)
        {
            journal.append_relaxed(&Entry::Done {
                lane,
                key: held.key,
            });
        }
        Ok(())
    }

    async fn let_go(&self) -> Result<(), QueueError> {
        self.done().await
    }

    async fn give_back(&self, delay: Duration) -> Result<(), QueueError> {
        let mut state = self.shared.lock();
        if let Some(lane) = state.lanes.get_mut(&self.lane.name()) {
            lane.postpone(self.serial, Instant::now() + delay);
        }
        drop(state);
        self.shared.changed.notify_waiters();
        Ok(())
    }
}

#[async_trait]
impl Queue for LocalQueue {
    async fn push(&self, lane: &Lane, item: &Item) -> Result<Pushed, QueueError> {
        check_lane(lane)?;
        check(&item.key, &item.body)?;
        let pending = {
            let mut state = self.shared.lock();
            let items = state.lane(lane.name());
            if items.by_key.contains_key(&item.key) {
                return Ok(Pushed::Duplicate);
            }
            if items.items.len() >= MAX_LANE_ITEMS {
                return Err(QueueError::Full(lane.name()));
            }
            items.insert(&item.key, item.body.clone());
            let (key, body) = (item.key.clone(), item.body.clone());
            let entry = Entry::Push {
                lane: lane.name(),
                key,
                body,
            };
            durable(lane).then(|| self.shared.append(&entry)).flatten()
        };
        self.shared.changed.notify_waiters();
        synced(pending).await.map(|()| Pushed::New)
    }

    async fn pull(&self, lanes: &[Lane], wait: Duration) -> Result<Option<Delivery>, QueueError> {
        let deadline = Instant::now() + wait;
        loop {
            let changed = self.shared.changed.notified();
            tokio::pin!(changed);
            changed.as_mut().enable();
            let now = Instant::now();
            let (taken, due) = {
                let mut state = self.shared.lock();
                let taken = state.take(lanes, now, self.shared.lease);
                (taken, state.next_due(lanes))
            };
            if let Some(taken) = taken {
                return Ok(Some(self.shared.deliver(taken)));
            }
            if now >= deadline {
                return Ok(None);
            }
            let until = due.map_or(deadline, |due| due.min(deadline));
            let _ = tokio::time::timeout_at(until.into(), changed).await;
        }
    }

    async fn pull_many(
        &self,
        lane: &Lane,
        count: usize,
        wait: Duration,
    ) -> Result<Vec<Delivery>, QueueError> {
        let lanes = std::slice::from_ref(lane);
        let mut pulled: Vec<Delivery> = self.pull(lanes, wait).await?.into_iter().collect();
        while (1..count).contains(&pulled.len()) {
            match self.pull(lanes, Duration::ZERO).await? {
                Some(delivery) => pulled.push(delivery),
                None => break,
            }
        }
        Ok(pulled)
    }

    async fn cancel(&self, lane: &Lane, key: &str) -> Result<(), QueueError> {
        check_key(key)?;
        let mut state = self.shared.lock();
        let items = state.lane(lane.name());
        let removed = items
            .by_key
            .get(key)
            .copied()
            .and_then(|serial| items.remove(serial));
        if let (Some(held), true, Some(journal)) = (removed, durable(lane), &self.shared.journal) {
            journal.append_relaxed(&Entry::Done {
                lane: lane.name(),
                key: held.key,
            });
        }
        Ok(())
    }

    async fn publish(&self, key: &str, body: Bytes) -> Result<Pushed, QueueError> {
        check(key, &body)?;
        let pending = {
            let mut state = self.shared.lock();
            if state.published.contains_key(key) {
                return Ok(Pushed::Duplicate);
            }
            state.published.insert(key.into(), body.clone());
            self.shared.append(&Entry::Publish {
                key: key.into(),
                body,
            })
        };
        synced(pending).await.map(|()| Pushed::New)
    }

    async fn published(&self, key: &str) -> Result<Option<Bytes>, QueueError> {
        Ok(self.shared.lock().published.get(key).cloned())
    }

    async fn append(&self, body: Bytes, after: u64) -> Result<u64, QueueError> {
        check_entry(&body)?;
        let (position, pending) = {
            let mut state = self.shared.lock();
            if state.log.end() != after {
                return Err(QueueError::Conflict { after });
            }
            let position = state.log.append(body.clone());
            (position, self.shared.append(&Entry::Append { body }))
        };
        self.shared.settled(position, pending).await?;
        Ok(position)
    }

    async fn read(&self, from: u64, limit: usize) -> Result<Vec<JournalEntry>, QueueError> {
        self.shared.settle().await;
        Ok(self.shared.lock().log.read(from, limit))
    }

    async fn end(&self) -> Result<u64, QueueError> {
        self.shared.settle().await;
        Ok(self.shared.lock().log.durable())
    }

    async fn shorten(&self, before: u64) -> Result<(), QueueError> {
        self.shared.settle().await;
        let mut state = self.shared.lock();
        let before = before.min(state.log.durable() + 1);
        state.log.shorten(before);
        if let Some(journal) = &self.shared.journal {
            journal.append_relaxed(&Entry::Shorten { before });
            if journal.is_grown() {
                journal.replace(&state.entries());
            }
        }
        Ok(())
    }

    async fn notify(&self, key: &str, body: Bytes) -> Result<(), QueueError> {
        check(key, &body)?;
        let mut state = self.shared.lock();
        if state.notices.insert(key.into(), body).is_none() {
            state.notice_order.push_back(key.into());
        }
        if state.notice_order.len() > MAX_NOTICES
            && let Some(oldest) = state.notice_order.pop_front()
        {
            state.notices.remove(&oldest);
        }
        Ok(())
    }

    async fn notice(&self, key: &str) -> Result<Option<Bytes>, QueueError> {
        Ok(self.shared.lock().notices.get(key).cloned())
    }

    async fn notices(&self, prefix: &str) -> Result<Vec<(String, Bytes)>, QueueError> {
        check_key(prefix)?;
        let state = self.shared.lock();
        let start = format!("{prefix}.");
        let matching = state
            .notices
            .range(start.clone()..)
            .take_while(|(key, _)| key.starts_with(&start));
        Ok(matching
            .map(|(key, body)| (key.clone(), body.clone()))
            .collect())
    }

    async fn undeliverable(&self) -> Result<Vec<(Lane, String)>, QueueError> {
        Ok(std::mem::take(&mut self.shared.lock().undeliverable))
    }

    async fn stats(&self) -> Result<QueueStats, QueueError> {
        let blobs = self.artifacts.list().await;
        let blobs = blobs.map_err(|e| QueueError::Backend(e.to_string()))?;
        let artifacts = ArtifactStats {
            blobs: blobs.len() as u64,
            bytes: blobs.iter().map(|blob| blob.bytes).sum(),
            limit_bytes: None,
        };
        Ok(QueueStats {
            artifacts: Some(artifacts),
            ..self.shared.lock().stats()
        })
    }

    async fn facts(&self) -> Result<Facts, QueueError> {
        let directory = self.directory.clone();
        let facts = tokio::task::spawn_blocking(move || local_facts(directory)).await;
        let facts = facts.map_err(|e| QueueError::Backend(e.to_string()))?;
        facts.map(Facts::Local)
    }

    fn artifacts(&self) -> &dyn Artifacts {
        self.artifacts.as_ref()
    }
}
