//! The circuits of the netted ledger on this machine: its close, and those that parts are proven by.

use anyhow::Context;
use trifold_circuits::artifacts::{Checkout, Manifest};
use trifold_circuits::genesis::NettedProgram;
use trifold_circuits::netted::circuit::{CLOSE, PartCircuit};

use crate::deployment::Deployed;
use crate::output::client_key;

/// All of them with their keys.
pub struct NettedCircuits {
    pub close: Deployed,
    /// In the order of [`PartCircuit::ALL`].
    pub parts: Vec<Deployed>,
}

/// Their names in `circuits.toml`.
pub fn names() -> impl Iterator<Item = &'static str> {
    let parts = PartCircuit::ALL.into_iter().map(PartCircuit::name);
    parts.chain([CLOSE])
}

impl NettedCircuits {
    /// Takes them from the cache; `None` if one is not there.
    pub fn cached(checkout: &Checkout, manifest: &Manifest) -> anyhow::Result<Option<Self>> {
        let mut found = Vec::new();
        for name in names() {
            match Deployed::cached(checkout, manifest.get(name)?)? {
                Some(circuit) => found.push(circuit),
                None => return Ok(None),
            }
        }
        Self::of(found).map(Some)
    }

    fn of(mut circuits: Vec<Deployed>) -> anyhow::Result<Self> {
        let close = circuits.pop().context("no circuits")?;
        let parts = circuits;
        Ok(Self { close, parts })
    }

    /// The close last.
    pub fn all(&self) -> impl Iterator<Item = &Deployed> {
        self.parts.iter().chain([&self.close])
    }

    /// Their keys, as a genesis holds them.
    pub fn program(&self) -> anyhow::Result<NettedProgram> {
        let keys = self
            .parts
            .iter()
            .map(|part| client_key(&part.verifying_key));
        let keys: Vec<_> = keys.collect::<Result<_, _>>()?;
        let part = |circuit: PartCircuit| keys[circuit as usize].clone();
        Ok(NettedProgram::new(
            client_key(&self.close.verifying_key)?,
            part,
        )?)
    }
}
