//! Results as JSON, and as a page for people.

use std::fs;
use std::path::PathBuf;

use anyhow::Result;
use serde::Serialize;
use trifold_circuits::artifacts::Checkout;

use crate::machine::Machine;

/// A figure, and the bound that it should keep if there is one.
#[derive(Serialize)]
pub struct Target {
    figure: String,
    /// Nothing where it was not measured.
    measured: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    bound: Option<Bound>,
}

#[derive(Clone, Copy, Serialize)]
#[serde(rename_all = "snake_case")]
enum Bound {
    AtMost(f64),
    AtLeast(f64),
}

impl Target {
    pub fn at_most(figure: String, bound: f64, measured: impl Into<Option<f64>>) -> Self {
        Self {
            figure,
            measured: measured.into(),
            bound: Some(Bound::AtMost(bound)),
        }
    }

    pub fn at_least(figure: String, bound: f64, measured: impl Into<Option<f64>>) -> Self {
        Self {
            figure,
            measured: measured.into(),
            bound: Some(Bound::AtLeast(bound)),
        }
    }

    pub fn figure(figure: String, measured: impl Into<Option<f64>>) -> Self {
        Self {
            figure,
            measured: measured.into(),
            bound: None,
        }
    }

    fn row(&self) -> String {
        let (bound, met): (_, fn(f64, f64) -> bool) = match self.bound {
            None => (None, |_, _| true),
            Some(Bound::AtMost(bound)) => (Some(("≤", bound)), |found, bound| found <= bound),
            Some(Bound::AtLeast(bound)) => (Some(("≥", bound)), |found, bound| found >= bound),
        };
        let is_missed = |found| bound.is_some_and(|(_, bound)| !met(found, bound));
        let measured = self.measured.map(|found| format!("{found:.2}"));
        format!(
            "| {} | {} | {}{} |\n",
            self.figure,
            measured.unwrap_or_else(|| "not measured".to_owned()),
            bound.map_or_else(|| "–".to_owned(), |(sign, bound)| format!("{sign} {bound}")),
            if self.measured.is_some_and(is_missed) {
                " **missed**"
            } else {
                ""
            },
        )
    }
}

/// Figures and targets as a table; nothing if there are none.
pub fn table(targets: &[Target]) -> String {
    if targets.is_empty() {
        return String::new();
    }
    let rows = targets.iter().map(Target::row).collect::<String>();
    format!("| figure | measured | target |\n|---|---|---|\n{rows}")
}

/// A measurement under way; the machine is looked at when it begins.
pub struct Report {
    stem: PathBuf,
    machine: Machine,
}

#[derive(Serialize)]
struct Document<'a, Figures> {
    command: String,
    machine: &'a Machine,
    figures: &'a Figures,
    targets: &'a [Target],
}

impl Report {
    pub fn begin(checkout: &Checkout, name: String) -> Self {
        Self::begin_in(checkout.root().join("bench/results"), name)
    }

    /// With another folder than `bench/results`.
    pub fn begin_in(folder: PathBuf, name: String) -> Self {
        eprintln!("measuring {name}");
        Self {
            stem: folder.join(name),
            machine: Machine::here(),
        }
    }

    /// Writes `<name>.json` and `<name>.md` into the folder, prints the page, and hands the targets on.
    pub fn end(
        &self,
        figures: &impl Serialize,
        page: &str,
        targets: Vec<Target>,
    ) -> Result<Vec<Target>> {
        let document = Document {
            command: command(),
            machine: &self.machine,
            figures,
            targets: &targets,
        };
        let name = self.stem.file_name().unwrap_or_default().to_string_lossy();
        let page = format!(
            "# {name}\n\n{}\n`{}`\n\n{page}\n{}",
            self.machine.describe(),
            document.command,
            table(&targets)
        );
        fs::create_dir_all(self.stem.with_file_name(""))?;
        let json = serde_json::to_string_pretty(&document)? + "\n";
        fs::write(self.stem.with_extension("json"), json)?;
        fs::write(self.stem.with_extension("md"), &page)?;
        println!("{page}");
        Ok(targets)
    }
}

/// The command line, the program without its folder.
fn command() -> String {
    let mut words = vec!["trifold-bench".to_owned()];
    words.extend(std::env::args().skip(1));
    words.join(" ")
}

/// 1234567 as 1,234,567.
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// `1 run`, `3 runs`.
pub fn plural(count: usize, noun: &str) -> String {
    let ending = if count == 1 { "" } else { "s" };
    format!("{count} {noun}{ending}")
}
