//! No proof leaves before it was verified: a batch at once, and one by one when the batch does not hold.

use std::num::NonZeroU128;

use ark_bn254::{Bn254, Fr};
use ark_groth16::{Groth16, Proof, VerifyingKey, prepare_verifying_key};
use rand::Rng;
use rayon::prelude::*;
use trifold_verifier::groth16::{self as client, BatchItem};

/// A proof and its public values without the leading one.
pub type Claim<'a> = (Proof<Bn254>, &'a [Fr]);

/// A verifying key ready for both ways of checking.
pub struct SelfCheck {
    alone: ark_groth16::PreparedVerifyingKey<Bn254>,
    /// Absent when the key has not exactly one public value: such proofs are checked one by one.
    together: Option<client::PreparedVerifyingKey>,
}

impl SelfCheck {
    pub fn new(key: &VerifyingKey<Bn254>) -> Self {
        let together = client::VerifyingKey::new(
            key.alpha_g1,
            key.beta_g2,
            key.gamma_g2,
            key.delta_g2,
            &key.gamma_abc_g1,
        );
        Self {
            alone: prepare_verifying_key(key),
            together: together.ok().map(|key| key.prepare()),
        }
    }

    /// Which proofs hold, in their order.
    pub fn verdicts(&self, claims: &[Claim]) -> Vec<bool> {
        if claims.len() > 1 && self.all_hold(claims) {
            return vec![true; claims.len()];
        }
        let claims = claims.par_iter();
        claims.map(|claim| self.holds(claim)).collect()
    }

    /// False also when the proofs can't be checked as a batch.
    fn all_hold(&self, claims: &[Claim]) -> bool {
        let items: Option<Vec<_>> = claims.par_iter().map(batch_item).collect();
        let batch = self.together.as_ref().zip(items);
        batch.is_some_and(|(key, items)| key.verify_batch(&items).is_ok())
    }

    fn holds(&self, (proof, public): &Claim) -> bool {
        let verified = Groth16::<Bn254>::verify_proof(&self.alone, proof, public);
        client_proof(proof).is_some() && verified.unwrap_or(false)
    }
}

fn batch_item((proof, public): &Claim) -> Option<BatchItem> {
    let [x] = **public else { return None };
    let coefficient: NonZeroU128 = rand::rng().random();
    client_proof(proof).map(|proof| BatchItem {
        x,
        proof,
        coefficient,
    })
}

/// Refuses points at infinity, off their curve or outside their subgroup, which a broken device could give.
fn client_proof(proof: &Proof<Bn254>) -> Option<client::Proof> {
    client::Proof::new(proof.a, proof.b, proof.c).ok()
}
