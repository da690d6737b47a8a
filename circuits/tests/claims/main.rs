//! The claims of merge and nest: the native relation against the circuit, and each constraint shown to bite.

mod determinism;
mod merge;
mod nest;
mod support;
