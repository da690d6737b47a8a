//! A key as the device takes it: its points without those at infinity, each with the place of its scalar, and its
//! matrices.

use ark_bn254::{g1, g2};
use ark_ec::short_weierstrass::Affine;
use rayon::prelude::*;
use trifold_kernels::{FieldBytes, SparseMatrices, SparseRows};

use crate::key::{KeyError, Matrices, Point, Points, ProvingKey, Section};

/// Places of the points of each query that are not at infinity. B's are the same in both groups.
pub struct Lists {
    pub a: Vec<u32>,
    pub b: Vec<u32>,
    pub l: Vec<u32>,
    pub h: Vec<u32>,
}

impl Lists {
    /// # Errors
    /// A point of B is at infinity in one group only, so the key is damaged.
    pub fn new(key: &ProvingKey) -> Result<Self, KeyError> {
        let b = finite(key.b_g1_query());
        if b != finite(key.b_g2_query()) {
            let reason = "a point is at infinity in one of the two groups only";
            return Err(key.refuse(Section::B2, reason));
        }
        Ok(Self {
            a: finite(key.a_query()),
            b,
            l: finite(key.l_query()),
            h: finite(key.h_query()),
        })
    }

    /// The wires whose values are the scalars of `l`, which starts after the public wires.
    pub fn l_wires(&self, key: &ProvingKey) -> Vec<u32> {
        let first = key.header().num_public as u32 + 1;
        self.l.iter().map(|place| place + first).collect()
    }
}

fn finite<P: Point>(points: Points<P>) -> Vec<u32> {
    let places = (0..points.len() as u32).into_par_iter();
    places
        .filter(|&place| !points.is_infinity(place as usize))
        .collect()
}

/// The matrices as the device takes them.
pub struct DeviceMatrices {
    matrices: Matrices,
    coefficients: Vec<FieldBytes>,
    num_wires: usize,
}

impl DeviceMatrices {
    /// # Errors
    /// The key's matrices are malformed.
    pub fn new(key: &ProvingKey) -> Result<Self, KeyError> {
        let matrices = key.matrices()?;
        let (coefficients, _) = matrices.parts();
        Ok(Self {
            coefficients: coefficients
                .iter()
                .map(|value| FieldBytes(value.0.0))
                .collect(),
            num_wires: key.header().num_wires,
            matrices,
        })
    }

    pub fn view(&self) -> SparseMatrices<'_> {
        let (_, rows) = self.matrices.parts();
        let [a, b] = rows.map(|(starts, entries)| SparseRows { starts, entries });
        SparseMatrices {
            columns: self.num_wires,
            coefficients: &self.coefficients,
            a,
            b,
        }
    }
}

/// A point in the device's layout.
pub trait DevicePoint: Point {
    type Device: trifold_kernels::Pod + Send;

    fn to_device(&self) -> Self::Device;
}

impl DevicePoint for Affine<g1::Config> {
    type Device = trifold_kernels::G1Affine;

    fn to_device(&self) -> Self::Device {
        trifold_kernels::G1Affine {
            x: FieldBytes(self.x.0.0),
            y: FieldBytes(self.y.0.0),
        }
    }
}

impl DevicePoint for Affine<g2::Config> {
    type Device = trifold_kernels::G2Affine;

    fn to_device(&self) -> Self::Device {
        trifold_kernels::G2Affine {
            x: [FieldBytes(self.x.c0.0.0), FieldBytes(self.x.c1.0.0)],
            y: [FieldBytes(self.y.c0.0.0), FieldBytes(self.y.c1.0.0)],
        }
    }
}

/// The points at some places of a query.
pub fn gather<P: DevicePoint>(points: Points<P>, places: &[u32]) -> Vec<P::Device> {
    let places = places.par_iter();
    places
        .map(|&place| points.get(place as usize).to_device())
        .collect()
}
