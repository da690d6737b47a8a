//! The circuit of messages between a netted shard and others: its inputs and its native relation.

use super::accounts::Account;
use super::challenge::Tree;
use super::layout;
use super::rows::{Rows, RowsSize, check_room, filled};
use super::statement::{Context, Header, Part, commitment};
use super::tablet::ChangesError;
use super::traffic::{Outcome, account_digest, outcome};
use crate::channel::{
    CHANNEL_CAPACITY, ChannelError, ChannelFields, MessageFields, SHARDS, StateFields,
    check_channel, insert_state,
};
use crate::field;
use crate::inputs::Inputs;
use crate::snapshot;
use crate::trie::empty;
use ark_bn254::Fr;
use ark_ff::{AdditiveGroup, Field};
use serde::{Deserialize, Serialize};
use trifold_verifier::statement::{
    CHANNEL_DEPTH, Channel, GlobalState, Leaf, MAX_DEPTH, Message, kind,
};

/// Names the list of a part's words.
pub const COMMITMENT: &str = "trifold/netted/channels/v1";

/// Parameters of the template.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChannelsSize {
    /// B and U.
    pub rows: RowsSize,
    /// S: most messages sent.
    pub sends: usize,
    /// C: most channels that they go through.
    pub channels: usize,
    /// R: most messages taken.
    pub receives: usize,
    /// F: most shards that they come from.
    pub sources: usize,
}

/// Why messages between shards prove nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ChannelsError {
    #[error(transparent)]
    Rows(#[from] ChangesError),
    #[error("message {index} to shard {destination} is none that can be sent: {reason}")]
    Send {
        destination: u32,
        index: u64,
        reason: &'static str,
    },
    #[error("message {index} of shard {source_shard} can't be taken so: {reason}")]
    Receive {
        source_shard: u32,
        index: u64,
        reason: &'static str,
    },
    #[error("the channel to shard {0} can't have these numbers of messages")]
    Counts(u32),
    #[error("messages are taken under a global state that is not given, or not the one seen")]
    Seen,
    #[error("the clocks of shard {0} are later than what is stated of them")]
    Clocks(u32),
    #[error(transparent)]
    Channel(#[from] ChannelError),
}

/// A message appended to a channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct SendSlot {
    pub destination: u32,
    /// Its place in the channel.
    pub index: u64,
    #[serde(with = "MessageFields")]
    pub message: Message,
    /// Whether a message that was taken made it.
    pub reply: bool,
}

/// A channel that messages were appended to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct ChannelRow {
    pub destination: u32,
    #[serde(with = "ChannelFields")]
    pub old: Channel,
    #[serde(with = "ChannelFields")]
    pub new: Channel,
}

/// A message taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct ReceiveSlot {
    pub source: u32,
    /// Its place in the channel.
    pub index: u64,
    #[serde(with = "MessageFields")]
    pub message: Message,
    /// Whether the account has no room for it.
    pub full: bool,
    /// The account that it is for; `None` where the trie has no such place.
    pub look: Option<Look>,
}

/// An account as the epoch leaves it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct Look {
    pub account: Account,
    /// What its messages took.
    pub debits: u64,
}

/// Another shard's channel to this one, and how much of it was taken.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct SourceRow {
    pub source: u32,
    #[serde(with = "snapshot::leaf")]
    pub leaf: Leaf,
    /// From the leaf up.
    #[serde(with = "field::pairs")]
    pub leaf_siblings: Vec<[Fr; 2]>,
    /// Of the source's body.
    #[serde(with = "field::element")]
    pub state_root: Fr,
    #[serde(with = "field::element")]
    pub inbox_root: Fr,
    #[serde(with = "ChannelFields")]
    pub channel: Channel,
    /// Of the channel in the source's outbox, from the leaf up.
    #[serde(with = "field::pairs")]
    pub channel_siblings: Vec<[Fr; 2]>,
    /// Messages taken before and now.
    pub taken: [u64; 2],
}

/// Messages that one proof takes, with rows of any trie; in any order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Channels {
    pub size: ChannelsSize,
    pub header: Header,
    /// The global state that messages are opened under; needed where there are sources.
    pub seen: Option<GlobalState>,
    pub rows: Rows,
    pub mail: Mail,
}

/// The messages themselves, as their part's blob has them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
pub struct Mail {
    pub sends: Vec<SendSlot>,
    pub channels: Vec<ChannelRow>,
    pub receives: Vec<ReceiveSlot>,
    pub sources: Vec<SourceRow>,
}

/// A global state that may be missing, in serde.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct Seen(#[serde(with = "StateFields")] pub GlobalState);

