//! Circom's operators on field elements, as the compiler's wasm calculates them.
//!
//! Comparisons see `(r - 1) / 2 < x < r` as negative; shifts, bit operators and integer division see `0 <= x < r`. What
//! a shift to the left or a complement puts at bit 254 and above is cut off, and what is then not below r is reduced once.

use ark_bn254::Fr;
use ark_ff::{AdditiveGroup, BigInteger, Field, PrimeField};
use num_bigint::BigUint;

/// What a step calculates from its operands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Operation {
    Add,
    Sub,
    Mul,
    Neg,
    /// Division by zero gives zero.
    Div,
    IntegerDiv,
    Remainder,
    Power,
    Equal,
    NotEqual,
    Less,
    Greater,
    AtMost,
    AtLeast,
    And,
    Or,
    Not,
    ShiftLeft,
    ShiftRight,
    BitAnd,
    BitOr,
    BitXor,
    BitNot,
}

type Integer = <Fr as PrimeField>::BigInt;

/// Bits of the modulus.
const BITS: u32 = 254;
const LIMBS: usize = 4;
/// The bits of the topmost limb below bit 254.
const TOP_LIMB: u64 = u64::MAX >> 2;

impl Operation {
    /// By their numbers.
    pub const ALL: [Self; 23] = [
        Self::Add,
        Self::Sub,
        Self::Mul,
        Self::Neg,
        Self::Div,
        Self::IntegerDiv,
        Self::Remainder,
        Self::Power,
        Self::Equal,
        Self::NotEqual,
        Self::Less,
        Self::Greater,
        Self::AtMost,
        Self::AtLeast,
        Self::And,
        Self::Or,
        Self::Not,
        Self::ShiftLeft,
        Self::ShiftRight,
        Self::BitAnd,
        Self::BitOr,
        Self::BitXor,
        Self::BitNot,
    ];

    /// The value, or `None` where the wasm's own value is of no use: a division of integers by zero.
    pub fn apply(self, a: Fr, b: Fr) -> Option<Fr> {
        Some(match self {
            Self::Add => a + b,
            Self::Sub => a - b,
            Self::Mul => a * b,
            Self::Neg => -a,
            Self::Div => a * b.inverse().unwrap_or(Fr::ZERO),
            Self::IntegerDiv => integer_div(a, b)?.0,
            Self::Remainder => integer_div(a, b)?.1,
            Self::Power => a.pow(b.into_bigint()),
            Self::Equal => Fr::from(a == b),
            Self::NotEqual => Fr::from(a != b),
            Self::Less => Fr::from(signed(a) < signed(b)),
            Self::Greater => Fr::from(signed(a) > signed(b)),
            Self::AtMost => Fr::from(signed(a) <= signed(b)),
            Self::AtLeast => Fr::from(signed(a) >= signed(b)),
            Self::And => Fr::from(is_true(a) && is_true(b)),
            Self::Or => Fr::from(is_true(a) || is_true(b)),
            Self::Not => Fr::from(!is_true(a)),
            Self::ShiftLeft => shift(a, b, true),
            Self::ShiftRight => shift(a, b, false),
            Self::BitAnd => bitwise(a, b, |a, b| a & b),
            Self::BitOr => bitwise(a, b, |a, b| a | b),
            Self::BitXor => bitwise(a, b, |a, b| a ^ b),
            Self::BitNot => bitwise(a, a, |a, _| !a),
        })
    }

    /// Whether every value is 0 or 1.
    pub fn is_boolean(self) -> bool {
        (Self::Equal as u8..=Self::Not as u8).contains(&(self as u8))
    }

    /// Whether the second operand is looked at.
    pub fn is_binary(self) -> bool {
        !matches!(self, Self::Neg | Self::Not | Self::BitNot)
    }
}

/// What circom takes for true.
pub fn is_true(value: Fr) -> bool {
    value != Fr::ZERO
}

/// Orders as circom compares: negative numbers first.
fn signed(value: Fr) -> (bool, Integer) {
    let integer = value.into_bigint();
    (integer <= Fr::MODULUS_MINUS_ONE_DIV_TWO, integer)
}

fn integer_div(a: Fr, b: Fr) -> Option<(Fr, Fr)> {
    let [a, b] = [a, b].map(|value| BigUint::from(value.into_bigint()));
    (b != BigUint::ZERO).then(|| (Fr::from(&a / &b), Fr::from(&a % &b)))
}

/// A shift by a negative number goes the other way; one by 254 bits or more gives zero.
fn shift(value: Fr, by: Fr, to_left: bool) -> Fr {
    let (is_positive, integer) = signed(by);
    let distance = match is_positive {
        true => integer,
        false => (-by).into_bigint(),
    };
    if distance >= Integer::from(BITS) {
        return Fr::ZERO;
    }
    let (value, distance) = (value.into_bigint(), distance.0[0] as u32);
    match to_left == is_positive {
        true => reduced(value << distance),
        false => reduced(value >> distance),
    }
}

fn bitwise(a: Fr, b: Fr, operator: impl Fn(u64, u64) -> u64) -> Fr {
    let (a, b) = (a.into_bigint(), b.into_bigint());
    let limbs = std::array::from_fn::<_, LIMBS, _>(|i| operator(a.0[i], b.0[i]));
    reduced(ark_ff::BigInt(limbs))
}

fn reduced(mut integer: Integer) -> Fr {
    integer.0[LIMBS - 1] &= TOP_LIMB;
    if integer >= Fr::MODULUS {
        integer.sub_with_borrow(&Fr::MODULUS);
    }
    Fr::from_bigint(integer).unwrap_or(Fr::ZERO)
}

/// As circom turns a field element into an address: the lowest 32 bits of its absolute value, with its sign.
pub fn to_address(value: Fr) -> u32 {
    let low = |value: Fr| value.into_bigint().0[0] as u32;
    match signed(value).0 {
        true => low(value),
        false => low(-value).wrapping_neg(),
    }
}
