//! An epoch with messages from one shard and to two, one of each fate.

use crate::support::{COLLECTOR, DEPTH, SHARD, accounts, message, network, pay, u};
use ark_bn254::Fr;
use std::collections::BTreeMap;
use trifold_circuits::channel::{BOX_DEPTH, Opening};
use trifold_circuits::netted::accounts::AccountTrie;
use trifold_circuits::netted::channels::Look;
use trifold_circuits::netted::crossing::Crossing;
use trifold_circuits::netted::epoch::{Change, Epoch};
use trifold_circuits::netted::message::Payment;
use trifold_circuits::netted::rows::{BottomRow, UpperRow, rows};
use trifold_circuits::netted::statement::{Header, destination};
use trifold_circuits::netted::traffic::{Ending, Received, Traffic, account_payload};
use trifold_circuits::trie::SparseTrie;
use trifold_verifier::statement::{Body, CHANNEL_DEPTH, Channel, GlobalState, Leaf, Message, kind};

/// The shard that messages come from, and one that payments go to.
pub const ORIGIN: u32 = 2;
pub const ABROAD: u32 = 1;
pub const STATE_DEPTH: u8 = 2;
pub const LAMPORT: u64 = 40;
pub const TIMESTAMP: u64 = 1 << 40;
/// Messages taken in earlier epochs.
pub const TAKEN: u64 = 3;

fn incoming(kind: u32, to: u32, amount: u64, payload: Fr) -> Message {
    let from = 70 + to;
    Message {
        kind,
        from,
        to,
        amount,
        payload,
    }
}

/// The messages that are taken: in turn for whatever key, for the right one, for a wrong one, returned to a place without an account,
/// to a place outside the trie, a request, one too large for its account, one of a kind of no meaning.
pub fn messages() -> Vec<Message> {
    let any = Fr::from(0);
    vec![
        incoming(kind::TRANSFER, 1, 11, any),
        incoming(kind::TRANSFER, 2, 12, account_payload(u(2))),
        incoming(kind::TRANSFER, 2, 13, account_payload(u(9))),
        incoming(kind::RETURN, 5, 14, any),
        incoming(kind::TRANSFER, 30, 15, any),
        incoming(kind::REQUEST, 0, 16, any),
        incoming(kind::TRANSFER, 20, u64::MAX, any),
        incoming(9, 0, 17, any),
    ]
}

struct Origin {
    messages: SparseTrie,
    outbox: SparseTrie,
    count: u64,
}

fn origin() -> Origin {
    let mut trie = SparseTrie::new(CHANNEL_DEPTH).unwrap();
    let taken = (0..TAKEN).map(|n| incoming(kind::TRANSFER, 0, n, Fr::from(0)));
    let left = [incoming(kind::TRANSFER, 0, 99, Fr::from(0))];
    let all: Vec<Message> = taken.chain(messages()).chain(left).collect();
    let leaves = all.iter().map(Message::digest);
    trie.set_many((0..).zip(leaves)).unwrap();
    let channel = Channel {
        count: all.len() as u64,
        messages: trie.root(),
    };
    let mut outbox = SparseTrie::new(BOX_DEPTH).unwrap();
    outbox.set(SHARD.into(), channel.digest()).unwrap();
    outbox.set(6, Fr::from(66)).unwrap();
    Origin {
        messages: trie,
        outbox,
        count: channel.count,
    }
}

fn body() -> Body {
    Body {
        state_root: Fr::from(1234),
        outbox_root: origin().outbox.root(),
        inbox_root: Fr::from(5678),
    }
}

fn leaf() -> Leaf {
    Leaf {
        program: Fr::from(4321),
        body: body().digest(),
        lamport: LAMPORT,
        timestamp: TIMESTAMP,
        seen_epoch: 2,
        seen_digest: Fr::from(22),
        supply: 1_000_000,
    }
}

fn shards() -> SparseTrie {
    let mut trie = SparseTrie::new(STATE_DEPTH.into()).unwrap();
    let other = (u64::from(SHARD), Fr::from(55));
    trie.set_many([(ORIGIN.into(), leaf().digest()), other])
        .unwrap();
    trie
}

