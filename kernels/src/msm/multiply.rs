//! From sorted pairs to the sums that are left to the host.

use super::bases::Bases;
use super::error::{MsmError, same};
use super::group::Group;
use super::scratch::ScratchNeeds;
use super::sort::SortedPairs;
use super::sums::MsmSums;
use super::tuning::SUM_THREADS;
use crate::args;
use crate::buffer::BufferSlice;
use crate::stream::Grid;

const WARP_THREADS: u32 = 32;
const WORD_BYTES: u32 = 4;

impl SortedPairs<'_> {
    /// Enqueues the multiplication of these points by the sorted scalars; `sums` gets the result.
    ///
    /// # Errors
    /// `Length` if the points are not the plan's, or the sums those of another plan or a smaller batch; `Limit` if the
    /// scratch was not made for so much; `Device`.
    pub fn multiply<G: Group>(
        &self,
        bases: &Bases<G>,
        sums: &mut MsmSums<G>,
    ) -> Result<(), MsmError> {
        same(
            "tables of the points",
            bases.plan().tables as usize,
            self.plan.tables as usize,
        )?;
        same(
            "bits between tables",
            bases.shift_bits() as usize,
            (self.plan.window_bits * self.plan.sets) as usize,
        )?;
        self.multiply_points(bases.points(), sums)
    }

    /// `points`: the plan's, table after table.
    pub(super) fn multiply_points<G: Group>(
        &self,
        points: BufferSlice<'_, G::Affine>,
        sums: &mut MsmSums<G>,
    ) -> Result<(), MsmError> {
        same(
            "points and tables",
            points.len(),
            self.plan.points() * self.plan.tables as usize,
        )?;
        let needs = ScratchNeeds::of_group::<G>(&self.plan, self.batch, self.multiprocessors());
        self.scratch.needs.check(&needs)?;
        sums.check(&self.plan, self.batch)?;
        let used_buckets = self
            .scratch
            .buckets
            .slice(0..needs.bucket_fields as usize)?;
        self.stream.fill_zero(used_buckets)?;
        if needs.partials[0] > 0 {
            self.accumulate::<G>(points)?;
            self.combine::<G>(needs.partials[0])?;
        }
        self.lines::<G>()?;
        self.bits::<G>()?;
        sums.copy_from(self.stream, &self.scratch.sums, self.batch)
    }

    fn multiprocessors(&self) -> u32 {
        self.scratch.count.device().limits().multiprocessors
    }

    fn accumulate<G: Group>(&self, points: BufferSlice<'_, G::Affine>) -> Result<(), MsmError> {
        let chunks = self.plan.chunks::<G>(self.batch, self.multiprocessors());
        let arguments = args![
            points,
            self.keys(),
            self.values(),
            &self.scratch.count,
            self.plan.chunk_threads::<G>(self.multiprocessors()),
            self.plan.config.min_chunk_pairs,
            &self.scratch.buckets,
            &self.scratch.partial_keys[0],
            &self.scratch.partials[0],
        ];
        Ok(self.stream.launch(
            G::MODULE,
            "msm_accumulate",
            Grid::covering(chunks, SUM_THREADS),
            arguments,
        )?)
    }

    /// Levels until one block is enough for the most partial sums that there can be. The device knows how many there are:
    /// levels that come too late do nothing.
    fn combine<G: Group>(&self, most_partials: u64) -> Result<(), MsmError> {
        let (mut partials, mut level) = (most_partials, 0);
        loop {
            let grid =
                Grid::covering(partials, SUM_THREADS).with_shared_bytes(combine_bytes::<G>());
            self.combine_level::<G>(grid, level)?;
            if grid.blocks <= 1 {
                return Ok(());
            }
            (partials, level) = (2 * u64::from(grid.blocks), level + 1);
        }
    }

    fn combine_level<G: Group>(&self, grid: Grid, level: u32) -> Result<(), MsmError> {
        let (from, to) = (level as usize % 2, 1 - level as usize % 2);
        let arguments = args![
            &self.scratch.count,
            self.plan.chunk_threads::<G>(self.multiprocessors()),
            self.plan.config.min_chunk_pairs,
            level,
            &self.scratch.partial_keys[from],
            &self.scratch.partials[from],
            &self.scratch.partial_keys[to],
            &self.scratch.partials[to],
            &self.scratch.buckets,
        ];
        Ok(self
            .stream
            .launch(G::MODULE, "msm_combine", grid, arguments)?)
    }

    fn lines<G: Group>(&self) -> Result<(), MsmError> {
        let threads = self.plan.lines(self.batch) * u64::from(WARP_THREADS);
        let grid = Grid::covering(threads, SUM_THREADS).with_shared_bytes(point_bytes::<G>());
        let groups = self.plan.groups(self.batch) as u32;
        let (row_bits, column_bits) = (self.plan.row_bits(), self.plan.column_bits());
        let arguments = args![
            &self.scratch.buckets,
            row_bits,
            column_bits,
            groups,
            &self.scratch.lines
        ];
        Ok(self
            .stream
            .launch(G::MODULE, "msm_lines", grid, arguments)?)
    }

    fn bits<G: Group>(&self) -> Result<(), MsmError> {
        let blocks = self.plan.sums(self.batch) as u32;
        let (row_bits, column_bits) = (self.plan.row_bits(), self.plan.column_bits());
        let grid = Grid {
            blocks,
            threads: (1 << row_bits).clamp(WARP_THREADS, SUM_THREADS),
            shared_bytes: point_bytes::<G>(),
        };
        let arguments = args![
            &self.scratch.lines,
            row_bits,
            column_bits,
            &self.scratch.sums
        ];
        Ok(self.stream.launch(G::MODULE, "msm_bits", grid, arguments)?)
    }
}

/// Shared memory of one point a thread.
fn point_bytes<G: Group>() -> u32 {
    SUM_THREADS * G::XYZZ_BYTES as u32
}

/// Shared memory of `combine_level`.
fn combine_bytes<G: Group>() -> u32 {
    point_bytes::<G>() + (SUM_THREADS + 3) * WORD_BYTES
}
