//! The quotient polynomial's values where the key's H section has its points.
//!
//! With `a`, `b`, `c` interpolating `A w`, `B w`, `C w` over the domain, `a b - c = h t`. The key holds the Lagrange
//! basis of the domain of twice the size at its odd points, and `a b - c` is zero at the even ones, so its values at
//! the odd points are all the scalars there are. A satisfying witness has `C w = A w * B w`, row by row.

use ark_bn254::Fr;
use ark_ff::{FftField, Field};
use ark_poly::{EvaluationDomain, Radix2EvaluationDomain};
use rayon::prelude::*;

/// The domain and the odd points of the domain of twice the size.
pub struct Quotient {
    domain: Radix2EvaluationDomain<Fr>,
    odd: Radix2EvaluationDomain<Fr>,
}

impl Quotient {
    /// For a domain size that the key's parser has accepted, so both domains exist.
    pub fn new(domain_size: usize) -> Self {
        let domain = domain(domain_size);
        let root = Fr::get_root_of_unity(2 * domain_size as u64).unwrap_or(Fr::ONE);
        let odd = domain.get_coset(root).unwrap_or(domain);
        Self { domain, odd }
    }

    /// `a b - c` at the odd points, from the rows of `A w` and `B w`.
    pub fn evaluate(&self, mut a: Vec<Fr>, mut b: Vec<Fr>) -> Vec<Fr> {
        let mut c: Vec<Fr> = a.par_iter().zip(&b).map(|(a, b)| *a * b).collect();
        for values in [&mut a, &mut b, &mut c] {
            self.domain.ifft_in_place(values);
            self.odd.fft_in_place(values);
        }
        let bc = b.par_iter().zip(&c);
        a.par_iter_mut()
            .zip(bc)
            .for_each(|(a, (b, c))| *a = *a * b - c);
        a
    }
}

fn domain(size: usize) -> Radix2EvaluationDomain<Fr> {
    Radix2EvaluationDomain::new(size).expect("the key's parser accepts no bigger domain")
}
