//! `trifold dlq`: tasks that nobody could prove, with their inputs.

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context, ensure};
use bytes::Bytes;
use clap::{Args, Subcommand};
use serde_json::json;
use trifold_coordinator::Digest;
use trifold_coordinator::artifacts::{self, ArtifactError, MAX_ARTIFACT_BYTES};
use trifold_coordinator::core::Bundle;
use trifold_coordinator::verify::Verify;
use trifold_coordinator::view::{QuarantineView, View};
use trifold_coordinator::wire::{CommandKind, Proved, decode};
use trifold_coordinator::worker::ExecuteError;

use crate::config::Nats;
use crate::deployment::Deployment;
use crate::farm::{Executor, Verifier};
use crate::network::{Network, read_genesis};
use crate::operator::{Asking, NO_ANSWER, Operator};
use crate::programs::Programs;
use crate::progress::Screen;
use crate::proving::Proving;
use crate::table::Table;

/// A task is quarantined with its inputs when workers agree that nobody can prove it. `replay` tells a bug from a broken
/// worker: it runs the task here, without the farm.
#[derive(Args)]
pub struct Dlq {
    #[command(subcommand)]
    action: Action,
}

#[derive(Subcommand)]
enum Action {
    /// List the quarantined tasks
    List(List),
    /// Show a task with what was said of it, and write its bundle to a file
    Show(Show),
    /// Do a task again on this machine: exit code 0 if it proves, 1 if it fails again
    Replay(Box<Replay>),
}

#[derive(Args)]
struct List {
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    nats: Nats,
}

#[derive(Args)]
struct Show {
    /// The task's digest, as `trifold dlq list` gives it
    #[arg(value_name = "TASK")]
    task: Digest,
    /// Print JSON
    #[arg(long)]
    json: bool,
    /// Write the bundle to this file, for `trifold dlq replay --file`
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    #[command(flatten)]
    nats: Nats,
}

#[derive(Args)]
struct Replay {
    /// The task's digest, as `trifold dlq list` gives it
    #[arg(value_name = "TASK", required_unless_present = "file")]
    task: Option<Digest>,
    /// Take the bundle from a file that `trifold dlq show --out` wrote; no farm is needed then
    #[arg(long, value_name = "FILE", conflicts_with_all = ["task", "requeue"])]
    file: Option<PathBuf>,
    /// If it proves here, let the farm try it again
    #[arg(long)]
    requeue: bool,
    /// The network's genesis file
    #[arg(long, env = "TRIFOLD_GENESIS", value_name = "FILE")]
    genesis: PathBuf,
    #[command(flatten)]
    programs: Programs,
    #[command(flatten)]
    proving: Proving,
    #[command(flatten)]
    asking: Asking,
}

impl Dlq {
    pub fn run(self) -> anyhow::Result<ExitCode> {
        match self.action {
            Action::List(list) => list.run(),
            Action::Show(show) => show.run(),
            Action::Replay(replay) => replay.run(),
        }
    }
}

impl List {
    fn run(self) -> anyhow::Result<ExitCode> {
        let view = tokio::runtime::Runtime::new()?
            .block_on(async { Operator::connect(&self.nats).await?.view().await })?;
        match (&view, self.json) {
            (None, true) => println!("null"),
            (None, false) => eprintln!("trifold: no coordinator has run here yet"),
            (Some(view), true) => println!(
                "{:#}",
                json!({
                    "version": 1, "tasks": view.quarantined_tasks, "quarantined": view.quarantined,
                })
            ),
            (Some(view), false) => print(view),
        }
        Ok(view.map_or(ExitCode::from(NO_ANSWER), |_| ExitCode::SUCCESS))
    }
}

fn print(view: &View) {
    if view.quarantined.is_empty() {
        println!("no task is quarantined");
        return;
    }
    let mut table = Table::new(["task", "what", "reported by", "reason"]);
    for task in &view.quarantined {
        let QuarantineView {
            task,
            what,
            reason,
            reporters,
            ..
        } = task;
        table.row([&task.to_string(), what, &reporters.join(", "), reason]);
    }
    print!("{table}");
    let hidden = view.quarantined_tasks as usize;
    if let Some(more @ 1..) = hidden.checked_sub(view.quarantined.len()) {
        println!("and {more} more");
    }
}

impl Show {
    fn run(self) -> anyhow::Result<ExitCode> {
        let bytes = tokio::runtime::Runtime::new()?.block_on(async {
            let operator = Operator::connect(&self.nats).await?;
            bundle_of(&operator, &self.task).await
        })?;
        let bundle: Bundle = decode(&bytes)?;
        if let Some(out) = &self.out {
            std::fs::write(out, &bytes).with_context(|| out.display().to_string())?;
        }
        match self.json {
            true => println!("{:#}", json!(bundle)),
            false => show(&bundle),
        }
        Ok(ExitCode::SUCCESS)
    }
}

fn show(bundle: &Bundle) {
    let state = match bundle.last {
        true => "given up",
        false => "offered to another worker for a second opinion",
    };
    println!("task         {}", bundle.task.id);
    println!("what         {}", bundle.what);
    println!("state        {state}");
    println!("reported by  {}", bundle.reporters.join(", "));
    println!("reason       {}", bundle.reason);
    println!("lane         {}", bundle.task.lane());
    println!("attempt      {}", bundle.task.attempt);
    for (name, blob) in [("snapshot", &bundle.snapshot), ("inputs  ", &bundle.inputs)] {
        if let Some(hex) = blob {
            println!("{name}     {} bytes", hex.len() / 2);
        }
    }
}

