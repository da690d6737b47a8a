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
        let transfer = self.next(self.shard, to, Some(receiver_key), amount);
        self.sign(transfer)
    }

    /// Signs the next transfer, to the account at `to` of another shard; without a key to whoever has that account.
    pub fn send(
        &mut self,
        (to_shard, to): (u32, u64),
        receiver_key: Option<PublicKey>,
        amount: u64,
    ) -> SignedTransfer {
        let transfer = self.next(to_shard, to, receiver_key, amount);
        self.sign(transfer)
    }

    /// The same with an answer asked for.
    pub fn request(
        &mut self,
        (to_shard, to): (u32, u64),
        receiver_key: Option<PublicKey>,
        amount: u64,
    ) -> SignedTransfer {
        let transfer = self.next(to_shard, to, receiver_key, amount);
        self.sign(Transfer {
            request: true,
            ..transfer
        })
    }

    fn next(
        &mut self,
        to_shard: u32,
        to: u64,
        receiver_key: Option<PublicKey>,
        amount: u64,
    ) -> Transfer {
        let ordinal = self.ordinal;
        self.ordinal += 1;
        Transfer {
            from: self.index,
            ordinal,
            to,
            to_shard,
            request: false,
            receiver_key: receiver_key.map_or(Coordinates::NONE, |key| key.coordinates()),
            amount,
        }
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
