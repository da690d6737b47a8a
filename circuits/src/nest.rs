//! The nest circuit: the previous global proof and the epoch's top transition give the new global state.

use crate::groth16::advice::{AdviceError, Proof, Slot, advise};
use crate::groth16::{Plan, key::PreparedKey};
use crate::inputs::Inputs;
use crate::merge::flat;
use ark_bn254::Fr;

use trifold_verifier::statement::{
    EPOCH_LIMIT, GlobalState, HISTORY_DEPTH, IN_FLIGHT_BITS, Keys, MAX_DEPTH, MergeStatement,
    NestStatement,
};
use trifold_verifier::trie::{self, Path, TrieError};

/// Why a state and a transition do not nest.
#[derive(Debug, thiserror::Error)]
pub enum NestError {
    #[error("epoch {0} does not fit the history trie")]
    Epoch(u64),
    #[error("the trie can't have {0} levels")]
    Depth(u8),
    #[error("the first epoch starts from genesis, without a proof before it")]
    FirstHasProof,
    #[error("the first epoch starts from another state than genesis")]
    NotGenesis,
    #[error("epoch {0} needs the proof of the epoch before")]
    MissingProof(u64),
    #[error("the history path does not lead to the previous history root: {0}")]
    History(#[from] TrieError),
    #[error("{received} received, but only {in_flight} in flight and {sent} sent")]
    InFlight {
        in_flight: u128,
        sent: u128,
        received: u128,
    },
    #[error("the {which} key has digest {found}, the network's is {expected}")]
    Key {
        which: &'static str,
        found: Fr,
        expected: Fr,
    },
    #[error(transparent)]
    Advice(#[from] AdviceError),
}

/// Everything that one nest proves.
#[derive(Clone, Debug)]
pub struct Nest {
    pub keys: Keys,
    /// Digest of G_0.
    pub genesis: Fr,
    /// G_(n-1).
    pub previous: GlobalState,
    /// Its proof; `None` for n = 1.
    pub previous_proof: Option<Proof>,
    /// Whether this epoch deepens the trie by one level before its transition.
    pub deepen: bool,
    /// R_n.
    pub root: Fr,
    /// Value sent in this epoch.
    pub sent: u128,
    /// Value received in this epoch.
    pub received: u128,
    /// The proof of the top merge.
    pub top_proof: Proof,
    /// Siblings of entry n-1 of the history under `previous.history`.
    pub history_path: Vec<[Fr; 2]>,
}

impl Nest {
    /// G_n, checked by the circuit's relation but for the proofs.
    pub fn state(&self) -> Result<GlobalState, NestError> {
        let epoch = self.previous.epoch + 1;
        if epoch > EPOCH_LIMIT {
            return Err(NestError::Epoch(epoch));
        }
        self.check_start(epoch)?;
        let depth = self.previous.depth + u8::from(self.deepen);
        if self.previous.depth == 0 || depth > MAX_DEPTH {
            return Err(NestError::Depth(depth));
        }
        let path = Path {
            index: self.previous.epoch,
            siblings: self.history_path.clone(),
        };
        let previous = self.previous.digest();
        let history = path.append(previous, self.previous.history, HISTORY_DEPTH)?;
        Ok(GlobalState {
            epoch,
            depth,
            root: self.root,
            history,
            in_flight: self.in_flight()?,
        })
    }

    fn check_start(&self, epoch: u64) -> Result<(), NestError> {
        match (&self.previous_proof, epoch) {
            (Some(_), 1) => Err(NestError::FirstHasProof),
            (None, 1) if self.previous.digest() != self.genesis => Err(NestError::NotGenesis),
            (None, 2..) => Err(NestError::MissingProof(epoch)),
            _ => Ok(()),
        }
    }

    fn in_flight(&self) -> Result<u128, NestError> {
        let (in_flight, sent, received) = (self.previous.in_flight, self.sent, self.received);
        let total = in_flight.checked_add(sent);
        let left = total.and_then(|total| total.checked_sub(received));
        left.filter(|left| left >> IN_FLIGHT_BITS == 0)
            .ok_or(NestError::InFlight {
                in_flight,
                sent,
                received,
            })
    }

    /// The public input of the nest's proof.
    pub fn statement(&self) -> Result<NestStatement, NestError> {
        Ok(NestStatement {
            keys: self.keys.digest(),
            genesis: self.genesis,
            global: self.state()?.digest(),
        })
    }

    /// The statement of the previous global proof.
    pub fn previous_statement(&self) -> NestStatement {
        NestStatement {
            keys: self.keys.digest(),
            genesis: self.genesis,
            global: self.previous.digest(),
        }
    }

    /// The statement of the top merge.
    pub fn top_statement(&self) -> MergeStatement {
        let empty = trie::empty_digest(usize::from(self.previous.depth));
        let old = match self.deepen {
            true => trie::node(&[self.previous.root, empty, empty]),
            false => self.previous.root,
        };
        MergeStatement {
            keys: self.keys.digest(),
            level: (self.previous.depth + u8::from(self.deepen)).saturating_sub(1),
            index: 0,
            old,
            new: self.root,
            history: self.previous.history,
            sent: self.sent,
            received: self.received,
        }
    }

    /// The circuit's input signals; refuses claims that break the relation and proofs that do not verify.
    ///
    /// `plan` is that of two proofs.
    pub fn inputs(
        &self,
        plan: &Plan,
        nest: &PreparedKey,
        merge: &PreparedKey,
    ) -> Result<Inputs, NestError> {
        self.state()?;
        check_key("nest", nest, self.keys.nest)?;
        check_key("merge", merge, self.keys.merge)?;
        let slots = [
            Slot {
                x: self.previous_statement().digest(),
                proof: self.previous_proof.as_ref(),
            },
            Slot {
                x: self.top_statement().digest(),
                proof: Some(&self.top_proof),
            },
        ];
        let mut inputs = advise(plan, &[nest, merge], &slots, &[0, 1])?;
        inputs.extend(self.claims());
        Ok(inputs)
    }

    /// The signals of the claims, without the advice for the proofs.
    pub fn claims(&self) -> Inputs {
        let previous = &self.previous;
        let mut inputs = Inputs::new();
        let mut set = |name: &str, value: Fr| inputs.insert(name, [value]);
        set("merge_key", self.keys.merge);
        set("nest_key", self.keys.nest);
        set("registry", self.keys.registry);
        set("genesis", self.genesis);
        set("epoch", Fr::from(previous.epoch) + Fr::from(1u8));
        set("depth", previous.depth.into());
        set("root", previous.root);
        set("history", previous.history);
        set("in_flight", previous.in_flight.into());
        set("deepen", Fr::from(u8::from(self.deepen)));
        set("new_root", self.root);
        set("sent", self.sent.into());
        set("received", self.received.into());
        inputs.insert("history_siblings", flat(&self.history_path));
        inputs
    }
}

fn check_key(which: &'static str, key: &PreparedKey, expected: Fr) -> Result<(), NestError> {
    match key.digest() == expected {
        true => Ok(()),
        false => Err(NestError::Key {
            which,
            found: key.digest(),
            expected,
        }),
    }
}