/// The bundle of a quarantined task, from the farm's store.
async fn bundle_of(operator: &Operator, task: &Digest) -> anyhow::Result<Bytes> {
    let view = operator.view().await?;
    let view = view.context("no coordinator has run here yet")?;
    let mut quarantined = view.quarantined.iter();
    let found = quarantined.find(|known| known.task == *task);
    let found = found.with_context(|| format!("task {task} is not quarantined"))?;
    let bundle = found.bundle.context("its bundle is not written yet")?;
    let store = operator.queue.artifacts();
    Ok(artifacts::fetch(store, &bundle, MAX_ARTIFACT_BYTES).await?)
}

impl Replay {
    fn run(self) -> anyhow::Result<ExitCode> {
        let bundle: Bundle = decode(&self.bundle()?)?;
        let outcome = self.again(&bundle)?;
        let mut code = self.tell(&bundle, &outcome);
        if self.requeue && outcome.is_ok() {
            let task = bundle.task.id;
            code = self.asking.ask("requeue", CommandKind::Requeue { task })?;
        }
        Ok(code)
    }

    fn bundle(&self) -> anyhow::Result<Bytes> {
        if let Some(file) = &self.file {
            return read_bundle(file);
        }
        let task = self.task.context("which task?")?;
        tokio::runtime::Runtime::new()?.block_on(async {
            let operator = Operator::connect(&self.asking.nats).await?;
            bundle_of(&operator, &task).await
        })
    }

    /// Proves the task here; what it proves is checked as the coordinator does.
    fn again(&self, bundle: &Bundle) -> anyhow::Result<Result<Proved, String>> {
        let screen = Screen::aside();
        let deployment = Deployment::ready(&screen)?.with_programs(&self.programs)?;
        let deployment = Arc::new(deployment);
        let network = Arc::new(Network::new(read_genesis(&self.genesis)?, &deployment)?);
        let selected = self.proving.select(self.proving.first_card())?;
        let batch = self.proving.batch.0.map(NonZeroUsize::get);
        let quiet = Arc::new(|_: &[&_]| ());
        let executor = Executor::new(
            network.clone(),
            &deployment,
            &selected.backend,
            batch,
            quiet,
        )?;
        let blobs = bundle.snapshot.iter().chain(&bundle.inputs);
        let blobs: Vec<Vec<u8>> = blobs.map(hex::decode).collect::<Result<_, _>>()?;
        let task = &bundle.task;
        let replayed = executor.replay(task, &|digest| blob(&blobs, digest));
        Ok(match replayed {
            Err(error) => Err(reason(&error)),
            Ok(proved) => {
                let verifier = Verifier::new(&network, &deployment)?;
                let verified = verifier.verify(task.key, task.statement, &proved.proof);
                verified.map(|()| proved).map_err(|error| error.to_string())
            }
        })
    }

    fn tell(&self, bundle: &Bundle, outcome: &Result<Proved, String>) -> ExitCode {
        let (proves, failure) = (outcome.is_ok(), outcome.as_ref().err());
        // What is asked of the farm afterwards has the last word, and is the JSON then.
        if self.asking.json && !(self.requeue && proves) {
            let told = json!({
                "version": 1, "task": bundle.task.id, "what": bundle.what, "proves": proves, "failure": failure,
                "reported": bundle.reason,
            });
            println!("{told:#}");
        } else if !self.asking.json {
            tell_person(bundle, outcome);
        }
        if proves {
            ExitCode::SUCCESS
        } else {
            ExitCode::FAILURE
        }
    }
}

fn tell_person(bundle: &Bundle, outcome: &Result<Proved, String>) {
    let (what, reported) = (&bundle.what, &bundle.reason);
    match outcome {
        Ok(proved) => println!(
            "{what} proves here, in {:.1} s and {:.1} s of witness; it was reported as: {reported}",
            proved.prove_seconds, proved.witness_seconds
        ),
        Err(failure) if failure == reported => {
            println!("{what} fails here in the same way: {failure}")
        }
        Err(failure) => println!("{what} fails here: {failure}\nit was reported as: {reported}"),
    }
}

/// The message as a worker reports it.
fn reason(error: &ExecuteError) -> String {
    trifold_coordinator::wire::clip(&error.to_string())
}

/// The blob of this name, of those that came with the task.
fn blob(blobs: &[Vec<u8>], digest: &Digest) -> Result<Bytes, ArtifactError> {
    let wanted = *digest;
    let found = blobs.iter().find(|bytes| Digest::of(bytes) == wanted);
    match (found, blobs.first()) {
        (Some(bytes), _) => Ok(Bytes::copy_from_slice(bytes)),
        (None, Some(other)) => Err(ArtifactError::Broken {
            wanted,
            found: Digest::of(other),
        }),
        (None, None) => Err(ArtifactError::Missing(wanted)),
    }
}

fn read_bundle(file: &Path) -> anyhow::Result<Bytes> {
    let shown = || file.display().to_string();
    let bytes = std::fs::metadata(file).with_context(shown)?.len();
    ensure!(
        bytes <= MAX_ARTIFACT_BYTES as u64,
        "{}: {bytes} bytes, more than the {MAX_ARTIFACT_BYTES} of a bundle",
        file.display()
    );
    Ok(std::fs::read(file).with_context(shown)?.into())
}
