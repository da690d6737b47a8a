//! Messages between shards: what an outbox takes in and an inbox counts. The native relation of `lib/channel.circom`.

use crate::field;
use crate::inputs::Inputs;
use crate::snapshot;
use crate::trie::{self, SparseTrie};
use ark_bn254::Fr;
use ark_ff::AdditiveGroup;
use serde::{Deserialize, Serialize};
use trifold_verifier::statement::{
    Body, CHANNEL_DEPTH, Channel, GlobalState, Leaf, MAX_DEPTH, Message,
};
use trifold_verifier::trie::{Path, TrieError};

/// Levels of an outbox and of an inbox: one place for each shard that there can be.
pub const BOX_DEPTH: usize = MAX_DEPTH as usize;
/// Messages that a channel can ever take.
pub const CHANNEL_CAPACITY: u64 = 3u64.pow(CHANNEL_DEPTH as u32);
/// Shards that a network can have.
pub const SHARDS: u32 = 3u32.pow(MAX_DEPTH as u32);

/// Why a message is neither sent nor received.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ChannelError {
    #[error("the path of the {what}: {source}")]
    Path {
        what: &'static str,
        source: TrieError,
    },
    #[error("the channel to shard {0} is not in the outbox at that path")]
    Outbox(u32),
    #[error("place {count} of the channel to shard {destination} is not the first that is free")]
    Taken { destination: u32, count: u64 },
    #[error("shard {0} does not have that leaf under the global state")]
    NotUnderState(u32),
    #[error("the leaf of shard {0} records another body")]
    Body(u32),
    #[error("the leaf of shard {source_shard} records no such message {index}")]
    Message { source_shard: u32, index: u64 },
    #[error("the inbox has not counted {index} messages of shard {source_shard}")]
    Inbox { source_shard: u32, index: u64 },
}

/// A message with the channel that it is appended to.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct Send {
    /// Shard that it is for.
    pub destination: u32,
    #[serde(with = "MessageFields")]
    pub message: Message,
    /// Messages in the channel before.
    pub count: u64,
    /// Of place `count` in the channel, from the leaf up.
    #[serde(with = "field::pairs")]
    pub message_siblings: Vec<[Fr; 2]>,
    /// Of the channel in the outbox, from the leaf up.
    #[serde(with = "field::pairs")]
    pub outbox_siblings: Vec<[Fr; 2]>,
}

impl Send {
    /// The outbox's root once the message is appended.
    pub fn apply(&self, outbox: Fr) -> Result<Fr, ChannelError> {
        let Self {
            destination, count, ..
        } = *self;
        let place = path(count, &self.message_siblings);
        let root = |leaf| place.root(leaf, CHANNEL_DEPTH).map_err(at("message"));
        let (before, after) = (root(Fr::ZERO)?, root(self.message.digest())?);
        if count == 0 && Some(before) != trie::empty(CHANNEL_DEPTH) {
            return Err(ChannelError::Taken { destination, count });
        }
        let channel = |count, messages| Channel { count, messages }.digest();
        let place = path(destination.into(), &self.outbox_siblings);
        let root = |leaf| place.root(leaf, BOX_DEPTH).map_err(at("channel"));
        match root(channel(count, before))? == outbox {
            true => root(channel(count + 1, after)),
            false => Err(ChannelError::Outbox(destination)),
        }
    }
}

/// A message as it stands under a global state.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct Opening {
    /// Shard that sent it.
    pub source: u32,
    /// The source's leaf.
    #[serde(with = "snapshot::leaf")]
    pub leaf: Leaf,
    /// Of the leaf, from the leaf up: as many as the state is deep.
    #[serde(with = "field::pairs")]
    pub leaf_siblings: Vec<[Fr; 2]>,
    /// Of the source's body, whose outbox follows.
    #[serde(with = "field::element")]
    pub state_root: Fr,
    #[serde(with = "field::element")]
    pub inbox_root: Fr,
    /// Messages in the channel.
    pub count: u64,
    /// Of the channel in the outbox, from the leaf up.
    #[serde(with = "field::pairs")]
    pub channel_siblings: Vec<[Fr; 2]>,
    /// The message's place.
    pub index: u64,
    #[serde(with = "MessageFields")]
    pub message: Message,
    /// Of the message in the channel, from the leaf up.
    #[serde(with = "field::pairs")]
    pub index_siblings: Vec<[Fr; 2]>,
}

impl Opening {
    /// Checks that the message stands in the source's channel to `destination` under `state`.
    pub fn check(&self, destination: u32, state: &GlobalState) -> Result<(), ChannelError> {
        let (source_shard, index) = (self.source, self.index);
        let place = path(index, &self.index_siblings);
        let messages = place.root(self.message.digest(), CHANNEL_DEPTH);
        let messages = messages.map_err(at("message"))?;
        let channel = Channel {
            count: self.count,
            messages,
        };
        let roots = [self.state_root, self.inbox_root];
        let body = body_over(destination, roots, &channel, &self.channel_siblings)?;
        if body.digest() != self.leaf.body {
            return Err(ChannelError::Message {
                source_shard,
                index,
            });
        }
        check_source(source_shard, &self.leaf, &self.leaf_siblings, &body, state)
    }

