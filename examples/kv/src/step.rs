//! One step of the table as its circuit proves it: the native relation, and the circuit's signals.

use crate::answer::{self, Answer};
use ark_bn254::Fr;
use ark_ff::AdditiveGroup;
use serde::{Deserialize, Serialize};
use trifold_circuits::field;
use trifold_circuits::inputs::Inputs;
use trifold_circuits::schnorr::{Coordinates, SchnorrError, Signature};
use trifold_verifier::poseidon;
use trifold_verifier::statement::{Body, ProgramStatement};
use trifold_verifier::trie::Path;

/// Parameters of the template.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size {
    /// N: most operations of one step.
    pub slots: usize,
    /// Levels of the trie of rows, at most 20.
    pub depth: usize,
}

impl Size {
    /// The instance of `program.toml`.
    pub const DEPLOYED: Self = Self { slots: 6, depth: 9 };
}

/// Why a step proves nothing. Slots count from 0.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StepError {
    #[error("a step has 1 to {slots} operations, not {count}")]
    Count { count: usize, slots: usize },
    #[error("slot {slot}: a path has {levels} levels, the trie {depth}")]
    PathLength {
        slot: usize,
        levels: usize,
        depth: usize,
    },
    #[error("slot {slot}: key {key} is outside the table")]
    Key { slot: usize, key: u64 },
    #[error("slot {slot}: the row is not what the table holds at key {key}")]
    Row { slot: usize, key: u64 },
    #[error("slot {slot}: the owner did not sign this INSERT: {source}")]
    Signature { slot: usize, source: SchnorrError },
}

/// A row of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Row {
    pub value: u64,
    /// Random, so that the digest of a row does not tell its value.
    #[serde(with = "field::element")]
    pub salt: Fr,
}

impl Row {
    pub fn digest(&self) -> Fr {
        poseidon::hash(&[field::tag("kv/row/v1"), self.value.into(), self.salt])
    }
}

/// What the state root commits to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// Who may insert.
    pub owner: Coordinates,
    /// INSERTs so far.
    pub ordinal: u64,
    /// Root of the trie of rows.
    pub rows: Fr,
    /// Digest of the last step's answers.
    pub answers: Fr,
}

impl Header {
    /// The shard's body, without messages to other shards.
    pub fn body(&self) -> Body {
        let state_root = poseidon::hash(&[
            field::tag("kv/table/v1"),
            self.owner.x,
            self.owner.y,
            self.ordinal.into(),
            self.rows,
            self.answers,
        ]);
        Body {
            state_root,
            ..Body::default()
        }
    }
}

/// What is done to the row at a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    /// Writes a row, in place of the one that is there, if any.
    Insert { row: Row, signature: Signature },
    /// Tells the row's value, or that there is none.
    Select,
    /// Tells whether there is a row with `low <= value <= high`.
    Between { low: u64, high: u64 },
}

/// An operation with the row that it finds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Slot {
    pub operation: Operation,
    pub key: u64,
    /// The row before, if there is one.
    pub held: Option<Row>,
    /// From the leaf up, under the root before the operation.
    pub siblings: Vec<[Fr; 2]>,
}

/// Operations of one step, in sequence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    pub shard: u32,
    pub seen_digest: Fr,
    /// The table before.
    pub old: Header,
    pub slots: Vec<Slot>,
}

/// What the owner signs to write a row: H("kv/insert/v1", shard, ordinal, key, value, salt).
pub fn message(shard: u32, ordinal: u64, key: u64, row: &Row) -> Fr {
    let tag = field::tag("kv/insert/v1");
    let (shard, ordinal, key) = (shard.into(), ordinal.into(), key.into());
    poseidon::hash(&[tag, shard, ordinal, key, row.value.into(), row.salt])
}

impl Step {
    /// The table after the step, or why there is none; the circuit's native relation.
    pub fn apply(&self, size: Size) -> Result<Header, StepError> {
        let (count, slots) = (self.slots.len(), size.slots);
        if count == 0 || count > slots {
            return Err(StepError::Count { count, slots });
        }
        let mut table = Header {
            answers: answer::digest(&self.answers()),
            ..self.old
        };
        for (slot, content) in self.slots.iter().enumerate() {
            content.apply(slot, self.shard, &mut table, size)?;
        }
        Ok(table)
    }

    /// What the step proves.
    pub fn statement(&self, size: Size) -> Result<ProgramStatement, StepError> {
        Ok(ProgramStatement {
            shard: self.shard,
            old_body: self.old.body().digest(),
            new_body: self.apply(size)?.body().digest(),
            events: self.slots.len() as u32,
            seen_digest: self.seen_digest,
            sent: 0,
            received: 0,
            received_lamport: 0,
            received_timestamp: 0,
        })
    }

    /// What each operation answers.
    pub fn answers(&self) -> Vec<Answer> {
        self.slots.iter().map(Slot::answer).collect()
    }

    /// The circuit's input signals but `x`.
    pub fn signals(&self, size: Size) -> Inputs {
        let mut inputs = Inputs::new();
        inputs.insert("shard", [self.shard.into()]);
        inputs.insert("seen_digest", [self.seen_digest]);
        inputs.insert("events", [(self.slots.len() as u64).into()]);
        inputs.insert("owner", [self.old.owner.x, self.old.owner.y]);
        inputs.insert("old_ordinal", [self.old.ordinal.into()]);
        inputs.insert("old_rows", [self.old.rows]);
        inputs.insert("old_answers", [self.old.answers]);
        self.insert_slots(&mut inputs, size);
        self.insert_signatures(&mut inputs, size);
        inputs
    }

