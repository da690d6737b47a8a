//! Group commit: clients' messages are collected while the last group is on its way to disk.

use super::{Store, StoreError};
use crate::netted::NettedError;
use crate::netted::layout::SignedMessage;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;

/// Most messages of a group.
pub const GROUP_MESSAGES: usize = 8192;
/// Most messages that wait for a group; who sends more waits for room.
pub const WAITING_MESSAGES: usize = 4 * GROUP_MESSAGES;

/// Why a message was not acknowledged.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IntakeError {
    #[error(transparent)]
    Refused(#[from] NettedError),
    #[error("not known to be on disk: {0}")]
    NotDurable(String),
    #[error("the shard is stopping")]
    Stopped,
}

struct Waiting {
    message: SignedMessage,
    reply: SyncSender<Result<(), IntakeError>>,
}

/// Takes messages from any number of threads.
#[derive(Debug)]
pub struct Intake {
    waiting: Option<SyncSender<Waiting>>,
    thread: Option<JoinHandle<()>>,
}

impl Intake {
    /// Starts the thread that brings groups to disk.
    pub fn start(store: Arc<Store>) -> Self {
        let (waiting, groups) = sync_channel(WAITING_MESSAGES);
        Self {
            waiting: Some(waiting),
            thread: Some(std::thread::spawn(move || run(&store, &groups))),
        }
    }

    /// Returns `Ok` once the message is on disk.
    pub fn submit(&self, message: SignedMessage) -> Result<(), IntakeError> {
        let (reply, answer) = sync_channel(1);
        let waiting = self.waiting.as_ref().ok_or(IntakeError::Stopped)?;
        let sent = waiting.send(Waiting { message, reply });
        sent.map_err(|_| IntakeError::Stopped)?;
        answer.recv().unwrap_or(Err(IntakeError::Stopped))
    }
}

impl Drop for Intake {
    /// Waits for the group that is on its way.
    fn drop(&mut self) {
        self.waiting.take();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn run(store: &Store, waiting: &Receiver<Waiting>) {
    while let Ok(first) = waiting.recv() {
        let mut group = vec![first];
        group.extend(waiting.try_iter().take(GROUP_MESSAGES - 1));
        let (messages, replies): (Vec<_>, Vec<_>) = group
            .into_iter()
            .map(|waiting| (waiting.message, waiting.reply))
            .unzip();
        let results = outcomes(store.submit(messages), replies.len());
        for (reply, result) in replies.iter().zip(results) {
            // A client that has gone needs no answer.
            let _ = reply.send(result);
        }
    }
}

fn outcomes(
    submitted: Result<Vec<Result<(), NettedError>>, StoreError>,
    count: usize,
) -> Vec<Result<(), IntakeError>> {
    match submitted {
        Ok(results) => results.into_iter().map(|result| Ok(result?)).collect(),
        Err(error) => vec![Err(IntakeError::NotDurable(error.to_string())); count],
    }
}
