//! What proofs cost, summed up per snapshot until its epoch is closed, and per epoch until it is published.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::Digest;
use crate::wire::Proved;

/// What it took to make a proof, or several. Whole numbers, so that a replay sums up to the same.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cost {
    pub cpu_ms: u64,
    pub gpu_ms: u64,
    pub input_bytes: u64,
}

/// Longest time that a worker may claim for a proof, in seconds: a day.
const MAX_SECONDS: f64 = 86_400.0;
const MAX_INPUT_BYTES: u64 = 1 << 40;

/// A time that a worker claims, brought within reason.
pub(super) fn reasonable(seconds: f64) -> f64 {
    match seconds.is_finite() {
        true => seconds.clamp(0.0, MAX_SECONDS),
        false => 0.0,
    }
}

fn milliseconds(seconds: f64) -> u64 {
    (reasonable(seconds) * 1e3).round() as u64
}

impl Cost {
    pub(super) fn of(proved: &Proved) -> Self {
        Self {
            cpu_ms: milliseconds(proved.cpu_seconds),
            gpu_ms: milliseconds(proved.gpu_seconds),
            input_bytes: proved.input_bytes.min(MAX_INPUT_BYTES),
        }
    }

    fn add(&mut self, more: &Cost) {
        self.cpu_ms = self.cpu_ms.saturating_add(more.cpu_ms);
        self.gpu_ms = self.gpu_ms.saturating_add(more.gpu_ms);
        self.input_bytes = self.input_bytes.saturating_add(more.input_bytes);
    }
}

/// Costs of what is not published.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Costs {
    snapshots: BTreeMap<Digest, Cost>,
    epochs: BTreeMap<u64, Cost>,
}

impl Costs {
    pub fn proved(&mut self, snapshot: Option<Digest>, epoch: Option<u64>, cost: &Cost) {
        if let Some(epoch) = epoch {
            self.epochs.entry(epoch).or_default().add(cost);
        } else if let Some(snapshot) = snapshot {
            self.snapshots.entry(snapshot).or_default().add(cost);
        }
    }

    pub fn closed(&mut self, epoch: u64, members: &[(u32, Digest)]) {
        let mut sum = Cost::default();
        let costs = members
            .iter()
            .filter_map(|(_, snapshot)| self.snapshots.remove(snapshot));
        costs.for_each(|cost| sum.add(&cost));
        self.epochs.entry(epoch).or_default().add(&sum);
    }

    pub fn dropped(&mut self, snapshots: &[Digest]) {
        for snapshot in snapshots {
            self.snapshots.remove(snapshot);
        }
    }

    pub fn published(&mut self, epoch: u64) -> Cost {
        self.epochs.remove(&epoch).unwrap_or_default()
    }
}
