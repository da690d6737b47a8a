//! Sparse products of a constraint system's matrices with witnesses, and what else is done with vectors of scalars.

mod layout;
mod scalars;

use bytemuck::{Pod, Zeroable};

use crate::args;
use crate::buffer::{Buffer, BufferSlice};
use crate::device::Device;
use crate::error::{DeviceError, Result};
use crate::module::Module;
use crate::stream::{Grid, Stream};
use crate::types::FieldBytes;
use layout::{LANES, Layout};

pub use scalars::{ScalarCounts, count_scalars, from_montgomery, to_montgomery};
pub(crate) use scalars::{multiply, multiply_subtract};

/// Coefficients that need no product (`r1cs/rows.hpp`).
const NOTHING: u32 = 0;
const ONE: u32 = 1;
const MINUS_ONE: u32 = 2;
const FIRST_OF_TABLE: u32 = 3;

/// 1 and -1 in Montgomery form.
const ONE_BYTES: FieldBytes = FieldBytes([
    0xac96_341c_4fff_fffb,
    0x36fc_7695_9f60_cd29,
    0x666e_a36f_7879_462e,
    0x0e0a_77c1_9a07_df2f,
]);
const MINUS_ONE_BYTES: FieldBytes = FieldBytes([
    0x974b_c177_a000_0006,
    0xf13771b2da58a367,
    0x51e1_a247_0908_122e,
    0x2259_d6b1_4729_c0fa,
]);

const THREADS: u32 = 256;
const WARPS: u32 = THREADS / LANES as u32;

/// Sparse rows: row i has the entries `starts[i]..starts[i + 1]`, each a column and the place of its coefficient.
#[derive(Clone, Copy, Debug)]
pub struct SparseRows<'a> {
    pub starts: &'a [u32],
    pub entries: &'a [(u32, u32)],
}

/// The matrices A and B over one table of distinct coefficients, in Montgomery form and canonical.
#[derive(Clone, Copy, Debug)]
pub struct SparseMatrices<'a> {
    /// Length of a witness.
    pub columns: usize,
    pub coefficients: &'a [FieldBytes],
    pub a: SparseRows<'a>,
    pub b: SparseRows<'a>,
}

/// The matrices A and B in device memory.
pub struct Matrices {
    columns: usize,
    rows: usize,
    table: Buffer<FieldBytes>,
    a: DeviceRows,
    b: DeviceRows,
}

/// The twin of `r1cs::Entry`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Pod, Zeroable)]
#[repr(C, align(8))]
struct Entry {
    column: u32,
    coefficient: u32,
}

struct DeviceRows {
    giant_slices: u32,
    long_slices: u32,
    slices: u32,
    entries: Buffer<Entry>,
    starts: Buffer<u32>,
    rows: Buffer<u32>,
}

/// One matrix times `count` witnesses.
#[derive(Clone, Copy)]
struct Product<'a> {
    rows: &'a DeviceRows,
    witnesses: BufferSlice<'a, FieldBytes>,
    results: BufferSlice<'a, FieldBytes>,
    count: u32,
}

impl Matrices {
    /// Sorts the rows for the device and uploads them.
    ///
    /// # Errors
    /// `Matrix` if A and B have different numbers of rows, if starts are not in order or not those of the entries, or if
    /// a column or a coefficient does not exist; the device's.
    pub fn new(device: &Device, matrices: &SparseMatrices<'_>) -> Result<Self> {
        let rows = check(matrices)?;
        let (codes, mut table) = coefficient_codes(matrices.coefficients);
        // No buffer is empty.
        table.push(FieldBytes::default());
        let upload = |rows| DeviceRows::new(device, rows, &codes);
        Ok(Self {
            columns: matrices.columns,
            rows,
            a: upload(matrices.a)?,
            b: upload(matrices.b)?,
            table: device.upload(&table)?,
        })
    }

    /// Device memory that matrices take: an upper bound, close.
    ///
    /// # Errors
    /// `Matrix`, as `new`.
    pub fn device_bytes(matrices: &SparseMatrices<'_>) -> Result<u64> {
        check(matrices)?;
        let table = size_of_val(matrices.coefficients) + size_of::<FieldBytes>();
        let rows =
            [matrices.a, matrices.b].map(|rows| Layout::new(rows.starts).bytes(size_of::<Entry>()));
        Ok((table + rows[0] + rows[1]) as u64)
    }

    pub fn bytes(&self) -> u64 {
        self.table.bytes() + self.a.bytes() + self.b.bytes()
    }

    /// Length of a witness.
    pub fn columns(&self) -> usize {
        self.columns
    }

    pub fn rows(&self) -> usize {
        self.rows
    }

    /// `A w` for each of the witnesses, which lie one after another; so do the results, of `rows` values each.
    ///
    /// # Errors
    /// `Length` if the witnesses or the results are not whole, or are not as many; the device's.
    pub fn a_times(
        &self,
        stream: &Stream,
        witnesses: BufferSlice<'_, FieldBytes>,
        results: BufferSlice<'_, FieldBytes>,
    ) -> Result<()> {
        self.times(stream, &self.a, witnesses, results)
    }

    /// `B w` likewise.
    ///
    /// # Errors
    /// As `a_times`.
    pub fn b_times(
        &self,
        stream: &Stream,
        witnesses: BufferSlice<'_, FieldBytes>,
        results: BufferSlice<'_, FieldBytes>,
    ) -> Result<()> {
        self.times(stream, &self.b, witnesses, results)
    }

