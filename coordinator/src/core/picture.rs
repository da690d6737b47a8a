//! The farm as people see it.

use ark_bn254::Fr;
use trifold_circuits::field::to_bytes;

use super::Core;
use crate::plan::Overview;
use crate::view::{Cells, EpochView, PublishedView, QuarantineView, SHOWN_QUARANTINED, View};
use crate::wire::VERSION;

/// An element as 64 hex digits.
pub(super) fn hex_of(element: &Fr) -> String {
    hex::encode(to_bytes(element))
}

impl Core {
    /// The farm at `now`, which is `unix_ms` milliseconds since 1970.
    pub fn view(&self, now: u64, unix_ms: u64) -> View {
        let overview = self.planner.overview();
        View {
            version: VERSION,
            updated_unix_ms: unix_ms,
            leader: self.config.name.clone(),
            fence: self.recorded.fence,
            running: true,
            genesis: hex_of(&self.planner.genesis()),
            shards: overview.shards as u64,
            depth: overview.depth,
            closed_epoch: overview.closed_epoch,
            published_epoch: overview.published_epoch,
            root: hex_of(&overview.root),
            waiting_snapshots: overview.waiting_snapshots as u64,
            waiting_bytes: overview.waiting_bytes,
            ready_tasks: overview.ready_tasks as u64,
            queued_tasks: overview.queued_tasks as u64,
            quarantined_tasks: overview.quarantined_tasks as u64,
            proved_tasks: self.proved_tasks,
            refused_results: self.refused_results,
            proved_per_minute: self.proved_per_minute(now),
            idle: self.why_idle(now, &overview),
            epochs: self.epoch_views(now),
            recent: self.recent(now, unix_ms),
            workers: self.worker_views(now),
            quarantined: self.quarantine_views(),
            last_proof: self.recorded.last_proof.clone(),
        }
    }

    /// The tree of an epoch in work, or of the newest published one.
    pub fn cells(&self, now: u64, epoch: u64) -> Option<Cells> {
        let holders = self.holders(now);
        self.planner
            .cells(epoch, &|task| holders.get(task).cloned())
    }

    fn epoch_views(&self, now: u64) -> Vec<EpochView> {
        let held = self.holders(now).into_keys().collect();
        self.planner.epoch_views(now, &held)
    }

    fn proved_per_minute(&self, now: u64) -> u64 {
        let oldest = now.saturating_sub(60_000) / 1000;
        let recent = self.proved_at.iter().filter(|(at, _)| *at >= oldest);
        recent.map(|(_, count)| *count).sum()
    }

    fn recent(&self, now: u64, unix_ms: u64) -> Vec<PublishedView> {
        let dated = |view: &PublishedView| {
            let at = self.published_at.get(&view.epoch);
            let published_unix_ms =
                at.map_or(0, |at| unix_ms.saturating_sub(now.saturating_sub(*at)));
            PublishedView {
                published_unix_ms,
                ..view.clone()
            }
        };
        self.recorded.recent.iter().map(dated).collect()
    }

    fn quarantine_views(&self) -> Vec<QuarantineView> {
        let kept = self.recorded.quarantine.iter().take(SHOWN_QUARANTINED);
        kept.map(|(task, kept)| QuarantineView {
            task: *task,
            what: kept.what.clone(),
            reason: kept.reason.clone(),
            reporters: kept.reporters.clone(),
            bundle: kept.bundle,
        })
        .collect()
    }

    /// Why nothing is being proven, if nothing is.
    fn why_idle(&self, now: u64, overview: &Overview) -> Option<String> {
        if overview.queued_tasks > 0 {
            return self.why_nobody_works(now);
        }
        if overview.ready_tasks > 0 {
            return None;
        }
        if overview.quarantined_tasks > 0 {
            return Some(format!(
                "{} tasks are quarantined: see `trifold dlq list`",
                overview.quarantined_tasks
            ));
        }
        if overview.waiting_snapshots == 0 {
            return Some("no snapshots wait".into());
        }
        Some(match self.planner.deadline() {
            Some(at) => format!(
                "waiting for the deadline of the next epoch in {} s",
                at.saturating_sub(now).div_ceil(1000)
            ),
            None => {
                "waiting for the snapshots of other shards, or for the command to close an epoch"
                    .into()
            }
        })
    }
}
