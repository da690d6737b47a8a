//! A circuit's rank-1 constraint system, read from the compiler's binary `.r1cs` file.
//!
//! Format: iden3 `r1csfile`, version 1. Every integer is little-endian; the file is a list of sections, of which
//! three matter here: the header (1), the constraints (2) and, ignored, the wire labels (3).

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use ark_bn254::Fr;
use ark_ff::{BigInteger, One, PrimeField, Zero};
use thiserror::Error;

use crate::field;

const HEADER: u32 = 1;
const CONSTRAINTS: u32 = 2;
const CUSTOM_GATES: [u32; 2] = [4, 5];
/// More sections than any compiler writes.
const MAX_SECTIONS: u32 = 64;
/// Bytes of one coefficient, and of one term of a linear combination (wire number and coefficient).
const FIELD_BYTES: usize = 32;
const TERM_BYTES: usize = 4 + FIELD_BYTES;

/// Why a `.r1cs` file was refused.
#[derive(Debug, Error)]
pub enum R1csError {
    #[error("cannot read {path}: {source}")]
    Io {
        path: String,
        source: std::io::Error,
    },
    #[error("not an r1cs file of version 1")]
    Magic,
    #[error("the file ends inside {0}")]
    Truncated(&'static str),
    #[error("{0} sections are more than any compiler writes")]
    TooManySections(u32),
    #[error("section {0} is missing")]
    MissingSection(u32),
    #[error("section {0} occurs twice")]
    RepeatedSection(u32),
    #[error("custom gates are not supported")]
    CustomGates,
    #[error("the constraint system is not over the scalar field of BN254")]
    Field,
    #[error("the header's counts contradict each other")]
    Counts,
    #[error("wire {wire} of {num_wires} in constraint {constraint}")]
    Wire {
        wire: u32,
        num_wires: usize,
        constraint: usize,
    },
    #[error("a coefficient of constraint {constraint} is not reduced")]
    Coefficient { constraint: usize },
    #[error("{0} bytes follow the last constraint")]
    TrailingBytes(usize),
}

/// Why a witness does not satisfy a constraint system.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum Violation {
    #[error("the witness has {found} values, the circuit {expected}")]
    Length { expected: usize, found: usize },
    #[error("the witness does not start with one")]
    One,
    #[error("constraint {constraint} is not satisfied")]
    Constraint { constraint: usize },
}

/// One of the three matrices: sparse rows, with coefficients as places in a table of distinct values.
///
/// A circuit has few distinct coefficients, so an entry takes 8 bytes instead of 36.
#[derive(Clone, Debug)]
pub struct Matrix {
    /// Row `i` has the entries `starts[i]..starts[i + 1]`.
    starts: Vec<u32>,
    wires: Vec<u32>,
    values: Vec<u32>,
    table: Arc<[Fr]>,
}

impl Matrix {
    /// Rows, which are the constraints.
    pub fn num_rows(&self) -> usize {
        self.starts.len() - 1
    }

    /// Non-zero entries.
    pub fn num_entries(&self) -> usize {
        self.wires.len()
    }

    /// Entries of one row: wire and coefficient.
    pub fn row(&self, row: usize) -> impl Iterator<Item = (usize, Fr)> + '_ {
        let entries = self.starts[row] as usize..self.starts[row + 1] as usize;
        let values = &self.values[entries.clone()];
        let pairs = self.wires[entries].iter().zip(values);
        pairs.map(|(&wire, &value)| (wire as usize, self.table[value as usize]))
    }

    /// Inner product of one row and a witness that has a value for every wire.
    pub fn product(&self, row: usize, witness: &[Fr]) -> Fr {
        let one = Fr::one();
        self.row(row).fold(Fr::zero(), |sum, (wire, value)| {
            if value == one {
                sum + witness[wire]
            } else {
                sum + value * witness[wire]
            }
        })
    }
}

/// A constraint system `(A w) * (B w) = C w` over the witness `w = (1, outputs, public inputs, private inputs, ...)`.
#[derive(Clone, Debug)]
pub struct R1cs {
    pub num_wires: usize,
    pub num_outputs: usize,
    pub num_public_inputs: usize,
    pub num_private_inputs: usize,
    /// Signals before the compiler removed any.
    pub num_labels: u64,
    pub a: Matrix,
    pub b: Matrix,
    pub c: Matrix,
}

