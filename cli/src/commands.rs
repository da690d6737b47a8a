//! One file per subcommand.

mod circuits;
mod demo;
mod setup;
pub mod verify;

use std::process::ExitCode;

use clap::Subcommand;

/// What `trifold` can do.
#[derive(Subcommand)]
pub enum Command {
    /// List every circuit: name, parameters, constraints, domain, key digest
    Circuits(circuits::Circuits),
    /// Compile circuits and make development keys; import and export .zkey files
    Setup(setup::Setup),
    /// The whole job on this machine: shards, farm and light client
    Demo(demo::Demo),
    /// Check a global proof as a light client does
    Verify(verify::Verify),
}

impl Command {
    /// Runs the subcommand.
    pub fn run(self) -> anyhow::Result<ExitCode> {
        match self {
            Self::Circuits(command) => command.run(),
            Self::Setup(command) => command.run(),
            Self::Demo(command) => command.run(),
            Self::Verify(command) => command.run(),
        }
    }
}
