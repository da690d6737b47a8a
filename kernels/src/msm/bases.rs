//! Points in device memory, with tables of their multiples.

use super::error::{MsmError, same};
use super::group::Group;
use super::plan::MsmPlan;
use super::tuning::{INVERSION_SHARE, SUM_THREADS, TABLE_PIECE};
use crate::args;
use crate::buffer::{Buffer, BufferSlice};
use crate::device::Device;
use crate::stream::{Grid, Stream};
use crate::types::FieldBytes;

/// The points of a plan in one group: table t holds them times `2^(window_bits * sets * t)`.
#[derive(Debug)]
pub struct Bases<G: Group> {
    points: Buffer<G::Affine>,
    plan: MsmPlan,
}

impl<G: Group> Bases<G> {
    /// Copies the points to the device and builds the tables there; returns when they are built. Points are taken to be on
    /// the curve, in the group of order r.
    ///
    /// # Errors
    /// `Length` if there are not `plan.points()`; `Infinity`; `Device` if `plan.table_bytes()` and, while it builds,
    /// `plan.building_bytes()` are not there.
    pub fn new(
        device: &Device,
        stream: &Stream,
        points: &[G::Affine],
        plan: &MsmPlan,
    ) -> Result<Self, MsmError> {
        same("points", points.len(), plan.points())?;
        check_finite::<G>(points)?;
        let tables = plan.tables as usize;
        let bases = Self {
            points: device.alloc(points.len() * tables)?,
            plan: *plan,
        };
        stream.copy_in_slice(bases.table(0)?, points)?;
        if tables > 1 && !points.is_empty() {
            bases.build(device, stream)?;
        }
        Ok(bases)
    }

    fn build(&self, device: &Device, stream: &Stream) -> Result<(), MsmError> {
        let piece = self.plan.points().min(TABLE_PIECE);
        let multiples = device.alloc::<FieldBytes>(piece * G::XYZZ_FIELDS)?;
        for table in 1..self.plan.tables as usize {
            for start in (0..self.plan.points()).step_by(piece) {
                let range = start..(start + piece).min(self.plan.points());
                let from = self.table(table - 1)?.slice(range.clone())?;
                self.double(stream, from, &multiples)?;
                self.to_affine(stream, &multiples, self.table(table)?.slice(range)?)?;
            }
        }
        Ok(stream.synchronize()?)
    }

    fn double(
        &self,
        stream: &Stream,
        from: BufferSlice<'_, G::Affine>,
        multiples: &Buffer<FieldBytes>,
    ) -> Result<(), MsmError> {
        let n = from.len() as u32;
        let grid = Grid::covering(u64::from(n), SUM_THREADS);
        Ok(stream.launch(
            G::MODULE,
            "msm_double",
            grid,
            args![from, n, self.shift_bits(), multiples],
        )?)
    }

    fn to_affine(
        &self,
        stream: &Stream,
        multiples: &Buffer<FieldBytes>,
        to: BufferSlice<'_, G::Affine>,
    ) -> Result<(), MsmError> {
        let n = to.len() as u32;
        let grid = Grid::covering(u64::from(n.div_ceil(INVERSION_SHARE)), SUM_THREADS);
        Ok(stream.launch(G::MODULE, "msm_affine", grid, args![multiples, n, to])?)
    }

    fn table(&self, table: usize) -> Result<BufferSlice<'_, G::Affine>, MsmError> {
        let points = self.plan.points();
        Ok(self.points.slice(table * points..(table + 1) * points)?)
    }

    /// Doublings from one table to the next.
    pub(super) fn shift_bits(&self) -> u32 {
        self.plan.window_bits * self.plan.sets
    }

    pub(super) fn points(&self) -> BufferSlice<'_, G::Affine> {
        self.points.as_slice()
    }

    pub fn plan(&self) -> &MsmPlan {
        &self.plan
    }

    /// Device bytes.
    pub fn bytes(&self) -> u64 {
        self.points.bytes()
    }

    /// All tables, one after another. Waits for the device: for tests.
    ///
    /// # Errors
    /// `Device` if the device fails.
    pub fn download(&self) -> Result<Vec<G::Affine>, MsmError> {
        Ok(self.points.download()?)
    }
}

/// Errors: `Infinity` with the first point at infinity.
pub(super) fn check_finite<G: Group>(points: &[G::Affine]) -> Result<(), MsmError> {
    match points
        .iter()
        .position(|point| *point == G::Affine::default())
    {
        Some(index) => Err(MsmError::Infinity { index }),
        None => Ok(()),
    }
}
