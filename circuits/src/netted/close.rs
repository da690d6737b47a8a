//! The close circuit: the messages and the accounts of an epoch verified against each other; the program of a netted shard.

use super::challenge::Tree;
use super::join::PartKey;
use super::statement::{BoxTerms, Context, Header, Part, State, Transcript};
use super::traffic::Boxes;
use crate::channel::open_box;
use crate::groth16::advice::{AdviceError, Proof, Slot, advise};
use crate::groth16::{Plan, PreparedKey};
use crate::inputs::Inputs;
use crate::snapshot::Exchange;
use ark_bn254::Fr;
use ark_ff::AdditiveGroup;
use trifold_verifier::statement::{Body, ProgramStatement};
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
    /// Digest of the global state that the shard has seen, under which messages are opened; 0 if none.
    pub seen_digest: Fr,
    /// Outbox and inbox.
    pub boxes: Boxes,
    /// What is sent and received.
    pub exchange: Exchange,
    /// Parts with messages between shards.
    pub headers: u16,
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
            boxes: self.box_terms(),
        }
    }

    fn box_terms(&self) -> BoxTerms {
        let (boxes, exchange) = (&self.boxes, &self.exchange);
        let header = Header {
            capacity: 3u64.saturating_pow(self.depth.into()),
            seen_digest: self.seen_digest,
            lamport: exchange.received_lamport,
            timestamp: exchange.received_timestamp,
        };
        BoxTerms {
            outbox: [boxes.old_outbox, boxes.new_outbox].map(open_box),
            inbox: [boxes.old_inbox, boxes.new_inbox].map(open_box),
            sends: boxes.old_outbox != boxes.new_outbox,
            takes: boxes.old_inbox != boxes.new_inbox,
            headers: self.headers,
            sent: exchange.sent,
            received: exchange.received,
            header: header.digest(),
        }
    }

    pub fn context(&self) -> Context {
        self.transcript().context()
    }

    /// What the two proofs have to state, given commitments, sums and events.
    fn expected(&self) -> [Part; 2] {
        let subtree = match self.sparse {
            true => Part::default(),
            false => Part {
                level: self.depth,
                old: self.old,
                new: self.new,
                ..Part::default()
            },
        };
        let stated = |part: &Part, subtree| Part {
            commitment: part.commitment,
            sum: part.sum,
            events: part.events,
            ..subtree
        };
        [
            stated(&self.messages.part, Part::default()),
            stated(&self.accounts.part, subtree),
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
        let events = [self.messages.part.events, self.accounts.part.events];
        let events = events[0].checked_add(events[1]);
        let events = events.filter(|events| *events > 0);
        let events = events.ok_or(CloseError::NoEvent)?;
        let parts = [("messages", &self.messages), ("accounts", &self.accounts)];
        for ((which, closed), expected) in parts.into_iter().zip(self.expected()) {
            let key = |source| CloseError::Key { which, source };
            closed.key.check(self.keys).map_err(key)?;
            if closed.part != expected {
                return Err(CloseError::Part { which });
            }
        }
        if self.messages.part.sum + self.accounts.part.sum != self.taken() {
            return Err(CloseError::Sums);
        }
        Ok(ProgramStatement {
            shard: self.shard,
            old_body: self.bodies()[0].digest(),
            new_body: self.bodies()[1].digest(),
            events,
            seen_digest: self.seen_digest,
            sent: self.exchange.sent,
            received: self.exchange.received,
            received_lamport: self.exchange.received_lamport,
            received_timestamp: self.exchange.received_timestamp,
        })
    }

    /// What takes the roots that rows offer, the headers and the totals.
    fn taken(&self) -> Fr {
        let (challenge, boxes) = (self.transcript().challenge(), self.box_terms());
        let root = |used: bool, tree: Tree, level: u8, [old, new]: [Fr; 2]| match used {
            true => challenge.node(tree, level, 0, old, new),
            false => Fr::ZERO,
        };
        let (outbox, inbox) = (Tree::Outbox, Tree::Inbox);
        root(
            self.sparse,
            Tree::Accounts,
            self.depth,
            [self.old, self.new],
        ) + root(boxes.sends, outbox, outbox.top(), boxes.outbox)
            + root(boxes.takes, inbox, inbox.top(), boxes.inbox)
            + Fr::from(boxes.headers) * challenge.header(boxes.header)
            + challenge.totals(boxes.sent, boxes.received)
    }

    /// The shard's body before and after.
    pub fn bodies(&self) -> [Body; 2] {
        let body = |accounts, outbox_root, inbox_root| Body {
            state_root: self.state(accounts),
            outbox_root,
            inbox_root,
        };
        let boxes = &self.boxes;
        [
            body(self.old, boxes.old_outbox, boxes.old_inbox),
            body(self.new, boxes.new_outbox, boxes.new_inbox),
        ]
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
        inputs.insert("events", parts.map(|closed| closed.part.events.into()));
        let boxes = self.box_terms();
        let mut set = |name: &str, value: Fr| inputs.insert(name, [value]);
        set("old_outbox", self.boxes.old_outbox);
        set("old_inbox", self.boxes.old_inbox);
        set("outbox", boxes.outbox[1]);
        set("inbox", boxes.inbox[1]);
        set("sends", boxes.sends.into());
        set("takes", boxes.takes.into());
        set("headers", boxes.headers.into());
        set("sent", boxes.sent.into());
        set("received", boxes.received.into());
        set("lamport", self.exchange.received_lamport.into());
        set("timestamp", self.exchange.received_timestamp.into());
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
