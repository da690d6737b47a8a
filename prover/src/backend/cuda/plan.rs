//! How a key lies on a device: what it takes in each mode, and the best mode that fits.

use trifold_kernels::msm::{
    G1, G2, Groups, MsmConfig, MsmDemand, MsmError, MsmPlan, ScratchNeeds, StreamedBases,
};
use trifold_kernels::{FieldBytes, Matrices, Quotient, SparseMatrices};

use super::lists::Lists;
use crate::backend::LowMemory;
use crate::key::ProvingKey;

/// Share of a circuit's wires whose values are of full size; it guides the choice of windows only. Not measured.
const WITNESS_DENSITY: f64 = 0.15;
/// The most witnesses at once: more save little.
const MAX_BATCH: u32 = 64;
/// Page-locked host memory that witnesses wait in, at most, unless one alone takes more.
const STAGING_BYTES: u64 = 1 << 30;
/// Of the free memory a key's work takes at most this part, when more than one witness at once is what it is for.
const WORK_SHARE: u64 = 4;
/// Points of a piece when they are streamed, from the most to the fewest.
const PIECES: [usize; 5] = [1 << 20, 1 << 17, 1 << 14, 1 << 11, 1 << 8];

/// What a key's device memory depends on.
pub struct Shape {
    num_wires: usize,
    log_domain: u32,
    /// Points that are not at infinity.
    points: [usize; 4],
    matrix_bytes: u64,
}

/// The four lists of points; B's are in both groups.
const A: usize = 0;
const B: usize = 1;
const L: usize = 2;
const H: usize = 3;
const GROUPS: [Groups; 4] = [Groups::G1, Groups::Both, Groups::G1, Groups::G1];
const DENSITY: [f64; 4] = [WITNESS_DENSITY, WITNESS_DENSITY, WITNESS_DENSITY, 1.0];

impl Shape {
    /// # Errors
    /// The matrices are malformed.
    pub fn new(
        key: &ProvingKey,
        lists: &Lists,
        matrices: &SparseMatrices<'_>,
    ) -> Result<Self, MsmError> {
        Ok(Self {
            num_wires: key.header().num_wires,
            log_domain: key.header().domain_size.trailing_zeros(),
            points: [lists.a.len(), lists.b.len(), lists.l.len(), lists.h.len()],
            matrix_bytes: Matrices::device_bytes(matrices)?,
        })
    }

    /// Matrices, roots of unity, and the scalar of each point.
    fn fixed_bytes(&self) -> u64 {
        let maps = self.points.iter().sum::<usize>() * size_of::<u32>();
        self.matrix_bytes + Quotient::table_bytes(self.log_domain) + maps as u64
    }

    fn quotient_bytes(&self, batch: u32) -> u64 {
        (Quotient::scratch_len(self.log_domain, batch as usize) * size_of::<FieldBytes>()) as u64
    }

    fn witness_bytes(&self) -> u64 {
        (self.num_wires * size_of::<FieldBytes>()) as u64
    }

    /// Plans of the four multiplications whose points and tables take so much together, or their points alone when that
    /// is more. The memory is shared out by the number of points.
    fn plans(&self, table_bytes: u64, tables: Option<u32>) -> Result<[MsmPlan; 4], MsmError> {
        let point_bytes = |list: usize| self.points[list] as u64 * GROUPS[list].point_bytes();
        let all_bytes = (0..4).map(point_bytes).sum::<u64>().max(1);
        let config = MsmConfig {
            tables,
            ..MsmConfig::default()
        };
        let plan = |list: usize| {
            let share =
                u128::from(table_bytes) * u128::from(point_bytes(list)) / u128::from(all_bytes);
            let demand = MsmDemand {
                points: self.points[list],
                batch: 1,
                density: DENSITY[list],
                groups: GROUPS[list],
                table_bytes: share as u64,
            };
            MsmPlan::new(&demand, &config)
        };
        Ok([plan(A)?, plan(B)?, plan(L)?, plan(H)?])
    }

    /// Plan of a piece of streamed points.
    fn piece_plan(&self, points: usize) -> Result<MsmPlan, MsmError> {
        let demand = MsmDemand {
            points,
            batch: 1,
            density: WITNESS_DENSITY,
            groups: Groups::Both,
            table_bytes: 0,
        };
        MsmPlan::new(&demand, &MsmConfig::default())
    }
}

