//! One measurement, in a process of its own so that its peak memory is its own.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use anyhow::{Context, Result};
use clap::{Args, ValueEnum};
use serde::{Deserialize, Serialize};
use trifold_circuits::r1cs::R1cs;
use trifold_circuits::witness::WitnessCalculator;
use trifold_prover::{Cpu, KeyCache, Prover, ProvingKey};

use crate::{arkworks, inputs};

#[derive(Clone, Copy, ValueEnum)]
pub enum Peer {
    Trifold,
    Arkworks,
}

#[derive(Args)]
pub struct Options {
    #[arg(long)]
    pub peer: Peer,
    /// Proofs to make; the fastest counts.
    #[arg(long)]
    pub runs: usize,
    #[command(flatten)]
    pub files: Files,
}

/// A compiled circuit, its inputs, and the folder of its key.
#[derive(Args, Clone)]
pub struct Files {
    /// Name of the circuit.
    #[arg(long)]
    pub name: String,
    /// Its constraints.
    #[arg(long)]
    pub r1cs: PathBuf,
    /// Its witness calculator.
    #[arg(long)]
    pub wasm: PathBuf,
    /// Its inputs, as snarkjs reads them.
    #[arg(long)]
    pub inputs: PathBuf,
    /// Folder of keys; a development key is made when it has none for the circuit.
    #[arg(long)]
    pub keys: PathBuf,
}

impl Files {
    fn key(&self) -> Result<Arc<ProvingKey>> {
        let cache = KeyCache::new(&self.keys);
        let manifest = cache.find(&self.name, &self.r1cs)?;
        Ok(cache.open(&manifest.context("no key in the cache")?)?)
    }
}

/// Seconds, each the least of all runs.
#[derive(Serialize, Deserialize)]
pub struct Seconds {
    pub load: f64,
    pub witness: f64,
    pub prove: f64,
}

/// Measures and prints the result as JSON.
pub fn run(options: &Options) -> Result<()> {
    let seconds = match options.peer {
        Peer::Trifold => trifold(options)?,
        Peer::Arkworks => arkworks(options)?,
    };
    println!("{}", serde_json::to_string(&seconds)?);
    Ok(())
}

fn trifold(options: &Options) -> Result<Seconds> {
    let files = &options.files;
    let inputs = inputs::read(&files.inputs)?;
    let start = Instant::now();
    let prover = Prover::new(files.key()?, &Cpu, &files.wasm, &files.r1cs)?;
    let load = start.elapsed().as_secs_f64();
    let mut best = Seconds {
        load,
        witness: f64::MAX,
        prove: f64::MAX,
    };
    for _ in 0..options.runs {
        let proven = prover.prove(&inputs)?;
        best.witness = best.witness.min(proven.witness_seconds);
        best.prove = best.prove.min(proven.prove_seconds);
    }
    Ok(best)
}

fn arkworks(options: &Options) -> Result<Seconds> {
    let files = &options.files;
    let witness =
        WitnessCalculator::from_wasm(&files.wasm)?.calculate(&inputs::read(&files.inputs)?)?;
    let (key, r1cs) = (files.key()?, R1cs::from_path(&files.r1cs)?);
    let mut prove = f64::MAX;
    for _ in 0..options.runs {
        prove = prove.min(arkworks::prove(&key, &r1cs, &witness)?);
    }
    Ok(Seconds {
        load: 0.0,
        witness: 0.0,
        prove,
    })
}
