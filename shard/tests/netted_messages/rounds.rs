//! A message's way to a netted shard and from one, and back where something comes back.

use crate::network::{Network, SHARDS};
use ark_bn254::Fr;
use trifold_circuits::netted::traffic::{account_payload, standing};
use trifold_circuits::schnorr::SecretKey;
use trifold_verifier::statement::{Message, answer_payload, kind};

fn network(seed: u64) -> Network {
    Network::new(seed, 6, |_, _| 1000)
}

/// The messages in a netted shard's channel to another.
fn sent(network: &Network, from: u32, to: u32) -> Vec<Message> {
    let outbox = network.netted[&from].outbox();
    let channel = outbox.channel(to);
    let letter = |index| Some(channel?.letter(index)?.message);
    let first = outbox.forgotten(to);
    (first..).map_while(letter).collect()
}

fn payment(from: u32, to: u32, amount: u64) -> Message {
    Message {
        kind: kind::TRANSFER,
        from,
        to,
        amount,
        payload: Fr::default(),
    }
}

#[test]
fn the_payments_of_an_epoch_are_one_message_for_each_pair() {
    let mut network = network(1);
    network
        .pay(0, 2, &[(1, 4, 5), (1, 3, 6), (1, 4, 7)])
        .unwrap();
    network.pay(0, 1, &[(1, 4, 8)]).unwrap();
    network.pay(0, 2, &[(1, 4, 9), (3, 2, 10)]).unwrap();
    network.epoch();
    let expected = [payment(2, 3, 6), payment(1, 4, 8), payment(2, 4, 21)];
    assert_eq!(sent(&network, 0, 1), expected);
    assert_eq!(sent(&network, 0, 3), [payment(2, 2, 10)]);
    assert_eq!(network.state.state().in_flight, 45);
    // The next epoch's are others, behind them.
    network.pay(0, 2, &[(1, 4, 1)]).unwrap();
    network.epoch();
    assert_eq!(sent(&network, 0, 1)[3..], [payment(2, 4, 1)]);
}

#[test]
fn the_order_of_clients_messages_does_not_change_the_body() {
    let bodies = [[0, 1, 2, 3], [3, 1, 2, 0], [2, 3, 0, 1]].map(|order: [u32; 4]| {
        let mut network = network(2);
        for from in order {
            let other = (from + 1) % 3;
            network
                .pay(0, from, &[(1, other, 5), (4, from, 3)])
                .unwrap();
            network
                .pay(0, from, &[(1, other, 2), (0, other, 1)])
                .unwrap();
        }
        network.snapshot(0).unwrap().new.body
    });
    assert_eq!(bodies[0], bodies[1]);
    assert_eq!(bodies[0], bodies[2]);
}

#[test]
fn what_a_netted_shard_pays_another_is_credited_two_epochs_later() {
    let mut network = network(3);
    network.pay(0, 1, &[(1, 2, 250)]).unwrap();
    network.epoch();
    assert_eq!(network.balance(0, 1), 750);
    assert_eq!(network.leaves[0].supply, 5750);
    network.epoch();
    assert_eq!(network.deliver(0, 1), 1);
    // Taken at the end of the epoch, and not before.
    assert_eq!(
        (network.balance(1, 2), network.netted[&1].queued()),
        (1000, 1)
    );
    network.epoch();
    assert_eq!(
        (network.balance(1, 2), network.netted[&1].queued()),
        (1250, 0)
    );
    assert_eq!(network.netted[&1].inbox().count(0), 1);
    assert_eq!(network.state.state().in_flight, 0);
    assert_eq!(network.leaves[1].supply, 6250);
    assert_eq!(network.leaves[1].seen_epoch, 1);
    assert!(network.leaves[1].lamport > network.leaves[0].lamport);
    assert!(network.leaves[1].timestamp > network.leaves[0].timestamp);
    // Once it shows that it took it, it is forgotten.
    network.epoch();
    network.deliver(1, 0);
    assert!(sent(&network, 0, 1).is_empty());
    assert_eq!(network.netted[&0].outbox().forgotten(1), 1);
}

