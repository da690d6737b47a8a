//! The messages to one other shard, and the trie over them: appended at one end, forgotten at the other.

use ark_bn254::Fr;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, VecDeque};
use trifold_circuits::channel::{CHANNEL_CAPACITY, MessageFields};
use trifold_circuits::field::Element;
use trifold_circuits::schnorr::Coordinates;
use trifold_circuits::trie::empty;
use trifold_verifier::poseidon;
use trifold_verifier::statement::{CHANNEL_DEPTH, Channel, Message};

/// A message, and what its receiver needs besides.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct Letter {
    #[serde(with = "MessageFields")]
    pub message: Message,
    /// The key that the payload stands for; (0, 0) if it stands for none.
    pub key: Coordinates,
}

/// A channel. It gives paths under every number of messages that it had since those that are forgotten.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(try_from = "Stored", into = "Stored")]
pub struct Log {
    /// Messages forgotten.
    first: u64,
    letters: VecDeque<Letter>,
    /// By level, complete subtrees by position: those below which something is kept, and their siblings.
    nodes: Vec<BTreeMap<u64, Fr>>,
}

impl Default for Log {
    fn default() -> Self {
        Self {
            first: 0,
            letters: VecDeque::new(),
            nodes: vec![BTreeMap::new(); CHANNEL_DEPTH + 1],
        }
    }
}

impl Log {
    /// Messages ever sent.
    pub fn count(&self) -> u64 {
        self.first + self.letters.len() as u64
    }

    /// Messages that are not forgotten.
    pub fn kept(&self) -> usize {
        self.letters.len()
    }

    /// Message `index`, unless it is forgotten or not yet sent.
    pub fn letter(&self, index: u64) -> Option<&Letter> {
        let place = usize::try_from(index.checked_sub(self.first)?).ok()?;
        self.letters.get(place)
    }

    /// Appends a message; `false` if the channel took all that it ever can.
    pub fn append(&mut self, letter: Letter) -> bool {
        if self.count() == CHANNEL_CAPACITY {
            return false;
        }
        let (mut position, mut node) = (self.count(), letter.message.digest());
        self.letters.push_back(letter);
        for level in 0..=CHANNEL_DEPTH {
            self.nodes[level].insert(position, node);
            if position % 3 < 2 {
                break;
            }
            position /= 3;
            node =
                poseidon::hash(&[0, 1, 2].map(|child| self.complete(level, 3 * position + child)));
        }
        true
    }

    /// Forgets the first messages, up to `index`.
    pub fn forget(&mut self, index: u64) {
        let index = index.clamp(self.first, self.count());
        self.letters.drain(..(index - self.first) as usize);
        self.first = index;
        for (nodes, size) in self.nodes.iter_mut().zip(sizes()) {
            // A node goes when its parent is complete and forgotten: the parent then stands for it.
            nodes.retain(|position, _| (position / 3 + 1) * 3 * size > index);
        }
    }

    /// The channel when it had `count` messages, at least as many as are forgotten.
    pub fn at(&self, count: u64) -> Channel {
        let messages = self.node(CHANNEL_DEPTH, 0, count);
        Channel { count, messages }
    }

    /// The siblings of place `index`, which is not forgotten, when there were `count` messages; from the leaf up.
    pub fn path(&self, index: u64, count: u64) -> Vec<[Fr; 2]> {
        let siblings = |(level, size): (usize, u64)| {
            let position = index / size;
            let others = match position % 3 {
                0 => [1, 2],
                1 => [0, 2],
                _ => [0, 1],
            };
            others.map(|child| self.node(level, position / 3 * 3 + child, count))
        };
        sizes()
            .take(CHANNEL_DEPTH)
            .enumerate()
            .map(siblings)
            .collect()
    }

    fn node(&self, level: usize, position: u64, count: u64) -> Fr {
        let size = 3u64.pow(level as u32);
        match (position * size >= count, (position + 1) * size <= count) {
            (true, _) => empty(level).unwrap_or_default(),
            (_, true) => self.complete(level, position),
            _ => poseidon::hash(
                &[0, 1, 2].map(|child| self.node(level - 1, 3 * position + child, count)),
            ),
        }
    }

    fn complete(&self, level: usize, position: u64) -> Fr {
        let node = self.nodes[level].get(&position);
        debug_assert!(node.is_some(), "level {level}, position {position}");
        node.copied().unwrap_or_default()
    }
}

