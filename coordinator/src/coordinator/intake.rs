//! Intake: what shards, operators and workers send, read from the queue and passed to the owner of the plan.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::{mpsc, oneshot, watch};
use trifold_verifier::statement::Leaf;

use super::{Arrival, Message};
use crate::Digest;
use crate::artifacts::{ArtifactError, fetch};
use crate::inspect::{Inspect, InspectError};
use crate::plan::{Outline, Refusal};
use crate::queue::{Delivery, Lane, Queue};
use crate::wire::{Command, MAX_SNAPSHOT_BYTES, Submission, decode};

pub(super) type TipReply = oneshot::Sender<Result<Option<Leaf>, Refusal>>;
pub(super) type AcceptReply = oneshot::Sender<Result<(), Refusal>>;

/// Longest wait for an item before an intake looks whether it should stop.
const WAIT: Duration = Duration::from_millis(500);
/// Pause after the queue failed us.
const OUTAGE_PAUSE: Duration = Duration::from_millis(500);

async fn next(queue: &dyn Queue, lane: &Lane) -> Option<Delivery> {
    match queue.pull(std::slice::from_ref(lane), WAIT).await {
        Ok(delivery) => delivery,
        Err(error) => {
            tracing::warn!(%lane, %error, "nothing from the queue");
            tokio::time::sleep(OUTAGE_PAUSE).await;
            None
        }
    }
}

pub(super) async fn results(
    queue: Arc<dyn Queue>,
    sender: mpsc::Sender<Message>,
    shutdown: watch::Receiver<bool>,
) {
    while !*shutdown.borrow() {
        let Some(Delivery {
            key, body, lease, ..
        }) = next(queue.as_ref(), &Lane::Results).await
        else {
            continue;
        };
        let message = Message::Result(decode(&body), Arrival { key, lease });
        if sender.send(message).await.is_err() {
            return;
        }
    }
}

pub(super) async fn commands(
    queue: Arc<dyn Queue>,
    sender: mpsc::Sender<Message>,
    shutdown: watch::Receiver<bool>,
) {
    while !*shutdown.borrow() {
        let Some(delivery) = next(queue.as_ref(), &Lane::Control).await else {
            continue;
        };
        match decode::<Command>(&delivery.body) {
            Ok(command) => {
                if sender
                    .send(Message::Command(command.command, delivery.lease))
                    .await
                    .is_err()
                {
                    return;
                }
            }
            Err(error) => {
                tracing::warn!(key = delivery.key, %error, "not a command");
                done(&delivery).await;
            }
        }
    }
}

async fn done(delivery: &Delivery) {
    if let Err(error) = delivery.lease.done().await {
        tracing::warn!(key = delivery.key, %error, "an item could not be taken off the queue");
    }
}

pub(super) async fn snapshots(
    queue: Arc<dyn Queue>,
    inspect: Arc<dyn Inspect>,
    sender: mpsc::Sender<Message>,
    shutdown: watch::Receiver<bool>,
) {
    while !*shutdown.borrow() {
        let Some(delivery) = next(queue.as_ref(), &Lane::Snapshots).await else {
            continue;
        };
        let submission: Submission = match decode(&delivery.body) {
            Ok(submission) => submission,
            Err(error) => {
                // Without a snapshot's name there is nobody to answer.
                tracing::warn!(key = delivery.key, %error, "not a submission");
                done(&delivery).await;
                continue;
            }
        };
        if submission.key() != delivery.key {
            // Who may use this key is the queue's to say: the message may not speak for another shard.
            tracing::warn!(key = delivery.key, "not a submission of its key");
            done(&delivery).await;
            continue;
        }
        let Submission {
            shard, snapshot, ..
        } = submission;
        match take(queue.as_ref(), &inspect, &sender, submission).await {
            Ok(()) => {}
            Err(Stop::Closed) => return,
            Err(Stop::Store(error)) => {
                tracing::warn!(shard, %snapshot, %error, "the snapshot can't be read now");
                let _ = delivery.lease.give_back(OUTAGE_PAUSE).await;
                continue;
            }
            Err(Stop::Rejected { code, message }) => {
                let rejected = Message::Rejected {
                    shard,
                    snapshot,
                    code: code.into(),
                    message,
                };
                if sender.send(rejected).await.is_err() {
                    return;
                }
            }
        }
        done(&delivery).await;
    }
}

