//! Facts under proven states, beside what the corpus (`light`) has of them: what is verified says where it comes from, absence is
//! an answer, and a batch names the one that is false.

mod common;
#[path = "light/further.rs"]
mod further;
#[path = "light/world.rs"]
mod world;

use std::num::NonZeroU128;

use ark_bn254::Fr;
use ark_ff::AdditiveGroup;
use common::scalar;
use further::{Further, NETTED, NETTED_DEPTH, netted_account};
use trifold_verifier::claim::{AccountClaim, ClaimError, Presence};
use trifold_verifier::client::{ClientError, LightClient, Network, Update};
use trifold_verifier::codec::MAX_RECEIPT_BYTES;
use trifold_verifier::groth16::VerifyError;
use trifold_verifier::receipt::{Receipt, ReceiptError};
use trifold_verifier::statement::{Body, GlobalState};
use trifold_verifier::trie::{MAX_LEVELS, Path};
use world::{BANK, EPOCHS, World};

/// Fixed, where a client draws from a cryptographic generator.
fn coefficients() -> impl FnMut() -> NonZeroU128 {
    let mut next = 0u128;
    move || {
        next = next.wrapping_add(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835);
        NonZeroU128::new(next).unwrap()
    }
}

#[test]
fn a_shard_says_how_far_it_had_come() {
    let world = World::new();
    let claim = world.shard(EPOCHS, BANK);
    let leaf = claim.leaf.unwrap();
    let clock = world.client.clock(&claim).unwrap().present().unwrap();
    assert_eq!(
        (clock.lamport, clock.timestamp),
        (leaf.lamport, leaf.timestamp)
    );
    assert_eq!(
        (clock.seen_epoch, clock.seen_digest),
        (leaf.seen_epoch, leaf.seen_digest)
    );
    assert_eq!(clock.unix_milliseconds(), leaf.timestamp >> 16);
    let absent = world.client.clock(&world.shard(EPOCHS, 7));
    assert_eq!(absent, Ok(Presence::Absent));
}

/// A vector clock: entry j is what shard j had come to in the state that the shard had seen.
#[test]
fn the_state_that_a_shard_has_seen_needs_no_path() {
    let world = World::new();
    let shard = world.client.verify_shard(&world.shard(EPOCHS, BANK));
    let shard = shard.unwrap().present().unwrap();
    let seen = shard.leaf().seen_epoch;
    assert!(seen > 0);
    let state = shard.verify_seen(&world.states[seen as usize]).unwrap();
    assert_eq!(state, world.network.verify(&world.update(seen)).unwrap());
    let other = state.verify_shard(&world.shard(seen, 0)).unwrap();
    let lamport = world.leaves[seen as usize][&0].lamport;
    assert_eq!(other.present().unwrap().clock().lamport, lamport);
    for wrong in [
        world.states[seen as usize + 1],
        world.fork(seen),
        world.states[0],
    ] {
        assert_eq!(shard.verify_seen(&wrong), Err(ClaimError::NotSeen));
    }
}

/// A leaf of genesis has digest 0 where a shard has seen nothing, which is no state's digest.
#[test]
fn who_has_seen_nothing_has_not_seen_genesis() {
    let world = World::new();
    let first = world.network.verify(&world.update(1)).unwrap();
    let shard = first.verify_shard(&world.shard(1, 0)).unwrap();
    let shard = shard.present().unwrap();
    assert_eq!(shard.leaf().seen_digest, Fr::ZERO);
    let seen = shard.verify_seen(&world.states[0]);
    assert_eq!(seen, Err(ClaimError::NotSeen));
}

#[test]
fn an_account_is_one_path_below_its_shard() {
    let world = World::new();
    let (shard, claim) = (world.shard(EPOCHS, BANK), world.account(5));
    let found = world.client.verify_account(&shard, &claim).unwrap();
    let found = found.present().unwrap();
    assert_eq!(Some(*found.account()), claim.account);
    assert_eq!((found.index(), found.shard().index()), (5, BANK));
    assert_eq!(found.shard().state(), world.client.held());
    let none = world.client.verify_account(&shard, &world.account(1));
    assert_eq!(none, Ok(Presence::Absent));
    let orphan = world.client.verify_account(&world.shard(EPOCHS, 2), &claim);
    assert_eq!(orphan, Err(ClaimError::NoShard(2)));
}