    fn times(
        &self,
        stream: &Stream,
        rows: &DeviceRows,
        witnesses: BufferSlice<'_, FieldBytes>,
        results: BufferSlice<'_, FieldBytes>,
    ) -> Result<()> {
        let count = witnesses.len() / self.columns.max(1);
        check_length("witnesses", witnesses.len(), count * self.columns)?;
        check_length("rows of a product", results.len(), count * self.rows)?;
        let product = Product {
            rows,
            witnesses,
            results,
            count: count as u32,
        };
        self.launch_giant(stream, product)?;
        self.launch_slices(stream, product)
    }

    fn launch_slices(&self, stream: &Stream, product: Product<'_>) -> Result<()> {
        let Product {
            rows,
            witnesses,
            results,
            count,
        } = product;
        let blocks = (rows.slices - rows.giant_slices).div_ceil(WARPS);
        let arguments = args![
            &rows.entries,
            &rows.starts,
            &rows.rows,
            &self.table,
            rows.giant_slices,
            rows.long_slices,
            rows.slices,
            blocks,
            witnesses,
            self.columns as u64,
            results,
            self.rows as u64,
        ];
        let grid = Grid {
            blocks: blocks.saturating_mul(count),
            threads: THREADS,
            shared_bytes: 0,
        };
        stream.launch(Module::R1cs, "r1cs_multiply", grid, arguments)
    }

    fn launch_giant(&self, stream: &Stream, product: Product<'_>) -> Result<()> {
        let Product {
            rows,
            witnesses,
            results,
            count,
        } = product;
        let arguments = args![
            &rows.entries,
            &rows.starts,
            &rows.rows,
            &self.table,
            rows.giant_slices,
            witnesses,
            self.columns as u64,
            results,
            self.rows as u64,
        ];
        let grid = Grid {
            blocks: rows.giant_slices.saturating_mul(count),
            threads: THREADS,
            shared_bytes: WARPS * size_of::<FieldBytes>() as u32,
        };
        stream.launch(Module::R1cs, "r1cs_multiply_giant", grid, arguments)
    }
}

impl DeviceRows {
    fn new(device: &Device, rows: SparseRows<'_>, codes: &[u32]) -> Result<Self> {
        let layout = Layout::new(rows.starts);
        let nothing = Entry {
            column: 0,
            coefficient: NOTHING,
        };
        let entries = layout.place(rows, nothing, |(column, place)| Entry {
            column,
            coefficient: codes[place as usize],
        });
        Ok(Self {
            giant_slices: layout.giant_slices as u32,
            long_slices: layout.long_slices as u32,
            slices: layout.slices() as u32,
            entries: device.upload(&entries)?,
            starts: device.upload(&layout.starts)?,
            rows: device.upload(&layout.rows)?,
        })
    }

    fn bytes(&self) -> u64 {
        self.entries.bytes() + self.starts.bytes() + self.rows.bytes()
    }
}

/// The number of rows of both matrices.
fn check(matrices: &SparseMatrices<'_>) -> Result<usize> {
    let (columns, coefficients) = (matrices.columns, matrices.coefficients.len());
    let a = matrices.a.check("A", columns, coefficients)?;
    let b = matrices.b.check("B", columns, coefficients)?;
    match a == b {
        true => Ok(a),
        false => Err(refuse("B", format!("{b} rows where A has {a}"))),
    }
}

impl SparseRows<'_> {
    fn check(&self, matrix: &'static str, columns: usize, coefficients: usize) -> Result<usize> {
        let [first, .., last] = self.starts else {
            return Err(refuse(matrix, "no rows".into()));
        };
        let ordered =
            self.starts.is_sorted() && *first == 0 && *last as usize == self.entries.len();
        if !ordered {
            return Err(refuse(
                matrix,
                "the starts of the rows are not those of its entries".into(),
            ));
        }
        let exists = |&(column, place): &(u32, u32)| {
            (column as usize) < columns && (place as usize) < coefficients
        };
        if let Some(index) = self.entries.iter().position(|entry| !exists(entry)) {
            let (column, place) = self.entries[index];
            let reason = format!(
                "entry {index} has column {column} of {columns}, coefficient {place} of {coefficients}"
            );
            return Err(refuse(matrix, reason));
        }
        Ok(self.starts.len() - 1)
    }
}

/// What each coefficient is called on the device, and the table of those that have no name of their own.
fn coefficient_codes(coefficients: &[FieldBytes]) -> (Vec<u32>, Vec<FieldBytes>) {
    let mut table = Vec::new();
    let code = |coefficient: &FieldBytes| match *coefficient {
        ONE_BYTES => ONE,
        MINUS_ONE_BYTES => MINUS_ONE,
        FieldBytes([0, 0, 0, 0]) => NOTHING,
        other => {
            table.push(other);
            FIRST_OF_TABLE + table.len() as u32 - 1
        }
    };
    let codes = coefficients.iter().map(code).collect();
    (codes, table)
}

fn refuse(matrix: &'static str, reason: String) -> DeviceError {
    DeviceError::Matrix { matrix, reason }
}

pub(crate) fn check_length(what: &'static str, found: usize, expected: usize) -> Result<()> {
    match found == expected {
        true => Ok(()),
        false => Err(DeviceError::Length {
            what,
            found: found as u64,
            expected: expected as u64,
        }),
    }
}
