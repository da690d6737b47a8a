//! Number-theoretic transforms over BN254's scalar field, in place, of many vectors at once.
//!
//! Sizes are powers of two up to 2^28, with the roots of unity that arkworks takes. From natural to bit-reversed order or
//! back: nothing is permuted, so a transform there and one back meet in reversed order. `include/ntt/pass.hpp` has the
//! method and its costs.

mod plan;

use crate::args;
use crate::buffer::{Buffer, BufferSlice};
use crate::device::Device;
use crate::error::{DeviceError, Result};
use crate::module::Module;
use crate::stream::{Grid, Stream};
use crate::types::FieldBytes;
use plan::{Pass, Plan};

pub use plan::{MAX_TILE_LOG, MIN_TILE_LOG};

/// The scalar field has roots of unity of every order up to 2^28.
pub const MAX_LOG_N: u32 = 28;

/// Values whose table entries one thread makes (`ntt/roots.hpp`).
const ENTRIES_PER_THREAD: u64 = 16;
const TABLE_THREADS: u32 = 128;

/// Options of a pass (`ntt/pass.hpp`).
const FREQUENCY_INVERSE: u32 = 1;
const LAST_PASS: u32 = 2;
const SCALE_BEFORE: u32 = 4;
const SCALE_BETWEEN: u32 = 8;
const SCALE_AFTER: u32 = 16;
const SCALE_NATURAL: u32 = 32;
const FREQUENCY: u32 = 64;
const TIME: u32 = 128;
const TIME_INVERSE: u32 = 256;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// From coefficients to values.
    Forward,
    /// From values to coefficients.
    Inverse,
}

/// Where the value with index i lies before and after: at i, or at i with its bits reversed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    NaturalToReversed,
    ReversedToNatural,
}

/// The tables of a largest domain, for transforms of any size up to it.
pub struct Ntt {
    max_log_n: u32,
    tile_log: u32,
    /// Powers of the root of order 2^max_log_n, up to its half.
    roots: Buffer<FieldBytes>,
    /// All powers of the root of order 2^steps_log.
    steps: Buffer<FieldBytes>,
    steps_log: u32,
    /// 2^-i at place i.
    half_powers: Buffer<FieldBytes>,
}

/// The factors between coefficients and values over one coset `shift * <w>`.
pub struct Coset {
    log_n: u32,
    /// shift^i, in reversed order.
    forward: Buffer<FieldBytes>,
    /// shift^-i / n, in reversed order.
    inverse: Buffer<FieldBytes>,
}

/// Factors for the values of a vector, and when they are multiplied with them.
#[derive(Clone, Copy)]
struct Scale<'a> {
    /// In reversed order; or one factor for all.
    factors: BufferSlice<'a, FieldBytes>,
    options: u32,
}

impl Ntt {
    /// Makes the tables on the device, and waits for them.
    ///
    /// # Errors
    /// `Domain` beyond 2^28; the device's.
    pub fn new(device: &Device, max_log_n: u32) -> Result<Self> {
        let tile_log = plan::best_tile_log(device.limits().shared_bytes_per_block);
        Self::with_tile(device, max_log_n, tile_log)
    }

    /// With tiles of 2^tile_log values, or the nearest number that is between `MIN_TILE_LOG` and `MAX_TILE_LOG` and fits.
    ///
    /// # Errors
    /// As `new`.
    pub fn with_tile(device: &Device, max_log_n: u32, tile_log: u32) -> Result<Self> {
        check_domain(max_log_n, MAX_LOG_N)?;
        let tile_log = plan::fitting_tile_log(tile_log, device.limits().shared_bytes_per_block);
        let steps_log = steps_log(max_log_n, tile_log);
        let ntt = Self {
            max_log_n,
            tile_log,
            roots: device.alloc(roots_len(max_log_n))?,
            steps: device.alloc(1 << steps_log)?,
            steps_log,
            half_powers: device.alloc(MAX_LOG_N as usize + 1)?,
        };
        let stream = device.stream()?;
        fill_roots(&stream, ntt.roots.as_slice(), max_log_n)?;
        fill_roots(&stream, ntt.steps.as_slice(), steps_log)?;
        fill_half_powers(&stream, ntt.half_powers.as_slice())?;
        stream.synchronize()?;
        Ok(ntt)
    }

    /// Device memory that the tables of a largest domain take.
    pub fn table_bytes(max_log_n: u32) -> u64 {
        let steps = 1 << steps_log(max_log_n, MAX_TILE_LOG);
        let values = roots_len(max_log_n) + steps + MAX_LOG_N as usize + 1;
        (values * size_of::<FieldBytes>()) as u64
    }

    pub fn bytes(&self) -> u64 {
        self.roots.bytes() + self.steps.bytes() + self.half_powers.bytes()
    }

    pub fn max_log_n(&self) -> u32 {
        self.max_log_n
    }

