//! The circuit of signed messages: its inputs and its native relation.

use super::layout;
use super::message::{Domain, MAX_PAYMENTS, Message, Payment, SignedMessage};
use super::statement::{Context, Part, commitment};
use crate::inputs::Inputs;
use crate::montgomery::Point;
use crate::schnorr::{SchnorrError, SecretKey, SignedDigit};
use ark_bn254::Fr;

/// Parameters of the template.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MessagesSize {
    /// N: most messages.
    pub slots: usize,
    /// K: payments that each has room for, 1..=9.
    pub payments: usize,
}

/// Why a list of messages proves nothing. Messages count from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MessagesError {
    #[error("a message has room for 1 to {MAX_PAYMENTS} payments, not {0}")]
    Size(usize),
    #[error("{count} messages do not fit {slots} slots")]
    TooMany { count: usize, slots: usize },
    #[error("message {message}: {found} payments, there is room for {room}")]
    Payments {
        message: usize,
        found: usize,
        room: usize,
    },
    #[error("message {message}: {source}")]
    Signature {
        message: usize,
        source: SchnorrError,
    },
}

/// Messages that one proof takes; in any order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Messages {
    pub size: MessagesSize,
    pub network: Fr,
    pub shard: u32,
    /// Destination of all fees.
    pub collector: u64,
    pub signed: Vec<SignedMessage>,
}

impl Messages {
    fn domain(&self) -> Domain {
        Domain {
            network: self.network,
            shard: self.shard,
            payments: self.size.payments,
        }
    }

    /// Whether everything fits and every signature holds.
    pub fn check(&self) -> Result<(), MessagesError> {
        let (count, MessagesSize { slots, payments }) = (self.signed.len(), self.size);
        if payments == 0 || payments > MAX_PAYMENTS {
            return Err(MessagesError::Size(payments));
        }
        if count > slots {
            return Err(MessagesError::TooMany { count, slots });
        }
        let check = |(message, signed)| self.check_message(message, signed);
        self.signed.iter().enumerate().try_for_each(check)
    }

    fn check_message(&self, message: usize, signed: &SignedMessage) -> Result<(), MessagesError> {
        let (found, room) = (signed.message.payments.len(), self.size.payments);
        if found > room {
            return Err(MessagesError::Payments {
                message,
                found,
                room,
            });
        }
        let signature = |source| MessagesError::Signature { message, source };
        signed.verify(&self.domain()).map_err(signature)
    }

    /// Binds everything that the sum depends on; computed before the challenges are known.
    pub fn commitment(&self) -> Fr {
        let MessagesSize { slots, payments } = self.size;
        let header = self.signed.len() as u128 | (slots as u128) << 32 | (payments as u128) << 64;
        let hashes = self
            .slots()
            .into_iter()
            .map(|signed| signed.hash(&self.domain()));
        let words: Vec<Fr> = [Fr::from(header), Fr::from(self.collector)]
            .into_iter()
            .chain(hashes)
            .collect();
        commitment("trifold/netted/messages/v1", &words)
    }

    /// All slots; those not in use hold a message of nothing under a key of nobody.
    fn slots(&self) -> Vec<SignedMessage> {
        let nothing = Message {
            from: 0,
            ordinal: 0,
            payments: Vec::new(),
        };
        let idle = nothing.sign(&self.domain(), &SecretKey::from_seed(&[0; 32]));
        let mut slots = self.signed.clone();
        slots.resize(self.size.slots, idle);
        slots
    }

    /// The terms of all messages.
    fn sum(&self, context: &Context) -> Fr {
        let terms = self
            .signed
            .iter()
            .map(|signed| message_sum(signed, context));
        let payments = self
            .signed
            .iter()
            .flat_map(|signed| &signed.message.payments);
        let fees: u128 = payments.map(|payment| u128::from(payment.fee)).sum();
        let collected = context.challenge.credit(self.collector.into(), fees.into());
        terms.sum::<Fr>() + collected
    }

    /// What the proof states.
    pub fn part(&self, context: &Context) -> Result<Part, MessagesError> {
        self.check()?;
        Ok(Part {
            commitment: self.commitment(),
            sum: self.sum(context),
            events: self.signed.len() as u32,
            ..Part::default()
        })
    }

    /// The input signals, and what the proof states.
    pub fn inputs(&self, context: &Context) -> Result<(Inputs, Part), MessagesError> {
        let part = self.part(context)?;
        let slots = self.slots();
        let mut inputs = Inputs::new();
        inputs.insert("x", [part.digest(context)]);
        layout::context(&mut inputs, context);
        inputs.insert("count", [part.events.into()]);
        inputs.insert("collector", [self.collector.into()]);
        insert_senders(&mut inputs, &slots);
        insert_payments(&mut inputs, &slots, self.size.payments);
        insert_signatures(&mut inputs, &slots);
        Ok((inputs, part))
    }
}

fn message_sum(signed: &SignedMessage, context: &Context) -> Fr {
    let (message, challenge) = (&signed.message, context.challenge);
    let key = crate::montgomery::key_u(signed.key);
    let (from, ordinal) = (Fr::from(message.from), Fr::from(message.ordinal));
    let advance = challenge.numbered(from, ordinal + Fr::from(1), key)
        - challenge.numbered(from, ordinal, key);
    let credit = |payment: &Payment| match u32::from(payment.shard) == context.shard {
        true => challenge.credit(payment.destination().into(), payment.amount.into()),
        false => challenge.away(payment.destination(), message.from, payment.amount),
    };
    let credits: Fr = message.payments.iter().map(credit).sum();
    advance + credits + challenge.debit(from, message.spent().into())
}

fn insert_senders(inputs: &mut Inputs, slots: &[SignedMessage]) {
    let key = |signed: &SignedMessage| {
        let point = Point::from_edwards(signed.key.x, signed.key.y);
        point.map_or([Fr::from(0); 2], |point| [point.u, point.v])
    };
    inputs.insert("key", slots.iter().flat_map(key));
    inputs.insert(
        "from",
        slots.iter().map(|signed| signed.message.from.into()),
    );
    inputs.insert(
        "ordinal",
        slots.iter().map(|signed| signed.message.ordinal.into()),
    );
}

fn insert_payments(inputs: &mut Inputs, slots: &[SignedMessage], room: usize) {
    let filled = |signed: &SignedMessage| {
        let mut payments = signed.message.payments.clone();
        payments.resize(room, Payment::default());
        payments
    };
    let payments: Vec<Payment> = slots.iter().flat_map(filled).collect();
    inputs.insert(
        "destination",
        payments.iter().map(|payment| payment.destination().into()),
    );
    inputs.insert(
        "amount",
        payments.iter().map(|payment| payment.amount.into()),
    );
    inputs.insert("fee", payments.iter().map(|payment| payment.fee.into()));
}

fn insert_signatures(inputs: &mut Inputs, slots: &[SignedMessage]) {
    let digits: Vec<SignedDigit> = slots
        .iter()
        .flat_map(|signed| signed.signature.response_digits())
        .collect();
    let bits = |digit: &SignedDigit| [digit.magnitude & 1, digit.magnitude >> 1].map(Fr::from);
    let commitments = slots.iter().map(|signed| signed.signature.commitment);
    inputs.insert(
        "commitment",
        commitments.flat_map(|point| [point.x, point.y]),
    );
    inputs.insert("response_magnitude", digits.iter().flat_map(bits));
    inputs.insert(
        "response_positive",
        digits.iter().map(|digit| digit.positive.into()),
    );
}
