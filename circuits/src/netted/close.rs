//! The close circuit: the messages and the accounts of an epoch verified against each other; the program of a netted shard.

use super::join::PartKey;
use super::statement::{Context, Part, State, Transcript};
use crate::groth16::advice::{AdviceError, Proof, Slot, advise};
use crate::groth16::{Plan, PreparedKey};
use crate::inputs::Inputs;
use crate::transfer::body;
use ark_bn254::Fr;
use ark_ff::AdditiveGroup;
use trifold_verifier::statement::ProgramStatement;
use trifold_verifier::trie::TrieError;

/// Why an epoch does not close.
#[derive(Debug, thiserror::Error)]
pub enum CloseError {
    #[error("depth {0} is not between 1 and 32")]
    Depth(u8),
    #[error("no message")]
    NoEvent,
    #[error("the {which} proof's key: {source}")]
    Key {
        which: &'static str,
        source: TrieError,
    },
    #[error("the {which} proof's key has digest {found}, the claims need {expected}")]
    OtherKey {
        which: &'static str,
        found: Fr,
        expected: Fr,
    },
    #[error("the {which} part states something else")]
    Part { which: &'static str },
    #[error("messages and accounts do not match: their sums differ")]
    Sums,
    #[error(transparent)]
    Advice(#[from] AdviceError),
}

/// Everything that the close of an epoch proves.
#[derive(Clone, Debug)]
pub struct Close {
    pub network: Fr,
    pub shard: u32,
    /// Root of the trie of keys that parts may be proven under.
    pub keys: Fr,
    /// Levels of the account trie.
    pub depth: u8,
    /// Roots of the account trie.
    pub old: Fr,
    pub new: Fr,
    /// Whether the accounts come as rows.
    pub sparse: bool,
    /// Digest of the global state that the shard has seen; 0 if none.
    pub seen_digest: Fr,
    pub messages: ClosedPart,
    pub accounts: ClosedPart,
}

/// One of the two parts that are closed over.
#[derive(Clone, Debug)]
pub struct ClosedPart {
    pub key: PartKey,
    pub part: Part,
}

impl Close {
    /// The challenges' origin.
    pub fn transcript(&self) -> Transcript {
        Transcript {
            keys: self.keys,
            network: self.network,
            shard: self.shard,
            depth: self.depth,
            sparse: self.sparse,
            old: self.old,
            new: self.new,
            messages: self.messages.part.commitment,
            accounts: self.accounts.part.commitment,
        }
    }

    pub fn context(&self) -> Context {
        self.transcript().context()
    }

    /// What the two proofs have to state, given commitments, sums and events.
    fn expected(&self) -> [Part; 2] {
        let Part {
            commitment,
            sum,
            events,
            ..
        } = self.messages.part;
        let messages = Part {
            commitment,
            sum,
            events,
            ..Part::default()
        };
        let Part {
            commitment, sum, ..
        } = self.accounts.part;
        let subtree = match self.sparse {
            true => Part::default(),
            false => Part {
                level: self.depth,
                old: self.old,
                new: self.new,
                ..Part::default()
            },
        };
        [
            messages,
            Part {
                commitment,
                sum,
                ..subtree
            },
        ]
    }

    /// The public inputs of the two proofs.
    pub fn statements(&self) -> [Fr; 2] {
        let context = self.context();
        self.expected().map(|part| part.digest(&context))
    }

    /// What the epoch proves, or why it does not; the circuit's native relation but for the proofs.
    pub fn statement(&self) -> Result<ProgramStatement, CloseError> {
        if self.depth == 0 || self.depth > 32 {
            return Err(CloseError::Depth(self.depth));
        }
        let events = self.messages.part.events;
        if events == 0 {
            return Err(CloseError::NoEvent);
        }
        let parts = [("messages", &self.messages), ("accounts", &self.accounts)];
        for ((which, closed), expected) in parts.into_iter().zip(self.expected()) {
            let key = |source| CloseError::Key { which, source };
            closed.key.check(self.keys).map_err(key)?;
            if closed.part != expected {
                return Err(CloseError::Part { which });
            }
        }
        if self.messages.part.sum + self.accounts.part.sum != self.root_term() {
            return Err(CloseError::Sums);
        }
        Ok(ProgramStatement {
            shard: self.shard,
            old_body: body(self.state(self.old)).digest(),
            new_body: body(self.state(self.new)).digest(),
            events,
            seen_digest: self.seen_digest,
            sent: 0,
            received: 0,
            received_lamport: 0,
            received_timestamp: 0,
        })
    }

    /// What takes the root that rows offer.
    fn root_term(&self) -> Fr {
        let challenge = self.transcript().challenge();
        match self.sparse {
            true => challenge.node(self.depth, Fr::ZERO, self.old, self.new),
            false => Fr::ZERO,
        }
    }

    fn state(&self, accounts: Fr) -> Fr {
        let state = State {
            network: self.network,
            keys: self.keys,
            depth: self.depth,
            accounts,
        };
        state.digest()
    }

    /// The circuit's input signals; refuses claims that break the relation and proofs that do not verify. `plan` is that of two
    /// proofs; keys and proofs are those of messages and accounts.
    pub fn inputs(
        &self,
        plan: &Plan,
        keys: [&PreparedKey; 2],
        proofs: &[Proof; 2],
    ) -> Result<Inputs, CloseError> {
        self.statement()?;
        let parts = [("messages", &self.messages), ("accounts", &self.accounts)];
        for ((which, closed), key) in parts.into_iter().zip(keys) {
            let (found, expected) = (key.digest(), closed.key.digest);
            if found != expected {
                return Err(CloseError::OtherKey {
                    which,
                    found,
                    expected,
                });
            }
        }
        let statements = self.statements();
        let slots = [0, 1].map(|i| Slot {
            x: statements[i],
            proof: Some(&proofs[i]),
        });
        let mut inputs = advise(plan, &keys, &slots, &[0, 1])?;
        inputs.extend(self.claims());
        Ok(inputs)
    }

    /// The signals of the claims, without the advice for the proofs.
    pub fn claims(&self) -> Inputs {
        let parts = [&self.messages, &self.accounts];
        let mut inputs = Inputs::new();
        inputs.insert("network", [self.network]);
        inputs.insert("shard", [self.shard.into()]);
        inputs.insert("keys", [self.keys]);
        inputs.insert("depth", [self.depth.into()]);
        inputs.insert("old", [self.old]);
        inputs.insert("new", [self.new]);
        inputs.insert("sparse", [self.sparse.into()]);
        inputs.insert("seen_digest", [self.seen_digest]);
        inputs.insert("events", [self.messages.part.events.into()]);
        inputs.insert("key", parts.map(|closed| closed.key.digest));
        inputs.insert(
            "key_index",
            parts.map(|closed| closed.key.path.index.into()),
        );
        let siblings = parts
            .into_iter()
            .flat_map(|closed| closed.key.path.siblings.concat());
        inputs.insert("key_siblings", siblings);
        inputs.insert("commitment", parts.map(|closed| closed.part.commitment));
        inputs.insert("sum", parts.map(|closed| closed.part.sum));
        inputs
    }
}
