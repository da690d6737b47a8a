//! `trifold`, the one command: circuits, keys, the farm's processes, and the light client.
//!
//! Exit codes: 0 done, 1 refused or failed (one line says why), 2 wrong usage.

mod cards;
mod commands;
mod config;
mod deployment;
mod farm;
mod ledger;
mod network;
mod output;
mod progress;
mod proving;
mod shutdown;
mod supervisor;
mod telling;
mod text;
mod time;

use std::process::ExitCode;

use clap::Parser;

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
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    arguments.log.subscribe(arguments.command.card());
    match arguments.command.run() {
        Ok(code) => code,
        Err(error) => {
            eprintln!("trifold: {error:#}");
            ExitCode::FAILURE
        }
    }
}
