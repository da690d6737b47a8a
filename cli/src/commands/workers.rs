//! `trifold workers`

use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use serde_json::json;
use trifold_coordinator::view::{View, WorkerView};
use trifold_coordinator::wire::WorkerState;

use crate::config::Nats;
use crate::operator::{NO_ANSWER, Operator, leadership};
use crate::table::Table;
use crate::time::words;

/// Every worker that the coordinator knows, with what it holds and what it has done since it was started.
#[derive(Args)]
pub struct Workers {
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    nats: Nats,
}

impl Workers {
    pub fn run(self) -> anyhow::Result<ExitCode> {
        let view = tokio::runtime::Runtime::new()?
            .block_on(async { Operator::connect(&self.nats).await?.view().await })?;
        match (&view, self.json) {
            (Some(view), true) => println!(
                "{:#}",
                json!({
                    "version": 1, "updated_unix_ms": view.updated_unix_ms, "workers": view.workers,
                })
            ),
            (Some(view), false) => print(view),
            (None, true) => println!("null"),
            (None, false) => eprintln!("trifold: no coordinator has run here yet"),
        }
        Ok(view.map_or(ExitCode::from(NO_ANSWER), |_| ExitCode::SUCCESS))
    }
}

fn print(view: &View) {
    println!("{}", leadership(view));
    if view.workers.is_empty() {
        println!("no worker has been heard of");
        return;
    }
    let mut table = Table::new([
        "worker", "state", "holds", "proved", "failed", "strikes", "heard of", "backend", "host",
        "version",
    ]);
    for worker in &view.workers {
        let presence = &worker.presence;
        let backend = match &presence.card {
            Some(card) => format!("{} ({card})", presence.backend),
            None => presence.backend.clone(),
        };
        table.row([
            &presence.name,
            state(worker),
            &presence.held.len().to_string(),
            &presence.proved_tasks.to_string(),
            &presence.failed_tasks.to_string(),
            &worker.strikes.to_string(),
            &format!("{} ago", words(Duration::from_millis(worker.silent_ms))),
            &backend,
            &presence.host,
            &presence.build,
        ]);
    }
    print!("{table}");
}

fn state(worker: &WorkerView) -> &'static str {
    match (worker.alive, worker.cordoned, worker.presence.state) {
        (false, _, _) => "gone",
        (true, _, WorkerState::Draining) => "draining",
        (true, true, _) | (true, _, WorkerState::Cordoned) => "cordoned",
        (true, _, WorkerState::Starting) => "starting",
        (true, _, WorkerState::Ready) => "ready",
    }
}