    fn insert_slots(&self, inputs: &mut Inputs, size: Size) {
        let of = |value: &dyn Fn(&Slot) -> Fr| -> Vec<Fr> {
            let used = self.slots.iter().map(value);
            used.chain(std::iter::repeat(Fr::default()))
                .take(size.slots)
                .collect()
        };
        let flag = |is: fn(&Operation) -> bool| of(&|slot| is(&slot.operation).into());
        inputs.insert("insert", flag(|o| matches!(o, Operation::Insert { .. })));
        inputs.insert("select", flag(|o| matches!(o, Operation::Select)));
        inputs.insert("between", flag(|o| matches!(o, Operation::Between { .. })));
        inputs.insert("key", of(&|slot| slot.key.into()));
        inputs.insert("present", of(&|slot| slot.held.is_some().into()));
        let held = |slot: &Slot| slot.held.unwrap_or(NO_ROW);
        inputs.insert("held_value", of(&|slot| held(slot).value.into()));
        inputs.insert("held_salt", of(&|slot| held(slot).salt));
        inputs.insert("value", of(&|slot| slot.written().value.into()));
        inputs.insert("salt", of(&|slot| slot.written().salt));
        inputs.insert("low", of(&|slot| slot.bounds().0.into()));
        inputs.insert("high", of(&|slot| slot.bounds().1.into()));
        let siblings = self.slots.iter().flat_map(|slot| slot.siblings.concat());
        let siblings = siblings.chain(std::iter::repeat(Fr::default()));
        inputs.insert("siblings", siblings.take(2 * size.slots * size.depth));
    }

    /// Where nothing is inserted, anyone signs for the neutral key.
    fn insert_signatures(&self, inputs: &mut Inputs, size: Size) {
        let mut ordinal = self.old.ordinal;
        let (mut commitments, mut magnitudes, mut signs) = (Vec::new(), Vec::new(), Vec::new());
        for place in 0..size.slots {
            let slot = self.slots.get(place);
            let (key, row) = slot.map_or((0, NO_ROW), |slot| (slot.key, slot.written()));
            let signature = match slot.map(|slot| slot.operation) {
                Some(Operation::Insert { signature, .. }) => signature,
                _ => Signature::neutral(message(self.shard, ordinal, key, &row)),
            };
            ordinal += u64::from(slot.is_some_and(Slot::inserts));
            commitments.extend([signature.commitment.x, signature.commitment.y]);
            for digit in signature.response_digits() {
                magnitudes.extend([digit.magnitude & 1, digit.magnitude >> 1].map(Fr::from));
                signs.push(Fr::from(digit.positive));
            }
        }
        inputs.insert("commitment", commitments);
        inputs.insert("response_magnitude", magnitudes);
        inputs.insert("response_positive", signs);
    }
}

/// What stands where there is no row.
const NO_ROW: Row = Row {
    value: 0,
    salt: Fr::ZERO,
};

impl Slot {
    fn apply(
        &self,
        slot: usize,
        shard: u32,
        table: &mut Header,
        size: Size,
    ) -> Result<(), StepError> {
        let held = self.held.map_or(Fr::default(), |row| row.digest());
        if self.root(slot, held, size)? != table.rows {
            let key = self.key;
            return Err(StepError::Row { slot, key });
        }
        if let Operation::Insert { row, signature } = &self.operation {
            let message = message(shard, table.ordinal, self.key, row);
            let signed = table.owner.verify(message, signature);
            signed.map_err(|source| StepError::Signature { slot, source })?;
            table.rows = self.root(slot, row.digest(), size)?;
            table.ordinal += 1;
        }
        Ok(())
    }

    fn root(&self, slot: usize, leaf: Fr, size: Size) -> Result<Fr, StepError> {
        let (levels, depth, key) = (self.siblings.len(), size.depth, self.key);
        if levels != depth {
            return Err(StepError::PathLength {
                slot,
                levels,
                depth,
            });
        }
        let path = Path {
            index: key,
            siblings: self.siblings.clone(),
        };
        path.root(leaf, depth)
            .map_err(|_| StepError::Key { slot, key })
    }

    fn answer(&self) -> Answer {
        let (key, value) = (self.key, self.held.map(|row| row.value));
        match self.operation {
            Operation::Insert { .. } => Answer::Inserted { key },
            Operation::Select => Answer::Selected { key, value },
            Operation::Between { low, high } => Answer::Between {
                key,
                low,
                high,
                holds: value.is_some_and(|value| (low..=high).contains(&value)),
            },
        }
    }

    fn inserts(&self) -> bool {
        matches!(self.operation, Operation::Insert { .. })
    }

    fn written(&self) -> Row {
        match self.operation {
            Operation::Insert { row, .. } => row,
            Operation::Select | Operation::Between { .. } => NO_ROW,
        }
    }

    fn bounds(&self) -> (u64, u64) {
        match self.operation {
            Operation::Between { low, high } => (low, high),
            Operation::Insert { .. } | Operation::Select => (0, 0),
        }
    }
}
