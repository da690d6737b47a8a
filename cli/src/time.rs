//! The wall clock.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

fn since_1970() -> Duration {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default()
}

/// Unix time.
pub fn now_milliseconds() -> u64 {
    since_1970().as_millis() as u64
}

/// A number that another run is unlikely to have; it protects nothing.
pub fn fresh_seed() -> u64 {
    since_1970().as_nanos() as u64
}
