//! `trifold status`

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, ensure};
use clap::Args;
use serde_json::json;
use trifold_coordinator::view::{EpochStage, EpochView, LevelView, PublishedView, View};

use crate::config::Nats;
use crate::farm::{Client, bundle};
use crate::network::{self, read_genesis};
use crate::operator::{NO_ANSWER, Operator, leadership};
use crate::output;
use crate::table::Table;
use crate::text::grouped;
use crate::time::{now_milliseconds, words};

/// What the coordinator last said of the farm: the epochs in work with their trees, level by level, and the newest
/// global proof. With --out that proof is written in snarkjs's formats and as a bundle; `trifold verify` checks it.
#[derive(Args)]
pub struct StatusCommand {
    /// Print JSON
    #[arg(long)]
    json: bool,
    /// Wait until the global proof of this epoch is out
    #[arg(long, value_name = "EPOCH")]
    wait: Option<u64>,
    /// Write the newest global proof (or that of --wait) to this folder
    #[arg(long, value_name = "DIR", requires = "genesis")]
    out: Option<PathBuf>,
    /// The network's genesis file
    #[arg(long, env = "TRIFOLD_GENESIS", value_name = "FILE")]
    genesis: Option<PathBuf>,
    #[command(flatten)]
    nats: Nats,
}

impl StatusCommand {
    pub fn run(self) -> anyhow::Result<ExitCode> {
        let view = tokio::runtime::Runtime::new()?.block_on(self.look())?;
        match (&view, self.json) {
            (None, true) => println!("null"),
            (None, false) => eprintln!("trifold: no coordinator has run here yet"),
            (Some(view), true) => println!("{:#}", json!(view)),
            (Some(view), false) => print(view),
        }
        // What was waited for or written needs no coordinator.
        let served = view.is_some() || self.wait.is_some() || self.out.is_some();
        Ok(match served {
            true => ExitCode::SUCCESS,
            false => ExitCode::from(NO_ANSWER),
        })
    }

    async fn look(&self) -> anyhow::Result<Option<View>> {
        let operator = Operator::connect(&self.nats).await?;
        let farm = Client {
            queue: operator.queue.clone(),
        };
        if let Some(epoch) = self.wait {
            farm.published(epoch).await?;
        }
        if let Some(out) = &self.out {
            self.write(&farm, out).await?;
        }
        operator.view().await
    }

    async fn write(&self, farm: &Client, out: &Path) -> anyhow::Result<()> {
        let epoch = match self.wait {
            Some(epoch) => epoch,
            None => farm.newest_epoch().await?,
        };
        ensure!(epoch > 0, "no epoch has a global proof yet");
        let genesis = self.genesis.as_deref().context("--out needs --genesis")?;
        let network = network::cached(read_genesis(genesis)?)?;
        output::write(out, &bundle(&network, &farm.published(epoch).await?)?)
    }
}

fn print(view: &View) {
    print_farm(view);
    for epoch in &view.epochs {
        print_epoch(epoch);
    }
    if let Some(newest) = view.recent.first() {
        println!();
        print_published(newest);
    }
}

fn print_farm(view: &View) {
    println!("{} (leader number {})", leadership(view), view.fence);
    println!(
        "epochs: {} proven, {} closed; root {}",
        view.published_epoch, view.closed_epoch, view.root
    );
    println!(
        "shards: {} in a tree of depth {}; {} snapshots wait ({} bytes)",
        grouped(view.shards),
        view.depth,
        grouped(view.waiting_snapshots),
        grouped(view.waiting_bytes),
    );
    println!(
        "tasks: {} proven, {} in the last minute; {} ready, {} at the queue, {} quarantined; {} results refused",
        grouped(view.proved_tasks),
        grouped(view.proved_per_minute),
        grouped(view.ready_tasks),
        grouped(view.queued_tasks),
        grouped(view.quarantined_tasks),
        grouped(view.refused_results),
    );
    let alive = view.workers.iter().filter(|worker| worker.alive);
    let cordoned = view.workers.iter().filter(|worker| worker.cordoned);
    println!(
        "workers: {} alive, {} cordoned",
        alive.count(),
        cordoned.count()
    );
    if let Some(idle) = &view.idle {
        println!("idle: {idle}");
    }
}

