//! What a coordinator's page shows: the picture on its board, or one of a farm that nobody leads.

use std::sync::Arc;

use trifold_console::Source;
use trifold_coordinator::coordinator::Board;
use trifold_coordinator::plan::Network;
use trifold_coordinator::view::{Cells, View};
use trifold_coordinator::wire::VERSION;

use crate::text::hex;
use crate::time::now_milliseconds;

/// A view that is this old, in milliseconds, is of a leader that is gone: it is renewed every second.
const STALE_MS: u64 = 15_000;

/// The board with what to show before anything hangs there.
pub struct Picture {
    board: Board,
    empty: Arc<View>,
}

impl Picture {
    /// The picture of a network.
    pub fn new(board: Board, network: &Network) -> Self {
        let empty = Arc::new(empty(network));
        Self { board, empty }
    }

    /// Ready is a coordinator that leads, or that stands by one that does: then it will take over.
    ///
    /// # Errors
    /// Why it is not.
    pub fn ready(&self) -> Result<(), String> {
        if self.board.leads() {
            return Ok(());
        }
        let view = self.board.view().ok_or("no coordinator leads yet")?;
        let age = now_milliseconds().saturating_sub(view.updated_unix_ms);
        match view.running && age < STALE_MS {
            true => Ok(()),
            false => Err(format!("no coordinator leads: {} is gone", view.leader)),
        }
    }
}

impl Source for Picture {
    fn view(&self) -> Arc<View> {
        self.board.view().unwrap_or_else(|| self.empty.clone())
    }

    fn cells(&self, epoch: u64) -> Option<Cells> {
        self.board.cells(epoch)
    }
}

fn empty(network: &Network) -> View {
    View {
        version: VERSION,
        updated_unix_ms: now_milliseconds(),
        leader: String::new(),
        fence: 0,
        running: false,
        genesis: hex(&network.genesis.digest()),
        shards: network.leaves.len() as u64,
        depth: network.genesis.depth,
        closed_epoch: 0,
        published_epoch: 0,
        root: hex(&network.genesis.root),
        waiting_snapshots: 0,
        waiting_bytes: 0,
        ready_tasks: 0,
        queued_tasks: 0,
        quarantined_tasks: 0,
        proved_tasks: 0,
        refused_results: 0,
        proved_per_minute: 0,
        idle: Some("no coordinator leads".into()),
        epochs: Vec::new(),
        recent: Vec::new(),
        workers: Vec::new(),
        quarantined: Vec::new(),
        last_proof: None,
    }
}
