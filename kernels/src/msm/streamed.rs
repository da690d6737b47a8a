//! Points that stay in host memory and pass through the device piece by piece.

use super::bases::check_finite;
use super::error::{MsmError, same};
use super::group::Group;
use super::plan::MsmPlan;
use super::scratch::MsmScratch;
use super::sort::{MapView, Scalars, bound};
use super::sums::MsmSums;
use crate::buffer::Buffer;
use crate::device::Device;
use crate::pinned::Pinned;
use crate::stream::{Event, Stream};

/// Room for two pieces: while one is multiplied, the next is copied. Each piece is a multiplication of its own, whose results
/// the caller adds up.
pub struct StreamedBases<G: Group> {
    device: Device,
    copies: Stream,
    plan: MsmPlan,
    rooms: [Room<G>; 2],
}

struct Room<G: Group> {
    staged_points: Pinned<G::Affine>,
    staged_indices: Pinned<u32>,
    points: Buffer<G::Affine>,
    indices: Buffer<u32>,
    /// Behind the last use of the device's copy.
    used: Option<Event>,
}

impl<G: Group> StreamedBases<G> {
    /// `plan`: that of a full piece, without tables.
    ///
    /// # Errors
    /// `Length` if the plan has tables; `Device` if `bytes()` are not there.
    pub fn new(device: &Device, plan: &MsmPlan) -> Result<Self, MsmError> {
        same("tables of streamed points", plan.tables as usize, 1)?;
        let rooms = [
            Room::new(device, plan.points())?,
            Room::new(device, plan.points())?,
        ];
        Ok(Self {
            device: device.clone(),
            copies: device.stream()?,
            plan: *plan,
            rooms,
        })
    }

    /// Device bytes for pieces of the plan's points.
    pub fn bytes(plan: &MsmPlan) -> u64 {
        2 * plan.points() as u64 * (size_of::<G::Affine>() + size_of::<u32>()) as u64
    }

    /// Multiplies points of any number; point i has scalar `indices[i]`. One result for each piece: their folds add up. The
    /// host is busy copying, but does not wait for the last two pieces.
    ///
    /// # Errors
    /// `Length` if points and indices differ in number; `Infinity`; otherwise as `MsmScratch::sort` and `SortedPairs::multiply`.
    pub fn multiply(
        &mut self,
        stream: &Stream,
        scratch: &mut MsmScratch,
        points: &[G::Affine],
        indices: &[u32],
        scalars: Scalars<'_>,
    ) -> Result<Vec<MsmSums<G>>, MsmError> {
        same("indices of the points", indices.len(), points.len())?;
        check_finite::<G>(points)?;
        let size = self.plan.points().max(1);
        let pieces = points.chunks(size).zip(indices.chunks(size)).enumerate();
        pieces
            .map(|(i, (points, indices))| {
                self.piece(i % 2, stream, scratch, points, indices, scalars)
            })
            .collect()
    }

    fn piece(
        &mut self,
        room: usize,
        stream: &Stream,
        scratch: &mut MsmScratch,
        points: &[G::Affine],
        indices: &[u32],
        scalars: Scalars<'_>,
    ) -> Result<MsmSums<G>, MsmError> {
        let plan = self.plan.with_points(points.len() as u32);
        let mut sums = MsmSums::new(&self.device, &plan, scalars.batch)?;
        let room = &mut self.rooms[room];
        stream.wait(&room.fill(&self.copies, points, indices)?)?;
        let map = MapView {
            indices: room.indices.slice(0..indices.len())?,
            bound: bound(indices),
        };
        let pairs = scratch.sort_piece(stream, &plan, map, scalars)?;
        pairs.multiply_points(room.points.slice(0..points.len())?, &mut sums)?;
        room.used = Some(stream.record()?);
        Ok(sums)
    }
}

impl<G: Group> Room<G> {
    fn new(device: &Device, points: usize) -> Result<Self, MsmError> {
        Ok(Self {
            staged_points: device.pinned(points)?,
            staged_indices: device.pinned(points)?,
            points: device.alloc(points)?,
            indices: device.alloc(points)?,
            used: None,
        })
    }

    /// Copies a piece to the device, after the last use of what is there.
    fn fill(
        &mut self,
        copies: &Stream,
        points: &[G::Affine],
        indices: &[u32],
    ) -> Result<Event, MsmError> {
        self.staged_points.as_mut_slice()?[..points.len()].copy_from_slice(points);
        self.staged_indices.as_mut_slice()?[..indices.len()].copy_from_slice(indices);
        if let Some(used) = &self.used {
            copies.wait(used)?;
        }
        copies.copy_in(&self.points, &mut self.staged_points)?;
        copies.copy_in(&self.indices, &mut self.staged_indices)?;
        Ok(copies.record()?)
    }
}
