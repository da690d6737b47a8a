//! The time of day, for what people read. Nobody's correctness rests on it.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Time since 1970; none if the clock stands before it.
pub(crate) fn unix_now() -> Duration {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default()
}

/// Milliseconds since 1970.
pub(crate) fn unix_ms() -> u64 {
    unix_now().as_millis() as u64
}
