//! Vectors of scalars: their classes, their two forms, products value by value.

use super::check_length;
use crate::args;
use crate::buffer::BufferSlice;
use crate::device::Device;
use crate::error::Result;
use crate::module::Module;
use crate::stream::{Grid, Stream};
use crate::types::FieldBytes;

const THREADS: u32 = 256;
/// Blocks that count, for each multiprocessor.
const COUNTING_BLOCKS: u32 = 8;

/// How many scalars there are of each class, by the absolute value min(s, r - s). Every scalar is counted once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ScalarCounts {
    pub zero: u64,
    pub one: u64,
    pub minus_one: u64,
    pub below_2_16: u64,
    pub below_2_64: u64,
    pub full: u64,
}

/// Counts the classes of scalars in Montgomery form; waits for the device.
///
/// # Errors
/// The device's.
pub fn count_scalars(
    device: &Device,
    stream: &Stream,
    scalars: BufferSlice<'_, FieldBytes>,
) -> Result<ScalarCounts> {
    let counts = device.alloc_zeroed::<u64>(6)?;
    let most = Grid::covering(scalars.len() as u64, THREADS);
    let blocks = most
        .blocks
        .min(COUNTING_BLOCKS * device.limits().multiprocessors);
    let arguments = args![scalars, scalars.len() as u64, &counts];
    stream.launch(
        Module::R1cs,
        "r1cs_count_classes",
        Grid { blocks, ..most },
        arguments,
    )?;
    stream.synchronize()?;
    let counts = counts.download()?;
    Ok(ScalarCounts {
        zero: counts[0],
        one: counts[1],
        minus_one: counts[2],
        below_2_16: counts[3],
        below_2_64: counts[4],
        full: counts[5],
    })
}

/// From integers less than r to their Montgomery form, in place.
///
/// # Errors
/// The device's.
pub fn to_montgomery(stream: &Stream, values: BufferSlice<'_, FieldBytes>) -> Result<()> {
    for_each(stream, "r1cs_to_montgomery", values)
}

/// From Montgomery form to integers, in place.
///
/// # Errors
/// The device's.
pub fn from_montgomery(stream: &Stream, values: BufferSlice<'_, FieldBytes>) -> Result<()> {
    for_each(stream, "r1cs_from_montgomery", values)
}

fn for_each(
    stream: &Stream,
    kernel: &'static str,
    values: BufferSlice<'_, FieldBytes>,
) -> Result<()> {
    let count = values.len() as u64;
    stream.launch(
        Module::R1cs,
        kernel,
        Grid::covering(count, THREADS),
        args![values, count],
    )
}

/// c = a b, value by value.
pub(crate) fn multiply(
    stream: &Stream,
    a: BufferSlice<'_, FieldBytes>,
    b: BufferSlice<'_, FieldBytes>,
    c: BufferSlice<'_, FieldBytes>,
) -> Result<()> {
    launch_three(stream, "r1cs_product", a, b, c)
}

/// a = a b - c, value by value.
pub(crate) fn multiply_subtract(
    stream: &Stream,
    a: BufferSlice<'_, FieldBytes>,
    b: BufferSlice<'_, FieldBytes>,
    c: BufferSlice<'_, FieldBytes>,
) -> Result<()> {
    launch_three(stream, "r1cs_product_difference", a, b, c)
}

fn launch_three(
    stream: &Stream,
    kernel: &'static str,
    a: BufferSlice<'_, FieldBytes>,
    b: BufferSlice<'_, FieldBytes>,
    c: BufferSlice<'_, FieldBytes>,
) -> Result<()> {
    check_length("factors", b.len(), a.len())?;
    check_length("products", c.len(), a.len())?;
    let count = a.len() as u64;
    stream.launch(
        Module::R1cs,
        kernel,
        Grid::covering(count, THREADS),
        args![a, b, c, count],
    )
}
