//! A message's way there, and back where something comes back.

use crate::network::Network;
use trifold_shard::channel::Log;
use trifold_shard::file;
use trifold_shard::shard::KEPT_STATES;
use trifold_verifier::claim::{ClaimError, MessageClaim};
use trifold_verifier::trie::Path;

#[test]
fn a_transfer_is_credited_two_epochs_after_it_was_sent() {
    let mut network = Network::new(1, 3, 3, 1000);
    let key = network.wallet(1, 2).key();
    let signed = network.wallet(0, 1).send((1, 2), Some(key), 250);
    network.shards[0].accept(&signed).unwrap();
    network.epoch();
    assert_eq!(network.state.state().in_flight, 250);
    assert_eq!(network.leaves[0].supply, 2750);
    // Under the first state, once there is a second.
    network.epoch();
    assert_eq!(network.deliver(0, 1), 1);
    assert_eq!(network.balance(1, 2), 1250);
    network.epoch();
    assert_eq!(network.state.state().in_flight, 0);
    assert_eq!(network.leaves[1].supply, 3250);
    assert!(network.leaves[1].lamport > network.leaves[0].lamport);
    assert!(network.leaves[1].timestamp > network.leaves[0].timestamp);
    assert_eq!(network.leaves[1].seen_epoch, 1);
}

#[test]
fn what_can_t_be_credited_comes_back() {
    let mut network = Network::new(2, 2, 3, 1000);
    // Nobody is there, and no key is named.
    let signed = network.wallet(0, 1).send((1, 77), None, 250);
    network.shards[0].accept(&signed).unwrap();
    network.epoch();
    network.epoch();
    network.deliver(0, 1);
    network.epoch();
    assert_eq!(network.balance(0, 1), 750);
    network.epoch();
    assert_eq!(network.deliver(1, 0), 1);
    assert_eq!(network.balance(0, 1), 1000);
    network.epoch();
    assert_eq!(network.state.state().in_flight, 0);
    assert_eq!(
        network.leaves.iter().map(|leaf| leaf.supply).sum::<u128>(),
        6000
    );
}

#[test]
fn a_request_is_answered_with_the_account_it_asked_for() {
    let mut network = Network::new(3, 2, 3, 1000);
    let signed = network.wallet(0, 1).request((1, 2), None, 0);
    network.shards[0].accept(&signed).unwrap();
    network.epoch();
    network.epoch();
    network.deliver(0, 1);
    network.epoch();
    let answer = network.shards[1]
        .outbox()
        .channel(0)
        .unwrap()
        .letter(0)
        .unwrap()
        .message;
    let account = network.shards[1].confirmed().unwrap().account(2).unwrap();
    let digest = account.account.unwrap().digest();
    assert_eq!(answer.kind, trifold_verifier::statement::kind::ANSWER);
    assert_eq!(
        answer.payload,
        trifold_verifier::statement::answer_payload(0, digest)
    );
    network.epoch();
    assert_eq!(network.deliver(1, 0), 1);
}

/// More events than a snapshot takes, messages and transfers in turn, leave in several, each under the state it was opened under.
#[test]
fn snapshots_take_what_fits_them() {
    let mut network = Network::new(4, 3, 3, 1000);
    for shard in [0, 2] {
        for _ in 0..5 {
            let signed = network.wallet(shard, 0).send((1, 1), None, 1);
            network.shards[shard as usize].accept(&signed).unwrap();
        }
    }
    for _ in 0..3 {
        network.epoch();
    }
    for from in [0, 2] {
        assert_eq!(network.deliver(from, 1), 5);
        let key = network.wallet(1, 1).key();
        let signed = network.wallet(1, 0).transfer(1, key, 1);
        network.shards[1].accept(&signed).unwrap();
    }
    let mut events = Vec::new();
    while network.shards[1].pending() > 0 {
        let before = network.shards[1].pending();
        network.epoch();
        events.push(before - network.shards[1].pending());
    }
    // Five messages and a transfer, twice.
    assert_eq!(events, [2, 2, 2, 2, 2, 2]);
    assert_eq!(network.balance(1, 1), 1012);
    assert_eq!(network.state.state().in_flight, 0);
}

