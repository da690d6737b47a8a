//! What a netted shard takes from other shards and sends them.
//!
//! A message goes from its delivery into the queue, and out of the front of the queue into the epoch that ends next, which the ledger's
//! journal records. It leaves the queue when that epoch's snapshot is remembered: after a crash in between, the epoch that
//! ended says how many of the queue it took.

use super::{NettedShard, NettedShardError, Position};
use crate::boxes::Outbox;
use crate::channel::{Letter, Log};
use crate::delivery::Delivery;
use crate::netted::limits::can_take;
use crate::netted::sent::Sent as Payment;
use crate::netted::view::View;
use crate::post::{Incoming, MAX_UNTAKEN, Post};
use crate::shard::{MAX_PENDING, ShardError};
use ark_bn254::Fr;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use trifold_circuits::channel::{BodyFields, CHANNEL_CAPACITY, Opening};
use trifold_circuits::netted::traffic::{Ending, Received, Sent, Traffic, outcome};
use trifold_circuits::schnorr::Coordinates;
use trifold_circuits::transfer::SeenState;
use trifold_verifier::statement::{Body, GlobalState};

/// Places of a channel that clients leave free, for what goes back to shards that send messages.
const RESERVED: u64 = 2 * (MAX_PENDING + MAX_UNTAKEN) as u64;

/// A message of another shard, with the global state that it was opened under.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub(super) struct Queued {
    opening: Opening,
    seen: SeenState,
}

/// What an epoch takes and sends.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub(super) struct Exchanged {
    /// What the messages taken were opened under.
    seen: Option<SeenState>,
    /// Sources of the messages taken, in order.
    pub taken: Vec<u32>,
    sent: Vec<Sent>,
    /// After the epoch.
    #[serde(with = "BodyFields")]
    pub body: Body,
}

impl Exchanged {
    /// Carries it out.
    pub fn apply(&self, post: &mut Post) -> Result<(), NettedShardError> {
        for source in &self.taken {
            post.count_in(*source)?;
        }
        for Sent {
            destination,
            message,
            ..
        } in &self.sent
        {
            let (message, key) = (*message, Coordinates::NONE);
            post.append(*destination, Letter { message, key })?;
        }
        Ok(())
    }

    /// Messages sent to each shard.
    fn sent(&self) -> BTreeMap<u32, u64> {
        counted(self.sent.iter().map(|sent| sent.destination))
    }
}

fn counted(shards: impl Iterator<Item = u32>) -> BTreeMap<u32, u64> {
    let mut counts = BTreeMap::new();
    shards.for_each(|shard| *counts.entry(shard).or_default() += 1);
    counts
}

impl Position {
    /// The messages that an epoch takes which ends now: the first of the queue that were opened under one state.
    pub fn takable(&self) -> Vec<Opening> {
        let first = self.queue.front().map(|queued| queued.seen);
        let mut sources = BTreeSet::new();
        let fits = |(before, queued): &(usize, &super::Queued)| {
            sources.insert(queued.opening.source);
            Some(queued.seen) == first && can_take(before + 1, sources.len())
        };
        let queue = self.queue.iter().enumerate().take_while(fits);
        queue.map(|(_, queued)| queued.opening.clone()).collect()
    }

    /// What the next snapshot has seen: what its messages were opened under, and never more than the next ones that wait.
    pub fn next_seen(&self) -> Option<SeenState> {
        let opened = self.queue.front().map(|queued| queued.seen);
        opened.or(self.chain.seen())
    }

    /// Digest of what the snapshot under way, or the next one, has seen; 0 if nothing.
    pub fn seen_digest(&self) -> Fr {
        let next = || self.next_seen().map(|SeenState(state)| state.digest());
        match self.chain.under_way() {
            Some(snapshot) => snapshot.new.seen_digest,
            None => next().unwrap_or_default(),
        }
    }

    /// Messages of a shard that the inbox does not count yet: of the epoch under way, and in the queue.
    fn waiting_from(&self, source: u32) -> u64 {
        let under_way = self.under_way.iter().flat_map(|exchanged| &exchanged.taken);
        let queued = self.queue.iter().map(|queued| queued.opening.source);
        let all = under_way.copied().chain(queued);
        all.filter(|found| *found == source).count() as u64
    }

    /// Messages to a shard that the outbox does not hold yet: of the epoch under way, and what may go back for those in the queue.
    fn waiting_to(&self, shard: u32) -> u64 {
        let under_way = self.under_way.iter().flat_map(|exchanged| &exchanged.sent);
        let replies = self.queue.iter().map(|queued| queued.opening.source);
        let all = under_way.map(|sent| sent.destination).chain(replies);
        all.filter(|found| *found == shard).count() as u64
    }

    /// The shards that clients can send no more.
    fn full(&self) -> impl Iterator<Item = u32> {
        let channels = self.post.outbox().channels();
        let held = channels.map(|(shard, log)| (shard, (log.kept() as u64, log.count())));
        let mut held: BTreeMap<u32, (u64, u64)> = held.collect();
        let sent = self.under_way.as_ref().map(Exchanged::sent);
        for (shard, more) in sent.unwrap_or_default() {
            let (untaken, count) = held.entry(shard).or_default();
            *untaken += more;
            *count += more;
        }
        let is_full = |(untaken, count): (u64, u64)| {
            untaken >= MAX_UNTAKEN as u64 || count + RESERVED > CHANNEL_CAPACITY
        };
        let full = held.into_iter().filter(move |(_, held)| is_full(*held));
        full.map(|(shard, _)| shard)
    }

