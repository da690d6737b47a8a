//! The spans of an epoch that no single piece of work has: its root, its close, and the place of what comes before it.

use std::collections::BTreeMap;

use ark_bn254::Fr;

use super::Report;
use crate::clock::unix_ms;
use crate::core::Effect;
use crate::plan::ClosedEpoch;
use crate::trace::{self, Traceparent};
use crate::wire::{GlobalProof, Task};

/// When the epochs of a term began, and which one forms.
pub(super) struct Traces {
    genesis: Fr,
    closed: u64,
    /// The first offer of a task of an epoch, by the text of its trace; milliseconds since 1970.
    began: BTreeMap<String, u64>,
    /// When the core was last told something.
    stepped: u64,
}

impl Traces {
    /// For the network with this genesis digest, whose newest closed epoch is `closed`.
    pub fn new(genesis: Fr, closed: u64) -> Self {
        Self {
            genesis,
            closed,
            began: BTreeMap::new(),
            stepped: unix_ms(),
        }
    }

    /// What the core decides from now on begins now.
    pub fn step(&mut self) {
        self.stepped = unix_ms();
    }

    /// Where spans of the epoch belong whose snapshots come in.
    pub fn forming(&self) -> Traceparent {
        trace::epoch(&self.genesis, self.closed + 1)
    }

    /// Emits the spans that an effect ends.
    pub fn see(&mut self, effect: &Effect) {
        match effect {
            Effect::Push(task) => self.offered(task),
            Effect::Report(Report::EpochClosed(closed)) => self.close(closed),
            Effect::Report(Report::EpochPublished(proof)) => self.published(proof),
            _ => {}
        }
    }

    fn offered(&mut self, task: &Task) {
        if let Some(trace) = &task.trace
            && !self.began.contains_key(trace)
        {
            self.began.insert(trace.clone(), unix_ms());
        }
    }

    /// From the decision to the end of its recording.
    fn close(&mut self, closed: &ClosedEpoch) {
        self.closed = closed.epoch;
        let parent = trace::epoch(&self.genesis, closed.epoch);
        tracing::info_span!(
            "close",
            trace.parent = %parent,
            trace.start_unix_ms = self.stepped,
            epoch = closed.epoch,
            members = closed.members.len(),
            silent = closed.silent,
        );
    }

    /// The root, from the first offer that this term knows of.
    fn published(&mut self, proof: &GlobalProof) {
        let itself = trace::epoch(&self.genesis, proof.state.epoch);
        let began = self.began.remove(&itself.to_string());
        tracing::info_span!(
            "epoch",
            trace.of = %itself,
            trace.start_unix_ms = began,
            epoch = proof.state.epoch,
            transfers = proof.transfers,
        );
    }
}
