//! The shard's state machine: transfers and verified global states in, snapshots out.

use crate::clock;
use crate::ledger::{Ledger, LedgerError};
use ark_bn254::Fr;
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;
use trifold_circuits::field;
use trifold_circuits::genesis::{Genesis, GenesisError, TRANSFER};
use trifold_circuits::snapshot::{self, Snapshot, Work};
use trifold_circuits::transfer::{self, Batch, SignedTransfer, Size, Step};
use trifold_verifier::claim::ShardClaim;
use trifold_verifier::statement::Leaf;
use trifold_verifier::trie::Path;
use trifold_verifier::verified::VerifiedState;

mod confirmed;

pub use confirmed::Confirmed;

/// Most transfers executed and not yet part of a global state.
pub const MAX_PENDING: usize = 4096;

/// Why the shard refused.
#[derive(Debug, thiserror::Error)]
pub enum ShardError {
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    #[error(transparent)]
    Genesis(#[from] GenesisError),
    #[error("shard {index} runs {program}, not {TRANSFER}")]
    OtherProgram { index: u32, program: String },
    #[error("{MAX_PENDING} transfers wait for a global state; try again after the next")]
    Busy,
    #[error("clock: no timestamp or counter is left after {timestamp} at {now_milliseconds} ms")]
    Clock {
        timestamp: u64,
        now_milliseconds: u64,
    },
    #[error("global state of epoch {epoch} is not newer than epoch {latest}, seen before")]
    Stale { epoch: u64, latest: u64 },
    #[error(
        "global state of epoch {epoch} holds neither the shard's leaf nor its snapshot at this path"
    )]
    NotUnderRoot { epoch: u64 },
    #[error("stored state is inconsistent: {0}")]
    Inconsistent(&'static str),
}

/// A global state by epoch and digest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
struct Seen {
    epoch: u64,
    #[serde(with = "field::element")]
    digest: Fr,
}

/// A transfer that no global state holds yet.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
struct Pending {
    step: Step,
    /// State root after the step.
    #[serde(with = "field::element")]
    root: Fr,
}

/// One shard. Transfers are executed at once; they leave in snapshots of at most N, one snapshot under way at a time.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct Shard {
    #[serde(with = "field::element")]
    network: Fr,
    index: u32,
    /// The shard's leaf in the latest global state.
    #[serde(with = "snapshot::leaf")]
    leaf: Leaf,
    /// State root under `leaf`.
    #[serde(with = "field::element")]
    root: Fr,
    /// Accounts with every pending transfer executed.
    ledger: Ledger,
    pending: VecDeque<Pending>,
    /// Submitted, and not yet in a global state.
    under_way: Option<Snapshot>,
    /// The latest global state verified.
    latest: Seen,
    /// The one verified before it: the history of `latest` holds it, so the next epoch can open it.
    seen: Option<Seen>,
}

impl Shard {
    /// Shard `index` of a network at genesis, running `transfer`, whose key has the digest `program`.
    pub fn genesis(genesis: &Genesis, index: u32, program: Fr) -> Result<Self, ShardError> {
        let shard = genesis.shard(index)?;
        if shard.start.program() != TRANSFER {
            let program = shard.start.program().into();
            return Err(ShardError::OtherProgram { index, program });
        }
        let network = genesis.global_state(program)?.digest();
        let ledger = Ledger::genesis(shard)?;
        Ok(Self {
            network,
            index,
            leaf: genesis.leaf(index, program)?,
            root: ledger.root(),
            ledger,
            pending: VecDeque::new(),
            under_way: None,
            latest: Seen {
                epoch: 0,
                digest: network,
            },
            seen: None,
        })
    }

    /// Index in the global trie.
    pub fn index(&self) -> u32 {
        self.index
    }

    /// The shard's leaf in the latest global state.
    pub fn leaf(&self) -> &Leaf {
        &self.leaf
    }

    /// Accounts with every accepted transfer executed.
    pub fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// Epoch of the latest global state observed; 0 before the first.
    pub fn latest_epoch(&self) -> u64 {
        self.latest.epoch
    }

    /// Accepted transfers that no global state holds yet.
    pub fn pending(&self) -> usize {
        self.pending.len()
    }

    /// Executes a client's transfer. Nothing changes on error.
    pub fn accept(&mut self, signed: &SignedTransfer) -> Result<(), ShardError> {
        if self.pending.len() >= MAX_PENDING {
            return Err(ShardError::Busy);
        }
        let step = self.ledger.execute(self.index, signed)?;
        self.pending.push_back(Pending {
            step,
            root: self.ledger.root(),
        });
        Ok(())
    }

