//! From an epoch that a shard has carried out to the parts of its proof: how messages and accounts are dealt out, and what each
//! part is proven from.

use super::accounts::{Account, AccountTrie};
use super::challenge::Tree;
use super::channels::{Look, Mail, Seen};
use super::circuit::{PartCircuit, PartKeys};
use super::crossing::{Crossing, TrafficError};
use super::epoch::Change;
use super::manifest::{ACCOUNT_PARTS, Listed, Manifest, ManifestError, Unchanged};
use super::message::SignedMessage;
use super::part_inputs::{ChannelsInputs, Home, PartInputs, PartInputsError};
use super::rows::{BottomRow, UpperRow};
use super::statement::{Context, Header, Part};
use super::traffic::Traffic;
use crate::snapshot::Exchange;
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
    #[error("{looks} messages for account {account} in one epoch, more than 65535")]
    Looks { account: u32, looks: u32 },
    #[error("bottom node {position} is outside a trie of {depth} levels")]
    Position { position: u32, depth: u8 },
    #[error(transparent)]
    Traffic(#[from] TrafficError),
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
    /// beside each other. `seen` is the digest of the global state that the shard has seen, 0 if none.
    pub fn assemble(&self, keys: &PartKeys, seen: Fr) -> Result<Assembly, AssemblyError> {
        if self.messages.is_empty() && self.traffic.received.is_empty() {
            return Err(AssemblyError::Empty);
        }
        let triads = self.triads();
        let changes = self.changes(&triads)?;
        let crossing = Crossing::of(self.traffic, |index| self.look(&changes, index))?;
        let dealer = Dealer(keys);
        let mut messages = self.messages(dealer);
        let (bottom, upper) = self.rows(&triads, &changes);
        let tablets = dealer.tablets(&triads, self.depth, &bottom, &upper);
        let (accounts, unchanged) = match &tablets {
            None => {
                let accounts = self.deal_channels(dealer, seen, &crossing, bottom, upper);
                (accounts, Vec::new())
            }
            Some(tablets) => {
                let (bottom, upper) = (Vec::new(), Vec::new());
                messages.extend(self.deal_channels(dealer, seen, &crossing, bottom, upper));
                (self.tablets(tablets, &changes), self.unchanged(tablets))
            }
        };
        let sparse = tablets.is_none();
        let mut manifest = Manifest {
            network: self.home.network,
            depth: self.depth,
            collector: self.home.collector,
            old: self.before.node(self.depth, 0),
            new: self.after.node(self.depth, 0),
            boxes: crossing.boxes,
            exchange: self.traffic.exchange(),
            sparse,
            messages: self.listed(&messages)?,
            accounts: self.listed(&accounts)?,
            unchanged,
        };
        let tree = manifest.shape(self.home.shard, keys, seen)?;
        let context = tree.context();
        self.fill(&mut manifest.messages, &messages, &context)?;
        self.fill(&mut manifest.accounts, &accounts, &context)?;
        let dealt = messages.iter().chain(&accounts);
        let inputs: Result<_, _> = dealt.map(|dealt| dealt.inputs.encode()).collect();
        let inputs = inputs?;
        Ok(Assembly { manifest, inputs })
    }

    /// Messages of one payment and lists, each by the circuits that take them at the least cost.
    fn messages(&self, dealer: Dealer<'_>) -> Vec<Dealt> {
        let (single, lists): (Vec<_>, Vec<_>) = self
            .messages
            .iter()
            .cloned()
            .partition(|signed| signed.message.payments.len() <= 1);
        // There is a part of messages, even if none of them is in it.
        let idle = PartCircuit::MessagesIdle;
        let circuit = match single.is_empty() && !lists.is_empty() {
            true => PartCircuit::Messages,
            false => dealer.circuit(
                [idle, PartCircuit::Messages, PartCircuit::MessagesLarge],
                &single_parts(single.len().max(1)),
            ),
        };
        let mut dealt = deal(circuit, &single);
        if dealt.is_empty() && lists.is_empty() {
            let inputs = PartInputs::Messages(Vec::new());
            dealt.push(Dealt { circuit, inputs });
        }
        let circuits = [PartCircuit::Lists, PartCircuit::ListsLarge];
        let circuit = dealer.circuit(circuits, &single_parts(lists.len()));
        dealt.extend(deal(circuit, &lists));
        dealt
    }

    /// Messages taken for places that the trie has.
    fn looked(&self) -> impl Iterator<Item = u32> {
        let places = self.traffic.received.iter();
        let places = places.map(|received| received.opening.message.to);
        places.filter(|to| u64::from(*to) < 3u64.pow(self.depth.into()))
    }

    /// The bottom nodes in which an account changed or is looked at.
    fn triads(&self) -> BTreeSet<u32> {
        let looked = self.looked().map(|index| index / 3);
        let mut triads: BTreeSet<u32> = self.triads.iter().copied().chain(looked).collect();
        // The close takes the root of the trie, so something has to offer it.
        if triads.is_empty() {
            triads.insert(0);
        }
        triads
    }

    fn look(&self, changes: &BTreeMap<u32, Change>, index: u32) -> Option<Look> {
        let change = changes.get(&index)?;
        Some(Look {
            account: change.new,
            debits: change.debits(),
        })
    }

    /// What happened to the accounts below these bottom nodes.
    fn changes(&self, triads: &BTreeSet<u32>) -> Result<BTreeMap<u32, Change>, AssemblyError> {
        let mut spent: BTreeMap<u32, u128> = BTreeMap::new();
        for signed in self.messages {
            *spent.entry(signed.message.from).or_default() += signed.message.spent();
        }
        let mut looks: BTreeMap<u32, u32> = BTreeMap::new();
        self.looked()
            .for_each(|index| *looks.entry(index).or_default() += 1);
        let accounts = triads.iter().flat_map(|triad| 3 * triad..3 * triad + 3);
        let change = |index| {
            let spent = spent.get(&index).copied().unwrap_or_default();
            let looks = looks.get(&index).copied().unwrap_or_default();
            Ok((index, self.change(index, spent, looks)?))
        };
        accounts.map(change).collect()
    }

    fn change(&self, account: u32, spent: u128, looks: u32) -> Result<Change, AssemblyError> {
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
            looks: u16::try_from(looks).map_err(|_| AssemblyError::Looks { account, looks })?,
        })
    }

    /// The nodes above bottom nodes that changed, as (level, position).
    fn touched(&self, triads: &BTreeSet<u32>) -> BTreeSet<(u8, u64)> {
        let mut positions: BTreeSet<u64> = triads.iter().map(|&triad| triad.into()).collect();
        let mut touched = BTreeSet::new();
        for level in 1..=self.depth {
            touched.extend(positions.iter().map(|&position| (level, position)));
            positions = positions.into_iter().map(|position| position / 3).collect();
        }
        touched
    }

    fn rows(
        &self,
        triads: &BTreeSet<u32>,
        changes: &BTreeMap<u32, Change>,
    ) -> (Vec<BottomRow>, Vec<UpperRow>) {
        let touched = self.touched(triads);
        let bottom: Vec<BottomRow> = triads
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
                tree: Tree::Accounts,
                level,
                position: position as u32,
                old: children(self.before, level, position),
                new: children(self.after, level, position),
                touched: [0, 1, 2].map(|i| touched.contains(&(level - 1, 3 * position + i))),
            })
            .collect();
        (bottom, upper)
    }

    fn tablets(&self, tablets: &Tablets, changes: &BTreeMap<u32, Change>) -> Vec<Dealt> {
        let size = 3u64.pow(tablets.levels.into());
        let change = |at: u64| {
            let index = at as u32;
            let untouched = || Change::none(index, self.before.account(index));
            changes.get(&index).copied().unwrap_or_else(untouched)
        };
        let tablet = |index: u64| Dealt {
            circuit: tablets.circuit,
            inputs: PartInputs::Tablet {
                index,
                changes: (size * index..size * (index + 1)).map(change).collect(),
            },
        };
        tablets.indices.iter().copied().map(tablet).collect()
    }

    /// The subtrees beside those that tablets rewrite, from the tablets' level up.
    fn unchanged(&self, tablets: &Tablets) -> Vec<Unchanged> {
        let mut positions = tablets.indices.clone();
        let mut unchanged = Vec::new();
        for level in tablets.levels..self.depth {
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

    /// Messages between shards with as many rows as their parts have room for, and the other rows apart.
    fn deal_channels(
        &self,
        dealer: Dealer<'_>,
        seen_digest: Fr,
        crossing: &Crossing,
        bottom: Vec<BottomRow>,
        upper: Vec<UpperRow>,
    ) -> Vec<Dealt> {
        let upper = [upper, crossing.upper.clone()].concat();
        let circuit = PartCircuit::Channels;
        let Some(size) = circuit.channels() else {
            return Vec::new();
        };
        let Mail {
            sends,
            channels,
            receives,
            sources,
        } = &crossing.mail;
        let counts = [
            sends.len().div_ceil(size.sends),
            channels.len().div_ceil(size.channels),
            receives.len().div_ceil(size.receives),
            sources.len().div_ceil(size.sources),
        ];
        let count = counts.into_iter().max().unwrap_or_default();
        let Exchange {
            received_lamport,
            received_timestamp,
            ..
        } = self.traffic.exchange();
        let header = Header {
            capacity: 3u64.pow(self.depth.into()),
            seen_digest,
            lamport: received_lamport,
            timestamp: received_timestamp,
        };
        let (mut bottom, mut upper) = (Portions(&bottom), Portions(&upper));
        let (mut sends, mut channels) = (Portions(sends), Portions(channels));
        let (mut receives, mut sources) = (Portions(receives), Portions(sources));
        let part = |_| Dealt {
            circuit,
            inputs: PartInputs::Channels(Box::new(ChannelsInputs {
                header,
                seen: self.traffic.seen.map(Seen),
                bottom: bottom.take(size.rows.bottom),
                upper: upper.take(size.rows.upper),
                mail: Mail {
                    sends: sends.take(size.sends),
                    channels: channels.take(size.channels),
                    receives: receives.take(size.receives),
                    sources: sources.take(size.sources),
                },
            })),
        };
        let mut dealt: Vec<Dealt> = (0..count).map(part).collect();
        dealt.extend(dealer.rows(bottom.0, upper.0));
        dealt
    }

    /// The parts with their commitments; the sums are not known yet.
    fn listed(&self, dealt: &[Dealt]) -> Result<Vec<Listed>, AssemblyError> {
        let list = |dealt: &Dealt| -> Result<Listed, AssemblyError> {
            let subtree = match (&dealt.inputs, dealt.circuit.tablet()) {
                (PartInputs::Tablet { index, .. }, Some(level)) => Part {
                    level,
                    index: *index,
                    old: self.before.node(level, *index),
                    new: self.after.node(level, *index),
                    ..Part::default()
                },
                _ => Part::default(),
            };
            let events = match &dealt.inputs {
                PartInputs::Messages(signed) => signed.len() as u32,
                PartInputs::Channels(inputs) => inputs.mail.receives.len() as u32,
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

/// What is left of a list that is dealt out.
struct Portions<'a, T>(&'a [T]);

impl<T: Clone> Portions<'_, T> {
    fn take(&mut self, most: usize) -> Vec<T> {
        let (portion, rest) = self.0.split_at(most.min(self.0.len()));
        self.0 = rest;
        portion.to_vec()
    }
}

/// The subtrees that are rewritten whole.
struct Tablets {
    circuit: PartCircuit,
    levels: u8,
    indices: BTreeSet<u64>,
}

impl Tablets {
    /// Proofs above them along the account trie.
    fn joins(&self, depth: u8) -> usize {
        let mut positions = self.indices.clone();
        let level = |_| {
            positions = positions.iter().map(|position| position / 3).collect();
            positions.len()
        };
        (self.levels..depth).map(level).sum()
    }
}

/// Chooses circuits by what they cost, among those that a network has keys of.
#[derive(Clone, Copy)]
struct Dealer<'a>(&'a PartKeys);

impl Dealer<'_> {
    /// The circuit whose parts cost least with the joins over them, given how many a circuit takes.
    fn circuit<const N: usize>(
        self,
        circuits: [PartCircuit; N],
        parts: &dyn Fn(PartCircuit) -> usize,
    ) -> PartCircuit {
        let known = circuits.into_iter().filter(|circuit| self.0.has(*circuit));
        let cheapest = known.min_by_key(|circuit| cost(*circuit, parts(*circuit)));
        cheapest.unwrap_or(circuits[0])
    }

    /// Rows of both kinds side by side, as few parts as hold them.
    fn rows(self, bottom: &[BottomRow], upper: &[UpperRow]) -> Vec<Dealt> {
        let circuit = self.circuit(ROWS, &|circuit| row_parts(circuit, bottom, upper));
        let Some(size) = circuit.rows() else {
            return Vec::new();
        };
        let count = row_parts(circuit, bottom, upper);
        let (mut bottom, mut upper) = (Portions(bottom), Portions(upper));
        let part = |_| Dealt {
            circuit,
            inputs: PartInputs::Rows {
                bottom: bottom.take(size.bottom),
                upper: upper.take(size.upper),
            },
        };
        (0..count).map(part).collect()
    }

    /// Tablets over these bottom nodes, where they cost less than these rows.
    fn tablets(
        self,
        triads: &BTreeSet<u32>,
        depth: u8,
        bottom: &[BottomRow],
        upper: &[UpperRow],
    ) -> Option<Tablets> {
        let tablets = |circuit: PartCircuit| {
            let levels = circuit.tablet().filter(|levels| *levels <= depth)?;
            let size = 3u64.pow(u32::from(levels) - 1);
            let indices = triads.iter().map(|&triad| u64::from(triad) / size);
            Some(Tablets {
                circuit,
                levels,
                indices: indices.collect(),
            })
        };
        let known = [PartCircuit::Tablet, PartCircuit::TabletLarge].into_iter();
        let known = known.filter(|circuit| self.0.has(*circuit));
        let fit = known.filter_map(tablets);
        let fit =
            fit.filter(|tablets| tablets.indices.len() + tablets.joins(depth) <= ACCOUNT_PARTS);
        let price = |tablets: &Tablets| {
            let joins = tablets.joins(depth) * PartCircuit::Join.cost();
            tablets.indices.len() * tablets.circuit.cost() + joins
        };
        let cheapest = fit.min_by_key(price)?;
        let rows = self.circuit(ROWS, &|circuit| row_parts(circuit, bottom, upper));
        let other = cost(rows, row_parts(rows, bottom, upper));
        (price(&cheapest) < other).then_some(cheapest)
    }
}

/// The circuits of rows alone.
const ROWS: [PartCircuit; 3] = [
    PartCircuit::RowsIdle,
    PartCircuit::Rows,
    PartCircuit::RowsLarge,
];

/// What so many parts of a circuit cost with the joins over them.
fn cost(circuit: PartCircuit, parts: usize) -> usize {
    let joins = parts.saturating_sub(1).div_ceil(2);
    parts * circuit.cost() + joins * PartCircuit::Join.cost()
}

/// How many parts of a circuit so many messages take.
fn single_parts(messages: usize) -> impl Fn(PartCircuit) -> usize {
    move |circuit| {
        let size = circuit.messages();
        size.map_or(0, |size| messages.div_ceil(size.slots))
    }
}

/// How many parts of a circuit hold these rows.
fn row_parts(circuit: PartCircuit, bottom: &[BottomRow], upper: &[UpperRow]) -> usize {
    circuit.rows().map_or(0, |size| {
        let parts = bottom.len().div_ceil(size.bottom);
        parts.max(upper.len().div_ceil(size.upper))
    })
}

fn deal(circuit: PartCircuit, signed: &[SignedMessage]) -> Vec<Dealt> {
    let slots = circuit.messages().map_or(1, |size| size.slots);
    let part = |signed: &[SignedMessage]| Dealt {
        circuit,
        inputs: PartInputs::Messages(signed.to_vec()),
    };
    signed.chunks(slots).map(part).collect()
}
