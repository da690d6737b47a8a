//! The journal as a stream of one subject: a position is a sequence, and every append names the one it follows.

use std::time::Instant;

use async_nats::jetstream::message::PublishMessage;
use async_nats::jetstream::stream::State;
use bytes::Bytes;

use super::fetch::{Reading, each};
use super::{NatsQueue, Refused, backend, classify};
use crate::queue::{JOURNAL, JournalEntry, QueueError, check_entry};

impl NatsQueue {
    pub(super) async fn append_entry(&self, body: Bytes, after: u64) -> Result<u64, QueueError> {
        check_entry(&body)?;
        let message = PublishMessage::build()
            .payload(body)
            .expected_last_sequence(after);
        let sent = self.send(self.names.subject(JOURNAL), message).await;
        sent.map_err(|error| match classify(&error) {
            // Nobody leads the stream just now, or nobody answered: it may still be delivered.
            Refused::Unknown | Refused::Absent => QueueError::Unknown(JOURNAL.into()),
            Refused::Full => QueueError::Full(JOURNAL.into()),
            Refused::Conflict => QueueError::Conflict { after },
            _ => backend(error),
        })
    }

    /// What the stream's leader says of it.
    pub(super) async fn journal_state(&self) -> Result<State, QueueError> {
        let stream = self.stream(&self.names.stream("JOURNAL")).await?;
        let info = stream.get_info().await.map_err(backend)?;
        Ok(info.state)
    }

    /// A server that follows may lag behind the leader, who said where the journal ends: what is missing is waited for.
    pub(super) async fn read_entries(
        &self,
        from: u64,
        limit: usize,
    ) -> Result<Vec<JournalEntry>, QueueError> {
        let started = Instant::now();
        let mut entries = Vec::new();
        loop {
            let state = self.journal_state().await?;
            let read = entries
                .last()
                .map_or(0, |last: &JournalEntry| last.position);
            let next = from.max(read + 1).max(state.first_sequence);
            if next > state.last_sequence || entries.len() >= limit {
                return Ok(entries);
            }
            if started.elapsed() > self.timeout {
                let missing = format!("entry {next} of the journal cannot be read yet");
                return Err(QueueError::Backend(missing));
            }
            self.read_some(next, limit, &mut entries).await?;
        }
    }

    async fn read_some(
        &self,
        from: u64,
        limit: usize,
        entries: &mut Vec<JournalEntry>,
    ) -> Result<(), QueueError> {
        let stream = self.stream(&self.names.stream("JOURNAL")).await?;
        let reading = Reading {
            subject: self.names.subject(JOURNAL),
            from,
            headers_only: false,
        };
        each(&stream, reading, self.timeout, |message| {
            let position = message.info().map_err(backend)?.stream_sequence;
            let body = message.payload.clone();
            entries.push(JournalEntry { position, body });
            Ok(entries.len() < limit)
        })
        .await
    }

    /// A purge beyond the end would move the end.
    pub(super) async fn shorten_journal(&self, before: u64) -> Result<(), QueueError> {
        let state = self.journal_state().await?;
        let before = before.min(state.last_sequence + 1);
        if before <= state.first_sequence {
            return Ok(());
        }
        let stream = self.stream(&self.names.stream("JOURNAL")).await?;
        let purged = stream.purge().sequence(before).await;
        purged.map(drop).map_err(backend)
    }
}
