//! Accounts by number, in tablets that a snapshot shares until one of the two changes them.

use super::layout::{Account, key_u};
use ark_bn254::Fr;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use trifold_circuits::schnorr::{Coordinates, PublicKey};

/// Levels of a tablet: it holds 3^6 accounts, of which a change copies all.
pub const TABLET_LEVELS: u8 = 6;
/// Accounts of a tablet.
pub const TABLET: usize = 3usize.pow(TABLET_LEVELS as u32);

/// An account as the shard keeps it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct Entry {
    pub key: PublicKey,
    pub balance: u64,
    /// Messages signed.
    pub ordinal: u64,
}

/// An entry with what its key is called in the trie.
#[derive(Clone, Copy, Debug)]
struct Held {
    entry: Entry,
    u: Fr,
}

/// Dense accounts, numbered from 0. A clone costs a pointer per tablet.
#[derive(Clone, Debug, Default)]
pub struct Accounts {
    tablets: Vec<Arc<Vec<Held>>>,
}

impl Accounts {
    /// Number of accounts.
    pub fn len(&self) -> usize {
        let full = self.tablets.len().saturating_sub(1) * TABLET;
        full + self.tablets.last().map_or(0, |tablet| tablet.len())
    }

    pub fn is_empty(&self) -> bool {
        self.tablets.is_empty()
    }

    /// The account with this number, if there is one.
    pub fn get(&self, index: u32) -> Option<&Entry> {
        self.held(index).map(|held| &held.entry)
    }

    /// The account as it is hashed.
    pub fn leaf(&self, index: u32) -> Account {
        let leaf = |held: &Held| Account {
            key: held.u,
            balance: held.entry.balance,
            ordinal: held.entry.ordinal,
        };
        self.held(index).map(leaf).unwrap_or_default()
    }

    /// The three accounts of a bottom node.
    pub fn triad(&self, position: u32) -> [Account; 3] {
        [0, 1, 2].map(|i| self.leaf(3 * position + i))
    }

    /// u coordinate of the key of an account.
    pub fn key_u(&self, index: u32) -> Option<Fr> {
        self.held(index).map(|held| held.u)
    }

    /// Accounts in order of their number.
    pub fn iter(&self) -> impl Iterator<Item = &Entry> {
        self.tablets
            .iter()
            .flat_map(|tablet| tablet.iter())
            .map(|held| &held.entry)
    }

    /// Sum of all balances.
    pub fn supply(&self) -> u128 {
        self.iter().map(|entry| u128::from(entry.balance)).sum()
    }

    /// Adds an account; gives its number.
    pub fn push(&mut self, entry: Entry) -> u32 {
        let index = self.len() as u32;
        let u = key_u(entry.key.coordinates());
        let held = Held { entry, u };
        match self
            .tablets
            .last_mut()
            .filter(|tablet| tablet.len() < TABLET)
        {
            Some(tablet) => Arc::make_mut(tablet).push(held),
            None => {
                let mut tablet = Vec::with_capacity(TABLET);
                tablet.push(held);
                self.tablets.push(Arc::new(tablet));
            }
        }
        index
    }

    /// The account to change; its tablet is copied first if a clone shares it.
    pub fn get_mut(&mut self, index: u32) -> Option<&mut Entry> {
        let tablet = self.tablets.get_mut(index as usize / TABLET)?;
        let place = index as usize % TABLET;
        if place >= tablet.len() {
            return None;
        }
        Arc::make_mut(tablet)
            .get_mut(place)
            .map(|held| &mut held.entry)
    }

    /// Bottom nodes with an account that is not what it was in `before`, in order. Tablets held in common are not looked at.
    pub fn changed_triads(&self, before: &Self) -> Vec<u32> {
        let triads = TABLET as u32 / 3;
        let common = |tablet: usize| {
            let pair = self.tablets.get(tablet).zip(before.tablets.get(tablet));
            pair.is_some_and(|(own, other)| Arc::ptr_eq(own, other))
        };
        let count = self.tablets.len().max(before.tablets.len());
        let tablets = (0..count).filter(|tablet| !common(*tablet));
        let all = tablets.flat_map(|tablet| tablet as u32 * triads..(tablet as u32 + 1) * triads);
        all.filter(|triad| self.triad(*triad) != before.triad(*triad))
            .collect()
    }

    /// Tablets that this one and another hold in common, in memory.
    pub fn shared_tablets(&self, other: &Self) -> usize {
        let pairs = self.tablets.iter().zip(&other.tablets);
        pairs.filter(|(own, other)| Arc::ptr_eq(own, other)).count()
    }

    fn held(&self, index: u32) -> Option<&Held> {
        self.tablets
            .get(index as usize / TABLET)?
            .get(index as usize % TABLET)
    }
}

impl PartialEq for Accounts {
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other.iter())
    }
}

impl Eq for Accounts {}

impl FromIterator<Entry> for Accounts {
    fn from_iter<I: IntoIterator<Item = Entry>>(entries: I) -> Self {
        let mut accounts = Self::default();
        entries.into_iter().for_each(|entry| {
            accounts.push(entry);
        });
        accounts
    }
}

/// Whether a message's key is the account's.
pub fn is_key(entry: &Entry, key: Coordinates) -> bool {
    entry.key.coordinates() == key
}
