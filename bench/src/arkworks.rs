//! The peer in this language: ark-groth16 as it is, on our key and witness.
//!
//! Its default reduction evaluates the quotient's coefficients; a snarkjs key holds the Lagrange basis of the odd
//! points instead, so the reduction is given here, and everything else is arkworks' own.

use std::time::Instant;

use anyhow::{Result, bail};
use ark_bn254::{Bn254, Fr};
use ark_ff::PrimeField;
use ark_groth16::r1cs_to_qap::{R1CSToQAP, evaluate_constraint};
use ark_groth16::{Groth16, ProvingKey, prepare_verifying_key};
use ark_poly::EvaluationDomain;
use ark_relations::gr1cs::{ConstraintSystemRef, Result as R1csResult, SynthesisError};
use rayon::prelude::*;
use trifold_circuits::r1cs::{Matrix, R1cs};

/// Sparse rows as arkworks takes them.
type Rows<F> = Vec<Vec<(F, usize)>>;

struct OddPoints;

impl R1CSToQAP for OddPoints {
    fn instance_map_with_evaluation<F: PrimeField, D: EvaluationDomain<F>>(
        _: ConstraintSystemRef<F>,
        _: &F,
    ) -> R1csResult<(Vec<F>, Vec<F>, Vec<F>, F, usize, usize)> {
        Err(SynthesisError::Unsatisfiable)
    }

    fn witness_map_from_matrices<F: PrimeField, D: EvaluationDomain<F>>(
        matrices: &[Rows<F>],
        num_inputs: usize,
        num_constraints: usize,
        full_assignment: &[F],
    ) -> R1csResult<Vec<F>> {
        let rows = num_constraints + num_inputs;
        let domain = D::new(rows).ok_or(SynthesisError::PolynomialDegreeTooLarge)?;
        let root = F::get_root_of_unity(2 * domain.size() as u64);
        let root = root.ok_or(SynthesisError::PolynomialDegreeTooLarge)?;
        let products = |rows: &Rows<F>| {
            let rows = rows.par_iter();
            let products = rows.map(|row| evaluate_constraint(row, full_assignment));
            products.collect::<Vec<F>>()
        };
        let (mut a, mut b) = (products(&matrices[0]), products(&matrices[1]));
        let mut c: Vec<F> = a.par_iter().zip(&b).map(|(a, b)| *a * b).collect();
        a.extend(&full_assignment[..num_inputs]);
        for values in [&mut a, &mut b, &mut c] {
            values.resize(domain.size(), F::zero());
            domain.ifft_in_place(values);
            D::distribute_powers(values, root);
            domain.fft_in_place(values);
        }
        let bc = b.par_iter().zip(&c);
        a.par_iter_mut()
            .zip(bc)
            .for_each(|(a, (b, c))| *a = *a * b - c);
        Ok(a)
    }

    fn h_query_scalars<F: PrimeField, D: EvaluationDomain<F>>(
        _: usize,
        _: F,
        _: F,
        _: F,
    ) -> R1csResult<Vec<F>> {
        Err(SynthesisError::Unsatisfiable)
    }
}

/// Proves once and returns the seconds that arkworks' prover took, with key, matrices and witness in memory.
pub fn prove(key: &trifold_prover::ProvingKey, r1cs: &R1cs, witness: &[Fr]) -> Result<f64> {
    let proving_key = ProvingKey {
        vk: key.verifying_key(),
        beta_g1: key.header().beta_g1,
        delta_g1: key.header().delta_g1,
        a_query: key.a_query().iter().collect(),
        b_g1_query: key.b_g1_query().iter().collect(),
        b_g2_query: key.b_g2_query().iter().collect(),
        h_query: key.h_query().iter().collect(),
        l_query: key.l_query().iter().collect(),
    };
    let matrices = [rows(&r1cs.a), rows(&r1cs.b), Vec::new()];
    let start = Instant::now();
    let proof = Groth16::<Bn254, OddPoints>::create_proof_with_reduction_and_matrices(
        &proving_key,
        Fr::from(3),
        Fr::from(5),
        &matrices,
        r1cs.num_public() + 1,
        r1cs.num_constraints(),
        witness,
    )?;
    let seconds = start.elapsed().as_secs_f64();
    let verifying_key = prepare_verifying_key(&proving_key.vk);
    let public = &witness[1..=r1cs.num_public()];
    if !Groth16::<Bn254>::verify_proof(&verifying_key, &proof, public)? {
        bail!("arkworks' proof does not verify");
    }
    Ok(seconds)
}

fn rows(matrix: &Matrix) -> Rows<Fr> {
    let rows = 0..matrix.num_rows();
    let row = |row| matrix.row(row).map(|(wire, value)| (value, wire)).collect();
    rows.map(row).collect()
}
