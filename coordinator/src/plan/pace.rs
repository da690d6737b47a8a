//! How fast proofs arrive.

use std::collections::VecDeque;

use super::Time;

/// Length of a slot, and number of slots that count: proofs of the last two to three minutes.
const SLOT_MS: u64 = 10_000;
const SLOTS: u64 = 15;

/// Proofs counted by slots of time.
#[derive(Default)]
pub(super) struct Pace {
    /// Slot number and proofs in it, oldest first.
    slots: VecDeque<(u64, u64)>,
    first: Option<Time>,
}

impl Pace {
    /// A proof arrived.
    pub fn count(&mut self, now: Time) {
        let slot = now / SLOT_MS;
        self.first.get_or_insert(now);
        match self.slots.back_mut() {
            Some((newest, proofs)) if *newest >= slot => *proofs += 1,
            _ => self.slots.push_back((slot, 1)),
        }
        while self
            .slots
            .front()
            .is_some_and(|(old, _)| old + SLOTS < slot)
        {
            self.slots.pop_front();
        }
    }

    /// Proofs per second lately; none if there were none.
    pub fn per_second(&self, now: Time) -> Option<f64> {
        let oldest = (now / SLOT_MS).saturating_sub(SLOTS);
        let recent = self.slots.iter().filter(|(slot, _)| *slot >= oldest);
        let proofs: u64 = recent.map(|(_, proofs)| proofs).sum();
        let since = self.first?.max(oldest * SLOT_MS);
        let seconds = now.saturating_sub(since).max(1_000) as f64 / 1000.0;
        (proofs > 0).then_some(proofs as f64 / seconds)
    }
}
