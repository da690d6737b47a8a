//! The tree of one epoch at one instant, and what changed since another.

use serde::Serialize;
use trifold_coordinator::view::Cells;

use crate::runs;

/// An epoch's cells, their letters spelled out.
#[derive(Debug)]
pub struct Picture {
    pub cells: Cells,
    levels: Vec<Vec<u8>>,
}

/// What turns one picture of an epoch into a later one.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct Delta<'a> {
    pub epoch: u64,
    /// Per level, the letters of cells that changed; see [`runs::difference`].
    pub levels: Vec<String>,
    /// Holders that are new or others; an empty name: nobody holds it any more.
    pub holders: Vec<(u8, u32, &'a str)>,
}

impl Picture {
    /// `None` if the cells' runs can't be read.
    pub fn new(cells: Cells) -> Option<Self> {
        let levels = cells.levels.iter().map(|runs| runs::decode(runs));
        let levels = levels.collect::<Option<_>>()?;
        Some(Self { cells, levels })
    }

    /// What changed since `old`; `None` if that is of another epoch or of another shape.
    pub fn since<'a>(&'a self, old: &'a Picture) -> Option<Delta<'a>> {
        if self.cells.epoch != old.cells.epoch || self.shape() != old.shape() {
            return None;
        }
        let levels = old.levels.iter().zip(&self.levels);
        Some(Delta {
            epoch: self.cells.epoch,
            levels: levels
                .map(|(old, new)| runs::difference(old, new))
                .collect(),
            holders: self.holders_since(old),
        })
    }

    fn shape(&self) -> Vec<usize> {
        self.levels.iter().map(Vec::len).collect()
    }

    fn holders_since<'a>(&'a self, old: &'a Picture) -> Vec<(u8, u32, &'a str)> {
        let [before, now] = [old, self].map(Picture::holders);
        let gone = before.keys().filter(|place| !now.contains_key(*place));
        let gone = gone.map(|&(level, index)| (level, index, ""));
        let new = now
            .iter()
            .filter(|&(place, name)| before.get(place) != Some(name));
        let new = new.map(|(&(level, index), &name)| (level, index, name));
        gone.chain(new).collect()
    }

    fn holders(&self) -> std::collections::BTreeMap<(u8, u32), &str> {
        let holders = self.cells.holders.iter();
        holders
            .map(|(level, index, name)| ((*level, *index), name.as_str()))
            .collect()
    }
}

impl Delta<'_> {
    /// Whether nothing changed.
    pub fn is_empty(&self) -> bool {
        self.holders.is_empty() && self.levels.iter().all(String::is_empty)
    }
}
