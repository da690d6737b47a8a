//! The five multiplications with points on the device: B, A and L, and H on a stream each, or all on one.

use trifold_kernels::msm::{
    Bases, G1, G2, MsmError, MsmPlan, MsmScratch, MsmSums, ScalarMap, Scalars,
};
use trifold_kernels::{Device, Event, Stream};

use super::lists::{Lists, gather};
use super::plan::KeyPlan;
use super::resident::{Batch, HScalars, Work};
use super::results::Results;
use crate::key::ProvingKey;

/// Points, their scalars' places, and the streams.
pub struct Overlapped {
    a: Query,
    b_g1: Query,
    b_g2: Bases<G2>,
    l: Query,
    h: Query,
    h_scalars: HScalars,
    lanes: Vec<Lane>,
}

/// A stream with the memory of the multiplications that it runs one after another.
struct Lane {
    stream: Stream,
    scratch: MsmScratch,
}

struct Query {
    bases: Bases<G1>,
    map: ScalarMap,
}

impl Overlapped {
    /// # Errors
    /// The device's.
    pub fn new(
        device: &Device,
        key: &ProvingKey,
        lists: &Lists,
        plan: &KeyPlan,
        [a, b, l, h]: &[MsmPlan; 4],
        h_scalars: HScalars,
    ) -> Result<Self, MsmError> {
        let stream = device.stream()?;
        let query =
            |points: Vec<_>, wires: &[u32], plan| Query::new(device, &stream, &points, wires, plan);
        let a = query(gather(key.a_query(), &lists.a), &lists.a, a)?;
        let b_g1 = query(gather(key.b_g1_query(), &lists.b), &lists.b, b)?;
        let l = query(gather(key.l_query(), &lists.l), &lists.l_wires(key), l)?;
        let h = query(gather(key.h_query(), &lists.h), &lists.h, h)?;
        let b_g2 = Bases::new(device, &stream, &gather(key.b_g2_query(), &lists.b), b)?;
        Ok(Self {
            a,
            b_g1,
            b_g2,
            l,
            h,
            h_scalars,
            lanes: Lane::all(device, plan)?,
        })
    }
}

impl Work for Overlapped {
    fn enqueue(
        &mut self,
        batch: &Batch<'_>,
        results: &mut Results,
    ) -> Result<Vec<Event>, MsmError> {
        let (witnesses, count) = (batch.scalars(), self.lanes.len());
        for lane in &self.lanes {
            lane.stream.wait(batch.uploaded)?;
        }
        // B in G2 takes longest, so it starts first.
        let lane = &mut self.lanes[0];
        let pairs = lane
            .scratch
            .sort(&lane.stream, self.b_g2.plan(), &self.b_g1.map, witnesses)?;
        multiply_each(&mut results.b_g2, |sums| pairs.multiply(&self.b_g2, sums))?;
        multiply_each(&mut results.b_g1, |sums| {
            pairs.multiply(&self.b_g1.bases, sums)
        })?;
        let lane = &mut self.lanes[2 % count];
        let h_scalars = self.h_scalars.evaluate(&lane.stream, batch)?;
        lane.multiply(&self.h, h_scalars, &mut results.h)?;
        let lane = &mut self.lanes[1 % count];
        lane.multiply(&self.a, witnesses, &mut results.a)?;
        lane.multiply(&self.l, witnesses, &mut results.l)?;
        let done = self.lanes.iter().map(|lane| lane.stream.record());
        Ok(done.collect::<Result<_, _>>()?)
    }
}

impl Lane {
    /// One for each scratch of the plan; the first goes before the others.
    fn all(device: &Device, plan: &KeyPlan) -> Result<Vec<Self>, MsmError> {
        let needs = plan.scratch.iter().enumerate();
        let lanes = needs.map(|(place, needs)| {
            let stream = match place {
                0 => device.stream_high_priority()?,
                _ => device.stream()?,
            };
            let scratch = MsmScratch::new(device, *needs)?;
            Ok(Self { stream, scratch })
        });
        lanes.collect()
    }

    fn multiply(
        &mut self,
        query: &Query,
        scalars: Scalars<'_>,
        results: &mut [MsmSums<G1>],
    ) -> Result<(), MsmError> {
        let pairs = self
            .scratch
            .sort(&self.stream, query.bases.plan(), &query.map, scalars)?;
        multiply_each(results, |sums| pairs.multiply(&query.bases, sums))
    }
}

/// Points that are not streamed have one part.
fn multiply_each<S>(
    parts: &mut [S],
    multiply: impl Fn(&mut S) -> Result<(), MsmError>,
) -> Result<(), MsmError> {
    parts.iter_mut().try_for_each(multiply)
}

impl Query {
    fn new(
        device: &Device,
        stream: &Stream,
        points: &[trifold_kernels::G1Affine],
        wires: &[u32],
        plan: &MsmPlan,
    ) -> Result<Self, MsmError> {
        Ok(Self {
            bases: Bases::new(device, stream, points, plan)?,
            map: ScalarMap::new(device, wires)?,
        })
    }
}
