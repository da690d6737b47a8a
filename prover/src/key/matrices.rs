//! The matrices A and B of a constraint system, as a key file holds them.
//!
//! A proof needs `A w` and `B w`. They are taken from the key and not from the `.r1cs` file, because then a key and a
//! witness are all that a worker needs, and a proof can't be made with the constraints of one circuit and the points
//! of another.

use std::collections::HashMap;

use ark_bn254::Fr;
use ark_ff::{AdditiveGroup, BigInt, Field, PrimeField};
use rayon::prelude::*;

use super::layout::{COEFFICIENT_BYTES, Section};
use super::{KeyError, ProvingKey};

/// Places of the two coefficients that need no multiplication.
const ONE: u32 = 0;
const MINUS_ONE: u32 = 1;

/// Starts and entries of rows.
#[cfg(feature = "cuda")]
pub(crate) type SparseRows<'a> = (&'a [u32], &'a [(u32, u32)]);

/// Sparse rows of A and B, with coefficients as places in a table of distinct values: 8 bytes an entry.
pub struct Matrices {
    table: Vec<Fr>,
    rows: [Rows; 2],
}

#[derive(Default)]
struct Rows {
    /// Row `i` has the entries `starts[i]..starts[i + 1]`.
    starts: Vec<u32>,
    entries: Vec<(u32, u32)>,
}

impl Matrices {
    pub(super) fn parse(key: &ProvingKey) -> Result<Self, KeyError> {
        let (count, entries) = key.section(Section::Coefficients).split_at(4);
        if count != ((entries.len() / COEFFICIENT_BYTES) as u32).to_le_bytes() {
            return Err(key.refuse(Section::Coefficients, "another number of coefficients"));
        }
        let mut rows = starts(key, entries)?;
        let mut table = Table::default();
        let mut next = [rows[0].starts.clone(), rows[1].starts.clone()];
        for entry in entries.chunks_exact(COEFFICIENT_BYTES) {
            let [matrix, row, wire] = numbers(entry);
            let place = table.place(entry).ok_or_else(|| {
                key.refuse(Section::Coefficients, format!("row {row} is not reduced"))
            })?;
            let slot = &mut next[matrix][row];
            rows[matrix].entries[*slot as usize] = (wire as u32, place);
            *slot += 1;
        }
        let table = table.values;
        Ok(Self { table, rows })
    }

    /// The distinct coefficients; then of A and of B where each row's entries start, and all entries: the wire, and the
    /// coefficient's place.
    #[cfg(feature = "cuda")]
    pub(crate) fn parts(&self) -> (&[Fr], [SparseRows<'_>; 2]) {
        let rows = |matrix: usize| {
            (
                &self.rows[matrix].starts[..],
                &self.rows[matrix].entries[..],
            )
        };
        (&self.table, [rows(0), rows(1)])
    }

    /// `A w`, one value for each row of the domain.
    pub fn a_times(&self, witness: &[Fr]) -> Vec<Fr> {
        self.times(0, witness)
    }

    /// `B w`, one value for each row of the domain.
    pub fn b_times(&self, witness: &[Fr]) -> Vec<Fr> {
        self.times(1, witness)
    }

    fn times(&self, matrix: usize, witness: &[Fr]) -> Vec<Fr> {
        let rows = &self.rows[matrix];
        let ends = rows.starts.par_windows(2);
        ends.map(|ends| self.product(&rows.entries[ends[0] as usize..ends[1] as usize], witness))
            .collect()
    }

    fn product(&self, entries: &[(u32, u32)], witness: &[Fr]) -> Fr {
        let mut sum = Fr::ZERO;
        for &(wire, place) in entries {
            let value = witness[wire as usize];
            match place {
                ONE => sum += value,
                MINUS_ONE => sum -= value,
                _ => sum += self.table[place as usize] * value,
            }
        }
        sum
    }
}

/// Counts the entries of every row, and checks that all rows and wires exist.
fn starts(key: &ProvingKey, entries: &[u8]) -> Result<[Rows; 2], KeyError> {
    let header = key.header();
    let mut starts = [(); 2].map(|()| vec![0_u32; header.domain_size + 1]);
    for entry in entries.chunks_exact(COEFFICIENT_BYTES) {
        let [matrix, row, wire] = numbers(entry);
        if matrix > 1 || row >= header.domain_size || wire >= header.num_wires {
            let place = format!("matrix {matrix}, row {row}, wire {wire} does not exist");
            return Err(key.refuse(Section::Coefficients, place));
        }
        starts[matrix][row + 1] += 1;
    }
    Ok(starts.map(|mut starts| {
        let mut sum = 0;
        starts.iter_mut().for_each(|start| {
            sum += *start;
            *start = sum;
        });
        let entries = vec![(0, 0); sum as usize];
        Rows { starts, entries }
    }))
}

fn numbers(entry: &[u8]) -> [usize; 3] {
    let number = |i: usize| {
        let bytes = &entry[4 * i..4 * i + 4];
        bytes
            .iter()
            .rev()
            .fold(0, |number, &byte| number << 8 | usize::from(byte))
    };
    [number(0), number(1), number(2)]
}

/// Distinct coefficients.
struct Table {
    places: HashMap<[u8; 32], u32>,
    values: Vec<Fr>,
}

impl Default for Table {
    fn default() -> Self {
        let values = vec![Fr::ONE, -Fr::ONE];
        let places = (0..).zip(&values);
        let places = places
            .map(|(place, value)| (encode(value), place))
            .collect();
        Self { places, values }
    }
}

impl Table {
    fn place(&mut self, entry: &[u8]) -> Option<u32> {
        let bytes = entry.last_chunk()?;
        if let Some(&place) = self.places.get(bytes) {
            return Some(place);
        }
        let value = decode(bytes)?;
        let place = u32::try_from(self.values.len()).ok()?;
        self.values.push(value);
        self.places.insert(*bytes, place);
        Some(place)
    }
}

/// A coefficient is written as `value * 2^512 mod r`, the Montgomery form of its Montgomery form.
pub(crate) fn encode(value: &Fr) -> [u8; 32] {
    let doubled = Fr::new(value.0).0;
    let mut bytes = [0; 32];
    for (limb, chunk) in doubled.0.iter().zip(bytes.as_chunks_mut::<8>().0) {
        *chunk = limb.to_le_bytes();
    }
    bytes
}

fn decode(bytes: &[u8; 32]) -> Option<Fr> {
    let mut limbs = [0; 4];
    for (limb, chunk) in limbs.iter_mut().zip(bytes.as_chunks::<8>().0) {
        *limb = u64::from_le_bytes(*chunk);
    }
    let doubled = BigInt(limbs);
    let is_reduced = doubled < Fr::MODULUS;
    is_reduced.then(|| Fr::new_unchecked(Fr::new_unchecked(doubled).into_bigint()))
}
