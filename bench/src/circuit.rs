//! A deployed circuit with its key, compiled and made like every other command does when the cache lacks them.

use std::sync::Arc;

use anyhow::Result;
use trifold_circuits::artifacts::{Artifact, Checkout, CircuitSpec, Manifest};
use trifold_prover::{Entropy, KeyCache, KeyManifest, ProvingKey};

pub struct Circuit {
    pub artifact: Artifact,
    pub manifest: KeyManifest,
    pub keys: KeyCache,
}

impl Circuit {
    pub fn ready(checkout: &Checkout, name: &str) -> Result<Self> {
        let list = Manifest::load(checkout)?;
        Self::of(checkout, name, list.get(name)?)
    }

    /// A circuit in no list, from a file with a `main`, relative to `circuits/`.
    pub fn unlisted(checkout: &Checkout, name: &str, source: &str) -> Result<Self> {
        Self::of(checkout, name, &CircuitSpec::unlisted(source.into()))
    }

    fn of(checkout: &Checkout, name: &str, spec: &CircuitSpec) -> Result<Self> {
        let artifact = checkout.compile(spec, &|event| eprintln!("{name}: {event:?}"))?;
        let keys = KeyCache::new(checkout.keys());
        let quiet = &mut |_, _, _| {};
        let manifest = keys.find_or_create(name, &artifact.r1cs, &Entropy::Fresh, quiet)?;
        Ok(Self {
            artifact,
            manifest,
            keys,
        })
    }

    pub fn key(&self) -> Result<Arc<ProvingKey>> {
        Ok(self.keys.open(&self.manifest)?)
    }
}
