//! One file per subcommand.

mod circuits;

use std::process::ExitCode;

use clap::Subcommand;

/// What `trifold` can do.
#[derive(Subcommand)]
pub enum Command {
    /// List every circuit: name, parameters, constraints, domain, key digest
    Circuits(circuits::Circuits),
}

impl Command {
    /// Runs the subcommand.
    pub fn run(self) -> anyhow::Result<ExitCode> {
        match self {
            Self::Circuits(command) => command.run(),
        }
    }
}
