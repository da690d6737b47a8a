//! `trifold program`: a program of one's own, begun and tried out (`docs/programs.md`).

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, ensure};
use ark_bn254::Fr;
use clap::{Args, Subcommand};
use serde_json::json;
use trifold_circuits::artifacts::{Artifact, Checkout, Manifest, PROGRAM_FILE};
use trifold_circuits::field;
use trifold_circuits::inputs::Inputs;
use trifold_circuits::r1cs::R1cs;
use trifold_circuits::witness::WitnessCalculator;
use trifold_shard::program::{MAX_FILE_BYTES, ProgramStep};
use trifold_verifier::poseidon;
use trifold_verifier::statement::ProgramStatement;

use crate::bounded;
use crate::deployment::compile;
use crate::progress::Screen;

/// A step with which the program can be tried out, in its folder.
const SAMPLE: &str = "sample.json";
/// What the template's folder gets, beside the sample.
const TEMPLATE: [(&str, &str); 2] = [
    (
        PROGRAM_FILE,
        include_str!("../../templates/program/program.toml"),
    ),
    (
        "program.circom",
        include_str!("../../templates/program/program.circom"),
    ),
];
/// Shards and seen states that a sample is tried with: the farm's are others than its author's.
const TRIED: [(u32, u64); 2] = [(4, 7), (11, 0)];

/// A shard can run any circuit whose one public input is the program statement.
#[derive(Args)]
pub struct ProgramCommand {
    #[command(subcommand)]
    action: Action,
}

#[derive(Subcommand)]
enum Action {
    /// Write the template: a small program that compiles and proves, with what a program must see to
    New(New),
    /// Compile a program and try out its sample step
    Check(Check),
}

#[derive(Args)]
struct New {
    #[arg(value_name = "DIR")]
    folder: PathBuf,
    /// What the network calls it; by default as the folder
    #[arg(long)]
    name: Option<String>,
}

/// The sample has to satisfy the circuit with the statement that follows from it, for any shard and any seen state, and with
/// no other statement. This finds what is forgotten, not what is wrong: tests with forged witnesses do (`examples/kv/tests`).
#[derive(Args)]
struct Check {
    #[arg(value_name = "DIR")]
    folder: PathBuf,
    /// Another step than DIR/sample.json
    #[arg(long, value_name = "FILE")]
    step: Option<PathBuf>,
}

impl ProgramCommand {
    pub fn run(self) -> anyhow::Result<ExitCode> {
        match self.action {
            Action::New(new) => new.run(),
            Action::Check(check) => check.run(),
        }?;
        Ok(ExitCode::SUCCESS)
    }
}

impl New {
    fn run(self) -> anyhow::Result<()> {
        let folder = &self.folder;
        let named = folder.file_name().and_then(|name| name.to_str());
        let name = self.name.as_deref().or(named);
        let name = name.context("what is the program called? Give --name")?;
        fs::create_dir_all(folder).with_context(|| folder.display().to_string())?;
        for (file, text) in TEMPLATE {
            write_new(&folder.join(file), &text.replace("NAME", name))?;
        }
        write_new(&folder.join(SAMPLE), &format!("{:#}\n", sample()))?;
        let folder = folder.display();
        println!("program {name} in {folder}; try it out: trifold program check {folder}");
        Ok(())
    }
}

/// The template's counter goes from 40 to 42.
fn sample() -> serde_json::Value {
    let state = |count: u64| {
        let digest = poseidon::hash(&[field::tag("counter/v1"), count.into()]);
        digest.to_string()
    };
    json!({
        "old_state_root": state(40),
        "new_state_root": state(42),
        "events": 1,
        "signals": { "shard": "$shard", "seen_digest": "$seen_digest", "old_count": 40, "add": 2 },
    })
}

fn write_new(path: &Path, text: &str) -> anyhow::Result<()> {
    ensure!(!path.exists(), "{} exists already", path.display());
    fs::write(path, text).with_context(|| path.display().to_string())
}

