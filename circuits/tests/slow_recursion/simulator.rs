//! A Groth16 key with known secrets: a valid proof of any statement, true or not (Groth 2016, section 3, the simulator).

use ark_bn254::{Bn254, Fr, G1Affine, G2Affine};
use ark_ec::{AffineRepr, CurveGroup};
use ark_ff::{Field, UniformRand};
use ark_groth16::VerifyingKey;
use ark_std::rand::{SeedableRng, rngs::StdRng};
use trifold_circuits::groth16::advice::{Deviation, Numbers, Proof, advise_dishonestly};
use trifold_circuits::groth16::{Plan, PreparedKey, Slot, flat};
use trifold_circuits::inputs::Inputs;

pub struct Simulator {
    alpha: Fr,
    beta: Fr,
    delta: Fr,
    ic: [Fr; 2],
    pub key: PreparedKey,
}

fn g1(scalar: Fr) -> G1Affine {
    (G1Affine::generator() * scalar).into_affine()
}

fn g2(scalar: Fr) -> G2Affine {
    (G2Affine::generator() * scalar).into_affine()
}

impl Simulator {
    pub fn new(seed: u64) -> Self {
        let mut rng = StdRng::seed_from_u64(seed);
        let [alpha, beta, delta, ic0, ic1] = std::array::from_fn(|_| Fr::rand(&mut rng));
        let key = VerifyingKey::<Bn254> {
            alpha_g1: g1(alpha),
            beta_g2: g2(beta),
            gamma_g2: G2Affine::generator(),
            delta_g2: g2(delta),
            gamma_abc_g1: vec![g1(ic0), g1(ic1)],
        };
        Self {
            alpha,
            beta,
            delta,
            ic: [ic0, ic1],
            key: PreparedKey::new(&key).unwrap(),
        }
    }

    pub fn digest(&self) -> Fr {
        self.key.digest()
    }

    /// A proof that verifies for the public input `x`.
    pub fn prove(&self, x: Fr) -> Proof {
        let (a, b) = (x + Fr::from(2), x + Fr::from(3));
        let product = a * b - self.alpha * self.beta - (self.ic[0] + x * self.ic[1]);
        let c = product * self.delta.inverse().unwrap();
        Proof {
            a: g1(a),
            b: g2(b),
            c: g1(c),
        }
    }
}

/// Advice of a prover who goes on whatever the slots claim, and changes numbers as the test says.
pub fn dishonest(
    plan: &Plan,
    keys: &[&PreparedKey],
    slots: &[Slot<'_>],
    key_of: &[usize],
    tamper: &mut dyn FnMut(usize, &mut Numbers),
) -> Inputs {
    let mut deviation = Deviation {
        tamper,
        skipped_words: 0,
        witness_factor: flat::one(),
        divides_modulo_r: false,
    };
    advise_dishonestly(plan, keys, slots, key_of, &mut deviation).unwrap()
}