    /// Transforms the vectors of 2^log_n values that `data` is made of, canonical before and after; in stream order.
    ///
    /// # Errors
    /// `Domain` if the tables or the coset are for another size, `Length` if `data` is not made of whole vectors.
    pub fn transform(
        &self,
        stream: &Stream,
        data: BufferSlice<'_, FieldBytes>,
        log_n: u32,
        direction: Direction,
        order: Order,
        coset: Option<&Coset>,
    ) -> Result<()> {
        let plan = self.plan(data, log_n)?;
        if let Some(coset) = coset {
            check_domain(log_n, coset.log_n)?;
            check_domain(coset.log_n, log_n)?;
        }
        let scale = self.scale(log_n, direction, order, coset)?;
        match order {
            Order::NaturalToReversed => {
                self.frequency_passes(stream, data, &plan, direction, scale)
            }
            Order::ReversedToNatural => self.time_passes(stream, data, &plan, direction, scale),
        }
    }

    /// From values over the domain to values over a coset, both in natural order, by way of the coefficients: `factors` are
    /// the coset's for the coefficients, divided by n, in reversed order. One pass does the last of one transform and
    /// the first of the other.
    pub(crate) fn move_to_coset(
        &self,
        stream: &Stream,
        data: BufferSlice<'_, FieldBytes>,
        log_n: u32,
        factors: BufferSlice<'_, FieldBytes>,
    ) -> Result<()> {
        let plan = self.plan(data, log_n)?;
        let options = FREQUENCY | FREQUENCY_INVERSE | TIME;
        let scale = Scale {
            factors,
            options: SCALE_BETWEEN,
        };
        for pass in &plan.strided {
            self.launch(
                stream,
                "ntt_frequency",
                data,
                &plan,
                pass,
                FREQUENCY_INVERSE,
                None,
            )?;
        }
        let last = last_pass(plan.strided.is_empty());
        self.launch(
            stream,
            "ntt_rows",
            data,
            &plan,
            &plan.rows,
            options | last,
            Some(scale),
        )?;
        for (left, pass) in plan.strided.iter().rev().enumerate() {
            let last = last_pass(left + 1 == plan.strided.len());
            self.launch(stream, "ntt_time", data, &plan, pass, last, None)?;
        }
        Ok(())
    }

    fn plan(&self, data: BufferSlice<'_, FieldBytes>, log_n: u32) -> Result<Plan> {
        check_domain(log_n, self.max_log_n)?;
        let n = 1_usize << log_n;
        if !data.len().is_multiple_of(n) {
            let (found, expected) = (data.len() as u64, data.len().next_multiple_of(n) as u64);
            return Err(DeviceError::Length {
                what: "vectors to transform",
                found,
                expected,
            });
        }
        Ok(Plan::new(log_n, self.tile_log))
    }

    /// The coset's factors go to the coefficients: before a forward transform, after an inverse one.
    fn scale<'a>(
        &'a self,
        log_n: u32,
        direction: Direction,
        order: Order,
        coset: Option<&'a Coset>,
    ) -> Result<Option<Scale<'a>>> {
        let natural = |order_of_coefficients| {
            if order == order_of_coefficients {
                SCALE_NATURAL
            } else {
                0
            }
        };
        Ok(match (direction, coset) {
            (Direction::Forward, None) => None,
            (Direction::Forward, Some(coset)) => Some(Scale {
                factors: coset.forward.as_slice(),
                options: SCALE_BEFORE | natural(Order::NaturalToReversed),
            }),
            (Direction::Inverse, coset) => Some(Scale {
                factors: match coset {
                    Some(coset) => coset.inverse.as_slice(),
                    None => self.half_powers.slice(log_n as usize..log_n as usize + 1)?,
                },
                options: SCALE_AFTER | natural(Order::ReversedToNatural),
            }),
        })
    }

    fn frequency_passes(
        &self,
        stream: &Stream,
        data: BufferSlice<'_, FieldBytes>,
        plan: &Plan,
        direction: Direction,
        scale: Option<Scale<'_>>,
    ) -> Result<()> {
        let inverse = if direction == Direction::Inverse {
            FREQUENCY_INVERSE
        } else {
            0
        };
        let before = scale.filter(|scale| scale.options & SCALE_BEFORE != 0);
        let after = scale.filter(|scale| scale.options & SCALE_AFTER != 0);
        for (index, pass) in plan.strided.iter().enumerate() {
            let scale = before.filter(|_| index == 0);
            self.launch(stream, "ntt_frequency", data, plan, pass, inverse, scale)?;
        }
        let scale = after.or(before.filter(|_| plan.strided.is_empty()));
        let options = FREQUENCY | LAST_PASS | inverse;
        self.launch(stream, "ntt_rows", data, plan, &plan.rows, options, scale)
    }

    fn time_passes(
        &self,
        stream: &Stream,
        data: BufferSlice<'_, FieldBytes>,
        plan: &Plan,
        direction: Direction,
        scale: Option<Scale<'_>>,
    ) -> Result<()> {
        let inverse = if direction == Direction::Inverse {
            TIME_INVERSE
        } else {
            0
        };
        let before = scale.filter(|scale| scale.options & SCALE_BEFORE != 0);
        let after = scale.filter(|scale| scale.options & SCALE_AFTER != 0);
        let only = plan.strided.is_empty();
        let scale = before.or(after.filter(|_| only));
        let options = TIME | inverse | last_pass(only);
        self.launch(stream, "ntt_rows", data, plan, &plan.rows, options, scale)?;
        for (index, pass) in plan.strided.iter().enumerate().rev() {
            let scale = after.filter(|_| index == 0);
            let options = inverse | last_pass(index == 0);
            self.launch(stream, "ntt_time", data, plan, pass, options, scale)?;
        }
        Ok(())
    }

    #[allow(
        clippy::too_many_arguments,
        reason = "the one wrapper of the three kernels of passes"
    )]
    fn launch(
        &self,
        stream: &Stream,
        kernel: &'static str,
        data: BufferSlice<'_, FieldBytes>,
        plan: &Plan,
        pass: &Pass,
        options: u32,
        scale: Option<Scale<'_>>,
    ) -> Result<()> {
        let factors = scale.map_or(self.half_powers.as_slice(), |scale| scale.factors);
        let scale_log = factors.len().ilog2();
        let options = options | scale.map_or(0, |scale| scale.options);
        let total = data.len() as u64;
        let arguments = args![
            data,
            total,
            &self.roots,
            &self.steps,
            factors,
            plan.log_n,
            pass.low,
            pass.rows_log,
            pass.columns_log,
            plan.tile_log,
            self.max_log_n,
            self.steps_log,
            scale_log,
            options,
        ];
        stream.launch(Module::Ntt, kernel, plan.grid(total), arguments)
    }
}

