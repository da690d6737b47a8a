//! The coordinator's journal as the embedded queue holds it.

use std::collections::VecDeque;

use bytes::Bytes;

use super::{JournalEntry, JournalStats};

/// Entries at consecutive positions; those below `first` are forgotten.
pub struct Log {
    first: u64,
    bodies: VecDeque<Bytes>,
    /// Entries up to here are on disk for certain, and nobody is shown more.
    durable: u64,
}

impl Default for Log {
    fn default() -> Self {
        Self {
            first: 1,
            bodies: VecDeque::new(),
            durable: 0,
        }
    }
}

impl Log {
    /// The last position, on disk or on its way there.
    pub fn end(&self) -> u64 {
        self.first + self.bodies.len() as u64 - 1
    }

    pub fn first(&self) -> u64 {
        self.first
    }

    /// Every entry that is kept, on disk or on its way there.
    pub fn bodies(&self) -> impl Iterator<Item = &Bytes> {
        self.bodies.iter()
    }

    /// The last position that is on disk for certain.
    pub fn durable(&self) -> u64 {
        self.durable
    }

    /// Everything up to `position` is on disk.
    pub fn synced(&mut self, position: u64) {
        self.durable = self.durable.max(position);
    }

    /// Takes back what did not reach the disk, and never will.
    pub fn take_back(&mut self) {
        let kept = (self.durable + 1).saturating_sub(self.first);
        self.bodies
            .truncate(usize::try_from(kept).unwrap_or(usize::MAX));
    }

    pub fn append(&mut self, body: Bytes) -> u64 {
        self.bodies.push_back(body);
        self.end()
    }

    pub fn stats(&self) -> JournalStats {
        JournalStats {
            position: self.durable,
            entries: self.bodies.len() as u64,
            bytes: self.bodies.iter().map(|body| body.len() as u64).sum(),
        }
    }

    /// At most `limit` entries from `from` on that are on disk.
    pub fn read(&self, from: u64, limit: usize) -> Vec<JournalEntry> {
        let skipped = from.saturating_sub(self.first);
        let entries = (self.first..=self.durable).zip(&self.bodies);
        entries
            .skip(usize::try_from(skipped).unwrap_or(usize::MAX))
            .take(limit)
            .map(|(position, body)| JournalEntry {
                position,
                body: body.clone(),
            })
            .collect()
    }

    /// Forgets what is below `before`, which is at most one past the end; in a log that never had an entry, the first
    /// one will be at `before`.
    pub fn shorten(&mut self, before: u64) {
        while self.first < before && self.bodies.pop_front().is_some() {
            self.first += 1;
        }
        self.first = self.first.max(before);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn positions(log: &Log, from: u64, limit: usize) -> Vec<u64> {
        let read = log.read(from, limit);
        read.iter().map(|entry| entry.position).collect()
    }

    #[test]
    fn positions_outlast_what_is_forgotten() {
        let mut log = Log::default();
        assert_eq!((log.end(), log.first()), (0, 1));
        for position in 1..=5 {
            assert_eq!(log.append(Bytes::new()), position);
        }
        assert_eq!(positions(&log, 0, 9), [0; 0], "nothing is on disk yet");
        log.synced(4);
        assert_eq!(positions(&log, 0, 9), [1, 2, 3, 4]);
        assert_eq!(positions(&log, 2, 2), [2, 3]);
        log.take_back();
        assert_eq!((log.end(), log.append(Bytes::new())), (4, 5));
        log.synced(5);
        log.shorten(3);
        assert_eq!(positions(&log, 0, 9), [3, 4, 5]);
        assert_eq!(positions(&log, 5, 9), [5]);
        log.shorten(6);
        assert_eq!((log.end(), positions(&log, 0, 9)), (5, vec![]));
        assert_eq!(log.append(Bytes::new()), 6);
    }
}
