//! Results as JSON, and as a page for people.

use std::fs;
use std::path::Path;

use anyhow::Result;
use serde::Serialize;

use crate::machine::Machine;

#[derive(Serialize)]
pub struct Report {
    pub circuit: String,
    pub constraints: usize,
    pub wires: usize,
    pub domain_size: usize,
    pub machine: Machine,
    pub command: String,
    pub load_seconds: f64,
    pub witness_seconds: f64,
    pub prove_seconds: f64,
    pub peak_bytes: u64,
    pub arkworks_prove_seconds: f64,
    pub arkworks_peak_bytes: u64,
    pub snarkjs_witness_seconds: f64,
    pub snarkjs_prove_seconds: f64,
    pub snarkjs_peak_bytes: u64,
}

/// Writes `prove-<circuit>.json` and `.md` into a folder, and prints the page.
pub fn write(folder: &Path, report: &Report) -> Result<()> {
    fs::create_dir_all(folder)?;
    let path = folder.join(format!("prove-{}", report.circuit));
    fs::write(
        path.with_extension("json"),
        serde_json::to_vec_pretty(report)?,
    )?;
    let page = page(report);
    print!("{page}");
    fs::write(path.with_extension("md"), page)?;
    Ok(())
}

fn page(report: &Report) -> String {
    let ours = report.witness_seconds + report.prove_seconds;
    let machine = &report.machine;
    let row = |name: &str, witness: f64, prove: f64, peak: u64| {
        format!(
            "| {name} | {witness:.2} | {prove:.2} | {:.2} |\n",
            peak as f64 / 1e9
        )
    };
    [
        format!("# Proving `{}`\n\n", report.circuit),
        format!(
            "{} constraints, {} wires, domain {}. {}, {} cores, {} GiB, {}, commit {}.\n`{}`\n\n",
            report.constraints,
            report.wires,
            report.domain_size,
            machine.processor,
            machine.cores,
            machine.memory_gib,
            machine.date,
            machine.commit,
            report.command
        ),
        "| | witness s | proof s | peak GB |\n|---|---|---|---|\n".into(),
        row("trifold (self-check included)", report.witness_seconds, report.prove_seconds, report.peak_bytes),
        row("arkworks alone", 0.0, report.arkworks_prove_seconds, report.arkworks_peak_bytes),
        row(
            "snarkjs",
            report.snarkjs_witness_seconds,
            report.snarkjs_prove_seconds,
            report.snarkjs_peak_bytes,
        ),
        format!(
            "\nWitness and proof take {:.2} times what arkworks' proof takes alone. snarkjs' proof takes {:.1} times ours, {:.1} times with our key loaded first ({:.2} s).\n",
            ours / report.arkworks_prove_seconds,
            report.snarkjs_prove_seconds / report.prove_seconds,
            report.snarkjs_prove_seconds / (report.prove_seconds + report.load_seconds),
            report.load_seconds,
        ),
    ]
    .concat()
}
