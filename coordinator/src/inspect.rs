//! The seam of snapshot inspection: from untrusted bytes to what the plan needs to know.

use trifold_verifier::statement::Leaf;

use crate::Digest;
use crate::plan::Outline;
use crate::submission::SubmissionError;
use crate::wire::Submission;

/// Why a snapshot is refused.
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

impl From<SubmissionError> for InspectError {
    fn from(error: SubmissionError) -> Self {
        Self::new(error.code(), error)
    }
}

/// Reads and checks the snapshots of this network.
pub trait Inspect: Send + Sync {
    /// Whether the shard's operator announced the snapshot: one signature is checked, before anything is fetched.
    fn authorise(&self, submission: &Submission) -> Result<(), InspectError>;

    /// What the snapshot claims: bounded work, checks form and the sender's signature only.
    fn outline(&self, snapshot: Digest, bytes: &[u8]) -> Result<Outline, InspectError>;

    /// Checks all that the program will prove, every client's signature too, from the leaf `previous` on. The plan has
    /// admitted the outline: place, clocks, program and what the shard has seen are in order.
    fn check(&self, bytes: &[u8], previous: Option<&Leaf>) -> Result<(), InspectError>;
}
