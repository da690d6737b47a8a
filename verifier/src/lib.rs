#![doc = include_str!("../README.md")]
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

pub mod claim;
pub mod client;
pub mod codec;
pub mod groth16;
#[cfg(feature = "json")]
pub mod json;
pub mod poseidon;
pub mod receipt;
pub mod refusal;
pub mod statement;
pub mod trie;
pub mod verified;

pub use ark_bn254::Fr;
