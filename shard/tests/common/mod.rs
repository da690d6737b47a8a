//! A shard of known keys, for tests.

#![allow(dead_code)]

use ark_bn254::Fr;
use rand::{Rng, rngs::StdRng};
use trifold_circuits::schnorr::{PublicKey, SecretKey};
use trifold_shard::netted::layout::{Domain, Message, Payment, SignedMessage};
use trifold_shard::netted::{Accounts, Entry, Limits, NettedLedger, Rules};

pub const SHARD: u16 = 2;
pub const BALANCE: u64 = 1000;

pub fn rules() -> Rules {
    Rules {
        network: Fr::from(4711),
        shard: SHARD,
        shards: 5,
        depth: 7,
        collector: 0,
        inbox_receivers: 1000,
        limits: Limits::LARGEST,
    }
}

pub fn domain() -> Domain {
    Domain::new(rules().network, SHARD)
}

pub fn secret(account: u32) -> SecretKey {
    let mut seed = [3; 32];
    seed[..4].copy_from_slice(&account.to_le_bytes());
    SecretKey::from_seed(&seed)
}

pub fn secrets(count: u32) -> Vec<SecretKey> {
    (0..count).map(secret).collect()
}

pub fn entry(key: PublicKey, balance: u64) -> Entry {
    Entry {
        key,
        balance,
        ordinal: 0,
    }
}

pub fn accounts(secrets: &[SecretKey]) -> Accounts {
    secrets
        .iter()
        .map(|secret| entry(secret.public(), BALANCE))
        .collect()
}

pub fn ledger(secrets: &[SecretKey]) -> NettedLedger {
    NettedLedger::new(rules(), accounts(secrets), 0).unwrap()
}

pub fn pay(account: u32, amount: u64) -> Payment {
    Payment {
        account,
        shard: SHARD,
        amount,
        fee: 0,
    }
}

pub fn message(from: u32, ordinal: u64, payments: &[Payment]) -> Message {
    Message {
        from,
        ordinal,
        payments: payments.to_vec(),
    }
}

pub fn sign(secrets: &[SecretKey], message: Message) -> SignedMessage {
    let secret = &secrets[message.from as usize];
    domain().sign(message, secret)
}

/// A message to one to three receivers, some of other shards, some with fees.
pub fn random_message(rng: &mut StdRng, accounts: u32, from: u32, ordinal: u64) -> Message {
    let payment = |rng: &mut StdRng| Payment {
        account: rng.random_range(0..accounts),
        shard: if rng.random_bool(0.3) {
            rng.random_range(0..5)
        } else {
            SHARD
        },
        amount: rng.random_range(1..80),
        fee: if rng.random_bool(0.2) {
            rng.random_range(1..5)
        } else {
            0
        },
    };
    let count = rng.random_range(1..4);
    let payments = (0..count).map(|_| payment(rng)).collect();
    Message {
        from,
        ordinal,
        payments,
    }
}
