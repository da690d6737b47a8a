//! The geometry of a multiplication: windows, tables, buckets, and what they take.

use super::error::{MsmError, at_most};
use super::group::{Group, Groups};
use super::scratch::ScratchNeeds;
use super::tuning;

/// Scalars are below 2^253 once their sign is split off, and one bit is left for the carry of signed digits.
const SIGNED_SCALAR_BITS: u32 = 254;
const MIN_WINDOW_BITS: u32 = 3;
const MAX_WINDOW_BITS: u32 = 22;
/// A pass of more bits has no room in the shared memory of the smaller cards (99 KiB).
const MAX_SORT_BITS: u32 = 10;

/// What to choose by hand; the default leaves it to the model of `MsmPlan::new`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MsmConfig {
    /// Bits of a digit, 3 to 22.
    pub window_bits: Option<u32>,
    /// Most tables of multiples of the points, whatever the budget allows; 1 means the points alone.
    pub tables: Option<u32>,
    /// Chunks of pairs for each thread that the card runs at once.
    pub chunk_waves: u32,
    /// Fewest pairs of a chunk.
    pub min_chunk_pairs: u32,
    /// Most bits of a pass of the sort, 1 to 10.
    pub sort_bits: u32,
}

impl Default for MsmConfig {
    fn default() -> Self {
        Self {
            window_bits: None,
            tables: None,
            chunk_waves: tuning::CHUNK_WAVES,
            min_chunk_pairs: tuning::MIN_CHUNK_PAIRS,
            sort_bits: tuning::SORT_BITS,
        }
    }
}

/// What a multiplication has to do and may take.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct MsmDemand {
    pub points: usize,
    /// Most proofs at once.
    pub batch: u32,
    /// Share of the scalars that are of full size, 0 to 1; the others are taken for 0, 1 or -1. Guides the choice only.
    pub density: f64,
    pub groups: Groups,
    /// Memory for the points and their tables, in all groups.
    pub table_bytes: u64,
}

/// A multiplication's geometry. Window w of a scalar belongs to table `w / sets` and set `w % sets`; buckets are shared by the
/// windows of a set, since table t holds the points times `2^(window_bits * sets * t)`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MsmPlan {
    pub(super) points: u32,
    pub(super) window_bits: u32,
    pub(super) windows: u32,
    pub(super) tables: u32,
    pub(super) sets: u32,
    pub(super) config: MsmConfig,
}

impl MsmPlan {
    /// The cheapest geometry by the count of additions, among those whose tables fit `demand.table_bytes`. Points without any
    /// further table are always allowed, even above the budget.
    ///
    /// # Errors
    /// `Limit` if points, pairs or buckets have no 32-bit number; `Window` for an impossible window.
    pub fn new(demand: &MsmDemand, config: &MsmConfig) -> Result<Self, MsmError> {
        at_most(
            "points of a multiplication",
            demand.points as u64,
            u64::from(u32::MAX >> 1),
        )?;
        at_most(
            "bits of a pass of the sort",
            u64::from(config.sort_bits),
            u64::from(MAX_SORT_BITS),
        )?;
        let points = demand.points as u32;
        if let Some(window_bits) = config.window_bits {
            return Self::with_window(points, window_bits, demand, config);
        }
        let plans = (MIN_WINDOW_BITS..=MAX_WINDOW_BITS)
            .map(|bits| Self::with_window(points, bits, demand, config));
        let cheapest = plans
            .flatten()
            .min_by(|a, b| a.slots(demand).total_cmp(&b.slots(demand)));
        cheapest.map_or_else(
            || Self::with_window(points, MAX_WINDOW_BITS, demand, config),
            Ok,
        )
    }

    fn with_window(
        points: u32,
        window_bits: u32,
        demand: &MsmDemand,
        config: &MsmConfig,
    ) -> Result<Self, MsmError> {
        if !(MIN_WINDOW_BITS..=MAX_WINDOW_BITS).contains(&window_bits) {
            return Err(MsmError::Window {
                window_bits,
                min: MIN_WINDOW_BITS,
                max: MAX_WINDOW_BITS,
            });
        }
        let windows = SIGNED_SCALAR_BITS.div_ceil(window_bits);
        let table_bytes = u64::from(points.max(1)) * demand.groups.point_bytes();
        let numbered = u64::from((u32::MAX >> 1) / points.max(1));
        let affordable = (demand.table_bytes / table_bytes)
            .min(numbered)
            .min(u64::from(windows)) as u32;
        let tables = affordable.min(config.tables.unwrap_or(windows)).max(1);
        let sets = windows.div_ceil(tables);
        let config = MsmConfig {
            chunk_waves: config.chunk_waves.max(1),
            min_chunk_pairs: config.min_chunk_pairs.max(1),
            sort_bits: config.sort_bits.max(1),
            ..*config
        };
        let plan = Self {
            points,
            window_bits,
            windows,
            tables: windows.div_ceil(sets),
            sets,
            config,
        };
        plan.check_batch(demand.batch)?;
        Ok(plan)
    }

    /// The same geometry for another number of points, no more than before.
    pub(super) fn with_points(self, points: u32) -> Self {
        Self {
            points: points.min(self.points),
            ..self
        }
    }

