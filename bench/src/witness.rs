//! Witnesses on one core: the tape against the compiler's wasm, in turns.

use std::time::Instant;

use anyhow::{Context, Result};
use serde::Serialize;
use trifold_circuits::artifacts::{Checkout, Manifest};
use trifold_circuits::inputs::Inputs;
use trifold_circuits::witness::WitnessCalculator;

use crate::inputs;
use crate::report::{self, Report, Target};

const CIRCUITS: [&str; 3] = ["transfer", "nest", "merge"];
/// The fastest counts.
const TURNS: usize = 5;

#[derive(Serialize)]
struct Figures {
    turns: usize,
    circuits: Vec<Circuit>,
}

#[derive(Serialize)]
struct Circuit {
    name: String,
    constraints: u32,
    tape_seconds: f64,
    wasm_seconds: f64,
    /// Making the tape, which happens once per circuit.
    trace_seconds: f64,
    /// Reading it back, which happens once per worker.
    load_seconds: f64,
    /// The tape, shared by all calculations.
    tape_bytes: usize,
    /// Memory of one calculation, the witness included.
    run_bytes: usize,
}

/// Measures every circuit of the farm and writes the report.
pub fn run(checkout: &Checkout) -> Result<Vec<Target>> {
    let report = Report::begin(checkout, "witness".into());
    let list = Manifest::load(checkout)?;
    let mut circuits = Vec::new();
    for name in CIRCUITS {
        let artifact =
            checkout.compile(list.get(name)?, &|event| eprintln!("{name}: {event:?}"))?;
        let folder = tempfile::tempdir()?;
        let wasm = folder.path().join("circuit.wasm");
        std::fs::copy(&artifact.wasm, &wasm)?;
        let constraints = artifact.size()?.constraints;
        circuits.push(measure(name, constraints, &wasm)?);
    }
    let figures = Figures {
        turns: TURNS,
        circuits,
    };
    report.end(&figures, &figures.page(), figures.targets())
}

fn measure(name: &str, constraints: u32, wasm: &std::path::Path) -> Result<Circuit> {
    let inputs = inputs::of(name)?;
    let (trace_seconds, _) = timed(|| WitnessCalculator::from_wasm(wasm))?;
    let (load_seconds, calculator) = timed(|| WitnessCalculator::from_wasm(wasm))?;
    calculator.wasm()?;
    let (mut tape_seconds, mut wasm_seconds) = (f64::MAX, f64::MAX);
    for _ in 0..TURNS {
        let (tape, wasm) = turn(&calculator, &inputs)?;
        tape_seconds = tape_seconds.min(tape);
        wasm_seconds = wasm_seconds.min(wasm);
    }
    Ok(Circuit {
        name: name.to_owned(),
        constraints,
        tape_seconds,
        wasm_seconds,
        trace_seconds,
        load_seconds,
        tape_bytes: calculator.tape()?.bytes(),
        run_bytes: calculator.tape()?.run_bytes(),
    })
}

fn turn(calculator: &WitnessCalculator, inputs: &Inputs) -> Result<(f64, f64)> {
    let tape = calculator.tape()?;
    let (tape_seconds, witness) = timed(|| tape.run(inputs).ok().context("the tape refused"))?;
    let (wasm_seconds, expected) = timed(|| calculator.wasm()?.calculate(inputs))?;
    anyhow::ensure!(witness == expected, "tape and wasm differ");
    Ok((tape_seconds, wasm_seconds))
}

fn timed<T, E>(work: impl FnOnce() -> Result<T, E>) -> Result<(f64, T), E> {
    let start = Instant::now();
    let result = work()?;
    Ok((start.elapsed().as_secs_f64(), result))
}

impl Figures {
    fn targets(&self) -> Vec<Target> {
        let figure = |circuit: &Circuit| {
            let name = format!("`{}`: witness on one core, s", circuit.name);
            Target::at_most(name, 0.5, circuit.tape_seconds)
        };
        self.circuits.iter().map(figure).collect()
    }

    fn page(&self) -> String {
        let rows: String = self.circuits.iter().map(Circuit::row).collect();
        format!(
            "Inputs given, one core; fastest of {}, in turns.\n\n\
             | circuit | constraints | tape s | wasm s | ratio | trace s | load s | tape MB | MB a witness |\n\
             |---|---|---|---|---|---|---|---|---|\n{rows}",
            report::plural(self.turns, "turn"),
        )
    }
}

impl Circuit {
    fn row(&self) -> String {
        format!(
            "| `{}` | {} | {:.3} | {:.3} | {:.1} | {:.2} | {:.2} | {:.0} | {:.0} |\n",
            self.name,
            report::grouped(self.constraints.into()),
            self.tape_seconds,
            self.wasm_seconds,
            self.wasm_seconds / self.tape_seconds,
            self.trace_seconds,
            self.load_seconds,
            self.tape_bytes as f64 / 1e6,
            self.run_bytes as f64 / 1e6,
        )
    }
}
