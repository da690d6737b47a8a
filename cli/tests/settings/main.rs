//! Settings: how they are read, and whether the files for deployment know them.

mod config;
mod deploy;
#[path = "../support/mod.rs"]
mod support;
