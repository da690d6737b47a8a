//! The verifier that contains its key, compiled for the key of a snarkjs proof: what it costs, what its constraint
//! system accepts, and what it refuses although every hint is the prover's.

#[path = "../claims/support.rs"]
#[allow(dead_code)]
mod circuit;
#[path = "../groth16/support.rs"]
#[allow(dead_code)]
mod support;

mod compile;
mod dishonest;
mod honest;
mod tables;
mod two;
