//! The circuit of touched nodes: its inputs and its native relation.

use super::accounts::{Account, AccountTrie, triad_digest};
use super::challenge::Tree;
use super::epoch::Change;
use super::layout;
use super::statement::{Context, Part, commitment};
use super::tablet::{ChangesError, check_change, step};
use crate::field;
use crate::inputs::Inputs;
use crate::trie::Touched;
use ark_bn254::Fr;
use ark_ff::AdditiveGroup;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use trifold_verifier::poseidon;

/// Parameters of the template.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RowsSize {
    /// B: most touched bottom nodes.
    pub bottom: usize,
    /// U: most touched nodes above.
    pub upper: usize,
}

/// A touched bottom node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct BottomRow {
    /// Among the nodes of level 1.
    pub position: u32,
    pub changes: [Change; 3],
}

/// A touched node above.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct UpperRow {
    pub tree: Tree,
    /// 2 or more: one more than the node's height, but in the account trie, where bottom nodes have level 1.
    pub level: u8,
    /// Among the nodes of its level.
    pub position: u32,
    /// Digests of the children.
    #[serde(with = "field::triple")]
    pub old: [Fr; 3],
    #[serde(with = "field::triple")]
    pub new: [Fr; 3],
    /// Which children have rows of their own.
    pub touched: [bool; 3],
}

/// Rows that one proof takes, in any order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rows {
    pub size: RowsSize,
    pub bottom: Vec<BottomRow>,
    pub upper: Vec<UpperRow>,
}

/// The rows of all nodes that an epoch touched: of bottom nodes and of those above.
pub fn rows(
    before: &AccountTrie,
    after: &AccountTrie,
    changes: &BTreeMap<u32, Change>,
    touched: &[Touched],
) -> (Vec<BottomRow>, Vec<UpperRow>) {
    let all: BTreeSet<(usize, u64)> = touched.iter().map(|at| (at.level, at.position)).collect();
    let change = |index: u32| Change::of(index, before, changes);
    let bottom = |&(_, position): &(usize, u64)| BottomRow {
        position: position as u32,
        changes: [0, 1, 2].map(|i| change(3 * position as u32 + i)),
    };
    let upper = |&(level, position): &(usize, u64)| UpperRow {
        tree: Tree::Accounts,
        level: level as u8,
        position: position as u32,
        old: before.children(level as u8, position),
        new: after.children(level as u8, position),
        touched: [0, 1, 2].map(|i| all.contains(&(level - 1, 3 * position + i))),
    };
    (
        all.iter().filter(|at| at.0 == 1).map(bottom).collect(),
        all.iter().filter(|at| at.0 > 1).map(upper).collect(),
    )
}

impl BottomRow {
    /// What fills a row that is not in use.
    fn idle() -> Self {
        Self {
            position: 0,
            changes: [0, 1, 2].map(|index| Change::none(index, Account::default())),
        }
    }

    fn digest(&self, account: fn(&Change) -> Account) -> Fr {
        triad_digest(&self.changes.each_ref().map(account))
    }

    fn place(&self, real: bool) -> Fr {
        Fr::from(u64::from(self.position) | u64::from(real) << 32)
    }

    fn check(&self) -> Result<(), ChangesError> {
        let first = 3 * u64::from(self.position);
        (first..)
            .zip(&self.changes)
            .try_for_each(|(at, change)| check_change(at, change))
    }

    fn sum(&self, context: &Context) -> Fr {
        let (old, new) = (
            self.digest(|change| change.old),
            self.digest(|change| change.new),
        );
        let challenge = &context.challenge;
        let offered = challenge.node(Tree::Accounts, 1, self.position.into(), old, new);
        let steps = self.changes.iter().map(|change| step(change, context));
        offered - steps.sum::<Fr>()
    }
}

impl UpperRow {
    /// What fills a row that is not in use.
    fn idle() -> Self {
        Self {
            tree: Tree::Accounts,
            level: 2,
            position: 0,
            old: [Fr::ZERO; 3],
            new: [Fr::ZERO; 3],
            touched: [false; 3],
        }
    }

    fn check(&self) -> Result<(), ChangesError> {
        let most = self.tree.top();
        match (2..=most).contains(&self.level) {
            true => Ok(()),
            false => Err(ChangesError::UpperLevel {
                level: self.level,
                most,
            }),
        }
    }

    fn place(&self, real: bool) -> Fr {
        let [a, b, c] = self.touched.map(u64::from);
        let flags = u64::from(real) | a << 1 | b << 2 | c << 3;
        let level = u64::from(self.level.saturating_sub(2));
        let place = u64::from(self.position) | level << 32 | flags << 37;
        Fr::from(place | self.tree.number() << 41)
    }

    fn sum(&self, context: &Context) -> Fr {
        let (challenge, position) = (context.challenge, u64::from(self.position));
        let node = |level, position, old, new| challenge.node(self.tree, level, position, old, new);
        let (old, new) = (poseidon::hash(&self.old), poseidon::hash(&self.new));
        let taken = (0..3).filter(|&i| self.touched[i]).map(|i| {
            let child = 3 * position + i as u64;
            node(self.level - 1, child, self.old[i], self.new[i])
        });
        node(self.level, position, old, new) - taken.sum::<Fr>()
    }
}

