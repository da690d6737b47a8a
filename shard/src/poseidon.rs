//! The hash of `trifold_verifier::poseidon` in about half the time, for who hashes much.
//!
//! A partial round changes lane 0 by x^5 and everything else linearly, so the rounds are a linear system of order n = T - 1 with
//! one input p (the powers) and one output x (what is raised to powers). By the Cayley-Hamilton theorem such a system obeys
//! `x[k+1] = sum(a[i] x[k-i]) + sum(b[i] p[k-i])` with constants a and b that are the same in every round: one sum of products, reduced once,
//! instead of T lanes. Only the first n rounds need the lanes they start from, and the lanes at the end follow from
//! the last n outputs and inputs. The constants are derived here from the verifier's, and the results compared with it by tests.

use crate::wide::{MAX_TERMS, Wide};
use ark_bn254::Fr;
use ark_ff::{AdditiveGroup, Field};
use std::sync::OnceLock;
use trifold_verifier::poseidon::{FULL_ROUNDS, Parameters, parameters};

/// Hasher of `T - 1` inputs; `N` is `T - 1`, at most 12.
pub struct Hasher<const T: usize, const N: usize> {
    base: &'static Parameters,
    /// Weight of an input in the output of its own round and of the N rounds that follow.
    response: [Fr; T],
    /// Weights of the last N outputs, the oldest first.
    of_outputs: [Fr; N],
    /// Weights of the last N + 1 inputs, the oldest first.
    of_inputs: [Fr; T],
    /// For each lane but the first: weights of the last N outputs and inputs, the oldest first.
    lanes: [[[Fr; N]; 2]; N],
}

/// Three children of a node.
pub fn hash_3(inputs: &[Fr; 3]) -> Fr {
    static HASHER: OnceLock<Hasher<4, 3>> = OnceLock::new();
    HASHER.get_or_init(Hasher::new).hash(inputs)
}

/// Six elements.
pub fn hash_6(inputs: &[Fr; 6]) -> Fr {
    static HASHER: OnceLock<Hasher<7, 6>> = OnceLock::new();
    HASHER.get_or_init(Hasher::new).hash(inputs)
}

/// Seven elements.
pub fn hash_7(inputs: &[Fr; 7]) -> Fr {
    static HASHER: OnceLock<Hasher<8, 7>> = OnceLock::new();
    HASHER.get_or_init(Hasher::new).hash(inputs)
}

/// Nine elements.
pub fn hash_9(inputs: &[Fr; 9]) -> Fr {
    permuted_10(Fr::ZERO, inputs)
}

/// Lane 0 of the permuted state of a lane and nine elements.
pub fn permuted_10(first: Fr, rest: &[Fr; 9]) -> Fr {
    static HASHER: OnceLock<Hasher<10, 9>> = OnceLock::new();
    HASHER.get_or_init(Hasher::new).permuted(first, rest)
}

impl<const T: usize, const N: usize> Hasher<T, N> {
    fn new() -> Self {
        const { assert!(T == N + 1 && 2 * T - 1 <= MAX_TERMS) };
        let base = parameters::<T>();
        let rounds = Rounds::<N> { base };
        let response: [Fr; T] = std::array::from_fn(|delay| rounds.response(delay));
        let of_outputs = rounds.recurrence();
        Self {
            base,
            of_inputs: inputs_of_recurrence(&response, &of_outputs),
            lanes: rounds.last_lanes(&response),
            response,
            of_outputs,
        }
    }

    fn hash(&self, inputs: &[Fr; N]) -> Fr {
        self.permuted(Fr::ZERO, inputs)
    }

    fn permuted(&self, first: Fr, inputs: &[Fr; N]) -> Fr {
        let mut state = [first; T];
        state[1..].copy_from_slice(inputs);
        let half = FULL_ROUNDS / 2;
        let constants = self.base.full.as_chunks::<T>().0;
        for constants in &constants[..half - 1] {
            full_round(&mut state, constants, self.base.mds);
        }
        full_round(&mut state, &constants[half - 1], self.base.pre);
        self.partial_rounds(&mut state);
        for constants in &constants[half..FULL_ROUNDS - 1] {
            full_round(&mut state, constants, self.base.mds);
        }
        last_round(&mut state, &constants[FULL_ROUNDS - 1], self.base.mds)
    }

