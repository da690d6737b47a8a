//! Intake: what shards, operators and workers send, read from the queue and passed to the core.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::task::{JoinHandle, JoinSet};

use super::WORKERS;
use super::held::Held;
use crate::Digest;
use crate::artifacts::{ArtifactError, fetch};
use crate::core::{Input, Token, name_of};
use crate::inspect::{Inspect, InspectError};
use crate::plan::Outline;
use crate::queue::{Delivery, Lane, Queue};
use crate::wire::{Command, MAX_SNAPSHOT_BYTES, Presence, Submission, clip, decode};

/// Longest wait for an item before an intake looks around.
const WAIT: Duration = Duration::from_millis(500);
/// Pause after the queue or the store failed us.
const OUTAGE_PAUSE: Duration = Duration::from_millis(500);
/// Pause before looking again whether snapshots are wanted.
const BACKLOG_PAUSE: Duration = Duration::from_millis(100);
/// Time between looks at the workers' notices.
const PRESENCE_PERIOD: Duration = Duration::from_secs(1);
/// Time between looks for tasks that the queue gave up.
const UNDELIVERABLE_PERIOD: Duration = Duration::from_secs(5);
/// Items held at a time, per lane.
const MAX_SNAPSHOTS: usize = 64;
const MAX_RESULTS: usize = 1024;
const MAX_COMMANDS: usize = 16;
/// Snapshots read and outlined beside each other.
const READERS: usize = 16;
/// Items pulled at once, at most.
const BATCH: usize = 256;

/// What all intakes need.
#[derive(Clone)]
pub(super) struct Intake {
    pub queue: Arc<dyn Queue>,
    pub inspect: Arc<dyn Inspect>,
    pub inbox: mpsc::Sender<Input>,
    pub held: Arc<Held>,
    /// Whether snapshots are wanted.
    pub open: Arc<AtomicBool>,
}

/// A submission whose snapshot is being read.
type Reading = JoinHandle<Option<Input>>;

impl Intake {
    /// Starts all intakes; they end when the set is dropped.
    pub fn start(self) -> JoinSet<()> {
        let mut intakes = JoinSet::new();
        let (readers, reading) = mpsc::channel(READERS);
        intakes.spawn(forward(reading, self.inbox.clone()));
        intakes.spawn(self.clone().snapshots(readers));
        intakes.spawn(self.clone().results());
        intakes.spawn(self.clone().commands());
        intakes.spawn(self.clone().undeliverable());
        intakes.spawn(self.presences());
        intakes
    }

    /// The items that are there, or the next one, as far as there is room.
    async fn next(
        &self,
        lane: &Lane,
        room: &Arc<Semaphore>,
    ) -> Vec<(Delivery, OwnedSemaphorePermit)> {
        let mut permits = Vec::new();
        // Never closed.
        permits.extend(room.clone().acquire_owned().await);
        while permits.len() < BATCH
            && let Ok(permit) = room.clone().try_acquire_owned()
        {
            permits.push(permit);
        }
        match self.queue.pull_many(lane, permits.len(), WAIT).await {
            Ok(deliveries) => deliveries.into_iter().zip(permits).collect(),
            Err(error) => {
                tracing::warn!(%lane, %error, "nothing from the queue");
                tokio::time::sleep(OUTAGE_PAUSE).await;
                Vec::new()
            }
        }
    }

    /// Says that results wait before those that were read are passed on, and that none wait after that.
    async fn results(self) {
        let room = Arc::new(Semaphore::new(MAX_RESULTS));
        let mut waiting = false;
        loop {
            let next = self.next(&Lane::Results, &room).await;
            let left = next.last().is_some_and(|(delivery, _)| delivery.left > 0);
            let first = (left && !waiting).then_some(Input::ResultsWait(true));
            let last = (!left && waiting).then_some(Input::ResultsWait(false));
            waiting = left;
            let results = next
                .into_iter()
                .map(|(delivery, permit)| self.result(delivery, permit));
            for input in first.into_iter().chain(results).chain(last) {
                if self.inbox.send(input).await.is_err() {
                    return;
                }
            }
        }
    }