/// Where the points are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// On the device, with tables of multiples as far as memory goes; three streams of work at once.
    Tables,
    /// On the device, alone; one stream of work.
    Points,
    /// In host memory; they pass through the device in pieces.
    Streamed,
}

/// The multiplications' geometry.
#[derive(Clone, Copy, Debug)]
pub enum PointsPlan {
    /// Of A, B, L and H.
    Resident([MsmPlan; 4]),
    /// Of a piece.
    Streamed(MsmPlan),
}

/// Why a key can't lie on a device.
#[derive(Debug)]
pub enum PlanError {
    /// The least that would do.
    Memory {
        wanted_bytes: u64,
    },
    Msm(MsmError),
}

impl From<MsmError> for PlanError {
    fn from(error: MsmError) -> Self {
        Self::Msm(error)
    }
}

/// One way to have a key on a device.
#[derive(Clone, Debug)]
pub struct KeyPlan {
    pub mode: Mode,
    pub points: PointsPlan,
    pub num_wires: usize,
    pub log_domain: u32,
    /// Witnesses at once.
    pub batch: u32,
    /// Batches of witnesses that are on the device at once.
    pub slots: usize,
    /// One for each stream of work.
    pub scratch: Vec<ScratchNeeds>,
    /// Kept between proofs.
    resident_bytes: u64,
    /// For proofs, or for building tables when that takes more.
    work_bytes: u64,
}

impl KeyPlan {
    /// The best way that fits, within what the operator allows. Points are streamed only if the key is `alone` on the
    /// device: other keys would rather leave.
    ///
    /// # Errors
    /// None fits, or the key has more points than a multiplication can have.
    pub fn choose(
        shape: &Shape,
        multiprocessors: u32,
        low_memory: LowMemory,
        alone: bool,
        free_bytes: u64,
    ) -> Result<Self, PlanError> {
        let allowed = |mode: &Mode| match mode {
            Mode::Tables => low_memory != LowMemory::On,
            Mode::Points => low_memory != LowMemory::Off,
            Mode::Streamed => low_memory != LowMemory::Off && alone,
        };
        let modes = [Mode::Tables, Mode::Points, Mode::Streamed].into_iter();
        let mut wanted_bytes = u64::MAX;
        for mode in modes.filter(allowed) {
            for points in mode.points_plans(shape, free_bytes)? {
                let plan = Self::new(shape, mode, points, 1, multiprocessors)?;
                if plan.bytes() <= free_bytes {
                    return Ok(plan.widened(shape, multiprocessors, free_bytes)?);
                }
                wanted_bytes = wanted_bytes.min(plan.bytes());
            }
        }
        Err(PlanError::Memory { wanted_bytes })
    }

    /// Device bytes.
    pub fn bytes(&self) -> u64 {
        self.resident_bytes + self.work_bytes
    }

    fn new(
        shape: &Shape,
        mode: Mode,
        points: PointsPlan,
        batch: u32,
        multiprocessors: u32,
    ) -> Result<Self, MsmError> {
        let scratch = points.scratch(mode, batch, multiprocessors)?;
        let slots = if mode == Mode::Tables { 2 } else { 1 };
        let scratch_bytes: u64 = scratch.iter().map(ScratchNeeds::bytes).sum();
        let witness_bytes = (slots * u64::from(batch) as usize) as u64 * shape.witness_bytes();
        let work_bytes = scratch_bytes + witness_bytes + shape.quotient_bytes(batch);
        Ok(Self {
            mode,
            points,
            num_wires: shape.num_wires,
            log_domain: shape.log_domain,
            batch,
            slots,
            scratch,
            resident_bytes: shape.fixed_bytes() + points.resident_bytes(),
            work_bytes: work_bytes.max(points.building_bytes()),
        })
    }

    /// The same for as many witnesses at once as there is room for.
    fn widened(
        self,
        shape: &Shape,
        multiprocessors: u32,
        free_bytes: u64,
    ) -> Result<Self, MsmError> {
        let staged = STAGING_BYTES / (self.slots as u64 * shape.witness_bytes()).max(1);
        let most = self
            .points
            .max_batch()
            .min(MAX_BATCH)
            .min(staged.max(1) as u32);
        let room = (free_bytes - self.resident_bytes).min(free_bytes / WORK_SHARE);
        let mut best = self;
        for batch in 2..=most {
            let wider = Self::new(shape, best.mode, best.points, batch, multiprocessors)?;
            if wider.work_bytes > room {
                break;
            }
            best = wider;
        }
        Ok(best)
    }
}

