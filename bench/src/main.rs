//! Figures against peers, written to `bench/results` with the machine, the date and the command.

mod arkworks;
mod inputs;
mod machine;
mod measure;
mod peak;
mod prove;
mod report;
mod snarkjs;

use anyhow::Result;
use clap::{Parser, Subcommand};

/// Measures Trifold against its peers.
#[derive(Parser)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Witness and proof of one circuit, against arkworks and public snarkjs on the same key and witness.
    Prove(prove::Options),
    /// One measurement in a process of its own; `prove` starts it.
    #[command(hide = true)]
    Measure(measure::Options),
}

fn main() -> Result<()> {
    match Arguments::parse().command {
        Command::Prove(options) => prove::run(&options),
        Command::Measure(options) => measure::run(&options),
    }
}
