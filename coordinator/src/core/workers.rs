//! Who proves: what workers say about themselves, what is held against them, and what they are told.

use std::collections::{BTreeMap, BTreeSet};

use super::{Core, Effect, Entry};
use crate::Digest;
use crate::plan::Event;
use crate::view::WorkerView;
use crate::wire::{Order, Orders, Presence, VERSION, WorkerState, clip};

/// Longest name of a worker, in bytes.
pub const MAX_NAME: usize = 64;
/// Most workers that are remembered.
const MAX_WORKERS: usize = 10_000;
/// Most lanes and held tasks that a worker may name.
const MAX_LANES: usize = 64;
const MAX_HELD: usize = 256;
/// A worker that was silent for this long is forgotten, in milliseconds.
const FORGET_MS: u64 = 3_600_000;
/// Tasks at the queue per worker that lives, and at least.
const TASKS_PER_WORKER: usize = 4;
const MIN_WINDOW: usize = 64;

/// Name of a worker as it may appear in keys, logs and counters: a word.
pub fn name_of(worker: &str) -> Option<&str> {
    let word = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
    (!worker.is_empty() && worker.len() <= MAX_NAME && worker.bytes().all(word)).then_some(worker)
}

/// The workers by name.
#[derive(Default)]
pub(super) struct Registry {
    workers: BTreeMap<String, Known>,
}

struct Known {
    presence: Presence,
    /// When its notice last changed.
    changed_at: u64,
}

impl Known {
    fn serves(&self, lane: &str) -> bool {
        let works = matches!(
            self.presence.state,
            WorkerState::Starting | WorkerState::Ready
        );
        works && self.presence.lanes.iter().any(|served| served == lane)
    }
}

impl Registry {
    /// Takes a notice in; true if it is news.
    fn take(&mut self, now: u64, presence: Presence) -> bool {
        if let Some(known) = self.workers.get_mut(&presence.name) {
            let id =
                |presence: &Presence| (presence.started_unix_ms, presence.process, presence.serial);
            let news = id(&known.presence) != id(&presence);
            if news {
                (known.presence, known.changed_at) = (presence, now);
            }
            return news;
        }
        let room = self.workers.len() < MAX_WORKERS;
        if room {
            let known = Known {
                presence,
                changed_at: now,
            };
            self.workers.insert(known.presence.name.clone(), known);
        }
        room
    }

    fn forget(&mut self, now: u64) {
        self.workers
            .retain(|_, known| now.saturating_sub(known.changed_at) < FORGET_MS);
    }
}

/// What a worker says about itself, cut to what we remember of it.
fn bounded(mut presence: Presence) -> Option<Presence> {
    name_of(&presence.name)?;
    presence.lanes.truncate(MAX_LANES);
    presence.held.truncate(MAX_HELD);
    for text in [
        &mut presence.build,
        &mut presence.host,
        &mut presence.backend,
    ] {
        *text = clip(text);
    }
    presence
        .lanes
        .iter_mut()
        .chain(&mut presence.card)
        .for_each(|text| *text = clip(text));
    Some(presence)
}

impl Core {
    pub(super) fn presence(&mut self, now: u64, presence: Presence) {
        let Some(presence) = bounded(presence) else {
            return;
        };
        let (name, state) = (presence.name.clone(), presence.state);
        if !self.registry.take(now, presence) {
            return;
        }
        // Told again as long as it does not show: the notice may have been lost.
        let cordoned = self.recorded.cordoned.contains(&name);
        if cordoned && matches!(state, WorkerState::Starting | WorkerState::Ready) {
            self.order(&name, Order::Cordon);
        }
        self.look_at_workers(now);
    }

    /// Fits what is offered at a time to those who are there.
    pub(super) fn look_at_workers(&mut self, now: u64) {
        self.registry.forget(now);
        let alive = self
            .registry
            .workers
            .values()
            .filter(|known| self.is_alive(now, known));
        let capacity: usize = alive
            .map(|known| TASKS_PER_WORKER.max(known.presence.held.len() * 2))
            .sum();
        let window = capacity.max(MIN_WINDOW);
        if window != self.window {
            self.window = window;
            self.plan(now, Event::Window { tasks: window });
        }
    }

    fn is_alive(&self, now: u64, known: &Known) -> bool {
        now.saturating_sub(known.changed_at) < self.config.presence_ms
    }

