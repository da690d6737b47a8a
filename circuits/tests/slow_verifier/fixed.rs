//! The wires of the compiled verifier are fixed by its inputs.

use crate::analysis::{Report, analyse, analyse_given};
use crate::verifier::VERIFIER;

/// Words that challenges are cut from, and what the template ChallengeBits makes of one: 253 bits and the 31 of its bound.
const CHALLENGE_WORDS: usize = 16 + 1 + 70;
const BITS_OF_WORD: usize = 253 + 31;

/// The compiler leaves the bits of words that share a coefficient in forms that the analysis does not take apart. That
/// the bits of one word are fixed is shown for the template alone (test binary `determinism`); given those bits, all
/// other wires follow.
#[test]
fn all_wires_are_fixed_by_the_inputs_and_the_challenges_bits() {
    let verifier = &*VERIFIER;
    let (r1cs, witness) = (&verifier.circuit.r1cs, &verifier.witness);
    let first = analyse(r1cs, &verifier.labels, witness);
    let is_bit = |wire: &usize| verifier.bits.contains_key(wire);
    let bits: Vec<usize> = first.loose.into_iter().filter(is_bit).collect();
    assert!(
        bits.len() <= CHALLENGE_WORDS * BITS_OF_WORD,
        "{}",
        bits.len()
    );
    let report = analyse_given(r1cs, &verifier.labels, witness, &bits);
    let Report {
        unused,
        loose,
        idle,
        stand_ins,
    } = report;
    assert_eq!([unused.len(), loose.len(), idle.len()], [0; 3]);
    // Inputs without a wire of their own: 221 limbs, and two words of the key, of which its digest gives one. (The last
    // digit of x is without one as well, and follows from the others.)
    assert_eq!(stand_ins.len(), 222);
}
