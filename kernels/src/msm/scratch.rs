//! Device memory that runs share, one after another on one stream.

use super::error::{MsmError, at_most};
use super::group::{G1, G2, Group, Groups};
use super::plan::MsmPlan;
use super::tuning;
use crate::buffer::Buffer;
use crate::device::Device;
use crate::types::FieldBytes;

/// Sizes of the parts of a scratch, in elements.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ScratchNeeds {
    pub(super) pairs: u64,
    pub(super) sort_counts: u64,
    pub(super) sort_totals: u64,
    pub(super) bucket_fields: u64,
    pub(super) partials: [u64; 2],
    pub(super) partial_fields: [u64; 2],
    pub(super) line_fields: u64,
    pub(super) sum_fields: u64,
}

impl ScratchNeeds {
    pub(super) fn of(plan: &MsmPlan, batch: u32, groups: Groups, multiprocessors: u32) -> Self {
        let g1 = groups
            .has_g1()
            .then(|| Self::of_group::<G1>(plan, batch, multiprocessors));
        let g2 = groups
            .has_g2()
            .then(|| Self::of_group::<G2>(plan, batch, multiprocessors));
        Self::of_sort(plan, batch)
            .max(g1.unwrap_or_default())
            .max(g2.unwrap_or_default())
    }

    /// Grows with the batch, though a larger batch may have shorter passes: no pass has more bits than keys or plan allow.
    pub(super) fn of_sort(plan: &MsmPlan, batch: u32) -> Self {
        let pairs = plan.pairs(batch);
        let radix = 1 << plan.key_bits(batch).min(plan.config.sort_bits);
        let sort_counts = radix * pairs.div_ceil(u64::from(tuning::SORT_TILE));
        Self {
            pairs,
            sort_counts,
            sort_totals: radix,
            ..Self::default()
        }
    }

    pub(super) fn of_group<G: Group>(plan: &MsmPlan, batch: u32, multiprocessors: u32) -> Self {
        let fields = G::XYZZ_FIELDS as u64;
        let first = 2 * plan.chunks::<G>(batch, multiprocessors);
        let second = 2 * first.div_ceil(u64::from(tuning::SUM_THREADS));
        Self {
            bucket_fields: plan.buckets(batch) * fields,
            partials: [first, second],
            partial_fields: [first * fields, second * fields],
            line_fields: plan.lines(batch) * fields,
            sum_fields: plan.sums(batch) * G::JACOBIAN_FIELDS as u64,
            ..Self::default()
        }
    }

    /// What serves both.
    #[must_use]
    pub fn max(self, other: Self) -> Self {
        let pair = |a: [u64; 2], b: [u64; 2]| [a[0].max(b[0]), a[1].max(b[1])];
        Self {
            pairs: self.pairs.max(other.pairs),
            sort_counts: self.sort_counts.max(other.sort_counts),
            sort_totals: self.sort_totals.max(other.sort_totals),
            bucket_fields: self.bucket_fields.max(other.bucket_fields),
            partials: pair(self.partials, other.partials),
            partial_fields: pair(self.partial_fields, other.partial_fields),
            line_fields: self.line_fields.max(other.line_fields),
            sum_fields: self.sum_fields.max(other.sum_fields),
        }
    }

    /// Device bytes of a scratch.
    pub fn bytes(&self) -> u64 {
        let words = 4 * self.pairs
            + self.sort_counts
            + self.sort_totals
            + self.partials[0]
            + self.partials[1]
            + 1;
        let fields = self.bucket_fields + self.partial_fields[0] + self.partial_fields[1];
        4 * words + (fields + self.line_fields + self.sum_fields) * size_of::<FieldBytes>() as u64
    }

    /// Errors: `Limit` if a scratch of this size has less of anything than `needed`.
    pub(super) fn check(&self, needed: &Self) -> Result<(), MsmError> {
        at_most("pairs in the scratch", needed.pairs, self.pairs)?;
        at_most(
            "counts of the sort in the scratch",
            needed.sort_counts,
            self.sort_counts,
        )?;
        at_most(
            "digits of the sort in the scratch",
            needed.sort_totals,
            self.sort_totals,
        )?;
        at_most(
            "buckets in the scratch",
            needed.bucket_fields,
            self.bucket_fields,
        )?;
        for level in 0..2 {
            at_most(
                "partial sums in the scratch",
                needed.partials[level],
                self.partials[level],
            )?;
            at_most(
                "partial sums in the scratch",
                needed.partial_fields[level],
                self.partial_fields[level],
            )?;
        }
        at_most("lines in the scratch", needed.line_fields, self.line_fields)?;
        at_most("sums in the scratch", needed.sum_fields, self.sum_fields)
    }
}

/// Memory of runs. Its size is settled once; it serves every run whose needs were among those it was made for.
#[derive(Debug)]
pub struct MsmScratch {
    pub(super) needs: ScratchNeeds,
    pub(super) keys: [Buffer<u32>; 2],
    pub(super) values: [Buffer<u32>; 2],
    pub(super) count: Buffer<u32>,
    pub(super) sort_counts: Buffer<u32>,
    pub(super) sort_totals: Buffer<u32>,
    pub(super) buckets: Buffer<FieldBytes>,
    pub(super) partial_keys: [Buffer<u32>; 2],
    pub(super) partials: [Buffer<FieldBytes>; 2],
    pub(super) lines: Buffer<FieldBytes>,
    pub(super) sums: Buffer<FieldBytes>,
}

impl MsmScratch {
    /// # Errors
    /// `Device` if the card has not `needs.bytes()` left.
    pub fn new(device: &Device, needs: ScratchNeeds) -> Result<Self, MsmError> {
        let words = |len: u64| device.alloc::<u32>(len as usize);
        let fields = |len: u64| device.alloc::<FieldBytes>(len as usize);
        Ok(Self {
            needs,
            keys: [words(needs.pairs)?, words(needs.pairs)?],
            values: [words(needs.pairs)?, words(needs.pairs)?],
            count: words(1)?,
            sort_counts: words(needs.sort_counts)?,
            sort_totals: words(needs.sort_totals)?,
            buckets: fields(needs.bucket_fields)?,
            partial_keys: [words(needs.partials[0])?, words(needs.partials[1])?],
            partials: [
                fields(needs.partial_fields[0])?,
                fields(needs.partial_fields[1])?,
            ],
            lines: fields(needs.line_fields)?,
            sums: fields(needs.sum_fields)?,
        })
    }

    /// Device bytes.
    pub fn bytes(&self) -> u64 {
        self.needs.bytes()
    }
}
