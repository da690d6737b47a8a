//! Keys and proofs for the tests: a real one made by snarkjs, and synthetic ones with known discrete logarithms.

use ark_bn254::{Bn254, Fq, Fq2, Fr, G1Affine, G2Affine};
use ark_ec::{AffineRepr, CurveGroup};
use ark_ff::{Field, PrimeField, UniformRand};
use ark_groth16::{Proof, VerifyingKey};
use ark_std::rand::{SeedableRng, rngs::StdRng};
use num_bigint::BigUint;
use serde_json::Value;
use std::str::FromStr;
use trifold_circuits::groth16::advice::{Deviation, Numbers, advise_dishonestly};
use trifold_circuits::groth16::oracle::{self, Claim, Refusal};
use trifold_circuits::groth16::{ConstantKey, Mode, Params, Plan, PreparedKey, Slot, flat};
use trifold_circuits::inputs::Inputs;

pub struct Instance {
    pub key: VerifyingKey<Bn254>,
    pub proof: Proof<Bn254>,
    pub x: Fr,
}

impl Instance {
    pub fn slot(&self) -> Slot<'_> {
        Slot {
            x: self.x,
            proof: Some(&self.proof),
        }
    }

    pub fn prepared(&self) -> PreparedKey {
        PreparedKey::new(&self.key).unwrap()
    }
}

/// The proof of a small circuit by snarkjs, in its own formats.
pub fn snarkjs() -> Instance {
    let key = json(include_str!("../vectors/snarkjs/vk.json"));
    let proof = json(include_str!("../vectors/snarkjs/proof.json"));
    let public = json(include_str!("../vectors/snarkjs/public.json"));
    Instance {
        key: VerifyingKey {
            alpha_g1: g1(&key["vk_alpha_1"]),
            beta_g2: g2(&key["vk_beta_2"]),
            gamma_g2: g2(&key["vk_gamma_2"]),
            delta_g2: g2(&key["vk_delta_2"]),
            gamma_abc_g1: key["IC"].as_array().unwrap().iter().map(g1).collect(),
        },
        proof: Proof {
            a: g1(&proof["pi_a"]),
            b: g2(&proof["pi_b"]),
            c: g1(&proof["pi_c"]),
        },
        x: Fr::from_str(public[0].as_str().unwrap()).unwrap(),
    }
}

/// A key and a proof for a random input from a seed, by knowledge of all discrete logarithms.
pub fn synthetic(seed: u64) -> Instance {
    let mut rng = StdRng::seed_from_u64(seed);
    let [alpha, beta, delta, ic0, ic1, a, b, x] = std::array::from_fn(|_| Fr::rand(&mut rng));
    let c = (a * b - alpha * beta - (ic0 + x * ic1)) * delta.inverse().unwrap();
    let g1 = |k: Fr| (G1Affine::generator() * k).into_affine();
    let g2 = |k: Fr| (G2Affine::generator() * k).into_affine();
    Instance {
        key: VerifyingKey {
            alpha_g1: g1(alpha),
            beta_g2: g2(beta),
            gamma_g2: G2Affine::generator(),
            delta_g2: g2(delta),
            gamma_abc_g1: vec![g1(ic0), g1(ic1)],
        },
        proof: Proof {
            a: g1(a),
            b: g2(b),
            c: g1(c),
        },
        x,
    }
}

pub fn plan(proofs: usize) -> Plan {
    Plan::new(Mode::Witness, Params::DEPLOYED, proofs).unwrap()
}

/// The plan of the circuit that contains the instance's key.
pub fn constant_plan(instance: &Instance, proofs: usize) -> Plan {
    Plan::for_key(ConstantKey::new(&instance.key).unwrap(), proofs).unwrap()
}

/// What the circuit says to these signals when every slot is active and uses the key.
pub fn check(plan: &Plan, inputs: &Inputs, key: &PreparedKey, x: &[Fr]) -> Result<(), Refusal> {
    let active = vec![true; x.len()];
    let claim = Claim {
        x,
        active: &active,
        digests: &[key.digest()],
        key_of: &vec![0; x.len()],
    };
    oracle::check(plan, inputs, &claim)
}

/// A prover who is honest until a test changes a field.
pub fn honest_but<'a>(tamper: &'a mut dyn FnMut(usize, &mut Numbers)) -> Deviation<'a> {
    Deviation {
        tamper,
        skipped_words: 0,
        witness_factor: flat::one(),
        divides_modulo_r: false,
    }
}

/// Order of a prime field.
pub fn order<F: PrimeField>() -> BigUint {
    F::MODULUS.into()
}

/// What the circuit says to the advice of a prover who goes on although the statement is false.
pub fn verdict(plan: &Plan, key: &PreparedKey, slots: &[Slot<'_>]) -> Result<(), Refusal> {
    let mut tamper = |_: usize, _: &mut Numbers| {};
    let mut deviation = honest_but(&mut tamper);
    let key_of = vec![0; slots.len()];
    let inputs = advise_dishonestly(plan, &[key], slots, &key_of, &mut deviation).unwrap();
    check(
        plan,
        &inputs,
        key,
        &slots.iter().map(|slot| slot.x).collect::<Vec<_>>(),
    )
}

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

fn fq(value: &Value) -> Fq {
    Fq::from_str(value.as_str().unwrap()).unwrap()
}

fn fq2(value: &Value) -> Fq2 {
    Fq2::new(fq(&value[0]), fq(&value[1]))
}

fn g1(value: &Value) -> G1Affine {
    G1Affine::new_unchecked(fq(&value[0]), fq(&value[1]))
}

fn g2(value: &Value) -> G2Affine {
    G2Affine::new_unchecked(fq2(&value[0]), fq2(&value[1]))
}
