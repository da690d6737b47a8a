//! Standing by: watching whether somebody leads.

use std::time::{Duration, Instant};

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use tokio::sync::watch;

use super::{Config, LEADER_KEY, VIEW_KEY};
use crate::queue::Queue;
use crate::view::View;
use crate::wire::decode;

/// Who leads, as a notice under [`LEADER_KEY`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Leader {
    pub version: u8,
    pub name: String,
    pub fence: u64,
    /// Grows as long as it leads.
    pub serial: u64,
    /// Whether it has stopped.
    pub left: bool,
}

/// What a standby has seen of the leader.
struct Watch {
    notice: Option<Bytes>,
    /// When it last changed, by our own clock.
    changed: Instant,
}

impl Watch {
    /// Whether it is time to try.
    fn look(&mut self, notice: Option<Bytes>, takeover: Duration) -> bool {
        if notice != self.notice {
            (self.notice, self.changed) = (notice, Instant::now());
        }
        self.notice.is_none() || self.changed.elapsed() >= takeover
    }
}

/// True once it is worth trying to lead: nobody does, the leader is silent, or it left; false after a shutdown.
///
/// At its start, `first`, a coordinator does not wait for one of its own name: that is itself, before it was restarted.
pub(super) async fn wait(
    queue: &dyn Queue,
    config: &Config,
    first: bool,
    shutdown: &mut watch::Receiver<bool>,
) -> bool {
    let mut seen = Watch {
        notice: None,
        changed: Instant::now(),
    };
    while !*shutdown.borrow_and_update() {
        match queue.notice(LEADER_KEY).await {
            Ok(notice) => {
                let leader = notice
                    .as_deref()
                    .and_then(|body| decode::<Leader>(body).ok());
                let free = leader.is_some_and(|leader| {
                    leader.left || (first && leader.name == config.core.name)
                });
                if seen.look(notice, config.lead.takeover) || free {
                    return true;
                }
            }
            Err(error) => tracing::warn!(%error, "who leads can't be seen"),
        }
        show(queue, config).await;
        tokio::select! {
            () = tokio::time::sleep(config.lead.renew / 2) => {}
            changed = shutdown.changed() => if changed.is_err() { return false },
        }
    }
    false
}

/// A standby shows what the leader shows.
async fn show(queue: &dyn Queue, config: &Config) {
    let notice = queue.notice(VIEW_KEY).await.ok().flatten();
    if let Some(view) = notice.and_then(|body| decode::<View>(&body).ok()) {
        config.board.hang(view);
    }
}
