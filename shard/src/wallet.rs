//! The client: one account's key and the number of its next transfer.

use trifold_circuits::schnorr::{Coordinates, PublicKey, SecretKey};
use trifold_circuits::transfer::{SignedTransfer, Transfer};

/// Signs transfers of one account, numbered in the order they are made.
#[derive(Clone, Debug)]
pub struct Wallet {
    secret: SecretKey,
    shard: u32,
    index: u64,
    ordinal: u64,
}

impl Wallet {
    /// The account at `index` of `shard`, which has signed `ordinal` transfers so far.
    pub fn new(secret: SecretKey, shard: u32, index: u64, ordinal: u64) -> Self {
        Self {
            secret,
            shard,
            index,
            ordinal,
        }
    }

    /// The account's public key.
    pub fn key(&self) -> PublicKey {
        self.secret.public()
    }

    /// Position of the account.
    pub fn index(&self) -> u64 {
        self.index
    }

    /// Signs the next transfer, to the account at `to` of the same shard.
    pub fn transfer(&mut self, to: u64, receiver_key: PublicKey, amount: u64) -> SignedTransfer {
        let receiver_key: Coordinates = receiver_key.coordinates();
        let transfer = Transfer {
            from: self.index,
            ordinal: self.ordinal,
            to,
            receiver_key,
            amount,
        };
        self.ordinal += 1;
        self.sign(transfer)
    }

    /// Signs this very transfer.
    pub fn sign(&self, transfer: Transfer) -> SignedTransfer {
        let signature = self.secret.sign(transfer.message(self.shard));
        SignedTransfer {
            transfer,
            signature,
        }
    }
}
