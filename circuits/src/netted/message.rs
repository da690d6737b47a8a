//! What a client signs: an ordered list of payments from its account.

use super::statement::{destination, hash_list};
use crate::field::tag;
use crate::montgomery::key_u;
use crate::schnorr::{Coordinates, SchnorrError, SecretKey, Signature};
use ark_bn254::Fr;
use ark_ff::{AdditiveGroup, Field};
use serde::{Deserialize, Serialize};
use trifold_verifier::poseidon;

/// Most payments of one message.
pub const MAX_PAYMENTS: usize = 9;
/// Bits of an amount, below the fee in a payment's word.
const AMOUNT_BITS: u32 = 64;
/// Bits of a fee.
const FEE_BITS: u32 = 32;

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

impl Payment {
    /// account + 2^32 shard.
    pub fn destination(&self) -> u64 {
        destination(self.account, self.shard.into())
    }

    /// amount + 2^64 fee + 2^96 destination.
    pub fn word(&self) -> Fr {
        let above = u128::from(self.fee) | u128::from(self.destination()) << FEE_BITS;
        Fr::from(self.amount) + Fr::from(above) * Fr::from(2).pow([u64::from(AMOUNT_BITS)])
    }

    /// What it takes from the sender.
    pub fn spent(&self) -> u128 {
        u128::from(self.amount) + u128::from(self.fee)
    }
}

/// What a client signs, together with network, shard and the form of its list.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct Message {
    /// The sender's account.
    pub from: u32,
    /// Messages that the sender signed before this one.
    pub ordinal: u64,
    pub payments: Vec<Payment>,
}

/// Where a message counts, and how many payments its form has room for; signed with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Domain {
    pub network: Fr,
    pub shard: u32,
    /// 1..=9; a shorter list is filled up with payments of nothing.
    pub payments: usize,
}

impl Domain {
    /// H("trifold/netted/client/v1", network, shard, payments).
    pub fn digest(&self) -> Fr {
        let tag = tag("trifold/netted/client/v1");
        let payments = Fr::from(self.payments as u64);
        poseidon::hash(&[tag, self.network, self.shard.into(), payments])
    }
}

impl Message {
    /// What it takes from the sender.
    pub fn spent(&self) -> u128 {
        self.payments.iter().map(Payment::spent).sum()
    }

    /// The payment's word, or the hash of all of them.
    pub fn body(&self, domain: &Domain) -> Fr {
        let mut words: Vec<Fr> = self.payments.iter().map(Payment::word).collect();
        words.resize(domain.payments, Fr::ZERO);
        hash_list(&words)
    }

    /// H(domain, R.x, R.y, u, from, ordinal, body), which gives the challenge of the signature.
    pub fn hash(&self, domain: &Domain, key: Coordinates, commitment: Coordinates) -> Fr {
        poseidon::hash(&[
            domain.digest(),
            commitment.x,
            commitment.y,
            key_u(key),
            self.from.into(),
            self.ordinal.into(),
            self.body(domain),
        ])
    }

    /// Signs; the same message always gets the same signature.
    pub fn sign(self, domain: &Domain, secret: &SecretKey) -> SignedMessage {
        let key = secret.public().coordinates();
        let (from, ordinal) = (self.from.into(), self.ordinal.into());
        let all = poseidon::hash(&[domain.digest(), from, ordinal, self.body(domain)]);
        let signature = secret.sign_hash(all, |commitment| self.hash(domain, key, commitment));
        SignedMessage {
            message: self,
            key,
            signature,
        }
    }
}

/// A message and its sender's signature.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct SignedMessage {
    pub message: Message,
    pub key: Coordinates,
    pub signature: Signature,
}

impl SignedMessage {
    /// H(domain, R.x, R.y, u, from, ordinal, body).
    pub fn hash(&self, domain: &Domain) -> Fr {
        let commitment = self.signature.commitment;
        self.message.hash(domain, self.key, commitment)
    }

    /// Whether the signature holds. Whether the key is the account's is for the epoch to say.
    pub fn verify(&self, domain: &Domain) -> Result<(), SchnorrError> {
        if key_u(self.key) == Fr::ZERO {
            return Err(SchnorrError::KeyOrder);
        }
        self.key.verify_hash(self.hash(domain), &self.signature)
    }
}
