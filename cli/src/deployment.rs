//! Circuits with their keys: found in the cache, or compiled and made with progress on the screen.

use std::collections::HashSet;

use anyhow::{Context, ensure};
use ark_bn254::{Bn254, Fr};
use ark_groth16::VerifyingKey;
use trifold_circuits::artifacts::{Artifact, Checkout, CircuitSpec, Event, Manifest};
use trifold_circuits::genesis::TRANSFER;
use trifold_circuits::groth16::PreparedKey;
use trifold_circuits::witness::WitnessCalculator;
use trifold_prover::{Backend, Entropy, KeyCache, KeyManifest, Prover, Stage};

use crate::netted::NettedCircuits;
use crate::programs::Programs;
use crate::progress::{Screen, Step};

/// The circuits that a network proves with.
pub const CIRCUITS: [&str; 3] = [TRANSFER, "merge", "nest"];

/// A circuit ready for use.
#[derive(Clone)]
pub struct Deployed {
    pub spec: CircuitSpec,
    pub artifact: Artifact,
    pub key: KeyManifest,
    pub verifying_key: VerifyingKey<Bn254>,
    /// What other circuits and light clients know the key by.
    pub digest: Fr,
}

/// Every circuit of a network.
pub struct Deployment {
    pub checkout: Checkout,
    pub transfer: Deployed,
    pub merge: Deployed,
    pub nest: Deployed,
    /// Those of the netted ledger, if `trifold setup --netted` has made them ready.
    pub netted: Option<NettedCircuits>,
    /// Programs that are not ours and whose folders were given.
    pub programs: Vec<Deployed>,
}

impl Deployment {
    /// Takes all three from the cache, or makes what is missing.
    pub fn ready(screen: &Screen) -> anyhow::Result<Self> {
        let checkout = Checkout::find()?;
        let manifest = Manifest::load(&checkout)?;
        let one = |name| Deployed::ready(&checkout, manifest.get(name)?, &Entropy::Fresh, screen);
        let [transfer, merge, nest] = CIRCUITS.map(one);
        let deployment = Self {
            transfer: transfer?,
            merge: merge?,
            nest: nest?,
            netted: NettedCircuits::cached(&checkout, &manifest)?,
            programs: Vec::new(),
            checkout,
        };
        if deployment
            .all()
            .any(|circuit| circuit.key.insecure_development_key)
        {
            screen.line("keys: DEVELOPMENT KEYS, made by one party who could forge proofs; not for production");
        }
        Ok(deployment)
    }

    /// The same with the programs in these folders, which `trifold setup` has made ready.
    ///
    /// # Errors
    /// A folder holds no program, two have one name, or a program is not in the cache.
    pub fn with_programs(self, programs: &Programs) -> anyhow::Result<Self> {
        let specs = programs.specs(&Manifest::load(&self.checkout)?)?;
        let one = |spec: &CircuitSpec| -> anyhow::Result<Deployed> {
            let program = Deployed::cached(&self.checkout, spec)?;
            program.with_context(|| {
                let name = &spec.name;
                format!("program {name} has no key here: run trifold setup with the same --program")
            })
        };
        let programs: Vec<Deployed> = specs.iter().map(one).collect::<Result<_, _>>()?;
        let mut names = HashSet::new();
        for Deployed { spec, .. } in &programs {
            ensure!(
                names.insert(&spec.name),
                "two folders hold program {}",
                spec.name
            );
        }
        Ok(Self { programs, ..self })
    }

    /// In the order of [`CIRCUITS`], and then the programs that are not ours; those of the netted ledger apart.
    pub fn all(&self) -> impl Iterator<Item = &Deployed> {
        let ours = [&self.transfer, &self.merge, &self.nest];
        ours.into_iter().chain(&self.programs)
    }
}

impl Deployed {
    /// Compiles the circuit and makes a development key, unless the cache has them.
    pub fn ready(
        checkout: &Checkout,
        spec: &CircuitSpec,
        entropy: &Entropy,
        screen: &Screen,
    ) -> anyhow::Result<Self> {
        let artifact = compile(checkout, spec, screen)?;
        let key = find_or_make_key(checkout, &artifact, entropy, screen)?;
        Self::with_key(spec, artifact, key)
    }

    /// The circuit if the cache has it, compiled and with a key.
    pub fn cached(checkout: &Checkout, spec: &CircuitSpec) -> anyhow::Result<Option<Self>> {
        let Some(artifact) = checkout.cached(spec)? else {
            return Ok(None);
        };
        let key = KeyCache::new(checkout.keys()).find(&spec.name, &artifact.r1cs)?;
        key.map(|key| Self::with_key(spec, artifact, key))
            .transpose()
    }

    /// A circuit with a given key.
    pub fn with_key(
        spec: &CircuitSpec,
        artifact: Artifact,
        key: KeyManifest,
    ) -> anyhow::Result<Self> {
        let verifying_key = key.verifying_key()?;
        let prepared = PreparedKey::new(&verifying_key);
        let digest = prepared
            .with_context(|| format!("the key of {}", spec.name))?
            .digest();
        Ok(Self {
            spec: spec.clone(),
            artifact,
            key,
            verifying_key,
            digest,
        })
    }

    /// A prover on a backend of this machine.
    pub fn prover(&self, checkout: &Checkout, backend: &dyn Backend) -> anyhow::Result<Prover> {
        let key = KeyCache::new(checkout.keys()).open(&self.key)?;
        Ok(Prover::new(
            key,
            backend,
            &self.artifact.wasm,
            &self.artifact.r1cs,
        )?)
    }
}

/// Compiles a circuit, with a spinner while the compiler runs.
pub fn compile(
    checkout: &Checkout,
    spec: &CircuitSpec,
    screen: &Screen,
) -> anyhow::Result<Artifact> {
    let step = std::cell::RefCell::new(None::<Step>);
    let artifact = checkout.compile(spec, &|event| {
        let mut step = step.borrow_mut();
        let shown = step.get_or_insert_with(|| screen.step(format!("compiling {}", spec.name)));
        match event {
            Event::Waiting => shown.note("another process is at it"),
            Event::Compiling => shown.note("up to a few minutes"),
        }
    })?;
    if let Some(step) = step.into_inner() {
        // Leaves the tape in the cache, so that no worker has to make it.
        WitnessCalculator::from_wasm(&artifact.wasm)?;
        step.finish(&format!("{} constraints", artifact.size()?.constraints));
    }
    if spec.is_foreign() {
        artifact.check_program()?;
    }
    Ok(artifact)
}

fn find_or_make_key(
    checkout: &Checkout,
    artifact: &Artifact,
    entropy: &Entropy,
    screen: &Screen,
) -> anyhow::Result<KeyManifest> {
    let cache = KeyCache::new(checkout.keys());
    if let Some(key) = cache.find(&artifact.name, &artifact.r1cs)? {
        return Ok(key);
    }
    let title = format!("making a development key for {}", artifact.name);
    let step = screen.counted(title, 1);
    let mut show = |stage, done: usize, total: usize| show_stage(&step, stage, done, total);
    let key = cache.find_or_create(&artifact.name, &artifact.r1cs, entropy, &mut show)?;
    step.finish(&format!(
        "{} MB, insecure: made by one party",
        key.size_bytes >> 20
    ));
    Ok(key)
}

/// Moves a setup's bar.
pub fn show_stage(step: &Step, stage: Stage, done: usize, total: usize) {
    step.note(match stage {
        Stage::Polynomials => "evaluating polynomials",
        Stage::Points => "multiplying points",
        Stage::Digest => "writing",
    });
    step.at(done as u64, total as u64);
}