    fn partial_rounds(&self, state: &mut [Fr; T]) {
        let count = self.base.partial.len();
        let mut outputs = [Fr::ZERO; MAX_ROUNDS];
        let mut inputs = [Fr::ZERO; MAX_ROUNDS];
        let mut x = state[0];
        for k in 0..count {
            inputs[k] = power_5(x + self.base.partial[k]);
            x = match k < N {
                true => self.first_output(k, &state[1..], &inputs[..=k]),
                false => {
                    let mut sum = Wide::default();
                    sum.add_products(&self.of_outputs, &outputs[k - N..k]);
                    sum.add_products(&self.of_inputs, &inputs[k - N..=k]);
                    sum.reduce()
                }
            };
            outputs[k] = x;
        }
        state[0] = x;
        for (lane, [of_outputs, of_inputs]) in state[1..].iter_mut().zip(&self.lanes) {
            let mut sum = Wide::default();
            sum.add_products(of_outputs, &outputs[count - N..count]);
            sum.add_products(of_inputs, &inputs[count - N..count]);
            *lane = sum.reduce();
        }
    }

    /// Output of round `k` from the lanes at the start and all inputs so far.
    fn first_output(&self, k: usize, lanes: &[Fr], inputs: &[Fr]) -> Fr {
        let mut sum = Wide::default();
        sum.add_products(&row::<N>(self.base, k)[1..], lanes);
        for (input, response) in inputs.iter().zip(self.response[..=k].iter().rev()) {
            sum.add_product(input, response);
        }
        sum.reduce()
    }
}

/// Most partial rounds of any state size.
const MAX_ROUNDS: usize = 70;

/// First row of the matrix of partial round `k`: the weight of its input, then of the lanes.
fn row<const N: usize>(base: &Parameters, k: usize) -> &[Fr] {
    &base.sparse[k * (2 * N + 1)..][..N + 1]
}

/// How partial round `k` adds its input to the lanes.
fn column<const N: usize>(base: &Parameters, k: usize) -> &[Fr] {
    &base.sparse[k * (2 * N + 1) + N + 1..][..N]
}

/// The partial rounds as a linear system.
struct Rounds<const N: usize> {
    base: &'static Parameters,
}

type Matrix<const N: usize> = [[Fr; N]; N];

impl<const N: usize> Rounds<N> {
    /// Weight of an input in the output after `delay` more rounds.
    fn response(&self, delay: usize) -> Fr {
        match delay {
            0 => row::<N>(self.base, 0)[0],
            _ => dot(&row::<N>(self.base, delay)[1..], column::<N>(self.base, 0)),
        }
    }

    /// Weights of the last outputs, oldest first: x[k+1] = w . (x[k-N+1], .., x[k]) without inputs. The outputs are then rows times the
    /// lanes, so w solves `w G = g` for N consecutive rows G and the row g that follows them.
    fn recurrence(&self) -> [Fr; N] {
        let rows = self.observer(0);
        let transposed: Matrix<N> = std::array::from_fn(|i| std::array::from_fn(|j| rows[j][i]));
        let next = row::<N>(self.base, N)[1..].try_into().expect("N lanes");
        product(&inverse(transposed), &next)
    }

    /// N rows from round `first` on: what the outputs see of the lanes.
    fn observer(&self, first: usize) -> Matrix<N> {
        let lanes = |k: usize| row::<N>(self.base, first + k)[1..].try_into();
        std::array::from_fn(|k| lanes(k).expect("N lanes"))
    }

    /// The lanes z after the last round. With G, H, C the rows, responses and columns of the last N rounds, lanes y before them:
    /// x = G y + H p and z = y + C p, so z = G^-1 x + (C - G^-1 H) p.
    fn last_lanes(&self, response: &[Fr]) -> [[[Fr; N]; 2]; N] {
        let first = self.base.partial.len() - N;
        let solve = inverse(self.observer(first));
        std::array::from_fn(|lane| {
            let of_input = |j: usize| {
                let seen: Fr = (j..N).map(|m| solve[lane][m] * response[m - j]).sum();
                column::<N>(self.base, first + j)[lane] - seen
            };
            [solve[lane], std::array::from_fn(of_input)]
        })
    }
}

