//! sppark, compiled from its crate where nvcc was there (feature `sppark`): bench/sppark/peer.cu behind safe calls.

use std::ffi::{c_int, c_void};

use anyhow::{Result, bail};
use ark_bn254::{Fq, Fq2, Fr, G1Affine, G1Projective, G2Affine, G2Projective};
use ark_ff::BigInt;
use rayon::prelude::*;

use super::contender::{Boxed, Contender, Operation};

// Linked for what peer.cu calls.
use {blst as _, sppark as _};

type Words = [u64; 4];

// sppark's own allocations and error reports are C++; what it throws is caught in peer.cu.
unsafe extern "C" {
    fn peer_available() -> bool;
    fn peer_sum_g1_new(
        points: *const Words,
        scalars: *const Words,
        count: usize,
        made: *mut *mut c_void,
    ) -> c_int;
    fn peer_sum_g1_run(sum: *mut c_void, out: *mut Words) -> c_int;
    fn peer_sum_g1_free(sum: *mut c_void);
    fn peer_sum_g2_new(
        points: *const Words,
        scalars: *const Words,
        count: usize,
        made: *mut *mut c_void,
    ) -> c_int;
    fn peer_sum_g2_run(sum: *mut c_void, out: *mut Words) -> c_int;
    fn peer_sum_g2_free(sum: *mut c_void);
    fn peer_transform_new(values: *const Words, log: u32, made: *mut *mut c_void) -> c_int;
    fn peer_transform_run(transform: *mut c_void) -> c_int;
    fn peer_transform_read(transform: *mut c_void, to: *mut Words) -> c_int;
    fn peer_transform_free(transform: *mut c_void);
}

/// sppark on the first card.
pub struct Sppark;

impl Sppark {
    /// Nothing where sppark finds no card.
    pub fn new() -> Result<Self> {
        // SAFETY: takes no argument, and only counts devices.
        match unsafe { peer_available() } {
            true => Ok(Self),
            false => bail!("sppark finds no card"),
        }
    }
}

impl Contender for Sppark {
    fn name(&self) -> &str {
        "sppark"
    }

    fn device(&self) -> String {
        "0.1.16, first card".to_owned()
    }

    fn sum_g1(&self, points: &[G1Affine], scalars: &[Fr]) -> Result<Boxed<'_, G1Projective>> {
        let points: Vec<Words> = points.iter().flat_map(|p| [p.x.0.0, p.y.0.0]).collect();
        let (scalars, mut made) = (words(scalars), std::ptr::null_mut());
        let (count, from) = (scalars.len(), scalars.as_ptr());
        // SAFETY: `count` points of two elements each and `count` scalars, which are copied before the call returns.
        let code = unsafe { peer_sum_g1_new(points.as_ptr(), from, count, &mut made) };
        check("peer_sum_g1_new", code)?;
        Ok(Box::new(SumG1(made, G1Projective::default())))
    }

    fn sum_g2(&self, points: &[G2Affine], scalars: &[Fr]) -> Result<Boxed<'_, G2Projective>> {
        let of = |p: &G2Affine| [p.x.c0, p.x.c1, p.y.c0, p.y.c1].map(|value| value.0.0);
        let points: Vec<Words> = points.iter().flat_map(of).collect();
        let (scalars, mut made) = (words(scalars), std::ptr::null_mut());
        let (count, from) = (scalars.len(), scalars.as_ptr());
        // SAFETY: `count` points of four elements each and `count` scalars, which are copied before the call returns.
        let code = unsafe { peer_sum_g2_new(points.as_ptr(), from, count, &mut made) };
        check("peer_sum_g2_new", code)?;
        Ok(Box::new(SumG2(made, G2Projective::default())))
    }

    fn transform(&self, values: &[Fr]) -> Result<Boxed<'_, Vec<Fr>>> {
        let (from, mut made) = (words(values), std::ptr::null_mut());
        let log = values.len().trailing_zeros();
        // SAFETY: 2^log values, which are copied before the call returns.
        check("peer_transform_new", unsafe {
            peer_transform_new(from.as_ptr(), log, &mut made)
        })?;
        Ok(Box::new(Transform(made, values.len())))
    }
}

struct SumG1(*mut c_void, G1Projective);

impl Operation<G1Projective> for SumG1 {
    fn run(&mut self) -> Result<()> {
        let mut out = [Words::default(); 3];
        // SAFETY: a sum that `peer_sum_g1_new` made, and room for a Jacobian point.
        check("peer_sum_g1_run", unsafe {
            peer_sum_g1_run(self.0, out.as_mut_ptr())
        })?;
        let [x, y, z] = out.map(|words| Fq::new_unchecked(BigInt(words)));
        self.1 = G1Projective::new_unchecked(x, y, z);
        Ok(())
    }

    fn result(&mut self) -> Result<G1Projective> {
        Ok(self.1)
    }
}

impl Drop for SumG1 {
    fn drop(&mut self) {
        // SAFETY: made by `peer_sum_g1_new`, freed once.
        unsafe { peer_sum_g1_free(self.0) };
    }
}

struct SumG2(*mut c_void, G2Projective);

impl Operation<G2Projective> for SumG2 {
    fn run(&mut self) -> Result<()> {
        let mut out = [[Words::default(); 2]; 3];
        // SAFETY: a sum that `peer_sum_g2_new` made, and room for a Jacobian point of G2.
        check("peer_sum_g2_run", unsafe {
            peer_sum_g2_run(self.0, out.as_mut_ptr().cast())
        })?;
        let [x, y, z] = out.map(|pair| {
            let [c0, c1] = pair.map(|words| Fq::new_unchecked(BigInt(words)));
            Fq2::new(c0, c1)
        });
        self.1 = G2Projective::new_unchecked(x, y, z);
        Ok(())
    }

    fn result(&mut self) -> Result<G2Projective> {
        Ok(self.1)
    }
}

impl Drop for SumG2 {
    fn drop(&mut self) {
        // SAFETY: made by `peer_sum_g2_new`, freed once.
        unsafe { peer_sum_g2_free(self.0) };
    }
}

struct Transform(*mut c_void, usize);

impl Operation<Vec<Fr>> for Transform {
    /// The values come out with their indices' bits reversed, as ours.
    fn run(&mut self) -> Result<()> {
        // SAFETY: a transform that `peer_transform_new` made.
        check("peer_transform_run", unsafe { peer_transform_run(self.0) })
    }

    fn result(&mut self) -> Result<Vec<Fr>> {
        let mut values = vec![Words::default(); self.1];
        // SAFETY: a transform that `peer_transform_new` made of so many values.
        check("peer_transform_read", unsafe {
            peer_transform_read(self.0, values.as_mut_ptr())
        })?;
        let values = values
            .into_iter()
            .map(|words| Fr::new_unchecked(BigInt(words)));
        Ok(super::terms::unreversed(values.collect()))
    }
}

impl Drop for Transform {
    fn drop(&mut self) {
        // SAFETY: made by `peer_transform_new`, freed once.
        unsafe { peer_transform_free(self.0) };
    }
}

fn words(values: &[Fr]) -> Vec<Words> {
    values.par_iter().map(|value| value.0.0).collect()
}

fn check(call: &str, code: c_int) -> Result<()> {
    match code {
        0 => Ok(()),
        code => bail!("{call} failed with CUDA error {code}"),
    }
}
