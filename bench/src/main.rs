//! Figures against peers, written to `bench/results` with the machine, the date and the command.

mod arkworks;
mod circuit;
mod farm;
mod gpu;
mod inputs;
mod ledger;
mod light_client;
mod machine;
mod measure;
mod netted;
mod overhead;
mod peak;
mod proven;
mod proving;
mod report;
mod snarkjs;
mod throughput;
mod witness;

use anyhow::Result;
use clap::{Parser, Subcommand, ValueEnum};
use trifold_circuits::artifacts::Checkout;

/// Measures Trifold against its peers; without arguments, everything.
#[derive(Parser)]
#[command(args_conflicts_with_subcommands = true)]
struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
    /// What to measure.
    #[arg(default_values = ["light-client", "overhead", "throughput", "witness", "transfer", "nest", "merge"])]
    figures: Vec<Figure>,
    /// Proofs by Trifold and by arkworks; the fastest of each counts. snarkjs proves once.
    #[arg(long, default_value_t = 1)]
    runs: usize,
}

#[derive(Clone, Copy, ValueEnum)]
enum Figure {
    LightClient,
    Overhead,
    Throughput,
    Witness,
    Transfer,
    Nest,
    Merge,
}

#[derive(Subcommand)]
enum Command {
    /// Measures a card against sppark, ICICLE and the processor (`make bench-gpu`).
    Gpu(gpu::Options),
    /// Loads the coordinator with shards and workers.
    Farm(farm::Options),
    /// Computes the netted ledger's constraints per transfer from the pinned counts (`make bench-ledger`).
    Ledger,
    /// Measures how fast epochs of netted shards are proven here (`make bench-proven`); makes keys that are missing.
    Proven {
        /// The fastest of so many counts.
        #[arg(long, default_value_t = 1)]
        runs: usize,
        /// The large circuits too, whose keys take minutes and gigabytes to make.
        #[arg(long)]
        large: bool,
    },
    /// One prover's measurement in a process of its own, so that its peak memory is its own.
    #[command(hide = true)]
    Measure(measure::Options),
}

fn ledger() -> Result<()> {
    let targets = ledger::run(&Checkout::find()?)?;
    print!("{}", report::table(&targets));
    Ok(())
}

fn proven(runs: usize, large: bool) -> Result<()> {
    let targets = proven::run(&Checkout::find()?, runs, large)?;
    print!("{}", report::table(&targets));
    Ok(())
}

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    match &arguments.command {
        Some(Command::Gpu(options)) => return gpu::run(options),
        Some(Command::Farm(options)) => return farm::run(options),
        Some(Command::Ledger) => return ledger(),
        Some(Command::Proven { runs, large }) => return proven(*runs, *large),
        Some(Command::Measure(options)) => return measure::run(options),
        None => {}
    }
    let checkout = Checkout::find()?;
    let prove = |name| proving::run(&checkout, name, arguments.runs);
    let mut targets = Vec::new();
    for figure in &arguments.figures {
        targets.extend(match figure {
            Figure::LightClient => light_client::run(&checkout)?,
            Figure::Overhead => overhead::run(&checkout)?,
            Figure::Throughput => throughput::run(&checkout)?,
            Figure::Witness => witness::run(&checkout)?,
            Figure::Transfer => prove("transfer")?,
            Figure::Nest => prove("nest")?,
            Figure::Merge => prove("merge")?,
        });
    }
    print!("{}", report::table(&targets));
    Ok(())
}
