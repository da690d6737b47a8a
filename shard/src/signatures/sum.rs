//! A sum of multiples of many points (Pippenger's buckets, signed digits).

use super::point::{Point, Prepared};
use ark_ff::{BigInt, BigInteger};

/// Bits of the short multipliers and of the long ones: the group order has 251.
const SHORT_BITS: usize = 128;
const LONG_BITS: usize = 251;
/// Widest window, in bits.
const MAX_WINDOW_BITS: usize = 12;

type Term = (Prepared, BigInt<4>);

/// The sum of multiples by less than 2^128 and of multiples by less than 2^251.
pub fn of_multiples(short: &[Term], long: &[Term]) -> Point {
    let bits = window_bits(short.len() + long.len());
    // Signed digits may carry one bit beyond the last.
    let windows = |multiplier_bits: usize| (multiplier_bits + 1).div_ceil(bits);
    let (of_short, of_long) = (windows(SHORT_BITS), windows(LONG_BITS));
    let digits = [(short, of_short), (long, of_long)].map(|(terms, windows)| {
        let digits = terms
            .iter()
            .map(|(_, multiplier)| signed_digits(multiplier, bits, windows));
        digits.collect::<Vec<_>>()
    });
    let mut sum = Point::NEUTRAL;
    for window in (0..of_long).rev() {
        (0..bits).for_each(|_| sum.double());
        let mut buckets = vec![Point::NEUTRAL; 1 << (bits - 1)];
        for (terms, digits) in [short, long].iter().zip(&digits) {
            for ((point, _), digits) in terms.iter().zip(digits) {
                let digit = digits.get(window).copied().unwrap_or(0);
                if digit != 0 {
                    let bucket = usize::from(digit.unsigned_abs()) - 1;
                    buckets[bucket].add(point, digit > 0);
                }
            }
        }
        sum.add_point(&weighted(&buckets));
    }
    sum
}

/// `1 b[0] + 2 b[1] + ..`.
fn weighted(buckets: &[Point]) -> Point {
    let (mut running, mut sum) = (Point::NEUTRAL, Point::NEUTRAL);
    for bucket in buckets.iter().rev() {
        running.add_point(bucket);
        sum.add_point(&running);
    }
    sum
}

/// Balances the additions into buckets, one per term and window, with those of [`weighted`], 2^bits per window.
fn window_bits(terms: usize) -> usize {
    let cost = |bits: &usize| (terms + (1 << bits)) / bits;
    (2..=MAX_WINDOW_BITS).min_by_key(cost).unwrap_or(2)
}

/// Digits to base 2^bits between -2^(bits-1) and 2^(bits-1), least significant first.
fn signed_digits(multiplier: &BigInt<4>, bits: usize, windows: usize) -> Vec<i16> {
    let mut carry = 0;
    let digits = (0..windows).map(|window| {
        let first = window * bits;
        let digit = window_of(multiplier, first, bits) + carry;
        carry = i32::from(digit > 1 << (bits - 1));
        (digit - (carry << bits)) as i16
    });
    digits.collect()
}

fn window_of(multiplier: &BigInt<4>, first: usize, bits: usize) -> i32 {
    debug_assert!(bits <= MAX_WINDOW_BITS && multiplier.num_bits() <= 254);
    let limb = |i: usize| u128::from(multiplier.0.get(i).copied().unwrap_or(0));
    let pair = limb(first / 64) | limb(first / 64 + 1) << 64;
    (pair >> (first % 64) & ((1 << bits) - 1)) as i32
}