#[test]
fn a_payment_to_a_transfer_shard_is_credited_or_comes_back() {
    let mut network = network(4);
    network.pay(0, 1, &[(3, 2, 250), (3, 77, 20)]).unwrap();
    network.epochs(2);
    assert_eq!(network.deliver(0, 3), 2);
    network.epochs(2);
    assert_eq!((network.balance(3, 2), network.balance(0, 1)), (1250, 730));
    assert_eq!(network.deliver(3, 0), 1);
    network.epoch();
    assert_eq!(network.balance(0, 1), 750);
    assert_eq!(network.state.state().in_flight, 0);
}

#[test]
fn a_transfer_names_a_netted_account_by_its_key_or_not_at_all() {
    let mut network = network(5);
    let [own, other] = [2, 3].map(|account| network.key(1, account));
    network.send(3, 1, (1, 2), None, 10, false).unwrap();
    network.send(3, 1, (1, 2), Some(own), 20, false).unwrap();
    network.send(3, 1, (1, 2), Some(other), 40, false).unwrap();
    let whole = network.secrets.accounts[1][2].public().coordinates();
    network.send(3, 1, (1, 2), Some(whole), 80, false).unwrap();
    network.epochs(2);
    assert_eq!(network.deliver(3, 1), 4);
    network.epoch();
    assert_eq!(network.balance(1, 2), 1030);
    let returned = |amount, payload| Message {
        kind: kind::RETURN,
        from: 2,
        to: 1,
        amount,
        payload,
    };
    let whole = trifold_verifier::statement::key_payload(whole.x, whole.y);
    let expected = [returned(40, account_payload(other.x)), returned(80, whole)];
    assert_eq!(sent(&network, 1, 3), expected);
    network.epochs(1);
    assert_eq!(network.deliver(1, 3), 2);
    network.epoch();
    assert_eq!(network.balance(3, 1), 970);
}

#[test]
fn no_message_opens_an_account_and_one_that_opened_in_the_epoch_is_paid() {
    let mut network = network(6);
    let key = SecretKey::from_seed(&[9; 32]).public();
    let named = crate::network::named(1, key);
    for amount in [10, 20] {
        network
            .send(3, 1, (1, 6), Some(named), amount, false)
            .unwrap();
        network.epoch();
    }
    network.deliver(3, 1);
    network.epoch();
    assert_eq!(network.netted[&1].store().accounts().len(), 6);
    assert_eq!(sent(&network, 1, 3)[0].amount, 10);
    assert_eq!(network.deliver(3, 1), 1);
    assert_eq!(network.netted[&1].store().open_account(key).unwrap(), 6);
    network.epoch();
    assert_eq!(network.balance(1, 6), 20);
    assert_eq!(sent(&network, 1, 3).len(), 1);
}

#[test]
fn a_request_is_answered_with_the_account_as_the_epoch_leaves_it() {
    let mut network = network(7);
    let mut ask = |to, amount| network.send(3, 1, (1, to), None, amount, true).unwrap();
    ask(2, 0);
    ask(2, 30);
    ask(77, 5);
    network.epochs(2);
    assert_eq!(network.deliver(3, 1), 3);
    // What the account pays and is paid in the same epoch counts.
    network.pay(1, 2, &[(1, 3, 100)]).unwrap();
    network.pay(1, 4, &[(1, 2, 7)]).unwrap();
    network.epoch();
    let accounts = network.netted[&1].store().accounts();
    let account = accounts.leaf(2);
    assert_eq!((account.balance, account.ordinal), (937, 1));
    let answer = |to, amount, index, digest| Message {
        kind: kind::ANSWER,
        from: to,
        to: 1,
        amount,
        payload: answer_payload(index, digest),
    };
    let digest = standing(&account);
    let expected = [
        answer(2, 0, 0, digest),
        answer(2, 0, 1, digest),
        answer(77, 5, 2, Fr::default()),
    ];
    assert_eq!(sent(&network, 1, 3), expected);
    network.epoch();
    assert_eq!(network.deliver(1, 3), 3);
    network.epochs(2);
    assert_eq!(network.balance(3, 1), 970);
    assert_eq!(network.state.state().in_flight, 0);
}

/// An account that can take 10 more of other shards, or in its own.
fn nearly_full(seed: u64) -> Network {
    Network::new(seed, 6, |shard, account| match (shard, account) {
        (1, 2) => u64::MAX - 10,
        _ => 1000,
    })
}

