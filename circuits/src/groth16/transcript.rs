//! The Fiat-Shamir transcript: a sponge over Poseidon with 17 lanes, and bits packed into its words.

use super::limbs::unsigned_digits;
use super::plan::WORD_BITS;
use ark_bn254::Fr;
use ark_ff::{BigInt, PrimeField, Zero};
use trifold_verifier::poseidon::permute;

const LANES: usize = 17;
const RATE: usize = LANES - 1;

/// Overwrite-mode sponge: lane 0 is the capacity, lanes 1..=16 are the rate.
#[derive(Clone, Debug)]
pub struct Sponge([Fr; LANES]);

impl Sponge {
    /// A sponge whose capacity starts as `initial`.
    pub fn new(initial: Fr) -> Self {
        let mut state = [Fr::zero(); LANES];
        state[0] = initial;
        Self(state)
    }

    /// Absorbs words, zero-padded to whole blocks of 16.
    pub fn absorb(&mut self, words: &[Fr]) {
        for block in words.chunks(RATE) {
            self.block(block);
        }
    }

    /// The first `count` words of the rate, of as many permutations of zero blocks as that takes.
    pub fn squeeze(&mut self, count: usize) -> Vec<Fr> {
        let mut words = self.0[1..].to_vec();
        while words.len() < count {
            self.block(&[]);
            words.extend_from_slice(&self.0[1..]);
        }
        words.truncate(count);
        words
    }

    fn block(&mut self, block: &[Fr]) {
        self.0[1..].fill(Fr::zero());
        self.0[1..=block.len()].copy_from_slice(block);
        permute(&mut self.0);
    }
}

/// Values laid end to end as bits, low first.
#[derive(Clone, Debug, Default)]
pub struct BitStream {
    limbs: Vec<u64>,
    bits: usize,
}

impl BitStream {
    /// Appends the low `bits` bits of a little-endian value; bits above must be 0.
    pub fn push(&mut self, value: &[u64], bits: usize) {
        let (index, shift) = (self.bits / 64, self.bits % 64);
        self.bits += bits;
        self.limbs.resize(self.bits.div_ceil(64) + 1, 0);
        for (i, &word) in value.iter().enumerate().take(bits.div_ceil(64)) {
            self.limbs[index + i] |= word << shift;
            if shift > 0 {
                self.limbs[index + i + 1] |= word >> (64 - shift);
            }
        }
    }

    /// The stream cut into words of 253 bits.
    pub fn words(&self) -> Vec<Fr> {
        (0..self.bits.div_ceil(WORD_BITS))
            .map(|i| word_at(&self.limbs, i * WORD_BITS))
            .collect()
    }
}

fn word_at(limbs: &[u64], position: usize) -> Fr {
    let (index, shift) = (position / 64, position % 64);
    let at = |i: usize| limbs.get(i).copied().unwrap_or(0);
    let above = |i: usize| {
        if shift == 0 {
            0
        } else {
            at(i + 1) << (64 - shift)
        }
    };
    let mut word = [0, 1, 2, 3].map(|i| at(index + i) >> shift | above(index + i));
    word[3] &= (1 << (WORD_BITS - 192)) - 1;
    Fr::new(BigInt(word))
}

/// Whether the circuit can decompose a squeezed word: its top 32 of 254 bits are below those of r.
pub fn is_decomposable(word: &Fr) -> bool {
    top_bits(&word.into_bigint()) < top_bits(&Fr::MODULUS)
}

fn top_bits(value: &BigInt<4>) -> u64 {
    value.0[3] >> (222 - 192)
}

/// Challenges of `bits` bits each from the low 253 bits of the words, less half their range; `None` when a word is not
/// decomposable.
pub fn coefficients(words: &[Fr], bits: usize, count: usize) -> Option<Vec<i128>> {
    let mut stream = BitStream::default();
    for word in words {
        is_decomposable(word).then_some(())?;
        let mut limbs = word.into_bigint().0;
        limbs[3] &= (1 << (WORD_BITS - 192)) - 1;
        stream.push(&limbs, WORD_BITS);
    }
    let digits = unsigned_digits(&stream.limbs, &vec![bits; count]);
    Some(
        digits
            .iter()
            .map(|&digit| digit as i128 - (1i128 << (bits - 1)))
            .collect(),
    )
}
