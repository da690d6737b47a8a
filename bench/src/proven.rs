//! How fast this machine proves an epoch of netted shards: each part's proof measured, an epoch counted out of them.

use anyhow::Result;
use serde::Serialize;
use trifold_circuits::artifacts::Checkout;
use trifold_circuits::netted::circuit::{CLOSE, PartCircuit};

use crate::ledger::{self, EpochParts};
use crate::measure::{Peer, in_child};
use crate::report::{Report, Target, grouped};

/// The circuit that arkworks proves too, on the same key and witness.
const COMPARED: PartCircuit = PartCircuit::Messages;

#[derive(Serialize)]
struct Figures {
    /// Seconds of inputs, witness and proof by circuit, each the least of all runs.
    circuits: Vec<(String, f64)>,
    /// Proof of the compared circuit by arkworks.
    arkworks_seconds: f64,
    rows: Vec<Row>,
}

#[derive(Serialize)]
struct Row {
    epoch: EpochParts,
    seconds: f64,
    transfers_per_second: f64,
}

/// Measures every circuit that is not large, or all of them, and writes the report.
pub fn run(checkout: &Checkout, runs: usize, large: bool) -> Result<Vec<Target>> {
    let name = if large { "proven-large" } else { "proven" };
    let report = Report::begin(checkout, name.into());
    let parts = PartCircuit::ALL.into_iter();
    let parts = parts.filter(|circuit| large || !circuit.is_large());
    let mut circuits = Vec::new();
    let mut own = 0.0;
    for name in parts.map(PartCircuit::name).chain([CLOSE]) {
        let (seconds, _) = in_child(Peer::Trifold, name, runs)?;
        if name == COMPARED.name() {
            own = seconds.witness_seconds + seconds.prove_seconds;
        }
        let all = seconds.inputs_seconds + seconds.witness_seconds + seconds.prove_seconds;
        circuits.push((name.to_owned(), all));
    }
    let (arkworks, _) = in_child(Peer::Arkworks, COMPARED.name(), runs)?;
    let cost = |name: &str| {
        let found = circuits.iter().find(|(circuit, _)| circuit == name);
        found.map_or(0.0, |(_, seconds)| *seconds)
    };
    let row = |epoch: EpochParts| {
        let parts = epoch.parts.iter();
        let seconds = parts.map(|(name, count)| *count as f64 * cost(name)).sum();
        Row {
            transfers_per_second: epoch.transfers as f64 / seconds,
            epoch,
            seconds,
        }
    };
    let rows: Vec<Row> = ledger::epochs(checkout, large)?
        .into_iter()
        .map(row)
        .collect();
    let figures = Figures {
        arkworks_seconds: arkworks.prove_seconds,
        circuits,
        rows,
    };
    let targets = figures.targets(own);
    report.end(&figures, &figures.page(), targets)
}

impl Figures {
    fn targets(&self, own: f64) -> Vec<Target> {
        let mut targets = vec![Target::at_most(
            format!(
                "`{}`: witness and proof, times arkworks' proof alone",
                COMPARED.name()
            ),
            1.25,
            own / self.arkworks_seconds,
        )];
        targets.extend(self.rows.iter().map(|row| {
            let EpochParts {
                accounts,
                transfers,
                ..
            } = row.epoch;
            let [transfers, accounts] = [transfers, accounts].map(grouped);
            let figure = format!("proven transfers per second, {transfers} of {accounts} accounts");
            Target::figure(figure, row.transfers_per_second)
        }));
        targets
    }

    fn page(&self) -> String {
        let circuits = self.circuits.iter();
        let circuits: String = circuits
            .map(|(name, seconds)| format!("| {name} | {seconds:.2} |\n"))
            .collect();
        let rows: String = self.rows.iter().map(Row::line).collect();
        format!(
            "Inputs, witness and proof on all cores, full parts; joins and closes over simulated proofs:\n\n\
             | circuit | s |\n|---|---|\n{circuits}\n\
             An epoch is so many of each, counted as the ledger's table counts them (`ledger-constraints.md`); merge and nest apart:\n\n\
             | accounts | transfers | parts, joins and close | s | transfers per second |\n|---|---|---|---|---|\n{rows}"
        )
    }
}

impl Row {
    fn line(&self) -> String {
        let parts = self.epoch.parts.iter();
        let parts: Vec<String> = parts
            .map(|(name, count)| {
                format!("{} {}", grouped(*count), name.trim_start_matches("netted-"))
            })
            .collect();
        format!(
            "| {} | {} | {} | {:.0} | {:.1} |\n",
            grouped(self.epoch.accounts),
            grouped(self.epoch.transfers),
            parts.join(", "),
            self.seconds,
            self.transfers_per_second
        )
    }
}