/// Above the message in the word of a slot.
fn above(message: &Message, shift: u64, slot: u64) -> Fr {
    message.word() + Fr::from(2).pow([shift]) * Fr::from(slot)
}

impl SendSlot {
    fn idle() -> Self {
        Self {
            destination: 0,
            index: 0,
            message: NOTHING,
            reply: false,
        }
    }

    fn check(&self) -> Result<(), ChannelsError> {
        let Self { message, reply, .. } = self;
        let transfer = message.kind == kind::TRANSFER && message.payload == Fr::ZERO;
        let reason = match (*reply, message.kind) {
            (false, _) if !transfer => "payments make nothing but transfers to whatever key",
            (false, _) if message.amount == 0 => "no payment is of nothing",
            (true, 4..) => "no reply has that kind",
            _ if self.destination >= SHARDS => "no such shard can be",
            _ if self.index >= CHANNEL_CAPACITY => "the channel is used up",
            _ => return Ok(()),
        };
        let (destination, index) = (self.destination, self.index);
        Err(ChannelsError::Send {
            destination,
            index,
            reason,
        })
    }

    fn words(&self, real: bool) -> [Fr; 2] {
        let slot = u64::from(self.destination)
            | self.index << 15
            | u64::from(real) << 47
            | u64::from(self.reply) << 48;
        [above(&self.message, 130, slot), self.message.payload]
    }

    fn sum(&self, context: &Context) -> Fr {
        let challenge = &context.challenge;
        let Self {
            destination,
            index,
            message,
            reply,
        } = self;
        let tree = Tree::Channel(*destination);
        let offered = challenge.node(tree, 1, *index, Fr::ZERO, message.digest());
        let step = challenge.sent(*destination, index + 1) - challenge.sent(*destination, *index);
        let to = super::statement::destination(message.to, *destination);
        let made = match reply {
            true => challenge.letter(*destination, message),
            false => challenge.away(to, message.from, message.amount),
        };
        offered + step - made
    }
}

impl ChannelRow {
    fn idle() -> Self {
        let channel = |count, messages| Channel { count, messages };
        Self {
            destination: 0,
            old: channel(0, empty(CHANNEL_DEPTH).unwrap_or_default()),
            new: channel(1, Fr::ZERO),
        }
    }

    fn check(&self) -> Result<(), ChannelsError> {
        let unused = self.old.count == 0;
        let empty = Some(self.old.messages) == empty(CHANNEL_DEPTH);
        let grows = (self.old.count..=CHANNEL_CAPACITY).contains(&self.new.count);
        match self.destination < SHARDS && grows && self.new.count > 0 && (!unused || empty) {
            true => Ok(()),
            false => Err(ChannelsError::Counts(self.destination)),
        }
    }

    fn words(&self, real: bool) -> [Fr; 3] {
        let word = counts(self.destination, [self.old.count, self.new.count], real);
        [word, self.old.messages, self.new.messages]
    }

    fn sum(&self, context: &Context) -> Fr {
        let (challenge, destination) = (&context.challenge, self.destination);
        let (old, new) = (&self.old, &self.new);
        let leaf = (old.digest(), new.digest());
        let offered = challenge.node(Tree::Outbox, 1, destination.into(), leaf.0, leaf.1);
        let tree = Tree::Channel(destination);
        let taken = challenge.node(tree, tree.top(), 0, old.messages, new.messages);
        let steps = challenge.sent(destination, new.count) - challenge.sent(destination, old.count);
        offered - taken - steps
    }
}

impl ReceiveSlot {
    fn idle() -> Self {
        Self {
            source: 0,
            index: 0,
            message: NOTHING,
            full: false,
            look: Some(Look {
                account: Account::default(),
                debits: 0,
            }),
        }
    }

    fn look(&self) -> Look {
        self.look.unwrap_or(Look {
            account: Account::default(),
            debits: 0,
        })
    }

    fn outcome(&self) -> Outcome {
        outcome(&self.message, self.index, &self.look().account, self.full)
    }

    fn check(&self, capacity: u64) -> Result<(), ChannelsError> {
        let (message, Look { account, debits }) = (&self.message, self.look());
        let held = u128::from(account.balance) + u128::from(debits);
        let reason = match self.look.is_none() {
            _ if self.source >= SHARDS => "no such shard can be",
            _ if self.index >= CHANNEL_CAPACITY => "no channel has such a place",
            outside if outside != (u64::from(message.to) >= capacity) => {
                "its account is not where it says"
            }
            _ if self.full && held + u128::from(message.amount) < 1 << 64 => {
                "its account has room for it"
            }
            _ => return Ok(()),
        };
        Err(ChannelsError::Receive {
            source_shard: self.source,
            index: self.index,
            reason,
        })
    }

