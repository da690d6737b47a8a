//! `trifold`, the one command: circuits, keys, the farm's processes, and the light client.
//!
//! Exit codes: 0 done, 1 refused or failed (one line says why), 2 wrong usage or configuration, 3 no coordinator answered.

mod authority;
mod bounded;
mod cards;
mod commands;
mod config;
mod deployment;
mod doctor;
mod farm;
mod ledger;
mod light;
mod limits;
mod meter;
mod netted;
mod network;
mod operator;
mod output;
mod picture;
mod places;
mod private;
mod program_ledger;
mod programs;
mod progress;
mod proving;
mod serve;
mod served;
mod settings;
mod shutdown;
mod supervisor;
mod table;
mod telemetry;
mod telling;
mod text;
mod time;
mod tls;

use std::process::ExitCode;

use clap::{CommandFactory, Parser};

use commands::Command;

/// Shards transfer, every epoch is proven and merged, and one 128-byte proof says that all of it was valid.
#[derive(Parser)]
#[command(
    name = "trifold",
    version,
    about,
    propagate_version = true,
    arg_required_else_help = true
)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
    #[command(flatten)]
    log: config::Log,
    #[command(flatten)]
    places: places::Places,
    #[command(flatten)]
    source: settings::Source,
}

fn main() -> ExitCode {
    let given = std::env::args_os().collect();
    let arguments = match settings::arguments(&Arguments::command(), given) {
        Ok(arguments) => Arguments::parse_from(arguments),
        Err(settings::Problems(problems)) => {
            problems
                .iter()
                .for_each(|line| eprintln!("trifold: {line}"));
            return ExitCode::from(2);
        }
    };
    match run(arguments) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("trifold: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    arguments.places.settle()?;
    let _guard = arguments.log.subscribe(&arguments.command.process())?;
    arguments.command.run()
}
