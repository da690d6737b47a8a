//! From scalars to pairs (bucket, point) in the order of the buckets.

use super::error::{MsmError, at_most, same};
use super::plan::MsmPlan;
use super::scratch::{MsmScratch, ScratchNeeds};
use super::tuning::{MAX_SCAN_THREADS, SORT_THREADS, SORT_TILE};
use crate::args;
use crate::buffer::{Buffer, BufferSlice};
use crate::device::Device;
use crate::module::Module;
use crate::stream::{Grid, Stream};
use crate::types::FieldBytes;

const WARP_THREADS: u32 = 32;
const WORD_BYTES: u32 = 4;

/// Which scalar each point of a list has.
#[derive(Debug)]
pub struct ScalarMap {
    indices: Buffer<u32>,
    /// One more than the largest index.
    bound: usize,
}

impl ScalarMap {
    /// Point i has scalar `indices[i]`.
    ///
    /// # Errors
    /// `Device` if the copy to the card fails.
    pub fn new(device: &Device, indices: &[u32]) -> Result<Self, MsmError> {
        Ok(Self {
            bound: bound(indices),
            indices: device.upload(indices)?,
        })
    }

    /// Point i has scalar i.
    ///
    /// # Errors
    /// As `new`; `Limit` for more points than a multiplication can have.
    pub fn identity(device: &Device, points: usize) -> Result<Self, MsmError> {
        at_most(
            "points of a multiplication",
            points as u64,
            u64::from(u32::MAX >> 1),
        )?;
        Self::new(device, &(0..points as u32).collect::<Vec<_>>())
    }

    pub fn len(&self) -> usize {
        self.indices.len()
    }

    pub fn is_empty(&self) -> bool {
        self.indices.is_empty()
    }

    /// Device bytes.
    pub fn bytes(&self) -> u64 {
        self.indices.bytes()
    }

    pub(super) fn view(&self) -> MapView<'_> {
        MapView {
            indices: self.indices.as_slice(),
            bound: self.bound,
        }
    }
}

pub(super) fn bound(indices: &[u32]) -> usize {
    indices.iter().max().map_or(0, |last| *last as usize + 1)
}

/// A map or a piece of one.
#[derive(Clone, Copy)]
pub(super) struct MapView<'a> {
    pub(super) indices: BufferSlice<'a, u32>,
    pub(super) bound: usize,
}

/// Scalars of several proofs in device memory: Montgomery form, canonical, proof p's at `p * stride`.
#[derive(Clone, Copy)]
pub struct Scalars<'a> {
    pub values: BufferSlice<'a, FieldBytes>,
    pub stride: usize,
    pub batch: u32,
}

impl Scalars<'_> {
    /// Errors: `Length` if a proof has fewer than `bound` scalars.
    fn check(&self, bound: usize) -> Result<(), MsmError> {
        let before = self
            .stride
            .saturating_mul(self.batch.saturating_sub(1) as usize);
        let needed = if self.batch == 0 {
            0
        } else {
            before.saturating_add(bound)
        };
        if needed <= self.values.len() {
            return Ok(());
        }
        let (found, expected) = (self.values.len() as u64, needed as u64);
        Err(MsmError::Length {
            what: "scalars",
            found,
            expected,
        })
    }
}

/// Pairs sorted by bucket, in a scratch. Any number of lists of points can be multiplied by them, all on the stream that sorted
/// them.
pub struct SortedPairs<'a> {
    pub(super) scratch: &'a MsmScratch,
    pub(super) stream: &'a Stream,
    pub(super) plan: MsmPlan,
    pub(super) batch: u32,
    /// Which of the scratch's two arrays has them.
    side: usize,
}

impl<'a> SortedPairs<'a> {
    pub(super) fn keys(&self) -> &'a Buffer<u32> {
        &self.scratch.keys[self.side]
    }

    pub(super) fn values(&self) -> &'a Buffer<u32> {
        &self.scratch.values[self.side]
    }

    /// The pairs: bucket, and point with the sign in the top bit. Waits for the device: for tests.
    ///
    /// # Errors
    /// `Device` if the device fails.
    pub fn download(&self) -> Result<Vec<(u32, u32)>, MsmError> {
        let count = self.scratch.count.download()?[0] as usize;
        let keys = self.keys().slice(0..count)?.download()?;
        let values = self.values().slice(0..count)?.download()?;
        Ok(keys.into_iter().zip(values).collect())
    }
}

