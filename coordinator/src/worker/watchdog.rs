//! How long a stage may take before it counts as hung: by what it took before. No clock.

use std::time::Duration;

use crate::wire::HeldStage;

/// When a stage is given up. A hung kernel can't be cancelled, so the process that runs it has to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Patience {
    /// What any stage is given.
    pub least: Duration,
    /// Times the longest that the stage took so far on this lane.
    pub times: u32,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            least: Duration::from_secs(600),
            times: 20,
        }
    }
}

/// The longest that each stage took on each lane, by the lane's place.
#[derive(Default)]
pub(super) struct Longest(Vec<(usize, HeldStage, Duration)>);

impl Longest {
    /// Takes note of a stage that ended.
    pub fn ended(&mut self, lane: usize, stage: HeldStage, took: Duration) {
        let known = |(other, of, _): &&mut _| (*other, *of) == (lane, stage);
        match self.0.iter_mut().find(known) {
            Some((_, _, longest)) => *longest = took.max(*longest),
            None => self.0.push((lane, stage, took)),
        }
    }

    /// What a stage may take; none for those that end by themselves.
    pub fn limit(&self, lane: usize, stage: HeldStage, patience: Patience) -> Option<Duration> {
        match stage {
            HeldStage::Witness | HeldStage::Proving => {}
            HeldStage::Waiting | HeldStage::Reporting => return None,
        }
        let known = |(other, of, _): &&_| (*other, *of) == (lane, stage);
        let longest = self
            .0
            .iter()
            .find(known)
            .map_or(Duration::ZERO, |one| one.2);
        Some(patience.least.max(longest.saturating_mul(patience.times)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stage_may_take_many_times_the_longest_seen_and_never_less_than_the_least() {
        let seconds = Duration::from_secs;
        let patience = Patience::default();
        let mut longest = Longest::default();
        let limit = |longest: &Longest, lane| longest.limit(lane, HeldStage::Proving, patience);
        assert_eq!(limit(&longest, 0), Some(seconds(600)));
        for took in [10, 90, 40] {
            longest.ended(0, HeldStage::Proving, seconds(took));
        }
        assert_eq!(limit(&longest, 0), Some(seconds(1800)));
        assert_eq!(limit(&longest, 1), Some(seconds(600)), "another lane");
        let witness = longest.limit(0, HeldStage::Witness, patience);
        assert_eq!(witness, Some(seconds(600)), "another stage");
        for stage in [HeldStage::Waiting, HeldStage::Reporting] {
            assert_eq!(longest.limit(0, stage, patience), None);
        }
    }
}
