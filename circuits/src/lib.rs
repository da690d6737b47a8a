//! From statements to witnesses: Circom sources, their inputs, advice and native relations.

pub mod artifacts;
pub mod channel;
pub mod field;
pub mod generated;
pub mod genesis;
pub mod groth16;
pub mod hexadecimal;
pub mod inputs;
pub mod merge;
pub mod montgomery;
pub mod nest;
pub mod netted;
pub mod parallel;
pub mod r1cs;
pub mod schnorr;
pub mod snapshot;
pub mod transfer;
pub mod trie;
pub mod witness;
