//! Poseidon over BN254's scalar field with circomlib's parameters: x^5, 8 full rounds, state (0, inputs), output lane 0.
//!
//! Constants come from the Grain LFSR of the Poseidon paper; partial rounds use the sparse form of its appendix B. By default
//! the build derives them and those of the sizes in use are linked, 8 to 97 kB each; with the feature `derive-constants` each
//! size is derived when it is first used, which takes about a millisecond.

#[cfg(any(feature = "derive-constants", test))]
mod derived;
#[cfg(not(feature = "derive-constants"))]
mod linked;
mod products;

use ark_bn254::Fr;
use ark_ff::AdditiveGroup;

#[cfg(feature = "derive-constants")]
use derived::table;
#[cfg(not(feature = "derive-constants"))]
use linked::table;
use products::{dot, product, sum_with};

/// Full rounds; half of them come before the partial rounds, half after.
pub const FULL_ROUNDS: usize = 8;
/// Most inputs of one hash.
pub const MAX_INPUTS: usize = 16;

/// Constants for one state size t, in the sparse form.
#[derive(Debug, PartialEq, Eq)]
pub struct Parameters {
    /// Round constants of the full rounds, 8 vectors of t.
    pub full: &'static [Fr],
    /// Round constant of lane 0 for each partial round.
    pub partial: &'static [Fr],
    /// The MDS matrix, t rows of t.
    pub mds: &'static [Fr],
    /// Matrix of the last full round before the partial ones, t rows of t.
    pub pre: &'static [Fr],
    /// Per partial round: the first row (t), then the first column below it (t-1). The rest of the matrix is the identity.
    pub sparse: &'static [Fr],
}

/// Constants for a state of `T` elements, 2 <= T <= 17 (checked by the compiler).
pub fn parameters<const T: usize>() -> &'static Parameters {
    const { assert!(T >= 2 && T <= MAX_INPUTS + 1) };
    table::<T>()
}

/// Hash of 1 to 16 field elements (checked by the compiler).
pub fn hash<const N: usize>(inputs: &[Fr; N]) -> Fr {
    const { assert!(N >= 1 && N <= MAX_INPUTS) };
    match N {
        1 => hash_padded::<2>(inputs),
        2 => hash_padded::<3>(inputs),
        3 => hash_padded::<4>(inputs),
        4 => hash_padded::<5>(inputs),
        5 => hash_padded::<6>(inputs),
        6 => hash_padded::<7>(inputs),
        7 => hash_padded::<8>(inputs),
        8 => hash_padded::<9>(inputs),
        9 => hash_padded::<10>(inputs),
        10 => hash_padded::<11>(inputs),
        11 => hash_padded::<12>(inputs),
        12 => hash_padded::<13>(inputs),
        13 => hash_padded::<14>(inputs),
        14 => hash_padded::<15>(inputs),
        15 => hash_padded::<16>(inputs),
        _ => hash_padded::<17>(inputs),
    }
}

/// `T` is one more than the number of inputs.
fn hash_padded<const T: usize>(inputs: &[Fr]) -> Fr {
    let mut state = [Fr::ZERO; T];
    state
        .iter_mut()
        .skip(1)
        .zip(inputs)
        .for_each(|(lane, input)| *lane = *input);
    permute(&mut state);
    state[0]
}

/// The permutation of a state of `T` elements, 2 <= T <= 17 (checked by the compiler).
pub fn permute<const T: usize>(state: &mut [Fr; T]) {
    rounds(state, parameters::<T>());
}

/// One text for all sizes: their loops are long enough for the processor, and a wasm would hold a copy of each.
fn rounds(state: &mut [Fr], parameters: &Parameters) {
    let t = state.len();
    let (before, after) = parameters.full.split_at(FULL_ROUNDS / 2 * t);
    let (before, last) = before.split_at((FULL_ROUNDS / 2 - 1) * t);
    before
        .chunks_exact(t)
        .for_each(|constants| full_round(state, constants, parameters.mds));
    full_round(state, last, parameters.pre);
    let sparse = parameters.sparse.chunks_exact(2 * t - 1);
    parameters
        .partial
        .iter()
        .zip(sparse)
        .for_each(|(constant, matrix)| partial_round(state, constant, matrix));
    after
        .chunks_exact(t)
        .for_each(|constants| full_round(state, constants, parameters.mds));
}

fn full_round(state: &mut [Fr], constants: &[Fr], matrix: &[Fr]) {
    let mut powers = [Fr::ZERO; MAX_INPUTS + 1];
    let powers = &mut powers[..state.len()];
    for (power, (lane, constant)) in powers.iter_mut().zip(state.iter().zip(constants)) {
        *power = power_5(*lane + constant);
    }
    for (lane, row) in state.iter_mut().zip(matrix.chunks_exact(powers.len())) {
        *lane = dot(row, powers);
    }
}

fn partial_round(state: &mut [Fr], constant: &Fr, sparse: &[Fr]) {
    let (row, column) = sparse.split_at(state.len());
    let power = power_5(state[0] + constant);
    state[0] = power;
    let first = dot(row, state);
    state[1..]
        .iter_mut()
        .zip(column)
        .for_each(|(lane, factor)| *lane = sum_with(lane, &power, factor));
    state[0] = first;
}

fn power_5(x: Fr) -> Fr {
    let square = product(&x, &x);
    product(&product(&square, &square), &x)
}

#[cfg(all(test, not(feature = "derive-constants")))]
mod tests {
    use super::*;

    fn check<const T: usize>() {
        assert_eq!(derived::table::<T>(), linked::table::<T>(), "{T} elements");
    }

    #[test]
    fn the_library_derives_what_the_build_does() {
        check::<2>();
        check::<3>();
        check::<4>();
        check::<5>();
        check::<6>();
        check::<7>();
        check::<8>();
        check::<9>();
        check::<10>();
        check::<16>();
        check::<17>();
    }
}
