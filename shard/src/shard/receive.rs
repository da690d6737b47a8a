//! Messages of other shards coming in.

use trifold_circuits::channel::Opening;
use trifold_circuits::schnorr::Coordinates;
use trifold_circuits::snapshot::{COUNTER_BITS, MAX_AHEAD_MILLISECONDS};
use trifold_circuits::transfer::{Receive, SeenState, Size};
use trifold_verifier::statement::{Message, key_payload, kind};

use super::{Event, MAX_PENDING, Shard, ShardError};
use crate::channel::Letter;
use crate::delivery::{Delivery, DeliveryError, MAX_LEAD};

impl Shard {
    /// Takes the messages of a delivery that it has not taken before, in order, and forgets those of its own that the sender took. Says
    /// how many it took. One with messages of which none is new is refused, unless it tells that more were taken. Nothing changes on
    /// error.
    pub fn receive(
        &mut self,
        delivery: &Delivery,
        now_milliseconds: u64,
    ) -> Result<usize, ShardError> {
        let seen = self.check_delivery(delivery, now_milliseconds)?;
        let (source, next) = (delivery.source, self.inbox.count(delivery.source));
        let openings = delivery.openings(next, &seen.0)?;
        let told = delivery.taken > self.outbox.forgotten(source);
        if openings.is_empty() && !delivery.messages.is_empty() && !told {
            return Err(DeliveryError::Replayed {
                source_shard: source,
                expected: next,
            }
            .into());
        }
        if self.pending.len() + openings.len() > MAX_PENDING {
            return Err(ShardError::Busy);
        }
        self.check_keys(&openings)?;
        self.check_room(source, openings.len())?;
        let taken = openings.len();
        for (opening, letter) in openings {
            self.take(opening, letter.key, seen)?;
        }
        self.forget(source, delivery.taken);
        Ok(taken)
    }

    /// Everything about a delivery but its messages; the global state that it is opened under.
    fn check_delivery(
        &self,
        delivery: &Delivery,
        now_milliseconds: u64,
    ) -> Result<SeenState, DeliveryError> {
        let Delivery {
            source,
            destination,
            ..
        } = *delivery;
        if delivery.network != self.chain.network() {
            return Err(DeliveryError::Network);
        }
        if destination != self.index() {
            return Err(DeliveryError::Destination {
                found: destination,
                expected: self.index(),
            });
        }
        if source == destination {
            return Err(DeliveryError::Itself(source));
        }
        let seen = self.opened_under(delivery.epoch)?;
        delivery.check(&seen.0)?;
        self.check_order(delivery)?;
        self.check_clocks(delivery, now_milliseconds)?;
        Ok(seen)
    }

    fn opened_under(&self, epoch: u64) -> Result<SeenState, DeliveryError> {
        let newest = |SeenState(state): SeenState| state.epoch;
        match self.chain.seen() {
            Some(seen) if newest(seen) == epoch => Ok(seen),
            Some(seen) if newest(seen) > epoch => Err(DeliveryError::OtherEpoch {
                epoch,
                seen: newest(seen),
            }),
            _ => Err(DeliveryError::NotFinal { epoch }),
        }
    }

    fn check_order(&self, delivery: &Delivery) -> Result<(), DeliveryError> {
        let (source_shard, first) = (delivery.source, delivery.first);
        let expected = self.inbox.count(source_shard);
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
        &self,
        delivery: &Delivery,
        now_milliseconds: u64,
    ) -> Result<(), DeliveryError> {
        let source_shard = delivery.source;
        let (lamport, own) = (delivery.leaf.lamport, self.leaf().lamport);
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

    /// Whether each message that may open an account comes with the key for it.
    fn check_keys(&self, openings: &[(Opening, Letter)]) -> Result<(), DeliveryError> {
        let missing = openings.iter().find(|(opening, letter)| {
            let place = Size::DEPLOYED.place(&opening.message);
            let vacant = place.is_some_and(|place| self.ledger.account(place).is_none());
            vacant && needs_key(&opening.message) && !fits(&opening.message, letter.key)
        });
        missing.map_or(Ok(()), |(opening, _)| {
            Err(DeliveryError::MissingKey(opening.index))
        })
    }

    fn take(
        &mut self,
        opening: Opening,
        named: Coordinates,
        seen: SeenState,
    ) -> Result<(), ShardError> {
        let (source, index, message) = (opening.source, opening.index, opening.message);
        let inbox_siblings = self.inbox.path(source)?;
        let (target, delivered) = self.ledger.deliver(&message, index, named)?;
        self.inbox.count_in(source)?;
        let receive = Receive {
            opening,
            inbox_siblings,
            key: target.key,
            held: target.held,
            siblings: target.siblings,
        };
        let receive = Box::new(receive);
        let reply = delivered.reply;
        let made = reply.map(|message| (source, message, Coordinates::NONE));
        self.push(Event::Receive { receive, seen }, made)
    }

    /// Forgets the messages that a shard was shown to have taken.
    fn forget(&mut self, destination: u32, taken: u64) {
        let kept = self.kept.back();
        let final_count = kept.map_or(0, |kept| kept.count(destination));
        self.outbox.forget(destination, taken.min(final_count));
    }
}

/// Whether the message may open an account.
fn needs_key(message: &Message) -> bool {
    [kind::TRANSFER, kind::REQUEST].contains(&message.kind) && message.payload != Default::default()
}

fn fits(message: &Message, key: Coordinates) -> bool {
    message.payload == key_payload(key.x, key.y)
}
