//! From an epoch that a shard has carried out to the parts of its proof: how messages and accounts are dealt out, and what each
//! part is proven from.

use super::accounts::{Account, AccountTrie};
use super::circuit::{PartCircuit, PartKeys, TABLET_LEVELS};
use super::epoch::Change;
use super::manifest::{Listed, MAX_PARTS, Manifest, ManifestError, Unchanged};
use super::message::SignedMessage;
use super::part_inputs::{Home, PartInputs, PartInputsError};
use super::rows::{BottomRow, UpperRow};
use super::statement::{Context, Part};
use super::traffic::Traffic;
use ark_bn254::Fr;
use rayon::prelude::*;
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, BTreeSet};

/// Why an epoch was not made into parts.
#[derive(Debug, thiserror::Error)]
pub enum AssemblyError {
    #[error("no message")]
    Empty,
    #[error("account {account} would have spent {spent} of {balance}")]
    Overdraft {
        account: u32,
        balance: u64,
        spent: u128,
    },
    #[error("bottom node {position} is outside a trie of {depth} levels")]
    Position { position: u32, depth: u8 },
    #[error(transparent)]
    Inputs(#[from] PartInputsError),
    #[error(transparent)]
    Manifest(#[from] ManifestError),
}

/// All accounts of a shard at one time, with the digests above them.
pub trait Accounts: Sync {
    /// The account; the default where there is none.
    fn account(&self, index: u32) -> Account;
    /// Digest of a node; level 1 is the bottom nodes, and `level` is at most the depth.
    fn node(&self, level: u8, position: u64) -> Fr;
}

impl Accounts for AccountTrie {
    fn account(&self, index: u32) -> Account {
        self.get(index)
    }

    fn node(&self, level: u8, position: u64) -> Fr {
        Self::node(self, level, position)
    }
}

/// An epoch that has been carried out.
pub struct Carried<'a> {
    pub home: Home,
    /// Levels of the account trie.
    pub depth: u8,
    /// Every message of the epoch, in any order.
    pub messages: &'a [SignedMessage],
    /// Bottom nodes in which an account changed, in order.
    pub triads: &'a [u32],
    pub before: &'a dyn Accounts,
    pub after: &'a dyn Accounts,
    /// Messages of other shards, and to them.
    pub traffic: &'a Traffic,
}

/// The parts of an epoch's proof.
#[derive(Clone, Debug)]
pub struct Assembly {
    pub manifest: Manifest,
    /// What the parts are proven from, in the order of the manifest's messages and accounts: equal blobs have one name.
    pub inputs: Vec<Vec<u8>>,
}

/// A part before its terms are known.
struct Dealt {
    circuit: PartCircuit,
    inputs: PartInputs,
}

impl Carried<'_> {
    /// Deals messages and accounts out to circuits and computes what each part states. Takes hashing only; parts are made
    /// beside each other.
    pub fn assemble(&self, keys: &PartKeys) -> Result<Assembly, AssemblyError> {
        if self.messages.is_empty() {
            return Err(AssemblyError::Empty);
        }
        let messages = self.messages();
        let changes = self.changes()?;
        let rows = self.rows(&changes);
        let (sparse, accounts, unchanged) = match self.tablets_are_cheaper(&rows) {
            false => (true, rows, Vec::new()),
            true => (false, self.tablets(&changes), self.unchanged()),
        };
        let mut manifest = Manifest {
            network: self.home.network,
            depth: self.depth,
            collector: self.home.collector,
            old: self.before.node(self.depth, 0),
            new: self.after.node(self.depth, 0),
            boxes: Default::default(),
            exchange: self.traffic.exchange(),
            sparse,
            messages: self.listed(&messages)?,
            accounts: self.listed(&accounts)?,
            unchanged,
        };
        let tree = manifest.shape(self.home.shard, keys, Fr::default())?;
        let context = tree.context();
        self.fill(&mut manifest.messages, &messages, &context)?;
        self.fill(&mut manifest.accounts, &accounts, &context)?;
        let dealt = messages.iter().chain(&accounts);
        let inputs: Result<_, _> = dealt.map(|dealt| dealt.inputs.encode()).collect();
        let inputs = inputs?;
        Ok(Assembly { manifest, inputs })
    }

