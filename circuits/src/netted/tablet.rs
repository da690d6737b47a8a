//! The circuit of a full subtree of accounts: its inputs and its native relation.

use super::accounts::{Account, AccountTrie, MAX_DEPTH, triad_digest};
use super::epoch::Change;
use super::layout;
use super::statement::{Context, Part, commitment};
use crate::inputs::Inputs;
use ark_bn254::Fr;
use ark_ff::AdditiveGroup;
use std::collections::BTreeMap;
use trifold_verifier::poseidon;

/// Why changes of accounts prove nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ChangesError {
    #[error("a tablet has 1 to {MAX_DEPTH} levels, not {0}")]
    Levels(u8),
    #[error("{found} accounts where there are {expected} places")]
    Count { found: usize, expected: usize },
    #[error("account {found} stands in the place of account {expected}")]
    Index { found: u32, expected: u64 },
    #[error("account {account}: the key of an owner can't be replaced")]
    Key { account: u32 },
    #[error("a node above the bottom has level 2 to {most}, not {level}")]
    UpperLevel { level: u8, most: u8 },
    #[error("{found} {kind} rows do not fit {room}")]
    Rows {
        kind: &'static str,
        found: usize,
        room: usize,
    },
}

/// All accounts of a subtree over one epoch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tablet {
    /// K: levels of the subtree.
    pub levels: u8,
    /// Its position among those of its level.
    pub index: u64,
    /// One per account, in order.
    pub changes: Vec<Change>,
}

impl Tablet {
    /// The subtree at `index`, of which `changes` has the accounts that something happened to.
    pub fn new(
        levels: u8,
        index: u64,
        accounts: &AccountTrie,
        changes: &BTreeMap<u32, Change>,
    ) -> Self {
        let size = 3u64.pow(levels.into());
        let change = |at: u64| Change::of(at as u32, accounts, changes);
        Self {
            levels,
            index,
            changes: (size * index..size * (index + 1)).map(change).collect(),
        }
    }

    /// Whether every account has its place and every owner its key.
    pub fn check(&self) -> Result<(), ChangesError> {
        if self.levels == 0 || self.levels > MAX_DEPTH {
            return Err(ChangesError::Levels(self.levels));
        }
        let (found, expected) = (self.changes.len(), 3usize.pow(self.levels.into()));
        if found != expected {
            return Err(ChangesError::Count { found, expected });
        }
        let first = self.index * expected as u64;
        (first..)
            .zip(&self.changes)
            .try_for_each(|(at, change)| check_change(at, change))
    }

    /// Binds the debits; the rest of what the sum depends on is bound by the digests.
    pub fn commitment(&self) -> Fr {
        let triads = self.changes.chunks(3).map(layout::rests);
        let words: Vec<Fr> = [Fr::from(self.levels)].into_iter().chain(triads).collect();
        commitment("trifold/netted/tablet/v1", &words)
    }

    /// What the proof states.
    pub fn part(&self, context: &Context) -> Result<Part, ChangesError> {
        self.check()?;
        let terms = self.changes.iter().map(|change| step(change, context));
        Ok(Part {
            level: self.levels,
            index: self.index,
            old: self.root(|change| change.old),
            new: self.root(|change| change.new),
            commitment: self.commitment(),
            sum: -terms.sum::<Fr>(),
            events: 0,
        })
    }

    fn root(&self, account: fn(&Change) -> Account) -> Fr {
        let triads = self.changes.as_chunks::<3>().0.iter();
        let mut level: Vec<Fr> = triads
            .map(|triad| triad_digest(&triad.each_ref().map(account)))
            .collect();
        while level.len() > 1 {
            level = level
                .as_chunks::<3>()
                .0
                .iter()
                .map(poseidon::hash)
                .collect();
        }
        level.first().copied().unwrap_or_default()
    }

    /// The input signals, and what the proof states.
    pub fn inputs(&self, context: &Context) -> Result<(Inputs, Part), ChangesError> {
        let part = self.part(context)?;
        let mut inputs = Inputs::new();
        inputs.insert("x", [part.digest(context)]);
        layout::context(&mut inputs, context);
        inputs.insert("index", [self.index.into()]);
        layout::changes(&mut inputs, "", &self.changes);
        Ok((inputs, part))
    }
}

/// The terms of one account, with the sign of messages.
pub(super) fn step(change: &Change, context: &Context) -> Fr {
    let place = context.place(change.index);
    context.challenge.account_step(place, change)
}

/// Whether the account stands in its place and an owner keeps its key.
pub(super) fn check_change(expected: u64, change: &Change) -> Result<(), ChangesError> {
    let found = change.index;
    if u64::from(found) != expected {
        return Err(ChangesError::Index { found, expected });
    }
    let kept = change.old.key == Fr::ZERO || change.old.key == change.new.key;
    kept.then_some(())
        .ok_or(ChangesError::Key { account: found })
}
