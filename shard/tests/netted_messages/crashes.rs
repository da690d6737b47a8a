//! A crash at any point loses nothing and takes nothing twice: a crash is what is on disk then, opened again.

use crate::network::Network;
use std::fs;
use std::path::PathBuf;
use trifold_shard::ShardError;
use trifold_shard::netted::NettedShardError;
use trifold_verifier::statement::Leaf;

/// Netted shard 1 has messages to take from two shards, one that it returns, and payments to make; it has taken none yet.
fn before() -> Network {
    let mut network = Network::new(40, 6, |_, _| 1000);
    network.pay(0, 1, &[(1, 2, 5), (1, 3, 6)]).unwrap();
    network.send(3, 1, (1, 2), None, 10, true).unwrap();
    network.send(3, 1, (1, 77), None, 20, false).unwrap();
    network.epochs(2);
    network.pay(1, 4, &[(0, 2, 30), (1, 2, 3)]).unwrap();
    network
}

/// What comes of it without a crash.
fn end(network: &mut Network) -> Leaf {
    for source in [0, 3] {
        // What is queued already is refused.
        let delivery = network.delivery(source, 1).unwrap();
        let _ = network.receive(1, &delivery);
    }
    network.epoch();
    let accounts = network.netted[&1].store().accounts();
    let balances = [2, 3, 4].map(|account| accounts.get(account).unwrap().balance);
    assert_eq!(balances, [1018, 1006, 967]);
    assert_eq!(
        [0, 3].map(|source| network.netted[&1].inbox().count(source)),
        [2, 2]
    );
    let sent = |to| network.netted[&1].outbox().channel(to).unwrap().count();
    assert_eq!([sent(0), sent(3)], [1, 2]);
    assert_eq!(network.value(), 30_000);
    network.leaves[1]
}

fn position(network: &Network) -> PathBuf {
    network.folder(1).join("chain.json")
}

#[test]
fn what_is_queued_is_on_disk() {
    let expected = end(&mut before());
    let mut network = before();
    assert_eq!(network.deliver(0, 1), 2);
    network.reopen(1);
    assert_eq!(network.netted[&1].queued(), 2);
    assert_eq!(network.deliver(3, 1), 2);
    network.reopen(1);
    assert_eq!(network.netted[&1].queued(), 4);
    assert_eq!(end(&mut network).body, expected.body);
}

/// The messages were shown and not queued: they can be brought again.
#[test]
fn what_is_not_on_disk_is_brought_again() {
    let expected = end(&mut before());
    let mut network = before();
    let old = fs::read(position(&network)).unwrap();
    network.deliver(0, 1);
    fs::write(position(&network), old).unwrap();
    network.reopen(1);
    assert_eq!(network.netted[&1].queued(), 0);
    assert_eq!(end(&mut network).body, expected.body);
}

/// The journal has the end of the epoch, the position is the one before.
#[test]
fn an_epoch_that_ended_takes_what_it_took() {
    let expected = end(&mut before());
    let mut network = before();
    network.deliver(0, 1);
    network.deliver(3, 1);
    let old = fs::read(position(&network)).unwrap();
    let snapshot = network.snapshot(1).unwrap();
    fs::write(position(&network), old).unwrap();
    network.reopen(1);
    assert_eq!(network.netted[&1].queued(), 4);
    // More comes before the snapshot is made again: the epoch has ended without it.
    network.pay(1, 5, &[(1, 0, 1)]).unwrap();
    let replayed = network.delivery(0, 1).unwrap();
    assert!(network.receive(1, &replayed).is_err());
    let again = network.snapshot(1).unwrap();
    assert_eq!(
        (again.new.body, &again.work),
        (snapshot.new.body, &snapshot.work)
    );
    assert_eq!(
        (network.netted[&1].queued(), network.netted[&1].pending()),
        (0, 1)
    );
    assert_eq!(end(&mut network).body, expected.body);
}

