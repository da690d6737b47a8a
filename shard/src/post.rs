//! A shard's messages to and from others: what it sent and took, what others may ask it for, and the checks of what they bring.

use ark_bn254::Fr;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, VecDeque};
use trifold_circuits::channel::{BodyFields, CHANNEL_CAPACITY, Opening, Send};
use trifold_circuits::field::{self, Element};
use trifold_circuits::snapshot::{self, COUNTER_BITS, MAX_AHEAD_MILLISECONDS};
use trifold_circuits::transfer::SeenState;
use trifold_circuits::trie::TrieError;
use trifold_verifier::statement::{Body, Leaf};

use crate::boxes::{self, Inbox, Outbox};
use crate::chain::Chain;
use crate::channel::{Letter, Log};
use crate::delivery::{Delivered, Delivery, DeliveryError, MAX_LEAD};
use crate::shard::ShardError;

/// Global states under which messages can be asked for: the newest that the shard has taken in.
pub const KEPT_STATES: usize = 8;
/// Most messages to one shard that it has not been seen to take; clients can send it no more until it has.
pub const MAX_UNTAKEN: usize = 1024;

/// Outbox and inbox, and what they were under the newest global states.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub(crate) struct Post {
    outbox: Outbox,
    inbox: Inbox,
    /// What other shards may ask for messages under, the oldest first.
    kept: VecDeque<Kept>,
}

/// The shard under a global state.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
struct Kept {
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
    fn count(&self, destination: u32) -> u64 {
        self.channels
            .get(&destination)
            .map_or(0, |(count, _)| *count)
    }
}

/// How many messages in outbox and inbox no global state holds yet, by shard.
#[derive(Clone, Debug, Default)]
pub(crate) struct Waiting {
    pub sent: BTreeMap<u32, u64>,
    pub taken: BTreeMap<u32, u64>,
}

/// What a delivery brings.
pub(crate) struct Incoming {
    /// The global state that it is opened under.
    pub seen: SeenState,
    /// Messages that were not taken before, in order.
    pub openings: Vec<(Opening, Letter)>,
}

impl Post {
    /// Of a shard that never sent or took anything.
    pub fn new() -> Result<Self, TrieError> {
        Ok(Self {
            outbox: Outbox::new()?,
            inbox: Inbox::new()?,
            kept: VecDeque::new(),
        })
    }

    pub fn outbox(&self) -> &Outbox {
        &self.outbox
    }

    pub fn inbox(&self) -> &Inbox {
        &self.inbox
    }

    /// The body of a shard in this state.
    pub fn body(&self, state_root: Fr) -> Body {
        Body {
            state_root,
            outbox_root: self.outbox.root(),
            inbox_root: self.inbox.root(),
        }
    }

    /// Whether the channel to a shard can take so many more.
    pub fn check_room(&self, destination: u32, more: u64) -> Result<(), ShardError> {
        let count = self.outbox.channel(destination).map_or(0, Log::count);
        match count + more > CHANNEL_CAPACITY {
            true => Err(ShardError::UsedUp(destination)),
            false => Ok(()),
        }
    }

    /// Sends a message.
    pub fn append(&mut self, destination: u32, letter: Letter) -> Result<Send, ShardError> {
        let sent = self.outbox.append(destination, letter)?;
        sent.ok_or(ShardError::UsedUp(destination))
    }

    /// Counts one more message of a shard as taken.
    pub fn count_in(&mut self, source: u32) -> Result<(), TrieError> {
        self.inbox.count_in(source)
    }

