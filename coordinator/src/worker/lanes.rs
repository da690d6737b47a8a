//! Which lanes to take from, and which batch the prover gets next. No IO, no clock.
//!
//! The farm's other workers are known only by what they leave behind, so the rules are about that:
//!
//! 1. With nothing to do, the worker waits for a task of any lane.
//! 2. A lane is *plentiful* while more of its tasks stayed behind at the last look than the worker holds: so it holds at most
//!    half of what there was, and the rest is for others. From a plentiful lane it takes ahead at once, and from any more
//!    urgent one with it.
//! 3. Otherwise it looks only now and then: at every lane while its prover is free, and while the prover is busy at lanes more
//!    urgent than one that is known to hold tasks, since nobody is idle then. Whoever is idle looks all the time and comes first.
//! 4. It takes ahead only what will be started within a lease, by the time that the last batch took; what was not, it gives
//!    back.

use std::time::{Duration, Instant};

use crate::queue::Lane;

/// How much of what may be done at once.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    pub preparers: usize,
    pub provers: usize,
    pub lease: Duration,
    pub linger: Duration,
}

/// The lanes, the most urgent first, with what waits for the prover.
pub(super) struct Lanes<T> {
    lanes: Vec<State<T>>,
    running: Vec<Running>,
    limits: Limits,
}

struct State<T> {
    lane: Lane,
    preparing: usize,
    ready: Vec<Ready<T>>,
    /// Tasks that stayed behind at the last look.
    spare: usize,
    /// Time of the last batch.
    batch_time: Duration,
    /// Most tasks proven together, and most that wait.
    batch: usize,
}

struct Ready<T> {
    item: T,
    leased: Instant,
    prepared: Instant,
}

/// A batch at the prover.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Running {
    /// Place of its lane.
    pub lane: usize,
    pub size: usize,
    pub started: Instant,
}

/// Lanes to take a task from.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Pull {
    pub lanes: Vec<Lane>,
    /// There is nothing else to do than to wait for it.
    pub idle: bool,
}

/// What the prover gets.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Next<T> {
    Batch(Running, Vec<T>),
    /// A batch that may fill up until then.
    Linger(Instant),
    Nothing,
}

impl<T> State<T> {
    fn waiting(&self) -> usize {
        self.preparing + self.ready.len()
    }
}

impl<T> Lanes<T> {
    pub fn new(lanes: impl IntoIterator<Item = Lane>, limits: Limits) -> Self {
        let state = |lane| State {
            lane,
            preparing: 0,
            ready: Vec::new(),
            spare: 0,
            batch_time: Duration::ZERO,
            batch: 1,
        };
        let limits = Limits {
            preparers: limits.preparers.max(1),
            provers: limits.provers.max(1),
            ..limits
        };
        Self {
            lanes: lanes.into_iter().map(state).collect(),
            running: Vec::new(),
            limits,
        }
    }

    /// Sets how many tasks of each lane go together.
    pub fn set_batches(&mut self, batch: impl Fn(usize, &Lane) -> usize) {
        for (place, state) in self.lanes.iter_mut().enumerate() {
            state.batch = batch(place, &state.lane).max(1);
        }
    }

    /// Where to take a task from now; `look` when the last look at empty lanes is long enough ago.
    pub fn pull(&self, now: Instant, look: bool) -> Option<Pull> {
        let waiting: usize = self.lanes.iter().map(State::waiting).sum();
        let preparing: usize = self.lanes.iter().map(|state| state.preparing).sum();
        if waiting == 0 && self.running.is_empty() {
            let lanes = self.lanes.iter().map(|state| state.lane.clone());
            let (lanes, idle) = (lanes.collect(), true);
            return Some(Pull { lanes, idle });
        }
        if preparing >= self.limits.preparers || !self.startable(now) {
            return None;
        }
        let lanes = self.wanted(look);
        (!lanes.is_empty()).then_some(Pull { lanes, idle: false })
    }

    fn wanted(&self, look: bool) -> Vec<Lane> {
        let room = |state: &State<T>| state.waiting() < state.batch;
        let plentiful =
            |(place, state): (usize, &State<T>)| room(state) && state.spare > self.held(place);
        let nobody_idle = self.lanes.iter().rposition(|state| state.spare > 0);
        let reach = match self.lanes.iter().enumerate().rposition(plentiful) {
            Some(place) => place + 1,
            None if look && self.running.is_empty() => self.lanes.len(),
            None if look => nobody_idle.unwrap_or(0),
            None => 0,
        };
        let taken = self.lanes[..reach].iter().filter(|state| room(state));
        taken.map(|state| state.lane.clone()).collect()
    }

    /// Tasks of a lane that wait for the prover or are there.
    fn held(&self, place: usize) -> usize {
        let proving = self.running.iter().filter(|batch| batch.lane == place);
        self.lanes[place].waiting() + proving.map(|batch| batch.size).sum::<usize>()
    }

    /// Whether a task taken now would be started within a lease.
    fn startable(&self, now: Instant) -> bool {
        let free = self.running.len() < self.limits.provers;
        free || self.running.iter().any(|batch| {
            let elapsed = now.saturating_duration_since(batch.started);
            elapsed.abs_diff(self.lanes[batch.lane].batch_time) <= self.limits.lease
        })
    }

