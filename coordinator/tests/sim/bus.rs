//! A model of the queue, with what both of them are allowed to do: leases without fencing, acks that come back, one item
//! per key, a window in which a repeated message is dropped, a journal fenced by position.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use trifold_coordinator::Digest;

/// Milliseconds that a lease lasts, and those in which a message of the same name is dropped silently.
pub const LEASE_MS: u64 = 60;
const WINDOW_MS: u64 = 200;

/// An item of a lane.
#[derive(Clone)]
pub struct Item {
    pub lane: String,
    pub key: String,
    pub body: Bytes,
    /// When it can be delivered.
    free_at: u64,
}

/// Names one message; a message that comes back keeps its own.
pub type Message = u64;

/// What an append came to.
#[derive(Debug, PartialEq)]
pub enum Appended {
    Stored,
    /// Somebody else wrote.
    Conflict,
    /// Nothing was stored: the disk is full.
    Full,
    /// It was stored, but nobody said so.
    Silent,
}

#[derive(Default)]
pub struct Bus {
    /// Whether it drops a repeated message in the window, and forgets acks: as a server does. Otherwise the embedded queue.
    server: bool,
    pub journal: BTreeMap<u64, Bytes>,
    pub end: u64,
    items: BTreeMap<Message, Item>,
    keys: BTreeSet<(String, String)>,
    sent: BTreeMap<(String, String, u32), u64>,
    acknowledged: Vec<Item>,
    serial: Message,
    pub published: BTreeMap<u64, Bytes>,
    pub blobs: BTreeMap<Digest, Bytes>,
    pub redelivered: u64,
}

impl Bus {
    /// An empty queue: a server's, or the embedded one.
    pub fn new(server: bool) -> Self {
        Self {
            server,
            ..Self::default()
        }
    }

    pub fn append(&mut self, after: u64, body: Bytes) -> bool {
        if after != self.end {
            return false;
        }
        self.end += 1;
        self.journal.insert(self.end, body);
        true
    }

    /// Puts an item on a lane, unless one of that key lies there.
    pub fn push(&mut self, now: u64, lane: &str, key: &str, attempt: u32, body: Bytes) {
        let name = (lane.to_owned(), key.to_owned());
        let message = (name.0.clone(), name.1.clone(), attempt);
        let repeated = self.sent.get(&message);
        if self.server && repeated.is_some_and(|at| now < at + WINDOW_MS) {
            return;
        }
        if !self.keys.insert(name) {
            return;
        }
        self.sent.insert(message, now);
        self.insert(Item {
            lane: lane.to_owned(),
            key: key.to_owned(),
            body,
            free_at: now,
        });
    }

    fn insert(&mut self, item: Item) {
        self.serial += 1;
        self.items.insert(self.serial, item);
    }

    pub fn cancel(&mut self, lane: &str, key: &str) {
        self.keys.remove(&(lane.to_owned(), key.to_owned()));
        self.items
            .retain(|_, item| item.lane != lane || item.key != key);
    }

    /// Messages of lanes that begin so and can be delivered.
    pub fn free(&self, now: u64, lanes: &str) -> Vec<Message> {
        let free = |item: &Item| item.lane.starts_with(lanes) && item.free_at <= now;
        let items = self.items.iter().filter(|(_, item)| free(item));
        items.map(|(message, _)| *message).collect()
    }

    pub fn lease(&mut self, now: u64, message: Message) -> Option<Item> {
        let item = self.items.get_mut(&message)?;
        item.free_at = now + LEASE_MS;
        Some(item.clone())
    }

    /// Takes a message off, whoever holds it now.
    pub fn done(&mut self, message: Message) {
        if let Some(item) = self.items.remove(&message) {
            self.keys.remove(&(item.lane.clone(), item.key.clone()));
            self.acknowledged.push(item);
        }
    }

    pub fn give_back(&mut self, now: u64, message: Message, delay_ms: u64) {
        if let Some(item) = self.items.get_mut(&message) {
            item.free_at = now + delay_ms;
        }
    }

    /// The server was killed: acks that it had not written come back.
    pub fn forget_acks(&mut self) {
        for item in std::mem::take(&mut self.acknowledged) {
            if self.server && self.keys.insert((item.lane.clone(), item.key.clone())) {
                self.redelivered += 1;
                self.insert(item);
            }
        }
    }

    pub fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    /// Lanes and keys of what lies there.
    pub fn left(&self) -> Vec<String> {
        let name = |item: &Item| format!("{} {}", item.lane, item.key);
        self.items.values().map(name).collect()
    }
}