impl Mode {
    /// The geometries to try, best first.
    fn points_plans(self, shape: &Shape, free_bytes: u64) -> Result<Vec<PointsPlan>, MsmError> {
        match self {
            Self::Tables => {
                let left = free_bytes.saturating_sub(shape.fixed_bytes() + free_bytes / WORK_SHARE);
                Ok(vec![PointsPlan::Resident(shape.plans(left, None)?)])
            }
            Self::Points => Ok(vec![PointsPlan::Resident(shape.plans(0, Some(1))?)]),
            Self::Streamed => {
                let most = shape.points.into_iter().max().unwrap_or(0);
                let pieces = PIECES.into_iter().filter(|piece| *piece < most);
                let pieces = pieces.chain([PIECES[PIECES.len() - 1].min(most)]);
                let plans = pieces.map(|piece| Ok(PointsPlan::Streamed(shape.piece_plan(piece)?)));
                plans.collect()
            }
        }
    }
}

impl PointsPlan {
    fn resident_bytes(&self) -> u64 {
        match self {
            Self::Resident([a, b, l, h]) => {
                let g1 = [a, b, l, h].map(|plan| plan.table_bytes::<G1>());
                g1.iter().sum::<u64>() + b.table_bytes::<G2>()
            }
            Self::Streamed(piece) => {
                StreamedBases::<G1>::bytes(piece) + StreamedBases::<G2>::bytes(piece)
            }
        }
    }

    fn building_bytes(&self) -> u64 {
        match self {
            Self::Resident([a, b, l, h]) => {
                let g1 = [a, b, l, h].map(|plan| plan.building_bytes::<G1>());
                g1.into_iter().fold(b.building_bytes::<G2>(), u64::max)
            }
            Self::Streamed(_) => 0,
        }
    }

    fn max_batch(&self) -> u32 {
        match self {
            Self::Resident(plans) => plans.iter().map(MsmPlan::max_batch).min().unwrap_or(1),
            Self::Streamed(piece) => piece.max_batch(),
        }
    }

    /// B's, that of A and L, and H's: one after another or side by side.
    fn scratch(
        &self,
        mode: Mode,
        batch: u32,
        multiprocessors: u32,
    ) -> Result<Vec<ScratchNeeds>, MsmError> {
        let needs = |plan: &MsmPlan, groups| plan.scratch_needs(batch, groups, multiprocessors);
        let [a, b, l, h] = match self {
            Self::Resident(plans) => plans,
            Self::Streamed(piece) => return Ok(vec![needs(piece, Groups::Both)?]),
        };
        let b = needs(b, Groups::Both)?;
        let a_and_l = needs(a, Groups::G1)?.max(needs(l, Groups::G1)?);
        let h = needs(h, Groups::G1)?;
        Ok(match mode {
            Mode::Tables => vec![b, a_and_l, h],
            Mode::Points | Mode::Streamed => vec![b.max(a_and_l).max(h)],
        })
    }
}

/// Device bytes of a key and of the work on one proof, in each mode.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Footprint {
    /// With all tables that pay.
    pub tables_bytes: u64,
    /// Low memory: the points alone.
    pub points_bytes: u64,
    /// Lowest memory: the points stay with the host.
    pub streamed_bytes: u64,
}

impl Footprint {
    pub fn new(shape: &Shape, multiprocessors: u32) -> Result<Self, MsmError> {
        let bytes = |mode: Mode| -> Result<u64, MsmError> {
            // Enough for any tables, and no overflow in sums of it.
            let plans = mode.points_plans(shape, u64::MAX / 16)?;
            let mut smallest = u64::MAX;
            for points in plans {
                let plan = KeyPlan::new(shape, mode, points, 1, multiprocessors)?;
                smallest = smallest.min(plan.bytes());
            }
            Ok(smallest)
        };
        Ok(Self {
            tables_bytes: bytes(Mode::Tables)?,
            points_bytes: bytes(Mode::Points)?,
            streamed_bytes: bytes(Mode::Streamed)?,
        })
    }
}
