//! What comes back from the device: a few sums for each multiplication, of which the host makes points.

use std::ops::Add;

use ark_bn254::{Fq, Fq2, G1Projective, G2Projective};
use ark_ff::BigInt;
use trifold_kernels::msm::{G1, G2, Group, MsmError, MsmSums};
use trifold_kernels::{Device, FieldBytes, G1Jacobian, G2Jacobian};

use super::plan::{KeyPlan, PointsPlan};
use crate::backend::Commitments;

/// Where a batch's sums arrive in host memory. A query that is streamed has a part for each piece.
#[derive(Default)]
pub struct Results {
    pub a: Vec<MsmSums<G1>>,
    pub b_g1: Vec<MsmSums<G1>>,
    pub b_g2: Vec<MsmSums<G2>>,
    pub l: Vec<MsmSums<G1>>,
    pub h: Vec<MsmSums<G1>>,
}

impl Results {
    /// Streamed queries make their parts when they are run.
    pub fn new(device: &Device, plan: &KeyPlan) -> Result<Self, MsmError> {
        let PointsPlan::Resident([a, b, l, h]) = &plan.points else {
            return Ok(Self::default());
        };
        Ok(Self {
            a: vec![MsmSums::new(device, a, plan.batch)?],
            b_g1: vec![MsmSums::new(device, b, plan.batch)?],
            b_g2: vec![MsmSums::new(device, b, plan.batch)?],
            l: vec![MsmSums::new(device, l, plan.batch)?],
            h: vec![MsmSums::new(device, h, plan.batch)?],
        })
    }

    /// Does the last additions, once the device is done.
    ///
    /// # Errors
    /// The device failed on the way.
    pub fn commitments(&mut self, count: usize) -> Result<Vec<Commitments>, MsmError> {
        let Self {
            a,
            b_g1,
            b_g2,
            l,
            h,
        } = self;
        let ((a, b_g1), (b_g2, (l, h))) = rayon::join(
            || rayon::join(|| points(a, count, g1), || points(b_g1, count, g1)),
            || {
                let b_g2 = || points(b_g2, count, g2);
                rayon::join(b_g2, || {
                    rayon::join(|| points(l, count, g1), || points(h, count, g1))
                })
            },
        );
        let (a, b_g1, b_g2, l, h) = (a?, b_g1?, b_g2?, l?, h?);
        let commitments = |i: usize| Commitments {
            a: a[i],
            b_g1: b_g1[i],
            b_g2: b_g2[i],
            h: h[i],
            l: l[i],
        };
        Ok((0..count).map(commitments).collect())
    }
}

/// One point for each witness, the sum of all parts.
fn points<G: Group, P: Copy + Default + Add<Output = P>>(
    parts: &mut [MsmSums<G>],
    count: usize,
    point: fn(&G::Jacobian) -> P,
) -> Result<Vec<P>, MsmError> {
    let mut sums = vec![P::default(); count];
    for part in parts {
        for (sum, part) in sums.iter_mut().zip(part.fold(point)?) {
            *sum = *sum + part;
        }
    }
    Ok(sums)
}

fn g1(point: &G1Jacobian) -> G1Projective {
    G1Projective::new_unchecked(fq(&point.x), fq(&point.y), fq(&point.z))
}

fn g2(point: &G2Jacobian) -> G2Projective {
    G2Projective::new_unchecked(fq2(&point.x), fq2(&point.y), fq2(&point.z))
}

/// Both sides hold Montgomery form.
fn fq(value: &FieldBytes) -> Fq {
    Fq::new_unchecked(BigInt(value.0))
}

fn fq2([c0, c1]: &[FieldBytes; 2]) -> Fq2 {
    Fq2::new(fq(c0), fq(c1))
}
