//! The shard of a program that is not ours: somebody else computes its steps and their signals, this keeps everything that
//! the protocol asks of each shard.

use crate::chain::Chain;
use crate::shard::ShardError;
use ark_bn254::Fr;
use serde::{Deserialize, Serialize};
use trifold_circuits::genesis::{Genesis, Start};
use trifold_circuits::snapshot::{Signals, SignalsError, Snapshot, Work};
use trifold_verifier::verified::VerifiedState;

mod json;
mod start;
mod step;

pub use json::{MAX_FILE_BYTES, ProgramFileError};
pub use start::start_from_json;
pub use step::ProgramStep;

/// Why a step was refused.
#[derive(Debug, thiserror::Error)]
pub enum ProgramShardError {
    #[error(transparent)]
    Shard(#[from] ShardError),
    #[error("shard {index} runs {program}, which is one of ours: its steps are not made elsewhere")]
    Ours { index: u32, program: String },
    #[error("a step is under way: submit it, and make the next when a global state holds it")]
    UnderWay,
    #[error("the step starts from body {found}, the shard is at {expected}")]
    Body { expected: Fr, found: Fr },
    #[error("the step has no events; each has at least one")]
    Events,
    #[error(transparent)]
    Signals(#[from] SignalsError),
}

/// One shard of a program that is not ours; one step under way at a time.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct ProgramShard {
    /// Name of the program, by which the file is told from those of other shards.
    program: String,
    chain: Chain,
}

impl ProgramShard {
    /// Shard `index` of a network at genesis; `transfer` is the key digest of the program of this name.
    pub fn genesis(genesis: &Genesis, index: u32, transfer: Fr) -> Result<Self, ProgramShardError> {
        let start = &genesis.shard(index).map_err(ShardError::from)?.start;
        let program = start.program().to_owned();
        if !matches!(start, Start::Program(_)) {
            return Err(ProgramShardError::Ours { index, program });
        }
        let chain = Chain::genesis(genesis, index, transfer).map_err(ShardError::from)?;
        Ok(Self { program, chain })
    }

    /// Name of the program.
    pub fn program(&self) -> &str {
        &self.program
    }

    /// The place in the chain.
    pub fn chain(&self) -> &Chain {
        &self.chain
    }

    /// Takes a step: it becomes the snapshot under way. Nothing changes on error. Whether the program's circuit accepts its
    /// signals is not looked at.
    pub fn step(
        &mut self,
        step: &ProgramStep,
        now_milliseconds: u64,
    ) -> Result<&Snapshot, ProgramShardError> {
        if self.chain.under_way().is_some() {
            return Err(ProgramShardError::UnderWay);
        }
        let (expected, found) = (self.chain.leaf().body, step.old_body);
        if found != expected {
            return Err(ProgramShardError::Body { expected, found });
        }
        if step.events == 0 {
            return Err(ProgramShardError::Events);
        }
        let (exchange, events) = (step.exchange, step.events);
        let (chain, seen) = (&self.chain, self.chain.seen());
        let new = chain.step(step.new_body, events, &exchange, seen, now_milliseconds)?;
        let signals = Signals {
            old_body: step.old_body,
            events,
            exchange,
            signals: step.signals(self.chain.index(), new.seen_digest),
        };
        signals.check()?;
        Ok(self.chain.submit(new, Work::Signals(signals)))
    }

    /// Forgets the step under way, which the farm has refused: the next starts from the same leaf.
    pub fn forget(&mut self) {
        self.chain.forget();
    }

    /// Takes in a verified global state, with the shard's path (from the leaf up) under its root. Says whether the state
    /// holds the step under way.
    pub fn observe(
        &mut self,
        verified: &VerifiedState,
        siblings: &[[Fr; 2]],
    ) -> Result<bool, ShardError> {
        Ok(self.chain.observe(verified, siblings)?.is_some())
    }

    /// Checks a shard that was read from storage.
    pub fn check(&self) -> Result<(), ShardError> {
        match self.chain.under_way() {
            Some(snapshot) if snapshot.old != self.chain.leaf().digest() => {
                Err(ShardError::Inconsistent("the snapshot starts elsewhere"))
            }
            _ => Ok(()),
        }
    }
}
