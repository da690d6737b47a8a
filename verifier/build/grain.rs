//! The Grain LFSR in self-shrinking mode that fixes Poseidon's constants (Poseidon paper, appendix E).

use super::scalar::Scalar;

const FIELD_BITS: u64 = 254;

pub struct Grain {
    state: [bool; 80],
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
            .flat_map(|&(value, width)| (0..width).rev().map(move |i| value >> i & 1 == 1));
        let mut state = [false; 80];
        state
            .iter_mut()
            .zip(bits)
            .for_each(|(cell, bit)| *cell = bit);
        let mut grain = Self { state };
        (0..160).for_each(|_| _ = grain.step());
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

    /// Of each pair of bits, the second if the first is set.
    fn bit(&mut self) -> bool {
        loop {
            let (keep, bit) = (self.step(), self.step());
            if keep {
                return bit;
            }
        }
    }

    fn step(&mut self) -> bool {
        let bit = [62, 51, 38, 23, 13, 0]
            .iter()
            .fold(false, |acc, &i| acc ^ self.state[i]);
        self.state.rotate_left(1);
        self.state[79] = bit;
        bit
    }
}
