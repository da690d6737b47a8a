//! What of a term an operator finds in the log: refusals with their codes, epochs, trouble. Each task only at `debug`.

use super::Report;

/// A line for a report; those about leading and publishing are written where that is done.
pub(super) fn log(report: &Report) {
    match report {
        Report::Led { .. } | Report::Deposed | Report::Appended { .. } => {}
        Report::EpochPublished(_) => {}
        Report::SnapshotAccepted {
            shard, snapshot, ..
        } => tracing::debug!(shard, %snapshot, "snapshot accepted"),
        Report::SnapshotRejected {
            shard,
            snapshot,
            code,
            message,
        } => tracing::warn!(shard, %snapshot, code, message, "snapshot refused"),
        Report::EpochClosed(closed) => {
            let members = closed.members.len();
            tracing::info!(
                epoch = closed.epoch,
                members,
                silent = closed.silent,
                "epoch closed"
            );
        }
        Report::TaskProved(proved) => {
            let (task, what, worker) = (proved.task, &proved.what, &proved.worker);
            tracing::debug!(%task, what, worker, "task proved");
        }
        Report::ResultRefused {
            task,
            worker,
            why,
            reason,
            ..
        } => {
            let task = task.map(|task| task.to_string());
            tracing::warn!(task, worker, code = why.code(), reason, "result refused");
        }
        Report::TaskRequeued { task, kind, why } => {
            tracing::debug!(%task, kind, code = why.code(), "task offered again");
        }
        Report::TaskQuarantined { task, what, reason } => {
            tracing::error!(%task, what, reason, "task quarantined");
        }
    }
}