    /// Messages of one payment and lists, each by the smallest circuits that take them.
    fn messages(&self) -> Vec<Dealt> {
        let (single, lists): (Vec<_>, Vec<_>) = self
            .messages
            .iter()
            .cloned()
            .partition(|signed| signed.message.payments.len() <= 1);
        let idle = PartCircuit::MessagesIdle;
        let few = idle
            .messages()
            .is_some_and(|size| single.len() <= size.slots);
        let single = deal(if few { idle } else { PartCircuit::Messages }, &single);
        let lists = deal(PartCircuit::Lists, &lists);
        single.into_iter().chain(lists).collect()
    }

    /// What happened to the accounts below the bottom nodes that changed.
    fn changes(&self) -> Result<BTreeMap<u32, Change>, AssemblyError> {
        let mut spent: BTreeMap<u32, u128> = BTreeMap::new();
        for signed in self.messages {
            *spent.entry(signed.message.from).or_default() += signed.message.spent();
        }
        let accounts = self
            .triads
            .iter()
            .flat_map(|triad| 3 * triad..3 * triad + 3);
        let change = |index| {
            let spent = spent.get(&index).copied().unwrap_or_default();
            Ok((index, self.change(index, spent)?))
        };
        accounts.map(change).collect()
    }

    fn change(&self, account: u32, spent: u128) -> Result<Change, AssemblyError> {
        let (old, new) = (self.before.account(account), self.after.account(account));
        let balance = old.balance;
        let rest = u64::try_from(spent)
            .ok()
            .and_then(|spent| balance.checked_sub(spent));
        let rest = rest.ok_or(AssemblyError::Overdraft {
            account,
            balance,
            spent,
        })?;
        Ok(Change {
            index: account,
            old,
            new,
            rest,
        })
    }

    /// The nodes above bottom nodes that changed, as (level, position).
    fn touched(&self) -> BTreeSet<(u8, u64)> {
        let mut positions: BTreeSet<u64> = self.triads.iter().map(|&triad| triad.into()).collect();
        let mut touched = BTreeSet::new();
        for level in 1..=self.depth {
            touched.extend(positions.iter().map(|&position| (level, position)));
            positions = positions.into_iter().map(|position| position / 3).collect();
        }
        touched
    }

    fn rows(&self, changes: &BTreeMap<u32, Change>) -> Vec<Dealt> {
        let touched = self.touched();
        let bottom: Vec<BottomRow> = self
            .triads
            .iter()
            .map(|&position| BottomRow {
                position,
                changes: [0, 1, 2].map(|i| changes[&(3 * position + i)]),
            })
            .collect();
        let children = |accounts: &dyn Accounts, level: u8, position: u64| {
            [0, 1, 2].map(|i| accounts.node(level - 1, 3 * position + i))
        };
        let upper: Vec<UpperRow> = touched
            .iter()
            .filter(|(level, _)| *level > 1)
            .map(|&(level, position)| UpperRow {
                level,
                position: position as u32,
                old: children(self.before, level, position),
                new: children(self.after, level, position),
                touched: [0, 1, 2].map(|i| touched.contains(&(level - 1, 3 * position + i))),
            })
            .collect();
        deal_rows(bottom, upper)
    }

    /// Tablets take all accounts of a subtree for two fifths of what a part of rows costs.
    fn tablets_are_cheaper(&self, rows: &[Dealt]) -> bool {
        let tablets = self.tablet_indices().len();
        let room = tablets > 0 && tablets <= MAX_PARTS / 2;
        let full = rows
            .iter()
            .filter(|dealt| dealt.circuit == PartCircuit::Rows)
            .count();
        room && 2 * tablets < 5 * full
    }

    /// The tablets in which something changed.
    fn tablet_indices(&self) -> BTreeSet<u64> {
        let triads = 3u64.pow(u32::from(TABLET_LEVELS) - 1);
        match self.depth >= TABLET_LEVELS {
            true => self
                .triads
                .iter()
                .map(|&triad| u64::from(triad) / triads)
                .collect(),
            false => BTreeSet::new(),
        }
    }

