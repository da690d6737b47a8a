//! Every refusal is specific, and changes nothing.

use crate::network::{NOW, Network};
use ark_bn254::Fr;
use trifold_circuits::channel::ChannelError;
use trifold_circuits::schnorr::Coordinates;
use trifold_circuits::snapshot::MAX_AHEAD_MILLISECONDS;
use trifold_shard::delivery::MAX_LEAD;
use trifold_shard::shard::{KEPT_STATES, MAX_UNTAKEN};
use trifold_shard::{Delivery, DeliveryError, LedgerError, Shard, ShardError};

/// Shard 0 has sent shard 1 two transfers, the second to open an account, which shard 1 may take now.
fn sent() -> (Network, Delivery) {
    let mut network = Network::new(6, 3, 3, 1000);
    let key = network.wallet(0, 0).key();
    for (to, key) in [(2, None), (50, Some(key))] {
        let signed = network.wallet(0, 1).send((1, to), key, 10);
        network.shards[0].accept(&signed).unwrap();
    }
    network.epoch();
    network.epoch();
    let delivery = network.shards[0].deliver(1, 1).unwrap();
    (network, delivery)
}

fn refused(shard: &mut Shard, delivery: &Delivery, now: u64) -> DeliveryError {
    let before = shard.clone();
    let error = shard.receive(delivery, now).unwrap_err();
    assert_eq!(*shard, before);
    match error {
        ShardError::Delivery(error) => error,
        other => panic!("{other}"),
    }
}

#[test]
fn what_is_forged_replayed_or_out_of_order_is_refused() {
    let (mut network, honest) = sent();
    let now = network.now();
    let mut refuse = |change: &dyn Fn(&mut Delivery)| {
        let mut delivery = honest.clone();
        change(&mut delivery);
        refused(&mut network.shards[1], &delivery, now)
    };
    assert_eq!(
        refuse(&|d| d.network += Fr::from(1)),
        DeliveryError::Network
    );
    let destination = DeliveryError::Destination {
        found: 2,
        expected: 1,
    };
    assert_eq!(refuse(&|d| d.destination = 2), destination);
    assert_eq!(refuse(&|d| d.source = 1), DeliveryError::Itself(1));
    let forged = DeliveryError::Forged;
    let not_under = |source| forged(ChannelError::NotUnderState(source));
    assert_eq!(refuse(&|d| d.source = 2), not_under(2));
    assert_eq!(refuse(&|d| d.leaf.lamport += 1), not_under(0));
    assert_eq!(
        refuse(&|d| d.leaf_siblings[0][0] += Fr::from(1)),
        not_under(0)
    );
    assert_eq!(
        refuse(&|d| d.body.outbox_root += Fr::from(1)),
        forged(ChannelError::Body(0))
    );
    let message = |index| {
        forged(ChannelError::Message {
            source_shard: 0,
            index,
        })
    };
    assert_eq!(
        refuse(&|d| d.messages[0].letter.message.amount += 1),
        message(0)
    );
    assert_eq!(refuse(&|d| d.messages[1].letter.message.to = 3), message(1));
    assert_eq!(refuse(&|d| d.messages.swap(0, 1)), message(0));
    assert_eq!(
        refuse(&|d| d.messages.push(d.messages[1].clone())),
        message(2)
    );
    assert_eq!(refuse(&|d| d.count += 1), message(0));
    assert!(matches!(
        refuse(&|d| d.messages[0].siblings.clear()),
        DeliveryError::Forged(ChannelError::Path {
            what: "message",
            ..
        })
    ));
    assert!(matches!(
        refuse(&|d| d.leaf_siblings.clear()),
        DeliveryError::Forged(ChannelError::Path { what: "leaf", .. })
    ));
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
    assert_eq!(
        refuse(&|d| d.messages[1].letter.key = Coordinates::NONE),
        DeliveryError::MissingKey(1)
    );
    assert_eq!(network.shards[1].receive(&honest, now).unwrap(), 2);
    let replayed = DeliveryError::Replayed {
        source_shard: 0,
        expected: 2,
    };
    assert_eq!(refused(&mut network.shards[1], &honest, now), replayed);
    assert_eq!((network.balance(1, 2), network.balance(1, 50)), (1010, 10));
}

#[test]
fn messages_are_taken_under_one_final_state() {
    let (mut network, honest) = sent();
    let now = network.now();
    let newest = network.shards[0].deliver(1, 2).unwrap();
    let not_final = DeliveryError::NotFinal { epoch: 2 };
    assert_eq!(refused(&mut network.shards[1], &newest, now), not_final);
    network.epoch();
    let other = DeliveryError::OtherEpoch { epoch: 1, seen: 2 };
    assert_eq!(refused(&mut network.shards[1], &honest, now), other);
    assert_eq!(network.shards[1].receive(&newest, now).unwrap(), 2);
    (0..KEPT_STATES).for_each(|_| network.epoch());
    let not_kept = network.shards[0].deliver(1, 2).unwrap_err();
    assert!(matches!(
        not_kept,
        ShardError::Delivery(DeliveryError::NotKept(2))
    ));
    let itself = network.shards[0].deliver(0, 9).unwrap_err();
    assert!(matches!(
        itself,
        ShardError::Delivery(DeliveryError::Itself(0))
    ));
}

