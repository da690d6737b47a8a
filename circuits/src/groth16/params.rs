//! The free parameters of the scheme.

use num_bigint::BigInt;

/// Bits of a committed number: the sum of its limb widths.
pub const NUMBER_BITS: usize = 254;

/// Whether the verifying key is read by the circuit or built into it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Every part of the key is an input, bound by one digest.
    Witness,
    /// Every part of the key is a constant of the circuit.
    Constant,
}

impl Mode {
    /// One letter, used in names of files and in the transcript's initial value.
    pub fn letter(self) -> char {
        match self {
            Mode::Witness => 'a',
            Mode::Constant => 'b',
        }
    }
}

/// Widths that fix the representation of numbers and the statistical error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Params {
    /// Bits of one limb of a committed number.
    pub limb_bits: usize,
    /// Bits of a random coefficient.
    pub coefficient_bits: usize,
    /// Limbs of the evaluation point z.
    pub challenge_limbs: usize,
    /// Limbs covered by one word of a verifying-key number.
    pub word_limbs: usize,
    /// Limbs covered by one limb of a quotient.
    pub quotient_limbs: usize,
}

impl Params {
    /// The parameters of every deployed circuit: a statistical error of about 2^-118.
    pub const DEPLOYED: Params = Params {
        limb_bits: 15,
        coefficient_bits: 120,
        challenge_limbs: 9,
        word_limbs: 6,
        quotient_limbs: 5,
    };

    /// Limbs of a committed number.
    pub fn limbs(&self) -> usize {
        NUMBER_BITS.div_ceil(self.limb_bits)
    }

    /// Widths in bits of the limbs of a committed number, low first.
    pub fn widths(&self) -> Vec<usize> {
        cut(NUMBER_BITS, self.limb_bits)
    }

    /// Widths in bits of the words of a verifying-key number, low first.
    pub fn word_widths(&self) -> Vec<usize> {
        cut(NUMBER_BITS, self.limb_bits * self.word_limbs)
    }

    /// Widths in bits of the limbs of z, low first.
    pub fn challenge_widths(&self) -> Vec<usize> {
        vec![self.limb_bits; self.challenge_limbs]
    }

    /// Bits of a challenge word that make up z.
    pub fn challenge_bits(&self) -> usize {
        self.limb_bits * self.challenge_limbs
    }
}

/// `total` cut into pieces of `width`, the last one taking what is left.
pub fn cut(total: usize, width: usize) -> Vec<usize> {
    let full = total.div_ceil(width) - 1;
    let mut widths = vec![width; full];
    widths.push(total - width * full);
    widths
}

/// What is added to signed digits of these widths to make them unsigned: half of each, at its place.
pub fn offset(widths: &[usize]) -> BigInt {
    let mut position = 0;
    let mut sum = BigInt::ZERO;
    for width in widths {
        sum += BigInt::from(1) << (position + width - 1);
        position += width;
    }
    sum
}
