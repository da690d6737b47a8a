//! The two groups as type parameters.

use bytemuck::Pod;

use super::tuning;
use crate::module::Module;
use crate::types::{FieldBytes, G1Affine, G1Jacobian, G2Affine, G2Jacobian};

mod sealed {
    pub trait Sealed {}
}

/// G1 or G2.
pub trait Group: sealed::Sealed + 'static {
    type Affine: Pod + Default + PartialEq;
    type Jacobian: Pod;
    #[doc(hidden)]
    const MODULE: Module;
    /// Elements of Fq in a coordinate.
    #[doc(hidden)]
    const DEGREE: usize;
    /// Threads that a multiprocessor runs at once while it adds points.
    #[doc(hidden)]
    const RESIDENT_THREADS: u32;

    /// Elements of Fq in a point of XYZZ coordinates.
    #[doc(hidden)]
    const XYZZ_FIELDS: usize = 4 * Self::DEGREE;
    /// Elements of Fq in a point of Jacobian coordinates.
    #[doc(hidden)]
    const JACOBIAN_FIELDS: usize = 3 * Self::DEGREE;
    #[doc(hidden)]
    const XYZZ_BYTES: usize = Self::XYZZ_FIELDS * size_of::<FieldBytes>();
}

/// The group of points over Fq.
#[derive(Clone, Copy, Debug)]
pub struct G1;

/// The group of points over Fq2.
#[derive(Clone, Copy, Debug)]
pub struct G2;

impl sealed::Sealed for G1 {}
impl sealed::Sealed for G2 {}

impl Group for G1 {
    type Affine = G1Affine;
    type Jacobian = G1Jacobian;
    const MODULE: Module = Module::MsmG1;
    const DEGREE: usize = 1;
    const RESIDENT_THREADS: u32 = tuning::G1_RESIDENT_THREADS;
}

impl Group for G2 {
    type Affine = G2Affine;
    type Jacobian = G2Jacobian;
    const MODULE: Module = Module::MsmG2;
    const DEGREE: usize = 2;
    const RESIDENT_THREADS: u32 = tuning::G2_RESIDENT_THREADS;
}

/// The groups that a plan's sorted scalars are used in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Groups {
    G1,
    G2,
    Both,
}

impl Groups {
    pub fn has_g1(self) -> bool {
        self != Self::G2
    }

    pub fn has_g2(self) -> bool {
        self != Self::G1
    }

    /// Bytes of an affine point in each of the groups.
    pub fn point_bytes(self) -> u64 {
        let bytes = |used: bool, bytes: usize| if used { bytes as u64 } else { 0 };
        bytes(self.has_g1(), size_of::<G1Affine>()) + bytes(self.has_g2(), size_of::<G2Affine>())
    }
}