/// The epoch ended with nothing of the queue, as when it ended before anything came.
#[test]
fn an_epoch_that_ended_without_messages_leaves_them_to_the_next() {
    let mut network = before();
    network.netted[&1]
        .store()
        .close_epoch(1, Vec::new())
        .unwrap();
    network.reopen(1);
    network.deliver(0, 1);
    let snapshot = network.snapshot(1).unwrap();
    assert_eq!(snapshot.work.exchange().received, 0);
    assert_eq!(snapshot.new.seen_epoch, 1);
    network.epoch();
    assert_eq!(network.netted[&1].queued(), 2);
    network.epoch();
    assert_eq!(network.netted[&1].inbox().count(0), 2);
    assert_eq!((network.balance(1, 2), network.balance(1, 3)), (1008, 1006));
}

#[test]
fn what_is_under_way_is_submitted_again() {
    let expected = end(&mut before());
    let mut network = before();
    network.deliver(0, 1);
    network.deliver(3, 1);
    let snapshot = network.snapshot(1);
    for _ in 0..2 {
        network.reopen(1);
        assert_eq!(network.snapshot(1), snapshot);
    }
    assert_eq!(end(&mut network), expected);
}

/// The global state that holds the snapshot was not remembered: it is taken in again.
#[test]
fn a_global_state_is_taken_in_again() {
    let expected = end(&mut before());
    let mut network = before();
    network.deliver(0, 1);
    network.deliver(3, 1);
    network.snapshot(1).unwrap();
    let old = fs::read(position(&network)).unwrap();
    assert_eq!(end(&mut network).body, expected.body);
    fs::write(position(&network), old).unwrap();
    network.reopen(1);
    assert_eq!(network.netted[&1].inbox().count(0), 0);
    assert!(network.observe(1));
    assert_eq!(network.netted[&1].inbox().count(0), 2);
    network.epoch();
    let told = network.delivery(1, 0).unwrap();
    assert_eq!(told.taken, 2);
}

#[test]
fn files_that_do_not_belong_together_are_refused() {
    let inconsistent = |result: Result<(), NettedShardError>, expected: &str| match result {
        Err(NettedShardError::Shard(ShardError::Inconsistent(reason))) => {
            assert_eq!(reason, expected);
        }
        other => panic!("{other:?}"),
    };
    let mut network = before();
    let old = fs::read(position(&network)).unwrap();
    network.deliver(0, 1);
    let queued = fs::read_to_string(position(&network)).unwrap();
    network.snapshot(1).unwrap();
    let under_way = fs::read_to_string(position(&network)).unwrap();
    // A position from before the messages were queued, beside a ledger that took them.
    fs::write(position(&network), &old).unwrap();
    network.reopen(1);
    let now = network.now();
    let snapshot = network.netted(1).snapshot(now).map(drop);
    inconsistent(
        snapshot,
        "the ledger took messages that did not wait for it",
    );
    let later = queued.replacen("\"epoch\":0", "\"epoch\":5", 1);
    assert_ne!(later, queued);
    fs::write(position(&network), later).unwrap();
    let reason = "the ledger is older than what was submitted";
    inconsistent(network.try_reopen(1), reason);
    let mut position_of = serde_json::from_str::<serde_json::Value>(&under_way).unwrap();
    position_of["under_way"] = serde_json::Value::Null;
    fs::write(position(&network), position_of.to_string()).unwrap();
    let reason = "the snapshot under way is not that of its messages";
    inconsistent(network.try_reopen(1), reason);
    let mut position_of = serde_json::from_str::<serde_json::Value>(&under_way).unwrap();
    position_of["post"]["inbox"] = serde_json::json!({"0": 2});
    fs::write(position(&network), position_of.to_string()).unwrap();
    let reason = "the messages are not those that the leaf records";
    inconsistent(network.try_reopen(1), reason);
    fs::write(position(&network), under_way).unwrap();
    network.reopen(1);
}
