//! From witness to proof: proving keys, the backends that do the heavy arithmetic, and the self-check.
//!
//! A proving key is a snarkjs `.zkey` file ([`key`]), kept in a cache under its digest ([`cache`]), made by one party
//! for development ([`setup`]) or imported from a ceremony. A [`backend`] turns a witness into five deterministic
//! commitments; [`prover`] blinds them and verifies the proof before anyone sees it. This crate does not make
//! witnesses, and it does not run ceremonies.

pub mod backend;
pub mod cache;
pub mod key;
pub mod prover;
mod self_check;
mod self_test;
pub mod setup;

pub use backend::{Backend, BackendError, Commitments, Cpu, LoadedKey};
pub use cache::{KeyCache, KeyManifest};
pub use key::{KeyError, ProvingKey};
pub use prover::{ProofWithStatement, ProveError, Prover};
pub use self_test::{SelfTest, self_test};
pub use setup::{Entropy, Progress, Stage};
