//! A key whose points are on ICICLE's device.

use std::marker::PhantomData;
use std::sync::Arc;

use ark_bn254::{Fr, G1Affine, G2Affine};
use ark_ff::{FftField, Field, Zero};
use rayon::prelude::*;

use super::error::IcicleError;
use super::ffi::{Buffer, Device, Words};
use super::forms::{self, Curve};
use super::runtime::{Domain, Runtime};
use crate::backend::{BackendError, Commitments, LoadedKey, check_lengths};
use crate::key::{Matrices, Points, ProvingKey};

/// Most values of all witnesses of a batch, unless one witness has more: 2^22 take 128 MiB for each of the three vectors
/// of the quotients, and as much for the scalars of each sum.
const MAX_BATCH_VALUES: usize = 1 << 22;

/// The points of a key without those at infinity, and what else a proof needs.
pub struct IcicleKey {
    runtime: Arc<Runtime>,
    key: Arc<ProvingKey>,
    matrices: Matrices,
    a: Query<G1Affine>,
    b_g1: Query<G1Affine>,
    b_g2: Query<G2Affine>,
    l: Query<G1Affine>,
    h: Query<G1Affine>,
    /// Wires that `a`, both `b` and `l` have points for.
    a_wires: Vec<u32>,
    b_wires: Vec<u32>,
    l_wires: Vec<u32>,
}

/// A batch of witnesses in standard form, ready to be uploaded: vector after vector.
struct Prepared {
    batch: usize,
    /// `A w` and `B w`.
    rows: [Vec<Words>; 2],
    a: Vec<Words>,
    b: Vec<Words>,
    l: Vec<Words>,
}

/// Points on a device.
struct Query<C> {
    device: Arc<Device>,
    points: Buffer,
    count: usize,
    curve: PhantomData<fn() -> C>,
}

impl IcicleKey {
    /// Uploads a key.
    ///
    /// # Errors
    /// The key is malformed, or the device has no room for it.
    pub fn new(runtime: Arc<Runtime>, key: Arc<ProvingKey>) -> Result<Self, BackendError> {
        let (header, device) = (key.header(), &runtime.device);
        let finite = |range: std::ops::Range<usize>, is_infinity: &dyn Fn(usize) -> bool| {
            let wires = range.filter(|&wire| !is_infinity(wire));
            wires.map(|wire| wire as u32).collect::<Vec<_>>()
        };
        let (all, public) = (header.num_wires, header.num_public + 1);
        let (a, l, h) = (key.a_query(), key.l_query(), key.h_query());
        let (b_g1, b_g2) = (key.b_g1_query(), key.b_g2_query());
        let a_wires = finite(0..all, &|wire| a.is_infinity(wire));
        let b_wires = finite(0..all, &|wire| {
            b_g1.is_infinity(wire) && b_g2.is_infinity(wire)
        });
        let l_wires = finite(public..all, &|wire| l.is_infinity(wire - public));
        let domain: Vec<_> = (0..header.domain_size as u32).collect();
        Ok(Self {
            a: Query::new(device, a, &a_wires, 0)?,
            b_g1: Query::new(device, b_g1, &b_wires, 0)?,
            b_g2: Query::new(device, b_g2, &b_wires, 0)?,
            l: Query::new(device, l, &l_wires, public)?,
            h: Query::new(device, h, &domain, 0)?,
            matrices: key.matrices()?,
            a_wires,
            b_wires,
            l_wires,
            runtime,
            key,
        })
    }

    /// What the processor does: rows of `A w` and `B w`, and the scalars of each sum.
    fn prepare(&self, witnesses: &[&[Fr]]) -> Prepared {
        let rows = |times: fn(&Matrices, &[Fr]) -> Vec<Fr>| -> Vec<Words> {
            let rows = witnesses
                .iter()
                .map(|witness| times(&self.matrices, witness));
            rows.flat_map(|rows| words(&rows)).collect()
        };
        let scalars: Vec<_> = witnesses.iter().map(|witness| words(witness)).collect();
        let gather = |wires: &[u32]| -> Vec<Words> {
            let wires = |scalars: &Vec<Words>| -> Vec<Words> {
                wires
                    .par_iter()
                    .map(|&wire| scalars[wire as usize])
                    .collect()
            };
            scalars.iter().flat_map(wires).collect()
        };
        Prepared {
            batch: witnesses.len(),
            rows: [rows(Matrices::a_times), rows(Matrices::b_times)],
            a: gather(&self.a_wires),
            b: gather(&self.b_wires),
            l: gather(&self.l_wires),
        }
    }

