use std::collections::HashMap;

use ark_bn254::Fr;
use trifold_coordinator::verify::{Verify, VerifyError};
use trifold_coordinator::wire::ProofBytes;
use trifold_verifier::groth16::{PreparedVerifyingKey, Proof};

use crate::deployment::Deployment;
use crate::output::client_key;

/// The verifying keys of the network, by digest.
pub struct Verifier(HashMap<Fr, PreparedVerifyingKey>);

impl Verifier {
    pub fn new(deployment: &Deployment) -> anyhow::Result<Self> {
        let key = |circuit: &crate::deployment::Deployed| -> anyhow::Result<_> {
            Ok((
                circuit.digest,
                client_key(&circuit.verifying_key)?.prepare(),
            ))
        };
        Ok(Self(
            deployment
                .all()
                .into_iter()
                .map(key)
                .collect::<anyhow::Result<_>>()?,
        ))
    }
}

impl Verify for Verifier {
    fn verify(&self, key: Fr, statement: Fr, proof: &ProofBytes) -> Result<(), VerifyError> {
        let key = self.0.get(&key).ok_or(VerifyError::UnknownKey(key))?;
        let malformed =
            |error: trifold_verifier::codec::DecodeError| VerifyError::Malformed(error.to_string());
        let proof = Proof::from_bytes(&proof.0).map_err(malformed)?;
        key.verify(statement, &proof)
            .map_err(|_| VerifyError::Invalid)
    }
}
