//! How accounts and messages of a netted shard are laid out and hashed; what its circuits prove rests on the same layout.
//!
//! A key is named by its u coordinate in Montgomery form, `(1 + y) / (1 - y)`. A bottom node of the account trie is lane 0 of
//! the permuted state (tag, then key, balance, ordinal of three accounts); a node above is the hash of three nodes. A client signs
//! an ordered list of payments: the challenge comes from H(domain, R.x, R.y, u, from, ordinal, body), where the body is the payment's
//! word or the hash of nine of them.

use crate::poseidon::{hash_3, hash_7, hash_9, permuted_10};
use ark_bn254::Fr;
use ark_ff::AdditiveGroup;
use trifold_circuits::netted::message;
use trifold_circuits::schnorr::{Coordinates, SecretKey};
use trifold_verifier::netted::triad_lanes;

pub use trifold_circuits::montgomery::key_u;
pub use trifold_circuits::netted::accounts::{Account, MAX_DEPTH};
pub use trifold_circuits::netted::message::{MAX_PAYMENTS, Message, Payment, SignedMessage};
pub use trifold_circuits::netted::statement::destination;

/// How many payments a message's form has room for; the smallest that fits is used.
const FORMS: [usize; 2] = [1, MAX_PAYMENTS];

/// Where messages count: a shard of a network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Domain {
    forms: [message::Domain; FORMS.len()],
    digests: [Fr; FORMS.len()],
}

impl Domain {
    pub fn new(network: Fr, shard: u16) -> Self {
        let shard = shard.into();
        let forms = FORMS.map(|payments| message::Domain {
            network,
            shard,
            payments,
        });
        let digests = forms.map(|form| form.digest());
        Self { forms, digests }
    }

    /// The hash that gives the challenge, for the u coordinate of the sender's key and the commitment R.
    pub fn hash(&self, message: &Message, u: Fr, commitment: Coordinates) -> Fr {
        let (from, ordinal) = (message.from.into(), message.ordinal.into());
        let (r, body) = (commitment, body(message));
        let digest = self.digests[form(message)];
        hash_7(&[digest, r.x, r.y, u, from, ordinal, body])
    }

    /// Signs; the same message always gets the same signature.
    pub fn sign(&self, message: Message, secret: &SecretKey) -> SignedMessage {
        let form = &self.forms[form(&message)];
        message.sign(form, secret)
    }
}

/// Which of [`FORMS`] a message has.
fn form(message: &Message) -> usize {
    let fits = |room: &usize| message.payments.len() <= *room;
    FORMS.iter().position(fits).unwrap_or(FORMS.len() - 1)
}

/// The payment's word, or the hash of all of them, filled up with payments of nothing.
fn body(message: &Message) -> Fr {
    match message.payments.as_slice() {
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

/// Digest of a bottom node.
pub fn triad_digest(accounts: &[Account; 3]) -> Fr {
    let [tag, lanes @ ..] = triad_lanes(&accounts.map(Into::into));
    permuted_10(tag, &lanes)
}

/// Digest of a node above the bottom.
pub fn node_digest(children: &[Fr; 3]) -> Fr {
    hash_3(children)
}

/// How a transfer names the account of a netted shard that has this key: (u, 0), which is no key.
pub fn account_key(key: Coordinates) -> Coordinates {
    Coordinates {
        x: key_u(key),
        y: Fr::ZERO,
    }
}
