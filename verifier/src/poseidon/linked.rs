//! Constants that the build has derived (`build.rs`).

use ark_bn254::Fr;
use ark_ff::BigInt;

use super::Parameters;

include!(concat!(env!("OUT_DIR"), "/poseidon_parameters.rs"));

const fn f(montgomery_limbs: [u64; 4]) -> Fr {
    Fr::new_unchecked(BigInt(montgomery_limbs))
}
