//! Rust twins of what kernels read and write in device memory.

use bytemuck::{Pod, Zeroable};

/// A field element in Montgomery form (R = 2^256), 32 little-endian bytes as in a zkey and in arkworks; less than the modulus.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Pod, Zeroable)]
#[repr(C, align(16))]
pub struct FieldBytes(pub [u64; 4]);

/// A point of G1; the point at infinity is all zero.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Pod, Zeroable)]
#[repr(C)]
pub struct G1Affine {
    pub x: FieldBytes,
    pub y: FieldBytes,
}

/// A point of G2, each coordinate as c0, c1 of c0 + c1 u; the point at infinity is all zero.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Pod, Zeroable)]
#[repr(C)]
pub struct G2Affine {
    pub x: [FieldBytes; 2],
    pub y: [FieldBytes; 2],
}

/// A point of G1 as (x / zz, y / zzz) with zz^3 = zzz^2; infinity has zz = 0.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Pod, Zeroable)]
#[repr(C)]
pub struct G1Xyzz {
    pub x: FieldBytes,
    pub y: FieldBytes,
    pub zz: FieldBytes,
    pub zzz: FieldBytes,
}

/// A point of G2 as (x / zz, y / zzz) with zz^3 = zzz^2; infinity has zz = 0.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Pod, Zeroable)]
#[repr(C)]
pub struct G2Xyzz {
    pub x: [FieldBytes; 2],
    pub y: [FieldBytes; 2],
    pub zz: [FieldBytes; 2],
    pub zzz: [FieldBytes; 2],
}

/// A point of G1 as (x / z^2, y / z^3); infinity has z = 0.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Pod, Zeroable)]
#[repr(C)]
pub struct G1Jacobian {
    pub x: FieldBytes,
    pub y: FieldBytes,
    pub z: FieldBytes,
}

/// A point of G2 as (x / z^2, y / z^3); infinity has z = 0.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Pod, Zeroable)]
#[repr(C)]
pub struct G2Jacobian {
    pub x: [FieldBytes; 2],
    pub y: [FieldBytes; 2],
    pub z: [FieldBytes; 2],
}
