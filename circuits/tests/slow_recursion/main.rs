//! The whole merge and nest circuits: honest claims accepted, forged histories and proofs refused by the constraints.
//!
//! Proofs are made from keys whose secrets the test knows, so any statement has a valid one without proving anything.

#[path = "../claims/support.rs"]
mod support;

mod merge;
mod nest;
mod simulator;
