//! A key on a device, ready for batches of witnesses.
//!
//! A batch is given to the device in one go: uploaded, multiplied by the matrices, transformed, multiplied by the points.
//! The host waits only for the few sums at the end, and the next batch can be given while it waits.

use std::sync::{Mutex, PoisonError};

use ark_bn254::Fr;
use trifold_kernels::msm::{MsmError, Scalars};
use trifold_kernels::{
    Buffer, BufferSlice, Device, Event, FieldBytes, Matrices, Quotient, SparseMatrices, Stream,
};

use super::lists::Lists;
use super::overlapped::Overlapped;
use super::plan::{KeyPlan, PointsPlan};
use super::results::Results;
use super::slots::{Slot, Slots};
use super::streamed::Streamed;
use crate::backend::Commitments;
use crate::key::ProvingKey;

/// A key and the memory of its work.
pub struct ResidentKey {
    device: Device,
    batch: usize,
    slots: Slots,
    /// Held while a batch is given to the device.
    work: Mutex<Box<dyn Work>>,
}

/// What is done with a batch of witnesses.
pub trait Work: Send {
    /// Gives a batch to the device, whose results are there after the events. Waits for nothing, unless points are
    /// streamed.
    fn enqueue(&mut self, batch: &Batch<'_>, results: &mut Results)
    -> Result<Vec<Event>, MsmError>;
}

/// Witnesses on the device, one after another, once the event has come.
pub struct Batch<'a> {
    pub witnesses: BufferSlice<'a, FieldBytes>,
    pub num_wires: usize,
    pub count: u32,
    pub uploaded: &'a Event,
}

/// The scalars of the H query and the memory that they are made in.
pub struct HScalars {
    quotient: Quotient,
    scratch: Buffer<FieldBytes>,
    domain_size: usize,
}

impl ResidentKey {
    /// Uploads a key and builds its tables.
    ///
    /// # Errors
    /// The device's.
    pub fn new(
        device: &Device,
        key: &ProvingKey,
        lists: &Lists,
        matrices: &SparseMatrices<'_>,
        plan: &KeyPlan,
    ) -> Result<Self, MsmError> {
        let h = HScalars::new(device, matrices, plan)?;
        let work: Box<dyn Work> = match &plan.points {
            PointsPlan::Resident(plans) => {
                Box::new(Overlapped::new(device, key, lists, plan, plans, h)?)
            }
            PointsPlan::Streamed(piece) => {
                Box::new(Streamed::new(device, key, lists, plan, piece, h)?)
            }
        };
        Ok(Self {
            device: device.clone(),
            batch: plan.batch as usize,
            slots: Slots::new(device, plan)?,
            work: Mutex::new(work),
        })
    }

    /// Witnesses at once.
    pub fn batch_limit(&self) -> usize {
        self.batch
    }

    /// Commitments to witnesses that have a value for each wire.
    ///
    /// # Errors
    /// The device's; it is idle again then.
    pub fn commit(&self, witnesses: &[&[Fr]]) -> Result<Vec<Commitments>, MsmError> {
        let mut found = Vec::with_capacity(witnesses.len());
        for batch in witnesses.chunks(self.batch) {
            found.extend(self.commit_batch(batch)?);
        }
        Ok(found)
    }

    fn commit_batch(&self, witnesses: &[&[Fr]]) -> Result<Vec<Commitments>, MsmError> {
        let mut slot = self.slots.take();
        let found = self.run(&mut slot, witnesses);
        if found.is_err() {
            // What was given to the device before the error may still use the slot. Another error tells nothing new.
            let _ = self.device.synchronize();
        }
        found
    }

    fn run(&self, slot: &mut Slot, witnesses: &[&[Fr]]) -> Result<Vec<Commitments>, MsmError> {
        let uploaded = slot.upload(witnesses)?;
        let batch = Batch {
            witnesses: slot.witnesses.slice(0..witnesses.len() * slot.num_wires)?,
            num_wires: slot.num_wires,
            count: witnesses.len() as u32,
            uploaded: &uploaded,
        };
        let mut work = self.work.lock().unwrap_or_else(PoisonError::into_inner);
        let done = work.enqueue(&batch, &mut slot.results)?;
        drop(work);
        // Here, and not on threads that others could use.
        done.iter().try_for_each(Event::synchronize)?;
        slot.results.commitments(witnesses.len())
    }
}

impl HScalars {
    fn new(
        device: &Device,
        matrices: &SparseMatrices<'_>,
        plan: &KeyPlan,
    ) -> Result<Self, MsmError> {
        let matrices = Matrices::new(device, matrices)?;
        let len = Quotient::scratch_len(plan.log_domain, plan.batch as usize);
        Ok(Self {
            quotient: Quotient::new(device, matrices, plan.log_domain)?,
            scratch: device.alloc(len)?,
            domain_size: 1 << plan.log_domain,
        })
    }

    /// Enqueues their making; they are valid until the next call's.
    pub fn evaluate(&self, stream: &Stream, batch: &Batch<'_>) -> Result<Scalars<'_>, MsmError> {
        self.quotient
            .evaluate(stream, batch.witnesses, self.scratch.as_slice())?;
        Ok(Scalars {
            values: self
                .scratch
                .slice(0..batch.count as usize * self.domain_size)?,
            stride: self.domain_size,
            batch: batch.count,
        })
    }
}

impl<'a> Batch<'a> {
    /// The witnesses as scalars of the other queries.
    pub fn scalars(&self) -> Scalars<'a> {
        Scalars {
            values: self.witnesses,
            stride: self.num_wires,
            batch: self.count,
        }
    }
}
