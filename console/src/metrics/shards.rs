//! What each shard's proofs cost, for those that cost most.

use std::collections::BTreeMap;

use trifold_coordinator::coordinator::TaskProved;

use super::board::{Board, Gauges, set};
use super::bounded::OTHER;

/// Shards whose numbers are labels: those that cost most.
pub const MAX_SHARDS: usize = 100;

#[derive(Debug, Clone, Copy, Default)]
struct Cost {
    gpu_seconds: f64,
    cpu_seconds: f64,
    input_bytes: f64,
}

impl Cost {
    fn add(&mut self, other: Cost) {
        self.gpu_seconds += other.gpu_seconds;
        self.cpu_seconds += other.cpu_seconds;
        self.input_bytes += other.input_bytes;
    }

    fn rank(&self) -> f64 {
        self.gpu_seconds + self.cpu_seconds
    }
}

/// Sums by shard. Gauges, since a shard can leave the ones that are shown.
pub(super) struct Shards {
    costs: BTreeMap<u32, Cost>,
    gpu_seconds: Gauges,
    cpu_seconds: Gauges,
    input_bytes: Gauges,
}

impl Shards {
    pub fn new(board: &mut Board) -> Self {
        Self {
            costs: BTreeMap::new(),
            gpu_seconds: board.gauges(
                ("trifold_shard_gpu_seconds", &["shard"]),
                "Card time of the shard's program proofs since this coordinator leads, the costliest 100 shards and `other`",
            ),
            cpu_seconds: board.gauges(
                ("trifold_shard_cpu_seconds", &["shard"]),
                "Processor time of the shard's program proofs since this coordinator leads, the costliest 100 shards and `other`",
            ),
            input_bytes: board.gauges(
                ("trifold_shard_input_bytes", &["shard"]),
                "Bytes read by workers for the shard's program proofs since this coordinator leads, the costliest 100 shards and `other`",
            ),
        }
    }

    /// Adds a proof, if it is a shard's.
    pub fn proved(&mut self, proved: &TaskProved) {
        let Some(shard) = proved.shard else { return };
        self.costs.entry(shard).or_default().add(Cost {
            gpu_seconds: proved.gpu_seconds,
            cpu_seconds: proved.cpu_seconds,
            input_bytes: proved.input_bytes as f64,
        });
    }

    /// Makes the gauges: done when a picture of the farm is taken, not for each proof.
    pub fn show(&self) {
        for gauges in [&self.gpu_seconds, &self.cpu_seconds, &self.input_bytes] {
            gauges.clear();
        }
        let mut ranked: Vec<_> = self.costs.iter().collect();
        ranked.sort_by(|(_, a), (_, b)| b.rank().total_cmp(&a.rank()));
        let (top, rest) = ranked.split_at(ranked.len().min(MAX_SHARDS));
        for (shard, cost) in top {
            self.set(shard.to_string(), cost);
        }
        if !rest.is_empty() {
            let mut other = Cost::default();
            rest.iter().for_each(|(_, cost)| other.add(**cost));
            self.set(OTHER.into(), &other);
        }
    }

    fn set(&self, shard: String, cost: &Cost) {
        let labels = vec![("shard", shard)];
        set(&self.gpu_seconds, &labels, cost.gpu_seconds);
        set(&self.cpu_seconds, &labels, cost.cpu_seconds);
        set(&self.input_bytes, &labels, cost.input_bytes);
    }
}
