//! The time that a run may take.

use std::time::{Duration, Instant};

/// Counts from its making.
#[derive(Clone, Copy)]
pub struct Clock {
    start: Instant,
    limit: Duration,
}

impl Clock {
    pub fn new(limit: Duration) -> Self {
        let start = Instant::now();
        Self { start, limit }
    }

    /// Seconds until a share of the time has passed; none once it has.
    pub fn left(&self, share: f64) -> Option<f64> {
        let left = self.limit.as_secs_f64() * share - self.start.elapsed().as_secs_f64();
        (left > 0.0).then_some(left)
    }
}
