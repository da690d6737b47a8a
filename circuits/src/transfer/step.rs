//! One transfer of a batch, with the openings of the accounts that it changes.

use super::{Holding, SignedTransfer, Size, Transfer, TransferError, account, path_root};
use crate::channel::SHARDS;
use crate::field;
use crate::schnorr::Coordinates;
use ark_bn254::Fr;
use serde::{Deserialize, Serialize};

/// A signed transfer with the openings of the accounts that it changes. The sender's ordinal is the transfer's.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct Step {
    pub signed: SignedTransfer,
    pub sender_key: Coordinates,
    pub sender_balance: u64,
    /// From the leaf up, under the root before the step.
    #[serde(with = "field::pairs")]
    pub sender_siblings: Vec<[Fr; 2]>,
    /// The receiver's balance and ordinal once the sender is debited; `None` where there is no account yet, or on another shard.
    pub receiver: Option<Holding>,
    /// From the leaf up, under the root once the sender is debited; none for a receiver on another shard.
    #[serde(with = "field::pairs")]
    pub receiver_siblings: Vec<[Fr; 2]>,
}

impl Step {
    /// The root after the step.
    pub(super) fn apply(
        &self,
        slot: usize,
        shard: u32,
        root: Fr,
        size: Size,
    ) -> Result<Fr, TransferError> {
        let transfer = self.signed.transfer;
        let signature = |source| TransferError::Signature { slot, source };
        let message = transfer.message(shard);
        self.sender_key
            .verify(message, &self.signed.signature)
            .map_err(signature)?;
        self.check_receiver(slot, shard)?;
        let root = self.debit(slot, root, size)?;
        match transfer.to_shard == shard {
            true => self.credit(slot, root, size),
            false => Ok(root),
        }
    }

    fn check_receiver(&self, slot: usize, shard: u32) -> Result<(), TransferError> {
        let Transfer {
            to,
            to_shard,
            request,
            ..
        } = self.signed.transfer;
        let levels = self.receiver_siblings.len();
        if to > u32::MAX.into() {
            return Err(TransferError::To { slot, to });
        }
        match to_shard == shard {
            true if request => Err(TransferError::LocalRequest { slot }),
            true => Ok(()),
            false if to_shard >= SHARDS => Err(TransferError::Shard {
                slot,
                shard: to_shard,
            }),
            // Nothing is opened there, and nothing stands in for it.
            false if levels > 0 || self.receiver.is_some() => Err(TransferError::PathLength {
                slot,
                levels,
                depth: 0,
            }),
            false => Ok(()),
        }
    }

    fn debit(&self, slot: usize, root: Fr, size: Size) -> Result<Fr, TransferError> {
        let Transfer {
            from,
            ordinal,
            amount,
            ..
        } = self.signed.transfer;
        let balance = self.sender_balance;
        let opened = path_root(
            slot,
            from,
            &self.sender_siblings,
            account(self.sender_key, balance, ordinal),
            size,
        )?;
        if opened != root {
            return Err(TransferError::Sender { slot });
        }
        let rest = balance
            .checked_sub(amount)
            .ok_or(TransferError::Overdraft {
                slot,
                balance,
                amount,
            })?;
        let next = ordinal
            .checked_add(1)
            .ok_or(TransferError::Ordinals { slot })?;
        path_root(
            slot,
            from,
            &self.sender_siblings,
            account(self.sender_key, rest, next),
            size,
        )
    }

    fn credit(&self, slot: usize, root: Fr, size: Size) -> Result<Fr, TransferError> {
        let Transfer {
            to,
            receiver_key: key,
            amount,
            ..
        } = self.signed.transfer;
        let held = self
            .receiver
            .map(|held| account(key, held.balance, held.ordinal));
        let opened = path_root(
            slot,
            to,
            &self.receiver_siblings,
            held.unwrap_or_default(),
            size,
        )?;
        if opened != root {
            return Err(TransferError::Receiver { slot });
        }
        let Holding { balance, ordinal } = self.receiver.unwrap_or_default();
        let sum = balance.checked_add(amount).ok_or(TransferError::Overflow {
            slot,
            balance,
            amount,
        })?;
        path_root(
            slot,
            to,
            &self.receiver_siblings,
            account(key, sum, ordinal),
            size,
        )
    }
}
