//! What the tests of multiplications share: everything that one needs, in one value.
#![allow(dead_code, reason = "each test binary uses a part")]

use ark_bn254::Fr;
use trifold_kernels::msm::{
    Bases, Groups, MsmConfig, MsmDemand, MsmPlan, MsmScratch, MsmSums, ScalarMap, Scalars,
};
use trifold_kernels::{Device, EmulatorConfig, Stream, test_devices};

use crate::points::Oracle;
use crate::support::{random, upload};

/// The test devices, and an emulated one whose streams do nothing before somebody waits for them.
pub fn devices_and_a_late_one() -> Vec<Device> {
    let late = EmulatorConfig {
        deferred: true,
        ..EmulatorConfig::default()
    };
    let late = Device::emulator_with(late).unwrap();
    test_devices().into_iter().chain([late]).collect()
}

pub const UNLIMITED: u64 = u64::MAX;

pub fn demand(points: usize, batch: u32, groups: Groups) -> MsmDemand {
    MsmDemand {
        points,
        batch,
        density: 1.0,
        groups,
        table_bytes: UNLIMITED,
    }
}

/// Few bits a pass: a block for each digit is much to emulate.
pub fn config(window_bits: u32, tables: u32) -> MsmConfig {
    let (window_bits, tables) = (Some(window_bits), Some(tables));
    MsmConfig {
        window_bits,
        tables,
        sort_bits: 5,
        ..MsmConfig::default()
    }
}

pub fn groups<G: Oracle>() -> Groups {
    if G::DEGREE == 1 {
        Groups::G1
    } else {
        Groups::G2
    }
}

pub fn scratch(device: &Device, plan: &MsmPlan, batch: u32, groups: Groups) -> MsmScratch {
    let needs = plan
        .scratch_needs(batch, groups, device.limits().multiprocessors)
        .unwrap();
    MsmScratch::new(device, needs).unwrap()
}

pub fn to_device<G: Oracle>(points: &[G::Point]) -> Vec<G::Affine> {
    points.iter().map(G::to_device).collect()
}

/// Points on a device, with all that multiplies them by up to `batch` lists of scalars.
pub struct Prepared<'a, G: Oracle> {
    device: &'a Device,
    stream: Stream,
    pub points: Vec<G::Point>,
    plan: MsmPlan,
    bases: Bases<G>,
    map: ScalarMap,
    scratch: MsmScratch,
    sums: MsmSums<G>,
}

impl<'a, G: Oracle> Prepared<'a, G> {
    pub fn new(device: &'a Device, points: Vec<G::Point>, batch: u32, config: MsmConfig) -> Self {
        let stream = device.stream().unwrap();
        let plan = MsmPlan::new(&demand(points.len(), batch, groups::<G>()), &config).unwrap();
        let bases = Bases::new(device, &stream, &to_device::<G>(&points), &plan).unwrap();
        let map = ScalarMap::identity(device, points.len()).unwrap();
        let scratch = scratch(device, &plan, batch, groups::<G>());
        let sums = MsmSums::new(device, &plan, batch).unwrap();
        Self {
            device,
            stream,
            points,
            plan,
            bases,
            map,
            scratch,
            sums,
        }
    }

    /// scalars: [batch][points].
    pub fn multiply(&mut self, scalars: &[Fr], batch: u32) -> Vec<G::Point> {
        let values = upload(self.device, scalars);
        let scalars = Scalars {
            values: values.as_slice(),
            stride: self.points.len(),
            batch,
        };
        let pairs = self
            .scratch
            .sort(&self.stream, &self.plan, &self.map, scalars)
            .unwrap();
        pairs.multiply(&self.bases, &mut self.sums).unwrap();
        self.sums.fold(G::from_jacobian).unwrap()
    }

    pub fn agrees(&mut self, scalars: &[Fr], what: &str) {
        let found = self.multiply(scalars, 1);
        assert_eq!(
            found,
            [G::multiply(&self.points, scalars)],
            "{what}, {:?}",
            self.plan
        );
    }
}

/// Random points and scalars.
pub fn agrees<G: Oracle>(device: &Device, n: usize, config: MsmConfig) {
    Prepared::<G>::new(device, G::random(n, 2), 1, config)
        .agrees(&random(n, 4), &format!("{n} points"));
}
