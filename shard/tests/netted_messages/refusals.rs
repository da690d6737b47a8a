//! Every refusal of a delivery is specific, and changes nothing.

use crate::network::{NOW, Network};
use ark_bn254::Fr;
use trifold_circuits::channel::ChannelError;
use trifold_circuits::schnorr::Coordinates;
use trifold_circuits::snapshot::MAX_AHEAD_MILLISECONDS;
use trifold_shard::netted::{NettedError, NettedShardError};
use trifold_shard::shard::KEPT_STATES;
use trifold_shard::{Delivery, DeliveryError, LedgerError, ShardError};

/// Netted shard 0 and shard 3 have paid netted shard 1, which may take it now.
fn sent() -> (Network, Delivery) {
    let mut network = Network::new(20, 6, |_, _| 1000);
    network.pay(0, 1, &[(1, 2, 5), (1, 3, 6)]).unwrap();
    network.send(3, 1, (1, 2), None, 10, false).unwrap();
    network.epochs(2);
    let delivery = network.delivery(0, 1).unwrap();
    (network, delivery)
}

fn refused(network: &mut Network, delivery: &Delivery, now: u64) -> DeliveryError {
    let files = |network: &Network| std::fs::read(network.folder(1).join("chain.json")).unwrap();
    let before = files(network);
    let error = network.netted(1).receive(delivery, now).unwrap_err();
    assert_eq!(files(network), before);
    assert_eq!(network.netted[&1].queued(), 0);
    match error {
        NettedShardError::Shard(ShardError::Delivery(error)) => error,
        other => panic!("{other}"),
    }
}

#[test]
fn what_is_forged_or_out_of_order_is_refused() {
    let (mut network, honest) = sent();
    let now = network.now();
    let mut refuse = |change: &dyn Fn(&mut Delivery)| {
        let mut delivery = honest.clone();
        change(&mut delivery);
        refused(&mut network, &delivery, now)
    };
    let destination = DeliveryError::Destination {
        found: 2,
        expected: 1,
    };
    let message = |index| {
        DeliveryError::Forged(ChannelError::Message {
            source_shard: 0,
            index,
        })
    };
    let not_under = |source| DeliveryError::Forged(ChannelError::NotUnderState(source));
    assert_eq!(
        refuse(&|d| d.network += Fr::from(1)),
        DeliveryError::Network
    );
    assert_eq!(refuse(&|d| d.destination = 2), destination);
    assert_eq!(refuse(&|d| d.source = 1), DeliveryError::Itself(1));
    assert_eq!(refuse(&|d| d.source = 2), not_under(2));
    assert_eq!(refuse(&|d| d.leaf.lamport += 1), not_under(0));
    assert_eq!(
        refuse(&|d| d.body.inbox_root += Fr::from(1)),
        DeliveryError::Forged(ChannelError::Body(0))
    );
    assert_eq!(
        refuse(&|d| d.messages[0].letter.message.amount += 1),
        message(0)
    );
    assert_eq!(refuse(&|d| d.messages.swap(0, 1)), message(0));
    assert_eq!(refuse(&|d| d.count += 1), message(0));
    assert_eq!(
        refuse(&|d| d.taken = 1),
        DeliveryError::ForgedCount {
            source_shard: 0,
            destination: 1,
            taken: 1
        }
    );
    assert_eq!(
        refuse(&|d| {
            d.first = 1;
            d.messages.remove(0);
        }),
        DeliveryError::OutOfOrder {
            source_shard: 0,
            first: 1,
            expected: 0
        }
    );
    assert_eq!(network.receive(1, &honest).unwrap(), 2);
}

#[test]
fn what_was_taken_is_not_taken_again_wherever_it_is() {
    let (mut network, honest) = sent();
    let now = network.now();
    let replayed = |network: &mut Network| {
        let error = network.netted(1).receive(&honest, now).unwrap_err();
        let NettedShardError::Shard(ShardError::Delivery(error)) = error else {
            panic!("{error}");
        };
        let expected = DeliveryError::Replayed {
            source_shard: 0,
            expected: 2,
        };
        assert_eq!(error, expected);
    };
    assert_eq!(network.receive(1, &honest).unwrap(), 2);
    replayed(&mut network);
    network.pay(1, 0, &[(1, 0, 1)]).unwrap();
    let snapshot = network.snapshot(1).unwrap();
    replayed(&mut network);
    network.reopen(1);
    replayed(&mut network);
    assert_eq!(network.snapshot(1), Some(snapshot));
    assert_eq!(network.balance(1, 2), 1005);
}

#[test]
fn messages_are_taken_under_one_final_state() {
    let (mut network, honest) = sent();
    let now = network.now();
    let newest = network.netted[&0].deliver(1, 2).unwrap();
    let not_final = DeliveryError::NotFinal { epoch: 2 };
    assert_eq!(refused(&mut network, &newest, now), not_final);
    let early = NOW - 2 * MAX_AHEAD_MILLISECONDS;
    let future = refused(&mut network, &honest, early);
    assert!(matches!(
        future,
        DeliveryError::Future {
            source_shard: 0,
            ..
        }
    ));
    network.epoch();
    let other = DeliveryError::OtherEpoch { epoch: 1, seen: 2 };
    assert_eq!(refused(&mut network, &honest, now), other);
    assert_eq!(network.receive(1, &newest).unwrap(), 2);
    network.epochs(KEPT_STATES as u32);
    let refusal = |to, epoch| match network.netted[&0].deliver(to, epoch).unwrap_err() {
        NettedShardError::Shard(ShardError::Delivery(error)) => error,
        other => panic!("{other}"),
    };
    assert_eq!(refusal(1, 2), DeliveryError::NotKept(2));
    assert_eq!(refusal(0, 9), DeliveryError::Itself(0));
}

#[test]
fn a_client_can_pay_no_shard_that_is_not_there() {
    let network = Network::new(21, 6, |_, _| 1000);
    let shards = crate::network::SHARDS as u16;
    let shard = shards;
    assert_eq!(
        network.pay(0, 1, &[(shard.into(), 2, 5)]),
        Err(NettedError::UnknownShard { shard, shards })
    );
    let overdraft = NettedError::Overdraft {
        account: 1,
        balance: 1000,
        spent: 1001,
    };
    assert_eq!(network.pay(0, 1, &[(1, 2, 1001)]), Err(overdraft));
    assert_eq!(network.pay(0, 1, &[(1, u32::MAX, 5)]), Ok(()));
}

/// A transfer names a netted account by a u coordinate that keys have.
#[test]
fn a_name_that_no_key_has_is_refused() {
    let mut network = Network::new(22, 6, |_, _| 1000);
    let good = network.key(1, 2);
    let refusal = |network: &mut Network, x| {
        let named = Coordinates { x, ..good };
        let sent = network.send(3, 1, (1, 2), Some(named), 5, false);
        matches!(
            sent,
            Err(ShardError::Ledger(LedgerError::UnusableKey {
                index: 2,
                ..
            }))
        )
    };
    assert!(refusal(&mut network, good.x + Fr::from(1)));
    assert!(refusal(&mut network, Fr::from(1)));
    assert!(refusal(&mut network, -Fr::from(1)));
    network.send(3, 1, (1, 2), Some(good), 5, false).unwrap();
}
