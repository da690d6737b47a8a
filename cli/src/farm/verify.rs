use std::collections::HashMap;

use ark_bn254::Fr;
use trifold_circuits::netted::circuit::PartCircuit;
use trifold_coordinator::verify::{Verify, VerifyError};
use trifold_coordinator::wire::ProofBytes;
use trifold_verifier::groth16::{PreparedVerifyingKey, Proof};

use crate::deployment::{Deployed, Deployment};
use crate::network::Network;
use crate::output::client_key;

/// The verifying keys of the network, by digest.
pub struct Verifier(HashMap<Fr, PreparedVerifyingKey>);

impl Verifier {
    /// Ours, and those of the programs that the genesis admits: it holds their keys.
    pub fn new(network: &Network, deployment: &Deployment) -> anyhow::Result<Self> {
        let ours = |circuit: &Deployed| -> anyhow::Result<_> {
            let key = client_key(&circuit.verifying_key)?;
            Ok((circuit.digest, key.prepare()))
        };
        let programs = network.genesis.programs().iter();
        let admitted = programs.map(|program| Ok((program.digest(), program.key().prepare())));
        let netted = network.genesis.netted_program().into_iter();
        let netted = netted.flat_map(|netted| {
            let parts = PartCircuit::ALL.into_iter();
            let parts = parts.filter_map(|circuit| netted.part(circuit));
            let all = parts.chain([(netted.close(), netted.digest())]);
            all.map(|(key, digest)| Ok((digest, key.prepare())))
        });
        let keys = deployment.all().map(ours).chain(netted).chain(admitted);
        Ok(Self(keys.collect::<anyhow::Result<_>>()?))
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
