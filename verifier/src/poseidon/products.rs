//! Sums of products of field elements that are reduced once: that of nine pairs takes little more than half of nine products.
//!
//! Montgomery's reduction word by word; before each, the products of all pairs for a word are added. Elements are arkworks', in
//! Montgomery form; r is the modulus.

use core::slice::from_ref;

use ark_bn254::{Fr, FrConfig};
use ark_ff::{BigInt, MontConfig, PrimeField};

const WORDS: usize = 4;
type Words = [u64; WORDS];

const MODULUS: Words = Fr::MODULUS.0;
const TWICE: Words = doubled(MODULUS);
/// -1/r modulo 2^64.
const INVERSE: u64 = FrConfig::INV;

/// Most pairs of a [`dot`].
pub const MAX_PAIRS: usize = super::MAX_INPUTS + 1;

/// `a b`.
#[inline(always)]
pub fn product(a: &Fr, b: &Fr) -> Fr {
    // Below 2r.
    element(less(&sum(&[0; WORDS], from_ref(a), from_ref(b)), &MODULUS))
}

/// `plus + a b`.
#[inline(always)]
pub fn sum_with(plus: &Fr, a: &Fr, b: &Fr) -> Fr {
    // Below 3r.
    let words = less(&sum(&plus.0.0, from_ref(a), from_ref(b)), &MODULUS);
    element(less(&words, &MODULUS))
}

/// `a_0 b_0 + a_1 b_1 + ...` of at most [`MAX_PAIRS`] pairs; those beyond are left out.
#[inline(always)]
pub fn dot(a: &[Fr], b: &[Fr]) -> Fr {
    // Below 5r.
    let words = less(&less(&sum(&[0; WORDS], a, b), &TWICE), &TWICE);
    element(less(&words, &MODULUS))
}

/// `plus + (a_0 b_0 + a_1 b_1 + ... + m r) / 2^256` for the m below 2^256 with which the division leaves nothing. Since r is below
/// 0.19 of 2^256, that is below `plus + (0.19 N + 1) r` for N pairs, and with a `plus` below r and up to [`MAX_PAIRS`] below 2^256.
#[inline(always)]
fn sum(plus: &Words, a: &[Fr], b: &[Fr]) -> Words {
    let (mut words, mut above) = ([0; WORDS], 0);
    for place in 0..WORDS {
        let mut top = u128::from(above);
        for (a, b) in a.iter().zip(b).take(MAX_PAIRS) {
            let carry = add_multiple(&mut words, a.0.0[place], &b.0.0);
            top = top.wrapping_add(u128::from(carry));
        }
        // Makes the lowest word 0, which is then dropped.
        let factor = words[0].wrapping_mul(INVERSE);
        let carry = add_multiple(&mut words, factor, &MODULUS);
        top = top.wrapping_add(u128::from(carry));
        words = [words[1], words[2], words[3], top as u64];
        above = (top >> 64) as u64;
    }
    both(&words, plus)
}

/// Adds `factor b` and gives the word above.
#[inline(always)]
fn add_multiple(words: &mut Words, factor: u64, b: &Words) -> u64 {
    let mut carry = 0;
    for (word, b) in words.iter_mut().zip(b) {
        // At most (2^64 - 1)^2 + 2 (2^64 - 1) = 2^128 - 1.
        let wide = u128::from(factor).wrapping_mul(u128::from(*b));
        let wide = wide.wrapping_add(u128::from(*word)).wrapping_add(carry);
        *word = wide as u64;
        carry = wide >> 64;
    }
    carry as u64
}

/// `a + b`, if that is below 2^256.
#[inline(always)]
fn both(a: &Words, b: &Words) -> Words {
    let mut carry = false;
    core::array::from_fn(|place| {
        let (word, first) = a[place].overflowing_add(b[place]);
        let (word, second) = word.overflowing_add(u64::from(carry));
        carry = first | second;
        word
    })
}

/// `a - b`, or `a` if that is less; without a branch.
#[inline(always)]
fn less(a: &Words, b: &Words) -> Words {
    let mut borrow = false;
    let difference: Words = core::array::from_fn(|place| {
        let (word, first) = a[place].overflowing_sub(b[place]);
        let (word, second) = word.overflowing_sub(u64::from(borrow));
        borrow = first | second;
        word
    });
    let keep = 0u64.wrapping_sub(u64::from(borrow));
    core::array::from_fn(|place| (difference[place] & !keep) | (a[place] & keep))
}

/// The element of these words, which are below r.
#[inline(always)]
fn element(words: Words) -> Fr {
    Fr::new_unchecked(BigInt(words))
}

const fn doubled(a: Words) -> Words {
    [
        a[0] << 1,
        a[1] << 1 | a[0] >> 63,
        a[2] << 1 | a[1] >> 63,
        a[3] << 1 | a[2] >> 63,
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use ark_ff::AdditiveGroup;

    /// The element of the largest words, those of the smallest, and some between.
    fn elements() -> [Fr; MAX_PAIRS] {
        let mut next = Fr::from(0x9e37_79b9_7f4a_7c15u64);
        core::array::from_fn(|place| match place {
            0 => element([MODULUS[0] - 1, MODULUS[1], MODULUS[2], MODULUS[3]]),
            1 => Fr::ZERO,
            2 => element([1, 0, 0, 0]),
            _ => {
                next = next * next + Fr::from(place as u64);
                next
            }
        })
    }

    #[test]
    fn products_and_sums_are_those_of_the_field() {
        for a in elements() {
            for b in elements() {
                assert_eq!(product(&a, &b), a * b);
                for plus in elements() {
                    assert_eq!(sum_with(&plus, &a, &b), plus + a * b);
                }
            }
        }
    }

    #[test]
    fn sums_of_the_largest_and_of_others_are_reduced() {
        let largest = [elements()[0]; MAX_PAIRS];
        let wanted: Fr = largest.iter().map(|a| *a * a).sum();
        assert_eq!(dot(&largest, &largest), wanted);
        let (a, mut b) = (elements(), elements());
        for _ in 0..MAX_PAIRS {
            b.rotate_left(1);
            let wanted: Fr = a.iter().zip(&b).map(|(a, b)| *a * b).sum();
            assert_eq!(dot(&a, &b), wanted);
        }
    }
}
