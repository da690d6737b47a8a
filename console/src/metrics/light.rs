//! What a process that serves light clients counts.

use trifold_coordinator::archive::Reached;

use super::board::{Board, Gauges, Labels};

/// How far the archive is.
pub(super) struct Light {
    epoch: Gauges,
    current: Gauges,
    fault: Gauges,
}

impl Light {
    pub fn new(board: &mut Board) -> Self {
        Self {
            epoch: board.gauges(
                ("trifold_light_epoch", &[]),
                "Newest epoch that light clients are served",
            ),
            current: board.gauges(
                ("trifold_light_current", &[]),
                "1 once everything that was published had been read",
            ),
            fault: board.gauges(
                ("trifold_light_fault", &[]),
                "1 while the next epoch is published and found wrong, or can't be read",
            ),
        }
    }

    pub fn reached(&self, reached: &Reached) {
        let set = |gauge: &Gauges, value: f64| {
            gauge.get_or_create(&Labels::new()).set(value);
        };
        set(&self.epoch, reached.epoch as f64);
        set(&self.current, f64::from(u8::from(reached.current)));
        set(&self.fault, f64::from(u8::from(reached.fault.is_some())));
    }
}
