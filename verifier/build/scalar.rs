//! BN254's scalar field on four 64-bit limbs in Montgomery form, just enough to derive Poseidon's constants.

const MODULUS: [u64; 4] = [
    0x43e1f593f0000001,
    0x2833e84879b97091,
    0xb85045b68181585d,
    0x30644e72e131a029,
];
/// -1/r mod 2^64.
const NEGATED_INVERSE: u64 = 0xc2e1f593efffffff;

#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub struct Scalar([u64; 4]);

impl Scalar {
    /// The integer with these limbs (low first) modulo r.
    pub fn from_integer(limbs: [u64; 4]) -> Self {
        let mut value = Self(limbs);
        while value.0.iter().rev().ge(MODULUS.iter().rev()) {
            value.0 = subtract(value.0, MODULUS).0;
        }
        // Times 2^256, by doubling.
        (0..256).fold(value, |v, _| v.add(v))
    }

    /// Whether an integer is below r, that is, canonical.
    pub fn is_canonical(limbs: [u64; 4]) -> bool {
        subtract(limbs, MODULUS).1
    }

    pub fn one() -> Self {
        Self::from_integer([1, 0, 0, 0])
    }

    /// Limbs of the Montgomery form, low first.
    pub fn montgomery_limbs(self) -> [u64; 4] {
        self.0
    }

    pub fn add(self, other: Self) -> Self {
        let mut sum = [0; 4];
        let mut carry = 0;
        for (i, limb) in sum.iter_mut().enumerate() {
            let wide = u128::from(self.0[i]) + u128::from(other.0[i]) + carry;
            *limb = wide as u64;
            carry = wide >> 64;
        }
        // 2r < 2^256, so nothing is carried out.
        reduce_once(sum)
    }

    pub fn negate(self) -> Self {
        reduce_once(subtract(MODULUS, self.0).0)
    }

    pub fn mul(self, other: Self) -> Self {
        let mut acc = [0u64; 5];
        for &digit in &other.0 {
            let overflow = add_multiple(&mut acc, &self.0, digit);
            let reducer = acc[0].wrapping_mul(NEGATED_INVERSE);
            let overflow = overflow + add_multiple(&mut acc, &MODULUS, reducer);
            acc = [acc[1], acc[2], acc[3], acc[4], overflow];
        }
        reduce_once([acc[0], acc[1], acc[2], acc[3]])
    }

    /// x^(r-2), the inverse of a nonzero x.
    pub fn inverse(self) -> Self {
        let exponent = subtract(MODULUS, [2, 0, 0, 0]).0;
        (0..256).rev().fold(Self::one(), |acc, bit| {
            let squared = acc.mul(acc);
            match exponent[bit / 64] >> (bit % 64) & 1 {
                1 => squared.mul(self),
                _ => squared,
            }
        })
    }
}

/// acc += a * digit, and the carry out of the fifth limb.
fn add_multiple(acc: &mut [u64; 5], a: &[u64; 4], digit: u64) -> u64 {
    let mut carry = 0;
    for (limb, &a) in acc.iter_mut().zip(a) {
        let wide = u128::from(*limb) + u128::from(a) * u128::from(digit) + carry;
        *limb = wide as u64;
        carry = wide >> 64;
    }
    let wide = u128::from(acc[4]) + carry;
    acc[4] = wide as u64;
    (wide >> 64) as u64
}

fn subtract(a: [u64; 4], b: [u64; 4]) -> ([u64; 4], bool) {
    let mut difference = [0; 4];
    let mut borrow = false;
    for (i, limb) in difference.iter_mut().enumerate() {
        let (partial, first) = a[i].overflowing_sub(b[i]);
        let (value, second) = partial.overflowing_sub(u64::from(borrow));
        *limb = value;
        borrow = first || second;
    }
    (difference, borrow)
}

fn reduce_once(limbs: [u64; 4]) -> Scalar {
    let (reduced, borrow) = subtract(limbs, MODULUS);
    Scalar(if borrow { limbs } else { reduced })
}
