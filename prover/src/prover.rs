//! Proofs: commitments are blinded, and the proof is verified before it leaves.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use ark_bn254::{Bn254, Fr};
use ark_ec::CurveGroup;
use ark_ff::PrimeField;
use ark_groth16::Proof;
use rand::RngCore;
use rayon::prelude::*;
use thiserror::Error;
use trifold_circuits::inputs::Inputs;
use trifold_circuits::r1cs::{R1cs, R1csError, Violation};
use trifold_circuits::witness::{WitnessCalculator, WitnessError};

use crate::backend::{Backend, BackendError, Commitments, LoadedKey, check_count};
use crate::key::{Header, ProvingKey};
use crate::self_check::{Claim, SelfCheck};

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
    #[error(
        "the proof did not verify: {path} is not a key for this circuit, or is damaged, or {backend} computes wrongly"
    )]
    SelfCheck { path: PathBuf, backend: String },
}

impl ProveError {
    /// As [`BackendError::is_fatal`].
    pub fn is_fatal(&self) -> bool {
        matches!(self, Self::Backend(error) if error.is_fatal())
    }

    /// As [`BackendError::is_out_of_memory`].
    pub fn is_out_of_memory(&self) -> bool {
        matches!(self, Self::Backend(error) if error.is_out_of_memory())
    }
}

/// A proof that has been verified, with its public values and what it cost.
#[derive(Clone, Debug, PartialEq)]
pub struct ProofWithStatement {
    pub proof: Proof<Bn254>,
    /// Public values without the leading one.
    pub public: Vec<Fr>,
    /// Zero when the witness was given.
    pub witness_seconds: f64,
    /// Commitments, blinding and the self-check; proofs made together share their time evenly.
    pub prove_seconds: f64,
}

impl ProofWithStatement {
    fn new((proof, public): Claim, prove_seconds: f64) -> Self {
        Self {
            proof,
            public: public.to_vec(),
            witness_seconds: 0.0,
            prove_seconds,
        }
    }
}

/// Proves one circuit under one key, one proof at a time or several together.
///
/// Its calls may wait for one another, so they are not for tasks of rayon's pool, on which their work is done.
pub struct Prover {
    key: Arc<ProvingKey>,
    backend: String,
    loaded: Box<dyn LoadedKey>,
    self_check: SelfCheck,
    calculator: WitnessCalculator,
    r1cs: PathBuf,
}

impl Prover {
    /// Makes a key and a circuit's compiled files ready for many proofs.
    ///
    /// # Errors
    /// The key or the witness calculator is malformed, or the key does not fit the backend's device.
    pub fn new(
        key: Arc<ProvingKey>,
        backend: &dyn Backend,
        wasm: &Path,
        r1cs: &Path,
    ) -> Result<Self, ProveError> {
        Ok(Self {
            backend: backend.name().to_owned(),
            loaded: backend.load(key.clone())?,
            self_check: SelfCheck::new(&key.verifying_key()),
            calculator: WitnessCalculator::from_wasm(wasm)?,
            r1cs: r1cs.to_owned(),
            key,
        })
    }

    /// The key that proofs are made under.
    pub fn key(&self) -> &ProvingKey {
        &self.key
    }

    /// How many proofs it pays to make together, as [`LoadedKey::batch_limit`].
    pub fn batch_limit(&self) -> usize {
        self.loaded.batch_limit()
    }

    /// Calculates a whole witness, the leading one included, on the calling thread.
    ///
    /// # Errors
    /// Inputs that the circuit refuses.
    pub fn witness(&self, inputs: &Inputs) -> Result<Vec<Fr>, ProveError> {
        Ok(self.calculator.calculate(inputs)?)
    }

    /// Calculates the witness and proves it.
    ///
    /// # Errors
    /// As [`Prover::prove_witness`], and inputs that the circuit refuses.
    pub fn prove(&self, inputs: &Inputs) -> Result<ProofWithStatement, ProveError> {
        self.prove_many(std::slice::from_ref(inputs)).swap_remove(0)
    }