    fn result(&self, delivery: Delivery, permit: OwnedSemaphorePermit) -> Input {
        let token = self.held.insert(delivery.lease, Bytes::new(), permit);
        Input::Result {
            token,
            key: delivery.key,
            result: decode(&delivery.body).map_err(|error| error.to_string()),
        }
    }

    /// What the queue gave up leaves its lane, so that the core's next offer of it is taken.
    async fn undeliverable(self) {
        loop {
            tokio::time::sleep(UNDELIVERABLE_PERIOD).await;
            match self.queue.undeliverable().await {
                Ok(tasks) => {
                    for (lane, key) in tasks {
                        tracing::warn!(%lane, key, "a task was delivered too often without a result");
                    }
                }
                Err(error) => tracing::warn!(%error, "undeliverable tasks can't be seen"),
            }
        }
    }

    async fn commands(self) {
        let room = Arc::new(Semaphore::new(MAX_COMMANDS));
        loop {
            for (delivery, permit) in self.next(&Lane::Control, &room).await {
                let token = self.held.insert(delivery.lease, Bytes::new(), permit);
                match decode::<Command>(&delivery.body) {
                    Ok(Command { id, command, .. }) if name_of(&id).is_some() => {
                        let input = Input::Command { token, id, command };
                        if self.inbox.send(input).await.is_err() {
                            return;
                        }
                    }
                    unreadable => {
                        // Without a name there is nobody to answer.
                        tracing::warn!(key = delivery.key, ?unreadable, "not a command");
                        self.held.done(token).await;
                    }
                }
            }
        }
    }

    /// Passes on what workers say about themselves, whenever it changed.
    async fn presences(self) {
        let mut seen = HashMap::<String, Bytes>::new();
        loop {
            match self.queue.notices(WORKERS).await {
                Ok(notices) => {
                    seen.retain(|key, _| notices.iter().any(|(other, _)| other == key));
                    for (key, body) in notices {
                        if seen.get(&key) == Some(&body) {
                            continue;
                        }
                        if let Some(presence) = presence(&key, &body)
                            && self.inbox.send(Input::Presence(presence)).await.is_err()
                        {
                            return;
                        }
                        seen.insert(key, body);
                    }
                }
                Err(error) => tracing::warn!(%error, "the workers can't be seen"),
            }
            tokio::time::sleep(PRESENCE_PERIOD).await;
        }
    }

    /// Snapshots are read beside each other and passed on in their order.
    async fn snapshots(self, readers: mpsc::Sender<Reading>) {
        let room = Arc::new(Semaphore::new(MAX_SNAPSHOTS));
        loop {
            if !self.open.load(Ordering::Relaxed) {
                tokio::time::sleep(BACKLOG_PAUSE).await;
                continue;
            }
            for (delivery, permit) in self.next(&Lane::Snapshots, &room).await {
                let reading = tokio::spawn(self.clone().submission(delivery, permit));
                if readers.send(reading).await.is_err() {
                    return;
                }
            }
        }
    }

    async fn submission(self, delivery: Delivery, permit: OwnedSemaphorePermit) -> Option<Input> {
        let submission = match decode::<Submission>(&delivery.body) {
            // Who may use this key is the queue's to say: the message may not speak for another shard.
            Ok(submission) if submission.key() == delivery.key => submission,
            unreadable => {
                tracing::warn!(
                    key = delivery.key,
                    ?unreadable,
                    "not a submission of its key"
                );
                let token = self.held.insert(delivery.lease, Bytes::new(), permit);
                self.held.done(token).await;
                return None;
            }
        };
        let Submission {
            shard, snapshot, ..
        } = submission;
        if let Err(InspectError { code, message }) = self.inspect.authorise(&submission) {
            let token = self.held.insert(delivery.lease, Bytes::new(), permit);
            return Some(Input::Refused {
                token,
                shard,
                snapshot,
                code: code.into(),
                message,
            });
        }
        let bytes = match fetch(self.queue.artifacts(), &snapshot, MAX_SNAPSHOT_BYTES).await {
            Ok(bytes) => bytes,
            Err(ArtifactError::Store(error)) => {
                tracing::warn!(shard, %snapshot, error, "the snapshot can't be read now");
                let token = self.held.insert(delivery.lease, Bytes::new(), permit);
                self.held.give_back(token, OUTAGE_PAUSE).await;
                return None;
            }
            Err(error) => {
                let token = self.held.insert(delivery.lease, Bytes::new(), permit);
                let (code, message) = (code_of(&error).into(), error.to_string());
                return Some(Input::Refused {
                    token,
                    shard,
                    snapshot,
                    code,
                    message,
                });
            }
        };
        let token = self.held.insert(delivery.lease, bytes.clone(), permit);
        self.outlined(token, submission, bytes).await
    }