    /// What ICICLE does, for one caller at a time.
    fn compute(&self, prepared: &Prepared) -> Result<Vec<Commitments>, IcicleError> {
        let (size, batch) = (self.key.header().domain_size, prepared.batch);
        let domain = self.runtime.domain(2 * size)?;
        let h = self
            .h
            .sums(&quotients(&domain, &prepared.rows, size)?, batch)?;
        let a = self.a.sums(&domain.device.upload(&prepared.a)?, batch)?;
        let l = self.l.sums(&domain.device.upload(&prepared.l)?, batch)?;
        let b = domain.device.upload(&prepared.b)?;
        let b_g1 = self.b_g1.sums(&b, batch)?;
        let b_g2 = self.b_g2.sums(&b, batch)?;
        let commitments = (0..batch).map(|i| Commitments {
            a: a[i],
            b_g1: b_g1[i],
            b_g2: b_g2[i],
            h: h[i],
            l: l[i],
        });
        Ok(commitments.collect())
    }
}

impl LoadedKey for IcicleKey {
    fn commit(&self, witnesses: &[&[Fr]]) -> Result<Vec<Commitments>, BackendError> {
        check_lengths(self.key.header(), witnesses)?;
        let mut commitments = Vec::with_capacity(witnesses.len());
        for witnesses in witnesses.chunks(self.batch_limit()) {
            commitments.extend(self.compute(&self.prepare(witnesses))?);
        }
        Ok(commitments)
    }

    fn batch_limit(&self) -> usize {
        let header = self.key.header();
        (MAX_BATCH_VALUES / header.domain_size.max(header.num_wires)).max(1)
    }
}

/// `a b - c` at the odd points of the domain of twice the size, for each witness; see the CPU's quotient.
fn quotients(
    domain: &Domain,
    [a, b]: &[Vec<Words>; 2],
    size: usize,
) -> Result<Buffer, IcicleError> {
    let (device, length) = (domain.device, a.len());
    let values = device.allocate(3 * length)?;
    values.write(0, a)?;
    values.write(length, b)?;
    device.multiply(&values, [0, length, 2 * length], length)?;
    let root = Fr::get_root_of_unity(2 * size as u64).unwrap_or(Fr::ONE);
    domain.interpolate(&values, size)?;
    domain.evaluate(&values, size, forms::scalar(&root))?;
    device.multiply(&values, [0, length, 0], length)?;
    device.subtract(&values, [0, 2 * length, 0], length)?;
    Ok(values)
}

impl<C: Curve> Query<C> {
    /// The points of some wires, the first point of the section belonging to wire `first`.
    fn new(
        device: &Arc<Device>,
        points: Points<C>,
        wires: &[u32],
        first: usize,
    ) -> Result<Self, IcicleError> {
        let chunks = wires.par_chunks(1 << 12).map(|wires| {
            let mut words = Vec::with_capacity(wires.len() * C::GROUP.affine_words());
            let points = wires.iter().map(|&wire| points.get(wire as usize - first));
            points.for_each(|point| point.put(&mut words));
            words
        });
        let words: Vec<Vec<Words>> = chunks.collect();
        Ok(Self {
            points: device.upload(&words.concat())?,
            device: device.clone(),
            count: wires.len(),
            curve: PhantomData,
        })
    }

    /// One sum for each witness of the batch.
    fn sums(&self, scalars: &Buffer, batch: usize) -> Result<Vec<C::Group>, IcicleError> {
        if self.count == 0 {
            return Ok(vec![C::Group::zero(); batch]);
        }
        let sums = self.device.msm(C::GROUP, scalars, &self.points, batch)?;
        let sums = sums.chunks_exact(C::GROUP.projective_words()).map(C::sum);
        sums.collect::<Option<_>>()
            .ok_or_else(|| IcicleError::NoPoint {
                function: C::GROUP.function(),
                device: self.device.name().to_owned(),
            })
    }
}

fn words(values: &[Fr]) -> Vec<Words> {
    values.par_iter().map(forms::scalar).collect()
}