    fn tablets(&self, changes: &BTreeMap<u32, Change>) -> Vec<Dealt> {
        let size = 3u64.pow(TABLET_LEVELS.into());
        let change = |at: u64| {
            let index = at as u32;
            let untouched = || Change::none(index, self.before.account(index));
            changes.get(&index).copied().unwrap_or_else(untouched)
        };
        let tablet = |index: u64| Dealt {
            circuit: PartCircuit::Tablet,
            inputs: PartInputs::Tablet {
                index,
                changes: (size * index..size * (index + 1)).map(change).collect(),
            },
        };
        self.tablet_indices().into_iter().map(tablet).collect()
    }

    /// The subtrees beside those that tablets rewrite, from the tablets' level up.
    fn unchanged(&self) -> Vec<Unchanged> {
        let mut positions = self.tablet_indices();
        let mut unchanged = Vec::new();
        for level in TABLET_LEVELS..self.depth {
            let parents: BTreeSet<u64> = positions.iter().map(|position| position / 3).collect();
            let all = parents.iter().flat_map(|parent| 3 * parent..3 * parent + 3);
            let beside = all.filter(|index| !positions.contains(index));
            unchanged.extend(beside.map(|index| Unchanged {
                level,
                index,
                digest: self.before.node(level, index),
            }));
            positions = parents;
        }
        unchanged
    }

    /// The parts with their commitments; the sums are not known yet.
    fn listed(&self, dealt: &[Dealt]) -> Result<Vec<Listed>, AssemblyError> {
        let list = |dealt: &Dealt| -> Result<Listed, AssemblyError> {
            let subtree = match &dealt.inputs {
                PartInputs::Tablet { index, .. } => Part {
                    level: TABLET_LEVELS,
                    index: *index,
                    old: self.before.node(TABLET_LEVELS, *index),
                    new: self.after.node(TABLET_LEVELS, *index),
                    ..Part::default()
                },
                _ => Part::default(),
            };
            let events = match &dealt.inputs {
                PartInputs::Messages(signed) => signed.len() as u32,
                _ => 0,
            };
            Ok(Listed {
                circuit: dealt.circuit,
                inputs: Sha256::digest(dealt.inputs.encode()?).into(),
                part: Part {
                    commitment: dealt.inputs.commitment(dealt.circuit, &self.home)?,
                    events,
                    ..subtree
                },
            })
        };
        dealt.par_iter().map(list).collect()
    }

    /// Fills in what the parts state at the challenges.
    fn fill(
        &self,
        listed: &mut [Listed],
        dealt: &[Dealt],
        context: &Context,
    ) -> Result<(), AssemblyError> {
        let part = |dealt: &Dealt| dealt.inputs.part(dealt.circuit, &self.home, context);
        let parts: Result<Vec<Part>, PartInputsError> = dealt.par_iter().map(part).collect();
        for (listed, part) in listed.iter_mut().zip(parts?) {
            listed.part = part;
        }
        Ok(())
    }
}

fn deal(circuit: PartCircuit, signed: &[SignedMessage]) -> Vec<Dealt> {
    let slots = circuit.messages().map_or(1, |size| size.slots);
    let part = |signed: &[SignedMessage]| Dealt {
        circuit,
        inputs: PartInputs::Messages(signed.to_vec()),
    };
    signed.chunks(slots).map(part).collect()
}

/// Rows of both kinds side by side, as few parts as hold them.
fn deal_rows(bottom: Vec<BottomRow>, upper: Vec<UpperRow>) -> Vec<Dealt> {
    let parts = |circuit: PartCircuit| {
        let size = circuit.rows()?;
        let parts = bottom
            .len()
            .div_ceil(size.bottom)
            .max(upper.len().div_ceil(size.upper));
        Some((parts, circuit, size))
    };
    // Two parts of the small circuit cost as much as one of the large one, and a join more.
    let small = parts(PartCircuit::RowsIdle).filter(|(parts, ..)| *parts <= 1);
    let Some((count, circuit, size)) = small.or_else(|| parts(PartCircuit::Rows)) else {
        return Vec::new();
    };
    let mut bottom = bottom.chunks(size.bottom);
    let mut upper = upper.chunks(size.upper);
    let part = |_| Dealt {
        circuit,
        inputs: PartInputs::Rows {
            bottom: bottom.next().unwrap_or_default().to_vec(),
            upper: upper.next().unwrap_or_default().to_vec(),
        },
    };
    (0..count).map(part).collect()
}