#[test]
fn a_source_with_clocks_far_ahead_is_not_listened_to() {
    let (mut network, honest) = sent();
    let early = NOW - 2 * MAX_AHEAD_MILLISECONDS;
    assert!(matches!(
        refused(&mut network.shards[1], &honest, early),
        DeliveryError::Future {
            source_shard: 0,
            ..
        }
    ));
    // A shard may advance its counter as far as it likes.
    let signed = network.wallet(2, 0).send((1, 0), None, 5);
    network.shards[2].accept(&signed).unwrap();
    network.snapshot(2);
    let mut stored = serde_json::to_value(&network.shards[2]).unwrap();
    stored["chain"]["under_way"]["new"]["lamport"] = (MAX_LEAD + 100).into();
    network.shards[2] = serde_json::from_value(stored).unwrap();
    network.epoch();
    network.epoch();
    let delivery = network.shards[2].deliver(1, 3).unwrap();
    let now = network.now();
    let lead = DeliveryError::Lead {
        source_shard: 2,
        lamport: MAX_LEAD + 100,
        own: 0,
    };
    assert_eq!(refused(&mut network.shards[1], &delivery, now), lead);
}

#[test]
fn clients_are_told_why_their_message_is_not_sent() {
    let mut network = Network::new(7, 2, 3, 1_000_000);
    let refuse = |network: &mut Network, signed| {
        let before = network.shards[0].clone();
        let error = network.shards[0].accept(&signed).unwrap_err();
        assert_eq!(network.shards[0], before);
        error
    };
    let key = network.wallet(1, 0).key();
    for missing in [2, 8, 19_683, u32::MAX] {
        let signed = network.wallet(0, 0).send((missing, 0), Some(key), 5);
        let error = refuse(&mut network, signed);
        assert!(matches!(error, ShardError::UnknownShard(shard) if shard == missing));
    }
    let ledger = |error| match error {
        ShardError::Ledger(error) => error,
        other => panic!("{other}"),
    };
    let wallet = network.wallet(0, 0);
    let honest = network.wallet(0, 0).send((1, 0), Some(key), 5);
    let mut refuse_signed = |change: &dyn Fn(&mut trifold_circuits::transfer::Transfer)| {
        let mut transfer = honest.transfer;
        change(&mut transfer);
        ledger(refuse(&mut network, wallet.sign(transfer)))
    };
    assert_eq!(
        refuse_signed(&|t| t.to = 1 << 32),
        LedgerError::RemoteIndex(1 << 32)
    );
    assert_eq!(refuse_signed(&|t| t.amount = 0), LedgerError::ZeroAmount);
    assert!(matches!(
        refuse_signed(&|t| t.amount = u64::MAX),
        LedgerError::Overdraft { .. }
    ));
    assert!(matches!(
        refuse_signed(&|t| t.ordinal = 1),
        LedgerError::Ordinal { .. }
    ));
    assert!(matches!(
        refuse_signed(&|t| t.receiver_key.x += Fr::from(1)),
        LedgerError::UnusableKey { .. }
    ));
    assert_eq!(
        refuse_signed(&|t| (t.to_shard, t.request) = (0, true)),
        LedgerError::LocalRequest
    );
    let mut forged = honest;
    forged.transfer.to_shard = 0;
    assert!(matches!(
        ledger(refuse(&mut network, forged)),
        LedgerError::ReceiverKey { .. }
    ));
    network.shards[0].accept(&honest).unwrap();
    assert!(matches!(
        ledger(refuse(&mut network, honest)),
        LedgerError::Replayed { .. }
    ));
}

#[test]
fn a_full_inbox_takes_no_more_until_messages_are_taken() {
    let mut network = Network::new(8, 2, 3, 1_000_000);
    let mut wallet = network.wallet(0, 0);
    for _ in 0..MAX_UNTAKEN {
        let signed = wallet.send((1, 0), None, 1);
        network.shards[0].accept(&signed).unwrap();
    }
    let signed = wallet.send((1, 0), None, 1);
    let error = network.shards[0].accept(&signed).unwrap_err();
    assert!(matches!(error, ShardError::FullInbox(1)));
    // Four leave and are taken; the answer to the delivery says so.
    network.epoch();
    network.epoch();
    assert_eq!(network.deliver(0, 1), 4);
    (0..3).for_each(|_| network.epoch());
    assert_eq!(network.deliver(1, 0), 0);
    network.shards[0].accept(&signed).unwrap();
}

#[test]
fn a_shard_that_came_later_has_to_be_shown() {
    let mut network = Network::new(9, 3, 3, 1000);
    network.epoch();
    let shown = network.claim(1);
    let state = network.state;
    network.shards[0].show(&state, &shown).unwrap();
    let mut absent = network.claim(1);
    absent.leaf = None;
    let error = network.shards[0].show(&state, &absent).unwrap_err();
    assert!(matches!(error, ShardError::NotShown { shard: 1, .. }));
}
