//! `trifold drain`, `cordon`, `uncordon`, `requeue`, `cancel`, `gc` and `epoch`: what an operator tells the coordinator to do.

use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::Context;
use clap::{Args, Subcommand};
use trifold_coordinator::Digest;
use trifold_coordinator::wire::{CommandKind, Reply, VERSION};

use crate::operator::{Answer, Asking, Operator};
use crate::time::{self, words};

/// Name that stands for every worker.
const ALL: &str = "*";
/// Pause between two looks at the workers.
const LOOK_AGAIN: Duration = Duration::from_millis(500);

/// The worker finishes what its prover has, gives back the rest, and its process ends; nothing is lost and no task is
/// charged. A worker that gets SIGTERM does the same.
#[derive(Args)]
pub struct Drain {
    /// Name of the worker, as `trifold workers` lists it
    #[arg(value_name = "WORKER", value_parser = word, required_unless_present = "all")]
    worker: Option<String>,
    /// All workers that there are now
    #[arg(long, conflicts_with = "worker")]
    all: bool,
    /// Wait until they are gone, but no longer than this, e.g. 10min
    #[arg(long, value_name = "TIME", value_parser = time::duration)]
    wait: Option<Duration>,
    #[command(flatten)]
    asking: Asking,
}

/// It gets no further task, and what it returns is not looked at, until it is uncordoned; it keeps running.
#[derive(Args)]
pub struct Cordon {
    /// Name of the worker, as `trifold workers` lists it
    #[arg(value_name = "WORKER", value_parser = word)]
    worker: String,
    #[command(flatten)]
    asking: Asking,
}

/// The worker gets tasks again, and its strikes are forgotten.
#[derive(Args)]
pub struct Uncordon {
    /// Name of the worker, as `trifold workers` lists it
    #[arg(value_name = "WORKER", value_parser = word)]
    worker: String,
    #[command(flatten)]
    asking: Asking,
}

/// It is taken from whoever holds it and offered again, with its failures forgotten; a quarantined one is released.
#[derive(Args)]
pub struct Requeue {
    /// The task's digest, as `trifold dlq list` and the logs give it
    #[arg(value_name = "TASK")]
    task: Digest,
    #[command(flatten)]
    asking: Asking,
}

/// It must be in no closed epoch. Those that build on it are forgotten too; the shard submits again.
#[derive(Args)]
pub struct Cancel {
    /// Index of the shard
    #[arg(value_name = "SHARD")]
    shard: u32,
    /// The snapshot's digest, as `trifold submit` prints it
    #[arg(value_name = "SNAPSHOT")]
    snapshot: Digest,
    #[command(flatten)]
    asking: Asking,
}

/// Deletes blobs that nothing needs any more, and shortens the journal. The coordinator does so by itself now and then.
#[derive(Args)]
pub struct Gc {
    /// Only say what would be deleted
    #[arg(long)]
    dry_run: bool,
    /// Only blobs older than this, e.g. 7d
    #[arg(long, default_value = "7d", value_name = "TIME", value_parser = time::duration)]
    older: Duration,
    #[command(flatten)]
    asking: Asking,
}

/// Epochs close by themselves, when every shard has a snapshot in it or when their deadline is over.
#[derive(Args)]
pub struct Epoch {
    #[command(subcommand)]
    action: EpochAction,
}

#[derive(Subcommand)]
enum EpochAction {
    /// Form an epoch of the snapshots that wait now
    Close(Close),
}

#[derive(Args)]
struct Close {
    #[command(flatten)]
    asking: Asking,
}

impl Drain {
    pub fn run(self) -> anyhow::Result<ExitCode> {
        let answer = tokio::runtime::Runtime::new()?.block_on(self.drain())?;
        Ok(self.asking.show("drain", &answer))
    }

    async fn drain(&self) -> anyhow::Result<Answer> {
        let operator = Operator::connect(&self.asking.nats).await?;
        let before = operator.view().await?;
        let worker = self.worker.clone().unwrap_or_else(|| ALL.into());
        let leaving: Vec<(String, u64)> = before
            .iter()
            .flat_map(|view| &view.workers)
            .filter(|known| known.alive && (self.all || known.presence.name == worker))
            .map(|known| (known.presence.name.clone(), known.presence.started_unix_ms))
            .collect();
        let command = CommandKind::Drain { worker };
        let answer = operator.ask(command, self.asking.patience).await?;
        match (&answer, self.wait) {
            (Answer::Reply(Reply { done: true, .. }), Some(limit)) => {
                gone(&operator, &leaving, limit).await
            }
            _ => Ok(answer),
        }
    }
}

/// Waits until none of these processes is alive. One that was started later under the same name is another one.
async fn gone(
    operator: &Operator,
    leaving: &[(String, u64)],
    limit: Duration,
) -> anyhow::Result<Answer> {
    let start = Instant::now();
    loop {
        let view = operator.view().await?.context("the farm's view is gone")?;
        let here = leaving.iter().filter(|(name, started)| {
            view.workers.iter().any(|known| {
                let presence = &known.presence;
                known.alive && presence.name == *name && presence.started_unix_ms == *started
            })
        });
        let here: Vec<&str> = here.map(|(name, _)| name.as_str()).collect();
        let done = here.is_empty();
        if done || start.elapsed() >= limit {
            let all = leaving.iter().map(|(name, _)| name.as_str());
            let message = match done {
                true => format!("gone: {}", all.collect::<Vec<_>>().join(", ")),
                false => format!("still here after {}: {}", words(limit), here.join(", ")),
            };
            return Ok(Answer::Reply(Reply {
                version: VERSION,
                done,
                message,
            }));
        }
        tokio::time::sleep(LOOK_AGAIN).await;
    }
}

impl Cordon {
    pub fn run(self) -> anyhow::Result<ExitCode> {
        let command = CommandKind::Cordon {
            worker: self.worker,
        };
        self.asking.ask("cordon", command)
    }
}

impl Uncordon {
    pub fn run(self) -> anyhow::Result<ExitCode> {
        let command = CommandKind::Uncordon {
            worker: self.worker,
        };
        self.asking.ask("uncordon", command)
    }
}

impl Requeue {
    pub fn run(self) -> anyhow::Result<ExitCode> {
        let command = CommandKind::Requeue { task: self.task };
        self.asking.ask("requeue", command)
    }
}

impl Cancel {
    pub fn run(self) -> anyhow::Result<ExitCode> {
        let command = CommandKind::Cancel {
            shard: self.shard,
            snapshot: self.snapshot,
        };
        self.asking.ask("cancel", command)
    }
}

impl Gc {
    pub fn run(self) -> anyhow::Result<ExitCode> {
        let command = CommandKind::Gc {
            older_seconds: self.older.as_secs(),
            dry_run: self.dry_run,
        };
        self.asking.ask("gc", command)
    }
}

impl Epoch {
    pub fn run(self) -> anyhow::Result<ExitCode> {
        let EpochAction::Close(close) = self.action;
        close.asking.ask("epoch close", CommandKind::CloseEpoch)
    }
}

/// A worker's name.
pub fn word(text: &str) -> Result<String, String> {
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    match !text.is_empty() && text.len() <= 64 && text.chars().all(plain) {
        true => Ok(text.into()),
        false => Err("1 to 64 letters, digits, - and _".into()),
    }
}
