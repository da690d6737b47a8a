//! A quarantined task with all that it takes to try it again elsewhere.

use serde::{Deserialize, Serialize};

use crate::wire::{Task, VERSION};

/// A quarantined task, its inputs and what was said of it: a blob in the artifact store.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Bundle {
    pub version: u8,
    pub task: Task,
    /// Kind and place, for people.
    pub what: String,
    pub reason: String,
    pub reporters: Vec<String>,
    /// Whether it was given up.
    pub last: bool,
    /// Bytes of the snapshot in hex, if it is a program or a part of one and they are in the store.
    pub snapshot: Option<String>,
    /// Bytes of the part's own inputs in hex, likewise.
    #[serde(default)]
    pub inputs: Option<String>,
}

impl Bundle {
    /// A bundle whose snapshot and inputs are still to be added.
    pub(super) fn new(
        task: Task,
        what: String,
        reason: String,
        reporters: Vec<String>,
        last: bool,
    ) -> Self {
        Self {
            version: VERSION,
            task,
            what,
            reason,
            reporters,
            last,
            snapshot: None,
            inputs: None,
        }
    }
}
