//! Public inputs as sums of signed powers of two.

use super::limbs::field;
use super::plan::WORD_BITS;
use ark_bn254::Fr;
use ark_ff::{Field, PrimeField};
use num_bigint::{BigInt, BigUint};

/// The digit words of x: every E below `2^bits` with `2E - (2^bits - 1) = x` modulo r, least first.
pub fn digit_words(x: Fr, bits: usize) -> impl Iterator<Item = BigUint> {
    let end = BigUint::from(1u32) << bits;
    let half = Fr::from(2u64).inverse().expect("2 is not 0");
    let shift: Fr = field(&BigInt::from(&end - 1u32));
    let first = BigUint::from(((x + shift) * half).into_bigint());
    let modulus = BigUint::from(Fr::MODULUS);
    std::iter::successors(Some(first), move |word| Some(word + &modulus))
        .take_while(move |word| *word < end)
}

/// The low `bits` bits of a digit word, low first.
pub fn digit_bits(word: &BigUint, bits: usize) -> Vec<bool> {
    (0..bits as u64).map(|i| word.bit(i)).collect()
}

/// The table entry and the sign that signed digits select: the last one is the sign, an entry's bit says which of the
/// others agree with it.
pub fn entry(digits: &[bool]) -> (usize, bool) {
    let Some((&sign, others)) = digits.split_last() else {
        return (0, true);
    };
    let agreeing = others.iter().enumerate();
    (
        agreeing
            .map(|(i, &digit)| usize::from(digit == sign) << i)
            .sum(),
        sign,
    )
}

/// The low 253 bits of a digit word and the rest.
pub fn header_words(word: &BigUint) -> [Fr; 2] {
    let low = word & &((BigUint::from(1u32) << WORD_BITS) - 1u32);
    [low, word >> WORD_BITS].map(|part| Fr::from_le_bytes_mod_order(&part.to_bytes_le()))
}
