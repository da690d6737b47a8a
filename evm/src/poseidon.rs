//! Poseidon for the EVM: the partial rounds as a recurrence, and the Yul that computes it.

mod code;
mod recurrence;
mod sum;

pub use code::{Code, Factors, Input};
