//! One program that a network admits: its name, and the key that its proofs verify under.

use super::{BUILT_IN, GenesisError, MAX_PROGRAM_NAME_BYTES, MAX_PROGRAMS};
use crate::groth16::{PreparedKey, ark_key};
use ark_bn254::Fr;
use serde::{Deserialize, Serialize};
use std::collections::{HashMap, HashSet};
use trifold_verifier::groth16::VerifyingKey;
use trifold_verifier::json;

/// One admitted program. The file holds the whole key and not only its digest, so that every coordinator can check its
/// proofs and every worker can merge them; the digest is computed here.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(try_from = "Written", into = "Written")]
pub struct GenesisProgram {
    name: String,
    key: VerifyingKey,
    digest: Fr,
}

/// A program as the file has it.
#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Written {
    name: String,
    /// As snarkjs writes it.
    verification_key: serde_json::Value,
}

impl GenesisProgram {
    /// The program of this name and key.
    ///
    /// # Errors
    /// No merge can verify proofs under such a key.
    pub fn new(name: &str, key: VerifyingKey) -> Result<Self, GenesisError> {
        Ok(Self {
            name: name.into(),
            digest: digest(name, &key)?,
            key,
        })
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    /// The key that its proofs verify under.
    pub fn key(&self) -> &VerifyingKey {
        &self.key
    }

    /// The key's digest, by which leaves and tasks name the program.
    pub fn digest(&self) -> Fr {
        self.digest
    }
}

impl From<GenesisProgram> for Written {
    fn from(program: GenesisProgram) -> Self {
        Self {
            verification_key: self::written(&program.key),
            name: program.name,
        }
    }
}

impl TryFrom<Written> for GenesisProgram {
    type Error = String;

    fn try_from(written: Written) -> Result<Self, String> {
        let Written {
            name,
            verification_key,
        } = written;
        let key = json::verifying_key_from_json(&verification_key.to_string());
        let key = key.map_err(|error| format!("program {name}: verification_key: {error}"))?;
        Self::new(&name, key).map_err(|error| error.to_string())
    }
}

/// The digest by which circuits and tasks name the key of a circuit.
pub(super) fn digest(name: &str, key: &VerifyingKey) -> Result<Fr, GenesisError> {
    let prepared = PreparedKey::new(&ark_key(key));
    let prepared = prepared.map_err(|source| GenesisError::ProgramKey {
        name: name.into(),
        source,
    })?;
    Ok(prepared.digest())
}

/// A key as snarkjs writes it.
pub(super) fn written(key: &VerifyingKey) -> serde_json::Value {
    // What our own writer wrote is JSON.
    serde_json::from_str(&json::verifying_key_to_json(key)).unwrap_or_default()
}

/// That a list of programs can be a registry's.
pub(super) fn check(programs: &[GenesisProgram]) -> Result<(), GenesisError> {
    if programs.len() > MAX_PROGRAMS {
        let programs = programs.len();
        return Err(GenesisError::Programs { programs });
    }
    let (mut names, mut keys) = (HashSet::new(), HashMap::new());
    for GenesisProgram { name, digest, .. } in programs {
        check_name(name)?;
        if !names.insert(name) {
            return Err(GenesisError::ProgramTwice { name: name.clone() });
        }
        if let Some(one) = keys.insert(digest, name) {
            let (one, other) = (one.clone(), name.clone());
            return Err(GenesisError::SameKey { one, other });
        }
    }
    Ok(())
}

fn check_name(name: &str) -> Result<(), GenesisError> {
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    let fits = (1..=MAX_PROGRAM_NAME_BYTES).contains(&name.len()) && name.chars().all(plain);
    match fits && !BUILT_IN.contains(&name) {
        true => Ok(()),
        false => Err(GenesisError::ProgramName { name: name.into() }),
    }
}
