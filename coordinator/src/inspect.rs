//! The seam of snapshot inspection: from untrusted bytes to a candidate for the plan.

use trifold_verifier::statement::Leaf;

use crate::Digest;
use crate::plan::Candidate;

/// Why a snapshot is no candidate.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct InspectError {
    /// A short stable name.
    pub code: &'static str,
    pub message: String,
}

impl InspectError {
    pub fn new(code: &'static str, error: impl std::fmt::Display) -> Self {
        Self {
            code,
            message: crate::wire::clip(&error.to_string()),
        }
    }
}

/// Reads and checks the snapshots of this network.
pub trait Inspect: Send + Sync {
    /// What the snapshot claims; cheap, checks form only.
    fn outline(&self, snapshot: Digest, bytes: &[u8]) -> Result<Candidate, InspectError>;

    /// Checks all that the program will prove, every signature too, from the leaf `previous` on.
    fn check(&self, bytes: &[u8], previous: Option<&Leaf>) -> Result<(), InspectError>;
}