#[test]
fn a_full_account_takes_nothing_more_while_others_are_credited() {
    let mut network = nearly_full(8);
    for (to, amount) in [(2, 4), (2, 7), (3, 7), (2, 3), (2, 1)] {
        network.send(3, 1, (1, to), None, amount, false).unwrap();
    }
    network.epochs(3);
    assert_eq!(network.deliver(3, 1), 5);
    // Two more come from its own shard, and what it spends makes no room in this epoch.
    network.pay(1, 4, &[(1, 2, 2)]).unwrap();
    network.pay(1, 2, &[(1, 5, 500)]).unwrap();
    network.epoch();
    assert_eq!(network.balance(1, 2), u64::MAX - 510 + 2 + 4 + 3 + 1);
    assert_eq!(network.balance(1, 3), 1007);
    let returned: Vec<_> = sent(&network, 1, 3)
        .iter()
        .map(|sent| sent.amount)
        .collect();
    assert_eq!(returned, [7]);
}

#[test]
fn what_comes_back_to_a_full_account_stays_with_the_shard() {
    let mut network = nearly_full(9);
    let held = network.value();
    network.pay(1, 2, &[(3, 77, 50)]).unwrap();
    network.epoch();
    // The account is filled up again meanwhile.
    network.pay(1, 4, &[(1, 2, 60)]).unwrap();
    network.epoch();
    network.deliver(1, 3);
    network.epochs(2);
    assert_eq!(network.deliver(3, 1), 1);
    network.epoch();
    assert_eq!(network.balance(1, 2), u64::MAX);
    assert!(network.netted[&1].outbox().channel(3).unwrap().count() == 1);
    assert_eq!(network.value(), held);
    let accounts = network.netted[&1].store().accounts();
    assert_eq!(accounts.supply() + 50, network.leaves[1].supply);
}

/// An epoch that shard 1 submits nothing for, though it takes the state in.
fn epoch_without_1(network: &mut Network) {
    let others: Vec<_> = [0, 2, 3, 4]
        .into_iter()
        .filter_map(|shard| network.snapshot(shard))
        .collect();
    network.close(&others);
    (0..SHARDS).for_each(|shard| {
        network.observe(shard);
    });
}

#[test]
fn messages_under_different_states_are_taken_by_different_epochs() {
    let mut network = network(10);
    network.pay(0, 1, &[(1, 2, 5)]).unwrap();
    network.pay(2, 1, &[(1, 2, 6)]).unwrap();
    network.epochs(2);
    network.deliver(0, 1);
    network.deliver(2, 1);
    let seen = |network: &mut Network| {
        let snapshot = network.snapshot(1).unwrap();
        (snapshot.new.seen_epoch, snapshot.work.exchange().received)
    };
    assert_eq!(seen(&mut network), (1, 11));
    // More comes, under one state and then another, while the snapshot is under way.
    for amount in [7, 8] {
        network.pay(0, 1, &[(1, 2, amount)]).unwrap();
        (0..2).for_each(|_| epoch_without_1(&mut network));
        assert_eq!(network.deliver(0, 1), 1);
    }
    assert_eq!(network.netted[&1].queued(), 2);
    network.epoch();
    assert_eq!(seen(&mut network), (3, 7));
    network.epoch();
    assert_eq!(seen(&mut network), (5, 8));
    network.epoch();
    assert_eq!(network.balance(1, 2), 1026);
    assert_eq!(network.netted[&1].queued(), 0);
}

#[test]
fn an_epoch_of_nothing_but_messages_has_a_proof() {
    let mut network = network(11);
    network.send(3, 1, (1, 2), None, 10, false).unwrap();
    network.send(3, 1, (1, 77), None, 10, false).unwrap();
    network.epochs(2);
    assert_eq!(network.deliver(3, 1), 2);
    network.epoch();
    assert_eq!(network.balance(1, 2), 1010);
    // What goes back is all that the next epoch holds for the shard of `transfer`.
    network.send(3, 1, (1, 77), None, 10, false).unwrap();
    network.epochs(2);
    network.deliver(3, 1);
    network.epoch();
    assert_eq!(sent(&network, 1, 3).len(), 2);
}
