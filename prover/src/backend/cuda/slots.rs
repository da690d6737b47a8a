//! Where witnesses wait for their turn on the device: one batch is uploaded while another one is computed.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use ark_bn254::Fr;
use rayon::prelude::*;
use trifold_kernels::msm::MsmError;
use trifold_kernels::{Buffer, Device, DeviceError, Event, FieldBytes, Pinned, Stream};

use super::plan::KeyPlan;
use super::results::Results;

/// Values copied to page-locked memory by one task.
const CHUNK: usize = 1 << 14;

/// A few slots, of which a batch takes one.
pub struct Slots {
    slots: Vec<Mutex<Slot>>,
    /// Which one to wait for next when none is free.
    next: AtomicUsize,
}

impl Slots {
    /// # Errors
    /// The device's, or no page-locked memory is left.
    pub fn new(device: &Device, plan: &KeyPlan) -> Result<Self, MsmError> {
        let slots = (0..plan.slots).map(|_| Ok(Mutex::new(Slot::new(device, plan)?)));
        Ok(Self {
            slots: slots.collect::<Result<_, MsmError>>()?,
            next: AtomicUsize::new(0),
        })
    }

    /// A free slot, or one that is waited for.
    pub fn take(&self) -> MutexGuard<'_, Slot> {
        let mut free = self.slots.iter().filter_map(|slot| slot.try_lock().ok());
        free.next().unwrap_or_else(|| {
            let next = self.next.fetch_add(1, Ordering::Relaxed) % self.slots.len();
            self.slots[next]
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
        })
    }
}

/// Room for a batch of witnesses and its results on both sides.
pub struct Slot {
    pub num_wires: usize,
    pub witnesses: Buffer<FieldBytes>,
    pub results: Results,
    stream: Stream,
    /// One for each witness of a batch.
    staging: Vec<Pinned<FieldBytes>>,
}

impl Slot {
    fn new(device: &Device, plan: &KeyPlan) -> Result<Self, MsmError> {
        let staging = (0..plan.batch).map(|_| device.pinned(plan.num_wires));
        Ok(Self {
            num_wires: plan.num_wires,
            witnesses: device.alloc(plan.batch as usize * plan.num_wires)?,
            results: Results::new(device, plan)?,
            stream: device.stream()?,
            staging: staging.collect::<Result<_, _>>()?,
        })
    }

    /// Starts copying a batch to the device; it is there after the event. The device must be done with the slot's last
    /// batch.
    pub fn upload(&mut self, witnesses: &[&[Fr]]) -> Result<Event, DeviceError> {
        for (place, (witness, staged)) in witnesses.iter().zip(&mut self.staging).enumerate() {
            stage(witness, staged.as_mut_slice()?);
            let start = place * self.num_wires;
            let target = self.witnesses.slice(start..start + self.num_wires)?;
            self.stream.copy_in(target, staged)?;
        }
        self.stream.record()
    }
}

fn stage(witness: &[Fr], staged: &mut [FieldBytes]) {
    let chunks = staged.par_chunks_mut(CHUNK).zip(witness.par_chunks(CHUNK));
    chunks.for_each(|(staged, witness)| {
        for (staged, value) in staged.iter_mut().zip(witness) {
            *staged = FieldBytes(value.0.0);
        }
    });
}
