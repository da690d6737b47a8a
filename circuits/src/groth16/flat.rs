//! Fq12 in the flat basis: polynomials in `w` modulo `w^12 - 18 w^6 + 82`, with `u = w^6 - 9`.

use super::curve::xi_power;
use ark_bn254::{Fq, Fq2, Fq6};
use ark_ff::{Field, One, PrimeField, Zero};
use num_bigint::BigUint;
use std::sync::LazyLock;

/// An element of Fq12: coefficients of `1, w, .., w^11`.
pub type Flat = [Fq; 12];

/// The element 1.
pub fn one() -> Flat {
    let mut value = [Fq::zero(); 12];
    value[0] = Fq::one();
    value
}

/// Product of two polynomials in `w`, not reduced.
pub fn multiply(a: &[Fq], b: &[Fq]) -> Vec<Fq> {
    let mut product = vec![Fq::zero(); a.len() + b.len() - 1];
    for (i, x) in a.iter().enumerate().filter(|(_, x)| !x.is_zero()) {
        for (j, y) in b.iter().enumerate() {
            product[i + j] += *x * y;
        }
    }
    product
}

/// Quotient (at least one coefficient) and remainder by `w^12 - 18 w^6 + 82`.
pub fn divide(mut polynomial: Vec<Fq>) -> (Vec<Fq>, Flat) {
    let quotient_len = polynomial.len().saturating_sub(12);
    let mut quotient = vec![Fq::zero(); quotient_len];
    let (low, middle) = (Fq::from(82u64), Fq::from(18u64));
    for i in (0..quotient_len).rev() {
        let lead = polynomial[i + 12];
        quotient[i] = lead;
        polynomial[i + 6] += middle * lead;
        polynomial[i] -= low * lead;
    }
    let mut remainder = [Fq::zero(); 12];
    for (target, value) in remainder.iter_mut().zip(polynomial) {
        *target = value;
    }
    (quotient, remainder)
}

/// Product in Fq12.
pub fn product(a: &[Fq], b: &[Fq]) -> Flat {
    divide(multiply(a, b)).1
}

/// `base^exponent`.
pub fn power(base: &Flat, exponent: &BigUint) -> Flat {
    let mut result = one();
    for i in (0..exponent.bits()).rev() {
        result = product(&result, &result);
        if exponent.bit(i) {
            result = product(&result, base);
        }
    }
    result
}

/// Conjugate over Fq6; inverse of the class in the torus.
pub fn conjugate(value: &Flat) -> Flat {
    std::array::from_fn(|i| if i % 2 == 0 { value[i] } else { -value[i] })
}

/// The element `c * w^k` for `c` in Fq2 and `k < 6`.
pub fn embed(c: Fq2, k: usize) -> Flat {
    let mut value = [Fq::zero(); 12];
    value[k] = c.c0 - Fq::from(9u64) * c.c1;
    value[k + 6] = c.c1;
    value
}

/// The torus form `1 + sum t_i w^(2i+1)` of the class of `value`; `None` when its even part is 0.
pub fn torus(value: &Flat) -> Option<Flat> {
    let inverse = even_part(value).inverse()?;
    let odd = embed_even(&inverse);
    Some(product(value, &odd))
}

/// The six odd coefficients of a torus form.
pub fn odd_coefficients(value: &Flat) -> [Fq; 6] {
    std::array::from_fn(|i| value[2 * i + 1])
}

fn even_part(value: &Flat) -> Fq6 {
    let coefficient = |k: usize| Fq2::new(value[k] + Fq::from(9u64) * value[k + 6], value[k + 6]);
    Fq6::new(coefficient(0), coefficient(2), coefficient(4))
}

fn embed_even(value: &Fq6) -> Flat {
    let mut sum = [Fq::zero(); 12];
    for (c, k) in [(value.c0, 0), (value.c1, 2), (value.c2, 4)] {
        for (target, part) in sum.iter_mut().zip(embed(c, k)) {
            *target += part;
        }
    }
    sum
}

/// `(w^j)^(q^k)` for k = 1, 2, 3 at index `[k - 1][j]`.
static FROBENIUS: LazyLock<[[Flat; 12]; 3]> = LazyLock::new(|| {
    std::array::from_fn(|index| {
        let base = xi_power(index as u32 + 1, 6);
        std::array::from_fn(|j| {
            let coefficient = base.pow([j as u64]);
            if j < 6 {
                embed(coefficient, j)
            } else {
                embed(coefficient * super::curve::XI, j - 6)
            }
        })
    })
});

/// The image of `w^j` under the q^k-power map, k in 1..=3.
pub fn frobenius_of_power(k: usize, j: usize) -> &'static Flat {
    &FROBENIUS[k - 1][j]
}

/// `value^(q^k)`, k in 1..=3.
pub fn frobenius(value: &Flat, k: usize) -> Flat {
    let mut sum = [Fq::zero(); 12];
    for (j, c) in value.iter().enumerate() {
        for (target, part) in sum.iter_mut().zip(frobenius_of_power(k, j)) {
            *target += *c * part;
        }
    }
    sum
}

/// Order `(q^6 + 1) / r` of the r-th powers in the torus.
pub fn residue_order() -> BigUint {
    (base_modulus().pow(6) + 1u32) / BigUint::from(ark_bn254::Fr::MODULUS)
}

/// `lambda = s + q - q^2 + q^3`.
pub fn lambda() -> BigUint {
    let q = base_modulus();
    let s = BigUint::from(super::curve::LOOP_PARAMETER) * 6u32 + 2u32;
    s + &q + q.pow(3) - q.pow(2)
}

/// `e_c`, the inverse of lambda modulo the order of the r-th powers.
pub static RESIDUE_EXPONENT: LazyLock<BigUint> = LazyLock::new(|| {
    lambda()
        .modinv(&residue_order())
        .expect("lambda is prime to the order")
});

fn base_modulus() -> BigUint {
    BigUint::from(Fq::MODULUS)
}
