//! The peer in JavaScript: public snarkjs, its commands timed as a user would.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Result, bail};
use trifold_circuits::artifacts::Checkout;
use trifold_circuits::inputs::Inputs;

use crate::circuit::Circuit;
use crate::measure::Seconds;
use crate::{inputs, peak};

/// Calculates the witness and proves it under our key file; the second figure is the peak of both, in bytes.
pub fn run(checkout: &Checkout, circuit: &Circuit) -> Result<(Seconds, u64)> {
    checkout.fetch_tools("npm")?;
    let folder = tempfile::tempdir()?;
    let at = |name: &str| folder.path().join(name);
    let (signals, witness) = (at("input.json"), at("w.wtns"));
    let (proof, public) = (at("proof.json"), at("public.json"));
    fs::write(&signals, json(&inputs::of(&circuit.artifact.name)?)?)?;
    let key = circuit.keys.key_path(&circuit.manifest);
    let calculate = [&circuit.artifact.wasm, &signals, &witness];
    let prove = [&key, &witness, &proof, &public];
    let (witness_seconds, witness_peak) = command(checkout, "wtns calculate", &calculate)?;
    let (prove_seconds, prove_peak) = command(checkout, "groth16 prove", &prove)?;
    let seconds = Seconds {
        witness_seconds,
        prove_seconds,
        ..Seconds::default()
    };
    Ok((seconds, witness_peak.max(prove_peak)))
}

/// Input signals as snarkjs reads them: arrays of decimal numbers by name.
fn json(inputs: &Inputs) -> Result<Vec<u8>> {
    let decimal = |values: &[_]| values.iter().map(ToString::to_string).collect();
    let signals = inputs.iter().map(|(name, values)| (name, decimal(values)));
    let signals: BTreeMap<_, Vec<String>> = signals.collect();
    Ok(serde_json::to_vec(&signals)?)
}

fn command(checkout: &Checkout, name: &str, files: &[impl AsRef<Path>]) -> Result<(f64, u64)> {
    let start = Instant::now();
    let mut child = Command::new("node")
        .arg("--max-old-space-size=8192")
        .arg(checkout.node_script("snarkjs/build/cli.cjs"))
        .args(name.split(' '))
        .args(files.iter().map(AsRef::as_ref))
        .stdout(Stdio::null())
        .spawn()?;
    let (status, peak) = peak::wait(&mut child)?;
    if !status.success() {
        bail!("snarkjs {name} failed");
    }
    Ok((start.elapsed().as_secs_f64(), peak))
}
