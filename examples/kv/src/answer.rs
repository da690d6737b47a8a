//! What the operations of one step answered, checked under the shard's leaf.

use crate::step::Header;
use ark_bn254::Fr;
use serde::{Deserialize, Serialize};
use trifold_circuits::field;
use trifold_circuits::schnorr::Coordinates;
use trifold_verifier::poseidon;
use trifold_verifier::statement::Leaf;

/// Most answers read: far more than any instance has slots.
const MAX_ANSWERS: usize = 1024;

/// What one operation answered. An INSERT's value is not in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Answer {
    /// The row was written.
    Inserted { key: u64 },
    /// The row's value; none where there is no row.
    Selected { key: u64, value: Option<u64> },
    /// Whether there is a row whose value lies within the bounds, both included.
    Between {
        key: u64,
        low: u64,
        high: u64,
        holds: bool,
    },
}

/// The answers of one step with the rest of the state that they lie in.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Answers {
    /// Who may insert.
    pub owner: Coordinates,
    /// INSERTs up to and with this step.
    pub ordinal: u64,
    /// Root of the trie of rows after the step.
    #[serde(with = "field::element")]
    pub rows: Fr,
    /// In the order of the operations.
    pub answers: Vec<Answer>,
}

/// Why answers are not those of a leaf.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AnswersError {
    #[error("{0} answers, more than the {MAX_ANSWERS} that are read")]
    TooMany(usize),
    #[error("the answers are not those of the step that led to the shard's leaf")]
    NotUnderLeaf,
}

impl Answer {
    /// H("kv/answer/v1", the answers before, kind, key, low, high, whether, value).
    pub fn digest(&self, before: Fr) -> Fr {
        let (kind, key, low, high, whether, value) = match *self {
            Self::Inserted { key } => (1, key, 0, 0, true, 0),
            Self::Selected { key, value } => {
                (2, key, 0, 0, value.is_some(), value.unwrap_or_default())
            }
            Self::Between {
                key,
                low,
                high,
                holds,
            } => (3, key, low, high, holds, 0),
        };
        let numbers = [kind, key, low, high, whether.into(), value].map(Fr::from);
        let [kind, key, low, high, whether, value] = numbers;
        let tag = field::tag("kv/answer/v1");
        poseidon::hash(&[tag, before, kind, key, low, high, whether, value])
    }
}

impl Answers {
    /// That these are the answers of the step that led to `leaf`, which the caller has verified.
    pub fn check(&self, leaf: &Leaf) -> Result<(), AnswersError> {
        if self.answers.len() > MAX_ANSWERS {
            return Err(AnswersError::TooMany(self.answers.len()));
        }
        let header = Header {
            owner: self.owner,
            ordinal: self.ordinal,
            rows: self.rows,
            answers: digest(&self.answers),
        };
        match header.body().digest() == leaf.body {
            true => Ok(()),
            false => Err(AnswersError::NotUnderLeaf),
        }
    }
}

/// The digest of the answers of one step.
pub fn digest(answers: &[Answer]) -> Fr {
    let nothing = Fr::default();
    answers
        .iter()
        .fold(nothing, |before, answer| answer.digest(before))
}
