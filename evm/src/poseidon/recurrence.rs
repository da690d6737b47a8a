//! Poseidon's partial rounds as one linear recurrence: 2t - 1 or 2t - 2 products a round, and the same constants in each.
//!
//! Let n = t - 1 and M = [[m, v], [w, N]]. Between two S-boxes of lane 0 the other lanes x go by x' = N x + w y and lane 0 by
//! s' = m y + v x, where y = s^5. With a_1 .. a_n the coefficients of N's characteristic polynomial, the "controller form" of such
//! a system keeps, instead of x, the last n values of
//!
//!     u_k = y_k - a_1 u_{k-1} - .. - a_n u_{k-n},      and then      s_{k+1} = b_0 u_k + b_1 u_{k-1} + .. + b_n u_{k-n}
//!
//! with x_k = p_1 u_{k-1} + .. + p_n u_{k-n}, p_1 = w, p_{i+1} = N p_i + a_i w, b_0 = m, b_i = m a_i + v p_i. The sparse form of the
//! Poseidon paper needs as many products, but other constants in every round, which no contract has room for.
//!
//! Where some b_i is a fourth power, s = f s~ and u = f^5 u~ with f^4 = 1 / b_i make it 1, which saves its product.

use ark_ff::{AdditiveGroup, Field};
use trifold_verifier::Fr;
use trifold_verifier::poseidon::{FULL_ROUNDS, Parameters};

type Matrix = Vec<Vec<Fr>>;

/// Everything that the code of one state size is generated from.
pub struct Recurrence {
    /// The MDS matrix.
    pub mds: Matrix,
    /// Constants of the full rounds. Lane 0 of the fifth is 0: it is the last of `partial`.
    pub full: Matrix,
    /// Takes the lanes after the fourth S-box layer to (s_0, u_{-1}, .., u_{-n}).
    pub enter: Matrix,
    /// What s is increased by before each partial round, and once after the last.
    pub partial: Vec<Fr>,
    /// -a_1 .. -a_n.
    pub feedback: Vec<Fr>,
    /// b_0 .. b_n.
    pub output: Vec<Fr>,
    /// Takes (s_K, u_{K-1}, .., u_{K-n}) back to the lanes.
    pub leave: Matrix,
}

impl Recurrence {
    pub fn new(parameters: &Parameters) -> Self {
        let mds = rows(parameters.mds);
        let t = mds.len();
        let inner: Matrix = mds[1..].iter().map(|row| row[1..].to_vec()).collect();
        let column: Vec<Fr> = mds[1..].iter().map(|row| row[0]).collect();
        let (feedback, basis) = controller_form(&inner, &column);
        let output = output(&mds[0], &feedback, &basis);
        let scale = scale(&output);
        let mut full: Matrix = parameters.full.chunks(t).map(<[Fr]>::to_vec).collect();
        let last = std::mem::take(&mut full[FULL_ROUNDS / 2][0]);
        Self {
            enter: enter(&mds, &basis, scale),
            partial: parameters
                .partial
                .iter()
                .chain([&last])
                .map(|c| *c / scale)
                .collect(),
            feedback: feedback.iter().map(|a| -*a).collect(),
            output: output.iter().map(|b| *b * scale.pow([4])).collect(),
            leave: leave(&basis, scale),
            mds,
            full,
        }
    }

    /// Lanes of the state.
    pub fn width(&self) -> usize {
        self.mds.len()
    }
}

fn rows(entries: &[Fr]) -> Matrix {
    entries
        .chunks(entries.len().isqrt())
        .map(<[Fr]>::to_vec)
        .collect()
}

/// a_1 .. a_n and p_1 .. p_n, by Faddeev and LeVerrier: P_1 = 1, a_k = -tr(N P_k) / k, P_{k+1} = N P_k + a_k.
fn controller_form(inner: &Matrix, column: &[Fr]) -> (Vec<Fr>, Matrix) {
    let n = inner.len();
    let mut power = identity(n);
    let (mut coefficients, mut basis) = (Vec::new(), Vec::new());
    for k in 1..=n {
        basis.push(apply(&power, column));
        power = multiply(inner, &power);
        let trace: Fr = (0..n).map(|i| power[i][i]).sum();
        let coefficient = -trace / Fr::from(k as u64);
        (0..n).for_each(|i| power[i][i] += coefficient);
        coefficients.push(coefficient);
    }
    (coefficients, basis)
}

fn output(first_row: &[Fr], coefficients: &[Fr], basis: &Matrix) -> Vec<Fr> {
    let (corner, rest) = (first_row[0], &first_row[1..]);
    let later = coefficients
        .iter()
        .zip(basis)
        .map(|(a, p)| corner * a + dot(rest, p));
    std::iter::once(corner).chain(later).collect()
}

/// f with f^4 = 1 / b_i for the first b_i that has one; 1 where none has.
fn scale(output: &[Fr]) -> Fr {
    let root = |b: &Fr| b.inverse()?.sqrt()?.sqrt();
    output.iter().find_map(root).unwrap_or(Fr::ONE)
}

