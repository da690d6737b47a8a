//! The log line that says why nothing is being proven.

use std::time::{Duration, Instant};

/// The line is repeated this often while it holds, and never said more often.
const PERIOD: Duration = Duration::from_secs(60);

/// When it was last said.
#[derive(Default)]
pub(super) struct Idle {
    said: Option<Instant>,
}

impl Idle {
    /// Says `why`, if it is time for it.
    pub fn say(&mut self, why: Option<&str>, now: Instant) {
        if let Some(why) = why
            && self.is_due(now)
        {
            tracing::info!(why, "nothing is being proven");
        }
    }

    fn is_due(&mut self, now: Instant) -> bool {
        let quiet = |at| now.saturating_duration_since(at) >= PERIOD;
        let due = self.said.is_none_or(quiet);
        if due {
            self.said = Some(now);
        }
        due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_said_at_once_and_then_once_a_minute() {
        let (mut idle, start) = (Idle::default(), Instant::now());
        let due = |seconds| idle.is_due(start + Duration::from_secs(seconds));
        let said: Vec<bool> = [0, 1, 59, 60, 61, 119, 120].map(due).into();
        assert_eq!(said, [true, false, false, true, false, false, true]);
    }
}
