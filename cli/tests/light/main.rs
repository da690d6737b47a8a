//! Light clients that run: what they make of honest, slow, lying and broken sources; receipts and accounts.

#[path = "../support/mod.rs"]
mod support;
#[path = "../../../verifier/tests/common/mod.rs"]
mod trapdoor;

mod farm;
mod followed;
mod kept;
mod receipts;
