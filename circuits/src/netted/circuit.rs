//! The circuits that parts of an epoch are proven by, and the trie of their keys.

use super::channels::ChannelsSize;
use super::join::PartKey;
use super::messages::MessagesSize;
use super::rows::RowsSize;
use super::statement::PART_DEPTH;
use crate::trie::{SparseTrie, TrieError};
use ark_bn254::Fr;
use serde::{Deserialize, Serialize};
use trifold_verifier::trie::Path;

/// The name of the close circuit in `circuits.toml`: the program of a netted shard.
pub const CLOSE: &str = "netted-close";
/// A circuit of parts. In their order the keys lie in the trie of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize, Serialize)]
pub enum PartCircuit {
    /// Messages of one payment.
    Messages,
    /// Few of them.
    MessagesIdle,
    /// Messages of up to nine payments.
    Lists,
    Tablet,
    Rows,
    /// Long paths to few accounts.
    RowsIdle,
    /// Messages between shards, with rows of every trie.
    Channels,
    Join,
    /// Eight times as many messages, lists and rows, nine times as many accounts: what the joins over them cost is that much less. A
    /// network may do without these four.
    MessagesLarge,
    ListsLarge,
    TabletLarge,
    RowsLarge,
}

/// What a circuit of parts takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PartSize {
    Messages(MessagesSize),
    /// All accounts of a subtree of so many levels.
    Tablet(u8),
    Rows(RowsSize),
    Channels(ChannelsSize),
    Join,
}

impl PartCircuit {
    pub const ALL: [Self; 12] = [
        Self::Messages,
        Self::MessagesIdle,
        Self::Lists,
        Self::Tablet,
        Self::Rows,
        Self::RowsIdle,
        Self::Channels,
        Self::Join,
        Self::MessagesLarge,
        Self::ListsLarge,
        Self::TabletLarge,
        Self::RowsLarge,
    ];

    /// Its name in `circuits.toml`, whose parameters [`Self::size`] repeats.
    pub fn name(self) -> &'static str {
        match self {
            Self::Messages => "netted-messages",
            Self::MessagesIdle => "netted-messages-idle",
            Self::MessagesLarge => "netted-messages-large",
            Self::Lists => "netted-lists",
            Self::ListsLarge => "netted-lists-large",
            Self::Tablet => "netted-tablet",
            Self::TabletLarge => "netted-tablet-large",
            Self::Rows => "netted-rows",
            Self::RowsIdle => "netted-rows-idle",
            Self::RowsLarge => "netted-rows-large",
            Self::Channels => "netted-channels",
            Self::Join => "netted-join",
        }
    }

    /// Whether a network may do without it.
    pub fn is_large(self) -> bool {
        self > Self::Join
    }

    pub fn size(self) -> PartSize {
        let messages = |slots, payments| PartSize::Messages(MessagesSize { slots, payments });
        let rows = |bottom, upper| PartSize::Rows(RowsSize { bottom, upper });
        match self {
            Self::Messages => messages(112, 1),
            Self::MessagesIdle => messages(8, 1),
            Self::MessagesLarge => messages(912, 1),
            Self::Lists => messages(56, 9),
            Self::ListsLarge => messages(512, 9),
            Self::Tablet => PartSize::Tablet(5),
            Self::TabletLarge => PartSize::Tablet(7),
            Self::Rows => rows(127, 144),
            Self::RowsIdle => rows(16, 160),
            Self::RowsLarge => rows(1144, 912),
            Self::Channels => PartSize::Channels(ChannelsSize {
                rows: RowsSize {
                    bottom: 16,
                    upper: 200,
                },
                sends: 48,
                channels: 8,
                receives: 32,
                sources: 3,
            }),
            Self::Join => PartSize::Join,
        }
    }

    /// Its size, if it takes messages.
    pub fn messages(self) -> Option<MessagesSize> {
        match self.size() {
            PartSize::Messages(size) => Some(size),
            _ => None,
        }
    }

    /// Levels of the subtree that its proof rewrites, if it takes one.
    pub fn tablet(self) -> Option<u8> {
        match self.size() {
            PartSize::Tablet(levels) => Some(levels),
            _ => None,
        }
    }

    /// Its size, if it takes rows alone.
    pub fn rows(self) -> Option<RowsSize> {
        match self.size() {
            PartSize::Rows(size) => Some(size),
            _ => None,
        }
    }

    /// Its size, if it takes messages between shards.
    pub fn channels(self) -> Option<ChannelsSize> {
        match self.size() {
            PartSize::Channels(size) => Some(size),
            _ => None,
        }
    }

    /// What a proof costs, in domains of 2^17.
    pub(super) fn cost(self) -> usize {
        match self {
            Self::MessagesIdle | Self::Tablet | Self::RowsIdle => 1,
            Self::Messages | Self::Lists | Self::Rows | Self::Channels => 2,
            Self::Join | Self::TabletLarge => 8,
            Self::MessagesLarge | Self::ListsLarge | Self::RowsLarge => 16,
        }
    }

    fn place(self) -> u64 {
        self as u64
    }
}

