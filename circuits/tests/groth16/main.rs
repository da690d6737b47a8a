//! The native side of the in-circuit Groth16 verifier against arkworks, a snarkjs proof, a second implementation of the
//! scheme, and tampering.

mod constant;
mod dishonest;
mod facts;
mod honest;
mod key;
mod plan;
mod support;
mod tampered;
mod vectors;