    /// Calculates witnesses on all cores and proves them together; the results are in the order of the inputs.
    ///
    /// # Errors
    /// Each as [`Prover::prove`]; one that fails takes no other with it.
    pub fn prove_many(&self, inputs: &[Inputs]) -> Vec<Result<ProofWithStatement, ProveError>> {
        let witnesses: Vec<_> = inputs.par_iter().map(|inputs| self.timed(inputs)).collect();
        let good = witnesses.iter().flatten();
        let good: Vec<_> = good.map(|(witness, _)| &witness[..]).collect();
        let mut proven = self.prove_witnesses(&good).into_iter();
        let mut join = |witness_seconds| {
            let proven = proven.next().expect("a result for every witness")?;
            Ok(ProofWithStatement {
                witness_seconds,
                ..proven
            })
        };
        let witnesses = witnesses.into_iter();
        witnesses
            .map(|witness| witness.and_then(|(_, seconds)| join(seconds)))
            .collect()
    }

    fn timed(&self, inputs: &Inputs) -> Result<(Vec<Fr>, f64), ProveError> {
        let start = Instant::now();
        let witness = self.witness(inputs)?;
        Ok((witness, start.elapsed().as_secs_f64()))
    }

    /// Proves a whole witness, the leading one included.
    ///
    /// # Errors
    /// A witness of another length, or one that violates a constraint, which is named; or a key that does not belong
    /// to the circuit. A proof that does not verify is never returned.
    pub fn prove_witness(&self, witness: &[Fr]) -> Result<ProofWithStatement, ProveError> {
        self.prove_witnesses(&[witness]).swap_remove(0)
    }

    /// Proves whole witnesses together; the results are in their order. Two threads that call this at the same time
    /// keep a device busy: it computes one batch while the other is uploaded or its proofs are checked.
    ///
    /// # Errors
    /// Each as [`Prover::prove_witness`]; one that fails takes no other with it.
    pub fn prove_witnesses(
        &self,
        witnesses: &[&[Fr]],
    ) -> Vec<Result<ProofWithStatement, ProveError>> {
        let start = Instant::now();
        let commitments = self.commit(witnesses).into_par_iter().zip(witnesses);
        let claims: Vec<Result<Claim, ProveError>> = commitments
            .map(|(commitments, witness)| Ok(self.claim(&commitments?, witness)))
            .collect();
        let good: Vec<Claim> = claims.iter().flatten().cloned().collect();
        let mut verdicts = self.self_check.verdicts(&good).into_iter();
        let prove_seconds = start.elapsed().as_secs_f64() / witnesses.len() as f64;
        let claims = claims.into_iter().zip(witnesses);
        let checked = claims.map(|(claim, witness)| match (claim?, verdicts.next()) {
            (claim, Some(true)) => Ok(ProofWithStatement::new(claim, prove_seconds)),
            _ => Err(self.diagnose(witness)),
        });
        checked.collect()
    }

    fn claim<'a>(&self, commitments: &Commitments, witness: &'a [Fr]) -> Claim<'a> {
        let header = self.key.header();
        let proof = blinded(header, commitments);
        (proof, &witness[1..=header.num_public])
    }

    /// All together, or one by one when that fails.
    fn commit(&self, witnesses: &[&[Fr]]) -> Vec<Result<Commitments, BackendError>> {
        let alone = |witness: &&[Fr]| {
            let mut found = self.commit_all(&[witness])?;
            Ok(found.swap_remove(0))
        };
        match witnesses.len() {
            0 | 1 => witnesses.iter().map(alone).collect(),
            _ => match self.commit_all(witnesses) {
                Ok(found) => found.into_iter().map(Ok).collect(),
                Err(_) => witnesses.iter().map(alone).collect(),
            },
        }
    }

    fn commit_all(&self, witnesses: &[&[Fr]]) -> Result<Vec<Commitments>, BackendError> {
        let found = self.loaded.commit(witnesses)?;
        check_count(&self.backend, witnesses.len(), &found)?;
        Ok(found)
    }

    /// The constraint system is read only here: a proof does not need it.
    fn diagnose(&self, witness: &[Fr]) -> ProveError {
        match R1cs::from_path(&self.r1cs) {
            Err(error) => error.into(),
            Ok(r1cs) => match r1cs.check(witness) {
                Err(violation) => violation.into(),
                Ok(()) => ProveError::SelfCheck {
                    path: self.key.path().to_owned(),
                    backend: self.backend.clone(),
                },
            },
        }
    }
}

/// A proof with fresh randomness.
pub(crate) fn blinded(key: &Header, commitments: &Commitments) -> Proof<Bn254> {
    blind(key, commitments, random(), random())
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
