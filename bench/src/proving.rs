//! One circuit's witness and proof: ours, arkworks', and snarkjs' on the same key and witness.

use anyhow::Result;
use serde::Serialize;
use trifold_circuits::artifacts::Checkout;

use crate::circuit::Circuit;
use crate::measure::{Peer, Seconds, in_child};
use crate::report::{self, Report, Target};
use crate::snarkjs;

#[derive(Serialize)]
struct Figures {
    circuit: String,
    constraints: u32,
    wires: u32,
    domain_size: usize,
    /// Proofs by us and by arkworks; the fastest counts.
    runs: usize,
    trifold: Prover,
    arkworks: Prover,
    snarkjs: Prover,
}

#[derive(Serialize)]
struct Prover {
    #[serde(flatten)]
    seconds: Seconds,
    peak_bytes: u64,
}

impl From<(Seconds, u64)> for Prover {
    fn from((seconds, peak_bytes): (Seconds, u64)) -> Self {
        Self {
            seconds,
            peak_bytes,
        }
    }
}

/// Measures all three and writes the report.
pub fn run(checkout: &Checkout, name: &str, runs: usize) -> Result<Vec<Target>> {
    let report = Report::begin(checkout, format!("prove-{name}"));
    let circuit = Circuit::ready(checkout, name)?;
    let size = circuit.artifact.size()?;
    let figures = Figures {
        circuit: name.to_owned(),
        constraints: size.constraints,
        wires: size.wires,
        domain_size: circuit.manifest.domain_size,
        runs,
        trifold: in_child(Peer::Trifold, name, runs)?.into(),
        arkworks: in_child(Peer::Arkworks, name, runs)?.into(),
        snarkjs: snarkjs::run(checkout, &circuit)?.into(),
    };
    report.end(&figures, &figures.page(), figures.targets())
}

impl Figures {
    fn targets(&self) -> Vec<Target> {
        let (ours, name) = (&self.trifold.seconds, &self.circuit);
        let [arkworks, snarkjs] = [&self.arkworks, &self.snarkjs].map(|p| p.seconds.prove_seconds);
        let own = ours.witness_seconds + ours.prove_seconds;
        vec![
            Target::at_most(
                format!("`{name}`: witness and proof, times arkworks' proof alone"),
                1.25,
                own / arkworks,
            ),
            Target::at_least(
                format!("`{name}`: snarkjs' proof, times ours"),
                4.0,
                snarkjs / ours.prove_seconds,
            ),
            Target::at_most(
                format!("`{name}`: peak memory, GB"),
                2.5,
                self.trifold.peak_bytes as f64 / 1e9,
            ),
        ]
    }

    fn page(&self) -> String {
        let rows = [
            ("trifold", &self.trifold),
            ("arkworks", &self.arkworks),
            ("snarkjs", &self.snarkjs),
        ];
        let rows: String = rows.map(|(name, prover)| prover.row(name)).concat();
        format!(
            "Circuit `{}`: {} constraints, {} wires, domain {}. Fastest of {}; snarkjs once.\n\n\
             | prover | load s | inputs s | witness s | proof s | peak GB |\n|---|---|---|---|---|---|\n{rows}",
            self.circuit,
            report::grouped(self.constraints.into()),
            report::grouped(self.wires.into()),
            report::grouped(self.domain_size as u64),
            report::plural(self.runs, "run"),
        )
    }
}

impl Prover {
    fn row(&self, name: &str) -> String {
        let seconds = &self.seconds;
        let cells = [
            seconds.load_seconds,
            seconds.inputs_seconds,
            seconds.witness_seconds,
            seconds.prove_seconds,
        ];
        let cells = cells.map(|value| match value {
            0.0 => "–".to_owned(),
            value => format!("{value:.2}"),
        });
        format!(
            "| {name} | {} | {:.2} |\n",
            cells.join(" | "),
            self.peak_bytes as f64 / 1e9
        )
    }
}
