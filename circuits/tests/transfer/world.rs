//! Other shards under a global state, and what they have sent.

use ark_bn254::Fr;
use std::collections::BTreeMap;
use trifold_circuits::channel::{self, BOX_DEPTH, Opening, Send};
use trifold_circuits::trie::SparseTrie;
use trifold_verifier::statement::{Body, CHANNEL_DEPTH, Channel, GlobalState, Leaf, Message};

/// All that a shard ever sent.
pub struct Outbox {
    pub trie: SparseTrie,
    channels: BTreeMap<u32, (Vec<Message>, SparseTrie)>,
}

impl Outbox {
    pub fn new() -> Self {
        Self {
            trie: SparseTrie::new(BOX_DEPTH).unwrap(),
            channels: BTreeMap::new(),
        }
    }

    pub fn append(&mut self, destination: u32, message: Message) -> Send {
        let empty = || (Vec::new(), SparseTrie::new(CHANNEL_DEPTH).unwrap());
        let (messages, trie) = self.channels.entry(destination).or_insert_with(empty);
        let count = messages.len() as u64;
        let send = Send {
            destination,
            message,
            count,
            message_siblings: trie.path(count).unwrap(),
            outbox_siblings: self.trie.path(destination.into()).unwrap(),
        };
        messages.push(message);
        trie.set(count, message.digest()).unwrap();
        let channel = Channel {
            count: count + 1,
            messages: trie.root(),
        };
        self.trie.set(destination.into(), channel.digest()).unwrap();
        send
    }
}

/// A shard that sends.
pub struct Source {
    pub index: u32,
    pub outbox: Outbox,
}

impl Source {
    pub fn body(&self) -> Body {
        Body {
            state_root: Fr::from(3000 + self.index),
            outbox_root: channel::close_box(&self.outbox.trie),
            inbox_root: Fr::from(4000 + self.index),
        }
    }

    /// Clocks differ from shard to shard.
    pub fn leaf(&self) -> Leaf {
        Leaf {
            lamport: 50 + u64::from(self.index),
            timestamp: 9000 - u64::from(self.index),
            seen_epoch: 3,
            seen_digest: Fr::from(5),
            ..Leaf::genesis(Fr::from(6), self.body().digest(), 1_000)
        }
    }
}

/// Every shard there is, in a trie of some levels.
pub struct World {
    pub sources: Vec<Source>,
    depth: usize,
}

impl World {
    pub fn new(depth: usize) -> Self {
        let source = |index| Source {
            index,
            outbox: Outbox::new(),
        };
        let sources = (0..3u32.pow(depth as u32)).map(source).collect();
        Self { sources, depth }
    }

    pub fn send(&mut self, source: u32, destination: u32, message: Message) {
        self.sources[source as usize]
            .outbox
            .append(destination, message);
    }

    fn trie(&self) -> SparseTrie {
        let mut trie = SparseTrie::new(self.depth).unwrap();
        for source in &self.sources {
            trie.set(source.index.into(), source.leaf().digest())
                .unwrap();
        }
        trie
    }

    pub fn state(&self) -> GlobalState {
        GlobalState {
            epoch: 8,
            depth: self.depth as u8,
            root: self.trie().root(),
            history: Fr::from(21),
            in_flight: 500,
        }
    }

    /// Message `index` that `source` sent `destination`.
    pub fn opening(&self, source: u32, destination: u32, index: u64) -> Opening {
        let sender = &self.sources[source as usize];
        let (messages, trie) = &sender.outbox.channels[&destination];
        let Body {
            state_root,
            inbox_root,
            ..
        } = sender.body();
        Opening {
            source,
            leaf: sender.leaf(),
            leaf_siblings: self.trie().path(source.into()).unwrap(),
            state_root,
            inbox_root,
            count: messages.len() as u64,
            channel_siblings: sender.outbox.trie.path(destination.into()).unwrap(),
            index,
            message: messages[index as usize],
            index_siblings: trie.path(index).unwrap(),
        }
    }
}
