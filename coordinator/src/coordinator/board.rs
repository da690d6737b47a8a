//! Where the newest picture of the farm hangs, for whoever shows it.

use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Instant;

use crate::core::Core;
use crate::view::{Cells, View};

/// The core of a term, shared by the one that changes it and those that look at it.
#[derive(Clone)]
pub(super) struct Shared {
    core: Arc<Mutex<Core>>,
    started: Instant,
}

impl Shared {
    pub fn new(core: Core, started: Instant) -> Self {
        Self {
            core: Arc::new(Mutex::new(core)),
            started,
        }
    }

    /// The time as the core is told it, in milliseconds.
    pub fn now(&self) -> u64 {
        self.started.elapsed().as_millis() as u64
    }

    pub fn lock(&self) -> MutexGuard<'_, Core> {
        self.core.lock().unwrap_or_else(|e| e.into_inner())
    }
}

/// The newest picture of the farm; clones are the same board.
#[derive(Clone, Default)]
pub struct Board(Arc<Mutex<Pictures>>);

#[derive(Default)]
struct Pictures {
    view: Option<Arc<View>>,
    leading: Option<Shared>,
}

impl Board {
    /// The newest view, if this coordinator or a leader that it stands by has shown one.
    pub fn view(&self) -> Option<Arc<View>> {
        self.pictures().view.clone()
    }

    /// Every cell of the tree of an epoch in work; `None` also while standing by.
    pub fn cells(&self, epoch: u64) -> Option<Cells> {
        let leading = self.pictures().leading.clone()?;
        let now = leading.now();
        leading.lock().cells(now, epoch)
    }

    /// Whether this coordinator leads.
    pub fn leads(&self) -> bool {
        self.pictures().leading.is_some()
    }

    pub(super) fn hang(&self, view: View) {
        self.pictures().view = Some(Arc::new(view));
    }

    pub(super) fn lead(&self, leading: Option<Shared>) {
        self.pictures().leading = leading;
    }

    fn pictures(&self) -> MutexGuard<'_, Pictures> {
        self.0.lock().unwrap_or_else(|e| e.into_inner())
    }
}
