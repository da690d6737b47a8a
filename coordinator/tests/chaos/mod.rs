//! What the chaos test is made of.

pub mod checks;
pub mod eyes;
pub mod farm;
pub mod process;
pub mod shards;
pub mod watched;
