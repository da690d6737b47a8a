//! What a shard sends and takes: its outbox and its inbox, with the tries that its body records.

use crate::channel::{Letter, Log};
use ark_bn254::Fr;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use trifold_circuits::channel::{BOX_DEPTH, Send, close_box};
use trifold_circuits::trie::{SparseTrie, TrieError};

/// Channels by destination.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(try_from = "BTreeMap<u32, Log>", into = "BTreeMap<u32, Log>")]
pub struct Outbox {
    channels: BTreeMap<u32, Log>,
    trie: SparseTrie,
}

impl Outbox {
    /// One that was never used.
    pub fn new() -> Result<Self, TrieError> {
        Self::try_from(BTreeMap::new())
    }

    /// What the body records.
    pub fn root(&self) -> Fr {
        close_box(&self.trie)
    }

    /// Digests of the channels by destination.
    pub fn trie(&self) -> &SparseTrie {
        &self.trie
    }

    /// The channel to a shard, if it was ever used.
    pub fn channel(&self, destination: u32) -> Option<&Log> {
        self.channels.get(&destination)
    }

    /// Channels in order of destination.
    pub fn channels(&self) -> impl Iterator<Item = (u32, &Log)> {
        self.channels
            .iter()
            .map(|(destination, log)| (*destination, log))
    }

    /// Appends a message; `None` if the channel took all that it ever can.
    pub fn append(&mut self, destination: u32, letter: Letter) -> Result<Option<Send>, TrieError> {
        let outbox_siblings = self.trie.path(destination.into())?;
        let log = self.channels.entry(destination).or_default();
        let count = log.count();
        let message_siblings = log.path(count, count);
        if !log.append(letter) {
            return Ok(None);
        }
        let digest = log.at(count + 1).digest();
        self.trie.set(destination.into(), digest)?;
        Ok(Some(Send {
            destination,
            message: letter.message,
            count,
            message_siblings,
            outbox_siblings,
        }))
    }

    /// Messages to a shard that are forgotten, since it took them.
    pub fn forgotten(&self, destination: u32) -> u64 {
        let channel = self.channels.get(&destination);
        channel.map_or(0, |log| log.count() - log.kept() as u64)
    }

    /// Forgets messages to a shard that it took.
    pub fn forget(&mut self, destination: u32, index: u64) {
        if let Some(log) = self.channels.get_mut(&destination) {
            log.forget(index);
        }
    }
}

impl From<Outbox> for BTreeMap<u32, Log> {
    fn from(outbox: Outbox) -> Self {
        outbox.channels
    }
}

impl TryFrom<BTreeMap<u32, Log>> for Outbox {
    type Error = TrieError;

    fn try_from(channels: BTreeMap<u32, Log>) -> Result<Self, TrieError> {
        let digest = |log: &Log| log.at(log.count()).digest();
        let digests = channels.iter().map(|(to, log)| ((*to).into(), digest(log)));
        let trie = trie(digests)?;
        Ok(Self { channels, trie })
    }
}

/// Messages taken, by source.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(try_from = "BTreeMap<u32, u64>", into = "BTreeMap<u32, u64>")]
pub struct Inbox {
    counts: BTreeMap<u32, u64>,
    trie: SparseTrie,
}

impl Inbox {
    /// One that was never used.
    pub fn new() -> Result<Self, TrieError> {
        Self::try_from(BTreeMap::new())
    }

    /// What the body records.
    pub fn root(&self) -> Fr {
        close_box(&self.trie)
    }

    /// Messages taken by source.
    pub fn trie(&self) -> &SparseTrie {
        &self.trie
    }

    /// Messages taken from a shard.
    pub fn count(&self, source: u32) -> u64 {
        self.counts.get(&source).copied().unwrap_or_default()
    }

    /// Counts in order of source.
    pub fn counts(&self) -> impl Iterator<Item = (u32, u64)> {
        self.counts.iter().map(|(source, count)| (*source, *count))
    }

    /// The siblings of a shard's count, from the leaf up.
    pub fn path(&self, source: u32) -> Result<Vec<[Fr; 2]>, TrieError> {
        self.trie.path(source.into())
    }

    /// Counts one more message of a shard.
    pub fn count_in(&mut self, source: u32) -> Result<(), TrieError> {
        let count = self.count(source) + 1;
        self.trie.set(source.into(), count.into())?;
        self.counts.insert(source, count);
        Ok(())
    }
}

impl From<Inbox> for BTreeMap<u32, u64> {
    fn from(inbox: Inbox) -> Self {
        inbox.counts
    }
}

impl TryFrom<BTreeMap<u32, u64>> for Inbox {
    type Error = TrieError;

    fn try_from(counts: BTreeMap<u32, u64>) -> Result<Self, TrieError> {
        let leaves = counts
            .iter()
            .map(|(from, count)| ((*from).into(), (*count).into()));
        let trie = trie(leaves)?;
        Ok(Self { counts, trie })
    }
}

/// The trie of a box with these leaves.
pub(crate) fn trie(leaves: impl Iterator<Item = (u64, Fr)>) -> Result<SparseTrie, TrieError> {
    let mut trie = SparseTrie::new(BOX_DEPTH)?;
    trie.set_many(leaves)?;
    Ok(trie)
}
