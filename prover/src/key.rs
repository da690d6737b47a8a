//! A proving key: a snarkjs `.zkey` file for Groth16 over BN254, mapped into memory.
//!
//! Points stay where they are in the file, as affine coordinates in Montgomery form, which is also the form that the
//! arithmetic uses, so opening a key costs one pass of SHA-256 and no conversion.

mod check;
mod layout;
mod matrices;
mod points;

use std::fs::File;
use std::path::{Path, PathBuf};

use ark_bn254::{Bn254, G1Affine, G2Affine};
use ark_groth16::VerifyingKey;
use memmap2::Mmap;
use sha2::{Digest, Sha256};
use thiserror::Error;

pub use layout::{Header, Section};
pub use matrices::Matrices;
pub(crate) use matrices::encode as encode_coefficient;
pub use points::{Point, Points};

pub(crate) use layout::{COEFFICIENT_BYTES, MAX_DOMAIN};

use layout::Sections;

/// SHA-256 of a whole key file.
pub type KeyDigest = [u8; 32];

/// Why a proving key can't be had.
#[derive(Debug, Error)]
pub enum KeyError {
    #[error("{path}: {source}")]
    Io {
        path: PathBuf,
        source: std::io::Error,
    },
    #[error("{path} is not a Groth16 proving key over BN254: {reason}")]
    Format { path: PathBuf, reason: String },
    #[error("{path}: section {section}: {reason}")]
    Section {
        path: PathBuf,
        section: Section,
        reason: String,
    },
    #[error("{path} is damaged or another file: {found_bytes} bytes, not {expected_bytes}")]
    Size {
        path: PathBuf,
        expected_bytes: u64,
        found_bytes: u64,
    },
    #[error("{path} is damaged or another file: its SHA-256 is {found}, not {expected}")]
    Digest {
        path: PathBuf,
        expected: String,
        found: String,
    },
    #[error("{path} is not a key for circuit {circuit}: {reason}")]
    Circuit {
        path: PathBuf,
        circuit: String,
        reason: String,
    },
    #[error("{path}: {reason}")]
    Manifest { path: PathBuf, reason: String },
    #[error("a circuit of {constraints} constraints is too big for a key")]
    TooBig { constraints: usize },
    #[error("constraint system: {0}")]
    R1cs(#[from] trifold_circuits::r1cs::R1csError),
}

impl KeyError {
    /// The same error about a file that was checked under another name.
    pub(crate) fn renamed(mut self, name: &Path) -> Self {
        match &mut self {
            Self::Format { path, .. } | Self::Section { path, .. } | Self::Circuit { path, .. } => {
                *path = name.to_owned();
            }
            _ => {}
        }
        self
    }
}

/// A proving key whose structure is sound: every section is present, once, and has the size that the header demands.
pub struct ProvingKey {
    path: PathBuf,
    bytes: Mmap,
    digest: KeyDigest,
    header: Header,
    sections: Sections,
}

impl ProvingKey {
    /// Maps a key file whose content is known by its digest; its points are not checked again.
    ///
    /// # Errors
    /// Another digest, or a malformed file.
    pub fn open(path: &Path, digest: &KeyDigest) -> Result<Self, KeyError> {
        let key = Self::map(path)?;
        if key.digest != *digest {
            return Err(KeyError::Digest {
                path: path.to_owned(),
                expected: hex::encode(digest),
                found: hex::encode(key.digest),
            });
        }
        Ok(key)
    }

    /// Maps a key file of unknown origin and checks every coefficient and point of it.
    ///
    /// That the points belong to the circuit is not checked: that takes the ceremony's transcript (`snarkjs zkey
    /// verify`).
    ///
    /// # Errors
    /// A malformed file, a value that is not reduced, a point off the curve or outside the subgroup.
    pub fn open_unknown(path: &Path) -> Result<Self, KeyError> {
        let key = Self::map(path)?;
        check::check(&key)?;
        Ok(key)
    }

    /// Maps a key file that this program has just written.
    pub(crate) fn open_written(path: &Path) -> Result<Self, KeyError> {
        Self::map(path)
    }

    fn map(path: &Path) -> Result<Self, KeyError> {
        let io = |source| KeyError::Io {
            path: path.to_owned(),
            source,
        };
        let file = File::open(path).map_err(io)?;
        // SAFETY: key files live in the key cache, which never writes to a file in place: it makes a file under
        // another name, syncs it and renames it. The digest below is taken of the mapping itself.
        let bytes = unsafe { Mmap::map(&file) }.map_err(io)?;
        let digest = Sha256::digest(&bytes).into();
        let (header, sections) = layout::parse(path, &bytes)?;
        Ok(Self {
            path: path.to_owned(),
            bytes,
            digest,
            header,
            sections,
        })
    }

    /// Where the file is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Size of the file.
    pub fn size_bytes(&self) -> u64 {
        self.bytes.len() as u64
    }

    /// SHA-256 of the file.
    pub fn digest(&self) -> &KeyDigest {
        &self.digest
    }

    /// Counts and single points.
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// `u_i(tau)` in G1, one for each wire.
    pub fn a_query(&self) -> Points<'_, G1Affine> {
        Points::new(self.section(Section::A))
    }

    /// `v_i(tau)` in G1, one for each wire.
    pub fn b_g1_query(&self) -> Points<'_, G1Affine> {
        Points::new(self.section(Section::B1))
    }

    /// `v_i(tau)` in G2, one for each wire.
    pub fn b_g2_query(&self) -> Points<'_, G2Affine> {
        Points::new(self.section(Section::B2))
    }

    /// `(beta u_i(tau) + alpha v_i(tau) + w_i(tau)) / delta`, one for each private wire.
    pub fn l_query(&self) -> Points<'_, G1Affine> {
        Points::new(self.section(Section::C))
    }

    /// Lagrange basis of the domain of twice the size at its odd points, at tau, divided by delta.
    pub fn h_query(&self) -> Points<'_, G1Affine> {
        Points::new(self.section(Section::H))
    }

    /// The matrices A and B of the constraint system, with a row for each public wire after the constraints.
    ///
    /// # Errors
    /// A row, wire or matrix out of range, or a coefficient that is not reduced.
    pub fn matrices(&self) -> Result<Matrices, KeyError> {
        Matrices::parse(self)
    }

    /// The verifying key.
    pub fn verifying_key(&self) -> VerifyingKey<Bn254> {
        let gamma_abc_g1 = Points::new(self.section(Section::Ic));
        VerifyingKey {
            alpha_g1: self.header.alpha_g1,
            beta_g2: self.header.beta_g2,
            gamma_g2: self.header.gamma_g2,
            delta_g2: self.header.delta_g2,
            gamma_abc_g1: gamma_abc_g1.iter().collect(),
        }
    }

    pub(crate) fn section(&self, section: Section) -> &[u8] {
        &self.bytes[self.sections.range(section)]
    }

    pub(crate) fn refuse(&self, section: Section, reason: impl Into<String>) -> KeyError {
        KeyError::Section {
            path: self.path.clone(),
            section,
            reason: reason.into(),
        }
    }
}
