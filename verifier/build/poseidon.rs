//! Poseidon's parameters for one state size, rewritten for sparse partial rounds (Poseidon paper, appendix B).

use alloc::vec;
use alloc::vec::Vec;

use super::grain::Grain;
use super::scalar::Scalar;

pub const FULL_ROUNDS: usize = 8;
/// Partial rounds for states of 2 to 17 elements: 128-bit security, rounded as circomlib does.
pub const PARTIAL_ROUNDS: [usize; 16] = [
    56, 57, 56, 60, 60, 63, 64, 63, 60, 66, 60, 65, 70, 60, 64, 68,
];

type Vector = Vec<Scalar>;
type Matrix = Vec<Vector>;

pub struct Parameters {
    /// Constants of the full rounds, a vector per round; the fifth has absorbed those of the partial rounds.
    pub full: Matrix,
    /// Constant of lane 0 for each partial round.
    pub partial: Vector,
    /// The MDS matrix M, by rows.
    pub mds: Matrix,
    /// Takes M's place in the last full round before the partial ones.
    pub pre: Matrix,
    /// For each partial round the first row (t entries), then the first column below it (t-1 entries).
    pub sparse: Matrix,
}

impl Parameters {
    pub fn new(t: usize) -> Self {
        let partial_rounds = PARTIAL_ROUNDS[t - 2];
        let mut grain = Grain::new(t as u64, FULL_ROUNDS as u64, partial_rounds as u64);
        let constants: Matrix = (0..FULL_ROUNDS + partial_rounds)
            .map(|_| (0..t).map(|_| grain.round_constant()).collect())
            .collect();
        let mds = cauchy_matrix(&mut grain, t);
        let (full, partial) = absorb_constants(&constants, &mds, partial_rounds);
        let (pre, sparse) = sparse_rounds(&mds, partial_rounds);
        Self {
            full,
            partial,
            mds,
            pre,
            sparse,
        }
    }
}

/// M_ij = 1 / (x_i + y_j).
fn cauchy_matrix(grain: &mut Grain, t: usize) -> Matrix {
    let seeds: Vector = (0..2 * t).map(|_| grain.matrix_seed()).collect();
    let (xs, ys) = seeds.split_at(t);
    let sums = xs.iter().flat_map(|x| ys.iter().map(|y| x.add(*y)));
    let entries = invert_all(sums.collect());
    entries.chunks(t).map(<[Scalar]>::to_vec).collect()
}

/// The inverses of nonzero values, by one inversion (Montgomery's trick).
fn invert_all(values: Vector) -> Vector {
    let mut product = Scalar::one();
    let before = |value: &Scalar| {
        let next = product.mul(*value);
        core::mem::replace(&mut product, next)
    };
    let products: Vector = values.iter().map(before).collect();
    let mut inverse = product.inverse();
    let mut inverses: Vector = Vec::with_capacity(values.len());
    for (value, before) in values.iter().zip(&products).rev() {
        inverses.push(inverse.mul(*before));
        inverse = inverse.mul(*value);
    }
    inverses.reverse();
    inverses
}

/// In a partial round, lanes 1.. pass the S-box layer unchanged, so their constants move behind it and on to the next round.
fn absorb_constants(constants: &Matrix, mds: &Matrix, partial_rounds: usize) -> (Matrix, Vector) {
    let half = FULL_ROUNDS / 2;
    let mut carried = vec![Scalar::default(); mds.len()];
    let mut partial = Vec::new();
    for round in &constants[half..half + partial_rounds] {
        let mut sum = add(round, &carried);
        partial.push(core::mem::take(&mut sum[0]));
        carried = apply(mds, &sum);
    }
    let mut full = [&constants[..half], &constants[half + partial_rounds..]].concat();
    full[half] = add(&full[half], &carried);
    (full, partial)
}

/// With M = [[m, v], [w, N]] and n partial rounds, round i (from 0) becomes
/// [[m, v N^-(n-i)], [N^(n-1-i) w, 1]], and `pre` is diag(1, N^n) M: diag(1, N) commutes with the S-box of lane 0.
fn sparse_rounds(mds: &Matrix, partial_rounds: usize) -> (Matrix, Matrix) {
    let inner: Matrix = mds[1..].iter().map(|row| row[1..].to_vec()).collect();
    let inverse_transposed = transpose(&invert(&inner));
    let mut row = mds[0][1..].to_vec();
    let mut column: Vector = mds[1..].iter().map(|row| row[0]).collect();
    let mut rounds = Vec::new();
    for _ in 0..partial_rounds {
        row = apply(&inverse_transposed, &row);
        rounds.push([&mds[0][..1], &row, &column].concat());
        column = apply(&inner, &column);
    }
    rounds.reverse();
    let power = power(&inner, partial_rounds);
    let mut columns = transpose(mds);
    for column in &mut columns {
        let tail = apply(&power, &column[1..]);
        column[1..].copy_from_slice(&tail);
    }
    (transpose(&columns), rounds)
}

/// The matrix to an exponent of at least 1.
fn power(matrix: &Matrix, exponent: usize) -> Matrix {
    if exponent == 1 {
        return matrix.clone();
    }
    let half = power(matrix, exponent / 2);
    let square = product(&half, &half);
    match exponent % 2 {
        0 => square,
        _ => product(&square, matrix),
    }
}

fn product(a: &Matrix, b: &Matrix) -> Matrix {
    let columns = transpose(b);
    let columns: Matrix = columns.iter().map(|column| apply(a, column)).collect();
    transpose(&columns)
}

fn add(a: &[Scalar], b: &[Scalar]) -> Vector {
    a.iter().zip(b).map(|(a, b)| a.add(*b)).collect()
}

fn apply(matrix: &Matrix, vector: &[Scalar]) -> Vector {
    let dot = |row: &Vector| {
        row.iter()
            .zip(vector)
            .fold(Scalar::default(), |acc, (a, b)| acc.add(a.mul(*b)))
    };
    matrix.iter().map(dot).collect()
}

fn transpose(matrix: &Matrix) -> Matrix {
    (0..matrix[0].len())
        .map(|j| matrix.iter().map(|row| row[j]).collect())
        .collect()
}

/// Gauss-Jordan elimination. No pivot vanishes: every square block of a Cauchy matrix is regular.
fn invert(matrix: &Matrix) -> Matrix {
    let n = matrix.len();
    let unit = |i: usize| {
        (0..n).map(move |j| {
            if i == j {
                Scalar::one()
            } else {
                Scalar::default()
            }
        })
    };
    let mut rows: Matrix = matrix
        .iter()
        .enumerate()
        .map(|(i, row)| row.iter().copied().chain(unit(i)).collect())
        .collect();
    for pivot in 0..n {
        let scale = rows[pivot][pivot].inverse();
        rows[pivot].iter_mut().for_each(|x| *x = x.mul(scale));
        let pivot_row = rows[pivot].clone();
        for (_, row) in rows.iter_mut().enumerate().filter(|(i, _)| *i != pivot) {
            let factor = row[pivot].negate();
            row.iter_mut()
                .zip(&pivot_row)
                .for_each(|(x, p)| *x = x.add(p.mul(factor)));
        }
    }
    rows.into_iter().map(|row| row[n..].to_vec()).collect()
}
