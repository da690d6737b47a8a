//! `trifold circuits`

use std::process::ExitCode;

use clap::Args;
use serde_json::{Value, json};
use trifold_circuits::artifacts::{Artifact, Checkout, CircuitSpec, Manifest};

use crate::deployment::Deployed;
use crate::programs::Programs;
use crate::text;

/// Without a compiled circuit the pinned count is shown; without a key, no digest.
#[derive(Args)]
pub struct Circuits {
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    programs: Programs,
}

/// What is known of one circuit.
struct Row {
    spec: CircuitSpec,
    constraints: Option<u64>,
    log_domain: Option<u32>,
    artifact: Option<Artifact>,
    key: Option<String>,
}

impl Circuits {
    pub fn run(self) -> anyhow::Result<ExitCode> {
        let checkout = Checkout::find()?;
        let manifest = Manifest::load(&checkout)?;
        let programs = self.programs.specs(&manifest)?;
        let rows: Vec<Row> = manifest
            .circuits
            .into_iter()
            .chain(programs)
            .map(|spec| Row::of(&checkout, spec))
            .collect::<anyhow::Result<_>>()?;
        match self.json {
            true => println!("{:#}", rows.iter().map(Row::json).collect::<Value>()),
            false => print_table(&rows),
        }
        Ok(ExitCode::SUCCESS)
    }
}

impl Row {
    fn of(checkout: &Checkout, spec: CircuitSpec) -> anyhow::Result<Self> {
        let artifact = checkout.cached(&spec)?;
        let size = artifact.as_ref().map(Artifact::size).transpose()?;
        let constraints = size
            .map(|size| size.constraints.into())
            .or(spec.constraints);
        let log_domain = match (size, constraints) {
            (Some(size), _) => Some(size.log_domain()),
            // The constant one and the one public input have a row each.
            (None, Some(count)) => Some((count + 2).next_power_of_two().trailing_zeros()),
            (None, None) => None,
        };
        let key = Deployed::cached(checkout, &spec)?.map(|circuit| text::hex(&circuit.digest));
        Ok(Self {
            spec,
            constraints,
            log_domain,
            artifact,
            key,
        })
    }

    fn json(&self) -> Value {
        let parameters = self.spec.parameters.iter();
        json!({
            "name": self.spec.name,
            "title": self.spec.title,
            "source": self.spec.source,
            "parameters": parameters.map(|p| (p.name.clone(), p.value.into())).collect::<serde_json::Map<_, _>>(),
            "constraints": self.constraints,
            "domain": self.log_domain.map(|log| 1u64 << log),
            "r1cs": self.artifact.as_ref().map(|artifact| &artifact.r1cs),
            "wasm": self.artifact.as_ref().map(|artifact| &artifact.wasm),
            "key_digest": self.key,
        })
    }

    fn cells(&self) -> [String; 5] {
        let or_dash = |text: Option<String>| text.unwrap_or_else(|| "-".into());
        [
            self.spec.name.clone(),
            or_dash(Some(self.spec.describe_parameters()).filter(|text| !text.is_empty())),
            or_dash(self.constraints.map(|count| count.to_string())),
            or_dash(self.log_domain.map(|log| format!("2^{log}"))),
            or_dash(self.key.clone()),
        ]
    }
}

fn print_table(rows: &[Row]) {
    let head = [
        "circuit",
        "parameters",
        "constraints",
        "domain",
        "key digest",
    ]
    .map(String::from);
    let lines: Vec<_> = std::iter::once(head)
        .chain(rows.iter().map(Row::cells))
        .collect();
    let width = |column: usize| {
        lines
            .iter()
            .map(|line| line[column].len())
            .max()
            .unwrap_or(0)
    };
    for line in &lines {
        let cells = (0..5).map(|column| match column {
            2 => format!("{:>1$}", line[column], width(column)),
            _ => format!("{:<1$}", line[column], width(column)),
        });
        println!("{}", cells.collect::<Vec<_>>().join("  ").trim_end());
    }
}