    async fn outlined(&self, token: Token, submission: Submission, bytes: Bytes) -> Option<Input> {
        let Submission {
            shard, snapshot, ..
        } = submission;
        let inspect = self.inspect.clone();
        let outlined = tokio::task::spawn_blocking(move || inspect.outline(snapshot, &bytes)).await;
        let (code, message) = match outlined {
            Ok(Ok(outline)) if outline.shard == shard => {
                return self.with_inputs(token, outline).await;
            }
            Ok(Ok(outline)) => {
                let message = format!(
                    "announced for shard {shard}, but of shard {}",
                    outline.shard
                );
                ("wrong_shard", message)
            }
            Ok(Err(error)) => (error.code, error.message),
            Err(error) => (
                "malformed",
                clip(&format!("the snapshot can't be inspected: {error}")),
            ),
        };
        Some(Input::Refused {
            token,
            shard,
            snapshot,
            code: code.into(),
            message,
        })
    }

    /// Passes on a snapshot whose parts have their inputs in the store: without them it could never be proven.
    async fn with_inputs(&self, token: Token, outline: Outline) -> Option<Input> {
        let (shard, snapshot) = (outline.shard, outline.snapshot);
        let inputs = outline.parts.iter().filter_map(|part| part.inputs);
        match self.first_missing(inputs.collect()).await {
            Ok(None) => Some(Input::Submitted {
                token,
                outline: Box::new(outline),
            }),
            Ok(Some(blob)) => {
                let error = ArtifactError::Missing(blob);
                Some(Input::Refused {
                    token,
                    shard,
                    snapshot,
                    code: code_of(&error).into(),
                    message: error.to_string(),
                })
            }
            Err(error) => {
                tracing::warn!(shard, %error, "the inputs of its parts can't be seen now");
                self.held.give_back(token, OUTAGE_PAUSE).await;
                None
            }
        }
    }

    /// The first of these blobs that the store does not hold; several are looked for beside each other.
    async fn first_missing(&self, blobs: Vec<Digest>) -> Result<Option<Digest>, ArtifactError> {
        for blobs in blobs.chunks(READERS) {
            let mut looks = JoinSet::new();
            for blob in blobs.iter().copied() {
                let queue = self.queue.clone();
                looks.spawn(async move { (blob, queue.artifacts().holds(&blob).await) });
            }
            while let Some(Ok((blob, held))) = looks.join_next().await {
                if !held? {
                    return Ok(Some(blob));
                }
            }
        }
        Ok(None)
    }
}

fn code_of(error: &ArtifactError) -> &'static str {
    match error {
        ArtifactError::TooLarge { .. } => "too_large",
        ArtifactError::Broken { .. } => "broken_artifact",
        ArtifactError::Missing(_) | ArtifactError::Store(_) => "missing_artifact",
    }
}

fn presence(key: &str, body: &Bytes) -> Option<Presence> {
    let presence: Presence = match decode(body) {
        Ok(presence) => presence,
        Err(error) => {
            tracing::warn!(key, %error, "a worker's notice can't be read");
            return None;
        }
    };
    // Nobody speaks for somebody else.
    (super::presence_key(&presence.name) == key).then_some(presence)
}

async fn forward(mut reading: mpsc::Receiver<Reading>, inbox: mpsc::Sender<Input>) {
    while let Some(reading) = reading.recv().await {
        if let Ok(Some(input)) = reading.await
            && inbox.send(input).await.is_err()
        {
            return;
        }
    }
}
