//! The five multiplications with points in host memory, which pass through the device piece by piece.

use trifold_kernels::msm::{G1, G2, Group, MsmError, MsmPlan, MsmScratch, Scalars, StreamedBases};
use trifold_kernels::{Device, Event, Stream};

use super::lists::{Lists, gather};
use super::plan::KeyPlan;
use super::resident::{Batch, HScalars, Work};
use super::results::Results;
use crate::key::ProvingKey;

/// Points in host memory, and room for pieces of them on the device.
pub struct Streamed {
    a: Query<G1>,
    b_g1: Query<G1>,
    b_g2: Query<G2>,
    l: Query<G1>,
    h: Query<G1>,
    h_scalars: HScalars,
    pieces_g1: StreamedBases<G1>,
    pieces_g2: StreamedBases<G2>,
    stream: Stream,
    scratch: MsmScratch,
}

struct Query<G: Group> {
    points: Vec<G::Affine>,
    scalars: Vec<u32>,
}

impl Streamed {
    /// # Errors
    /// The device's.
    pub fn new(
        device: &Device,
        key: &ProvingKey,
        lists: &Lists,
        plan: &KeyPlan,
        piece: &MsmPlan,
        h_scalars: HScalars,
    ) -> Result<Self, MsmError> {
        let needs = plan.scratch.iter().copied();
        let needs = needs.reduce(|a, b| a.max(b)).unwrap_or_default();
        Ok(Self {
            a: Query::new(gather(key.a_query(), &lists.a), lists.a.clone()),
            b_g1: Query::new(gather(key.b_g1_query(), &lists.b), lists.b.clone()),
            b_g2: Query::new(gather(key.b_g2_query(), &lists.b), lists.b.clone()),
            l: Query::new(gather(key.l_query(), &lists.l), lists.l_wires(key)),
            h: Query::new(gather(key.h_query(), &lists.h), lists.h.clone()),
            h_scalars,
            pieces_g1: StreamedBases::new(device, piece)?,
            pieces_g2: StreamedBases::new(device, piece)?,
            stream: device.stream()?,
            scratch: MsmScratch::new(device, needs)?,
        })
    }
}

impl Work for Streamed {
    fn enqueue(
        &mut self,
        batch: &Batch<'_>,
        results: &mut Results,
    ) -> Result<Vec<Event>, MsmError> {
        self.stream.wait(batch.uploaded)?;
        let witnesses = batch.scalars();
        let (stream, scratch) = (&self.stream, &mut self.scratch);
        results.b_g2 = self
            .b_g2
            .multiply(&mut self.pieces_g2, stream, scratch, witnesses)?;
        results.b_g1 = self
            .b_g1
            .multiply(&mut self.pieces_g1, stream, scratch, witnesses)?;
        results.a = self
            .a
            .multiply(&mut self.pieces_g1, stream, scratch, witnesses)?;
        results.l = self
            .l
            .multiply(&mut self.pieces_g1, stream, scratch, witnesses)?;
        let h_scalars = self.h_scalars.evaluate(stream, batch)?;
        results.h = self
            .h
            .multiply(&mut self.pieces_g1, stream, scratch, h_scalars)?;
        Ok(vec![stream.record()?])
    }
}

impl<G: Group> Query<G> {
    fn new(points: Vec<G::Affine>, scalars: Vec<u32>) -> Self {
        Self { points, scalars }
    }

    fn multiply(
        &self,
        pieces: &mut StreamedBases<G>,
        stream: &Stream,
        scratch: &mut MsmScratch,
        scalars: Scalars<'_>,
    ) -> Result<Vec<trifold_kernels::msm::MsmSums<G>>, MsmError> {
        pieces.multiply(stream, scratch, &self.points, &self.scalars, scalars)
    }
}
