//! The heartbeat: signs of life for all leases, the worker's presence, its orders and its watchdog, from a thread of its own
//! that a prover which takes every core can't silence.

use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};

use futures_util::future::{join, join_all};
use tokio::runtime::Handle;
use tokio::sync::watch;

use super::book::{Book, Hung};
use super::{Word, WorkerConfig};
use crate::clock::unix_ms;
use crate::queue::{Lease, Queue};
use crate::wire::{Order, Orders, Presence, VERSION, decode, encode};

/// Key of a worker's presence.
pub fn presence_key(worker: &str) -> String {
    format!("workers.{worker}")
}

/// Key of a worker's orders.
pub fn orders_key(worker: &str) -> String {
    format!("orders.{worker}")
}

/// What the thread hears from the coordinator and sees in the book.
pub(super) struct Heard {
    pub order: watch::Receiver<Order>,
    pub hung: watch::Receiver<Option<Hung>>,
}

/// A running heartbeat, which ends when it is dropped.
pub(super) struct Heartbeat {
    pub book: Book,
    poke: mpsc::Sender<()>,
}

impl Heartbeat {
    pub fn start(
        queue: Arc<dyn Queue>,
        config: &WorkerConfig,
        lanes: Vec<String>,
    ) -> (Self, Heard) {
        let book = Book::default();
        let (order, ordered) = watch::channel(Order::Work);
        let (hung, found_hung) = watch::channel(None);
        let (poke, poked) = mpsc::channel();
        let pulse = Pulse {
            queue,
            book: book.clone(),
            config: config.clone(),
            lanes,
            started_unix_ms: unix_ms(),
            serial: 0,
            order,
            hung,
        };
        let runtime = Handle::current();
        let thread = std::thread::Builder::new()
            .name("heartbeat".into())
            .spawn(move || pulse.run(&poked, &runtime));
        if let Err(error) = thread {
            tracing::error!(%error, "no heartbeat: tasks may be given to other workers too");
        }
        let heard = Heard {
            order: ordered,
            hung: found_hung,
        };
        (Self { book, poke }, heard)
    }

    /// Lets the worker say now what it does, since that has changed.
    pub fn speak(&self) {
        // The thread has ended only where something hangs, which it has said.
        let _ = self.poke.send(());
    }
}

struct Pulse {
    queue: Arc<dyn Queue>,
    book: Book,
    config: WorkerConfig,
    lanes: Vec<String>,
    started_unix_ms: u64,
    serial: u64,
    order: watch::Sender<Order>,
    hung: watch::Sender<Option<Hung>>,
}

impl Pulse {
    fn run(mut self, poked: &mpsc::Receiver<()>, runtime: &Handle) {
        let (mut beat, mut word) = (Instant::now() + self.config.heartbeat, Instant::now());
        loop {
            let wait = beat.min(word).saturating_duration_since(Instant::now());
            let poked = poked.recv_timeout(wait);
            let now = Instant::now();
            match poked {
                Ok(()) => word = now,
                Err(mpsc::RecvTimeoutError::Timeout) => {}
                Err(mpsc::RecvTimeoutError::Disconnected) => return,
            }
            if let Some(hung) = self.book.hung(now, self.config.patience) {
                // No more signs of life: whatever becomes of this process, others get its tasks.
                self.hung.send_replace(Some(hung));
                return;
            }
            let (beats, speaks) = (now >= beat, now >= word);
            if beats {
                beat = now + self.config.heartbeat;
            }
            if speaks {
                word = now + self.config.presence;
            }
            let leases = if beats {
                self.book.leases()
            } else {
                Vec::new()
            };
            runtime.block_on(join(extend(leases), self.speak(speaks, now)));
        }
    }

    /// Says what the worker does, and hears what it is to do.
    async fn speak(&mut self, speaks: bool, now: Instant) {
        if !speaks {
            return;
        }
        let presence = self.presence(now);
        self.config.on_word.0(Word::Presence(&presence));
        let presence = encode(&presence);
        let name = &self.config.name;
        let keys = [presence_key(name), orders_key(name)];
        let told = self.queue.notify(&keys[0], presence);
        let (told, orders) = join(told, self.queue.notice(&keys[1])).await;
        if let Err(error) = told {
            tracing::warn!(%error, "the worker's presence did not reach the queue");
        }
        match orders {
            Ok(Some(body)) => self.obey(&body),
            Ok(None) => {}
            Err(error) => tracing::warn!(%error, "no orders from the queue"),
        }
    }

    fn presence(&mut self, now: Instant) -> Presence {
        self.serial += 1;
        let (held, totals) = self.book.shown(now);
        let about = self.config.about.clone();
        Presence {
            version: VERSION,
            name: self.config.name.clone(),
            serial: self.serial,
            started_unix_ms: self.started_unix_ms,
            build: about.build,
            host: about.host,
            process: std::process::id(),
            backend: about.backend,
            card: about.card,
            state: *self.config.state.borrow(),
            lanes: self.lanes.clone(),
            held,
            proved_tasks: totals.proved_tasks,
            failed_tasks: totals.failed_tasks,
            cpu_seconds: totals.cpu_seconds,
            gpu_seconds: totals.gpu_seconds,
        }
    }

    /// An order to a process that was started before this one is no order to this one.
    fn obey(&self, body: &[u8]) {
        let orders: Orders = match decode(body) {
            Ok(orders) => orders,
            Err(error) => return tracing::warn!(%error, "not an order"),
        };
        let meant = orders.started_unix_ms;
        if meant.is_some_and(|started| started < self.started_unix_ms) {
            return;
        }
        self.order.send_if_modified(|order| {
            let changed = *order != orders.order;
            *order = orders.order;
            changed
        });
    }
}

async fn extend(leases: Vec<Arc<dyn Lease>>) {
    let extended = join_all(leases.iter().map(|lease| lease.extend())).await;
    for error in extended.into_iter().filter_map(Result::err) {
        tracing::warn!(%error, "no sign of life reached the queue");
    }
}

/// Time between a worker's words about itself.
pub(super) const PRESENCE: Duration = Duration::from_secs(5);
