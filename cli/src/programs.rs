//! The folders of programs that are not ours.

use std::path::PathBuf;

use clap::Args;
use trifold_circuits::artifacts::{CircuitSpec, Manifest};

/// Programs that are not ours (`docs/programs.md`).
#[derive(Args, Clone, Default)]
pub struct Programs {
    /// Folder of a program that is not one of Trifold's own, with its program.toml; may be given several times
    #[arg(
        long = "program",
        env = "TRIFOLD_PROGRAM",
        value_name = "DIR",
        value_delimiter = ','
    )]
    pub folders: Vec<PathBuf>,
}

impl Programs {
    /// What the folders describe.
    ///
    /// # Errors
    /// A folder holds no program.
    pub fn specs(&self, manifest: &Manifest) -> anyhow::Result<Vec<CircuitSpec>> {
        let folders = self.folders.iter();
        Ok(folders
            .map(|folder| manifest.program(folder))
            .collect::<Result<_, _>>()?)
    }
}