impl MsmScratch {
    /// Enqueues the digits of the scalars and their sort. The borrow keeps the scratch until all lists are multiplied.
    ///
    /// # Errors
    /// `Length` if map or scalars are not the plan's; `Limit` if the scratch was not made for so much; `Device`.
    pub fn sort<'a>(
        &'a mut self,
        stream: &'a Stream,
        plan: &MsmPlan,
        map: &ScalarMap,
        scalars: Scalars<'_>,
    ) -> Result<SortedPairs<'a>, MsmError> {
        self.sort_piece(stream, plan, map.view(), scalars)
    }

    pub(super) fn sort_piece<'a>(
        &'a mut self,
        stream: &'a Stream,
        plan: &MsmPlan,
        map: MapView<'_>,
        scalars: Scalars<'_>,
    ) -> Result<SortedPairs<'a>, MsmError> {
        same("points of the map", map.indices.len(), plan.points())?;
        scalars.check(map.bound)?;
        plan.check_batch(scalars.batch)?;
        self.needs
            .check(&ScratchNeeds::of_sort(plan, scalars.batch))?;
        stream.fill_zero(&self.count)?;
        self.digits(stream, plan, map, scalars)?;
        let (mut side, mut shift) = (0, 0);
        for bits in plan.sort_passes(scalars.batch) {
            self.pass(stream, plan.pairs(scalars.batch), side, shift, bits)?;
            (side, shift) = (1 - side, shift + bits);
        }
        Ok(SortedPairs {
            scratch: self,
            stream,
            plan: *plan,
            batch: scalars.batch,
            side,
        })
    }

    fn digits(
        &self,
        stream: &Stream,
        plan: &MsmPlan,
        map: MapView<'_>,
        scalars: Scalars<'_>,
    ) -> Result<(), MsmError> {
        let blocks = u64::from(plan.points.div_ceil(SORT_THREADS)) * u64::from(scalars.batch);
        at_most("blocks of digits", blocks, i32::MAX as u64)?;
        let grid = Grid {
            blocks: blocks as u32,
            threads: SORT_THREADS,
            shared_bytes: warp_words(SORT_THREADS),
        };
        let arguments = args![
            scalars.values,
            scalars.stride as u64,
            map.indices,
            plan.points,
            plan.window_bits,
            plan.windows,
            plan.sets,
            &self.keys[0],
            &self.values[0],
            &self.count,
        ];
        Ok(stream.launch(Module::Sort, "msm_digits", grid, arguments)?)
    }

    /// One pass of the sort, from side to side.
    fn pass(
        &self,
        stream: &Stream,
        pairs: u64,
        side: usize,
        shift: u32,
        bits: u32,
    ) -> Result<(), MsmError> {
        let tiles = pairs.div_ceil(u64::from(SORT_TILE)) as u32;
        let (keys, counts, totals, count) = (
            &self.keys[side],
            &self.sort_counts,
            &self.sort_totals,
            &self.count,
        );
        let radix = 1u32 << bits;

        let grid = Grid {
            blocks: tiles,
            threads: SORT_THREADS,
            shared_bytes: radix * WORD_BYTES,
        };
        stream.launch(
            Module::Sort,
            "sort_count",
            grid,
            args![keys, count, shift, bits, counts],
        )?;

        let threads = tiles
            .next_multiple_of(WARP_THREADS)
            .clamp(WARP_THREADS, MAX_SCAN_THREADS);
        let grid = Grid {
            blocks: radix,
            threads,
            shared_bytes: warp_words(threads),
        };
        stream.launch(
            Module::Sort,
            "sort_scan",
            grid,
            args![counts, totals, count],
        )?;

        let grid = Grid {
            blocks: tiles,
            threads: SORT_THREADS,
            shared_bytes: scatter_bytes(radix),
        };
        let (values, sorted_keys, sorted_values) = (
            &self.values[side],
            &self.keys[1 - side],
            &self.values[1 - side],
        );
        let arguments = args![
            keys,
            values,
            count,
            shift,
            bits,
            counts,
            totals,
            sorted_keys,
            sorted_values
        ];
        Ok(stream.launch(Module::Sort, "sort_scatter", grid, arguments)?)
    }
}

/// Bytes of one word a warp.
fn warp_words(threads: u32) -> u32 {
    threads / WARP_THREADS * WORD_BYTES
}

/// Shared memory of `SortTile`: the warps' counts, the offsets, a tile of pairs, one word a warp.
fn scatter_bytes(radix: u32) -> u32 {
    let warps = SORT_THREADS / WARP_THREADS;
    ((warps + 1) * radix + 2 * SORT_TILE + warps) * WORD_BYTES
}