    /// The model: integer slots of a proof's additions.
    fn slots(&self, demand: &MsmDemand) -> f64 {
        let pairs = f64::from(self.points)
            * (demand.density * f64::from(self.windows) + (1.0 - demand.density) / 3.0);
        let buckets = f64::from(self.sets) * f64::from(1 << (self.window_bits - 1));
        let cost = |used: bool, slots: [f64; 2]| {
            if used {
                pairs * slots[0] + 2.0 * buckets * slots[1]
            } else {
                0.0
            }
        };
        cost(demand.groups.has_g1(), tuning::G1_ADD_SLOTS)
            + cost(demand.groups.has_g2(), tuning::G2_ADD_SLOTS)
    }

    pub fn points(&self) -> usize {
        self.points as usize
    }

    pub fn window_bits(&self) -> u32 {
        self.window_bits
    }

    /// Digits of a scalar.
    pub fn windows(&self) -> u32 {
        self.windows
    }

    /// Tables of the points, themselves included.
    pub fn tables(&self) -> u32 {
        self.tables
    }

    /// Sets of buckets of a proof.
    pub fn sets(&self) -> u32 {
        self.sets
    }

    /// Device bytes of the points and their tables in one group, for as long as they are loaded.
    pub fn table_bytes<G: Group>(&self) -> u64 {
        u64::from(self.points) * u64::from(self.tables) * size_of::<G::Affine>() as u64
    }

    /// Further device bytes while the tables are built.
    pub fn building_bytes<G: Group>(&self) -> u64 {
        if self.tables == 1 {
            0
        } else {
            (self.points().min(tuning::TABLE_PIECE) * G::XYZZ_BYTES) as u64
        }
    }

    /// What runs of up to `batch` proofs need on a card of so many multiprocessors; a scratch is shared by taking the
    /// maximum over all that run on it.
    ///
    /// # Errors
    /// `Limit` if pairs or buckets of so many proofs have no 32-bit number.
    pub fn scratch_needs(
        &self,
        batch: u32,
        groups: Groups,
        multiprocessors: u32,
    ) -> Result<ScratchNeeds, MsmError> {
        self.check_batch(batch)?;
        Ok(ScratchNeeds::of(self, batch, groups, multiprocessors))
    }

    /// Most proofs at once, by the 32-bit numbers of pairs and buckets.
    pub fn max_batch(&self) -> u32 {
        let of = |each: u64| (u64::from(u32::MAX) - 1) / each.max(1);
        let most = of(self.pairs(1)).min(of(self.buckets(1)));
        most.min(u64::from(u32::MAX)) as u32
    }

    pub(super) fn check_batch(&self, batch: u32) -> Result<(), MsmError> {
        at_most(
            "pairs of a batch",
            self.pairs(batch),
            u64::from(u32::MAX) - 1,
        )?;
        at_most(
            "buckets of a batch",
            self.buckets(batch),
            u64::from(u32::MAX) - 1,
        )
    }

    /// Most pairs of a batch.
    pub(super) fn pairs(&self, batch: u32) -> u64 {
        u64::from(batch) * u64::from(self.points) * u64::from(self.windows)
    }

    pub(super) fn groups(&self, batch: u32) -> u64 {
        u64::from(batch) * u64::from(self.sets)
    }

    pub(super) fn buckets(&self, batch: u32) -> u64 {
        self.groups(batch) << (self.window_bits - 1)
    }

    pub(super) fn column_bits(&self) -> u32 {
        (self.window_bits - 1) / 2
    }

    pub(super) fn row_bits(&self) -> u32 {
        self.window_bits - 1 - self.column_bits()
    }

    /// Sums of rows and of columns of the buckets of a batch.
    pub(super) fn lines(&self, batch: u32) -> u64 {
        self.groups(batch) * ((1 << self.row_bits()) + (1 << self.column_bits()))
    }

    /// Sums that a batch leaves to the host.
    pub(super) fn sums(&self, batch: u32) -> u64 {
        self.groups(batch) * u64::from(self.window_bits)
    }

    /// Bits of the largest key of so many proofs.
    pub(super) fn key_bits(&self, batch: u32) -> u32 {
        u64::BITS - self.buckets(batch).saturating_sub(1).leading_zeros()
    }

    /// Bits of each pass of the sort, lowest first, for the keys of so many proofs.
    pub(super) fn sort_passes(&self, batch: u32) -> Vec<u32> {
        let bits = self.key_bits(batch);
        let passes = bits.div_ceil(self.config.sort_bits);
        let end = |pass: u32| bits * pass / passes;
        (0..passes).map(|pass| end(pass + 1) - end(pass)).collect()
    }

    /// Chunks that the pairs are cut into, at most.
    pub(super) fn chunk_threads<G: Group>(&self, multiprocessors: u32) -> u32 {
        multiprocessors * G::RESIDENT_THREADS * self.config.chunk_waves
    }

    /// Chunks of a batch, at most.
    pub(super) fn chunks<G: Group>(&self, batch: u32, multiprocessors: u32) -> u64 {
        let by_length = self
            .pairs(batch)
            .div_ceil(u64::from(self.config.min_chunk_pairs));
        by_length.min(u64::from(self.chunk_threads::<G>(multiprocessors)))
    }
}
