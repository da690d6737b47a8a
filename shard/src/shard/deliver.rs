//! What a shard has for others under the global states that they may have seen.

use ark_bn254::Fr;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use trifold_circuits::channel::BodyFields;
use trifold_circuits::field::{self, Element};
use trifold_circuits::snapshot;
use trifold_verifier::statement::{Body, Leaf};

use super::{Event, Shard, ShardError};
use crate::boxes;
use crate::delivery::{Delivered, Delivery, DeliveryError};

/// Global states under which messages can be asked for: the newest that the shard has taken in.
pub const KEPT_STATES: usize = 8;

/// The shard under a global state.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub(super) struct Kept {
    epoch: u64,
    #[serde(with = "snapshot::leaf")]
    leaf: Leaf,
    #[serde(with = "field::pairs")]
    siblings: Vec<[Fr; 2]>,
    #[serde(with = "BodyFields")]
    body: Body,
    /// Length and digest of channels by destination.
    channels: BTreeMap<u32, (u64, Element)>,
    /// Messages taken by source.
    taken: BTreeMap<u32, u64>,
}

impl Kept {
    /// Messages in the channel to a shard.
    pub(super) fn count(&self, destination: u32) -> u64 {
        self.channels
            .get(&destination)
            .map_or(0, |(count, _)| *count)
    }
}

impl Shard {
    /// All that the shard has for another under the global state of an epoch. The other takes it once it has seen that state and a
    /// newer one.
    ///
    /// # Errors
    /// The state is not among the newest [`KEPT_STATES`] that the shard has taken in.
    pub fn deliver(&self, destination: u32, epoch: u64) -> Result<Delivery, ShardError> {
        if destination == self.index() {
            return Err(DeliveryError::Itself(destination).into());
        }
        let kept = self.kept.iter().find(|kept| kept.epoch == epoch);
        let kept = kept.ok_or(DeliveryError::NotKept(epoch))?;
        let channels = kept.channels.iter();
        let channels = channels.map(|(to, (_, digest))| ((*to).into(), digest.0));
        let taken = kept.taken.iter();
        let taken = taken.map(|(from, count)| ((*from).into(), (*count).into()));
        let count = kept.count(destination);
        let (first, messages) = self.messages(destination, count);
        Ok(Delivery {
            network: self.chain.network(),
            source: self.index(),
            destination,
            epoch,
            leaf: kept.leaf,
            leaf_siblings: kept.siblings.clone(),
            body: kept.body,
            count,
            channel_siblings: boxes::trie(channels)?.path(destination.into())?,
            first,
            messages,
            taken: kept.taken.get(&destination).copied().unwrap_or_default(),
            taken_siblings: boxes::trie(taken)?.path(destination.into())?,
        })
    }

    /// The messages of a channel that had `count` then, as far as they are not forgotten, and the index of the first.
    fn messages(&self, destination: u32, count: u64) -> (u64, Vec<Delivered>) {
        let Some(channel) = self.outbox.channel(destination) else {
            return (0, Vec::new());
        };
        let first = self.outbox.forgotten(destination);
        let delivered = |index| {
            let letter = *channel.letter(index)?;
            let siblings = channel.path(index, count);
            Some(Delivered { letter, siblings })
        };
        (first, (first..count).filter_map(delivered).collect())
    }

    /// Remembers the shard as it is under the latest global state.
    pub(super) fn keep(&mut self, siblings: Vec<[Fr; 2]>) {
        let waiting = |destination: u32| {
            let sends = self.pending.iter().filter_map(|event| event.send.as_ref());
            sends.filter(|send| send.destination == destination).count() as u64
        };
        let channels = self.outbox.channels().map(|(to, log)| {
            let count = log.count() - waiting(to);
            (to, (count, Element(log.at(count).digest())))
        });
        let channels = channels.filter(|(_, (count, _))| *count > 0).collect();
        let taken = self
            .inbox
            .counts()
            .map(|(from, count)| (from, count - self.untold(from)));
        let taken = taken.filter(|(_, count)| *count > 0).collect();
        self.kept.push_back(Kept {
            epoch: self.latest_epoch(),
            leaf: *self.leaf(),
            siblings,
            body: self.body,
            channels,
            taken,
        });
        if self.kept.len() > KEPT_STATES {
            self.kept.pop_front();
        }
    }

    /// Messages taken from a shard that no global state counts yet.
    fn untold(&self, source: u32) -> u64 {
        let from_source = |event: &Event| match event {
            Event::Transfer(_) => false,
            Event::Receive { receive, .. } => receive.opening.source == source,
        };
        let pending = self.pending.iter();
        pending
            .filter(|pending| from_source(&pending.event))
            .count() as u64
    }
}
