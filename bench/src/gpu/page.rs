//! The figures as tables; a cell that was not measured says so.

use super::Figures;
use super::proofs::Proofs;
use super::sweep::Timing;
use crate::report::Target;

const MISSING: &str = "not measured";

impl Figures {
    /// Everything for a person.
    pub fn page(&self) -> String {
        let operations = ["MSM G1", "MSM G2", "NTT"].map(|operation| self.operations(operation));
        format!(
            "{}\n{}\n{}{}{}{}",
            self.description(),
            self.parity(),
            operations.concat(),
            self.proof_table(),
            self.random_table(),
            self.reasons(),
        )
    }

    fn description(&self) -> String {
        let card = self
            .card
            .as_deref()
            .unwrap_or("No card: these figures say nothing about one.");
        let contenders: Vec<_> = self
            .contenders
            .iter()
            .map(|c| format!("{} ({})", c.name, c.device))
            .collect();
        let absent = self
            .absent
            .iter()
            .map(|absent| format!("- {}: {MISSING}: {}\n", absent.name, absent.reason));
        format!(
            "{card}\n\nTimed: {}.\n\n{}",
            contenders.join(", "),
            absent.collect::<String>()
        )
    }

    fn parity(&self) -> String {
        let wrong: Vec<_> = self.checks.iter().filter(|check| !check.agrees).collect();
        let lines = wrong.iter().map(|check| {
            let why = check
                .error
                .as_deref()
                .unwrap_or("another result than arkworks");
            format!(
                "- {}: {}, {}: {why}\n",
                check.contender, check.operation, check.case
            )
        });
        format!(
            "Bit for bit as arkworks on {} of {} adversarial inputs.\n\n{}",
            self.checks.len() - wrong.len(),
            self.checks.len(),
            lines.collect::<String>()
        )
    }

    /// Least milliseconds, a row for each size and a column for each contender.
    fn operations(&self, operation: &str) -> String {
        let of = |timing: &&Timing| timing.operation == operation;
        let timings: Vec<_> = self.timings.iter().filter(of).collect();
        let mut sizes: Vec<_> = timings.iter().map(|timing| timing.log_size).collect();
        sizes.dedup();
        let names: Vec<_> = self
            .contenders
            .iter()
            .map(|contender| contender.name.as_str())
            .collect();
        let rows = sizes.iter().map(|size| {
            let cells = names.iter().map(|name| {
                let is = |t: &&&Timing| t.log_size == *size && t.contender == *name;
                milliseconds(
                    timings
                        .iter()
                        .find(is)
                        .and_then(|timing| timing.best_seconds),
                )
            });
            format!("| 2^{size} | {} |\n", cells.collect::<Vec<_>>().join(" | "))
        });
        let head = format!(
            "| {operation} | {} |\n|{}\n",
            names.join(" ms | ") + " ms",
            "---|".repeat(names.len() + 1)
        );
        format!("{head}{}\n", rows.collect::<String>())
    }

    fn proof_table(&self) -> String {
        let rows = self.proofs.iter().map(Proofs::row);
        format!(
            "| circuit | backend | domain | load s | witness ms, one core | proof ms | median ms | proofs/s | batch |\n\
             |---|---|---|---|---|---|---|---|---|\n{}\n",
            rows.collect::<String>()
        )
    }

    fn random_table(&self) -> String {
        let rows = self.random.iter().map(|row| {
            let reason = row
                .reason
                .as_ref()
                .map(|reason| format!(" ({reason})"))
                .unwrap_or_default();
            format!(
                "- {}: {} of {} random proofs verified{reason}\n",
                row.backend, row.verified, row.wanted
            )
        });
        rows.collect::<String>() + "\n"
    }