    /// Takes the messages of an epoch that has ended out of the queue.
    ///
    /// # Errors
    /// The queue begins with others.
    pub fn dequeue(&mut self, received: &[Received]) -> Result<(), ShardError> {
        for received in received {
            let first = self.queue.pop_front().map(|queued| queued.opening);
            if first.as_ref() != Some(&received.opening) {
                let reason = "the ledger took messages that did not wait for it";
                return Err(ShardError::Inconsistent(reason));
            }
        }
        Ok(())
    }
}

impl NettedShard {
    /// Epoch of the global state that messages are taken under, once there is one.
    pub fn seen_epoch(&self) -> Option<u64> {
        let seen = self.position.chain.seen();
        seen.map(|SeenState(state)| state.epoch)
    }

    /// All that the shard has for another under the global state of an epoch, see [`crate::Shard::deliver`].
    pub fn deliver(&self, destination: u32, epoch: u64) -> Result<Delivery, NettedShardError> {
        let Position { chain, post, .. } = &self.position;
        Ok(post.deliver(chain, destination, epoch)?)
    }

    /// Takes the messages of a delivery that it has not taken before, in order, and forgets those of its own that the sender took. They
    /// enter the epochs that end from now on, and are on disk when this returns. Says how many it took. One with messages of which
    /// none is new is refused, unless it tells that more were taken. Nothing changes on error.
    pub fn receive(
        &mut self,
        delivery: &Delivery,
        now_milliseconds: u64,
    ) -> Result<usize, NettedShardError> {
        let mut next = self.position.clone();
        let source = delivery.source;
        let expected = next.post.inbox().count(source) + next.waiting_from(source);
        let incoming = (next.post).open(&next.chain, delivery, expected, now_milliseconds);
        let Incoming { seen, openings } = incoming.map_err(ShardError::from)?;
        if next.queue.len() + openings.len() > MAX_PENDING {
            return Err(ShardError::Busy.into());
        }
        let replies = next.waiting_to(source) + openings.len() as u64;
        next.post.check_room(source, replies)?;
        let taken = openings.len();
        let openings = openings.into_iter();
        (next.queue).extend(openings.map(|(opening, _)| Queued { opening, seen }));
        next.post.forget(source, delivery.taken);
        self.remember(next)?;
        Ok(taken)
    }

    /// Has the ledger refuse clients' payments to shards whose inbox is full.
    pub(super) fn refuse_full(&self) {
        let full = self.position.full();
        let full = full.filter_map(|shard| u16::try_from(shard).ok());
        self.store.refuse(full.collect());
    }

    /// All messages of the epoch that is submitted next or under way, which has ended.
    pub(super) fn traffic(&self) -> Result<Traffic, NettedShardError> {
        let Position { epoch, post, .. } = &self.position;
        let received = self.store.received_of(*epoch)?;
        let payments = self.store.sent_of(*epoch)?;
        let mut sent: Vec<Sent> = payments.iter().map(Payment::message).collect();
        sent.extend(replies(&received, &self.store.view_of(*epoch)?));
        let destinations: BTreeSet<u32> = sent.iter().map(|sent| sent.destination).collect();
        let ending = |shard| (shard, ending(post.outbox(), shard));
        Ok(Traffic {
            seen: self.opened_under(!received.is_empty()),
            channels: destinations.into_iter().map(ending).collect(),
            received,
            sent,
            outbox: post.outbox().trie().clone(),
            inbox: post.inbox().trie().clone(),
        })
    }

    /// What the epoch's messages were opened under, if it took any.
    fn opened_under(&self, took: bool) -> Option<GlobalState> {
        let seen = match &self.position.under_way {
            Some(exchanged) => exchanged.seen,
            None => self.position.next_seen().filter(|_| took),
        };
        seen.map(|SeenState(state)| state)
    }

    /// What the epoch that has ended does, whose accounts have this root.
    pub(super) fn exchanged(
        &self,
        traffic: &Traffic,
        accounts: Fr,
    ) -> Result<Exchanged, NettedShardError> {
        let sources = traffic
            .received
            .iter()
            .map(|received| received.opening.source);
        let mut exchanged = Exchanged {
            seen: traffic.seen.map(SeenState),
            taken: sources.collect(),
            sent: traffic.sent.clone(),
            body: Body::default(),
        };
        let mut post = self.position.post.clone();
        exchanged.apply(&mut post)?;
        exchanged.body = post.body(self.state(accounts).digest());
        Ok(exchanged)
    }
}

/// The channel to a shard as it is, perhaps never used.
fn ending(outbox: &Outbox, shard: u32) -> Ending {
    let unused = Log::default();
    let log = outbox.channel(shard).unwrap_or(&unused);
    Ending {
        channel: log.at(log.count()),
        siblings: log.path(log.count(), log.count()),
    }
}

/// What goes back for messages that were taken, when the accounts are as the epoch left them.
fn replies(received: &[Received], closing: &View) -> Vec<Sent> {
    let reply = |received: &Received| {
        let Received { opening, full } = received;
        let account = closing.accounts.leaf(opening.message.to);
        let message = outcome(&opening.message, opening.index, &account, *full).reply?;
        Some(Sent {
            destination: opening.source,
            message,
            reply: true,
        })
    };
    received.iter().filter_map(reply).collect()
}
