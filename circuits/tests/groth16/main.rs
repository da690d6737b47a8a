//! The native side of the in-circuit Groth16 verifier against arkworks, a snarkjs proof and tampering.

mod advice;
mod support;
