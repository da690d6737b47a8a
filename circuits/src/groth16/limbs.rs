//! Integers cut into signed digits.

use super::params::{NUMBER_BITS, Params, cut, offset};
use ark_bn254::Fq;
use ark_ff::{BigInteger, PrimeField};
use num_bigint::{BigInt, BigUint, Sign};

/// The modulus q of the proof's base field.
pub fn base_modulus() -> BigInt {
    BigInt::from(BigUint::from(Fq::MODULUS))
}

/// The canonical integer of a field element.
pub fn integer<F: PrimeField>(value: F) -> BigInt {
    BigInt::from_bytes_le(Sign::Plus, &value.into_bigint().to_bytes_le())
}

/// The class of an integer in a prime field.
pub fn field<F: PrimeField>(value: &BigInt) -> F {
    let (sign, bytes) = value.to_bytes_le();
    let magnitude = F::from_le_bytes_mod_order(&bytes);
    if sign == Sign::Minus {
        -magnitude
    } else {
        magnitude
    }
}

/// Signed digits of `value`, digit i in `[-2^(widths[i]-1), 2^(widths[i]-1))`, low first; `None` when it is out of range.
pub fn signed_digits(value: &BigInt, widths: &[usize]) -> Option<Vec<i128>> {
    let unsigned = value + offset(widths);
    let bits: usize = widths.iter().sum();
    if unsigned.sign() == Sign::Minus || unsigned.bits() as usize > bits {
        return None;
    }
    let digits = unsigned_digits(&unsigned.to_u64_digits().1, widths);
    Some(
        digits
            .iter()
            .zip(widths)
            .map(|(&digit, width)| digit as i128 - (1i128 << (width - 1)))
            .collect(),
    )
}

/// Digits of the little-endian `words`, digit i having `widths[i]` <= 126 bits.
pub fn unsigned_digits(words: &[u64], widths: &[usize]) -> Vec<u128> {
    let mut position = 0;
    let mut digits = Vec::with_capacity(widths.len());
    for &width in widths {
        digits.push(bits_at(words, position, width));
        position += width;
    }
    digits
}

fn bits_at(words: &[u64], position: usize, width: usize) -> u128 {
    let word = |i: usize| words.get(i).copied().unwrap_or(0) as u128;
    let (index, shift) = (position / 64, position % 64);
    let low = word(index) | word(index + 1) << 64;
    let high = if shift == 0 {
        0
    } else {
        word(index + 2) << (128 - shift)
    };
    (low >> shift | high) & ((1u128 << width) - 1)
}

/// How field elements become the digits that a circuit reads.
#[derive(Clone, Debug)]
pub struct NumberCode {
    widths: Vec<usize>,
    offset: <Fq as PrimeField>::BigInt,
    greatest: <Fq as PrimeField>::BigInt,
}

impl NumberCode {
    /// The code of committed numbers.
    pub fn number(params: &Params) -> Self {
        Self::new(params.widths())
    }

    /// The code of verifying-key numbers.
    pub fn word(params: &Params) -> Self {
        Self::new(params.word_widths())
    }

    fn new(widths: Vec<usize>) -> Self {
        let offset = offset(&widths);
        let greatest = (BigInt::from(1) << NUMBER_BITS) - 1 - &offset;
        Self {
            widths,
            offset: limbs_of(&offset),
            greatest: limbs_of(&greatest),
        }
    }

    /// Widths of the digits, low first.
    pub fn widths(&self) -> &[usize] {
        &self.widths
    }

    /// The unsigned 254-bit image: the representative of `value` that fits, plus the offset.
    pub fn encode(&self, value: Fq) -> <Fq as PrimeField>::BigInt {
        let mut image = value.into_bigint();
        if image <= self.greatest {
            image.add_with_carry(&self.offset);
        } else {
            image.add_with_carry(&self.offset);
            image.sub_with_borrow(&Fq::MODULUS);
        }
        image
    }

    /// The unsigned digits of the image.
    pub fn unsigned(&self, value: Fq) -> Vec<u128> {
        unsigned_digits(self.encode(value).as_ref(), &self.widths)
    }

    /// The signed digits: unsigned ones less half their range.
    pub fn signed(&self, value: Fq) -> Vec<i128> {
        let unsigned = self.unsigned(value);
        unsigned
            .iter()
            .zip(&self.widths)
            .map(|(&digit, width)| digit as i128 - (1i128 << (width - 1)))
            .collect()
    }
}

fn limbs_of(value: &BigInt) -> <Fq as PrimeField>::BigInt {
    let mut limbs = <Fq as PrimeField>::BigInt::default();
    for (limb, digit) in limbs.0.iter_mut().zip(value.iter_u64_digits()) {
        *limb = digit;
    }
    limbs
}

/// Limb polynomial of a constant: itself when below 2^16 in absolute value, otherwise its centred digits.
pub fn constant_limbs(value: Fq, params: &Params) -> Vec<i128> {
    let mut centred = integer(value);
    let modulus = base_modulus();
    if &centred * 2 > modulus {
        centred -= modulus;
    }
    if centred.bits() <= 16 {
        return vec![i128::try_from(&centred).expect("at most 16 bits")];
    }
    let mut widths = params.widths();
    *widths.last_mut().expect("a number has limbs") = params.limb_bits;
    signed_digits(&centred, &widths).expect("a centred residue has 253 bits")
}

/// Limbs of q: centred digits with the top one left large.
pub fn modulus_limbs(params: &Params) -> Vec<i128> {
    let mut widths = cut(NUMBER_BITS, params.limb_bits);
    *widths.last_mut().expect("a number has limbs") = params.limb_bits + 20;
    signed_digits(&base_modulus(), &widths).expect("q fits its widths")
}
