//! A key with known secrets: a valid proof of any statement without proving (Groth 2016, section 3, the simulator).
//!
//! The verifier circuits cost the same whatever proof they check, so the honest inputs of `merge` and `nest` need no
//! chain of real proofs below them.

use ark_bn254::{Bn254, Fr, G1Affine, G2Affine};
use ark_ec::{AffineRepr, CurveGroup};
use ark_ff::{Field, PrimeField};
use ark_groth16::{Proof, VerifyingKey};
use trifold_circuits::groth16::{PreparedKey, VkError};
use trifold_verifier::groth16::{self, InvalidPoint, KeyError};

/// The secrets of a key.
pub struct Simulator {
    alpha: Fr,
    beta: Fr,
    delta: Fr,
    gamma_abc: [Fr; 2],
}

impl Simulator {
    /// Another key for each seed.
    pub fn new(seed: u64) -> Self {
        let [alpha, beta, delta, constant, linear] = [1, 2, 3, 4, 5].map(|i| scalar(10 * seed + i));
        Self {
            alpha,
            beta,
            delta,
            gamma_abc: [constant, linear],
        }
    }

    /// The key.
    pub fn verifying_key(&self) -> VerifyingKey<Bn254> {
        VerifyingKey {
            alpha_g1: g1(self.alpha),
            beta_g2: g2(self.beta),
            gamma_g2: G2Affine::generator(),
            delta_g2: g2(self.delta),
            gamma_abc_g1: self.gamma_abc.map(g1).to_vec(),
        }
    }

    /// The key as the verifier circuits take it.
    ///
    /// # Errors
    /// None, for these keys.
    pub fn prepared(&self) -> Result<PreparedKey, VkError> {
        PreparedKey::new(&self.verifying_key())
    }

    /// The key as a light client takes it.
    ///
    /// # Errors
    /// None, for these keys.
    pub fn client_key(&self) -> Result<groth16::VerifyingKey, KeyError> {
        let key = self.verifying_key();
        groth16::VerifyingKey::new(
            key.alpha_g1,
            key.beta_g2,
            key.gamma_g2,
            key.delta_g2,
            &key.gamma_abc_g1,
        )
    }

    /// A proof as a light client takes it.
    ///
    /// # Errors
    /// For the one statement whose C would be the neutral element.
    pub fn client_proof(&self, x: Fr) -> Result<groth16::Proof, InvalidPoint> {
        let proof = self.prove(x);
        groth16::Proof::new(proof.a, proof.b, proof.c)
    }

    /// Any A and B, and the C that fits.
    pub fn prove(&self, x: Fr) -> Proof<Bn254> {
        let (a, b) = (scalar(1001), scalar(1002));
        let statement = self.gamma_abc[0] + self.gamma_abc[1] * x;
        let c = (a * b - self.alpha * self.beta - statement) / self.delta;
        Proof {
            a: g1(a),
            b: g2(b),
            c: g1(c),
        }
    }
}

/// Fixed, and without any pattern.
fn scalar(seed: u64) -> Fr {
    Fr::from_le_bytes_mod_order(&[0x5a; 32]) * Fr::from(seed + 1).pow([1001])
}

fn g1(exponent: Fr) -> G1Affine {
    (G1Affine::generator() * exponent).into_affine()
}

fn g2(exponent: Fr) -> G2Affine {
    (G2Affine::generator() * exponent).into_affine()
}
