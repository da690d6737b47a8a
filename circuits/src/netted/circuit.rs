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
/// Levels of the subtree that a tablet's proof rewrites.
pub const TABLET_LEVELS: u8 = 5;

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
}

impl PartCircuit {
    pub const ALL: [Self; 8] = [
        Self::Messages,
        Self::MessagesIdle,
        Self::Lists,
        Self::Tablet,
        Self::Rows,
        Self::RowsIdle,
        Self::Channels,
        Self::Join,
    ];

    /// Its name in `circuits.toml`, whose parameters [`Self::messages`], [`Self::rows`], [`Self::channels`] and [`TABLET_LEVELS`] repeat.
    pub fn name(self) -> &'static str {
        match self {
            Self::Messages => "netted-messages",
            Self::MessagesIdle => "netted-messages-idle",
            Self::Lists => "netted-lists",
            Self::Tablet => "netted-tablet",
            Self::Rows => "netted-rows",
            Self::RowsIdle => "netted-rows-idle",
            Self::Channels => "netted-channels",
            Self::Join => "netted-join",
        }
    }

    /// Its size, if it takes messages.
    pub fn messages(self) -> Option<MessagesSize> {
        let (slots, payments) = match self {
            Self::Messages => (112, 1),
            Self::MessagesIdle => (8, 1),
            Self::Lists => (56, 9),
            _ => return None,
        };
        Some(MessagesSize { slots, payments })
    }

    /// Its size, if it takes rows.
    pub fn rows(self) -> Option<RowsSize> {
        let (bottom, upper) = match self {
            Self::Rows => (127, 144),
            Self::RowsIdle => (16, 160),
            _ => return None,
        };
        Some(RowsSize { bottom, upper })
    }

    /// Its size, if it takes messages between shards.
    pub fn channels(self) -> Option<ChannelsSize> {
        (self == Self::Channels).then_some(ChannelsSize {
            rows: RowsSize {
                bottom: 16,
                upper: 200,
            },
            sends: 48,
            channels: 8,
            receives: 32,
            sources: 3,
        })
    }

    fn place(self) -> u64 {
        self as u64
    }
}

/// The keys that parts are proven under, in their trie.
#[derive(Clone, Debug)]
pub struct PartKeys(SparseTrie);

impl PartKeys {
    /// A trie of these key digests.
    pub fn new(digest: impl Fn(PartCircuit) -> Fr) -> Result<Self, TrieError> {
        let mut keys = SparseTrie::new(PART_DEPTH)?;
        for circuit in PartCircuit::ALL {
            keys.set(circuit.place(), digest(circuit))?;
        }
        Ok(Self(keys))
    }

    /// What state and contexts name the keys by.
    pub fn root(&self) -> Fr {
        self.0.root()
    }

    /// A circuit's key with its place.
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
            let messages = circuit.messages().map(|size| [size.slots, size.payments]);
            let rows = circuit.rows().map(|size| [size.bottom, size.upper]);
            let pair = messages
                .or(rows)
                .map(|pair| pair.map(|n| n as u64).to_vec());
            let channels = circuit.channels().map(|size| {
                let RowsSize { bottom, upper } = size.rows;
                let slots = [size.sends, size.channels, size.receives, size.sources];
                [[bottom, upper].as_slice(), &slots].concat()
            });
            let pair = pair.or(channels.map(|sizes| sizes.iter().map(|n| *n as u64).collect()));
            let tablet = (circuit == PartCircuit::Tablet).then(|| vec![TABLET_LEVELS.into()]);
            assert_eq!(values, pair.or(tablet).unwrap_or_default(), "{circuit:?}");
        }
    }

    #[test]
    fn every_key_is_where_its_path_says() {
        let keys = PartKeys::new(|circuit| Fr::from(100 + circuit.place())).unwrap();
        for circuit in PartCircuit::ALL {
            let key = keys.key(circuit);
            assert_eq!(key.digest, Fr::from(100 + circuit.place()));
            assert_eq!(key.check(keys.root()), Ok(()));
        }
    }
}
