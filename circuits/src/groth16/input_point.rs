//! `V = IC0 + x IC1` from the entries that the digits of x select.

use super::comb;
use super::curve::Point;
use super::fixed_base;
use super::layout::{FIRST_INVERTED_COLUMN, ORDINATE_STRIDE};
use super::params::Mode;
use ark_bn254::Fq;
use ark_ff::Field;

/// The table entry and sign of every addition, in the order of the additions.
pub fn selections(mode: Mode, bits: &[bool]) -> Vec<(usize, bool)> {
    match mode {
        Mode::Witness => comb::columns(bits),
        Mode::Constant => fixed_base::windows(bits),
    }
}

/// The numbers that lead to V, in the layout's classes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InputPoint {
    /// V.
    pub v: Point<Fq>,
    /// Comb: the abscissa after each column.
    pub abscissas: Vec<Fq>,
    /// Comb: the ordinates after columns 0, 6, .., 42.
    pub ordinates: Vec<Fq>,
    /// Slopes: of each column or window after the first (comb: doubling, then addition), then of the addition of IC0.
    pub slopes: Vec<Fq>,
    /// Inverses of abscissa differences: of columns 37..=42 or of the last window, then of the addition of IC0.
    pub inverses: Vec<Fq>,
}

impl InputPoint {
    /// V from the selected points, signs applied; `None` when an addition meets a point and itself or its negative.
    pub fn new(mode: Mode, entries: &[Point<Fq>], ic0: Point<Fq>) -> Option<Self> {
        let mut trace = Self {
            v: *entries.first()?,
            abscissas: Vec::new(),
            ordinates: Vec::new(),
            slopes: Vec::new(),
            inverses: Vec::new(),
        };
        match mode {
            Mode::Witness => trace.comb(entries)?,
            Mode::Constant => trace.windows(entries)?,
        }
        trace.add(ic0, true)?;
        Some(trace)
    }

    fn comb(&mut self, entries: &[Point<Fq>]) -> Option<()> {
        for (column, &entry) in entries.iter().enumerate() {
            if column > 0 {
                let slope = self.v.tangent()?;
                self.slopes.push(slope);
                self.v = self.v.along(self.v, slope);
                self.add(entry, column >= FIRST_INVERTED_COLUMN)?;
            }
            self.abscissas.push(self.v.x);
            if column.is_multiple_of(ORDINATE_STRIDE) {
                self.ordinates.push(self.v.y);
            }
        }
        Some(())
    }

    fn windows(&mut self, entries: &[Point<Fq>]) -> Option<()> {
        for (window, &entry) in entries.iter().enumerate().skip(1) {
            self.add(entry, window + 1 == entries.len())?;
        }
        Some(())
    }

    fn add(&mut self, other: Point<Fq>, inverted: bool) -> Option<()> {
        let slope = self.v.chord(other)?;
        self.slopes.push(slope);
        if inverted {
            self.inverses.push((self.v.x - other.x).inverse()?);
        }
        self.v = self.v.along(other, slope);
        Some(())
    }
}
