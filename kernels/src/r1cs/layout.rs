//! Rows cut into slices for warps (`r1cs/rows.hpp`).

use std::cmp::Reverse;

use super::SparseRows;

/// Threads of a warp, and entries of a group.
pub const LANES: usize = 32;
/// Rows with more entries have a warp to themselves: a lane takes at most as many steps as there are lanes.
const LONG_ROW: usize = 32;
/// Rows with more entries have a block to themselves.
const GIANT_ROW: usize = 4096;
/// A lane without a row.
const NO_ROW: u32 = u32::MAX;

/// Which rows each slice has, the longest first.
pub struct Layout {
    pub giant_slices: usize,
    /// Slices of one row each, the giant ones among them.
    pub long_slices: usize,
    /// Slice s has the groups `starts[s]..starts[s + 1]`, of one entry for each lane.
    pub starts: Vec<u32>,
    /// The row of each long slice, then those of the lanes of the others.
    pub rows: Vec<u32>,
}

impl Layout {
    /// From the starts of the rows, which are in order.
    pub fn new(row_starts: &[u32]) -> Self {
        let length = |row: u32| (row_starts[row as usize + 1] - row_starts[row as usize]) as usize;
        let mut rows: Vec<u32> = (0..row_starts.len() as u32 - 1).collect();
        rows.sort_by_key(|row| Reverse(length(*row)));
        let giant_slices = rows.partition_point(|row| length(*row) > GIANT_ROW);
        let long_slices = rows.partition_point(|row| length(*row) > LONG_ROW);
        let long = rows[..long_slices]
            .iter()
            .map(|row| length(*row).div_ceil(LANES));
        let short = rows[long_slices..]
            .chunks(LANES)
            .map(|rows| length(rows[0]));
        let mut starts = vec![0];
        starts.extend(long.chain(short).scan(0, |groups, count| {
            *groups += count as u32;
            Some(*groups)
        }));
        rows.resize(
            long_slices + (starts.len() - 1 - long_slices) * LANES,
            NO_ROW,
        );
        Self {
            giant_slices,
            long_slices,
            starts,
            rows,
        }
    }

    pub fn slices(&self) -> usize {
        self.starts.len() - 1
    }

    fn groups(&self) -> usize {
        self.starts[self.slices()] as usize
    }

    /// Bytes of the three arrays, one entry having `entry_bytes`.
    pub fn bytes(&self, entry_bytes: usize) -> usize {
        (self.groups() + 1) * LANES * entry_bytes
            + size_of_val(&*self.starts)
            + size_of_val(&*self.rows)
    }

    /// The entries where the device looks for them, `filler` in the places between, and at least one group.
    pub fn place<E: Copy>(
        &self,
        rows: SparseRows<'_>,
        filler: E,
        entry: impl Fn((u32, u32)) -> E,
    ) -> Vec<E> {
        let mut placed = vec![filler; self.groups().max(1) * LANES];
        let of = |row: u32| {
            &rows.entries
                [rows.starts[row as usize] as usize..rows.starts[row as usize + 1] as usize]
        };
        let (long, short) = self.rows.split_at(self.long_slices);
        for (slice, row) in long.iter().enumerate() {
            let start = self.starts[slice] as usize * LANES;
            let places = placed[start..].iter_mut();
            places
                .zip(of(*row))
                .for_each(|(place, found)| *place = entry(*found));
        }
        for (slice, rows) in (self.long_slices..).zip(short.chunks(LANES)) {
            let start = self.starts[slice] as usize * LANES;
            for (lane, row) in rows.iter().enumerate().filter(|(_, row)| **row != NO_ROW) {
                let places = placed[start..].iter_mut().skip(lane).step_by(LANES);
                places
                    .zip(of(*row))
                    .for_each(|(place, found)| *place = entry(*found));
            }
        }
        placed
    }
}