/// Why a submission did not become part of the plan.
enum Stop {
    /// The coordinator stops.
    Closed,
    /// The store does not answer.
    Store(ArtifactError),
    Rejected {
        code: &'static str,
        message: String,
    },
}

impl From<Refusal> for Stop {
    fn from(refusal: Refusal) -> Self {
        Stop::Rejected {
            code: refusal.code(),
            message: refusal.to_string(),
        }
    }
}

impl From<InspectError> for Stop {
    fn from(error: InspectError) -> Self {
        Stop::Rejected {
            code: error.code,
            message: error.message,
        }
    }
}

impl From<ArtifactError> for Stop {
    fn from(error: ArtifactError) -> Self {
        let code = match &error {
            ArtifactError::Store(_) => return Stop::Store(error),
            ArtifactError::Missing(_) => "missing_artifact",
            ArtifactError::TooLarge { .. } => "too_large",
            ArtifactError::Broken { .. } => "broken_artifact",
        };
        Stop::Rejected {
            code,
            message: error.to_string(),
        }
    }
}

/// From a submission to an accepted snapshot: who sent it, then its form, then place in the plan, then everything its program will prove.
async fn take(
    queue: &dyn Queue,
    inspect: &Arc<dyn Inspect>,
    sender: &mpsc::Sender<Message>,
    submission: Submission,
) -> Result<(), Stop> {
    inspect.authorise(&submission)?;
    let bytes = fetch(queue.artifacts(), &submission.snapshot, MAX_SNAPSHOT_BYTES).await?;
    let outline = outline(inspect.clone(), submission.snapshot, bytes.clone()).await?;
    if outline.shard != submission.shard {
        let message = format!(
            "announced for shard {}, but of shard {}",
            submission.shard, outline.shard
        );
        return Err(Stop::Rejected {
            code: "wrong_shard",
            message,
        });
    }
    let outline = Box::new(outline);
    let previous = match ask(sender, |reply| Message::Admit(outline.clone(), reply)).await? {
        Err(Refusal::Waiting) => return Ok(()),
        answer => answer?,
    };
    check(inspect.clone(), bytes, previous).await?;
    Ok(ask(sender, |reply| Message::Accept(outline, reply)).await??)
}

async fn ask<T>(
    sender: &mpsc::Sender<Message>,
    message: impl FnOnce(oneshot::Sender<T>) -> Message,
) -> Result<T, Stop> {
    let (reply, answer) = oneshot::channel();
    sender
        .send(message(reply))
        .await
        .map_err(|_| Stop::Closed)?;
    answer.await.map_err(|_| Stop::Closed)
}

async fn outline(
    inspect: Arc<dyn Inspect>,
    snapshot: Digest,
    bytes: Bytes,
) -> Result<Outline, Stop> {
    let work = tokio::task::spawn_blocking(move || inspect.outline(snapshot, &bytes));
    Ok(work.await.map_err(crashed)??)
}

async fn check(
    inspect: Arc<dyn Inspect>,
    bytes: Bytes,
    previous: Option<Leaf>,
) -> Result<(), Stop> {
    let work = tokio::task::spawn_blocking(move || inspect.check(&bytes, previous.as_ref()));
    Ok(work.await.map_err(crashed)??)
}

fn crashed(error: tokio::task::JoinError) -> Stop {
    tracing::error!(%error, "the inspection of a snapshot crashed");
    Stop::Rejected {
        code: "malformed",
        message: "the snapshot can't be inspected".into(),
    }
}
