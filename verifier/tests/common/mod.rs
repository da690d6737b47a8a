//! Keys whose trapdoor is known, so that tests have a proof for any statement.

#![allow(dead_code)] // each test binary uses its part

use ark_bn254::{Fr, G1Affine, G2Affine};
use ark_ec::{AffineRepr, CurveGroup};
use ark_ff::{Field, PrimeField};
use trifold_verifier::groth16::{Proof, VerifyingKey};

/// The discrete logarithms of a key.
#[derive(Clone, Copy)]
pub struct Trapdoor {
    pub alpha: Fr,
    pub beta: Fr,
    pub delta: Fr,
    pub gamma_abc: [Fr; 2],
}

impl Trapdoor {
    pub fn new(seed: u64) -> Self {
        let [alpha, beta, delta, constant, linear] = [1, 2, 3, 4, 5].map(|i| scalar(10 * seed + i));
        Self {
            alpha,
            beta,
            delta,
            gamma_abc: [constant, linear],
        }
    }

    pub fn key(&self) -> VerifyingKey {
        let gamma_abc = self.gamma_abc.map(g1);
        let gamma = G2Affine::generator();
        VerifyingKey::new(
            g1(self.alpha),
            g2(self.beta),
            gamma,
            g2(self.delta),
            &gamma_abc,
        )
        .unwrap()
    }

    /// Groth's simulator: any A and B, and the C that fits.
    pub fn prove(&self, x: Fr) -> Proof {
        let (a, b) = (scalar(1001) + x, scalar(1002) - x);
        let statement = self.gamma_abc[0] + self.gamma_abc[1] * x;
        let c = (a * b - self.alpha * self.beta - statement) * self.delta.inverse().unwrap();
        Proof::new(g1(a), g2(b), g1(c)).unwrap()
    }
}

/// Fixed, and without any pattern.
pub fn scalar(seed: u64) -> Fr {
    Fr::from_le_bytes_mod_order(&[0x5a; 32]) * Fr::from(seed + 1).pow([1001])
}

pub fn g1(exponent: Fr) -> G1Affine {
    (G1Affine::generator() * exponent).into_affine()
}

pub fn g2(exponent: Fr) -> G2Affine {
    (G2Affine::generator() * exponent).into_affine()
}

/// A point of the twist that is outside the subgroup of order r.
pub fn outside_subgroup() -> G2Affine {
    use ark_bn254::{Fq, Fq2};
    let candidates = (1u64..).map(|i| Fq2::new(Fq::from(i), Fq::from(1)));
    let mut points = candidates.filter_map(|x| G2Affine::get_point_from_x_unchecked(x, false));
    points
        .find(|point| !point.is_in_correct_subgroup_assuming_on_curve())
        .unwrap()
}

/// The proof, its public input and its key as snarkjs made them.
pub mod snarkjs {
    pub const PROOF: &str = include_str!("../vectors/snarkjs/proof.json");
    pub const PUBLIC: &str = include_str!("../vectors/snarkjs/public.json");
    pub const KEY: &str = include_str!("../vectors/snarkjs/verification_key.json");
}

/// A number as JSON has it.
pub fn fr(decimal: &str) -> Fr {
    decimal.parse().unwrap()
}

/// Bytes as the corpus has them.
pub fn unhex(text: &str) -> Vec<u8> {
    let pairs = text.as_bytes().chunks(2);
    let byte = |pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap();
    pairs.map(byte).collect()
}
