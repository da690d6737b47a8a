//! `trifold gpu`

use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context;
use ark_bn254::Fr;
use clap::Args;
use serde_json::{Value, json};
use trifold_circuits::artifacts::{Checkout, Manifest};
use trifold_prover::backend::cuda::{Card, Footprint, cards, footprint};
use trifold_prover::backend::{CardChoice, Choice, Options, select};
use trifold_prover::{KeyCache, ProvingKey};

use crate::deployment::{CIRCUITS, Deployed};
use crate::proving::Bytes;

/// Lists the cards with their memory, and how the keys of the cache lie on each: with tables of multiples, which is
/// fastest, as points alone, or streamed from the host's memory. Exit code 1, and one line why, where there is no card to
/// prove on or a self-test fails.
#[derive(Args)]
pub struct Gpu {
    /// Print JSON
    #[arg(long)]
    json: bool,
    /// Commit to witnesses on each card and on the processor, and compare bit for bit
    #[arg(long)]
    self_test: bool,
    /// Judge what fits by this much memory instead of the whole card's, e.g. 40GB or 37GiB
    #[arg(
        long = "memory-budget",
        env = "TRIFOLD_MEMORY_BUDGET",
        value_name = "BYTES"
    )]
    memory_budget: Option<Bytes>,
}

/// A key of the cache.
struct Key {
    circuit: &'static str,
    key: Option<Arc<ProvingKey>>,
}

/// A key on a card: its bytes in each mode, if the cache has it.
struct Fit {
    circuit: &'static str,
    footprint: Option<Footprint>,
}

/// What is said of one card.
struct Row {
    card: Card,
    budget_bytes: u64,
    fits: Vec<Fit>,
    /// The comparison with the processor, if it was asked for.
    self_test: Option<Result<(), String>>,
}

impl Gpu {
    pub fn run(self) -> anyhow::Result<ExitCode> {
        let cards = match cards() {
            Err(error) if self.json => {
                println!("{:#}", json!({ "cards": [], "reason": error.to_string() }));
                return Ok(ExitCode::FAILURE);
            }
            cards => cards?,
        };
        let keys = keys()?;
        let rows = cards.into_iter().map(|card| self.row(card, &keys));
        let rows: Vec<Row> = rows.collect::<anyhow::Result<_>>()?;
        match self.json {
            true => println!(
                "{:#}",
                json!({ "cards": rows.iter().map(Row::json).collect::<Value>() })
            ),
            false => rows.iter().for_each(Row::print),
        }
        let failed = |row: &Row| matches!(row.self_test, Some(Err(_)));
        Ok(match rows.iter().any(failed) {
            true => ExitCode::FAILURE,
            false => ExitCode::SUCCESS,
        })
    }

    fn row(&self, card: Card, keys: &[Key]) -> anyhow::Result<Row> {
        let budget_bytes = self
            .memory_budget
            .map_or(card.total_bytes, |bytes| bytes.0.get());
        let fits = keys.iter().map(|key| Fit::new(key, &card));
        Ok(Row {
            fits: fits.collect::<anyhow::Result<_>>()?,
            self_test: self
                .self_test
                .then(|| self.test(&card, keys).map_err(|error| format!("{error:#}"))),
            budget_bytes,
            card,
        })
    }

    /// The first key that the cache has, with the card and the processor as a pair that has to agree.
    fn test(&self, card: &Card, keys: &[Key]) -> anyhow::Result<()> {
        let key = keys.iter().find_map(|key| key.key.clone());
        let key = key.context("no key in the cache to test with: run `trifold setup`")?;
        let options = Options {
            card: Some(CardChoice::Uuid(card.id.to_string())),
            memory_budget_bytes: self.memory_budget.map(|bytes| bytes.0.get()),
            ..Options::default()
        };
        let pair = Choice::Paired(Box::new([Choice::Cuda, Choice::Cpu]));
        let pair = select(&pair, &options)?.backend;
        let witnesses = [1, 2].map(|seed| mixture(key.header().num_wires, seed));
        pair.load(key)?
            .commit(&witnesses.each_ref().map(|witness| &witness[..]))?;
        Ok(())
    }
}

/// Values as witnesses have them: bits, small numbers and full-size ones. A commitment needs no more.
fn mixture(length: usize, seed: u64) -> Vec<Fr> {
    let mut full = Fr::from(seed);
    let value = |wire: usize| {
        full = full * full + Fr::from(wire as u64);
        match wire % 4 {
            _ if wire == 0 => Fr::from(1),
            0 => full,
            1 => -Fr::from(wire as u64),
            _ => Fr::from((wire as u64 ^ seed) & 1),
        }
    };
    (0..length).map(value).collect()
}