impl Rows {
    /// Whether everything fits, every account has its place and every owner its key.
    pub fn check(&self) -> Result<(), ChangesError> {
        let RowsSize { bottom, upper } = self.size;
        check_room("bottom", self.bottom.len(), bottom)?;
        check_room("upper", self.upper.len(), upper)?;
        self.bottom.iter().try_for_each(BottomRow::check)?;
        self.upper.iter().try_for_each(UpperRow::check)
    }

    /// Bottom rows with whether they are in use, all of the template's.
    fn bottom(&self) -> Vec<(BottomRow, bool)> {
        filled(&self.bottom, BottomRow::idle(), self.size.bottom)
    }

    fn upper(&self) -> Vec<(UpperRow, bool)> {
        filled(&self.upper, UpperRow::idle(), self.size.upper)
    }

    /// What the rows' terms depend on.
    pub(super) fn words(&self) -> Vec<Fr> {
        let (bottom, upper) = (self.bottom(), self.upper());
        let mut words = Vec::new();
        for (row, _) in &bottom {
            let (old, new) = (
                row.digest(|change| change.old),
                row.digest(|change| change.new),
            );
            words.extend([old, new, layout::rests(&row.changes)]);
        }
        let places = bottom.iter().map(|(row, real)| row.place(*real));
        words.extend(layout::packed(33, &places.collect::<Vec<_>>()));
        for (row, _) in &upper {
            words.extend([poseidon::hash(&row.old), poseidon::hash(&row.new)]);
        }
        let places = upper.iter().map(|(row, real)| row.place(*real));
        words.extend(layout::packed(58, &places.collect::<Vec<_>>()));
        words
    }

    /// The rows' terms.
    pub(super) fn sum(&self, context: &Context) -> Fr {
        let bottom = self.bottom.iter().map(|row| row.sum(context));
        let upper = self.upper.iter().map(|row| row.sum(context));
        bottom.chain(upper).sum()
    }

    pub(super) fn insert(&self, inputs: &mut Inputs) {
        insert_bottom(inputs, &self.bottom());
        insert_upper(inputs, &self.upper());
    }

    /// Binds every row.
    pub fn commitment(&self) -> Fr {
        let RowsSize { bottom, upper } = self.size;
        let mut words = vec![Fr::from(bottom as u64 | (upper as u64) << 32)];
        words.extend(self.words());
        commitment("trifold/netted/rows/v1", &words)
    }

    /// What the proof states.
    pub fn part(&self, context: &Context) -> Result<Part, ChangesError> {
        self.check()?;
        Ok(Part {
            commitment: self.commitment(),
            sum: self.sum(context),
            ..Part::default()
        })
    }

    /// The input signals, and what the proof states.
    pub fn inputs(&self, context: &Context) -> Result<(Inputs, Part), ChangesError> {
        let part = self.part(context)?;
        let mut inputs = Inputs::new();
        inputs.insert("x", [part.digest(context)]);
        layout::context(&mut inputs, context);
        self.insert(&mut inputs);
        Ok((inputs, part))
    }
}

/// As many as the template has, with whether they are in use.
pub(super) fn filled<T: Clone>(used: &[T], idle: T, room: usize) -> Vec<(T, bool)> {
    let used = used.iter().cloned().map(|row| (row, true));
    let idle = std::iter::repeat((idle, false));
    used.chain(idle).take(room).collect()
}

pub(super) fn check_room(
    kind: &'static str,
    found: usize,
    room: usize,
) -> Result<(), ChangesError> {
    match found <= room {
        true => Ok(()),
        false => Err(ChangesError::Rows { kind, found, room }),
    }
}

fn insert_bottom(inputs: &mut Inputs, rows: &[(BottomRow, bool)]) {
    inputs.insert("bottom_real", rows.iter().map(|(_, real)| (*real).into()));
    inputs.insert(
        "bottom_position",
        rows.iter().map(|(row, _)| row.position.into()),
    );
    let changes: Vec<Change> = rows.iter().flat_map(|(row, _)| row.changes).collect();
    layout::changes(inputs, "bottom_", &changes);
}

fn insert_upper(inputs: &mut Inputs, rows: &[(UpperRow, bool)]) {
    inputs.insert("upper_real", rows.iter().map(|(_, real)| (*real).into()));
    let tree = |(row, _): &(UpperRow, bool)| Fr::from(row.tree.number());
    inputs.insert("upper_tree", rows.iter().map(tree));
    inputs.insert(
        "upper_position",
        rows.iter().map(|(row, _)| row.position.into()),
    );
    inputs.insert("upper_level", rows.iter().map(|(row, _)| row.level.into()));
    inputs.insert("upper_old", rows.iter().flat_map(|(row, _)| row.old));
    inputs.insert("upper_new", rows.iter().flat_map(|(row, _)| row.new));
    let touched = rows.iter().flat_map(|(row, _)| row.touched.map(Fr::from));
    inputs.insert("upper_touched", touched);
}
