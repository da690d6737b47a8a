//! One circuit's witness and proof: ours, arkworks', and snarkjs' on the same key and witness.

use std::process::{Command, Stdio};

use anyhow::{Result, bail};
use clap::Args;
use trifold_circuits::artifacts::Checkout;
use trifold_circuits::r1cs::R1cs;
use trifold_prover::{Entropy, KeyCache, KeyManifest};

use crate::machine::Machine;
use crate::measure::{Files, Seconds};
use crate::report::Report;
use crate::{peak, report, snarkjs};

#[derive(Args)]
pub struct Options {
    #[command(flatten)]
    files: Files,
    /// Proofs by each peer; the fastest counts. snarkjs proves once.
    #[arg(long, default_value_t = 3)]
    runs: usize,
}

/// Measures all three and writes the report.
pub fn run(options: &Options) -> Result<()> {
    let (checkout, files) = (Checkout::find()?, &options.files);
    let cache = KeyCache::new(&files.keys);
    let manifest = key(&cache, files)?;
    let r1cs = R1cs::from_path(&files.r1cs)?;
    let (constraints, wires) = (r1cs.num_constraints(), r1cs.num_wires);
    drop(r1cs);
    let (ours, our_peak_bytes) = child("trifold", options)?;
    let (arkworks, arkworks_peak_bytes) = child("arkworks", options)?;
    let snarkjs = snarkjs::run(&checkout, files, &cache.key_path(&manifest))?;
    let report = Report {
        circuit: files.name.clone(),
        constraints,
        wires,
        domain_size: manifest.domain_size,
        machine: Machine::here(),
        command: format!(
            "trifold-bench prove --name {} --runs {}",
            files.name, options.runs
        ),
        load_seconds: ours.load,
        witness_seconds: ours.witness,
        prove_seconds: ours.prove,
        peak_bytes: our_peak_bytes,
        arkworks_prove_seconds: arkworks.prove,
        arkworks_peak_bytes,
        snarkjs_witness_seconds: snarkjs.witness_seconds,
        snarkjs_prove_seconds: snarkjs.prove_seconds,
        snarkjs_peak_bytes: snarkjs.peak_bytes,
    };
    report::write(&checkout.root().join("bench/results"), &report)
}

fn key(cache: &KeyCache, files: &Files) -> Result<KeyManifest> {
    let entropy = Entropy::Seed(b"bench".to_vec());
    let quiet = &mut |_, _, _| {};
    Ok(cache.find_or_create(&files.name, &files.r1cs, &entropy, quiet)?)
}

fn child(peer: &str, options: &Options) -> Result<(Seconds, u64)> {
    let files = &options.files;
    let mut child = Command::new(std::env::current_exe()?)
        .args([
            "measure",
            "--peer",
            peer,
            "--runs",
            &options.runs.to_string(),
        ])
        .args(["--name", &files.name])
        .arg("--r1cs")
        .arg(&files.r1cs)
        .arg("--wasm")
        .arg(&files.wasm)
        .arg("--inputs")
        .arg(&files.inputs)
        .arg("--keys")
        .arg(&files.keys)
        .stdout(Stdio::piped())
        .spawn()?;
    let (status, peak_bytes) = peak::wait(&mut child)?;
    if !status.success() {
        bail!("the measurement of {peer} failed");
    }
    let output = child.wait_with_output()?;
    Ok((serde_json::from_slice(&output.stdout)?, peak_bytes))
}