    /// Why cells are empty, each reason once.
    fn reasons(&self) -> String {
        let timings = self.timings.iter().filter_map(|timing| {
            let reason = timing.reason.as_ref()?;
            Some(format!(
                "- {} of {} at 2^{}: {reason}\n",
                timing.operation, timing.contender, timing.log_size
            ))
        });
        let proofs = self.proofs.iter().filter_map(|row| {
            let reason = row.reason.as_ref()?;
            Some(format!(
                "- `{}` on {}: {reason}\n",
                row.circuit, row.backend
            ))
        });
        let reasons: String = timings.chain(proofs).collect();
        match reasons.is_empty() {
            true => String::new(),
            false => format!("Not measured:\n\n{reasons}"),
        }
    }

    /// The bounds, which are for an H200; only a card's figures are held against them.
    pub fn targets(&self) -> Vec<Target> {
        let ours = |operation: &str, log| self.seconds("trifold", operation, log);
        let ratio =
            |peer: &str, log| Some(self.seconds(peer, "MSM G1", log)? / ours("MSM G1", log)?);
        let proof = |circuit: &str| {
            self.proofs
                .iter()
                .find(|row| row.circuit == circuit && row.backend == "cuda")
        };
        let random = self.random.iter().find(|row| row.backend == "cuda");
        let mut targets = vec![
            Target::at_most(
                "MSM G1 2^20, ms".into(),
                4.0,
                ours("MSM G1", 20).map(|s| 1e3 * s),
            ),
            Target::at_most(
                "MSM G1 2^22, ms".into(),
                14.0,
                ours("MSM G1", 22).map(|s| 1e3 * s),
            ),
            Target::at_most(
                "NTT 2^20, ms".into(),
                0.25,
                ours("NTT", 20).map(|s| 1e3 * s),
            ),
        ];
        for circuit in ["nest", "merge"] {
            let latency = proof(circuit).and_then(|row| row.best_latency_seconds);
            let rate = proof(circuit).and_then(|row| row.proofs_per_second);
            targets.push(Target::at_most(
                format!("`{circuit}`: a proof, ms"),
                25.0,
                latency.map(|s| 1e3 * s),
            ));
            targets.push(Target::at_least(
                format!("`{circuit}`: proofs/s, witnesses included"),
                60.0,
                rate,
            ));
        }
        for log in [20, 22] {
            targets.push(Target::at_least(
                format!("MSM G1 2^{log}: sppark's time, times ours"),
                2.0,
                ratio("sppark", log),
            ));
            targets.push(Target::at_least(
                format!("MSM G1 2^{log}: ICICLE's time, times ours"),
                3.0,
                ratio("ICICLE", log),
            ));
        }
        let verified = random.map(|row| row.verified as f64);
        targets.push(Target::at_least(
            "random proofs verified".into(),
            1000.0,
            verified,
        ));
        if self.card.is_none() {
            targets.clear();
        }
        targets
    }

    fn seconds(&self, contender: &str, operation: &str, log: u32) -> Option<f64> {
        let is =
            |t: &&Timing| t.contender == contender && t.operation == operation && t.log_size == log;
        self.timings.iter().find(is)?.best_seconds
    }
}

impl Proofs {
    fn row(&self) -> String {
        let whole = |value: Option<usize>| {
            value.map_or_else(|| MISSING.to_owned(), |value| value.to_string())
        };
        let decimal = |value: Option<f64>| {
            value.map_or_else(|| MISSING.to_owned(), |value| format!("{value:.2}"))
        };
        format!(
            "| `{}` | {} | {} | {} | {} | {} | {} | {} | {} |\n",
            self.circuit,
            self.backend,
            whole(self.domain_size),
            decimal(self.load_seconds),
            milliseconds(self.witness_seconds),
            milliseconds(self.best_latency_seconds),
            milliseconds(self.median_latency_seconds),
            decimal(self.proofs_per_second),
            whole(self.batch),
        )
    }
}

fn milliseconds(seconds: Option<f64>) -> String {
    seconds.map_or_else(
        || MISSING.to_owned(),
        |seconds| format!("{:.3}", 1e3 * seconds),
    )
}