impl Check {
    fn run(self) -> anyhow::Result<()> {
        let checkout = Checkout::find()?;
        let spec = Manifest::load(&checkout)?.program(&self.folder)?;
        let artifact = compile(&checkout, &spec, &Screen::new())?;
        let size = artifact.size()?;
        if let Some(ceiling) = spec.ceiling {
            let found = u64::from(size.constraints);
            ensure!(
                found <= ceiling,
                "{found} constraints, more than the ceiling {ceiling}"
            );
        }
        println!(
            "{}: {} constraints, a domain of 2^{}, one public input",
            spec.name,
            size.constraints,
            size.log_domain()
        );
        let file = self.step.unwrap_or_else(|| self.folder.join(SAMPLE));
        let shown = || file.display().to_string();
        let text = bounded::read(&file, MAX_FILE_BYTES as u64)?;
        let step = ProgramStep::from_json(&text).with_context(shown)?;
        Trial::new(&artifact)?.all(&step).with_context(shown)?;
        println!("{} proves its statement, and no other", shown());
        Ok(())
    }
}

/// A compiled program that is tried out.
struct Trial {
    calculator: WitnessCalculator,
    r1cs: R1cs,
}

impl Trial {
    fn new(artifact: &Artifact) -> anyhow::Result<Self> {
        Ok(Self {
            calculator: WitnessCalculator::from_wasm(&artifact.wasm)?,
            r1cs: R1cs::from_path(&artifact.r1cs)?,
        })
    }

    fn all(&self, step: &ProgramStep) -> anyhow::Result<()> {
        for (shard, seen) in TRIED {
            let statement = statement(step, shard, seen.into());
            let mut inputs = inputs(step, &statement);
            let mut witness = self.calculator.calculate(&inputs).with_context(|| {
                format!("the statement of shard {shard} with seen digest {seen}")
            })?;
            for (field, other) in others(&statement) {
                // An assertion is no constraint, and a constraint on another signal does not bind x: both have to refuse.
                witness[X] = other.digest();
                inputs.insert("x", [other.digest()]);
                let refused = self.r1cs.check(&witness).is_err()
                    && self.calculator.calculate(&inputs).is_err();
                ensure!(refused, "x is not bound: a proof can state another {field}");
            }
        }
        Ok(())
    }
}

/// The circuit's inputs for a statement of the step.
fn inputs(step: &ProgramStep, statement: &ProgramStatement) -> Inputs {
    let mut inputs = Inputs::new();
    for (name, values) in step.signals(statement.shard, statement.seen_digest) {
        inputs.insert(name, values.iter().map(|value| value.0));
    }
    inputs.insert("x", [statement.digest()]);
    inputs
}

/// The wire of the one public input.
const X: usize = 1;

fn statement(step: &ProgramStep, shard: u32, seen_digest: Fr) -> ProgramStatement {
    ProgramStatement {
        shard,
        old_body: step.old_body,
        new_body: step.new_body,
        events: step.events,
        seen_digest,
        sent: step.exchange.sent,
        received: step.exchange.received,
        received_lamport: step.exchange.received_lamport,
        received_timestamp: step.exchange.received_timestamp,
    }
}

/// Statements that differ in one field.
fn others(statement: &ProgramStatement) -> [(&'static str, ProgramStatement); 9] {
    let changed = |field, change: fn(&mut ProgramStatement)| {
        let mut other = *statement;
        change(&mut other);
        (field, other)
    };
    [
        changed("shard", |s| s.shard ^= 1),
        changed("old_body", |s| s.old_body += Fr::from(1)),
        changed("new_body", |s| s.new_body += Fr::from(1)),
        changed("events", |s| s.events ^= 1),
        changed("seen_digest", |s| s.seen_digest += Fr::from(1)),
        changed("sent", |s| s.sent ^= 1),
        changed("received", |s| s.received ^= 1),
        changed("received_lamport", |s| s.received_lamport ^= 1),
        changed("received_timestamp", |s| s.received_timestamp ^= 1),
    ]
}
