//! One prover's measurement, in a process of its own so that its peak memory is its own.

use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Result, bail};
use clap::{Args, ValueEnum};
use serde::{Deserialize, Serialize};
use trifold_circuits::artifacts::Checkout;
use trifold_circuits::r1cs::R1cs;
use trifold_circuits::witness::WitnessCalculator;
use trifold_prover::{Cpu, Prover};

use crate::circuit::Circuit;
use crate::{arkworks, inputs, peak};

#[derive(Clone, Copy, ValueEnum)]
pub enum Peer {
    Trifold,
    Arkworks,
}

#[derive(Args)]
pub struct Options {
    peer: Peer,
    circuit: String,
    runs: usize,
}

/// Seconds, each the least of all runs; what a peer does not do takes none.
#[derive(Default, Serialize, Deserialize)]
pub struct Seconds {
    /// Opening the key (its digest is checked) and the compiled witness calculator.
    pub load_seconds: f64,
    /// The input signals: a batch replayed, or the advice for the proofs below.
    pub inputs_seconds: f64,
    pub witness_seconds: f64,
    /// The self-check included.
    pub prove_seconds: f64,
}

/// Measures and prints the result as JSON, for [`in_child`].
pub fn run(options: &Options) -> Result<()> {
    let circuit = Circuit::ready(&Checkout::find()?, &options.circuit)?;
    let seconds = match options.peer {
        Peer::Trifold => trifold(&circuit, options.runs)?,
        Peer::Arkworks => arkworks(&circuit, options.runs)?,
    };
    println!("{}", serde_json::to_string(&seconds)?);
    Ok(())
}

/// Measures in a child process; the second figure is its peak resident set size, in bytes.
pub fn in_child(peer: Peer, circuit: &str, runs: usize) -> Result<(Seconds, u64)> {
    let name = match peer {
        Peer::Trifold => "trifold",
        Peer::Arkworks => "arkworks",
    };
    let mut child = Command::new(std::env::current_exe()?)
        .args(["measure", name, circuit, &runs.to_string()])
        .stdout(Stdio::piped())
        .spawn()?;
    let (status, peak_bytes) = peak::wait(&mut child)?;
    if !status.success() {
        bail!("the measurement of {name} on {circuit} failed");
    }
    let output = child.wait_with_output()?;
    Ok((serde_json::from_slice(&output.stdout)?, peak_bytes))
}

fn trifold(circuit: &Circuit, runs: usize) -> Result<Seconds> {
    let start = Instant::now();
    let files = &circuit.artifact;
    let prover = Prover::new(circuit.key()?, &Cpu, &files.wasm, &files.r1cs)?;
    let load_seconds = start.elapsed().as_secs_f64();
    let mut best = Seconds {
        load_seconds,
        inputs_seconds: f64::MAX,
        witness_seconds: f64::MAX,
        prove_seconds: f64::MAX,
    };
    for _ in 0..runs {
        let start = Instant::now();
        let inputs = inputs::of(&files.name)?;
        best.inputs_seconds = best.inputs_seconds.min(start.elapsed().as_secs_f64());
        let proven = prover.prove(&inputs)?;
        best.witness_seconds = best.witness_seconds.min(proven.witness_seconds);
        best.prove_seconds = best.prove_seconds.min(proven.prove_seconds);
    }
    Ok(best)
}

fn arkworks(circuit: &Circuit, runs: usize) -> Result<Seconds> {
    let files = &circuit.artifact;
    let calculator = WitnessCalculator::from_wasm(&files.wasm)?;
    let witness = calculator.calculate(&inputs::of(&files.name)?)?;
    let (key, r1cs) = (circuit.key()?, R1cs::from_path(&files.r1cs)?);
    let mut prove_seconds = f64::MAX;
    for _ in 0..runs {
        prove_seconds = prove_seconds.min(arkworks::prove(&key, &r1cs, &witness)?);
    }
    Ok(Seconds {
        prove_seconds,
        ..Seconds::default()
    })
}
