//! The peer in JavaScript: public snarkjs, its commands timed as a user would.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Result, bail};
use trifold_circuits::artifacts::Checkout;

use crate::measure::Files;
use crate::peak;

/// Seconds and peak bytes of each of snarkjs' two commands.
pub struct Figures {
    pub witness_seconds: f64,
    pub prove_seconds: f64,
    pub peak_bytes: u64,
}

/// Calculates the witness and proves it under a key file.
pub fn run(checkout: &Checkout, files: &Files, key: &Path) -> Result<Figures> {
    checkout.fetch_tools("npm")?;
    let folder = tempfile::tempdir()?;
    let at = |name: &str| folder.path().join(name);
    let (witness, proof, public) = (at("w.wtns"), at("proof.json"), at("public.json"));
    let calculate: [&Path; 5] = [
        "wtns".as_ref(),
        "calculate".as_ref(),
        &files.wasm,
        &files.inputs,
        &witness,
    ];
    let prove: [&Path; 6] = [
        "groth16".as_ref(),
        "prove".as_ref(),
        key,
        &witness,
        &proof,
        &public,
    ];
    let (witness_seconds, witness_peak) = command(checkout, &calculate)?;
    let (prove_seconds, prove_peak) = command(checkout, &prove)?;
    Ok(Figures {
        witness_seconds,
        prove_seconds,
        peak_bytes: witness_peak.max(prove_peak),
    })
}

fn command(checkout: &Checkout, arguments: &[&Path]) -> Result<(f64, u64)> {
    let start = Instant::now();
    let mut child = Command::new("node")
        .arg("--max-old-space-size=8192")
        .arg(checkout.node_script("snarkjs/build/cli.cjs"))
        .args(arguments)
        .stdout(Stdio::null())
        .spawn()?;
    let (status, peak) = peak::wait(&mut child)?;
    if !status.success() {
        bail!("snarkjs {arguments:?} failed");
    }
    Ok((start.elapsed().as_secs_f64(), peak))
}
