//! Sums of products in the scalar field of BN254 with one reduction for all of them.
//!
//! Elements are in Montgomery form with R = 2^256. A product of two is below r^2 < 2^507.2, so [`MAX_TERMS`] of them fit 512
//! bits, and after the reduction, which divides by R, the sum is below `(MAX_TERMS r / R + 1) r < 8 r`.

use ark_bn254::{Fr, FrConfig};
use ark_ff::{BigInt, MontConfig, PrimeField};

/// Most products that one [`Wide`] may take.
pub const MAX_TERMS: usize = 27;

const MODULUS: [u64; 4] = Fr::MODULUS.0;

/// r, 2 r and 4 r.
const MULTIPLES: [[u64; 4]; 3] = {
    let double = twice(MODULUS);
    [MODULUS, double, twice(double)]
};

/// An unreduced sum of products.
#[derive(Clone, Copy, Default)]
pub struct Wide([u64; 8]);

impl Wide {
    /// Adds `a b`; no more than [`MAX_TERMS`] times.
    #[inline(always)]
    pub fn add_product(&mut self, a: &Fr, b: &Fr) {
        let mut product = [0; 8];
        for (i, limb) in a.0.0.iter().enumerate() {
            add_row(&mut product[i..], *limb, &b.0.0);
        }
        let mut carry = false;
        for (limb, other) in self.0.iter_mut().zip(product) {
            (*limb, carry) = add(*limb, other, carry);
        }
    }

    /// Adds the products of two sequences, element by element.
    #[inline(always)]
    pub fn add_products(&mut self, a: &[Fr], b: &[Fr]) {
        a.iter().zip(b).for_each(|(a, b)| self.add_product(a, b));
    }

    /// The sum as a field element (Montgomery's reduction).
    #[inline(always)]
    pub fn reduce(mut self) -> Fr {
        let mut carry = 0;
        for i in 0..4 {
            let factor = self.0[i].wrapping_mul(FrConfig::INV);
            let top = std::mem::take(&mut self.0[i + 4]);
            add_row(&mut self.0[i..], factor, &MODULUS);
            let sum = u128::from(self.0[i + 4]) + u128::from(top) + u128::from(carry);
            (self.0[i + 4], carry) = (sum as u64, (sum >> 64) as u64);
        }
        let [_, _, _, _, sum @ ..] = self.0;
        let sum = MULTIPLES.iter().rev().fold(sum, subtract_if_not_above);
        Fr::new_unchecked(BigInt(sum))
    }
}

/// Adds `factor row` to the first four limbs and its overflow to the fifth, which must be 0 before: two chains of carries, one for the low
/// halves of the products and one for the high ones.
#[inline(always)]
fn add_row(sum: &mut [u64], factor: u64, row: &[u64; 4]) {
    let products = row.map(|limb| u128::from(factor) * u128::from(limb));
    let (mut low, mut high) = (false, false);
    for (j, product) in products.iter().enumerate() {
        (sum[j], low) = add(sum[j], *product as u64, low);
    }
    for (j, product) in products[..3].iter().enumerate() {
        (sum[j + 1], high) = add(sum[j + 1], (*product >> 64) as u64, high);
    }
    // No overflow: the sum is below 2^256 + 2^64 (2^256 - 1) < 2^320.
    sum[4] = ((products[3] >> 64) as u64)
        .wrapping_add(low.into())
        .wrapping_add(high.into());
}

#[inline(always)]
fn subtract_if_not_above(value: [u64; 4], amount: &[u64; 4]) -> [u64; 4] {
    let mut rest = [0; 4];
    let mut borrow = false;
    for i in 0..4 {
        let (partial, first) = value[i].overflowing_sub(amount[i]);
        let (limb, second) = partial.overflowing_sub(borrow.into());
        (rest[i], borrow) = (limb, first | second);
    }
    if borrow { value } else { rest }
}

#[inline(always)]
fn add(a: u64, b: u64, carry: bool) -> (u64, bool) {
    let (sum, first) = a.overflowing_add(b);
    let (sum, second) = sum.overflowing_add(carry.into());
    (sum, first | second)
}

const fn twice([a, b, c, d]: [u64; 4]) -> [u64; 4] {
    [a << 1, b << 1 | a >> 63, c << 1 | b >> 63, d << 1 | c >> 63]
}

#[cfg(test)]
mod tests {
    use super::*;
    use ark_ff::{AdditiveGroup, Field};

    fn reduced(a: &[Fr], b: &[Fr]) -> Fr {
        let mut sum = Wide::default();
        sum.add_products(a, b);
        sum.reduce()
    }

    #[test]
    fn sums_of_products_are_those_of_the_field_up_to_the_most_terms() {
        let largest = -Fr::ONE;
        // All limbs of the Montgomery form are as large as they get.
        let raw = Fr::new_unchecked(BigInt({
            let [low, rest @ ..] = MODULUS;
            let [a, b, c] = rest;
            [low - 1, a, b, c]
        }));
        for element in [largest, raw, Fr::ZERO, Fr::ONE, Fr::from(u64::MAX)] {
            for count in [0, 1, 2, 5, MAX_TERMS] {
                let terms = vec![element; count];
                let expected = element.square() * Fr::from(count as u64);
                assert_eq!(reduced(&terms, &terms), expected, "{count}");
            }
        }
        let mixed: Vec<Fr> = (0..MAX_TERMS as u64)
            .map(|i| Fr::from(i + 3).pow([91 + i]))
            .collect();
        let expected: Fr = mixed
            .iter()
            .zip(mixed.iter().rev())
            .map(|(a, b)| *a * b)
            .sum();
        let reversed: Vec<Fr> = mixed.iter().rev().copied().collect();
        assert_eq!(reduced(&mixed, &reversed), expected);
    }
}