    fn words(&self, real: bool) -> [Fr; 4] {
        let slot = u64::from(self.source)
            | self.index << 15
            | u64::from(real) << 47
            | u64::from(self.look.is_none()) << 48
            | u64::from(self.full) << 49;
        let Look { account, debits } = self.look();
        let word = above(&self.message, 160, slot);
        [
            word,
            self.message.payload,
            account_digest(&account),
            debits.into(),
        ]
    }

    fn sum(&self, context: &Context) -> Fr {
        let challenge = &context.challenge;
        let Self {
            source,
            index,
            message,
            ..
        } = self;
        let digest = message.digest();
        let offered = challenge.node(Tree::Source(*source), 1, *index, digest, digest);
        let step = challenge.taken(*source, index + 1) - challenge.taken(*source, *index);
        let Outcome { credited, reply } = self.outcome();
        let amount = if credited { message.amount } else { 0 };
        let credit = challenge.credit(context.place(message.to).into(), amount.into());
        let letter = reply.map_or(Fr::ZERO, |reply| challenge.letter(*source, &reply));
        let look = self
            .look
            .map(|look| challenge.look(message.to, &look.account, look.debits));
        offered + step + credit + letter - look.unwrap_or_default()
    }
}

impl SourceRow {
    fn idle() -> Self {
        Self {
            source: 0,
            leaf: Leaf {
                program: Fr::ZERO,
                body: Fr::ZERO,
                lamport: 0,
                timestamp: 0,
                seen_epoch: 0,
                seen_digest: Fr::ZERO,
                supply: 0,
            },
            leaf_siblings: Vec::new(),
            state_root: Fr::ZERO,
            inbox_root: Fr::ZERO,
            channel: Channel {
                count: 0,
                messages: Fr::ZERO,
            },
            channel_siblings: Vec::new(),
            taken: [0; 2],
        }
    }

    fn check(&self, shard: u32, seen: &GlobalState, header: &Header) -> Result<(), ChannelsError> {
        let (source, leaf) = (self.source, &self.leaf);
        if leaf.lamport > header.lamport || leaf.timestamp > header.timestamp {
            return Err(ChannelsError::Clocks(source));
        }
        check_channel(
            source,
            shard,
            (leaf, &self.leaf_siblings),
            [self.state_root, self.inbox_root],
            (&self.channel, &self.channel_siblings),
            seen,
        )?;
        match self.taken {
            [old, new] if old <= new && new <= CHANNEL_CAPACITY => Ok(()),
            [index, _] => Err(ChannelsError::Receive {
                source_shard: source,
                index,
                reason: "what was taken can't be less now",
            }),
        }
    }

    fn words(&self, real: bool) -> [Fr; 2] {
        [counts(self.source, self.taken, real), self.channel.messages]
    }

    fn sum(&self, context: &Context) -> Fr {
        let (challenge, source) = (&context.challenge, self.source);
        let ([old, new], messages) = (self.taken, self.channel.messages);
        let place = u64::from(source);
        let offered = challenge.node(Tree::Inbox, 1, place, old.into(), new.into());
        let tree = Tree::Source(source);
        let taken = challenge.node(tree, tree.top(), 0, messages, messages);
        offered - taken - challenge.taken(source, new) + challenge.taken(source, old)
    }
}

/// A shard with two counts and whether the row is in use.
fn counts(shard: u32, [old, new]: [u64; 2], real: bool) -> Fr {
    let word =
        u128::from(shard) | u128::from(old) << 15 | u128::from(new) << 47 | u128::from(real) << 79;
    Fr::from(word)
}

/// What slots not in use hold.
const NOTHING: Message = Message {
    kind: kind::TRANSFER,
    from: 0,
    to: 0,
    amount: 0,
    payload: Fr::ZERO,
};

impl Channels {
    /// Whether everything fits and is what it says, as far as one part can tell.
    pub fn check(&self, shard: u32) -> Result<(), ChannelsError> {
        let (size, mail) = (&self.size, &self.mail);
        self.rows.check()?;
        check_room("send", mail.sends.len(), size.sends)?;
        check_room("channel", mail.channels.len(), size.channels)?;
        check_room("receive", mail.receives.len(), size.receives)?;
        check_room("source", mail.sources.len(), size.sources)?;
        mail.sends.iter().try_for_each(SendSlot::check)?;
        mail.channels.iter().try_for_each(ChannelRow::check)?;
        let capacity = self.header.capacity;
        let mut receives = mail.receives.iter();
        receives.try_for_each(|slot| slot.check(capacity))?;
        if mail.sources.is_empty() {
            return Ok(());
        }
        let is_seen = |seen: &&GlobalState| seen.digest() == self.header.seen_digest;
        let seen = self.seen.as_ref().filter(is_seen);
        let seen = seen.ok_or(ChannelsError::Seen)?;
        let mut sources = mail.sources.iter();
        sources.try_for_each(|row| row.check(shard, seen, &self.header))
    }

