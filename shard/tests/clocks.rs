//! The vector clock of a shard among ten thousand: one state that it has seen, and a path to any entry.

#[path = "../../verifier/tests/common/mod.rs"]
mod common;

use ark_bn254::Fr;
use common::Trapdoor;
use trifold_circuits::trie::SparseTrie;
use trifold_verifier::claim::{ClaimError, ShardClaim};
use trifold_verifier::client::{self, Update};
use trifold_verifier::statement::{GlobalState, HISTORY_DEPTH, Keys, Leaf};
use trifold_verifier::trie::{Path, empty_digest};
use trifold_verifier::verified::{VerifiedShard, VerifiedState};

const SHARDS: u32 = 10_000;
const DEPTH: u8 = 9;
/// The shard whose clock is read, and the epoch of the state that it has seen.
const OBSERVER: u32 = 7_777;
const SEEN: u64 = 40;

fn leaf(shard: u32, lamport: u64, seen: (u64, Fr)) -> Leaf {
    Leaf {
        program: Fr::from(1),
        body: Fr::from(shard),
        lamport,
        timestamp: lamport << 16,
        seen_epoch: seen.0,
        seen_digest: seen.1,
        supply: 0,
    }
}

/// The Lamport counter of a shard at an epoch.
fn lamport(shard: u32, epoch: u64) -> u64 {
    u64::from(shard % 97) + epoch * u64::from(shard % 13)
}

/// All shards at an epoch, and the state over them.
fn state(epoch: u64, seen: (u64, Fr)) -> (SparseTrie, GlobalState) {
    let mut trie = SparseTrie::new(DEPTH.into()).unwrap();
    let digest = |shard: u32| {
        let leaf = leaf(shard, lamport(shard, epoch), seen);
        (u64::from(shard), leaf.digest())
    };
    trie.set_many((0..SHARDS).map(digest)).unwrap();
    let state = GlobalState {
        epoch,
        depth: DEPTH,
        root: trie.root(),
        history: empty_digest(HISTORY_DEPTH),
        in_flight: 0,
    };
    (trie, state)
}

fn verified(state: GlobalState) -> VerifiedState {
    let trapdoor = Trapdoor::new(1);
    let network = client::Network {
        keys: Keys {
            merge: Fr::from(1),
            nest: Fr::from(2),
            registry: Fr::from(3),
        },
        genesis: Fr::from(4),
        nest_key: trapdoor.key(),
    };
    let proof = trapdoor.prove(network.statement(&state).digest());
    network.verify(&Update { state, proof }).unwrap()
}

fn claim(trie: &SparseTrie, shard: u32, leaf: Leaf) -> ShardClaim {
    let path = Path {
        index: shard.into(),
        siblings: trie.path(shard.into()).unwrap(),
    };
    ShardClaim {
        index: shard,
        leaf: Some(leaf),
        path,
    }
}

/// The observer under a newer state, as whoever holds that one verifies it.
fn observer() -> (VerifiedShard, SparseTrie, GlobalState) {
    let (then, seen) = state(SEEN, (0, Fr::from(0)));
    let witness = (SEEN, seen.digest());
    let (now, newest) = state(SEEN + 3, witness);
    let newest = verified(newest);
    let own = leaf(OBSERVER, lamport(OBSERVER, SEEN + 3), witness);
    let shard = newest.verify_shard(&claim(&now, OBSERVER, own)).unwrap();
    (shard.present().unwrap(), then, seen)
}

#[test]
fn any_entry_of_a_vector_clock_is_one_path_away() {
    let (observer, then, seen) = observer();
    let seen = observer.verify_seen(&seen).unwrap();
    for shard in (0..SHARDS).step_by(7) {
        let entry = leaf(shard, lamport(shard, SEEN), (0, Fr::from(0)));
        let claim = claim(&then, shard, entry);
        // Two siblings of 32 bytes a level, however many shards there are.
        assert_eq!(claim.path.siblings.len(), usize::from(DEPTH));
        let found = seen.verify_shard(&claim).unwrap().present().unwrap();
        assert_eq!(found.clock().lamport, lamport(shard, SEEN));
        assert_eq!(
            (found.stamp().timestamp, found.stamp().shard),
            (found.clock().timestamp, shard)
        );
        // The cut is consistent: nobody has seen more of a shard than there is.
        assert!(found.clock().lamport <= lamport(shard, SEEN + 3));
    }
}

#[test]
fn an_entry_of_another_time_or_shard_is_refused() {
    let (observer, then, seen) = observer();
    let before = (0, Fr::from(0));
    let entry = |shard, epoch| claim(&then, shard, leaf(shard, lamport(shard, epoch), before));
    let verified = observer.verify_seen(&seen).unwrap();
    assert!(verified.verify_shard(&entry(40, SEEN + 3)).is_err());
    let mut moved = entry(40, SEEN);
    moved.index = 41;
    assert!(verified.verify_shard(&moved).is_err());
    let (_, other) = state(SEEN + 1, before);
    assert_eq!(observer.verify_seen(&other), Err(ClaimError::NotSeen));
    let forged = GlobalState {
        root: Fr::from(5),
        ..seen
    };
    assert_eq!(observer.verify_seen(&forged), Err(ClaimError::NotSeen));
}
