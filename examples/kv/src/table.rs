//! The table as its operator keeps it, and the steps that requests become.

use crate::answer::Answers;
use crate::step::{Header, Operation, Row, Size, Slot, Step, StepError, message};
use ark_bn254::Fr;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use trifold_circuits::field;
use trifold_circuits::schnorr::{Coordinates, SecretKey};
use trifold_circuits::trie::{SparseTrie, TrieError};

/// Why a request is refused. Nothing changes then.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TableError {
    #[error("the secret is not that of the table's owner")]
    Owner,
    #[error(transparent)]
    Trie(#[from] TrieError),
    #[error(transparent)]
    Step(#[from] StepError),
}

/// What a step is asked to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Request {
    Insert { key: u64, row: Row },
    Select { key: u64 },
    Between { key: u64, low: u64, high: u64 },
}

/// Rows by key, and what the state root has beside them.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Table {
    pub owner: Coordinates,
    pub ordinal: u64,
    /// Digest of the last step's answers.
    #[serde(with = "field::element")]
    pub answers: Fr,
    pub rows: BTreeMap<u64, Row>,
}

impl Table {
    /// An empty table.
    pub fn new(owner: Coordinates) -> Self {
        Self {
            owner,
            ordinal: 0,
            answers: Fr::default(),
            rows: BTreeMap::new(),
        }
    }

    /// What the state root commits to.
    pub fn header(&self, size: Size) -> Result<Header, TableError> {
        Ok(self.header_over(&self.trie(size)?))
    }

    /// The step that these requests are, signed by the owner where it inserts, and the table after it.
    ///
    /// # Errors
    /// A key outside the table, too many requests, or another owner's secret.
    pub fn step(
        &self,
        shard: u32,
        seen_digest: Fr,
        requests: &[Request],
        owner: &SecretKey,
        size: Size,
    ) -> Result<(Step, Self), TableError> {
        if owner.public().coordinates() != self.owner {
            return Err(TableError::Owner);
        }
        let (mut trie, mut next) = (self.trie(size)?, self.clone());
        let mut slots = Vec::new();
        for request in requests {
            slots.push(next.slot(shard, request, owner, &mut trie)?);
        }
        let step = Step {
            shard,
            seen_digest,
            old: self.header(size)?,
            slots,
        };
        next.answers = step.apply(size)?.answers;
        Ok((step, next))
    }

    /// What the answers of the step that led here are checked with.
    pub fn answers(&self, step: &Step, size: Size) -> Result<Answers, TableError> {
        let Header {
            owner,
            ordinal,
            rows,
            ..
        } = self.header(size)?;
        Ok(Answers {
            owner,
            ordinal,
            rows,
            answers: step.answers(),
        })
    }

    fn slot(
        &mut self,
        shard: u32,
        request: &Request,
        owner: &SecretKey,
        trie: &mut SparseTrie,
    ) -> Result<Slot, TableError> {
        let (Request::Insert { key, .. } | Request::Select { key } | Request::Between { key, .. }) =
            *request;
        let (held, siblings) = (self.rows.get(&key).copied(), trie.path(key)?);
        let operation = match *request {
            Request::Insert { row, .. } => {
                let signature = owner.sign(message(shard, self.ordinal, key, &row));
                trie.set(key, row.digest())?;
                self.rows.insert(key, row);
                self.ordinal += 1;
                Operation::Insert { row, signature }
            }
            Request::Select { .. } => Operation::Select,
            Request::Between { low, high, .. } => Operation::Between { low, high },
        };
        Ok(Slot {
            operation,
            key,
            held,
            siblings,
        })
    }

    fn trie(&self, size: Size) -> Result<SparseTrie, TableError> {
        let mut trie = SparseTrie::new(size.depth)?;
        trie.set_many(self.rows.iter().map(|(key, row)| (*key, row.digest())))?;
        Ok(trie)
    }

    fn header_over(&self, trie: &SparseTrie) -> Header {
        Header {
            owner: self.owner,
            ordinal: self.ordinal,
            rows: trie.root(),
            answers: self.answers,
        }
    }
}
