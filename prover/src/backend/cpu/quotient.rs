//! The quotient polynomial's values where the key's H section has its points.
//!
//! With `a`, `b`, `c` interpolating `A w`, `B w`, `C w` over the domain, `a b - c = h t`. The key holds the Lagrange
//! basis of the domain of twice the size at its odd points, and `a b - c` is zero at the even ones, so its values at
//! the odd points are all the scalars there are. A satisfying witness has `C w = A w * B w`, row by row.

use ark_bn254::Fr;
use ark_ff::{FftField, Field};
use rayon::prelude::*;

use super::ntt::CosetTransform;

/// The way from the domain to the odd points of the domain of twice the size.
pub struct Quotient {
    odd: CosetTransform,
}

impl Quotient {
    /// For a domain size that the key's parser has accepted, so both domains exist.
    pub fn new(domain_size: usize) -> Self {
        let root = Fr::get_root_of_unity(2 * domain_size as u64).unwrap_or(Fr::ONE);
        let odd = CosetTransform::new(domain_size, root);
        Self { odd }
    }

    /// `a b - c` at the odd points, from the rows of `A w` and `B w`.
    pub fn evaluate(&self, mut a: Vec<Fr>, mut b: Vec<Fr>) -> Vec<Fr> {
        let mut c: Vec<Fr> = a.par_iter().zip(&b).map(|(a, b)| *a * b).collect();
        [&mut a, &mut b, &mut c]
            .into_par_iter()
            .for_each(|values| self.odd.apply(values));
        let bc = b.par_iter().zip(&c);
        a.par_iter_mut()
            .zip(bc)
            .for_each(|(a, (b, c))| *a = *a * b - c);
        a
    }
}
