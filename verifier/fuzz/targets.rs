//! What each fuzz target does with its bytes. The crate's own tests replay the seeds through the same functions.
//!
//! No decoder panics, and what one accepts has that encoding and no other.

#![allow(dead_code)] // each fuzz target uses one

use trifold_verifier::client::{Network, Update};
use trifold_verifier::codec::fr_from_bytes;
use trifold_verifier::groth16::{Proof, VerifyingKey};
use trifold_verifier::json::{self, GlobalProof};
use trifold_verifier::receipt::Receipt;
use trifold_verifier::statement::{GlobalState, Keys};

use crate::world::World;

/// What a target does.
pub type Target = fn(&[u8]);

/// Each by its name, which is also that of its folder of seeds.
pub const TARGETS: [(&str, Target); 4] = [
    ("values", values),
    ("receipt", receipt),
    ("json", json),
    ("claims", claims),
];

/// Every decoder of one length.
pub fn values(bytes: &[u8]) {
    macro_rules! one_encoding {
        ($($kind:ty),*) => { $(if let Ok(value) = <$kind>::from_bytes(bytes) {
            assert_eq!(value.to_bytes().as_slice(), bytes);
        })* };
    }
    one_encoding!(Proof, GlobalState, Update, Keys, VerifyingKey, Network);
    if let Some(scalar) = bytes.first_chunk().copied().and_then(fr_from_bytes) {
        let again = trifold_verifier::codec::fr_to_bytes(scalar);
        assert_eq!(bytes[..32], again);
    }
}

/// Receipts as bytes; what can be read can be written as JSON and read again.
pub fn receipt(bytes: &[u8]) {
    if let Ok(receipt) = Receipt::from_bytes(bytes) {
        assert_eq!(receipt.to_bytes(), bytes);
        let again = Receipt::from_json(&receipt.to_json()).expect("what was written");
        assert_eq!(again, receipt);
    }
}

/// Every reader of JSON.
pub fn json(bytes: &[u8]) {
    let Ok(text) = str::from_utf8(bytes) else {
        return;
    };
    if let Ok(receipt) = Receipt::from_json(text) {
        assert_eq!(Receipt::from_bytes(&receipt.to_bytes()), Ok(receipt));
    }
    if let Ok(bundle) = GlobalProof::from_json(text) {
        let again = GlobalProof::from_json(&bundle.to_json()).expect("what was written");
        assert_eq!(again, bundle);
    }
    if let Ok(proof) = json::proof_from_json(text) {
        assert_eq!(Proof::from_bytes(&proof.to_bytes()), Ok(proof));
    }
    if let Ok(key) = json::verifying_key_from_json(text) {
        assert_eq!(VerifyingKey::from_bytes(&key.to_bytes()), Ok(key));
    }
    let _ = json::public_from_json(text);
}

/// A receipt's claims under a proven state, its own proof left aside: whatever is believed is true.
pub fn claims(bytes: &[u8]) {
    let Ok(receipt) = Receipt::from_bytes(bytes) else {
        return;
    };
    let world = World::get();
    let held = *world.client.held();
    let state = match &receipt.past {
        Some(past) => held.verify_past_state(&past.state, &past.path),
        None => Ok(held),
    };
    let Ok(state) = state else {
        return;
    };
    let epoch = state.epoch();
    assert_eq!(*state.state(), world.states[epoch as usize]);
    let Ok(shard) = state.verify_shard(&receipt.shard) else {
        return;
    };
    let index = receipt.shard.index;
    let recorded = world.leaves[epoch as usize].get(&index);
    assert_eq!(
        shard.present().map(|shard| *shard.leaf()),
        recorded.copied()
    );
    let (Some(shard), Some(claim)) = (shard.present(), &receipt.account) else {
        return;
    };
    if let Ok(account) = shard.verify_account(claim) {
        let kept = world.account(claim.index).account;
        assert_eq!(account.present().map(|account| *account.account()), kept);
    }
}
