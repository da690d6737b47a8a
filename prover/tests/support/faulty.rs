//! A backend that computes wrongly or fails, on chosen witnesses.

use std::sync::Arc;

use ark_bn254::Fr;
use trifold_prover::{Backend, BackendError, Commitments, Cpu, LoadedKey, ProvingKey};

/// What goes wrong, told which of the faulty witnesses it is.
pub type Fault = fn(&mut Commitments, usize);

/// A computer with a fault that shows on certain witnesses, given by the value of their second wire.
#[derive(Clone)]
pub struct Faulty {
    pub fault: Fault,
    /// What the faulty witnesses state; the fault is told their place here.
    pub statements: Vec<Fr>,
    /// Fails a whole call instead, when one of its witnesses is faulty.
    pub refuses: bool,
}

struct FaultyKey {
    faulty: Faulty,
    loaded: Box<dyn LoadedKey>,
}

impl Backend for Faulty {
    fn name(&self) -> &str {
        "faulty"
    }

    fn load(&self, key: Arc<ProvingKey>) -> Result<Box<dyn LoadedKey>, BackendError> {
        let loaded = Cpu.load(key)?;
        let faulty = self.clone();
        Ok(Box::new(FaultyKey { faulty, loaded }))
    }
}

impl LoadedKey for FaultyKey {
    fn commit(&self, witnesses: &[&[Fr]]) -> Result<Vec<Commitments>, BackendError> {
        let mut found = self.loaded.commit(witnesses)?;
        for (found, witness) in found.iter_mut().zip(witnesses) {
            let mut statements = self.faulty.statements.iter();
            match statements.position(|statement| *statement == witness[1]) {
                Some(_) if self.faulty.refuses => return Err(refusal()),
                Some(place) => (self.faulty.fault)(found, place),
                None => {}
            }
        }
        Ok(found)
    }
}

fn refusal() -> BackendError {
    BackendError::Unavailable {
        backend: "faulty".into(),
        reason: "it chose to".into(),
    }
}