impl Coset {
    /// For transforms of 2^log_n values over the coset of `shift`, which is not zero.
    ///
    /// # Errors
    /// `Domain` beyond 2^28; the device's.
    pub fn new(device: &Device, log_n: u32, shift: FieldBytes) -> Result<Self> {
        check_domain(log_n, MAX_LOG_N)?;
        let (stream, shift) = (device.stream()?, device.upload(&[shift])?);
        let coset = Self {
            log_n,
            forward: device.alloc(1 << log_n)?,
            inverse: device.alloc(1 << log_n)?,
        };
        fill_scale(
            &stream,
            coset.forward.as_slice(),
            shift.as_slice(),
            false,
            0,
        )?;
        fill_scale(
            &stream,
            coset.inverse.as_slice(),
            shift.as_slice(),
            true,
            log_n,
        )?;
        stream.synchronize()?;
        Ok(coset)
    }

    pub fn bytes(&self) -> u64 {
        self.forward.bytes() + self.inverse.bytes()
    }
}

/// Powers 0, 1, .. of the root of unity of order 2^order_log.
pub(crate) fn fill_roots(
    stream: &Stream,
    table: BufferSlice<'_, FieldBytes>,
    order_log: u32,
) -> Result<()> {
    let count = table.len() as u32;
    stream.launch(
        Module::Ntt,
        "ntt_roots",
        table_grid(table),
        args![table, count, order_log],
    )
}

/// shift^i / 2^divide_log, or shift^-i / 2^divide_log, in reversed order, in a table whose length is a power of two.
pub(crate) fn fill_scale(
    stream: &Stream,
    table: BufferSlice<'_, FieldBytes>,
    shift: BufferSlice<'_, FieldBytes>,
    inverse: bool,
    divide_log: u32,
) -> Result<()> {
    let arguments = args![
        table,
        shift,
        table.len().ilog2(),
        u32::from(inverse),
        divide_log
    ];
    stream.launch(Module::Ntt, "ntt_scale", table_grid(table), arguments)
}

fn fill_half_powers(stream: &Stream, table: BufferSlice<'_, FieldBytes>) -> Result<()> {
    let grid = Grid::covering(table.len() as u64, TABLE_THREADS);
    stream.launch(
        Module::Ntt,
        "ntt_half_powers",
        grid,
        args![table, table.len() as u32],
    )
}

fn table_grid(table: BufferSlice<'_, FieldBytes>) -> Grid {
    let threads = (table.len() as u64).div_ceil(ENTRIES_PER_THREAD);
    Grid::covering(threads, TABLE_THREADS)
}

fn last_pass(last: bool) -> u32 {
    if last { LAST_PASS } else { 0 }
}

/// The other half of the powers are negatives of these.
fn roots_len(max_log_n: u32) -> usize {
    1 << max_log_n.saturating_sub(1)
}

/// At least the root of order four.
fn steps_log(max_log_n: u32, tile_log: u32) -> u32 {
    max_log_n.clamp(2, tile_log)
}

pub(crate) fn check_domain(log_n: u32, max_log_n: u32) -> Result<()> {
    match log_n <= max_log_n {
        true => Ok(()),
        false => Err(DeviceError::Domain { log_n, max_log_n }),
    }
}
