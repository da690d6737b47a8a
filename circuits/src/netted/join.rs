//! The join circuit: up to three parts of one epoch verified and added up.

use super::layout;
use super::statement::{Context, PART_DEPTH, Part, joined};
use crate::groth16::advice::{AdviceError, Proof, Slot, advise};
use crate::groth16::{Plan, PreparedKey};
use crate::inputs::Inputs;
use ark_bn254::Fr;
use ark_ff::AdditiveGroup;
use trifold_verifier::poseidon;
use trifold_verifier::trie::{Path, TrieError};

/// Why parts do not join. Parts count from 0.
#[derive(Debug, thiserror::Error)]
pub enum JoinError {
    #[error("no part")]
    Empty,
    #[error("part {part} has level {found}, the first one {expected}")]
    Level {
        part: usize,
        found: u8,
        expected: u8,
    },
    #[error("part {part} has index {found}, its place is {expected}")]
    Index {
        part: usize,
        found: u64,
        expected: u64,
    },
    #[error("part {part} rewrites no subtree, yet it has an index or digests")]
    Flat { part: usize },
    #[error("a key of parts: {0}")]
    Key(#[from] TrieError),
    #[error("the proofs' key has digest {found}, the claims need {expected}")]
    OtherKey { found: Fr, expected: Fr },
    #[error("part {part} has {proofs} proofs")]
    Proof { part: usize, proofs: usize },
    #[error(transparent)]
    Advice(#[from] AdviceError),
}

/// A key that parts may be proven under, and its place in the trie of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartKey {
    pub digest: Fr,
    pub path: Path,
}

impl PartKey {
    /// Whether the trie with this root has the key there.
    pub fn check(&self, keys: Fr) -> Result<(), TrieError> {
        self.path.verify(self.digest, keys, PART_DEPTH)
    }
}

/// One of the three places.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Joined {
    Part(Part),
    /// Nothing to prove: no part, or a subtree of this digest that does not change.
    Absent {
        digest: Fr,
    },
}

impl Joined {
    fn part(&self) -> Part {
        match *self {
            Self::Part(part) => part,
            Self::Absent { digest } => Part {
                old: digest,
                new: digest,
                ..Part::default()
            },
        }
    }
}

/// Everything that one join proves.
#[derive(Clone, Debug)]
pub struct Join {
    pub context: Context,
    /// The key of all three proofs.
    pub key: PartKey,
    /// Level of the parts.
    pub level: u8,
    /// Position of the joined subtree; 0 where there is none.
    pub index: u64,
    pub parts: [Joined; 3],
}

impl Join {
    /// What the join states, checked by the circuit's relation but for the proofs.
    pub fn part(&self) -> Result<Part, JoinError> {
        self.key.check(self.context.keys)?;
        self.check_parts()?;
        let parts = self.parts.map(|part| part.part());
        let sum = parts.iter().map(|part| part.sum).sum();
        let events = parts.iter().map(|part| part.events).sum();
        let commitment = joined(parts.map(|part| part.commitment));
        let subtree = match self.level {
            0 => Part::default(),
            level => Part {
                level: level + 1,
                index: self.index,
                old: poseidon::hash(&parts.map(|part| part.old)),
                new: poseidon::hash(&parts.map(|part| part.new)),
                ..Part::default()
            },
        };
        Ok(Part {
            commitment,
            sum,
            events,
            ..subtree
        })
    }

    fn check_parts(&self) -> Result<(), JoinError> {
        let present = |joined: &Joined| matches!(joined, Joined::Part(_));
        if !self.parts.iter().any(present) {
            return Err(JoinError::Empty);
        }
        for (part, joined) in self.parts.iter().enumerate() {
            let found = joined.part();
            if self.level == 0
                && (found.old != Fr::ZERO || found.new != Fr::ZERO || self.index != 0)
            {
                return Err(JoinError::Flat { part });
            }
            if present(joined) {
                self.check_part(part, &found)?;
            }
        }
        Ok(())
    }

    fn check_part(&self, part: usize, found: &Part) -> Result<(), JoinError> {
        let (found, index) = (found.level, found.index);
        let expected = self.level;
        if found != expected {
            return Err(JoinError::Level {
                part,
                found,
                expected,
            });
        }
        let (found, expected) = (index, self.child(part));
        match found == expected {
            true => Ok(()),
            false => Err(JoinError::Index {
                part,
                found,
                expected,
            }),
        }
    }

    fn child(&self, part: usize) -> u64 {
        match self.level {
            0 => 0,
            _ => 3 * self.index + part as u64,
        }
    }

    /// The public input of each part's proof.
    pub fn statements(&self) -> [Fr; 3] {
        [0, 1, 2].map(|i| {
            let part = Part {
                level: self.level,
                index: self.child(i),
                ..self.parts[i].part()
            };
            part.digest(&self.context)
        })
    }

    /// The circuit's input signals; refuses claims that break the relation and proofs that do not verify. `plan` is that of
    /// three proofs; there is a proof for each part that is not absent.
    pub fn inputs(
        &self,
        plan: &Plan,
        key: &PreparedKey,
        proofs: &[Option<Proof>; 3],
    ) -> Result<Inputs, JoinError> {
        self.part()?;
        let (found, expected) = (key.digest(), self.key.digest);
        if found != expected {
            return Err(JoinError::OtherKey { found, expected });
        }
        for (part, (joined, proof)) in self.parts.iter().zip(proofs).enumerate() {
            if matches!(joined, Joined::Part(_)) != proof.is_some() {
                let proofs = usize::from(proof.is_some());
                return Err(JoinError::Proof { part, proofs });
            }
        }
        let statements = self.statements();
        let slots = [0, 1, 2].map(|i| Slot {
            x: statements[i],
            proof: proofs[i].as_ref(),
        });
        let mut inputs = advise(plan, &[key], &slots, &[0, 0, 0])?;
        inputs.extend(self.claims());
        Ok(inputs)
    }

    /// The signals of the claims, without the advice for the proofs.
    pub fn claims(&self) -> Inputs {
        let parts = self.parts.map(|part| part.part());
        let mut inputs = Inputs::new();
        layout::context(&mut inputs, &self.context);
        inputs.insert("key", [self.key.digest]);
        inputs.insert("key_index", [self.key.path.index.into()]);
        inputs.insert("key_siblings", self.key.path.siblings.concat());
        inputs.insert("level", [self.level.into()]);
        inputs.insert("index", [self.index.into()]);
        inputs.insert("old", parts.map(|part| part.old));
        inputs.insert("new", parts.map(|part| part.new));
        inputs.insert("commitment", parts.map(|part| part.commitment));
        inputs.insert("sum", parts.map(|part| part.sum));
        inputs.insert("events", parts.map(|part| part.events.into()));
        inputs
    }
}
