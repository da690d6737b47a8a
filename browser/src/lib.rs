//! The light client for JavaScript: `trifold-verifier` behind four functions of a WebAssembly module.
//!
//! This crate decides nothing that the verifier could. It turns frames of bytes into the verifier's types, and what was
//! verified into JSON; `package/light.js` wraps it as `@trifold/light`. It fetches nothing, keeps nothing but the clients that are
//! open, and has no clock and no randomness.
#![cfg_attr(target_family = "wasm", no_std)]

extern crate alloc;

#[cfg(target_family = "wasm")]
mod abi;
mod answer;
mod input;
mod refusal;
mod session;

pub use refusal::Refusal;
pub use session::{Operation, Session};
