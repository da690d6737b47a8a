//! Messages of other shards coming in.

use trifold_circuits::channel::Opening;
use trifold_circuits::schnorr::Coordinates;
use trifold_circuits::transfer::{Receive, SeenState, Size};
use trifold_verifier::statement::{Message, key_payload, kind};

use super::{Event, MAX_PENDING, Shard, ShardError};
use crate::channel::Letter;
use crate::delivery::{Delivery, DeliveryError};
use crate::post::Incoming;

impl Shard {
    /// Takes the messages of a delivery that it has not taken before, in order, and forgets those of its own that the sender took. Says
    /// how many it took. One with messages of which none is new is refused, unless it tells that more were taken. Nothing changes on
    /// error.
    pub fn receive(
        &mut self,
        delivery: &Delivery,
        now_milliseconds: u64,
    ) -> Result<usize, ShardError> {
        let (source, next) = (delivery.source, self.inbox().count(delivery.source));
        let incoming = (self.post).open(&self.chain, delivery, next, now_milliseconds)?;
        let Incoming { seen, openings } = incoming;
        if self.pending.len() + openings.len() > MAX_PENDING {
            return Err(ShardError::Busy);
        }
        self.check_keys(&openings)?;
        self.post.check_room(source, openings.len() as u64)?;
        let taken = openings.len();
        for (opening, letter) in openings {
            self.take(opening, letter.key, seen)?;
        }
        self.post.forget(source, delivery.taken);
        Ok(taken)
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
        let inbox_siblings = self.inbox().path(source)?;
        let (target, delivered) = self.ledger.deliver(&message, index, named)?;
        self.post.count_in(source)?;
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
}

/// Whether the message may open an account.
fn needs_key(message: &Message) -> bool {
    [kind::TRANSFER, kind::REQUEST].contains(&message.kind) && message.payload != Default::default()
}

fn fits(message: &Message, key: Coordinates) -> bool {
    message.payload == key_payload(key.x, key.y)
}
