//! `trifold setup`

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::bail;
use clap::Args;
use trifold_circuits::artifacts::{Checkout, CircuitSpec, Manifest};
use trifold_prover::{Entropy, KeyCache};

use crate::deployment::{CIRCUITS, Deployed, compile};
use crate::netted;
use crate::programs::Programs;
use crate::progress::Screen;
use crate::text;

/// A development key is made by a single party, who could forge proofs with what this command forgets: never use one
/// in production. A ceremony's key is taken over with --import. A circuit that has a key keeps it. Without --circuit
/// every circuit of a network is made ready, and the programs whose folders are given.
#[derive(Args)]
pub struct Setup {
    /// Only this circuit, or this program of those whose folders are given
    #[arg(long, value_name = "NAME")]
    circuit: Option<String>,
    /// The circuits of the netted ledger too
    #[arg(long, conflicts_with = "circuit")]
    netted: bool,
    /// Its large circuits as well: fewer joins for shards with much to do: minutes and gigabytes each
    #[arg(long, requires = "netted")]
    large: bool,
    /// Derive the development keys from this text, so that others can make the same (anyone who knows it can forge)
    #[arg(long, value_name = "TEXT", conflicts_with_all = ["import", "export"])]
    seed: Option<String>,
    /// Take over a ceremony's .zkey for the circuit, after checking every point
    #[arg(
        long,
        value_name = "FILE",
        requires = "circuit",
        conflicts_with = "export"
    )]
    import: Option<PathBuf>,
    /// Copy the circuit's .zkey to a file, for snarkjs
    #[arg(long, value_name = "FILE", requires = "circuit")]
    export: Option<PathBuf>,
    #[command(flatten)]
    programs: Programs,
}

impl Setup {
    pub fn run(self) -> anyhow::Result<ExitCode> {
        let (checkout, screen) = (Checkout::find()?, Screen::new());
        let manifest = Manifest::load(&checkout)?;
        for spec in &self.specs(&manifest)? {
            let circuit = match (&self.import, &self.export) {
                (Some(file), _) => import(&checkout, spec, file, &screen)?,
                (_, Some(file)) => export(&checkout, spec, file)?,
                (None, None) => Deployed::ready(&checkout, spec, &self.entropy(), &screen)?,
            };
            report(&circuit, &screen);
        }
        Ok(ExitCode::SUCCESS)
    }

    /// The circuits to make ready.
    fn specs(&self, manifest: &Manifest) -> anyhow::Result<Vec<CircuitSpec>> {
        let programs = self.programs.specs(manifest)?;
        match &self.circuit {
            Some(name) => {
                let program = programs.into_iter().find(|program| program.name == *name);
                Ok(vec![
                    program.map_or_else(|| manifest.get(name).cloned(), Ok)?,
                ])
            }
            None => {
                let netted = netted::names(self.large).filter(|_| self.netted);
                let ours = CIRCUITS.into_iter().chain(netted);
                let ours = ours.map(|name| manifest.get(name).cloned());
                let programs = programs.into_iter().map(Ok);
                Ok(ours.chain(programs).collect::<Result<_, _>>()?)
            }
        }
    }

    fn entropy(&self) -> Entropy {
        let seed = |seed: &String| Entropy::Seed(seed.clone().into_bytes());
        self.seed.as_ref().map_or(Entropy::Fresh, seed)
    }
}

fn import(
    checkout: &Checkout,
    spec: &CircuitSpec,
    file: &std::path::Path,
    screen: &Screen,
) -> anyhow::Result<Deployed> {
    let artifact = compile(checkout, spec, screen)?;
    let step = screen.step(format!("checking {}", file.display()));
    let key = KeyCache::new(checkout.keys()).import(&spec.name, &artifact.r1cs, file)?;
    step.finish("every point is where it should be");
    Deployed::with_key(spec, artifact, key)
}

fn export(
    checkout: &Checkout,
    spec: &CircuitSpec,
    file: &std::path::Path,
) -> anyhow::Result<Deployed> {
    let Some(circuit) = Deployed::cached(checkout, spec)? else {
        bail!(
            "{} has no key yet: run trifold setup --circuit {0}",
            spec.name
        );
    };
    KeyCache::new(checkout.keys()).export(&circuit.key, file)?;
    Ok(circuit)
}

fn report(circuit: &Deployed, screen: &Screen) {
    let kind = match circuit.key.insecure_development_key {
        true => "INSECURE development key",
        false => "imported key",
    };
    let digest = text::hex(&circuit.digest);
    screen.line(format!("{}: {kind}, digest {digest}", circuit.spec.name));
}