#[test]
fn what_was_taken_is_forgotten_and_the_rest_still_proves() {
    let mut network = Network::new(5, 2, 3, 1000);
    for round in 1..=KEPT_STATES as u64 + 2 {
        for (from, to) in [(0, 1), (1, 0)] {
            let signed = network.wallet(from, 0).send((to, 1), None, round);
            network.shards[from as usize].accept(&signed).unwrap();
        }
        network.epoch();
        if round > 2 {
            network.deliver(0, 1);
            network.deliver(1, 0);
        }
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("shard.json");
        file::save(&network.shards[0], &path).unwrap();
        assert_eq!(file::load(&path).unwrap(), network.shards[0]);
    }
    let channel = network.shards[0].outbox().channel(1).unwrap();
    assert!(channel.kept() < 7, "{} messages kept", channel.kept());
    assert!(channel.count() > 9);
}

/// Two shards that have each taken all of the other's learn of it by deliveries that have nothing new else.
#[test]
fn both_sides_are_told_what_was_taken_without_new_messages() {
    let mut network = Network::new(10, 2, 3, 1000);
    for (from, to) in [(0, 1), (1, 0)] {
        let signed = network.wallet(from, 0).send((to, 1), None, 5);
        network.shards[from as usize].accept(&signed).unwrap();
    }
    (0..2).for_each(|_| network.epoch());
    assert_eq!((network.deliver(0, 1), network.deliver(1, 0)), (1, 1));
    (0..2).for_each(|_| network.epoch());
    assert_eq!((network.deliver(0, 1), network.deliver(1, 0)), (0, 0));
    for (from, to) in [(0, 1), (1, 0)] {
        assert_eq!(network.shards[from].outbox().forgotten(to), 1);
    }
}

/// What a light client sees of a channel, from what the shard gives the receiver.
#[test]
fn a_light_client_sees_a_message_and_that_there_is_no_further() {
    let mut network = Network::new(11, 3, 3, 1000);
    for amount in [5, 6] {
        let signed = network.wallet(0, 0).send((1, 1), None, amount);
        network.shards[0].accept(&signed).unwrap();
    }
    network.epoch();
    let claim = network.claim(0);
    let shard = network
        .state
        .verify_shard(&claim)
        .unwrap()
        .present()
        .unwrap();
    for (destination, sent) in [(1, 2), (2, 0)] {
        let delivery = network.shards[0].deliver(destination, 1).unwrap();
        let channel = network.shards[0].outbox().channel(destination);
        for index in [0, 1, 2] {
            let siblings = channel.map_or(Log::default().path(index, 0), |log| log.path(index, 2));
            let message = delivery.messages.get(index as usize);
            let mut claim = MessageClaim {
                body: delivery.body,
                destination,
                channel: channel.map_or(Log::default().at(0), |log| log.at(2)),
                channel_path: Path {
                    index: destination.into(),
                    siblings: delivery.channel_siblings.clone(),
                },
                index,
                message: message.map(|delivered| delivered.letter.message),
                path: Path { index, siblings },
            };
            let found = shard.verify_message(&claim).unwrap();
            assert_eq!(found.present(), claim.message);
            assert_eq!(claim.message.is_some(), index < sent);
            claim.message = match claim.message {
                Some(_) => None,
                None => Some(
                    network.shards[0]
                        .outbox()
                        .channel(1)
                        .unwrap()
                        .letter(0)
                        .unwrap()
                        .message,
                ),
            };
            let refused = shard.verify_message(&claim).unwrap_err();
            assert!(matches!(
                refused,
                ClaimError::Path {
                    what: "message",
                    ..
                }
            ));
            claim.destination += 1;
            let refused = shard.verify_message(&claim).unwrap_err();
            assert!(matches!(
                refused,
                ClaimError::Path {
                    what: "channel",
                    ..
                }
            ));
            claim.body.state_root = claim.body.outbox_root;
            assert_eq!(shard.verify_message(&claim), Err(ClaimError::WrongBody));
        }
    }
}
