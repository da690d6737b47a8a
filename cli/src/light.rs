//! A light client that runs: sources that are asked and never trusted, what is made of their answers, and the checkpoint.

mod checkpoint;
mod follower;
mod http;
mod run;
mod source;
mod tale;

pub use checkpoint::Checkpoint;
pub use follower::{Follower, Trust};
pub use http::{Bounds, Http, hidden};
pub use run::{Pace, run};
pub use source::Source;
pub use tale::Teller;
