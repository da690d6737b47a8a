//! One proof verified in the circuit: the compiled constraint system itself refuses every kind of dishonest witness.
//!
//! Dishonest provers adapt what comes after their change; witnesses are edited wire by wire where only that shows which
//! constraint refuses them.

#[path = "../determinism/analysis.rs"]
mod analysis;
#[path = "../claims/support.rs"]
#[allow(dead_code, reason = "shared with other test binaries")]
mod circuit;
mod fixed;
mod forgery;
#[path = "../groth16/support.rs"]
#[allow(dead_code, reason = "shared with other test binaries")]
mod native;
mod numbers;
mod statements;
mod transcript;
mod verifier;
mod widths;
