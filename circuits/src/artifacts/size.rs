use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;

use super::{Artifact, ArtifactError, at};

/// The counts in the header of an r1cs file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size {
    /// Wires, the constant one among them.
    pub wires: u32,
    /// Public outputs and public inputs.
    pub public: u32,
    /// Constraints.
    pub constraints: u32,
}

impl Size {
    /// log2 of the domain that Groth16 proves in: one row per constraint, per public value and for the constant one.
    pub fn log_domain(&self) -> u32 {
        let rows = u64::from(self.constraints) + u64::from(self.public) + 1;
        rows.next_power_of_two().trailing_zeros()
    }
}

impl Artifact {
    /// Reads the header of the constraints and nothing else of them.
    ///
    /// # Errors
    /// [`ArtifactError::Io`], or [`ArtifactError::Malformed`] when the file is no r1cs.
    pub fn size(&self) -> Result<Size, ArtifactError> {
        let mut file = File::open(&self.r1cs).map_err(at(&self.r1cs))?;
        match read_size(&mut file) {
            Ok(Some(size)) => Ok(size),
            Ok(None) => Err(malformed(
                &self.r1cs,
                "magic, version or header section is missing",
            )),
            Err(error) => Err(malformed(&self.r1cs, &error.to_string())),
        }
    }
}

fn malformed(path: &Path, reason: &str) -> ArtifactError {
    ArtifactError::Malformed {
        path: path.into(),
        reason: reason.into(),
    }
}

const HEADER: u32 = 1;

/// Walks the sections (type u32, length u64, bytes) to the header; `None` when the file is something else.
fn read_size(file: &mut (impl Read + Seek)) -> std::io::Result<Option<Size>> {
    let mut magic = [0; 4];
    file.read_exact(&mut magic)?;
    if &magic != b"r1cs" || u32_from(file)? != 1 {
        return Ok(None);
    }
    for _ in 0..u32_from(file)?.min(16) {
        let kind = u32_from(file)?;
        let length = u64::from(u32_from(file)?) | u64::from(u32_from(file)?) << 32;
        if kind == HEADER {
            return read_header(file).map(Some);
        }
        file.seek(SeekFrom::Current(i64::try_from(length).unwrap_or(i64::MAX)))?;
    }
    Ok(None)
}

/// Field width, modulus, wires, outputs, public inputs, private inputs, labels (u64), constraints.
fn read_header(file: &mut (impl Read + Seek)) -> std::io::Result<Size> {
    let field_bytes = u32_from(file)?;
    file.seek(SeekFrom::Current(i64::from(field_bytes)))?;
    let wires = u32_from(file)?;
    let outputs = u32_from(file)?;
    let inputs = u32_from(file)?;
    file.seek(SeekFrom::Current(4 + 8))?;
    let constraints = u32_from(file)?;
    Ok(Size {
        wires,
        public: outputs.saturating_add(inputs),
        constraints,
    })
}

fn u32_from(file: &mut impl Read) -> std::io::Result<u32> {
    let mut bytes = [0; 4];
    file.read_exact(&mut bytes)?;
    Ok(u32::from_le_bytes(bytes))
}