/// The keys that parts are proven under, in their trie.
#[derive(Clone, Debug)]
pub struct PartKeys(SparseTrie);

impl PartKeys {
    /// A trie of these key digests; `None` where the network does without a circuit.
    pub fn new(digest: impl Fn(PartCircuit) -> Option<Fr>) -> Result<Self, TrieError> {
        let mut keys = SparseTrie::new(PART_DEPTH)?;
        for circuit in PartCircuit::ALL {
            keys.set(circuit.place(), digest(circuit).unwrap_or_default())?;
        }
        Ok(Self(keys))
    }

    /// What state and contexts name the keys by.
    pub fn root(&self) -> Fr {
        self.0.root()
    }

    /// Whether there is a key of this circuit.
    pub fn has(&self, circuit: PartCircuit) -> bool {
        self.0.contains(0, circuit.place())
    }

    /// A circuit's key with its place. No proof verifies under that of a circuit without one, which is 0.
    pub fn key(&self, circuit: PartCircuit) -> PartKey {
        let index = circuit.place();
        // Every place of a circuit is inside the trie.
        let siblings = self.0.path(index).unwrap_or_default();
        PartKey {
            digest: self.0.get(index),
            path: Path { index, siblings },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::artifacts::{Checkout, Manifest};

    #[test]
    fn the_sizes_are_those_of_the_deployed_circuits() {
        let manifest = Manifest::load(&Checkout::find().unwrap()).unwrap();
        assert!(manifest.get(CLOSE).is_ok());
        for circuit in PartCircuit::ALL {
            let parameters = &manifest.get(circuit.name()).unwrap().parameters;
            let values: Vec<u64> = parameters.iter().map(|parameter| parameter.value).collect();
            let sizes = match circuit.size() {
                PartSize::Messages(size) => vec![size.slots, size.payments],
                PartSize::Tablet(levels) => vec![levels.into()],
                PartSize::Rows(size) => vec![size.bottom, size.upper],
                PartSize::Channels(size) => {
                    let RowsSize { bottom, upper } = size.rows;
                    let slots = [size.sends, size.channels, size.receives, size.sources];
                    [[bottom, upper].as_slice(), &slots].concat()
                }
                PartSize::Join => Vec::new(),
            };
            let sizes: Vec<u64> = sizes.into_iter().map(|size| size as u64).collect();
            assert_eq!(values, sizes, "{circuit:?}");
        }
    }

    #[test]
    fn every_key_is_where_its_path_says() {
        let keys = PartKeys::new(|circuit| Some(Fr::from(100 + circuit.place()))).unwrap();
        for circuit in PartCircuit::ALL {
            let key = keys.key(circuit);
            assert_eq!(key.digest, Fr::from(100 + circuit.place()));
            assert_eq!(key.check(keys.root()), Ok(()));
        }
        let small = |circuit: PartCircuit| (!circuit.is_large()).then_some(Fr::from(1));
        let keys = PartKeys::new(small).unwrap();
        let has = PartCircuit::ALL.map(|circuit| keys.has(circuit));
        assert_eq!(has, PartCircuit::ALL.map(|circuit| !circuit.is_large()));
    }
}