fn enter(mds: &Matrix, basis: &Matrix, scale: Fr) -> Matrix {
    let inverse = invert(&transpose(basis));
    let lanes = transpose(
        &transpose(mds)
            .iter()
            .map(|column| apply(&inverse, &column[1..]))
            .collect(),
    );
    let first = mds[0].iter().map(|entry| *entry / scale).collect();
    let scaled = |row: &Vec<Fr>| row.iter().map(|entry| *entry / scale.pow([5])).collect();
    std::iter::once(first)
        .chain(lanes.iter().map(scaled))
        .collect()
}

fn leave(basis: &Matrix, scale: Fr) -> Matrix {
    let mut matrix = vec![vec![Fr::ZERO; basis.len() + 1]; basis.len() + 1];
    matrix[0][0] = scale;
    for (i, column) in basis.iter().enumerate() {
        for (j, entry) in column.iter().enumerate() {
            matrix[j + 1][i + 1] = *entry * scale.pow([5]);
        }
    }
    matrix
}

fn dot(a: &[Fr], b: &[Fr]) -> Fr {
    a.iter().zip(b).map(|(a, b)| *a * b).sum()
}

fn apply(matrix: &Matrix, vector: &[Fr]) -> Vec<Fr> {
    matrix.iter().map(|row| dot(row, vector)).collect()
}

fn transpose(matrix: &Matrix) -> Matrix {
    (0..matrix[0].len())
        .map(|j| matrix.iter().map(|row| row[j]).collect())
        .collect()
}

fn multiply(a: &Matrix, b: &Matrix) -> Matrix {
    let columns = transpose(b);
    a.iter().map(|row| apply(&columns, row)).collect()
}

fn identity(n: usize) -> Matrix {
    let entry = |i, j| if i == j { Fr::ONE } else { Fr::ZERO };
    (0..n)
        .map(|i| (0..n).map(|j| entry(i, j)).collect())
        .collect()
}

/// Gauss and Jordan's elimination, with a search for a pivot.
///
/// # Panics
/// If the matrix is singular, which for Poseidon's constants is not so (a test makes them all).
fn invert(matrix: &Matrix) -> Matrix {
    let n = matrix.len();
    let unit = identity(n);
    let mut rows: Matrix = matrix
        .iter()
        .zip(&unit)
        .map(|(a, b)| [&a[..], b].concat())
        .collect();
    for column in 0..n {
        let pivot = (column..n)
            .find(|&i| rows[i][column] != Fr::ZERO)
            .expect("a regular matrix");
        rows.swap(column, pivot);
        let factor = rows[column][column].inverse().unwrap_or_default();
        rows[column].iter_mut().for_each(|entry| *entry *= factor);
        let pivot_row = rows[column].clone();
        for (_, row) in rows.iter_mut().enumerate().filter(|(i, _)| *i != column) {
            let factor = row[column];
            row.iter_mut()
                .zip(&pivot_row)
                .for_each(|(entry, p)| *entry -= factor * p);
        }
    }
    rows.into_iter().map(|row| row[n..].to_vec()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use trifold_verifier::poseidon::{parameters, permute};

    /// The permutation by the recurrence.
    fn by_recurrence(recurrence: &Recurrence, state: &[Fr]) -> Vec<Fr> {
        let half = FULL_ROUNDS / 2;
        let mut lanes = state.to_vec();
        for round in 0..FULL_ROUNDS {
            lanes = lanes
                .iter()
                .zip(&recurrence.full[round])
                .map(|(x, c)| (*x + c).pow([5]))
                .collect();
            lanes = match round + 1 == half {
                true => partial_rounds(recurrence, apply(&recurrence.enter, &lanes)),
                false => apply(&recurrence.mds, &lanes),
            };
        }
        lanes
    }

    fn partial_rounds(recurrence: &Recurrence, mut state: Vec<Fr>) -> Vec<Fr> {
        let (last, constants) = recurrence.partial.split_last().unwrap();
        for constant in constants {
            let power = (state[0] + constant).pow([5]);
            let newest = power + dot(&recurrence.feedback, &state[1..]);
            let u = [&[newest], &state[1..]].concat();
            state = [&[dot(&recurrence.output, &u)], &u[..u.len() - 1]].concat();
        }
        state[0] += last;
        apply(&recurrence.leave, &state)
    }

    fn agrees<const T: usize>() {
        let mut state: [Fr; T] = std::array::from_fn(|i| Fr::from(i as u64).pow([77]));
        let recurrence = Recurrence::new(parameters::<T>());
        assert!(
            (recurrence.partial.len() - 1).is_multiple_of(T),
            "registers that turn whole"
        );
        let found = by_recurrence(&recurrence, &state);
        permute(&mut state);
        assert_eq!(found, state);
    }

    #[test]
    fn is_the_permutation() {
        agrees::<4>();
        agrees::<5>();
        agrees::<6>();
        agrees::<7>();
        agrees::<9>();
    }

    /// What `advance` hashes, where gas counts most. No coefficient of size 4 is a fourth power, so nodes save nothing.
    #[test]
    fn a_product_is_saved_in_advance() {
        let saves = |parameters| Recurrence::new(parameters).output.contains(&Fr::ONE);
        assert!(saves(parameters::<5>()) && saves(parameters::<7>()));
        assert!(!saves(parameters::<4>()));
    }
}
