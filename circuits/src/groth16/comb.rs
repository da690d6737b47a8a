//! `V = IC0 + x IC1` by a comb of signed digits.

use super::curve::Point;
use super::key::PreparedKey;
use super::layout::{COMB_COLUMNS, COMB_ROWS, FIRST_INVERTED_COLUMN, ORDINATE_STRIDE};
use ark_bn254::{Fq, Fr};
use ark_ff::{Field, PrimeField};
use num_bigint::{BigInt, BigUint};

/// Bits of the digit word E.
pub const DIGIT_BITS: usize = COMB_ROWS * COMB_COLUMNS;

/// The digit words of x: every E below `2^258` with `2E - (2^258 - 1) = x` modulo r, least first.
pub fn digit_words(x: Fr) -> impl Iterator<Item = BigUint> {
    let shift = (BigUint::from(1u32) << DIGIT_BITS) - 1u32;
    let half = Fr::from(2u64).inverse().expect("2 is not 0");
    let first =
        BigUint::from(((x + super::limbs::field::<Fr>(&BigInt::from(shift))) * half).into_bigint());
    let modulus = BigUint::from(Fr::MODULUS);
    let end = BigUint::from(1u32) << DIGIT_BITS;
    std::iter::successors(Some(first), move |word| Some(word + &modulus))
        .take_while(move |word| *word < end)
}

/// The bits of a digit word, low first.
pub fn digit_bits(word: &BigUint) -> Vec<bool> {
    (0..DIGIT_BITS as u64).map(|i| word.bit(i)).collect()
}

/// The table entry and sign of each column, highest column first; `bits[43 row + column]` are the bits of E.
pub fn columns(bits: &[bool]) -> Vec<(usize, bool)> {
    let column = |column: usize| {
        let bit = |row: usize| bits[COMB_COLUMNS * row + column];
        let sign = bit(COMB_ROWS - 1);
        let entry = (0..COMB_ROWS - 1)
            .map(|row| usize::from(bit(row) == sign) << row)
            .sum();
        (entry, sign)
    };
    (0..COMB_COLUMNS).rev().map(column).collect()
}

/// The numbers that lead to V, in the layout's classes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CombTrace {
    /// V.
    pub v: Point<Fq>,
    /// The abscissa after each column.
    pub abscissas: Vec<Fq>,
    /// The ordinates after columns 0, 6, .., 42.
    pub ordinates: Vec<Fq>,
    /// Slopes: doubling and addition of each column after the first, then the addition of IC0.
    pub slopes: Vec<Fq>,
    /// Inverses of abscissa differences: additions of columns 37..=42, then that of IC0.
    pub inverses: Vec<Fq>,
}

impl CombTrace {
    /// `None` when an addition meets a point and itself or its negative.
    pub fn new(key: &PreparedKey, columns: &[(usize, bool)]) -> Option<Self> {
        let entry = |&(index, sign): &(usize, bool)| key.comb()[index].signed(sign);
        let mut current = entry(columns.first()?);
        let mut trace = Self {
            v: current,
            abscissas: vec![current.x],
            ordinates: vec![current.y],
            slopes: Vec::new(),
            inverses: Vec::new(),
        };
        for (index, column) in columns.iter().enumerate().skip(1) {
            let slope = current.tangent()?;
            trace.slopes.push(slope);
            current = current.along(current, slope);
            current = trace.add(current, entry(column), index >= FIRST_INVERTED_COLUMN)?;
            trace.abscissas.push(current.x);
            if index.is_multiple_of(ORDINATE_STRIDE) {
                trace.ordinates.push(current.y);
            }
        }
        trace.v = trace.add(current, key.ic0(), true)?;
        Some(trace)
    }

    fn add(&mut self, current: Point<Fq>, other: Point<Fq>, inverted: bool) -> Option<Point<Fq>> {
        let slope = current.chord(other)?;
        self.slopes.push(slope);
        if inverted {
            self.inverses.push((current.x - other.x).inverse()?);
        }
        Some(current.along(other, slope))
    }
}

/// The low 253 bits of a digit word and the rest.
pub fn header_words(word: &BigUint) -> [Fr; 2] {
    let low = word & &((BigUint::from(1u32) << super::plan::WORD_BITS) - 1u32);
    [low, word >> super::plan::WORD_BITS]
        .map(|part| Fr::from_le_bytes_mod_order(&part.to_bytes_le()))
}