    /// The inbox's root once the message is counted, given the path of the source's count from the leaf up.
    pub fn count_in(&self, inbox: Fr, siblings: &[[Fr; 2]]) -> Result<Fr, ChannelError> {
        let (source_shard, index) = (self.source, self.index);
        let place = path(source_shard.into(), siblings);
        let root = |count: u64| place.root(count.into(), BOX_DEPTH).map_err(at("count"));
        match root(index)? == inbox {
            true => root(index + 1),
            false => Err(ChannelError::Inbox {
                source_shard,
                index,
            }),
        }
    }
}

/// The body of a shard with these state and inbox roots and this channel to `destination`, given the channel's path in the outbox.
fn body_over(
    destination: u32,
    [state_root, inbox_root]: [Fr; 2],
    channel: &Channel,
    siblings: &[[Fr; 2]],
) -> Result<Body, ChannelError> {
    let place = path(destination.into(), siblings);
    let outbox_root = place.root(channel.digest(), BOX_DEPTH);
    Ok(Body {
        state_root,
        outbox_root: outbox_root.map_err(at("channel"))?,
        inbox_root,
    })
}

/// Checks that a shard, whose body has these state and inbox roots, has this channel to `destination` under a global state.
/// Leaf and channel come with their paths.
pub fn check_channel(
    source: u32,
    destination: u32,
    (leaf, leaf_siblings): (&Leaf, &[[Fr; 2]]),
    roots: [Fr; 2],
    (channel, channel_siblings): (&Channel, &[[Fr; 2]]),
    state: &GlobalState,
) -> Result<(), ChannelError> {
    let body = body_over(destination, roots, channel, channel_siblings)?;
    check_source(source, leaf, leaf_siblings, &body, state)
}

/// Checks that a shard has this leaf and body under a global state.
pub fn check_source(
    source: u32,
    leaf: &Leaf,
    siblings: &[[Fr; 2]],
    body: &Body,
    state: &GlobalState,
) -> Result<(), ChannelError> {
    if body.digest() != leaf.body {
        return Err(ChannelError::Body(source));
    }
    let root = path(source.into(), siblings).root(leaf.digest(), state.depth.into());
    match root.map_err(at("leaf"))? == state.root {
        true => Ok(()),
        false => Err(ChannelError::NotUnderState(source)),
    }
}

/// The root of an outbox or inbox that a body records as `recorded`.
pub fn open_box(recorded: Fr) -> Fr {
    let empty = trie::empty(BOX_DEPTH).unwrap_or_default();
    match recorded == Fr::ZERO {
        true => empty,
        false => recorded,
    }
}

/// What a body records of an outbox or inbox.
pub fn close_box(held: &SparseTrie) -> Fr {
    match held.count(0) {
        0 => Fr::ZERO,
        _ => held.root(),
    }
}

fn path(index: u64, siblings: &[[Fr; 2]]) -> Path {
    let siblings = siblings.to_vec();
    Path { index, siblings }
}

fn at(what: &'static str) -> impl Fn(TrieError) -> ChannelError {
    move |source| ChannelError::Path { what, source }
}

/// The fields of the global state that messages are opened under, any where none are.
pub(crate) fn insert_state(inputs: &mut Inputs, seen: Option<&GlobalState>) {
    let any = GlobalState::genesis(1, Fr::ZERO);
    let state = seen.unwrap_or(&any);
    let mut set = |name: &str, value: Fr| inputs.insert(name, [value]);
    set("state_epoch", state.epoch.into());
    set("state_depth", state.depth.into());
    set("state_root", state.root);
    set("state_history", state.history);
    set("state_in_flight", state.in_flight.into());
}

/// A message in serde: for `#[serde(with = "MessageFields")]`.
#[derive(Deserialize, Serialize)]
#[serde(remote = "Message", deny_unknown_fields)]
pub struct MessageFields {
    kind: u32,
    from: u32,
    to: u32,
    amount: u64,
    #[serde(with = "field::element")]
    payload: Fr,
}

/// A channel in serde: for `#[serde(with = "ChannelFields")]`.
#[derive(Deserialize, Serialize)]
#[serde(remote = "Channel", deny_unknown_fields)]
pub struct ChannelFields {
    count: u64,
    #[serde(with = "field::element")]
    messages: Fr,
}

/// A global state in serde: for `#[serde(with = "StateFields")]`.
#[derive(Deserialize, Serialize)]
#[serde(remote = "GlobalState", deny_unknown_fields)]
pub struct StateFields {
    epoch: u64,
    depth: u8,
    #[serde(with = "field::element")]
    root: Fr,
    #[serde(with = "field::element")]
    history: Fr,
    in_flight: u128,
}

/// A body in serde: for `#[serde(with = "BodyFields")]`.
#[derive(Deserialize, Serialize)]
#[serde(remote = "Body", deny_unknown_fields)]
pub struct BodyFields {
    #[serde(with = "field::element")]
    state_root: Fr,
    #[serde(with = "field::element")]
    outbox_root: Fr,
    #[serde(with = "field::element")]
    inbox_root: Fr,
}
