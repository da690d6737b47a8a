//! Light clients that run: what they make of honest, slow, lying and broken sources; receipts and accounts.

#[path = "../support/mod.rs"]
mod support;

mod farm;
mod followed;
mod kept;
mod receipts;