/// Leaves below a node, by level.
fn sizes() -> impl Iterator<Item = u64> {
    (0..=CHANNEL_DEPTH as u32).map(|level| 3u64.pow(level))
}

/// What is stored of a channel: the messages kept and the subtrees to their left.
#[derive(Deserialize, Serialize)]
struct Stored {
    first: u64,
    letters: VecDeque<Letter>,
    left: Vec<(usize, u64, Element)>,
}

impl From<Log> for Stored {
    fn from(log: Log) -> Self {
        let levels = log.nodes.iter().zip(sizes()).enumerate();
        let left = levels.flat_map(|(level, (nodes, size))| {
            let left = nodes
                .iter()
                .filter(move |(position, _)| (*position + 1) * size <= log.first);
            left.map(move |(position, node)| (level, *position, Element(*node)))
        });
        let left = left.collect();
        Self {
            first: log.first,
            letters: log.letters,
            left,
        }
    }
}

impl TryFrom<Stored> for Log {
    type Error = String;

    fn try_from(stored: Stored) -> Result<Self, String> {
        let mut log = Self {
            first: stored.first,
            ..Self::default()
        };
        for (level, position, node) in stored.left {
            let nodes = log.nodes.get_mut(level);
            let nodes = nodes.ok_or_else(|| format!("a channel has no level {level}"))?;
            nodes.insert(position, node.0);
        }
        log.check_left()?;
        match stored.letters.into_iter().all(|letter| log.append(letter)) {
            true => Ok(log),
            false => Err("a channel of too many messages".into()),
        }
    }
}

impl Log {
    /// Whether what lies left of the first message kept is there, and nothing else.
    fn check_left(&self) -> Result<(), String> {
        if self.first > CHANNEL_CAPACITY {
            return Err("a channel of too many messages".into());
        }
        let expected = |(level, size): (usize, u64)| {
            let position = self.first / size;
            (position / 3 * 3..position).map(move |position| (level, position))
        };
        let expected = sizes().take(CHANNEL_DEPTH).enumerate().flat_map(expected);
        let levels = self.nodes.iter().enumerate();
        let found = levels.flat_map(|(level, nodes)| nodes.keys().map(move |at| (level, *at)));
        match expected.eq(found) {
            true => Ok(()),
            false => {
                Err("a channel whose forgotten part is not the one that its messages follow".into())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use trifold_circuits::trie::SparseTrie;

    fn letter(number: u64) -> Letter {
        let message = Message {
            kind: 0,
            from: 1,
            to: 2,
            amount: number,
            payload: Fr::from(7),
        };
        Letter {
            message,
            key: Coordinates::NONE,
        }
    }

    #[test]
    fn past_channels_are_those_of_a_trie_of_that_time() {
        let (mut log, mut trie) = (Log::default(), SparseTrie::new(CHANNEL_DEPTH).unwrap());
        let mut past = vec![trie.clone()];
        for number in 0..40 {
            assert_eq!(log.path(number, number), trie.path(number).unwrap());
            assert!(log.append(letter(number)));
            trie.set(number, letter(number).message.digest()).unwrap();
            past.push(trie.clone());
        }
        for first in [0, 1, 2, 3, 8, 9, 10, 27, 31, 40] {
            log.forget(first);
            let text = serde_json::to_string(&log).unwrap();
            assert_eq!(serde_json::from_str::<Log>(&text).unwrap(), log);
            for count in first..=40 {
                let trie = &past[count as usize];
                assert_eq!(log.at(count).messages, trie.root());
                for index in first..=count {
                    assert_eq!(log.path(index, count), trie.path(index).unwrap());
                }
            }
            assert_eq!((log.kept() as u64, log.count()), (40 - first, 40));
            assert_eq!(log.letter(39).copied(), (first < 40).then(|| letter(39)));
        }
        let nodes: usize = log.nodes.iter().map(BTreeMap::len).sum();
        assert!(nodes <= 2 * CHANNEL_DEPTH, "{nodes} nodes for nothing");
    }

    #[test]
    fn a_stored_channel_with_a_gap_is_refused() {
        let mut log = Log::default();
        (0..5).for_each(|number| assert!(log.append(letter(number))));
        log.forget(4);
        let text = serde_json::to_string(&log).unwrap();
        for broken in [
            text.replace("\"first\":4", "\"first\":3"),
            text.replace("[0,3,", "[0,4,"),
            text.replace("[1,0,", "[21,0,"),
        ] {
            assert_ne!(broken, text);
            assert!(serde_json::from_str::<Log>(&broken).is_err(), "{broken}");
        }
    }
}