    /// Binds everything that the sum depends on.
    pub fn commitment(&self) -> Fr {
        commitment(COMMITMENT, &self.words())
    }

    /// What the commitment is of.
    pub fn words(&self) -> Vec<Fr> {
        let (size, mail) = (&self.size, &self.mail);
        let RowsSize { bottom, upper } = size.rows;
        let sizes = [
            bottom,
            upper,
            size.sends,
            size.channels,
            size.receives,
            size.sources,
        ];
        let sizes = sizes.map(|size| Fr::from(size as u64));
        let mut words = vec![layout::pack(32, sizes.into_iter()), self.header.digest()];
        words.extend(self.rows.words());
        let sends = filled(&mail.sends, SendSlot::idle(), size.sends);
        words.extend(sends.iter().flat_map(|(slot, real)| slot.words(*real)));
        let channels = filled(&mail.channels, ChannelRow::idle(), size.channels);
        words.extend(channels.iter().flat_map(|(row, real)| row.words(*real)));
        let receives = filled(&mail.receives, ReceiveSlot::idle(), size.receives);
        words.extend(receives.iter().flat_map(|(slot, real)| slot.words(*real)));
        let sources = filled(&mail.sources, SourceRow::idle(), size.sources);
        words.extend(sources.iter().flat_map(|(row, real)| row.words(*real)));
        words
    }

    fn sum(&self, context: &Context) -> Fr {
        let mail = &self.mail;
        let sends = mail.sends.iter().map(|slot| slot.sum(context));
        let channels = mail.channels.iter().map(|row| row.sum(context));
        let receives = mail.receives.iter().map(|slot| slot.sum(context));
        let sources = mail.sources.iter().map(|row| row.sum(context));
        let terms: Fr = sends.chain(channels).chain(receives).chain(sources).sum();
        let amount = |message: &Message| u128::from(message.amount);
        let sent = mail.sends.iter().map(|slot| amount(&slot.message)).sum();
        let received = mail.receives.iter().map(|slot| amount(&slot.message)).sum();
        let challenge = &context.challenge;
        let stated = challenge.header(self.header.digest()) + challenge.totals(sent, received);
        self.rows.sum(context) + terms + stated
    }

    /// What the proof states.
    pub fn part(&self, context: &Context) -> Result<Part, ChannelsError> {
        self.check(context.shard)?;
        Ok(Part {
            commitment: self.commitment(),
            sum: self.sum(context),
            events: self.mail.receives.len() as u32,
            ..Part::default()
        })
    }

    /// The input signals, and what the proof states.
    pub fn inputs(&self, context: &Context) -> Result<(Inputs, Part), ChannelsError> {
        let part = self.part(context)?;
        let (size, mail) = (&self.size, &self.mail);
        let mut inputs = Inputs::new();
        inputs.insert("x", [part.digest(context)]);
        layout::context(&mut inputs, context);
        inputs.insert("capacity", [self.header.capacity.into()]);
        inputs.insert("seen_digest", [self.header.seen_digest]);
        inputs.insert("lamport", [self.header.lamport.into()]);
        inputs.insert("timestamp", [self.header.timestamp.into()]);
        inputs.insert("seen", [(!mail.sources.is_empty()).into()]);
        insert_state(&mut inputs, self.seen.as_ref());
        self.rows.insert(&mut inputs);
        let sends = filled(&mail.sends, SendSlot::idle(), size.sends);
        insert_sends(&mut inputs, &sends);
        let channels = filled(&mail.channels, ChannelRow::idle(), size.channels);
        insert_channels(&mut inputs, &channels);
        let receives = filled(&mail.receives, ReceiveSlot::idle(), size.receives);
        insert_receives(&mut inputs, &receives);
        let sources = filled(&mail.sources, SourceRow::idle(), size.sources);
        insert_sources(&mut inputs, &sources);
        Ok((inputs, part))
    }
}

/// A signal of all slots of a kind.
fn column<T>(inputs: &mut Inputs, name: &str, slots: &[(T, bool)], value: impl Fn(&T) -> Fr) {
    inputs.insert(name, slots.iter().map(|(slot, _)| value(slot)));
}

