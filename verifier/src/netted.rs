//! What a netted shard keeps under its state root: accounts, three to a bottom node, and three nodes to a node above.
//!
//! A bottom node is lane 0 of a permutation of ten elements that start with a tag of its own, a node above the hash of three: neither
//! passes for the other. The depth of the trie is in the [`State`], so a path has no choice of its length.

use ark_bn254::Fr;
use ark_ff::AdditiveGroup;

use crate::poseidon;
use crate::statement::tag;

/// Most levels of an account trie: 3^20 accounts are the most whose numbers fit 32 bits.
pub const MAX_DEPTH: u8 = 20;

/// One account. Key 0, which nobody can sign under, is no account.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Account {
    /// The u coordinate of the owner's key, in the Montgomery form of Baby Jubjub.
    pub key: Fr,
    pub balance: u64,
    /// Messages that the account has signed so far.
    pub ordinal: u64,
}

/// What is permuted for a bottom node: the tag, then key, balance and ordinal of each account.
pub fn triad_lanes(accounts: &[Account; 3]) -> [Fr; 10] {
    let mut lanes = [tag("trifold/netted/accounts/v1"); 10];
    for (lanes, account) in lanes[1..].as_chunks_mut::<3>().0.iter_mut().zip(accounts) {
        *lanes = [account.key, account.balance.into(), account.ordinal.into()];
    }
    lanes
}

/// Digest of a bottom node: lane 0 of the permuted [`triad_lanes`].
pub fn triad_digest(accounts: &[Account; 3]) -> Fr {
    let mut lanes = triad_lanes(accounts);
    poseidon::permute(&mut lanes);
    let [digest, ..] = lanes;
    digest
}

/// What the state root of a netted shard says. All but the accounts never change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct State {
    /// Names the network in everything that clients sign; no two networks may share it.
    pub network: Fr,
    /// Root of the trie of keys that parts may be proven under.
    pub keys: Fr,
    /// Levels of the account trie, the bottom nodes' included: 1 to [`MAX_DEPTH`].
    pub depth: u8,
    /// Root of the account trie.
    pub accounts: Fr,
}

impl State {
    /// H("trifold/netted/state/v1", network, keys, depth, accounts).
    pub fn digest(&self) -> Fr {
        let tag = tag("trifold/netted/state/v1");
        let depth = self.depth.into();
        poseidon::hash(&[tag, self.network, self.keys, depth, self.accounts])
    }
}

impl Account {
    /// Whether somebody owns the place.
    pub fn is_owned(&self) -> bool {
        self.key != Fr::ZERO
    }
}