/// The global state that they are opened under.
pub fn seen() -> GlobalState {
    GlobalState {
        epoch: 4,
        root: shards().root(),
        ..GlobalState::genesis(STATE_DEPTH, Fr::from(0))
    }
}

fn opening(index: u64, message: Message) -> Opening {
    let origin = origin();
    Opening {
        source: ORIGIN,
        leaf: leaf(),
        leaf_siblings: shards().path(ORIGIN.into()).unwrap(),
        state_root: body().state_root,
        inbox_root: body().inbox_root,
        count: origin.count,
        channel_siblings: origin.outbox.path(SHARD.into()).unwrap(),
        index,
        message,
        index_siblings: origin.messages.path(index).unwrap(),
    }
}

pub fn received() -> Vec<Received> {
    let received = |(index, message): (u64, Message)| Received {
        opening: opening(index, message),
        full: message.amount == u64::MAX,
    };
    (TAKEN..).zip(messages()).map(received).collect()
}

fn away(account: u32, amount: u64) -> Payment {
    Payment {
        shard: ABROAD as u16,
        ..pay(account, amount, 1)
    }
}

/// Two payments to one account abroad, in two messages, beside others at home.
pub fn epoch() -> Epoch {
    Epoch {
        network: network(),
        shard: SHARD,
        collector: destination(COLLECTOR, SHARD),
        messages: vec![
            (1, message(0, 0, 1, &[away(4, 5)])),
            (1, message(2, 2, 1, &[pay(2, 7, 0)])),
            (9, message(0, 1, 9, &[pay(1, 30, 1), away(4, 6)])),
        ],
        openings: BTreeMap::new(),
        received: received(),
    }
}

/// The channel abroad before: two messages.
fn ending(count: u64) -> Ending {
    let mut trie = SparseTrie::new(CHANNEL_DEPTH).unwrap();
    trie.set_many((0..count).map(|n| (n, Fr::from(900 + n))))
        .unwrap();
    Ending {
        channel: Channel {
            count,
            messages: trie.root(),
        },
        siblings: trie.path(count).unwrap(),
    }
}

/// What an epoch takes and sends, with what that changes.
pub fn traffic(epoch: &Epoch, changes: &BTreeMap<u32, Change>) -> Traffic {
    let (abroad, origin) = (ending(2), ending(0));
    let mut outbox = SparseTrie::new(BOX_DEPTH).unwrap();
    outbox
        .set_many([(ABROAD.into(), abroad.channel.digest()), (8, Fr::from(88))])
        .unwrap();
    let mut inbox = SparseTrie::new(BOX_DEPTH).unwrap();
    inbox
        .set_many([(ORIGIN.into(), Fr::from(TAKEN)), (8, Fr::from(1))])
        .unwrap();
    Traffic {
        seen: Some(seen()),
        received: epoch.received.clone(),
        sent: epoch.sent(changes),
        channels: BTreeMap::from([(ABROAD, abroad), (ORIGIN, origin)]),
        outbox,
        inbox,
    }
}

/// The epoch carried out, with its messages and rows.
pub struct Post {
    pub before: AccountTrie,
    pub after: AccountTrie,
    pub traffic: Traffic,
    pub crossing: Crossing,
    pub header: Header,
    pub bottom: Vec<BottomRow>,
    /// Of all tries.
    pub upper: Vec<UpperRow>,
}

pub fn post() -> Post {
    let before = accounts();
    let changes = epoch().changes(&before).unwrap();
    let mut after = before.clone();
    let new = changes.values().map(|change| (change.index, change.new));
    let touched = after.set_many(new).unwrap();
    let traffic = traffic(&epoch(), &changes);
    let look = |index| {
        let change: &Change = changes.get(&index)?;
        Some(Look {
            account: change.new,
            debits: change.debits(),
        })
    };
    let crossing = Crossing::of(&traffic, look).unwrap();
    let (bottom, upper) = rows(&before, &after, &changes, &touched);
    let header = Header {
        capacity: 3u64.pow(DEPTH.into()),
        seen_digest: seen().digest(),
        lamport: LAMPORT,
        timestamp: TIMESTAMP,
    };
    Post {
        upper: [upper, crossing.upper.clone()].concat(),
        before,
        after,
        traffic,
        crossing,
        header,
        bottom,
    }
}
