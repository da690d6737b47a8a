//! From the messages of an epoch to the slots and rows of its proof: every trie that they change or are read from, node by node.

use super::challenge::Tree;
use super::channels::{ChannelRow, Look, Mail, ReceiveSlot, SendSlot, SourceRow};
use super::rows::UpperRow;
use super::traffic::{Boxes, Ending, Received, Sent, Traffic};
use crate::channel::{BOX_DEPTH, Opening};
use crate::trie::{SparseTrie, empty};
use ark_bn254::Fr;
use ark_ff::AdditiveGroup;
use std::collections::BTreeMap;
use trifold_verifier::poseidon;
use trifold_verifier::statement::{CHANNEL_DEPTH, Channel};

/// Why messages between shards do not fit together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TrafficError {
    #[error("the channel to shard {0} is not given, though something is sent through it")]
    NoChannel(u32),
    #[error("messages are taken, and no global state is given that they are opened under")]
    NoState,
    #[error("message {found} of shard {source_shard} comes where message {expected} is due")]
    Order {
        source_shard: u32,
        expected: u64,
        found: u64,
    },
    #[error("messages of shard {0} are opened by different leaves")]
    Leaves(u32),
}

/// What the messages of an epoch amount to.
#[derive(Clone, Debug, Default)]
pub struct Crossing {
    pub mail: Mail,
    /// Rows above the leaves of all tries but the accounts'.
    pub upper: Vec<UpperRow>,
    pub boxes: Boxes,
}

/// A leaf before and after.
type Change = (Fr, Fr);

impl Crossing {
    /// `look` is the account at a place as the epoch leaves it, if there is such a place.
    pub fn of(traffic: &Traffic, look: impl Fn(u32) -> Option<Look>) -> Result<Self, TrafficError> {
        let [old_outbox, old_inbox] = traffic.recorded();
        let mut crossing = Self {
            boxes: Boxes {
                old_outbox,
                new_outbox: old_outbox,
                old_inbox,
                new_inbox: old_inbox,
            },
            ..Self::default()
        };
        crossing.send(traffic)?;
        crossing.receive(traffic, look)?;
        Ok(crossing)
    }

    fn send(&mut self, traffic: &Traffic) -> Result<(), TrafficError> {
        let mut by_destination: BTreeMap<u32, Vec<&Sent>> = BTreeMap::new();
        for sent in &traffic.sent {
            let destination = sent.destination;
            by_destination.entry(destination).or_default().push(sent);
        }
        let mut leaves = BTreeMap::new();
        for (destination, sent) in by_destination {
            let ending = traffic.channels.get(&destination);
            let ending = ending.ok_or(TrafficError::NoChannel(destination))?;
            let row = self.append(destination, ending, &sent);
            let change = (row.old.digest(), row.new.digest());
            leaves.insert(u64::from(destination), change);
            self.mail.channels.push(row);
        }
        if let Some(root) = self.rewrite(Tree::Outbox, &traffic.outbox, leaves) {
            self.boxes.new_outbox = root;
        }
        Ok(())
    }

    /// A channel with the messages behind it.
    fn append(&mut self, destination: u32, ending: &Ending, sent: &[&Sent]) -> ChannelRow {
        let count = ending.channel.count;
        let mut leaves = BTreeMap::new();
        for (index, sent) in (count..).zip(sent) {
            leaves.insert(index, (Fr::ZERO, sent.message.digest()));
            self.mail.sends.push(SendSlot {
                destination,
                index,
                message: sent.message,
                reply: sent.reply,
            });
        }
        // Left of the first free place lies what its path holds, right of it nothing.
        let held = |height: usize, position: u64| {
            let place = count / 3u64.pow(height as u32);
            let siblings = ending.siblings.get(height);
            match (position / 3 == place / 3, siblings) {
                (true, Some(siblings)) => siblings[sibling(place, position)],
                _ => empty(height).unwrap_or_default(),
            }
        };
        let (_, messages) = self.rows(Tree::Channel(destination), CHANNEL_DEPTH, leaves, held);
        let new = Channel {
            count: count + sent.len() as u64,
            messages,
        };
        ChannelRow {
            destination,
            old: ending.channel,
            new,
        }
    }

    fn receive(
        &mut self,
        traffic: &Traffic,
        look: impl Fn(u32) -> Option<Look>,
    ) -> Result<(), TrafficError> {
        if !traffic.received.is_empty() && traffic.seen.is_none() {
            return Err(TrafficError::NoState);
        }
        let mut by_source: BTreeMap<u32, Vec<&Received>> = BTreeMap::new();
        for received in &traffic.received {
            let source = received.opening.source;
            by_source.entry(source).or_default().push(received);
        }
        let mut leaves = BTreeMap::new();
        for (source, received) in by_source {
            let row = self.take(source, &received, &look)?;
            let [old, new] = row.taken.map(Fr::from);
            leaves.insert(u64::from(source), (old, new));
            self.mail.sources.push(row);
        }
        if let Some(root) = self.rewrite(Tree::Inbox, &traffic.inbox, leaves) {
            self.boxes.new_inbox = root;
        }
        Ok(())
    }

