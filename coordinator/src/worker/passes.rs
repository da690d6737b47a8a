//! Tasks that this worker should leave to others, since it failed on them. No IO, no clock.
//!
//! The planner names a worker in a task's `avoid` only if another live one serves the lane. Others may be gone by the time when
//! the task is offered, so the worker lets go of it a bounded number of times, each time for longer, and then takes it.

use std::collections::HashMap;
use std::time::Duration;

use crate::Digest;

/// Times that a task is let go of before it is taken all the same: 63 times the first pause together.
const MAX_PASSES: u32 = 6;
/// Tasks that are remembered; beyond that the memory starts again, which costs pauses and no task.
const MAX_REMEMBERED: usize = 4096;

pub(super) struct Passes {
    first: Duration,
    seen: HashMap<Digest, u32>,
}

impl Passes {
    pub fn new(first: Duration) -> Self {
        let seen = HashMap::new();
        Self { first, seen }
    }

    /// How long the task is let go of now; `None` when it was let go of often enough.
    pub fn pass(&mut self, task: &Digest) -> Option<Duration> {
        if self.seen.len() >= MAX_REMEMBERED {
            self.seen.clear();
        }
        let passes = self.seen.entry(*task).or_default();
        if *passes == MAX_PASSES {
            self.seen.remove(task);
            return None;
        }
        *passes += 1;
        Some(self.first * (1 << (*passes - 1)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_task_is_let_go_of_for_longer_and_longer_and_then_taken() {
        let second = Duration::from_secs(1);
        let mut passes = Passes::new(second);
        let [one, two] = [b"1", b"2"].map(|name| Digest::of(name));
        for expected in [1, 2, 4, 8, 16, 32] {
            assert_eq!(passes.pass(&one), Some(expected * second));
        }
        assert_eq!(passes.pass(&one), None);
        assert_eq!(passes.pass(&two), Some(second), "each for itself");
        assert_eq!(passes.pass(&one), Some(second), "and again from the start");
    }

    #[test]
    fn the_memory_is_bounded() {
        let mut passes = Passes::new(Duration::ZERO);
        for number in 0..2 * MAX_REMEMBERED as u64 {
            passes.pass(&Digest::of(&number.to_le_bytes()));
            assert!(passes.seen.len() <= MAX_REMEMBERED);
        }
    }
}
