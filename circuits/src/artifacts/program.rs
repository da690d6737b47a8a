//! A program that is not ours: a folder with its Circom sources and `program.toml`, an entry as in `circuits.toml`.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use super::{Artifact, ArtifactError, CircuitSpec, Manifest, at};

/// The file that describes a program, in its folder.
pub const PROGRAM_FILE: &str = "program.toml";
/// Longest such file that is read, in bytes.
pub const MAX_PROGRAM_FILE_BYTES: u64 = 1 << 16;
/// Where a program's own sources lie among those that it is compiled from. `circuits/` has no folder of this name.
pub(super) const OWN: &str = "program";

impl Manifest {
    /// The program in a folder. It may include its own files by their place beside each other, and those of `circuits/`.
    ///
    /// # Errors
    /// [`ArtifactError::Io`], or [`ArtifactError::Manifest`] with what is wrong with its description.
    pub fn program(&self, folder: &Path) -> Result<CircuitSpec, ArtifactError> {
        let path = folder.join(PROGRAM_FILE);
        let malformed = |reason| ArtifactError::Manifest {
            path: path.clone(),
            reason,
        };
        let text = read(&path)?;
        let spec: CircuitSpec =
            toml::from_str(&text).map_err(|error| malformed(error.to_string()))?;
        match self.program_fault(&spec) {
            Some(reason) => Err(malformed(reason)),
            None => Ok(CircuitSpec {
                source: Path::new(OWN).join(&spec.source),
                folder: Some(folder.into()),
                ..spec
            }),
        }
    }

    fn program_fault(&self, spec: &CircuitSpec) -> Option<String> {
        let name = &spec.name;
        if self.circuits.iter().any(|circuit| circuit.name == *name) {
            return Some(format!("{name} is the name of a circuit of Trifold"));
        }
        if spec.template.is_none() {
            return Some(format!("{name}: no template"));
        }
        if spec.source.is_absolute() {
            return Some(format!("{name}: source is not relative to the folder"));
        }
        spec.fault()
    }
}

impl CircuitSpec {
    /// Whether it is a program that is not ours.
    pub fn is_foreign(&self) -> bool {
        self.folder.is_some()
    }
}

impl Artifact {
    /// That a merge can take the circuit's proofs as those of a program: `x` is all that is public.
    ///
    /// # Errors
    /// [`ArtifactError::Public`], or the compiled file can't be read.
    pub fn check_program(&self) -> Result<(), ArtifactError> {
        match self.size()?.public {
            1 => Ok(()),
            public => Err(ArtifactError::Public {
                name: self.name.clone(),
                public,
            }),
        }
    }
}

fn read(path: &Path) -> Result<String, ArtifactError> {
    let mut text = String::new();
    let file = File::open(path).map_err(at(path))?;
    let read = file
        .take(MAX_PROGRAM_FILE_BYTES + 1)
        .read_to_string(&mut text);
    read.map_err(at(path))?;
    match text.len() as u64 > MAX_PROGRAM_FILE_BYTES {
        false => Ok(text),
        true => Err(ArtifactError::Manifest {
            path: path.into(),
            reason: format!("longer than {MAX_PROGRAM_FILE_BYTES} bytes"),
        }),
    }
}
