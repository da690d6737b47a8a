//! Receipts as bytes: a name, marks for what is there, and the parts in the order of their declaration.

use alloc::vec::Vec;

use super::{DecodeError, NETWORK_BYTES, Reader, UPDATE_BYTES, fr_to_bytes};
use crate::claim::{AccountClaim, NettedAccountClaim, ShardClaim};
use crate::client::{Network, Update};
use crate::netted;
use crate::receipt::{PastState, Receipt};
use crate::statement::{Account, Body, GlobalState, Leaf};
use crate::trie::{MAX_LEVELS, Path};

/// What a receipt starts with as bytes, and names as its format in JSON.
pub const RECEIPT_FORMAT: &str = "trifold/receipt/v1";
/// Bytes of the longest receipt: four paths of [`MAX_LEVELS`] and everything that may be missing.
pub const MAX_RECEIPT_BYTES: usize = RECEIPT_FORMAT.len()
    + 1
    + NETWORK_BYTES
    + UPDATE_BYTES
    + super::GLOBAL_STATE_BYTES
    + (4 + LEAF_BYTES)
    + (BODY_BYTES + 8 + ACCOUNT_BYTES)
    + (BODY_BYTES + NETTED_STATE_BYTES + 4 + 3 * NETTED_ACCOUNT_BYTES)
    + 4 * (9 + 64 * MAX_LEVELS);

/// program (32), body (32), lamport (8), timestamp (8), seen_epoch (8), seen_digest (32), supply (16).
const LEAF_BYTES: usize = 136;
/// state_root, outbox_root, inbox_root.
const BODY_BYTES: usize = 96;
/// ax (32), ay (32), balance (8), ordinal (8).
const ACCOUNT_BYTES: usize = 80;
/// network (32), keys (32), depth (1).
const NETTED_STATE_BYTES: usize = 65;
/// key (32), balance (8), ordinal (8).
const NETTED_ACCOUNT_BYTES: usize = 48;

/// Marks: the receipt is about an earlier state than the proven one.
const PAST: u8 = 1;
/// The shard is there.
const LEAF: u8 = 2;
/// The receipt is about an account.
const CLAIM: u8 = 4;
/// The account is there.
const ACCOUNT: u8 = 8;
/// The receipt is about an account of a netted shard.
const NETTED: u8 = 16;

impl Receipt {
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::from(RECEIPT_FORMAT);
        bytes.push(self.marks());
        bytes.extend(self.network.to_bytes());
        bytes.extend(self.update.to_bytes());
        if let Some(past) = &self.past {
            bytes.extend(past.state.to_bytes());
            put_path(&mut bytes, &past.path);
        }
        put_shard(&mut bytes, &self.shard);
        if let Some(account) = &self.account {
            put_account(&mut bytes, account);
        }
        if let Some(account) = &self.netted_account {
            put_netted_account(&mut bytes, account);
        }
        bytes
    }

    fn marks(&self) -> u8 {
        let account = self.account.as_ref().and_then(|claim| claim.account);
        let marks = [
            (self.past.is_some(), PAST),
            (self.shard.leaf.is_some(), LEAF),
            (self.account.is_some(), CLAIM),
            (account.is_some(), ACCOUNT),
            (self.netted_account.is_some(), NETTED),
        ];
        let set = marks.iter().filter(|(set, _)| *set);
        set.map(|(_, mark)| mark).sum()
    }

    /// Reads a receipt; nothing of it is verified.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, DecodeError> {
        let parts = bytes.strip_prefix(RECEIPT_FORMAT.as_bytes());
        let mut reader = Reader {
            bytes,
            used: RECEIPT_FORMAT.len(),
        };
        parts.ok_or(DecodeError::NotAReceipt)?;
        let [marks] = reader.take()?;
        if marks >= 2 * NETTED || marks & (CLAIM | ACCOUNT) == ACCOUNT {
            return Err(DecodeError::Mark(marks));
        }
        let receipt = reader.receipt(marks)?;
        match (bytes.len(), reader.used) {
            (found, expected) if found == expected => Ok(receipt),
            (found, expected) => Err(DecodeError::Length { found, expected }),
        }
    }
}

fn put_path(bytes: &mut Vec<u8>, path: &Path) {
    bytes.extend(path.index.to_le_bytes());
    bytes.push(path.siblings.len() as u8);
    put_numbers(bytes, path.siblings.as_flattened());
}

fn put_numbers(bytes: &mut Vec<u8>, numbers: &[ark_bn254::Fr]) {
    bytes.extend(numbers.iter().flat_map(|number| fr_to_bytes(*number)));
}

fn put_shard(bytes: &mut Vec<u8>, shard: &ShardClaim) {
    bytes.extend(shard.index.to_le_bytes());
    if let Some(leaf) = &shard.leaf {
        put_numbers(bytes, &[leaf.program, leaf.body]);
        for integer in [leaf.lamport, leaf.timestamp, leaf.seen_epoch] {
            bytes.extend(integer.to_le_bytes());
        }
        put_numbers(bytes, &[leaf.seen_digest]);
        bytes.extend(leaf.supply.to_le_bytes());
    }
    put_path(bytes, &shard.path);
}

