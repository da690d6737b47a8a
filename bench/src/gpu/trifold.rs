//! Our kernels, on a card or on their emulator.

use anyhow::{Context, Result};
use ark_bn254::{Fq, Fq2, Fr, G1Affine, G1Projective, G2Affine, G2Projective};
use ark_ff::BigInt;
use rayon::prelude::*;
use trifold_kernels::msm::{
    Bases, G1, G2, Group, Groups, MsmConfig, MsmDemand, MsmPlan, MsmScratch, MsmSums, ScalarMap,
    Scalars,
};
use trifold_kernels::{Buffer, Device, Direction, FieldBytes, Ntt, Order, Stream};

use super::contender::{Boxed, Contender, Operation};

/// Share of the free memory that tables of multiples may take: scratch and scalars need some, too.
const TABLES_SHARE: f64 = 0.5;

pub struct Trifold {
    pub device: Device,
}

impl Contender for Trifold {
    fn name(&self) -> &str {
        "trifold"
    }

    fn device(&self) -> String {
        self.device.describe().to_owned()
    }

    fn is_processor(&self) -> bool {
        self.device.describe().contains("emulator")
    }

    fn sum_g1(&self, points: &[G1Affine], scalars: &[Fr]) -> Result<Boxed<'_, G1Projective>> {
        let points: Vec<_> = points.par_iter().map(g1).collect();
        let sum = Sum::<G1>::new(&self.device, Groups::G1, &points, scalars)?;
        Ok(Box::new(Folded(sum, of_g1)))
    }

    fn sum_g2(&self, points: &[G2Affine], scalars: &[Fr]) -> Result<Boxed<'_, G2Projective>> {
        let points: Vec<_> = points.par_iter().map(g2).collect();
        let sum = Sum::<G2>::new(&self.device, Groups::G2, &points, scalars)?;
        Ok(Box::new(Folded(sum, of_g2)))
    }

    fn transform(&self, values: &[Fr]) -> Result<Boxed<'_, Vec<Fr>>> {
        let log = values.len().trailing_zeros();
        Ok(Box::new(Transform {
            ntt: Ntt::new(&self.device, log)?,
            stream: self.device.stream()?,
            values: self.device.upload(&fields(values))?,
            log,
        }))
    }
}

/// Points with tables on the device, as a key has them.
struct Sum<G: Group> {
    stream: Stream,
    plan: MsmPlan,
    bases: Bases<G>,
    map: ScalarMap,
    scratch: MsmScratch,
    scalars: Buffer<FieldBytes>,
    sums: MsmSums<G>,
}

impl<G: Group> Sum<G> {
    fn new(device: &Device, groups: Groups, points: &[G::Affine], scalars: &[Fr]) -> Result<Self> {
        let stream = device.stream()?;
        let demand = MsmDemand {
            points: points.len(),
            batch: 1,
            density: 1.0,
            groups,
            table_bytes: (device.memory()?.free_bytes as f64 * TABLES_SHARE) as u64,
        };
        let plan = MsmPlan::new(&demand, &MsmConfig::default())?;
        let needs = plan.scratch_needs(1, groups, device.limits().multiprocessors)?;
        Ok(Self {
            bases: Bases::new(device, &stream, points, &plan)?,
            map: ScalarMap::identity(device, points.len())?,
            scratch: MsmScratch::new(device, needs)?,
            scalars: device.upload(&fields(scalars))?,
            sums: MsmSums::new(device, &plan, 1)?,
            plan,
            stream,
        })
    }
}

/// A sum and how its last additions are done: on the host, as in a proof, so they are timed.
struct Folded<G: Group, P>(Sum<G>, fn(&G::Jacobian) -> P);

impl<G: Group, P: Copy + Default + std::ops::Add<Output = P>> Operation<P> for Folded<G, P> {
    fn run(&mut self) -> Result<()> {
        let sum = &mut self.0;
        let scalars = Scalars {
            values: sum.scalars.as_slice(),
            stride: sum.scalars.len(),
            batch: 1,
        };
        let pairs = sum
            .scratch
            .sort(&sum.stream, &sum.plan, &sum.map, scalars)?;
        pairs.multiply(&sum.bases, &mut sum.sums)?;
        self.result().map(drop)
    }

    fn result(&mut self) -> Result<P> {
        let sums = self.0.sums.fold(self.1)?;
        sums.first().copied().context("no sum")
    }
}

struct Transform {
    ntt: Ntt,
    stream: Stream,
    values: Buffer<FieldBytes>,
    log: u32,
}

impl Operation<Vec<Fr>> for Transform {
    /// In the order in which proofs need it: the values come out with their indices' bits reversed.
    fn run(&mut self) -> Result<()> {
        let (values, order) = (self.values.as_slice(), Order::NaturalToReversed);
        self.ntt.transform(
            &self.stream,
            values,
            self.log,
            Direction::Forward,
            order,
            None,
        )?;
        Ok(self.stream.synchronize()?)
    }

    fn result(&mut self) -> Result<Vec<Fr>> {
        let reversed = self.values.download()?;
        Ok(super::terms::unreversed(
            reversed.iter().map(of_field).collect(),
        ))
    }
}

fn fields(values: &[Fr]) -> Vec<FieldBytes> {
    values
        .par_iter()
        .map(|value| FieldBytes(value.0.0))
        .collect()
}

fn of_field(field: &FieldBytes) -> Fr {
    Fr::new_unchecked(BigInt(field.0))
}

fn g1(point: &G1Affine) -> trifold_kernels::G1Affine {
    let [x, y] = [point.x, point.y].map(|value| FieldBytes(value.0.0));
    trifold_kernels::G1Affine { x, y }
}

fn g2(point: &G2Affine) -> trifold_kernels::G2Affine {
    let [x, y] = [point.x, point.y].map(|value| [value.c0, value.c1].map(|c| FieldBytes(c.0.0)));
    trifold_kernels::G2Affine { x, y }
}

fn of_g1(point: &trifold_kernels::G1Jacobian) -> G1Projective {
    let [x, y, z] = [point.x, point.y, point.z].map(|value| Fq::new_unchecked(BigInt(value.0)));
    G1Projective::new_unchecked(x, y, z)
}

fn of_g2(point: &trifold_kernels::G2Jacobian) -> G2Projective {
    let [x, y, z] = [point.x, point.y, point.z].map(|pair| {
        let [c0, c1] = pair.map(|value| Fq::new_unchecked(BigInt(value.0)));
        Fq2::new(c0, c1)
    });
    G2Projective::new_unchecked(x, y, z)
}