    /// Workers that live and are trusted.
    fn trusted(&self, now: u64) -> impl Iterator<Item = (&String, &Known)> {
        let trusted = move |(name, known): &(&String, &Known)| {
            self.is_alive(now, known) && !self.recorded.cordoned.contains(*name)
        };
        self.registry.workers.iter().filter(trusted)
    }

    /// Whether nobody is left who could prove this task, besides this worker and those that failed on it.
    pub(super) fn is_alone(&self, now: u64, task: &Digest, worker: &str) -> bool {
        if now.saturating_sub(self.led_since) < self.config.census_ms {
            return false;
        }
        let Some(offer) = self.offered.get(task) else {
            return true;
        };
        let asked = self.planner.reporters(task);
        let another = |(name, known): (&String, &Known)| {
            name != worker && !asked.contains(name) && known.serves(&offer.lane)
        };
        !self.trusted(now).any(another)
    }

    pub(super) fn knows_worker(&self, name: &str) -> bool {
        self.registry.workers.contains_key(name)
            || self.recorded.strikes.contains_key(name)
            || self.recorded.cordoned.contains(name)
    }

    pub(super) fn live_workers(&self, now: u64) -> Vec<String> {
        let alive = self
            .registry
            .workers
            .iter()
            .filter(|(_, known)| self.is_alive(now, known));
        alive.map(|(name, _)| name.clone()).collect()
    }

    /// Gives a worker no further task, and looks at nothing that it returns.
    pub(super) fn cordon(&mut self, worker: &str) {
        self.record(Entry::Cordoned {
            worker: worker.to_owned(),
        });
        self.order(worker, Order::Cordon);
    }

    pub(super) fn order(&mut self, worker: &str, order: Order) {
        // A drain ends a process; the next one of that name is not meant.
        let known = self
            .registry
            .workers
            .get(worker)
            .filter(|_| order == Order::Drain);
        let started_unix_ms = known.map(|known| known.presence.started_unix_ms);
        let orders = Orders {
            version: VERSION,
            order,
            started_unix_ms,
        };
        self.effect(Effect::Order {
            worker: worker.to_owned(),
            orders,
        });
    }

    /// Who holds which task, as far as they said.
    pub(super) fn holders(&self, now: u64) -> BTreeMap<Digest, String> {
        let alive = self
            .registry
            .workers
            .iter()
            .filter(|(_, known)| self.is_alive(now, known));
        let held = alive.flat_map(|(name, known)| {
            known
                .presence
                .held
                .iter()
                .map(move |held| (held.task, name.clone()))
        });
        held.collect()
    }

    pub(super) fn worker_views(&self, now: u64) -> Vec<WorkerView> {
        let view = |(name, known): (&String, &Known)| WorkerView {
            presence: known.presence.clone(),
            silent_ms: now.saturating_sub(known.changed_at),
            alive: self.is_alive(now, known),
            cordoned: self.recorded.cordoned.contains(name),
            strikes: self.recorded.strikes.get(name).copied().unwrap_or_default(),
        };
        self.registry.workers.iter().map(view).collect()
    }

    /// Why workers do not take what is offered, if so.
    pub(super) fn why_nobody_works(&self, now: u64) -> Option<String> {
        if self.live_workers(now).is_empty() {
            return Some("no worker is there".into());
        }
        let trusted: Vec<&Known> = self.trusted(now).map(|(_, known)| known).collect();
        if trusted.is_empty() {
            return Some("all workers are cordoned".into());
        }
        let lanes: BTreeSet<&String> = self.offered.values().map(|offer| &offer.lane).collect();
        let unserved = |lane: &&&String| !trusted.iter().any(|known| known.serves(lane));
        if let Some(lane) = lanes.iter().find(unserved) {
            return Some(format!("no worker serves lane {lane}"));
        }
        let held = trusted.iter().any(|known| !known.presence.held.is_empty());
        (!held).then(|| "tasks are offered, no worker has taken one yet".into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_one_short_word() {
        assert_eq!(name_of("worker-1_a"), Some("worker-1_a"));
        for bad in ["", "a b", "a.b", "*", "ü", &"a".repeat(MAX_NAME + 1)] {
            assert_eq!(name_of(bad), None, "{bad}");
        }
    }
}