fn put_body(bytes: &mut Vec<u8>, body: &Body) {
    put_numbers(bytes, &[body.state_root, body.outbox_root, body.inbox_root]);
}

fn put_account(bytes: &mut Vec<u8>, claim: &AccountClaim) {
    put_body(bytes, &claim.body);
    bytes.extend(claim.index.to_le_bytes());
    if let Some(account) = &claim.account {
        put_numbers(bytes, &[account.ax, account.ay]);
        bytes.extend(account.balance.to_le_bytes());
        bytes.extend(account.ordinal.to_le_bytes());
    }
    put_path(bytes, &claim.path);
}

fn put_netted_account(bytes: &mut Vec<u8>, claim: &NettedAccountClaim) {
    put_body(bytes, &claim.body);
    put_numbers(bytes, &[claim.network, claim.keys]);
    bytes.push(claim.depth);
    bytes.extend(claim.index.to_le_bytes());
    for account in &claim.triad {
        put_numbers(bytes, &[account.key]);
        bytes.extend(account.balance.to_le_bytes());
        bytes.extend(account.ordinal.to_le_bytes());
    }
    put_path(bytes, &claim.path);
}

impl Reader<'_> {
    fn receipt(&mut self, marks: u8) -> Result<Receipt, DecodeError> {
        let has = |mark| marks & mark != 0;
        Ok(Receipt {
            network: Network::from_bytes(&self.take::<NETWORK_BYTES>()?)?,
            update: Update::from_bytes(&self.take::<UPDATE_BYTES>()?)?,
            past: has(PAST).then(|| self.past()).transpose()?,
            shard: self.shard(has(LEAF))?,
            account: has(CLAIM)
                .then(|| self.account_claim(has(ACCOUNT)))
                .transpose()?,
            netted_account: has(NETTED)
                .then(|| self.netted_account_claim())
                .transpose()?,
        })
    }

    fn past(&mut self) -> Result<PastState, DecodeError> {
        Ok(PastState {
            state: GlobalState::from_bytes(&self.take::<{ super::GLOBAL_STATE_BYTES }>()?)?,
            path: self.path()?,
        })
    }

    fn shard(&mut self, present: bool) -> Result<ShardClaim, DecodeError> {
        Ok(ShardClaim {
            index: u32::from_le_bytes(self.take()?),
            leaf: present.then(|| self.leaf()).transpose()?,
            path: self.path()?,
        })
    }

    fn leaf(&mut self) -> Result<Leaf, DecodeError> {
        Ok(Leaf {
            program: self.fr("program")?,
            body: self.fr("body")?,
            lamport: self.u64()?,
            timestamp: self.u64()?,
            seen_epoch: self.u64()?,
            seen_digest: self.fr("seen_digest")?,
            supply: u128::from_le_bytes(self.take()?),
        })
    }

    fn account_claim(&mut self, present: bool) -> Result<AccountClaim, DecodeError> {
        Ok(AccountClaim {
            body: self.body()?,
            index: self.u64()?,
            account: present.then(|| self.account()).transpose()?,
            path: self.path()?,
        })
    }

    fn body(&mut self) -> Result<Body, DecodeError> {
        Ok(Body {
            state_root: self.fr("state_root")?,
            outbox_root: self.fr("outbox_root")?,
            inbox_root: self.fr("inbox_root")?,
        })
    }

    fn netted_account_claim(&mut self) -> Result<NettedAccountClaim, DecodeError> {
        let body = self.body()?;
        let (network, keys) = (self.fr("network")?, self.fr("keys")?);
        let [depth] = self.take()?;
        Ok(NettedAccountClaim {
            body,
            network,
            keys,
            depth,
            index: u32::from_le_bytes(self.take()?),
            triad: [
                self.netted_account()?,
                self.netted_account()?,
                self.netted_account()?,
            ],
            path: self.path()?,
        })
    }

    fn netted_account(&mut self) -> Result<netted::Account, DecodeError> {
        Ok(netted::Account {
            key: self.fr("key")?,
            balance: self.u64()?,
            ordinal: self.u64()?,
        })
    }

    fn account(&mut self) -> Result<Account, DecodeError> {
        Ok(Account {
            ax: self.fr("ax")?,
            ay: self.fr("ay")?,
            balance: self.u64()?,
            ordinal: self.u64()?,
        })
    }

    fn path(&mut self) -> Result<Path, DecodeError> {
        let index = self.u64()?;
        let [levels] = self.take()?;
        if usize::from(levels) > MAX_LEVELS {
            return Err(DecodeError::Levels(levels));
        }
        let siblings = (0..levels).map(|_| Ok([self.fr("a sibling")?, self.fr("a sibling")?]));
        Ok(Path {
            index,
            siblings: siblings.collect::<Result<_, DecodeError>>()?,
        })
    }

    fn u64(&mut self) -> Result<u64, DecodeError> {
        Ok(u64::from_le_bytes(self.take()?))
    }
}