    /// All that the shard at this place has for another under the global state of an epoch. The other takes it once it has seen that
    /// state and a newer one.
    ///
    /// # Errors
    /// The global trie has no place for the other, or the state is not among the newest [`KEPT_STATES`] that the shard has taken in.
    pub fn deliver(
        &self,
        chain: &Chain,
        destination: u32,
        epoch: u64,
    ) -> Result<Delivery, ShardError> {
        if destination == chain.index() {
            return Err(DeliveryError::Itself(destination).into());
        }
        if u64::from(destination) >= chain.places() {
            return Err(ShardError::UnknownShard(destination));
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
            network: chain.network(),
            source: chain.index(),
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

    /// Remembers the shard as it is under the latest global state, with its path there.
    pub fn keep(&mut self, chain: &Chain, siblings: Vec<[Fr; 2]>, body: Body, waiting: &Waiting) {
        let of = |counts: &BTreeMap<u32, u64>, shard| counts.get(&shard).copied().unwrap_or(0);
        let channels = self.outbox.channels().map(|(to, log)| {
            let count = log.count() - of(&waiting.sent, to);
            (to, (count, Element(log.at(count).digest())))
        });
        let channels = channels.filter(|(_, (count, _))| *count > 0).collect();
        let taken = self.inbox.counts();
        let taken = taken.map(|(from, count)| (from, count - of(&waiting.taken, from)));
        let taken = taken.filter(|(_, count)| *count > 0).collect();
        self.kept.push_back(Kept {
            epoch: chain.latest_epoch(),
            leaf: *chain.leaf(),
            siblings,
            body,
            channels,
            taken,
        });
        if self.kept.len() > KEPT_STATES {
            self.kept.pop_front();
        }
    }

    /// Checks a delivery; `next` is the index of the first message of its source that is not taken yet. One with messages of which
    /// none is new is refused, unless it tells that more were taken.
    pub fn open(
        &self,
        chain: &Chain,
        delivery: &Delivery,
        next: u64,
        now_milliseconds: u64,
    ) -> Result<Incoming, DeliveryError> {
        let source_shard = delivery.source;
        check_parties(chain, delivery)?;
        let seen = opened_under(chain, delivery.epoch)?;
        delivery.check(&seen.0)?;
        check_order(delivery, next)?;
        check_clocks(chain.leaf(), delivery, now_milliseconds)?;
        let openings = delivery.openings(next, &seen.0)?;
        let told = delivery.taken > self.outbox.forgotten(source_shard);
        match openings.is_empty() && !delivery.messages.is_empty() && !told {
            true => Err(DeliveryError::Replayed {
                source_shard,
                expected: next,
            }),
            false => Ok(Incoming { seen, openings }),
        }
    }

    /// Forgets the messages that a shard was shown to have taken.
    pub fn forget(&mut self, destination: u32, taken: u64) {
        let kept = self.kept.back();
        let final_count = kept.map_or(0, |kept| kept.count(destination));
        self.outbox.forget(destination, taken.min(final_count));
    }
}

fn check_parties(chain: &Chain, delivery: &Delivery) -> Result<(), DeliveryError> {
    let (found, expected) = (delivery.destination, chain.index());
    if delivery.network != chain.network() {
        return Err(DeliveryError::Network);
    }
    if found != expected {
        return Err(DeliveryError::Destination { found, expected });
    }
    match delivery.source == expected {
        true => Err(DeliveryError::Itself(expected)),
        false => Ok(()),
    }
}

fn opened_under(chain: &Chain, epoch: u64) -> Result<SeenState, DeliveryError> {
    let newest = |SeenState(state): SeenState| state.epoch;
    match chain.seen() {
        Some(seen) if newest(seen) == epoch => Ok(seen),
        Some(seen) if newest(seen) > epoch => Err(DeliveryError::OtherEpoch {
            epoch,
            seen: newest(seen),
        }),
        _ => Err(DeliveryError::NotFinal { epoch }),
    }
}

fn check_order(delivery: &Delivery, expected: u64) -> Result<(), DeliveryError> {
    let (source_shard, first) = (delivery.source, delivery.first);
    match first > expected && !delivery.messages.is_empty() {
        true => Err(DeliveryError::OutOfOrder {
            source_shard,
            first,
            expected,
        }),
        false => Ok(()),
    }
}

/// A step has to be later than what it takes, so a source with clocks far ahead would use up this shard's.
fn check_clocks(
    own: &Leaf,
    delivery: &Delivery,
    now_milliseconds: u64,
) -> Result<(), DeliveryError> {
    let source_shard = delivery.source;
    let (lamport, own) = (delivery.leaf.lamport, own.lamport);
    if lamport.saturating_sub(own) > MAX_LEAD {
        return Err(DeliveryError::Lead {
            source_shard,
            lamport,
            own,
        });
    }
    let ahead = (delivery.leaf.timestamp >> COUNTER_BITS).saturating_sub(now_milliseconds);
    match ahead > MAX_AHEAD_MILLISECONDS {
        true => Err(DeliveryError::Future {
            source_shard,
            ahead,
        }),
        false => Ok(()),
    }
}