    /// Takes note of a look at `asked`; what it found came from one of them, and `left` stayed behind there. Returns the
    /// place of its lane, where it now counts as being prepared.
    pub fn pulled(&mut self, asked: &[Lane], found: Option<(&Lane, usize)>) -> Option<usize> {
        let place = found.and_then(|(lane, _)| self.place(lane));
        let before = place.unwrap_or(self.lanes.len());
        let empty = self.lanes[..before].iter_mut();
        for state in empty.filter(|state| asked.contains(&state.lane)) {
            state.spare = 0;
        }
        let state = &mut self.lanes[place?];
        state.spare = found.map_or(0, |(_, left)| left);
        state.preparing += 1;
        place
    }

    fn place(&self, lane: &Lane) -> Option<usize> {
        self.lanes.iter().position(|state| state.lane == *lane)
    }

    /// A task of a lane is ready for the prover.
    pub fn prepared(&mut self, lane: usize, item: T, leased: Instant, now: Instant) {
        self.dropped(lane);
        let ready = &mut self.lanes[lane].ready;
        let place = ready.partition_point(|other| other.leased <= leased);
        ready.insert(
            place,
            Ready {
                item,
                leased,
                prepared: now,
            },
        );
    }

    /// A task of a lane is no longer being prepared.
    pub fn dropped(&mut self, lane: usize) {
        let preparing = &mut self.lanes[lane].preparing;
        *preparing = preparing.saturating_sub(1);
    }

    /// The most urgent batch, which then counts as running.
    pub fn next(&mut self, now: Instant) -> Next<T> {
        let Some(lane) = self.lanes.iter().position(|state| !state.ready.is_empty()) else {
            return Next::Nothing;
        };
        if self.running.len() >= self.limits.provers {
            return Next::Nothing;
        }
        let state = &mut self.lanes[lane];
        let oldest = state.ready.iter().map(|ready| ready.prepared).min();
        let until = oldest.unwrap_or(now) + self.limits.linger;
        let growing = state.preparing > 0 && state.ready.len() < state.batch;
        if growing && now < until {
            return Next::Linger(until);
        }
        let count = state.ready.len().min(state.batch);
        let items = state.ready.drain(..count).map(|ready| ready.item).collect();
        let batch = Running {
            lane,
            size: count,
            started: now,
        };
        self.running.push(batch);
        Next::Batch(batch, items)
    }

    /// A batch came back from the prover.
    pub fn finished(&mut self, batch: Running, now: Instant) {
        if let Some(place) = self.running.iter().position(|running| *running == batch) {
            self.running.swap_remove(place);
        }
        self.lanes[batch.lane].batch_time = now.saturating_duration_since(batch.started);
    }

    /// What has waited for a busy prover for longer than a lease.
    pub fn overdue(&mut self, now: Instant) -> Vec<T> {
        if self.running.len() < self.limits.provers {
            return Vec::new();
        }
        let (lease, mut items) = (self.limits.lease, Vec::new());
        for state in &mut self.lanes {
            let late = |ready: &mut Ready<T>| now.saturating_duration_since(ready.leased) > lease;
            let before = items.len();
            items.extend(state.ready.extract_if(.., late).map(|ready| ready.item));
            if items.len() > before {
                state.spare = 0;
            }
        }
        items
    }

