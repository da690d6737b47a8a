//! The seam of verification: every proof passes through it before it is used.

use ark_bn254::Fr;

use crate::wire::ProofBytes;

/// Why a proof was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum VerifyError {
    #[error("no verifying key with digest {0}")]
    UnknownKey(Fr),
    #[error("the proof is malformed: {0}")]
    Malformed(String),
    #[error("the proof does not verify for its task's statement")]
    Invalid,
}

/// Checks proofs against the keys of the network.
pub trait Verify: Send + Sync {
    /// Whether `proof` proves `statement` under the verifying key with digest `key`.
    fn verify(&self, key: Fr, statement: Fr, proof: &ProofBytes) -> Result<(), VerifyError>;
}