fn print_epoch(epoch: &EpochView) {
    let stage = match epoch.stage {
        EpochStage::Forming => "forming",
        EpochStage::Merging => "merging",
        EpochStage::Nesting => "nesting",
        EpochStage::Published => "published",
    };
    let since = match epoch.stage {
        EpochStage::Forming => "first snapshot",
        _ => "closed",
    };
    println!(
        "\nepoch {}: {stage}; {} shards, {} silent, {} transfers; {since} {} ago",
        epoch.epoch,
        grouped(epoch.members),
        grouped(epoch.silent),
        grouped(epoch.transfers),
        words(Duration::from_millis(epoch.age_ms)),
    );
    let eta = epoch
        .eta_seconds
        .filter(|eta| eta.is_finite() && *eta >= 0.0);
    let eta = eta.map_or_else(String::new, |eta| {
        format!(
            ", about {} to go",
            words(Duration::from_secs_f64(eta.min(3.2e9)))
        )
    });
    println!(
        "{} {} of {} proofs{eta}",
        bar(epoch.done, epoch.total),
        epoch.done,
        epoch.total
    );
    print!("{}", tree(epoch));
}

/// The tree, its root first: a line for each level.
fn tree(epoch: &EpochView) -> Table {
    let mut table = Table::new([
        "level", "waiting", "queued", "proving", "proven", "carried", "failed",
    ]);
    let top = epoch.levels.len().saturating_sub(1);
    for (place, level) in epoch.levels.iter().enumerate().rev() {
        let indent = "  ".repeat(top - place);
        let name = match place {
            0 => format!("{indent}programs"),
            _ if place == top => "nest".to_owned(),
            _ => format!("{indent}merges of level {}", place - 1),
        };
        row(&mut table, &name, level);
    }
    table
}

fn row(table: &mut Table, name: &str, level: &LevelView) {
    let LevelView {
        waiting,
        queued,
        proving,
        proven,
        carried,
        failed,
    } = *level;
    let [a, b, c, d, e, f] = [waiting, queued, proving, proven, carried, failed].map(grouped);
    table.row([name, &a, &b, &c, &d, &e, &f]);
}

/// Ten characters that fill up.
fn bar(done: u64, total: u64) -> String {
    let full = (10 * done.min(total)).checked_div(total).unwrap_or(0) as usize;
    format!("[{}{}]", "#".repeat(full), ".".repeat(10 - full))
}

fn print_published(epoch: &PublishedView) {
    let when = match epoch.published_unix_ms {
        0 => "published before this coordinator led".to_owned(),
        at => {
            let ago = Duration::from_millis(now_milliseconds().saturating_sub(at));
            let took = Duration::from_millis(epoch.latency_ms);
            format!(
                "published {} ago, {} after it closed",
                words(ago),
                words(took)
            )
        }
    };
    println!(
        "last proof: epoch {}, {when}; {} shards, {} transfers; {:.1} CPU seconds, {:.1} GPU seconds",
        epoch.epoch,
        grouped(epoch.members),
        grouped(epoch.transfers),
        epoch.cpu_seconds,
        epoch.gpu_seconds,
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bar_is_ten_wide_whatever_it_shows() {
        let bars = [
            (0, 0, "[..........]"),
            (5, 10, "[#####.....]"),
            (9, 3, "[##########]"),
        ];
        for (done, total, expected) in bars {
            assert_eq!(bar(done, total), expected);
        }
    }

    #[test]
    fn a_tree_has_its_root_on_top() {
        let level = |proven| LevelView {
            proven,
            ..LevelView::default()
        };
        let epoch = EpochView {
            epoch: 1,
            stage: EpochStage::Merging,
            depth: 2,
            members: 9,
            silent: 0,
            transfers: 1234,
            age_ms: 0,
            done: 1,
            total: 2,
            eta_seconds: None,
            levels: vec![level(9), level(3), level(1), level(0)],
        };
        let lines = tree(&epoch).to_string();
        let names: Vec<_> = lines
            .lines()
            .skip(1)
            .map(|line| line[..24].trim_end())
            .collect();
        let expected = [
            "nest",
            "  merges of level 1",
            "    merges of level 0",
            "      programs",
        ];
        assert_eq!(names.len(), expected.len());
        for (name, expected) in names.iter().zip(expected) {
            assert!(name.starts_with(expected), "{name:?} is not {expected:?}");
        }
    }
}