fn insert_used<T>(inputs: &mut Inputs, name: &str, slots: &[(T, bool)]) {
    inputs.insert(name, slots.iter().map(|(_, real)| (*real).into()));
}

fn insert_messages<T>(
    inputs: &mut Inputs,
    prefix: &str,
    slots: &[(T, bool)],
    message: impl Fn(&T) -> Message,
) {
    let mut part = |name: &str, part: fn(&Message) -> Fr| {
        column(inputs, &format!("{prefix}_{name}"), slots, |slot| {
            part(&message(slot))
        });
    };
    part("kind", |message| message.kind.into());
    part("from", |message| message.from.into());
    part("to", |message| message.to.into());
    part("amount", |message| message.amount.into());
    part("payload", |message| message.payload);
}

fn insert_sends(inputs: &mut Inputs, slots: &[(SendSlot, bool)]) {
    insert_used(inputs, "send_real", slots);
    column(inputs, "send_reply", slots, |slot| slot.reply.into());
    column(inputs, "send_destination", slots, |slot| {
        slot.destination.into()
    });
    column(inputs, "send_index", slots, |slot| slot.index.into());
    insert_messages(inputs, "send", slots, |slot| slot.message);
}

fn insert_channels(inputs: &mut Inputs, rows: &[(ChannelRow, bool)]) {
    insert_used(inputs, "channel_real", rows);
    column(inputs, "channel_destination", rows, |row| {
        row.destination.into()
    });
    column(inputs, "channel_old_count", rows, |row| {
        row.old.count.into()
    });
    column(inputs, "channel_new_count", rows, |row| {
        row.new.count.into()
    });
    column(inputs, "channel_old_messages", rows, |row| row.old.messages);
    column(inputs, "channel_new_messages", rows, |row| row.new.messages);
}

fn insert_receives(inputs: &mut Inputs, slots: &[(ReceiveSlot, bool)]) {
    insert_used(inputs, "receive_real", slots);
    column(inputs, "receive_source", slots, |slot| slot.source.into());
    column(inputs, "receive_index", slots, |slot| slot.index.into());
    insert_messages(inputs, "receive", slots, |slot| slot.message);
    column(inputs, "receive_outside", slots, |slot| {
        slot.look.is_none().into()
    });
    column(inputs, "receive_full", slots, |slot| slot.full.into());
    let account = |slot: &ReceiveSlot| slot.look().account;
    column(inputs, "receive_key", slots, |slot| account(slot).key);
    column(inputs, "receive_balance", slots, |slot| {
        account(slot).balance.into()
    });
    column(inputs, "receive_ordinal", slots, |slot| {
        account(slot).ordinal.into()
    });
    column(inputs, "receive_debits", slots, |slot| {
        slot.look().debits.into()
    });
}

fn insert_sources(inputs: &mut Inputs, rows: &[(SourceRow, bool)]) {
    insert_used(inputs, "source_real", rows);
    let mut set = |name: &str, value: fn(&SourceRow) -> Fr| {
        column(inputs, &format!("source_{name}"), rows, value);
    };
    set("source", |row| row.source.into());
    set("leaf_program", |row| row.leaf.program);
    set("leaf_lamport", |row| row.leaf.lamport.into());
    set("leaf_timestamp", |row| row.leaf.timestamp.into());
    set("leaf_seen_epoch", |row| row.leaf.seen_epoch.into());
    set("leaf_seen_digest", |row| row.leaf.seen_digest);
    set("leaf_supply", |row| row.leaf.supply.into());
    set("state_root", |row| row.state_root);
    set("inbox_root", |row| row.inbox_root);
    set("count", |row| row.channel.count.into());
    set("messages", |row| row.channel.messages);
    set("old_taken", |row| row.taken[0].into());
    set("new_taken", |row| row.taken[1].into());
    let siblings = |paths: &mut dyn Iterator<Item = &Vec<[Fr; 2]>>| -> Vec<Fr> {
        let padded = |path: &Vec<[Fr; 2]>| {
            let mut path = path.clone();
            path.resize(MAX_DEPTH.into(), [Fr::ZERO; 2]);
            path.concat()
        };
        paths.flat_map(padded).collect()
    };
    let leaf = siblings(&mut rows.iter().map(|(row, _)| &row.leaf_siblings));
    inputs.insert("source_leaf_siblings", leaf);
    let channel = siblings(&mut rows.iter().map(|(row, _)| &row.channel_siblings));
    inputs.insert("source_outbox_siblings", channel);
}