    /// What to submit: the snapshot under way, unchanged, or else a new one over the oldest pending transfers, if any.
    pub fn snapshot(&mut self, now_milliseconds: u64) -> Result<Option<&Snapshot>, ShardError> {
        if self.under_way.is_none() && !self.pending.is_empty() {
            self.under_way = Some(self.next_snapshot(now_milliseconds)?);
        }
        Ok(self.under_way.as_ref())
    }

    /// Takes in a verified global state, with the shard's path (from the leaf up) under its root. Says whether the state
    /// holds the snapshot under way.
    pub fn observe(
        &mut self,
        verified: &VerifiedState,
        siblings: Vec<[Fr; 2]>,
    ) -> Result<bool, ShardError> {
        let state = verified.state();
        let (epoch, latest) = (state.epoch, self.latest.epoch);
        if epoch <= latest {
            return Err(ShardError::Stale { epoch, latest });
        }
        let (index, siblings) = (self.index, &siblings);
        let holds = |leaf: &Leaf| {
            let path = Path {
                index: index.into(),
                siblings: siblings.clone(),
            };
            let leaf = Some(*leaf);
            let claim = ShardClaim { index, leaf, path };
            verified.verify_shard(&claim).is_ok()
        };
        let confirmed = self.under_way.take_if(|snapshot| holds(&snapshot.new));
        if confirmed.is_none() && !holds(&self.leaf) {
            return Err(ShardError::NotUnderRoot { epoch });
        }
        if let Some(snapshot) = &confirmed {
            self.confirm(snapshot);
        }
        self.seen = Some(std::mem::replace(
            &mut self.latest,
            Seen {
                epoch,
                digest: state.digest(),
            },
        ));
        Ok(confirmed.is_some())
    }

    /// Checks a shard that was read from storage.
    pub fn check(&self) -> Result<(), ShardError> {
        let inconsistent = |reason| Err(ShardError::Inconsistent(reason));
        let tip = self.pending.back().map_or(self.root, |last| last.root);
        if tip != self.ledger.root() {
            return inconsistent("the accounts are not those that the pending transfers lead to");
        }
        if transfer::body(self.root).digest() != self.leaf.body {
            return inconsistent("the state root is not that of the leaf");
        }
        match &self.under_way {
            Some(snapshot) if snapshot.old != self.leaf.digest() => {
                inconsistent("the snapshot starts elsewhere")
            }
            Some(snapshot) if snapshot.events() as usize > self.pending.len() => {
                inconsistent("transfers are missing")
            }
            _ => Ok(()),
        }
    }

    fn confirm(&mut self, snapshot: &Snapshot) {
        let mut confirmed = self
            .pending
            .drain(..(snapshot.events() as usize).min(self.pending.len()));
        self.root = confirmed.next_back().map_or(self.root, |last| last.root);
        self.leaf = snapshot.new;
    }

    fn next_snapshot(&self, now_milliseconds: u64) -> Result<Snapshot, ShardError> {
        let count = self.pending.len().min(Size::DEPLOYED.slots);
        let steps: Vec<Step> = self
            .pending
            .range(..count)
            .map(|pending| pending.step.clone())
            .collect();
        let root = self
            .pending
            .get(count - 1)
            .map_or(self.root, |last| last.root);
        let timestamp = self.leaf.timestamp;
        let spent = ShardError::Clock {
            timestamp,
            now_milliseconds,
        };
        let clocks = clock::tick(timestamp, now_milliseconds)
            .zip(self.leaf.lamport.checked_add(count as u64));
        let (timestamp, lamport) = clocks.ok_or(spent)?;
        let Seen {
            epoch: seen_epoch,
            digest: seen_digest,
        } = self.seen.unwrap_or(Seen {
            epoch: 0,
            digest: Fr::default(),
        });
        let body = transfer::body(root).digest();
        let batch = Batch {
            shard: self.index,
            seen_digest,
            old_root: self.root,
            steps,
        };
        let new = Leaf {
            body,
            lamport,
            timestamp,
            seen_epoch,
            seen_digest,
            ..self.leaf
        };
        Ok(Snapshot {
            network: self.network,
            shard: self.index,
            old: self.leaf.digest(),
            new,
            work: Work::Transfer(batch),
        })
    }
}
