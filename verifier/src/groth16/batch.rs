//! Many proofs under one key for little more than one Miller loop each.
//!
//! The small exponents test (Bellare, Garay and Rabin 1998, "Fast batch verification for modular exponentiation and
//! digital signatures") on Groth16's equation, as in appendix B.2 of the Zcash protocol specification: with `z_i`
//! drawn after the proofs are fixed,
//!
//! ```text
//! prod e(z_i A_i, B_i) e(sum z_i (IC[0] + x_i IC[1]), -gamma) e(sum z_i C_i, -delta) = e(alpha, beta)^(sum z_i)
//! ```
//!
//! A false proof makes the quotient of the sides a power `z_i` of an element other than one, in a group of prime order,
//! so coefficients of 128 random bits let a false batch pass with probability below 2^-127.

use alloc::vec::Vec;
use core::num::NonZeroU128;

use ark_bn254::{Fr, G1Affine, G1Projective, G2Affine};
use ark_ec::{AffineRepr, CurveGroup};
use ark_ff::AdditiveGroup;

use super::{PreparedVerifyingKey, Proof, VerifyError, pairing};

/// One proof of a batch. This crate has no randomness: the caller draws the coefficient from a cryptographic generator,
/// a new one for each proof, after all proofs are fixed. Whoever can guess it can make a false batch pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BatchItem {
    pub x: Fr,
    pub proof: Proof,
    pub coefficient: NonZeroU128,
}

impl BatchItem {
    fn times(&self, point: G1Affine) -> G1Projective {
        let coefficient = self.coefficient.get();
        point.mul_bigint([coefficient as u64, (coefficient >> 64) as u64])
    }
}

impl PreparedVerifyingKey {
    /// Checks k proofs at once: k + 2 Miller loops and one final exponentiation. A batch of none holds.
    ///
    /// # Errors
    /// A proof of the batch does not hold; which one is not known, [`PreparedVerifyingKey::verify`] tells.
    pub fn verify_batch(&self, items: &[BatchItem]) -> Result<(), VerifyError> {
        let coefficients = || items.iter().map(|item| Fr::from(item.coefficient.get()));
        let sum: Fr = coefficients().sum();
        let sum_x: Fr = coefficients().zip(items).map(|(z, item)| z * item.x).sum();
        let statement = self.linear.times(sum_x) + self.constant * sum;
        let c = items.iter().map(|item| item.times(item.proof.c));
        let c = c.fold(G1Projective::ZERO, |sum, c| sum + c);
        let shared = [(&self.negated_gamma, statement), (&self.negated_delta, c)];
        let value = pairing::product(&own_pairs(items), &shared);
        let expected = self.alpha_beta.map(|value| value * sum);
        match value {
            Some(value) if Some(value) == expected => Ok(()),
            _ => Err(VerifyError::Batch(items.len())),
        }
    }
}

/// The pairs (z A, B). A is not infinity and z is below r, so neither is z A.
fn own_pairs(items: &[BatchItem]) -> Vec<(G1Affine, G2Affine)> {
    let own: Vec<_> = items.iter().map(|item| item.times(item.proof.a)).collect();
    let own = G1Projective::normalize_batch(&own).into_iter();
    own.zip(items.iter().map(|item| item.proof.b)).collect()
}
