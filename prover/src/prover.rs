//! Proofs: commitments are blinded, and the proof is verified before it leaves.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use ark_bn254::{Bn254, Fr};
use ark_ec::CurveGroup;
use ark_ff::PrimeField;
use ark_groth16::{Groth16, PreparedVerifyingKey, Proof, prepare_verifying_key};
use rand::RngCore;
use thiserror::Error;
use trifold_circuits::inputs::Inputs;
use trifold_circuits::r1cs::{R1cs, R1csError, Violation};
use trifold_circuits::witness::{WitnessCalculator, WitnessError};

use crate::backend::{Backend, BackendError, Commitments, LoadedKey};
use crate::key::{Header, ProvingKey};

/// Why there is no proof.
#[derive(Debug, Error)]
pub enum ProveError {
    #[error(transparent)]
    Backend(#[from] BackendError),
    #[error(transparent)]
    Witness(#[from] WitnessError),
    /// The witness is no witness.
    #[error(transparent)]
    Unsatisfied(#[from] Violation),
    #[error("constraint system: {0}")]
    R1cs(#[from] R1csError),
    /// The witness satisfies the circuit, but the proof did not verify.
    #[error("the proof did not verify: {path} is not a key for this circuit, or is damaged")]
    SelfCheck { path: PathBuf },
}

/// A proof that has been verified, with its public values and what it cost.
#[derive(Clone, Debug, PartialEq)]
pub struct ProofWithStatement {
    pub proof: Proof<Bn254>,
    /// Public values without the leading one.
    pub public: Vec<Fr>,
    /// Zero when the witness was given.
    pub witness_seconds: f64,
    /// Commitments, blinding and the self-check.
    pub prove_seconds: f64,
}

/// Proves one circuit under one key, one proof at a time; each proof has all cores.
pub struct Prover {
    key: Arc<ProvingKey>,
    loaded: Mutex<Box<dyn LoadedKey>>,
    verifying_key: PreparedVerifyingKey<Bn254>,
    calculator: WitnessCalculator,
    r1cs: PathBuf,
}

impl Prover {
    /// Makes a key and a circuit's compiled files ready for many proofs.
    ///
    /// # Errors
    /// The key or the witness calculator is malformed.
    pub fn new(
        key: Arc<ProvingKey>,
        backend: &dyn Backend,
        wasm: &Path,
        r1cs: &Path,
    ) -> Result<Self, ProveError> {
        Ok(Self {
            loaded: Mutex::new(backend.load(key.clone())?),
            verifying_key: prepare_verifying_key(&key.verifying_key()),
            calculator: WitnessCalculator::from_wasm(wasm)?,
            r1cs: r1cs.to_owned(),
            key,
        })
    }

    /// The key that proofs are made under.
    pub fn key(&self) -> &ProvingKey {
        &self.key
    }

    /// Calculates the witness and proves it.
    ///
    /// # Errors
    /// As [`Prover::prove_witness`], and inputs that the circuit refuses.
    pub fn prove(&self, inputs: &Inputs) -> Result<ProofWithStatement, ProveError> {
        let start = Instant::now();
        let witness = self.calculator.calculate(inputs)?;
        let witness_seconds = start.elapsed().as_secs_f64();
        let proven = self.prove_witness(&witness)?;
        Ok(ProofWithStatement {
            witness_seconds,
            ..proven
        })
    }

    /// Proves a whole witness, the leading one included.
    ///
    /// # Errors
    /// A witness of another length, or one that violates a constraint, which is named; or a key that does not belong
    /// to the circuit. A proof that does not verify is never returned.
    pub fn prove_witness(&self, witness: &[Fr]) -> Result<ProofWithStatement, ProveError> {
        let start = Instant::now();
        let loaded = self.loaded.lock().unwrap_or_else(PoisonError::into_inner);
        let commitments = loaded.commit(witness)?;
        drop(loaded);
        let proof = blind(self.key.header(), &commitments, random(), random());
        let public = witness[1..=self.key.header().num_public].to_vec();
        if !self.verifies(&proof, &public) {
            return Err(self.diagnose(witness));
        }
        Ok(ProofWithStatement {
            proof,
            public,
            witness_seconds: 0.0,
            prove_seconds: start.elapsed().as_secs_f64(),
        })
    }

    fn verifies(&self, proof: &Proof<Bn254>, public: &[Fr]) -> bool {
        let verified = Groth16::<Bn254>::verify_proof(&self.verifying_key, proof, public);
        verified.unwrap_or(false)
    }

    /// The constraint system is read only here: a proof does not need it.
    fn diagnose(&self, witness: &[Fr]) -> ProveError {
        match R1cs::from_path(&self.r1cs) {
            Err(error) => error.into(),
            Ok(r1cs) => match r1cs.check(witness) {
                Err(violation) => violation.into(),
                Ok(()) => ProveError::SelfCheck {
                    path: self.key.path().to_owned(),
                },
            },
        }
    }
}

/// The prover's last step (Groth 2016, section 3.2): with fresh `r` and `s` the proof says nothing about the witness.
fn blind(key: &Header, commitments: &Commitments, r: Fr, s: Fr) -> Proof<Bn254> {
    let a = commitments.a + key.alpha_g1 + key.delta_g1 * r;
    let b_g1 = commitments.b_g1 + key.beta_g1 + key.delta_g1 * s;
    let b = commitments.b_g2 + key.beta_g2 + key.delta_g2 * s;
    let c = commitments.l + commitments.h + a * s + b_g1 * r - key.delta_g1 * (r * s);
    Proof {
        a: a.into_affine(),
        b: b.into_affine(),
        c: c.into_affine(),
    }
}

/// A uniform scalar: 512 bits of the thread's cryptographic generator, reduced.
fn random() -> Fr {
    let mut bytes = [0; 64];
    rand::rng().fill_bytes(&mut bytes);
    Fr::from_le_bytes_mod_order(&bytes)
}
