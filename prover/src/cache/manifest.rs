//! What is known of a key in the cache.

use std::fs;
use std::path::Path;

use ark_bn254::{Bn254, Fr};
use ark_ff::PrimeField;
use ark_groth16::VerifyingKey;
use ark_serialize::{CanonicalDeserialize, CanonicalSerialize};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use trifold_circuits::r1cs::R1cs;

use super::at;
use crate::key::{KeyDigest, KeyError, ProvingKey};

const VERSION: u32 = 1;
/// A manifest with thousands of public values stays below this.
const MAX_MANIFEST_BYTES: u64 = 1 << 20;

/// The manifest beside a key file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeyManifest {
    version: u32,
    /// Name of the circuit.
    pub circuit: String,
    /// SHA-256 of the circuit's constraint system, in hexadecimal.
    pub circuit_sha256: String,
    /// SHA-256 of the key file, in hexadecimal.
    pub sha256: String,
    /// Size of the key file.
    pub size_bytes: u64,
    /// Made by one party, who could forge proofs.
    pub insecure_development_key: bool,
    /// When the key came into the cache.
    pub created_unix_seconds: u64,
    /// Size of the evaluation domain.
    pub domain_size: usize,
    /// The verifying key, in arkworks' compressed form, in hexadecimal.
    verifying_key: String,
}

impl KeyManifest {
    pub(super) fn new(
        circuit: &str,
        r1cs: &KeyDigest,
        key: &ProvingKey,
        insecure_development_key: bool,
        created_unix_seconds: u64,
    ) -> Self {
        Self {
            version: VERSION,
            circuit: circuit.into(),
            circuit_sha256: hex::encode(r1cs),
            sha256: hex::encode(key.digest()),
            size_bytes: key.size_bytes(),
            insecure_development_key,
            created_unix_seconds,
            domain_size: key.header().domain_size,
            verifying_key: encode(&key.verifying_key()),
        }
    }

    pub(super) fn read(path: &Path) -> Result<Self, KeyError> {
        let refuse = |reason: String| KeyError::Manifest {
            path: path.to_owned(),
            reason,
        };
        if fs::metadata(path).map_err(at(path))?.len() > MAX_MANIFEST_BYTES {
            return Err(refuse("too long for a key manifest".into()));
        }
        let bytes = fs::read(path).map_err(at(path))?;
        let manifest: Self =
            serde_json::from_slice(&bytes).map_err(|error| refuse(error.to_string()))?;
        manifest.digest()?;
        let named = path.file_stem().and_then(|name| name.to_str());
        match manifest.version == VERSION && named == Some(&manifest.file_stem()) {
            true => Ok(manifest),
            false => Err(refuse("another version, or another key's manifest".into())),
        }
    }

    pub(super) fn to_json(&self) -> Vec<u8> {
        // A struct of strings and numbers always has a JSON form.
        serde_json::to_vec_pretty(self).unwrap_or_default()
    }

    /// SHA-256 of the key file.
    ///
    /// # Errors
    /// It is no digest.
    pub fn digest(&self) -> Result<KeyDigest, KeyError> {
        let mut digest = KeyDigest::default();
        let decoded = hex::decode_to_slice(&self.sha256, &mut digest);
        decoded.map_err(|_| self.refuse("sha256 is no digest"))?;
        Ok(digest)
    }

    /// The verifying key, which can be had without the key file.
    ///
    /// # Errors
    /// It is malformed.
    pub fn verifying_key(&self) -> Result<VerifyingKey<Bn254>, KeyError> {
        let refuse = || self.refuse("the verifying key is malformed");
        let bytes = hex::decode(&self.verifying_key).map_err(|_| refuse())?;
        VerifyingKey::deserialize_compressed(&bytes[..]).map_err(|_| refuse())
    }

    pub(super) fn file_stem(&self) -> String {
        let digits = self.sha256.get(..16).unwrap_or(&self.sha256);
        format!("{}-{digits}", self.circuit)
    }

    pub(super) fn check_verifying_key(
        &self,
        path: &Path,
        key: &ProvingKey,
    ) -> Result<(), KeyError> {
        match encode(&key.verifying_key()) == self.verifying_key {
            true => Ok(()),
            false => Err(KeyError::Manifest {
                path: path.with_extension("json"),
                reason: "the key has another verifying key".into(),
            }),
        }
    }

    fn refuse(&self, reason: &str) -> KeyError {
        KeyError::Manifest {
            path: format!("{}.json", self.file_stem()).into(),
            reason: reason.into(),
        }
    }
}

fn encode(verifying_key: &VerifyingKey<Bn254>) -> String {
    let mut bytes = Vec::new();
    // Writing to a vector does not fail; a key without bytes would match no other.
    let written = verifying_key.serialize_compressed(&mut bytes);
    written.map_or_else(|_| String::new(), |()| hex::encode(bytes))
}

/// Checks that a key has the counts and the matrices A and B of a constraint system: the matrices by their products
/// with a vector that is derived from the key's digest (Schwartz-Zippel).
pub(super) fn check_circuit(key: &ProvingKey, circuit: &str, r1cs: &R1cs) -> Result<(), KeyError> {
    let refuse = |reason: &str| KeyError::Circuit {
        path: key.path().to_owned(),
        circuit: circuit.into(),
        reason: reason.into(),
    };
    let header = key.header();
    let rows = r1cs.num_constraints() + r1cs.num_public() + 1;
    if header.num_wires != r1cs.num_wires || header.num_public != r1cs.num_public() {
        return Err(refuse("it has another number of wires or public values"));
    }
    if header.domain_size != rows.next_power_of_two() {
        return Err(refuse("it has another domain"));
    }
    let point = challenge(key.digest());
    let powers = std::iter::successors(Some(point), |power| Some(*power * point));
    let vector: Vec<Fr> = powers.take(r1cs.num_wires).collect();
    let (mut a, mut b) = products(r1cs, &vector);
    a.resize(header.domain_size, Fr::default());
    b.resize(header.domain_size, Fr::default());
    let matrices = key.matrices()?;
    match matrices.a_times(&vector) == a && matrices.b_times(&vector) == b {
        true => Ok(()),
        false => Err(refuse("it has other constraints")),
    }
}

fn products(r1cs: &R1cs, vector: &[Fr]) -> (Vec<Fr>, Vec<Fr>) {
    let rows = 0..r1cs.num_constraints();
    let a = rows.clone().map(|row| r1cs.a.product(row, vector));
    let public = vector[..=r1cs.num_public()].iter().copied();
    let b = rows.map(|row| r1cs.b.product(row, vector));
    (a.chain(public).collect(), b.collect())
}

fn challenge(digest: &KeyDigest) -> Fr {
    Fr::from_le_bytes_mod_order(&Sha256::digest(digest))
}