#[test]
fn a_netted_account_is_one_path_below_its_shard() {
    let further = Further::new();
    let shard = further.shard(NETTED);
    let claim = netted_account(NETTED_DEPTH, 5);
    let found = further.client.verify_netted_account(&shard, &claim);
    let found = found.unwrap().present().unwrap();
    assert_eq!((found.index(), found.shard().index()), (5, NETTED));
    assert_eq!(found.account(), &claim.triad[2]);
    assert_eq!(found.shard().state(), further.client.held());
    let state = found.state();
    assert_eq!((state.network, state.keys), (claim.network, claim.keys));
    assert_eq!(state.digest(), claim.body.state_root);
    let none = netted_account(NETTED_DEPTH, 3);
    let none = further.client.verify_netted_account(&shard, &none);
    assert_eq!(none, Ok(Presence::Absent));
    let absent = further
        .client
        .verify_netted_account(&further.shard(2), &claim);
    assert_eq!(absent, Err(ClaimError::NoShard(2)));
}

/// A depth that the state does not have is refused as such, whatever the path.
#[test]
fn a_netted_trie_has_1_to_20_levels() {
    let further = Further::new();
    let shard = further.client.verify_shard(&further.shard(NETTED));
    let shard = shard.unwrap().present().unwrap();
    for depth in (0..=u8::MAX).filter(|depth| *depth != NETTED_DEPTH) {
        let mut claim = netted_account(NETTED_DEPTH, 0);
        claim.depth = depth;
        let levels = usize::from(depth).saturating_sub(1);
        claim.path.siblings.resize(levels, [Fr::ZERO; 2]);
        let expected = match depth {
            1..=20 => ClaimError::WrongNettedState,
            _ => ClaimError::NettedDepth(depth),
        };
        assert_eq!(shard.verify_netted_account(&claim), Err(expected));
    }
}

/// A body whose state root is 0 keeps no trie: it does not show that an account is absent, at any depth.
#[test]
fn no_trie_is_no_empty_trie() {
    let mut world = World::new();
    let body = Body::default();
    let leaves = world.leaves.last_mut().unwrap();
    leaves.get_mut(&0).unwrap().body = body.digest();
    let root = world.shards(EPOCHS).root();
    let state = GlobalState {
        root,
        ..world.states[EPOCHS as usize]
    };
    let verified = world.network.verify(&world.prove(state)).unwrap();
    let shard = verified.verify_shard(&world.shard(EPOCHS, 0)).unwrap();
    let shard = shard.present().unwrap();
    for levels in 0..=MAX_LEVELS + 1 {
        let claim = AccountClaim {
            body,
            index: 0,
            account: None,
            path: Path {
                index: 0,
                siblings: vec![[Fr::ZERO; 2]; levels],
            },
        };
        assert!(shard.verify_account(&claim).is_err(), "{levels}");
    }
}

#[test]
fn the_past_is_as_proven_as_the_present() {
    let world = World::new();
    for epoch in 0..EPOCHS {
        let (state, path) = (
            world.states[epoch as usize],
            world.history(EPOCHS).path(epoch),
        );
        let past = world.client.verify_past_state(&state, &path).unwrap();
        if epoch > 0 {
            assert_eq!(past, world.network.verify(&world.update(epoch)).unwrap());
        }
        let mut client = world.client_at(2);
        let moved = client.advance(past);
        assert_eq!(moved.is_ok(), epoch > 2, "{epoch}: {moved:?}");
    }
}

#[test]
fn a_receipt_stays_good_under_every_newer_proof() {
    let world = World::new();
    let account = Some(world.account(26));
    let mut receipt = Receipt {
        account,
        ..world.receipt(2, BANK)
    };
    let first = receipt.verify().unwrap();
    for under in 3..=EPOCHS {
        let path = world.history(under).path(2);
        receipt = receipt.under_newer(world.update(under), path);
        let verified = world.client.verify_receipt(&receipt).unwrap();
        assert_eq!(
            (verified.state(), verified.proven().epoch()),
            (first.state(), under)
        );
        assert_eq!(
            (verified.shard(), verified.account()),
            (first.shard(), first.account())
        );
        assert_eq!(receipt.epoch(), 2);
    }
    let wrong = world.history(EPOCHS - 1).path(2);
    let wrong = receipt.under_newer(world.update(EPOCHS), wrong);
    assert_eq!(wrong.verify().unwrap_err().code(), "wrong_root");
}