    /// Everything that waits for the prover.
    pub fn drain(&mut self) -> Vec<T> {
        let lanes = self.lanes.iter_mut();
        let ready = lanes.flat_map(|state| state.ready.drain(..));
        ready.map(|ready| ready.item).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LEASE: Duration = Duration::from_secs(30);
    const LINGER: Duration = Duration::from_millis(20);

    fn lane(name: &str) -> Lane {
        Lane::Tasks(name.into())
    }

    fn all() -> Vec<Lane> {
        ["nest", "merge", "program"].map(lane).into()
    }

    fn lanes(batch: usize) -> Lanes<u32> {
        let limits = Limits {
            preparers: 16,
            provers: 1,
            lease: LEASE,
            linger: LINGER,
        };
        let mut lanes = Lanes::new(all(), limits);
        lanes.set_batches(|_, _| batch);
        lanes
    }

    /// Takes tasks of `name` as the rules allow, of `free` that wait there, and gives the number taken.
    fn take(lanes: &mut Lanes<u32>, now: Instant, name: &str, free: usize) -> usize {
        let mut taken = 0;
        while let Some(pull) = lanes.pull(now, false) {
            let there = taken < free && pull.lanes.contains(&lane(name));
            let (found, left) = (lane(name), free.saturating_sub(taken + 1));
            lanes.pulled(&pull.lanes, there.then_some((&found, left)));
            if !there {
                break;
            }
            taken += 1;
        }
        taken
    }

    fn prepare_all(lanes: &mut Lanes<u32>, place: usize, count: usize, now: Instant) {
        for serial in 0..count {
            lanes.prepared(place, serial as u32, now, now);
        }
    }

    #[test]
    fn takes_half_of_a_short_lane_and_a_batch_of_a_long_one() {
        let now = Instant::now();
        for (free, expected) in [
            (0, 0),
            (1, 1),
            (2, 1),
            (3, 2),
            (4, 2),
            (7, 4),
            (8, 4),
            (99, 4),
        ] {
            let mut lanes = lanes(4);
            assert_eq!(take(&mut lanes, now, "program", free), expected, "{free}");
        }
    }

    #[test]
    fn takes_a_batch_ahead_of_a_long_lane_and_nothing_of_a_short_one() {
        let now = Instant::now();
        for (free, expected) in [(96, 4), (5, 1), (4, 0), (0, 0)] {
            let mut lanes = lanes(4);
            take(&mut lanes, now, "program", 4 + free);
            let held = lanes.lanes[2].waiting();
            prepare_all(&mut lanes, 2, held, now);
            assert!(matches!(lanes.next(now), Next::Batch(_, items) if items.len() == held));
            lanes.lanes[2].spare = free;
            assert_eq!(take(&mut lanes, now, "program", free), expected, "{free}");
        }
    }

    #[test]
    fn an_idle_worker_waits_for_every_lane() {
        let idle = Pull {
            lanes: all(),
            idle: true,
        };
        assert_eq!(lanes(4).pull(Instant::now(), false), Some(idle));
    }

    #[test]
    fn looks_at_more_urgent_lanes_while_tasks_are_known_to_wait() {
        let now = Instant::now();
        let mut lanes = lanes(1);
        take(&mut lanes, now, "program", 9);
        prepare_all(&mut lanes, 2, 1, now);
        assert!(matches!(lanes.next(now), Next::Batch(..)));
        // One more is taken ahead, and more urgent lanes are looked at on the way.
        assert_eq!(lanes.pull(now, false).expect("ahead").lanes, all());
        lanes.pulled(&all(), Some((&lane("program"), 7)));
        assert_eq!(lanes.pull(now, false), None);
        let urgent = lanes.pull(now, true).expect("a look");
        assert_eq!(urgent.lanes, ["nest", "merge"].map(lane));
        lanes.lanes[2].spare = 0;
        assert_eq!(lanes.pull(now, true), None, "others may be idle");
    }

    #[test]
    fn looks_at_every_lane_while_the_prover_is_free() {
        let now = Instant::now();
        let mut lanes = lanes(4);
        take(&mut lanes, now, "program", 1);
        assert_eq!(lanes.pull(now, false), None);
        assert_eq!(lanes.pull(now, true).expect("a look").lanes, all());
    }

    #[test]
    fn urgent_lanes_come_first_and_never_mix() {
        let now = Instant::now();
        let mut lanes = lanes(4);
        for (place, item) in [(2, 20), (1, 10), (2, 21), (0, 1), (1, 11)] {
            lanes.prepared(place, item, now, now);
        }
        let mut order = Vec::new();
        while let Next::Batch(batch, items) = lanes.next(now) {
            order.push(items);
            assert_eq!(lanes.next(now), Next::Nothing, "one batch at a time");
            lanes.finished(batch, now);
        }
        assert_eq!(order, [vec![1], vec![10, 11], vec![20, 21]]);
    }

    #[test]
    fn a_batch_lingers_only_for_tasks_that_are_being_prepared_and_not_for_long() {
        let now = Instant::now();
        let mut lanes = lanes(2);
        take(&mut lanes, now, "program", 9);
        lanes.prepared(2, 1, now, now);
        assert_eq!(lanes.next(now), Next::Linger(now + LINGER));
        assert!(matches!(lanes.next(now + LINGER), Next::Batch(_, items) if items == [1]));
    }

    #[test]
    fn takes_nothing_ahead_that_would_outlast_a_lease_and_gives_back_what_did() {
        let start = Instant::now();
        let mut lanes = lanes(1);
        take(&mut lanes, start, "program", 9);
        lanes.prepared(2, 1, start, start);
        let Next::Batch(batch, _) = lanes.next(start) else {
            panic!("no batch")
        };
        let minute = Duration::from_secs(60);
        lanes.finished(batch, start + minute);
        let start = start + minute;
        lanes.prepared(2, 2, start, start);
        assert!(matches!(lanes.next(start), Next::Batch(..)));
        lanes.lanes[2].spare = 9;
        assert_eq!(lanes.pull(start + minute / 3, true), None);
        let late = start + minute / 2;
        assert!(lanes.pull(late, false).is_some());
        lanes.prepared(2, 3, late, late);
        assert!(lanes.overdue(late + LEASE).is_empty());
        let overdue = late + LEASE + Duration::from_secs(1);
        assert_eq!(lanes.overdue(overdue), [3]);
        assert_eq!(lanes.pull(overdue, true), None, "not at once again");
    }

    #[test]
    fn no_more_witnesses_at_once_than_threads() {
        let mut lanes = lanes(4);
        lanes.limits.preparers = 2;
        assert_eq!(take(&mut lanes, Instant::now(), "program", 99), 2);
    }
}