impl R1cs {
    /// Reads a file.
    ///
    /// # Errors
    /// The file cannot be read or is refused by [`R1cs::from_bytes`].
    pub fn from_path(path: &Path) -> Result<Self, R1csError> {
        let bytes = std::fs::read(path).map_err(|source| R1csError::Io {
            path: path.display().to_string(),
            source,
        })?;
        Self::from_bytes(&bytes)
    }

    /// Parses the bytes of a file; work and memory are linear in their number.
    ///
    /// # Errors
    /// Anything but a well-formed system over the scalar field of BN254 without custom gates.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, R1csError> {
        let sections = sections(bytes)?;
        let header = Header::parse(section(&sections, HEADER)?)?;
        let body = section(&sections, CONSTRAINTS)?;
        let [a, b, c] = constraints(body, header.num_wires, header.num_constraints)?;
        Ok(Self {
            num_wires: header.num_wires,
            num_outputs: header.num_outputs,
            num_public_inputs: header.num_public_inputs,
            num_private_inputs: header.num_private_inputs,
            num_labels: header.num_labels,
            a,
            b,
            c,
        })
    }

    /// Public values of a statement: outputs, then public inputs; without the leading one.
    pub fn num_public(&self) -> usize {
        self.num_outputs + self.num_public_inputs
    }

    /// Number of constraints.
    pub fn num_constraints(&self) -> usize {
        self.a.num_rows()
    }

    /// Checks a whole witness.
    ///
    /// # Errors
    /// The first violated constraint, a wrong length, or a witness that does not start with one.
    pub fn check(&self, witness: &[Fr]) -> Result<(), Violation> {
        if witness.len() != self.num_wires {
            return Err(Violation::Length {
                expected: self.num_wires,
                found: witness.len(),
            });
        }
        if !witness[0].is_one() {
            return Err(Violation::One);
        }
        let violated = |&row: &usize| {
            self.a.product(row, witness) * self.b.product(row, witness)
                != self.c.product(row, witness)
        };
        match (0..self.num_constraints()).find(violated) {
            Some(constraint) => Err(Violation::Constraint { constraint }),
            None => Ok(()),
        }
    }
}

struct Header {
    num_wires: usize,
    num_outputs: usize,
    num_public_inputs: usize,
    num_private_inputs: usize,
    num_labels: u64,
    num_constraints: usize,
}

impl Header {
    fn parse(bytes: &[u8]) -> Result<Self, R1csError> {
        let mut reader = Reader(bytes, "the header");
        let field_bytes = reader.u32()? as usize;
        if field_bytes != FIELD_BYTES || reader.take(FIELD_BYTES)? != Fr::MODULUS.to_bytes_le() {
            return Err(R1csError::Field);
        }
        let [
            num_wires,
            num_outputs,
            num_public_inputs,
            num_private_inputs,
        ] = [
            reader.u32()? as usize,
            reader.u32()? as usize,
            reader.u32()? as usize,
            reader.u32()? as usize,
        ];
        let num_labels = reader.u64()?;
        let num_constraints = reader.u32()? as usize;
        if num_outputs as u64 + num_public_inputs as u64 >= num_wires as u64 {
            return Err(R1csError::Counts);
        }
        Ok(Self {
            num_wires,
            num_outputs,
            num_public_inputs,
            num_private_inputs,
            num_labels,
            num_constraints,
        })
    }
}

/// Takes integers off the front of a slice, never past its end.
struct Reader<'a>(&'a [u8], &'static str);

impl<'a> Reader<'a> {
    fn take(&mut self, count: usize) -> Result<&'a [u8], R1csError> {
        let (taken, rest) = self
            .0
            .split_at_checked(count)
            .ok_or(R1csError::Truncated(self.1))?;
        self.0 = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], R1csError> {
        let (taken, rest) = self
            .0
            .split_first_chunk()
            .ok_or(R1csError::Truncated(self.1))?;
        self.0 = rest;
        Ok(*taken)
    }

    fn u32(&mut self) -> Result<u32, R1csError> {
        self.array().map(u32::from_le_bytes)
    }

    fn u64(&mut self) -> Result<u64, R1csError> {
        self.array().map(u64::from_le_bytes)
    }
}