    /// The messages of one shard, with the paths to them.
    fn take(
        &mut self,
        source: u32,
        received: &[&Received],
        look: &impl Fn(u32) -> Option<Look>,
    ) -> Result<SourceRow, TrafficError> {
        let openings = || received.iter().map(|received| &received.opening);
        let first = &received[0].opening;
        let mut leaves = BTreeMap::new();
        for (expected, received) in (first.index..).zip(received) {
            let opening = &received.opening;
            let (index, message) = (opening.index, opening.message);
            if index != expected {
                return Err(TrafficError::Order {
                    source_shard: source,
                    expected,
                    found: index,
                });
            }
            leaves.insert(index, (message.digest(), message.digest()));
            self.mail.receives.push(ReceiveSlot {
                source,
                index,
                message,
                full: received.full,
                look: look(message.to),
            });
        }
        if openings().any(|opening| !same_channel(opening, first)) {
            return Err(TrafficError::Leaves(source));
        }
        let siblings = siblings(openings());
        let held = |height: usize, position: u64| {
            let known = siblings.get(&(height, position)).copied();
            known.unwrap_or_default()
        };
        let (_, messages) = self.rows(Tree::Source(source), CHANNEL_DEPTH, leaves, held);
        Ok(SourceRow {
            source,
            leaf: first.leaf,
            leaf_siblings: first.leaf_siblings.clone(),
            state_root: first.state_root,
            inbox_root: first.inbox_root,
            channel: Channel {
                count: first.count,
                messages,
            },
            channel_siblings: first.channel_siblings.clone(),
            taken: [first.index, first.index + received.len() as u64],
        })
    }

    /// Rows of a box; its root after, if anything changes.
    fn rewrite(
        &mut self,
        tree: Tree,
        held: &SparseTrie,
        leaves: BTreeMap<u64, Change>,
    ) -> Option<Fr> {
        let any = !leaves.is_empty();
        let (_, new) = self.rows(tree, BOX_DEPTH, leaves, |height, position| {
            held.node(height, position)
        });
        any.then_some(new)
    }

    /// The rows above these leaves of a trie of `depth` levels, and its root before and after. `held` is the digest of a node at a
    /// height, leaves being at 0, below which no leaf of these is.
    fn rows(
        &mut self,
        tree: Tree,
        depth: usize,
        leaves: BTreeMap<u64, Change>,
        held: impl Fn(usize, u64) -> Fr,
    ) -> Change {
        let mut below = leaves;
        for height in 1..=depth {
            let mut parents: Vec<u64> = below.keys().map(|position| position / 3).collect();
            parents.dedup();
            let mut above = BTreeMap::new();
            for position in parents {
                let touched = [0, 1, 2].map(|i| below.get(&(3 * position + i)));
                let child = |i: usize| match touched[i] {
                    Some(change) => *change,
                    None => {
                        let digest = held(height - 1, 3 * position + i as u64);
                        (digest, digest)
                    }
                };
                let changes = [0, 1, 2].map(child);
                let (old, new) = (
                    changes.map(|change| change.0),
                    changes.map(|change| change.1),
                );
                above.insert(position, (poseidon::hash(&old), poseidon::hash(&new)));
                self.upper.push(UpperRow {
                    tree,
                    level: height as u8 + 1,
                    position: position as u32,
                    old,
                    new,
                    touched: touched.map(|change| change.is_some()),
                });
            }
            below = above;
        }
        below.into_values().next().unwrap_or_default()
    }
}

/// Which of a place's two siblings stands at a position.
fn sibling(place: u64, position: u64) -> usize {
    let (own, other) = (place % 3, position % 3);
    (other - u64::from(other > own)) as usize
}

fn same_channel(one: &Opening, other: &Opening) -> bool {
    let rest = |opening: &Opening| Opening {
        index: 0,
        message: other.message,
        index_siblings: Vec::new(),
        ..opening.clone()
    };
    rest(one) == rest(other)
}

/// What the paths of these messages hold, by height and position.
fn siblings<'a>(openings: impl Iterator<Item = &'a Opening>) -> BTreeMap<(usize, u64), Fr> {
    let mut held = BTreeMap::new();
    for opening in openings {
        for (height, siblings) in opening.index_siblings.iter().enumerate() {
            let place = opening.index / 3u64.pow(height as u32);
            let others = (place / 3 * 3..).take(3).filter(|at| *at != place);
            let others = others.zip(siblings);
            held.extend(others.map(|(position, digest)| ((height, position), *digest)));
        }
    }
    held
}
