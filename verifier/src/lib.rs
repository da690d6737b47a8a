//! What a light client of Trifold runs: statements and their digests, Groth16 verification, ternary paths, receipts.
//!
//! No standard library, no clock, no randomness, no unsafe code, and no panic whatever the bytes. This crate proves
//! nothing, fetches nothing and keeps nothing: bytes in, a verdict out.
#![cfg_attr(any(doc, doctest), doc = "", doc = include_str!("../README.md"))]
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

pub mod claim;
pub mod client;
pub mod codec;
pub mod groth16;
#[cfg(feature = "json")]
pub mod json;
pub mod netted;
pub mod poseidon;
pub mod receipt;
pub mod refusal;
pub mod statement;
pub mod trie;
pub mod verified;

pub use ark_bn254::Fr;