/// Weights of the inputs, oldest first, from the response h and the weights a of the outputs: b[i] = h[i] - sum(a[j] h[i-1-j]).
fn inputs_of_recurrence<const T: usize, const N: usize>(
    response: &[Fr; T],
    of_outputs: &[Fr; N],
) -> [Fr; T] {
    let newest = |age: usize| of_outputs[N - 1 - age];
    let weight = |age: usize| {
        let fed_back: Fr = (0..age).map(|j| newest(j) * response[age - 1 - j]).sum();
        response[age] - fed_back
    };
    std::array::from_fn(|i| weight(N - i))
}

fn full_round<const T: usize>(state: &mut [Fr; T], constants: &[Fr; T], matrix: &[Fr]) {
    let powers = powers(state, constants);
    for (lane, row) in state.iter_mut().zip(matrix.as_chunks::<T>().0) {
        *lane = dot(row, &powers);
    }
}

/// Lane 0 after the last round: the hash.
fn last_round<const T: usize>(state: &mut [Fr; T], constants: &[Fr; T], matrix: &[Fr]) -> Fr {
    dot(&matrix[..T], &powers(state, constants))
}

fn powers<const T: usize>(state: &[Fr; T], constants: &[Fr; T]) -> [Fr; T] {
    std::array::from_fn(|i| power_5(state[i] + constants[i]))
}

fn power_5(x: Fr) -> Fr {
    x.square().square() * x
}

fn dot(a: &[Fr], b: &[Fr]) -> Fr {
    let mut sum = Wide::default();
    sum.add_products(a, b);
    sum.reduce()
}

fn product<const N: usize>(matrix: &Matrix<N>, vector: &[Fr; N]) -> [Fr; N] {
    std::array::from_fn(|i| dot(&matrix[i], vector))
}

/// Gauss and Jordan; the matrices here are invertible because every lane reaches the output.
fn inverse<const N: usize>(mut matrix: Matrix<N>) -> Matrix<N> {
    let mut out: Matrix<N> =
        std::array::from_fn(|i| std::array::from_fn(|j| if i == j { Fr::ONE } else { Fr::ZERO }));
    for pivot in 0..N {
        let found = (pivot..N).find(|row| matrix[*row][pivot] != Fr::ZERO);
        let found = found.expect("an observable system");
        matrix.swap(pivot, found);
        out.swap(pivot, found);
        let factor = matrix[pivot][pivot].inverse().expect("not zero");
        for row in [&mut matrix, &mut out] {
            row[pivot].iter_mut().for_each(|entry| *entry *= factor);
        }
        for row in (0..N).filter(|row| *row != pivot) {
            let factor = matrix[row][pivot];
            for part in [&mut matrix, &mut out] {
                let above = part[pivot];
                part[row]
                    .iter_mut()
                    .zip(above)
                    .for_each(|(entry, above)| *entry -= factor * above);
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::{Rng, SeedableRng, rngs::StdRng};
    use trifold_verifier::poseidon;

    fn elements<const N: usize>(rng: &mut StdRng) -> [Fr; N] {
        std::array::from_fn(|_| match rng.random_range(0..8) {
            0 => Fr::ZERO,
            1 => -Fr::ONE,
            2 => Fr::from(rng.random::<u64>()),
            _ => Fr::from(rng.random::<u128>()).square() * Fr::from(rng.random::<u128>()),
        })
    }

    #[test]
    fn hashes_are_those_of_the_verifier() {
        let mut rng = StdRng::seed_from_u64(5);
        for _ in 0..200 {
            let (three, six) = (elements(&mut rng), elements(&mut rng));
            assert_eq!(hash_3(&three), poseidon::hash(&three));
            assert_eq!(hash_6(&six), poseidon::hash(&six));
            let (seven, nine) = (elements(&mut rng), elements(&mut rng));
            assert_eq!(hash_7(&seven), poseidon::hash(&seven));
            assert_eq!(hash_9(&nine), poseidon::hash(&nine));
            let mut state: [Fr; 10] = elements(&mut rng);
            let [first, rest @ ..] = state;
            poseidon::permute(&mut state);
            assert_eq!(permuted_10(first, &rest), state[0]);
        }
        assert_eq!(hash_9(&[Fr::ZERO; 9]), poseidon::hash(&[Fr::ZERO; 9]));
        assert_eq!(hash_9(&[-Fr::ONE; 9]), poseidon::hash(&[-Fr::ONE; 9]));
    }
}
