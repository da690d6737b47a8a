//! The operators' commands.

mod asked;
mod operated;
#[path = "../support/mod.rs"]
mod support;
