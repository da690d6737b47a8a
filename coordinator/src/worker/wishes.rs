//! What is wanted of the worker: by whoever runs the process, by the coordinator's orders, and by its own watchdog.

use tokio::sync::watch;

use super::book::Hung;
use super::heartbeat::Heard;
use crate::wire::Order;

/// The most urgent of what is wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Wish {
    Work,
    /// Take nothing further.
    Cordon,
    /// Finish what the prover has, and end.
    Drain,
    /// Give everything back, and end.
    GiveBack,
    /// As that, since something does not come to an end.
    Hung(Hung),
}

pub(super) struct Wishes {
    pub shutdown: watch::Receiver<bool>,
    pub give_back: watch::Receiver<bool>,
    pub heard: Heard,
}

impl Wishes {
    pub fn now(&mut self) -> Wish {
        let hung = self.heard.hung.borrow_and_update().clone();
        let order = *self.heard.order.borrow_and_update();
        let give_back = *self.give_back.borrow_and_update();
        let drain = *self.shutdown.borrow_and_update() || order == Order::Drain;
        match hung {
            Some(hung) => Wish::Hung(hung),
            None if give_back => Wish::GiveBack,
            None if drain => Wish::Drain,
            None if order == Order::Cordon => Wish::Cordon,
            None => Wish::Work,
        }
    }

    /// Waits until something else may be wanted.
    pub async fn changed(&mut self) {
        tokio::select! {
            () = turned(&mut self.shutdown) => {}
            () = turned(&mut self.give_back) => {}
            () = turned(&mut self.heard.order) => {}
            () = turned(&mut self.heard.hung) => {}
        }
    }
}

async fn turned<T>(wish: &mut watch::Receiver<T>) {
    if wish.changed().await.is_err() {
        // Nobody is left who could ask for it.
        std::future::pending().await
    }
}
