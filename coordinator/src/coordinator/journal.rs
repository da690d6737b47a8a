//! The coordinator's end of the journal: reading all of it, adding to it, forgetting its beginning.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;

use super::retry::{Pauses, insist, is_passing};
use super::{CoordinatorError, Report};
use crate::core::{Batch, Entry};
use crate::queue::{Queue, QueueError};

/// Entries of the queue's journal read at once.
const PAGE: usize = 500;

/// What became of an append.
#[expect(clippy::large_enum_variant, reason = "one at a time, moved once")]
pub(super) enum Appended {
    Ours(Report),
    /// Somebody else appended: they lead.
    Theirs,
}

/// The journal up to what we know of it.
pub(super) struct Journal {
    queue: Arc<dyn Queue>,
    /// Position of the last entry.
    end: u64,
    /// The batches that are not forgotten: serial number of the first entry, and position.
    batches: VecDeque<(u64, u64)>,
}

impl Journal {
    /// Reads all that is there.
    pub async fn read(queue: Arc<dyn Queue>) -> Result<(Self, Vec<Batch>), CoordinatorError> {
        let mut journal = Self {
            queue,
            end: 0,
            batches: VecDeque::new(),
        };
        let mut batches = Vec::new();
        loop {
            let from = journal.end + 1;
            let page = insist("the journal", || journal.queue.read(from, PAGE)).await?;
            if page.is_empty() {
                break;
            }
            for entry in page {
                let position = entry.position;
                let batch = Batch::decode(&entry.body)
                    .map_err(|error| CoordinatorError::Entry { position, error })?;
                journal.end = position;
                journal.batches.push_back((batch.first, position));
                batches.push(batch);
            }
        }
        if batches.is_empty() {
            journal.end = insist("the journal", || journal.queue.end()).await?;
        }
        Ok((journal, batches))
    }

    /// Appends entries from number `first` on. Outages are waited for, writes of unknown fate are looked up.
    pub async fn append(
        &mut self,
        first: u64,
        entries: &[Entry],
    ) -> Result<Appended, CoordinatorError> {
        let started = Instant::now();
        let position = self.end;
        let bodies = Batch::bodies(first, entries)
            .map_err(|error| CoordinatorError::Entry { position, error })?;
        for (first, body) in bodies {
            if !self.append_body(&body).await? {
                return Ok(Appended::Theirs);
            }
            self.batches.push_back((first, self.end));
        }
        let (position, seconds) = (self.end, started.elapsed().as_secs_f64());
        Ok(Appended::Ours(Report::Appended {
            position,
            entries: entries.len(),
            seconds,
        }))
    }

    /// True if it is there, right after what we know.
    async fn append_body(&mut self, body: &Bytes) -> Result<bool, CoordinatorError> {
        let mut pauses = Pauses::new();
        loop {
            match self.queue.append(body.clone(), self.end).await {
                Ok(position) => {
                    self.end = position;
                    return Ok(true);
                }
                // Ours, perhaps, of a try whose answer got lost.
                Err(QueueError::Conflict { .. }) => return self.is_ours(body).await,
                Err(error) if is_passing(&error) => tracing::warn!(%error, "recording again"),
                Err(error) => return Err(error.into()),
            }
            pauses.pause().await;
        }
    }

    async fn is_ours(&mut self, body: &Bytes) -> Result<bool, CoordinatorError> {
        let from = self.end + 1;
        let next = insist("the journal", || self.queue.read(from, 1)).await?;
        let ours = next.first().filter(|entry| entry.body == *body);
        if let Some(entry) = ours {
            self.end = entry.position;
        }
        Ok(ours.is_some())
    }

    /// The position before which everything may be forgotten, if no entry from number `serial` on is to be lost.
    pub fn forget(&mut self, serial: u64) -> Option<u64> {
        let mut before = None;
        while self
            .batches
            .get(1)
            .is_some_and(|(first, _)| *first <= serial)
        {
            self.batches.pop_front();
            before = self.batches.front().map(|(_, position)| *position);
        }
        before
    }
}
