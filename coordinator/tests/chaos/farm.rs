//! Servers and processes, and who kills them.

use std::process::Child;
use std::time::{Duration, Instant};

use rand::Rng;
use rand::rngs::StdRng;

use super::process::{Kind, Setup};
use crate::common::cluster::NatsCluster;

/// What happened to the farm.
#[derive(Debug, Default)]
pub struct Deeds {
    pub coordinators_killed: u64,
    pub workers_killed: u64,
    pub servers_killed: u64,
    pub all_servers_killed: u64,
    pub servers_frozen: u64,
    pub blobs_broken: u64,
    pub ended_by_themselves: u64,
}

struct Slot {
    setup: Setup,
    child: Option<Child>,
    /// When it is started again.
    due: Instant,
}

pub struct Farm {
    pub servers: NatsCluster,
    pub deeds: Deeds,
    test: &'static str,
    rng: StdRng,
    slots: Vec<Slot>,
    /// When killed servers are started again, and frozen ones go on.
    revivals: Vec<(Instant, usize)>,
    thaws: Vec<(Instant, usize)>,
    next: Instant,
    /// Nobody is killed any more.
    pub calm: bool,
}

fn milliseconds(rng: &mut StdRng, most: u64) -> Duration {
    Duration::from_millis(rng.random_range(0..most))
}

impl Farm {
    pub fn new(servers: NatsCluster, setups: Vec<Setup>, rng: StdRng, test: &'static str) -> Self {
        let now = Instant::now();
        let slot = |setup| Slot {
            setup,
            child: None,
            due: now,
        };
        Self {
            servers,
            deeds: Deeds::default(),
            test,
            rng,
            slots: setups.into_iter().map(slot).collect(),
            revivals: Vec::new(),
            thaws: Vec::new(),
            next: now + Duration::from_secs(2),
            calm: false,
        }
    }

    /// Starts what is due, notes who ended by himself, and now and then does harm. True: a blob is to be broken.
    pub fn tick(&mut self) -> bool {
        let now = Instant::now();
        self.revive(now);
        for slot in &mut self.slots {
            if let Some(child) = &mut slot.child
                && let Some(status) = child.try_wait().expect("waits")
            {
                slot.child = None;
                slot.due = now + Duration::from_millis(300);
                self.deeds.ended_by_themselves += 1;
                let is_fault = slot.setup.kind == Kind::Coordinator;
                assert!(!is_fault, "{} ended: {status}", slot.setup.name);
            }
            if slot.child.is_none() && slot.due <= now {
                slot.setup.seed = slot.setup.seed.wrapping_add(1);
                slot.child = Some(slot.setup.spawn(self.test));
            }
        }
        if self.calm || now < self.next {
            return false;
        }
        self.next = now + Duration::from_millis(300) + milliseconds(&mut self.rng, 1500);
        self.harm(now)
    }

    fn revive(&mut self, now: Instant) {
        let due = |(when, _): &mut (Instant, usize)| *when <= now;
        for (_, server) in self.revivals.extract_if(.., due) {
            self.servers.revive(server);
        }
        for (_, server) in self.thaws.extract_if(.., due) {
            if self.servers.running().contains(&server) {
                self.servers.signal(server, "CONT");
            }
        }
    }

    fn harm(&mut self, now: Instant) -> bool {
        match self.rng.random_range(0..100) {
            0..38 => self.kill_one(Kind::Worker, now),
            38..62 => self.kill_one(Kind::Coordinator, now),
            62..70 => {
                for slot in 0..self.slots.len() {
                    if self.rng.random_bool(0.5) {
                        self.kill(slot, now);
                    }
                }
            }
            70..80 => self.kill_server(now),
            80..83 => {
                self.deeds.all_servers_killed += 1;
                self.servers
                    .running()
                    .into_iter()
                    .for_each(|_| self.kill_server(now));
            }
            83..93 => self.freeze(now),
            _ => return true,
        }
        false
    }

    fn kill_one(&mut self, kind: Kind, now: Instant) {
        let of_kind = |slot: &usize| self.slots[*slot].setup.kind == kind;
        let slots: Vec<_> = (0..self.slots.len()).filter(of_kind).collect();
        let slot = slots[self.rng.random_range(0..slots.len())];
        self.kill(slot, now);
    }

    fn kill(&mut self, slot: usize, now: Instant) {
        let slot = &mut self.slots[slot];
        let Some(mut child) = slot.child.take() else {
            return;
        };
        child.kill().expect("kills");
        child.wait().expect("waits");
        match slot.setup.kind {
            Kind::Coordinator => self.deeds.coordinators_killed += 1,
            Kind::Worker => self.deeds.workers_killed += 1,
        }
        slot.due = now + milliseconds(&mut self.rng, 1500);
    }

    fn kill_server(&mut self, now: Instant) {
        let running = self.servers.running();
        if running.is_empty() {
            return;
        }
        let server = running[self.rng.random_range(0..running.len())];
        self.servers.kill(server);
        self.deeds.servers_killed += 1;
        let back = now + milliseconds(&mut self.rng, 1500);
        self.revivals.push((back, server));
    }

    /// A store that answers nobody for a while.
    fn freeze(&mut self, now: Instant) {
        let running = self.servers.running();
        if running.is_empty() {
            return;
        }
        let server = running[self.rng.random_range(0..running.len())];
        self.servers.signal(server, "STOP");
        self.deeds.servers_frozen += 1;
        let thaw = now + Duration::from_millis(200) + milliseconds(&mut self.rng, 1500);
        self.thaws.push((thaw, server));
    }

    /// The last lines that the processes said.
    pub fn last_words(&self) -> String {
        let words = |slot: &Slot| {
            let log = std::fs::read_to_string(slot.setup.log()).unwrap_or_default();
            let lines: Vec<_> = log
                .lines()
                .rev()
                .filter(|line| !line.is_empty())
                .take(40)
                .collect();
            let lines: Vec<_> = lines.into_iter().rev().collect();
            format!("--- {}\n{}\n", slot.setup.name, lines.join("\n"))
        };
        self.slots.iter().map(words).collect()
    }
}

impl Drop for Farm {
    fn drop(&mut self) {
        for mut child in self.slots.iter_mut().filter_map(|slot| slot.child.take()) {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}