#[test]
fn a_receipt_of_a_network_of_ones_own_is_for_the_caller_to_notice() {
    let world = World::new();
    let network = Network {
        genesis: scalar(7),
        ..world.network
    };
    let state = world.states[3];
    let x = network.statement(&state).digest();
    let update = Update {
        state,
        proof: world.trapdoor.prove(x),
    };
    let receipt = Receipt {
        network,
        update,
        ..world.receipt(3, BANK)
    };
    assert!(receipt.verify().is_ok());
    let refused = Err(ReceiptError::OtherNetwork);
    assert_eq!(receipt.verify_under(&world.network), refused);
    assert_eq!(world.client.verify_receipt(&receipt), refused);
}

#[test]
fn a_client_that_holds_another_state_of_the_receipt_s_epoch_says_so() {
    let world = World::new();
    let fork = world.prove(world.fork(3));
    let client = LightClient::from_checkpoint(world.network, &fork).unwrap();
    let refused = Err(ClientError::Equivocation { epoch: 3 }.into());
    let receipt = world.receipt(3, BANK);
    assert_eq!(client.verify_receipt(&receipt), refused);
    let past = world.past_receipt(3, BANK, 5);
    assert_eq!(client.verify_receipt(&past), refused);
    assert!(client.verify_receipt(&world.receipt(2, BANK)).is_ok());
}

#[test]
fn the_longest_receipt_can_be_read() {
    let world = World::new();
    let mut receipt = world.whole_receipt();
    receipt.netted_account = Some(netted_account(NETTED_DEPTH, 4));
    let long = |path: &mut Path| path.siblings.resize(MAX_LEVELS, [-Fr::from(1); 2]);
    long(&mut receipt.past.as_mut().unwrap().path);
    long(&mut receipt.shard.path);
    long(&mut receipt.account.as_mut().unwrap().path);
    long(&mut receipt.netted_account.as_mut().unwrap().path);
    let bytes = receipt.to_bytes();
    assert_eq!(bytes.len(), MAX_RECEIPT_BYTES);
    assert_eq!(Receipt::from_bytes(&bytes).as_ref(), Ok(&receipt));
    assert_eq!(Receipt::from_json(&receipt.to_json()).unwrap(), receipt);
}

#[test]
fn a_batch_is_the_updates_one_by_one() {
    let world = World::new();
    let updates: Vec<_> = (1..=EPOCHS).map(|epoch| world.update(epoch)).collect();
    let verified = world.client.verify_batch(&updates, coefficients());
    let one_by_one = updates.iter().map(|update| world.client.verify(update));
    assert_eq!(verified, Ok(one_by_one.map(Result::unwrap).collect()));
    assert_eq!(world.client.verify_batch(&[], coefficients()), Ok(vec![]));
}

#[test]
fn a_batch_names_the_first_false_update() {
    let world = World::new();
    let valid: Vec<_> = (1..=EPOCHS).map(|epoch| world.update(epoch)).collect();
    for index in 0..valid.len() {
        let mut updates = valid.clone();
        updates[index].state.in_flight += 1;
        updates.last_mut().unwrap().state.root = scalar(1);
        let refused = world.client.verify_batch(&updates, coefficients());
        let refused = refused.unwrap_err();
        assert_eq!(refused.index, index);
        let (epoch, error) = (index as u64 + 1, VerifyError::Pairing);
        assert_eq!(refused.error, ClientError::Proof { epoch, error });
    }
    let mut updates = valid;
    updates[3].state.depth = 0;
    let refused = world.client.verify_batch(&updates, coefficients());
    let refused = refused.unwrap_err();
    assert_eq!((refused.index, refused.code()), (3, "range"));
}
