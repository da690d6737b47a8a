//! The farm's three seams, filled with the circuits of this network: what a snapshot must be, which proofs are good,
//! and how a task is proven.

mod execute;
mod inspect;
mod verify;

pub use execute::Executor;
pub use inspect::Inspector;
pub use verify::Verifier;
