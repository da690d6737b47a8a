//! What the device leaves to the host.

use std::ops::Add;

use super::error::{MsmError, at_most, same};
use super::group::Group;
use super::plan::MsmPlan;
use crate::buffer::Buffer;
use crate::device::Device;
use crate::pinned::Pinned;
use crate::stream::Stream;
use crate::types::FieldBytes;

/// For each proof and set of buckets `window_bits` points: for each bit of a bucket's index the sum of the buckets that have it,
/// then the sum of all buckets. Made once, used for any number of runs.
pub struct MsmSums<G: Group> {
    fields: Pinned<FieldBytes>,
    plan: MsmPlan,
    batch: u32,
    group: std::marker::PhantomData<fn() -> G>,
}

impl<G: Group> MsmSums<G> {
    /// # Errors
    /// `Limit` for a batch that the plan can't have; `Device` if the host has no page-locked memory left.
    pub fn new(device: &Device, plan: &MsmPlan, max_batch: u32) -> Result<Self, MsmError> {
        plan.check_batch(max_batch)?;
        let fields = plan.sums(max_batch) as usize * G::JACOBIAN_FIELDS;
        Ok(Self {
            fields: device.pinned(fields)?,
            plan: *plan,
            batch: 0,
            group: std::marker::PhantomData,
        })
    }

    /// Waits for the run and does the last additions: one point for each proof. `point` converts from Jacobian coordinates in
    /// Montgomery form; the default of `P` is zero.
    ///
    /// # Errors
    /// `Device` if the run failed.
    pub fn fold<P: Copy + Default + Add<Output = P>>(
        &self,
        point: impl Fn(&G::Jacobian) -> P,
    ) -> Result<Vec<P>, MsmError> {
        let used = self.plan.sums(self.batch) as usize * G::JACOBIAN_FIELDS;
        let sums: &[G::Jacobian] = bytemuck::cast_slice(&self.fields.as_slice()?[..used]);
        let of_proof = self.plan.sums(1) as usize;
        Ok(sums
            .chunks(of_proof.max(1))
            .map(|sums| self.fold_proof(sums, &point))
            .collect())
    }

    /// Horner over the sets, highest first, and the bits of each. Bucket b counts b + 1 times: its bits, and once more.
    fn fold_proof<P: Copy + Default + Add<Output = P>>(
        &self,
        sums: &[G::Jacobian],
        point: impl Fn(&G::Jacobian) -> P,
    ) -> P {
        let mut result = P::default();
        for set in sums.chunks(self.plan.window_bits as usize).rev() {
            let (all, bits) = set.split_last().expect("a set has a sum of all buckets");
            result = result + result;
            for sum in bits.iter().rev() {
                result = result + result + point(sum);
            }
            result = result + point(all);
        }
        result
    }

    /// Errors: `Length` if the run is of another geometry, `Limit` if its batch is larger.
    pub(super) fn check(&self, plan: &MsmPlan, batch: u32) -> Result<(), MsmError> {
        same(
            "bits of the sums' window",
            self.plan.window_bits as usize,
            plan.window_bits as usize,
        )?;
        same(
            "sets of the sums",
            self.plan.sets as usize,
            plan.sets as usize,
        )?;
        at_most(
            "proofs of a run",
            plan.sums(batch) * G::JACOBIAN_FIELDS as u64,
            self.fields.len() as u64,
        )
    }

    /// Copies the run's sums; as many as there is room for, since a copy fills its target.
    pub(super) fn copy_from(
        &mut self,
        stream: &Stream,
        sums: &Buffer<FieldBytes>,
        batch: u32,
    ) -> Result<(), MsmError> {
        at_most("sums of a run", self.fields.len() as u64, sums.len() as u64)?;
        self.batch = batch;
        let filled = sums.slice(0..self.fields.len())?;
        Ok(stream.copy_out(&mut self.fields, filled)?)
    }
}