fn keys() -> anyhow::Result<Vec<Key>> {
    let checkout = Checkout::find()?;
    let (manifest, cache) = (Manifest::load(&checkout)?, KeyCache::new(checkout.keys()));
    let key = |circuit| -> anyhow::Result<Key> {
        let deployed = Deployed::cached(&checkout, manifest.get(circuit)?)?;
        let key = deployed.map(|deployed| cache.open(&deployed.key));
        let key = key.transpose()?;
        Ok(Key { circuit, key })
    };
    CIRCUITS.into_iter().map(key).collect()
}

impl Fit {
    fn new(Key { circuit, key }: &Key, card: &Card) -> anyhow::Result<Self> {
        let footprint = key.as_ref().map(|key| footprint(key, card.multiprocessors));
        Ok(Self {
            circuit,
            footprint: footprint.transpose()?,
        })
    }

    /// The best mode that `budget_bytes` are enough for.
    fn mode(&self, budget_bytes: u64) -> &'static str {
        match &self.footprint {
            None => "no key in the cache",
            Some(bytes) if bytes.tables_bytes <= budget_bytes => "with tables",
            Some(bytes) if bytes.points_bytes <= budget_bytes => "points alone",
            Some(bytes) if bytes.streamed_bytes <= budget_bytes => "streamed",
            Some(_) => "does not fit",
        }
    }
}

impl Row {
    fn print(&self) {
        let card = &self.card;
        println!("card {}: {}, {}", card.ordinal, card.name, card.id);
        let ((major, minor), (cuda, point)) = (card.compute_capability, card.driver_version);
        println!(
            "  compute capability {major}.{minor}, {} multiprocessors, {}, driver for CUDA {cuda}.{point}",
            card.multiprocessors,
            megabytes(card.total_bytes),
        );
        for fit in &self.fits {
            let bytes = fit.footprint.map_or_else(String::new, |bytes| {
                format!(
                    ": with tables {}, points alone {}, streamed {}",
                    megabytes(bytes.tables_bytes),
                    megabytes(bytes.points_bytes),
                    megabytes(bytes.streamed_bytes)
                )
            });
            let mode = fit.mode(self.budget_bytes);
            println!("  {:<10} {mode}{bytes}", fit.circuit);
        }
        match &self.self_test {
            None => {}
            Some(Ok(())) => println!("  self-test: agrees with the processor bit for bit"),
            Some(Err(error)) => println!("  self-test failed: {error}"),
        }
    }

    fn json(&self) -> Value {
        let card = &self.card;
        let ((major, minor), (cuda, point)) = (card.compute_capability, card.driver_version);
        json!({
            "number": card.ordinal,
            "uuid": card.id.to_string(),
            "name": card.name,
            "compute_capability": format!("{major}.{minor}"),
            "multiprocessors": card.multiprocessors,
            "total_bytes": card.total_bytes,
            "budget_bytes": self.budget_bytes,
            "cuda": format!("{cuda}.{point}"),
            "keys": self.fits.iter().map(|fit| fit.json(self.budget_bytes)).collect::<Value>(),
            "self_test": self.self_test.as_ref().map(|outcome| outcome.as_ref().err().map_or("passed", |e| e)),
        })
    }
}

impl Fit {
    fn json(&self, budget_bytes: u64) -> Value {
        json!({
            "circuit": self.circuit,
            "fits": self.mode(budget_bytes),
            "tables_bytes": self.footprint.map(|bytes| bytes.tables_bytes),
            "points_bytes": self.footprint.map(|bytes| bytes.points_bytes),
            "streamed_bytes": self.footprint.map(|bytes| bytes.streamed_bytes),
        })
    }
}

fn megabytes(bytes: u64) -> String {
    format!("{} MB", bytes / 1_000_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_lies_on_a_card_as_well_as_its_memory_allows() {
        let fit = Fit {
            circuit: "merge",
            footprint: Some(Footprint {
                tables_bytes: 30,
                points_bytes: 20,
                streamed_bytes: 10,
            }),
        };
        let modes = [30, 29, 20, 19, 10, 9].map(|bytes| fit.mode(bytes));
        let expected = [
            "with tables",
            "points alone",
            "points alone",
            "streamed",
            "streamed",
            "does not fit",
        ];
        assert_eq!(modes, expected);
    }
}
