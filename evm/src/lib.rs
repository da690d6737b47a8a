//! The light client as an EVM contract: its Solidity source, generated for one network, and calldata for it.
//!
//! This crate compiles no Solidity, signs nothing and sends nothing.
#![forbid(unsafe_code)]

mod abi;
pub mod calldata;
mod contract;
mod poseidon;
mod text;

pub use contract::{SOURCE_NAME, solidity, standard_json};
