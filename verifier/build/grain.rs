//! The Grain LFSR in self-shrinking mode that fixes Poseidon's constants (Poseidon paper, appendix E).
//!
//! The build script derives tables with it; with the feature `derive-constants` the library does, when it first hashes.

use super::scalar::Scalar;

const FIELD_BITS: u64 = 254;

/// Bits of the state.
const STATE_BITS: u32 = 80;
/// Bits made at once: tap 62 reaches the state's end after 18 steps, and pairs are not to be split.
const BATCH_BITS: u32 = 16;

pub struct Grain {
    /// The oldest bit is the lowest.
    state: u128,
    /// Bits that came through the shrinking, the next one lowest, and their number.
    ready: u32,
    ready_bits: u32,
}

impl Grain {
    /// The generator for a prime field, S-box x^5 and a state of `t` elements.
    pub fn new(t: u64, full_rounds: u64, partial_rounds: u64) -> Self {
        const PRIME_FIELD: u64 = 1;
        const POWER_SBOX: u64 = 0;
        let fields = [
            (PRIME_FIELD, 2),
            (POWER_SBOX, 4),
            (FIELD_BITS, 12),
            (t, 12),
            (full_rounds, 10),
            (partial_rounds, 10),
            ((1 << 30) - 1, 30),
        ];
        let bits = fields
            .iter()
            .flat_map(|&(value, width)| (0..width).rev().map(move |i| value >> i & 1));
        let state = bits
            .enumerate()
            .fold(0, |state, (at, bit)| state | u128::from(bit) << at);
        let mut grain = Self {
            state,
            ready: 0,
            ready_bits: 0,
        };
        (0..160 / BATCH_BITS).for_each(|_| _ = grain.batch());
        grain
    }

    /// A field element by rejection: integers not below r are thrown away.
    pub fn round_constant(&mut self) -> Scalar {
        loop {
            let integer = self.integer();
            if Scalar::is_canonical(integer) {
                return Scalar::from_integer(integer);
            }
        }
    }

    /// A field element by reduction, as the paper's reference generator draws the MDS matrix.
    pub fn matrix_seed(&mut self) -> Scalar {
        Scalar::from_integer(self.integer())
    }

    fn integer(&mut self) -> [u64; 4] {
        let mut limbs = [0; 4];
        for i in (0..FIELD_BITS as usize).rev() {
            limbs[i / 64] |= u64::from(self.bit()) << (i % 64);
        }
        limbs
    }

    fn bit(&mut self) -> bool {
        while self.ready_bits == 0 {
            let batch = self.batch();
            for byte in [batch & 0xff, batch >> 8] {
                let kept = SHRUNK[byte as usize];
                self.ready |= u32::from(kept) << self.ready_bits;
                self.ready_bits += (byte & KEEP_FLAGS).count_ones();
            }
        }
        let bit = self.ready & 1 == 1;
        self.ready >>= 1;
        self.ready_bits -= 1;
        bit
    }

    /// The next bits, the first one lowest.
    fn batch(&mut self) -> u32 {
        let taps = [62, 51, 38, 23, 13, 0];
        let fresh = taps
            .iter()
            .fold(0, |sum, tap| sum ^ (self.state >> tap) as u32);
        let fresh = fresh & ((1 << BATCH_BITS) - 1);
        self.state = self.state >> BATCH_BITS | u128::from(fresh) << (STATE_BITS - BATCH_BITS);
        fresh
    }
}

/// The first bit of each pair, which says whether the second is kept.
const KEEP_FLAGS: u32 = 0b0101_0101;

/// What is left of four pairs, the first pair and the first kept bit lowest.
const SHRUNK: [u8; 256] = {
    let (mut table, mut byte) = ([0; 256], 0);
    while byte < 256 {
        let (mut pair, mut kept) = (0, 0);
        while pair < 4 {
            let bits = byte >> (2 * pair);
            if bits & 1 == 1 {
                table[byte] |= ((bits >> 1 & 1) as u8) << kept;
                kept += 1;
            }
            pair += 1;
        }
        byte += 1;
    }
    table
};
