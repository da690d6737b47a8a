//! What light clients are served from: every published global proof, every leaf of every epoch, and the history.
//!
//! It is filled from the published stream alone, so a coordinator that leads, one that stands by, and a process that may only
//! read can all serve. Nothing that was read is believed: each epoch has to go on where the one before ended, its leaves have to
//! lead to its root and the states before it to its history, and its proof has to hold. What fails is told and never served.
//!
//! Everything is in memory and grows with what was published, never with what is asked. An epoch takes some 500 bytes, a leaf
//! that changed 200, and each node above it that changed 40: about as much as the stream itself. An answer takes look-ups
//! in ten lists and some forty hashes, however many epochs and shards there are.

use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};

use tokio::sync::watch;

mod follow;
mod history;
mod leaves;
mod question;
mod records;
mod service;

pub use follow::{Follow, FollowError};
pub use question::{ASKED, At, NotAnEpoch, Question, TOLD, Told, number, refusal_json};
pub use records::{Fault, Missing, Origin, Records};
pub use service::{AskError, Asker, Service};

/// The records as they are shared between those who serve them.
#[derive(Clone)]
pub struct Archive {
    records: Arc<RwLock<Records>>,
    /// How far it is.
    reached: watch::Sender<Reached>,
}

/// How far an archive is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Reached {
    /// The newest epoch; 0 is genesis.
    pub epoch: u64,
    /// Whether everything was read that was published when it was looked last.
    pub current: bool,
    /// What is wrong with the epoch after it, if it is wrong.
    pub fault: Option<String>,
}

impl Archive {
    /// An archive with nothing but genesis.
    ///
    /// # Errors
    /// [`Fault::Genesis`]
    pub fn new(origin: &Origin) -> Result<Self, Fault> {
        Ok(Self {
            records: Arc::new(RwLock::new(Records::new(origin)?)),
            reached: watch::Sender::default(),
        })
    }

    /// What is known now. It is held for look-ups, never across anything that waits.
    pub fn records(&self) -> RwLockReadGuard<'_, Records> {
        // Whoever wrote pushed whole epochs, and nothing in that can panic half-way but the allocator.
        self.records.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// How far it is, and when that changes.
    pub fn reached(&self) -> watch::Receiver<Reached> {
        self.reached.subscribe()
    }
}