fn sections(bytes: &[u8]) -> Result<Vec<(u32, &[u8])>, R1csError> {
    let mut reader = Reader(bytes, "the section table");
    if reader.array::<4>()? != *b"r1cs" || reader.u32()? != 1 {
        return Err(R1csError::Magic);
    }
    let count = reader.u32()?;
    if count > MAX_SECTIONS {
        return Err(R1csError::TooManySections(count));
    }
    let mut sections = Vec::new();
    for _ in 0..count {
        let kind = reader.u32()?;
        let length =
            usize::try_from(reader.u64()?).map_err(|_| R1csError::Truncated("a section"))?;
        let body = reader.take(length)?;
        if CUSTOM_GATES.contains(&kind) && body.iter().any(|&byte| byte != 0) {
            return Err(R1csError::CustomGates);
        }
        sections.push((kind, body));
    }
    Ok(sections)
}

fn section<'a>(sections: &[(u32, &'a [u8])], kind: u32) -> Result<&'a [u8], R1csError> {
    let mut found = sections.iter().filter(|(other, _)| *other == kind);
    let (_, body) = found.next().ok_or(R1csError::MissingSection(kind))?;
    match found.next() {
        Some(_) => Err(R1csError::RepeatedSection(kind)),
        None => Ok(body),
    }
}

/// Distinct coefficients in the order of their first occurrence.
#[derive(Default)]
struct Table {
    places: HashMap<[u8; FIELD_BYTES], u32>,
    values: Vec<Fr>,
}

impl Table {
    /// Place of a coefficient, or `None` when it is not reduced.
    fn place(&mut self, bytes: &[u8; FIELD_BYTES]) -> Option<u32> {
        if let Some(&place) = self.places.get(bytes) {
            return Some(place);
        }
        let value = field::from_bytes(bytes)?;
        let place = u32::try_from(self.values.len()).ok()?;
        self.values.push(value);
        self.places.insert(*bytes, place);
        Some(place)
    }
}

/// Rows of one matrix while they are read.
#[derive(Default)]
struct Rows {
    starts: Vec<u32>,
    wires: Vec<u32>,
    values: Vec<u32>,
}

impl Rows {
    fn push(
        &mut self,
        reader: &mut Reader,
        table: &mut Table,
        num_wires: usize,
        constraint: usize,
    ) -> Result<(), R1csError> {
        let count = reader.u32()? as usize;
        let terms = reader.take(count.saturating_mul(TERM_BYTES))?;
        for term in terms.chunks_exact(TERM_BYTES) {
            let mut term = Reader(term, "a term");
            let wire = term.u32()?;
            if wire as usize >= num_wires {
                return Err(R1csError::Wire {
                    wire,
                    num_wires,
                    constraint,
                });
            }
            let place = table.place(&term.array()?);
            self.wires.push(wire);
            self.values
                .push(place.ok_or(R1csError::Coefficient { constraint })?);
        }
        self.end_row()
    }

    fn end_row(&mut self) -> Result<(), R1csError> {
        let end = u32::try_from(self.wires.len()).map_err(|_| R1csError::Counts)?;
        self.starts.push(end);
        Ok(())
    }

    fn matrix(self, table: Arc<[Fr]>) -> Matrix {
        Matrix {
            starts: self.starts,
            wires: self.wires,
            values: self.values,
            table,
        }
    }
}

fn constraints(bytes: &[u8], num_wires: usize, count: usize) -> Result<[Matrix; 3], R1csError> {
    let mut reader = Reader(bytes, "the constraints");
    let mut table = Table::default();
    let mut rows: [Rows; 3] = Default::default();
    for matrix in &mut rows {
        matrix.end_row()?;
    }
    for constraint in 0..count {
        for matrix in &mut rows {
            matrix.push(&mut reader, &mut table, num_wires, constraint)?;
        }
    }
    if !reader.0.is_empty() {
        return Err(R1csError::TrailingBytes(reader.0.len()));
    }
    let table: Arc<[Fr]> = table.values.into();
    Ok(rows.map(|rows| rows.matrix(table.clone())))
}
