//! How much is sent and taken at once.

use crate::network::Network;
use trifold_shard::netted::{MAX_TAKEN, NettedError};
use trifold_shard::shard::MAX_UNTAKEN;

const ACCOUNTS: u32 = 36;

/// A payment from every account of shard 0 to so many of shard 1, which make as many messages.
fn pay_all(network: &Network, accounts: u32) {
    for from in 0..ACCOUNTS {
        let payments: Vec<_> = (0..accounts).map(|to| (1, to, 1)).collect();
        for list in payments.chunks(9) {
            network.pay(0, from, list).unwrap();
        }
    }
}

#[test]
fn a_full_inbox_takes_no_more_until_messages_are_taken() {
    let mut network = Network::new(30, ACCOUNTS, |_, _| 1_000_000);
    let full = NettedError::InboxFull {
        shard: 1,
        limit: MAX_UNTAKEN,
    };
    // 1008 in this epoch; one more list than there is room for is refused wholly.
    pay_all(&network, 28);
    let many: Vec<_> = (28..36).map(|to| (1, to, 1)).collect();
    network.pay(0, 0, &many).unwrap();
    network.pay(0, 1, &many).unwrap();
    assert_eq!(network.pay(0, 2, &many), Err(full));
    // A pair that has a message already needs no other one, and other shards have room.
    network.pay(0, 2, &[(1, 3, 7)]).unwrap();
    network.pay(0, 2, &[(2, 3, 7)]).unwrap();
    network.snapshot(0).unwrap();
    // Under way, in the outbox, and after a restart.
    assert_eq!(network.pay(0, 2, &[(1, 3, 7)]), Err(full));
    network.epoch();
    assert_eq!(
        network.netted[&0].outbox().channel(1).unwrap().kept(),
        MAX_UNTAKEN
    );
    assert_eq!(network.pay(0, 2, &[(1, 3, 7)]), Err(full));
    network.reopen(0);
    assert_eq!(network.pay(0, 2, &[(1, 3, 7)]), Err(full));
    network.epoch();
    assert_eq!(network.deliver(0, 1), MAX_UNTAKEN);
    network.epochs(2);
    network.deliver(1, 0);
    assert_eq!(network.pay(0, 2, &[(1, 3, 7)]), Ok(()));
    assert_eq!(network.balance(1, 3), 1_000_000 + u64::from(ACCOUNTS) + 7);
}

#[test]
fn an_epoch_takes_no_more_than_its_limit_and_the_next_one_the_rest() {
    let mut network = Network::new(31, ACCOUNTS, |_, _| 1_000_000);
    pay_all(&network, 28);
    for to in 0..30 {
        network.pay(2, to, &[(1, to, 1)]).unwrap();
    }
    network.epochs(2);
    network.pay(0, 0, &[(1, 0, 1)]).unwrap();
    assert_eq!(network.deliver(0, 1), 1008);
    assert_eq!(network.deliver(2, 1), 30);
    network.epoch();
    assert_eq!(network.netted[&1].queued(), 1038 - MAX_TAKEN);
    assert_eq!(network.netted[&1].inbox().count(2), 16);
    network.epoch();
    assert_eq!(network.netted[&1].queued(), 0);
    assert_eq!(network.netted[&1].inbox().count(2), 30);
    assert_eq!(network.state.state().in_flight, 1);
}
