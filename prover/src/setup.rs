//! Development keys: the trusted setup of Groth16 (2016, section 3.2) by one party, who could forge proofs.
//!
//! The key is written as a `.zkey` file that snarkjs reads. Its generators are the standard ones, gamma is one, and
//! the H section holds the odd Lagrange points that snarkjs' prover expects.

mod fixed_base;
mod scalars;
mod toxic;
mod writer;

use std::io::Write;

use ark_bn254::{Fr, G1Affine, G1Projective, G2Affine, G2Projective};
use ark_ec::{CurveGroup, PrimeGroup};
use trifold_circuits::r1cs::R1cs;

use crate::key::{KeyError, Point, Section};
use fixed_base::FixedBase;
use scalars::Scalars;
use toxic::Toxic;
use writer::Writer;

/// Scalars multiplied between two reports of progress.
const CHUNK: usize = 1 << 14;
/// What the contributions section holds when nobody contributed: a hash and the number zero.
const NO_CONTRIBUTIONS: [u8; 68] = [0; 68];

/// Where the secrets of a setup come from.
#[derive(Clone, Debug)]
pub enum Entropy {
    /// The operating system; the key can't be made again.
    Fresh,
    /// A seed: the same seed and circuit make the same key.
    Seed(Vec<u8>),
}

/// What a setup is busy with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Evaluates the circuit's polynomials.
    Polynomials,
    /// Multiplies the generators; counted in points.
    Points,
    /// Syncs the file and takes its digest.
    Digest,
}

/// Told what is being done, how much of it is done, and how much there is.
pub type Progress<'a> = dyn FnMut(Stage, usize, usize) + 'a;

/// Writes a development key for a circuit. The same entropy seed and circuit give the same bytes.
///
/// # Errors
/// The circuit is too big, or the file can't be written.
pub(crate) fn write_key(
    r1cs: &R1cs,
    r1cs_digest: &[u8; 32],
    entropy: &Entropy,
    file: &mut dyn Write,
    progress: &mut Progress,
) -> Result<(), SetupError> {
    progress(Stage::Polynomials, 0, 1);
    let domain_size = domain_size(r1cs).ok_or(KeyError::TooBig {
        constraints: r1cs.num_constraints(),
    })?;
    let toxic = Toxic::new(entropy, r1cs_digest, domain_size);
    let scalars = Scalars::new(r1cs, domain_size, &toxic);
    progress(Stage::Polynomials, 1, 1);
    let mut writer = Writer::new(file)?;
    writer.header(r1cs, domain_size, &toxic)?;
    writer.coefficients(r1cs)?;
    Generator::new(&scalars, progress).write(&scalars, &mut writer)?;
    writer.section(Section::Contributions, &NO_CONTRIBUTIONS)?;
    Ok(())
}

/// Why a key could not be written.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SetupError {
    #[error(transparent)]
    Key(#[from] KeyError),
    #[error(transparent)]
    Io(#[from] std::io::Error),
}

/// The smallest power of two with a row for every constraint, public value and the leading one.
fn domain_size(r1cs: &R1cs) -> Option<usize> {
    let rows = r1cs.num_constraints() + r1cs.num_public() + 1;
    let size = rows.next_power_of_two();
    (size <= crate::key::MAX_DOMAIN).then_some(size)
}

/// Multiplies the generators, section after section.
struct Generator<'a, 'b> {
    g1: FixedBase<G1Projective>,
    g2: FixedBase<G2Projective>,
    done: usize,
    total: usize,
    progress: &'a mut Progress<'b>,
}

impl<'a, 'b> Generator<'a, 'b> {
    fn new(scalars: &Scalars, progress: &'a mut Progress<'b>) -> Self {
        let total = scalars.num_points();
        Self {
            g1: FixedBase::new(G1Projective::generator(), total),
            g2: FixedBase::new(G2Projective::generator(), scalars.b.len()),
            done: 0,
            total,
            progress,
        }
    }

    fn write(&mut self, scalars: &Scalars, writer: &mut Writer) -> Result<(), SetupError> {
        self.g1_section(writer, Section::Ic, &scalars.gamma_abc)?;
        self.g1_section(writer, Section::A, &scalars.a)?;
        self.g1_section(writer, Section::B1, &scalars.b)?;
        self.g2_section(writer, Section::B2, &scalars.b)?;
        self.g1_section(writer, Section::C, &scalars.l)?;
        self.g1_section(writer, Section::H, &scalars.h)
    }

    fn g1_section(
        &mut self,
        writer: &mut Writer,
        section: Section,
        scalars: &[Fr],
    ) -> Result<(), SetupError> {
        writer.start(section, scalars.len() * G1Affine::BYTES)?;
        for chunk in scalars.chunks(CHUNK) {
            writer.points(&self.g1.multiply(chunk))?;
            self.advance(chunk.len());
        }
        Ok(())
    }

    fn g2_section(
        &mut self,
        writer: &mut Writer,
        section: Section,
        scalars: &[Fr],
    ) -> Result<(), SetupError> {
        writer.start(section, scalars.len() * G2Affine::BYTES)?;
        for chunk in scalars.chunks(CHUNK) {
            writer.points(&self.g2.multiply(chunk))?;
            self.advance(chunk.len());
        }
        Ok(())
    }

    fn advance(&mut self, points: usize) {
        self.done += points;
        (self.progress)(Stage::Points, self.done, self.total);
    }
}

/// One multiple of a generator.
fn multiple<G: CurveGroup<ScalarField = Fr>>(scalar: Fr) -> G::Affine {
    (G::generator() * scalar).into_affine()
}
