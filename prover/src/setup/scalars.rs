//! The discrete logarithms of a key's points.

use ark_bn254::Fr;
use ark_ff::{AdditiveGroup, FftField, Field, batch_inversion};
use rayon::prelude::*;
use trifold_circuits::r1cs::{Matrix, R1cs};

use super::toxic::Toxic;

const CHUNK: usize = 1 << 12;

/// Discrete logarithms, section by section.
pub struct Scalars {
    pub a: Vec<Fr>,
    pub b: Vec<Fr>,
    pub gamma_abc: Vec<Fr>,
    pub l: Vec<Fr>,
    pub h: Vec<Fr>,
}

impl Scalars {
    /// Evaluates the polynomials of the quadratic arithmetic program at tau.
    pub fn new(r1cs: &R1cs, domain_size: usize, toxic: &Toxic) -> Self {
        let lagrange = lagrange(domain_size, 0, 1, domain_size, toxic.tau);
        let mut a = evaluate(&r1cs.a, &lagrange, r1cs.num_wires);
        let b = evaluate(&r1cs.b, &lagrange, r1cs.num_wires);
        let c = evaluate(&r1cs.c, &lagrange, r1cs.num_wires);
        // A row of its own for every public value keeps the public polynomials linearly independent.
        let rows = &lagrange[r1cs.num_constraints()..][..=r1cs.num_public()];
        a.iter_mut().zip(rows).for_each(|(a, row)| *a += row);
        let mut gamma_abc = combine(toxic, &a, &b, c);
        let mut l = gamma_abc.split_off(r1cs.num_public() + 1);
        let delta_inverse = toxic.delta.inverse().unwrap_or_default();
        l.par_iter_mut().for_each(|value| *value *= delta_inverse);
        let mut h = self::lagrange(2 * domain_size, 1, 2, domain_size, toxic.tau);
        h.par_iter_mut().for_each(|value| *value *= delta_inverse);
        Self {
            a,
            b,
            gamma_abc,
            l,
            h,
        }
    }

    /// Points of the key.
    pub fn num_points(&self) -> usize {
        self.a.len() + 2 * self.b.len() + self.gamma_abc.len() + self.l.len() + self.h.len()
    }
}

/// `beta u_i + alpha v_i + w_i` for every wire.
fn combine(toxic: &Toxic, a: &[Fr], b: &[Fr], mut c: Vec<Fr>) -> Vec<Fr> {
    let ab = a.par_iter().zip(b);
    let terms = c.par_iter_mut().zip(ab);
    terms.for_each(|(c, (a, b))| *c += toxic.beta * a + toxic.alpha * b);
    c
}

/// The value at tau of every wire's polynomial: the product of a transposed matrix and the Lagrange basis.
fn evaluate(matrix: &Matrix, lagrange: &[Fr], num_wires: usize) -> Vec<Fr> {
    let mut values = vec![Fr::ZERO; num_wires];
    for (row, basis) in lagrange.iter().enumerate().take(matrix.num_rows()) {
        for (wire, coefficient) in matrix.row(row) {
            values[wire] += match coefficient == Fr::ONE {
                true => *basis,
                false => coefficient * basis,
            };
        }
    }
    values
}

/// Lagrange basis of the domain of `size` points at tau, for the points `first, first + step, ...`, `count` of them:
/// `w^k (tau^size - 1) / (size (tau - w^k))`. Tau is outside the domain.
fn lagrange(size: usize, first: u64, step: u64, count: usize, tau: Fr) -> Vec<Fr> {
    let root = Fr::get_root_of_unity(size as u64).unwrap_or_default();
    let scale = (tau.pow([size as u64]) - Fr::ONE) / Fr::from(size as u64);
    let stride = root.pow([step]);
    let mut basis = vec![Fr::ZERO; count];
    let chunks = basis.par_chunks_mut(CHUNK).enumerate();
    chunks.for_each(|(index, chunk)| {
        let start = root.pow([first + step * (index * CHUNK) as u64]);
        let points = || std::iter::successors(Some(start), |point| Some(*point * stride));
        chunk
            .iter_mut()
            .zip(points())
            .for_each(|(value, point)| *value = tau - point);
        batch_inversion(chunk);
        chunk
            .iter_mut()
            .zip(points())
            .for_each(|(value, point)| *value *= scale * point);
    });
    basis
}

#[cfg(test)]
mod tests {
    use super::*;
    use ark_poly::{EvaluationDomain, Radix2EvaluationDomain};

    #[test]
    fn lagrange_bases_agree_with_arkworks() {
        let tau = Fr::from(1234567);
        let domain = Radix2EvaluationDomain::new(16).unwrap();
        let expected = domain.evaluate_all_lagrange_coefficients(tau);
        assert_eq!(lagrange(16, 0, 1, 16, tau), expected);
        let odd: Vec<Fr> = expected.into_iter().skip(1).step_by(2).collect();
        assert_eq!(lagrange(16, 1, 2, 8, tau), odd);
    }
}
