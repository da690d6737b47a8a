//! One epoch more of the world: netted shards, and one that has sent messages.

#![allow(dead_code)] // each test binary uses its part

use std::collections::BTreeMap;

use ark_bn254::Fr;
use ark_ff::AdditiveGroup;
use trifold_verifier::claim::{MessageClaim, NettedAccountClaim, ShardClaim};
use trifold_verifier::client::{LightClient, Update};
use trifold_verifier::netted::{Account, State, triad_digest};
use trifold_verifier::receipt::Receipt;
use trifold_verifier::statement::{
    Body, CHANNEL_DEPTH, Channel, GlobalState, Leaf, MAX_DEPTH, Message, key_payload,
};
use trifold_verifier::trie::empty_digest;

use crate::common::scalar;
use crate::world::{BANK, EPOCHS, Trie, World};

/// A netted shard whose trie of accounts has [`NETTED_DEPTH`] levels.
pub const NETTED: u32 = 3;
pub const NETTED_DEPTH: u8 = 3;
/// A netted shard of one bottom node.
pub const SMALL: u32 = 6;
/// A shard that has sent [`MESSAGES`] messages to [`BANK`], and one to shard 0.
pub const SENDER: u32 = 7;
pub const MESSAGES: u64 = 4;
/// A shard that never sent any.
pub const SILENT: u32 = 8;

/// The world's state after [`EPOCHS`].
pub struct Further {
    pub world: World,
    pub update: Update,
    /// Holds it.
    pub client: LightClient,
}

impl Further {
    pub fn new() -> Self {
        let mut world = World::new();
        let mut leaves = world.leaves[EPOCHS as usize].clone();
        let bodies = [
            (NETTED, netted_body(NETTED_DEPTH)),
            (SMALL, netted_body(1)),
            (SENDER, sender_body()),
            (SILENT, silent_body()),
        ];
        let leaf = |body: Body| Leaf::genesis(scalar(22), body.digest(), 0);
        leaves.extend(bodies.map(|(index, body)| (index, leaf(body))));
        let epoch = EPOCHS + 1;
        world.leaves.push(leaves);
        world.states.push(world.states[EPOCHS as usize]);
        let history = world.history(epoch).root();
        let root = world.shards(epoch).root();
        world.states[epoch as usize] = GlobalState {
            epoch,
            root,
            history,
            ..world.states[EPOCHS as usize]
        };
        let update = world.update(epoch);
        let client = LightClient::from_checkpoint(world.network, &update).unwrap();
        Self {
            world,
            update,
            client,
        }
    }

    pub fn shard(&self, index: u32) -> ShardClaim {
        self.world.shard(EPOCHS + 1, index)
    }

    /// A receipt of a netted account in this epoch.
    pub fn receipt(&self, account: u32) -> Receipt {
        Receipt {
            netted_account: Some(netted_account(NETTED_DEPTH, account)),
            ..self.world.receipt(EPOCHS + 1, NETTED)
        }
    }
}

/// What is true of account `index` of a netted shard whose trie has `depth` levels.
pub fn netted_account(depth: u8, index: u32) -> NettedAccountClaim {
    let State { network, keys, .. } = netted_state(depth);
    NettedAccountClaim {
        body: netted_body(depth),
        network,
        keys,
        depth,
        index,
        triad: triad(index / 3),
        path: netted_trie(depth).path((index / 3).into()),
    }
}

/// What is true of message `index` from [`SENDER`] to `destination`.
pub fn message(destination: u32, index: u64) -> MessageClaim {
    let (channel, log) = channel(destination);
    MessageClaim {
        body: sender_body(),
        destination,
        channel,
        channel_path: outbox().path(destination.into()),
        index,
        message: (index < channel.count).then(|| sent(index)),
        path: log.path(index),
    }
}

/// That [`SILENT`] sent nothing.
pub fn no_message() -> MessageClaim {
    MessageClaim {
        body: silent_body(),
        channel_path: Trie {
            leaves: BTreeMap::new(),
            ..outbox()
        }
        .path(2),
        ..message(2, 0)
    }
}

/// Owned at 0, 1, 2, 4, 5 and 26; at 25 value waits for an owner.
fn account(index: u32) -> Account {
    let number = u64::from(index);
    let owned = Account {
        key: scalar(60 + number),
        balance: 100 * (number + 1),
        ordinal: number + 7,
    };
    match index {
        0..=2 | 4 | 5 | 26 => owned,
        25 => Account {
            balance: 9,
            ..Account::default()
        },
        _ => Account::default(),
    }
}

fn triad(position: u32) -> [Account; 3] {
    [0, 1, 2].map(|place| account(3 * position + place))
}

fn netted_trie(depth: u8) -> Trie {
    let levels = usize::from(depth) - 1;
    let bottom = |position: u32| (position.into(), triad_digest(&triad(position)));
    Trie {
        levels,
        leaves: (0..3u32.pow(levels as u32)).map(bottom).collect(),
    }
}

fn netted_state(depth: u8) -> State {
    State {
        network: scalar(41),
        keys: scalar(42),
        depth,
        accounts: netted_trie(depth).root(),
    }
}

fn netted_body(depth: u8) -> Body {
    Body {
        state_root: netted_state(depth).digest(),
        outbox_root: Fr::ZERO,
        inbox_root: scalar(43),
    }
}

fn sender_body() -> Body {
    Body {
        state_root: scalar(44),
        outbox_root: outbox().root(),
        inbox_root: Fr::ZERO,
    }
}

fn silent_body() -> Body {
    Body {
        outbox_root: Fr::ZERO,
        ..sender_body()
    }
}

fn outbox() -> Trie {
    let digest = |destination: u32| (destination.into(), channel(destination).0.digest());
    Trie {
        levels: MAX_DEPTH.into(),
        leaves: BTreeMap::from([0, BANK].map(digest)),
    }
}

fn channel(destination: u32) -> (Channel, Trie) {
    let count = match destination {
        0 => 1,
        BANK => MESSAGES,
        _ => 0,
    };
    let log = Trie {
        levels: CHANNEL_DEPTH,
        leaves: (0..count)
            .map(|index| (index, sent(index).digest()))
            .collect(),
    };
    let messages = match count {
        0 => empty_digest(CHANNEL_DEPTH),
        _ => log.root(),
    };
    (Channel { count, messages }, log)
}

fn sent(index: u64) -> Message {
    Message {
        kind: index as u32,
        from: 3,
        to: 5 + index as u32,
        amount: 1_000 + index,
        payload: key_payload(scalar(70 + index), scalar(71)),
    }
}
