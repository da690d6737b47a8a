//! From witnesses to the scalars of the H query, without leaving the device.
//!
//! With `a`, `b`, `c` interpolating `A w`, `B w` and their product over the domain, the scalars are the values of
//! `a b - c` at the odd points of the domain of twice the size, in their order. For k witnesses: two sparse products, one
//! product value by value, the 3k vectors from the domain to the coset in one batch, and one product again.

use crate::buffer::{Buffer, BufferSlice};
use crate::device::Device;
use crate::error::Result;
use crate::ntt::{self, Ntt};
use crate::r1cs::{self, Matrices};
use crate::stream::Stream;
use crate::types::FieldBytes;

/// Everything that the quotients of one circuit need.
pub struct Quotient {
    log_n: u32,
    matrices: Matrices,
    ntt: Ntt,
    /// g^i / n in reversed order, g the root of order 2n.
    coset: Buffer<FieldBytes>,
}

impl Quotient {
    /// For a domain of 2^log_n rows; makes the tables on the device and waits for them.
    ///
    /// # Errors
    /// `Domain` beyond 2^27, `Length` if the matrices have another number of rows; the device's.
    pub fn new(device: &Device, matrices: Matrices, log_n: u32) -> Result<Self> {
        ntt::check_domain(log_n, ntt::MAX_LOG_N - 1)?;
        r1cs::check_length("rows of the domain", matrices.rows(), 1 << log_n)?;
        let (stream, ntt) = (device.stream()?, Ntt::new(device, log_n)?);
        let (root, coset) = (device.alloc(2)?, device.alloc(1 << log_n)?);
        ntt::fill_roots(&stream, root.as_slice(), log_n + 1)?;
        ntt::fill_scale(&stream, coset.as_slice(), root.slice(1..2)?, false, log_n)?;
        stream.synchronize()?;
        Ok(Self {
            log_n,
            matrices,
            ntt,
            coset,
        })
    }

    /// Device memory of the tables for a domain, without the matrices.
    pub fn table_bytes(log_n: u32) -> u64 {
        Ntt::table_bytes(log_n) + (size_of::<FieldBytes>() << log_n) as u64
    }

    /// Device memory that this holds.
    pub fn bytes(&self) -> u64 {
        self.matrices.bytes() + self.ntt.bytes() + self.coset.bytes()
    }

    pub fn matrices(&self) -> &Matrices {
        &self.matrices
    }

    /// Values of scratch for `witnesses` witnesses, 32 bytes each.
    pub fn scratch_len(log_n: u32, witnesses: usize) -> usize {
        (3 * witnesses) << log_n
    }

    /// The H scalars of each witness. The witnesses lie one after another; so do the results, of 2^log_n values each, at
    /// the beginning of `scratch`, which must have `scratch_len` values or more. In stream order, nothing is waited for.
    ///
    /// # Errors
    /// `Length` if the witnesses are not whole, `Range` if the scratch is too small; the device's.
    pub fn evaluate(
        &self,
        stream: &Stream,
        witnesses: BufferSlice<'_, FieldBytes>,
        scratch: BufferSlice<'_, FieldBytes>,
    ) -> Result<()> {
        let count = witnesses.len() / self.matrices.columns().max(1);
        let vectors = scratch.slice(0..Self::scratch_len(self.log_n, count))?;
        let len = count << self.log_n;
        let part = |index: usize| vectors.slice(index * len..(index + 1) * len);
        let (a, b, c) = (part(0)?, part(1)?, part(2)?);
        self.matrices.a_times(stream, witnesses, a)?;
        self.matrices.b_times(stream, witnesses, b)?;
        r1cs::multiply(stream, a, b, c)?;
        self.ntt
            .move_to_coset(stream, vectors, self.log_n, self.coset.as_slice())?;
        r1cs::multiply_subtract(stream, a, b, c)
    }
}
