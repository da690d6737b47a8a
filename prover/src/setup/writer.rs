//! Writes a `.zkey` file from front to back.

use std::io::{Result, Write};

use ark_bn254::{Fq, Fr, G1Projective, G2Projective};
use ark_ff::{BigInteger, One, PrimeField};
use trifold_circuits::r1cs::R1cs;

use super::multiple;
use super::toxic::Toxic;
use crate::key::{COEFFICIENT_BYTES, Point, Section, encode_coefficient};

/// The open file; the sections are written in the order of the calls.
pub struct Writer<'a>(&'a mut dyn Write);

impl<'a> Writer<'a> {
    /// Starts a file of ten sections.
    pub fn new(file: &'a mut dyn Write) -> Result<Self> {
        file.write_all(b"zkey")?;
        file.write_all(&1_u32.to_le_bytes())?;
        file.write_all(&(Section::ALL.len() as u32).to_le_bytes())?;
        Ok(Self(file))
    }

    /// Starts a section whose content follows.
    pub fn start(&mut self, section: Section, size_bytes: usize) -> Result<()> {
        self.0.write_all(&(section as u32).to_le_bytes())?;
        self.0.write_all(&(size_bytes as u64).to_le_bytes())
    }

    /// A whole section.
    pub fn section(&mut self, section: Section, bytes: &[u8]) -> Result<()> {
        self.start(section, bytes.len())?;
        self.0.write_all(bytes)
    }

    /// Points of the section that was started last.
    pub fn points<P: Point>(&mut self, points: &[P]) -> Result<()> {
        let mut bytes = vec![0; points.len() * P::BYTES];
        for (point, bytes) in points.iter().zip(bytes.chunks_exact_mut(P::BYTES)) {
            point.encode(bytes);
        }
        self.0.write_all(&bytes)
    }

    /// The proof system, and the header with its single points.
    pub fn header(&mut self, r1cs: &R1cs, domain_size: usize, toxic: &Toxic) -> Result<()> {
        self.section(Section::Protocol, &1_u32.to_le_bytes())?;
        let mut bytes = Vec::new();
        for modulus in [Fq::MODULUS, Fr::MODULUS] {
            bytes.extend(32_u32.to_le_bytes());
            bytes.extend(modulus.to_bytes_le());
        }
        for count in [r1cs.num_wires, r1cs.num_public(), domain_size] {
            bytes.extend((count as u32).to_le_bytes());
        }
        let (one, beta, delta) = (Fr::one(), toxic.beta, toxic.delta);
        append(&mut bytes, multiple::<G1Projective>(toxic.alpha));
        append(&mut bytes, multiple::<G1Projective>(beta));
        append(&mut bytes, multiple::<G2Projective>(beta));
        append(&mut bytes, multiple::<G2Projective>(one));
        append(&mut bytes, multiple::<G1Projective>(delta));
        append(&mut bytes, multiple::<G2Projective>(delta));
        self.section(Section::Header, &bytes)
    }

    /// The matrices A and B, row by row, then a row of A for each public value.
    pub fn coefficients(&mut self, r1cs: &R1cs) -> Result<()> {
        let public_rows = r1cs.num_public() + 1;
        let count = r1cs.a.num_entries() + r1cs.b.num_entries() + public_rows;
        self.start(Section::Coefficients, 4 + count * COEFFICIENT_BYTES)?;
        self.0.write_all(&(count as u32).to_le_bytes())?;
        for row in 0..r1cs.num_constraints() {
            for (matrix, rows) in [&r1cs.a, &r1cs.b].into_iter().enumerate() {
                for (wire, value) in rows.row(row) {
                    self.coefficient(matrix, row, wire, &value)?;
                }
            }
        }
        for wire in 0..public_rows {
            self.coefficient(0, r1cs.num_constraints() + wire, wire, &Fr::one())?;
        }
        Ok(())
    }

    fn coefficient(&mut self, matrix: usize, row: usize, wire: usize, value: &Fr) -> Result<()> {
        for number in [matrix, row, wire] {
            self.0.write_all(&(number as u32).to_le_bytes())?;
        }
        self.0.write_all(&encode_coefficient(value))
    }
}

fn append<P: Point>(bytes: &mut Vec<u8>, point: P) {
    let start = bytes.len();
    bytes.resize(start + P::BYTES, 0);
    point.encode(&mut bytes[start..]);
}
