//! From statements to witnesses: Circom sources, their inputs, advice and native relations.

pub mod artifacts;
pub mod field;
pub mod generated;
pub mod groth16;
pub mod inputs;
pub mod r1cs;
pub mod schnorr;
pub mod trie;
pub mod witness;
