//! How accounts and messages of a netted shard are laid out and hashed; what its circuits prove rests on the same layout.
//!
//! A key is named by its u coordinate in Montgomery form, `(1 + y) / (1 - y)`. A bottom node of the account trie is lane 0 of
//! the permuted state (tag, then key, balance, ordinal of three accounts); a node above is the hash of three nodes. A client signs
//! an ordered list of payments: the challenge comes from H(domain, R.x, R.y, u, from, ordinal, body), where the body is the payment's
//! word or the hash of nine of them.

use crate::poseidon::{hash_3, hash_7, hash_9, permuted_10};
use ark_bn254::Fr;
use ark_ff::{AdditiveGroup, Field};
use serde::{Deserialize, Serialize};
use trifold_circuits::field::tag;
use trifold_circuits::schnorr::{Coordinates, SecretKey, Signature};
use trifold_verifier::poseidon;

/// Most payments of one message.
pub const MAX_PAYMENTS: usize = 9;
/// How many payments a message's form has room for; the smallest that fits is used.
const FORMS: [usize; 2] = [1, MAX_PAYMENTS];
/// Most levels of an account trie: 3^20 accounts are the most whose numbers fit 32 bits.
pub const MAX_DEPTH: u8 = 20;

/// An account as it is hashed; key 0 is no account.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Account {
    /// u coordinate of the owner's key.
    pub key: Fr,
    pub balance: u64,
    /// Messages that the account has signed.
    pub ordinal: u64,
}

/// One payment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
pub struct Payment {
    /// The receiver's account.
    pub account: u32,
    /// The receiver's shard.
    pub shard: u16,
    pub amount: u64,
    /// Paid on top of the amount.
    pub fee: u32,
}

/// What a client signs, together with network, shard and the form of the list.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct Message {
    /// The sender's account.
    pub from: u32,
    /// Messages that the sender signed before this one.
    pub ordinal: u64,
    pub payments: Vec<Payment>,
}

/// A message and its sender's signature.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct SignedMessage {
    pub message: Message,
    pub key: Coordinates,
    pub signature: Signature,
}

/// Where messages count: a shard of a network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Domain {
    digests: [Fr; FORMS.len()],
}

impl Payment {
    /// account + 2^32 shard.
    pub fn destination(&self) -> u64 {
        destination(self.account, self.shard)
    }

    /// amount + 2^64 fee + 2^96 destination.
    pub fn word(&self) -> Fr {
        let above = u128::from(self.fee) | u128::from(self.destination()) << 32;
        Fr::from(self.amount) + Fr::from(above) * Fr::from(1u128 << 64)
    }

    /// What it takes from the sender.
    pub fn spent(&self) -> u128 {
        u128::from(self.amount) + u128::from(self.fee)
    }
}

/// An account of a shard as the end of a payment.
pub fn destination(account: u32, shard: u16) -> u64 {
    u64::from(account) | u64::from(shard) << 32
}

impl Domain {
    /// H("trifold/netted/client/v1", network, shard, payments) of each form.
    pub fn new(network: Fr, shard: u16) -> Self {
        let tag = tag("trifold/netted/client/v1");
        let digest =
            |room| poseidon::hash(&[tag, network, u64::from(shard).into(), Fr::from(room as u64)]);
        Self {
            digests: FORMS.map(digest),
        }
    }

    /// The hash that gives the challenge, for the u coordinate of the sender's key and the commitment R.
    pub fn hash(&self, message: &Message, u: Fr, commitment: Coordinates) -> Fr {
        let (from, ordinal) = (message.from.into(), message.ordinal.into());
        let (r, body) = (commitment, message.body());
        hash_7(&[self.of(message), r.x, r.y, u, from, ordinal, body])
    }

    fn of(&self, message: &Message) -> Fr {
        let fits = |room: &usize| message.payments.len() <= *room;
        self.digests[FORMS.iter().position(fits).unwrap_or(FORMS.len() - 1)]
    }
}

impl Message {
    /// What it takes from the sender.
    pub fn spent(&self) -> u128 {
        self.payments.iter().map(Payment::spent).sum()
    }

    /// Signs; the same message always gets the same signature.
    pub fn sign(self, domain: &Domain, secret: &SecretKey) -> SignedMessage {
        let key = secret.public().coordinates();
        let (u, from, ordinal) = (key_u(key), self.from.into(), self.ordinal.into());
        let all = poseidon::hash(&[domain.of(&self), from, ordinal, self.body()]);
        let signature = secret.sign_hash(all, |commitment| domain.hash(&self, u, commitment));
        SignedMessage {
            message: self,
            key,
            signature,
        }
    }

    /// The payment's word, or the hash of all of them, filled up with payments of nothing.
    fn body(&self) -> Fr {
        match self.payments.as_slice() {
            [] => Fr::ZERO,
            [payment] => payment.word(),
            payments => {
                let mut words = [Fr::ZERO; MAX_PAYMENTS];
                let given = payments.iter().map(Payment::word);
                words
                    .iter_mut()
                    .zip(given)
                    .for_each(|(word, given)| *word = given);
                hash_9(&words)
            }
        }
    }
}

/// u coordinate of a key; 0, which is nobody's, for the points that have none.
pub fn key_u(key: Coordinates) -> Fr {
    let inverse = (Fr::ONE - key.y).inverse().unwrap_or_default();
    (Fr::ONE + key.y) * inverse
}

/// Digest of a bottom node.
pub fn triad_digest(accounts: &[Account; 3]) -> Fr {
    let mut lanes = [Fr::ZERO; 9];
    for (lanes, account) in lanes.as_chunks_mut::<3>().0.iter_mut().zip(accounts) {
        *lanes = [account.key, account.balance.into(), account.ordinal.into()];
    }
    permuted_10(tag("trifold/netted/accounts/v1"), &lanes)
}

/// Digest of a node above the bottom.
pub fn node_digest(children: &[Fr; 3]) -> Fr {
    hash_3(children)
}

/// Digest of an epoch's payments to other shards: of nothing, and for each `(destination, amount)` in order, of what came before, the destination
/// and the amount.
pub fn outbox_digest(payments: impl IntoIterator<Item = (u64, u128)>) -> Fr {
    let absorb = |digest, (destination, amount): (u64, u128)| {
        hash_3(&[digest, destination.into(), amount.into()])
    };
    payments
        .into_iter()
        .fold(tag("trifold/netted/outbox/v1"), absorb)
}
