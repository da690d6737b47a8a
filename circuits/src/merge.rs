//! The merge circuit: up to three transitions of neighbouring subtrees composed into one.

use crate::groth16::advice::{AdviceError, Proof, Slot, advise};
use crate::groth16::{Plan, key::PreparedKey};
use crate::inputs::Inputs;
use ark_bn254::Fr;
use ark_ff::AdditiveGroup;

use trifold_verifier::statement::{
    HISTORY_DEPTH, Keys, Leaf, MergeStatement, ProgramStatement, REGISTRY_DEPTH, SUPPLY_BITS,
};
use trifold_verifier::trie::Path;

/// Why three claims do not merge. `child` counts from 0.
#[derive(Debug, thiserror::Error)]
pub enum MergeError {
    #[error("child {child} is a {found} proof, but level {level} merges {expected} proofs")]
    Kind {
        child: usize,
        level: u8,
        found: &'static str,
        expected: &'static str,
    },
    #[error("child {child} claims a change, but its old and new digests are equal")]
    NoChange { child: usize },
    #[error("child {child}: {reason}")]
    Step { child: usize, reason: StepError },
    #[error("program {0} is not in the registry at that place")]
    Unregistered(Fr),
    #[error("the proofs' key has digest {found}, the claims need {expected}")]
    Key { found: Fr, expected: Fr },
    #[error(transparent)]
    Advice(#[from] AdviceError),
}

/// Which of the protocol's rules a shard's step breaks (protocol.md, merge).
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StepError {
    #[error("the program changed")]
    ProgramChanged,
    #[error("a fresh shard starts from an empty body")]
    FreshBody,
    #[error("no event")]
    NoEvent,
    #[error("the Lamport counter advanced from {old} to {new} over {events} events")]
    Lamport { old: u64, new: u64, events: u32 },
    #[error("the timestamp went from {old} to {new}")]
    Timestamp { old: u64, new: u64 },
    #[error("the Lamport counter {new} does not exceed {received}, that of what was received")]
    ReceivedLamport { received: u64, new: u64 },
    #[error("the timestamp {new} does not exceed {received}, that of what was received")]
    ReceivedTimestamp { received: u64, new: u64 },
    #[error("the seen epoch went from {old} to {new}")]
    SeenEpoch { old: u64, new: u64 },
    #[error("a shard that has seen a global state can't unsee it")]
    Unseen,
    #[error("the seen state is not in the history at epoch {0}")]
    SeenState(u64),
    #[error("supply {old} + {received} - {sent} is not {new}")]
    Supply {
        old: u128,
        new: u128,
        sent: u128,
        received: u128,
    },
    #[error("{0} does not fit 96 bits")]
    Range(u128),
}

/// What one shard did, as the circuit at level 0 opens it.
#[derive(Clone, Debug)]
pub struct ShardStep {
    /// The leaf before; `None` for a fresh shard.
    pub old: Option<Leaf>,
    pub new: Leaf,
    /// Events of the program in this step.
    pub events: u32,
    /// Value that left for other shards.
    pub sent: u128,
    /// Value that arrived from other shards.
    pub received: u128,
    /// At least the Lamport counter of every leaf that a message was taken from; 0 if none was.
    pub received_lamport: u64,
    /// The same for timestamps.
    pub received_timestamp: u64,
    /// Path of `new.seen_digest` under the history root; any path of the right length where nothing was seen.
    pub seen_path: Vec<[Fr; 2]>,
}

impl ShardStep {
    /// The statement that the program's proof must prove.
    pub fn statement(&self, shard: u32) -> ProgramStatement {
        ProgramStatement {
            shard,
            old_body: self.old.map_or(Fr::ZERO, |leaf| leaf.body),
            new_body: self.new.body,
            events: self.events,
            seen_digest: self.new.seen_digest,
            sent: self.sent,
            received: self.received,
            received_lamport: self.received_lamport,
            received_timestamp: self.received_timestamp,
        }
    }

    /// The relation of template `LeafStep`, against the history root.
    pub fn check(&self, history: Fr) -> Result<(), StepError> {
        self.check_against(|index, digest| {
            let siblings = self.seen_path.clone();
            let path = Path { index, siblings };
            path.verify(digest, history, HISTORY_DEPTH).is_ok()
        })
    }

    /// The same for who holds the history: `seen` says whether the state of that epoch has that digest. No path is needed.
    pub fn check_against(&self, seen: impl Fn(u64, Fr) -> bool) -> Result<(), StepError> {
        let zero = Leaf::genesis(self.new.program, Fr::ZERO, 0);
        let old = self.old.unwrap_or(zero);
        let new = &self.new;
        if old.program != new.program {
            return Err(StepError::ProgramChanged);
        }
        self.check_clocks(&old)?;
        self.check_received_clocks()?;
        self.check_seen(&old, seen)?;
        check_supply(&old, new, self.sent, self.received)
    }

    fn check_clocks(&self, old: &Leaf) -> Result<(), StepError> {
        let new = &self.new;
        if self.events == 0 {
            return Err(StepError::NoEvent);
        }
        match new.lamport.checked_sub(old.lamport) {
            Some(advance) if advance >= u64::from(self.events) => {}
            _ => {
                return Err(StepError::Lamport {
                    old: old.lamport,
                    new: new.lamport,
                    events: self.events,
                });
            }
        }
        if new.timestamp <= old.timestamp {
            return Err(StepError::Timestamp {
                old: old.timestamp,
                new: new.timestamp,
            });
        }
        Ok(())
    }

    /// Messages come from the past: the step is later than all that it took them from.
    fn check_received_clocks(&self) -> Result<(), StepError> {
        let (new, received) = (&self.new, self.received_lamport);
        if new.lamport <= received {
            let new = new.lamport;
            return Err(StepError::ReceivedLamport { received, new });
        }
        let (new, received) = (new.timestamp, self.received_timestamp);
        match new <= received {
            true => Err(StepError::ReceivedTimestamp { received, new }),
            false => Ok(()),
        }
    }

    fn check_seen(&self, old: &Leaf, seen: impl Fn(u64, Fr) -> bool) -> Result<(), StepError> {
        let new = &self.new;
        if new.seen_digest == Fr::ZERO {
            let never = new.seen_epoch == 0 && old.seen_digest == Fr::ZERO;
            return if never {
                Ok(())
            } else {
                Err(StepError::Unseen)
            };
        }
        if new.seen_epoch < old.seen_epoch {
            return Err(StepError::SeenEpoch {
                old: old.seen_epoch,
                new: new.seen_epoch,
            });
        }
        match seen(new.seen_epoch, new.seen_digest) {
            true => Ok(()),
            false => Err(StepError::SeenState(new.seen_epoch)),
        }
    }
}

fn check_supply(old: &Leaf, new: &Leaf, sent: u128, received: u128) -> Result<(), StepError> {
    if let Some(wide) = [sent, received, new.supply]
        .into_iter()
        .find(|value| value >> SUPPLY_BITS != 0)
    {
        return Err(StepError::Range(wide));
    }
    if old.supply + received != new.supply + sent {
        return Err(StepError::Supply {
            old: old.supply,
            new: new.supply,
            sent,
            received,
        });
    }
    Ok(())
}

/// One of the three subtrees of a merge.
#[derive(Clone, Debug)]
#[allow(
    clippy::large_enum_variant,
    reason = "a merge holds three; most are the large variant"
)]
pub enum Child {
    /// Carried forward: nobody submitted anything below. Needs no proof.
    Unchanged(Fr),
    /// Level 0: a shard's step and its program's proof.
    Shard { step: ShardStep, proof: Proof },
    /// Above level 0: a merge of the level below.
    Subtree {
        old: Fr,
        new: Fr,
        sent: u128,
        received: u128,
        proof: Proof,
    },
}

impl Child {
    /// Digest before.
    pub fn old_digest(&self) -> Fr {
        match self {
            Child::Unchanged(digest) => *digest,
            Child::Shard { step, .. } => step.old.map_or(Fr::ZERO, |leaf| leaf.digest()),
            Child::Subtree { old, .. } => *old,
        }
    }

    /// Digest after.
    pub fn new_digest(&self) -> Fr {
        match self {
            Child::Unchanged(digest) => *digest,
            Child::Shard { step, .. } => step.new.digest(),
            Child::Subtree { new, .. } => *new,
        }
    }

    /// Value sent and received below.
    pub fn flows(&self) -> (u128, u128) {
        match self {
            Child::Unchanged(_) => (0, 0),
            Child::Shard { step, .. } => (step.sent, step.received),
            Child::Subtree { sent, received, .. } => (*sent, *received),
        }
    }

    fn proof(&self) -> Option<&Proof> {
        match self {
            Child::Unchanged(_) => None,
            Child::Shard { proof, .. } | Child::Subtree { proof, .. } => Some(proof),
        }
    }
}

/// Where a program stands in the registry of admitted programs.
#[derive(Clone, Debug)]
pub struct Registration {
    /// Digest of the program's key.
    pub program: Fr,
    /// Its place and siblings under the registry root.
    pub path: Path,
}

/// Everything that one merge proves.
#[derive(Clone, Debug)]
pub struct Merge {
    pub keys: Keys,
    /// 0 where the children are shards.
    pub level: u8,
    /// Position of the merged subtree among those of its level.
    pub index: u32,
    /// History root that the shards' seen states are opened under.
    pub history: Fr,
    /// The program that all three shards run; read at level 0 only.
    pub registration: Registration,
    pub children: [Child; 3],
}

impl Merge {
    /// The public input of the merge's proof.
    pub fn statement(&self) -> MergeStatement {
        let node = |digest: fn(&Child) -> Fr| {
            trifold_verifier::trie::node(&[0, 1, 2].map(|i: usize| digest(&self.children[i])))
        };
        let flows = self.children.iter().map(Child::flows);
        let (sent, received) = flows.fold((0, 0), |sum, flow| (sum.0 + flow.0, sum.1 + flow.1));
        MergeStatement {
            keys: self.keys.digest(),
            level: self.level,
            index: self.index,
            old: node(Child::old_digest),
            new: node(Child::new_digest),
            history: self.history,
            sent,
            received,
        }
    }

    /// The key digest that the children's proofs must verify under.
    pub fn child_key(&self) -> Fr {
        match self.level {
            0 => self.registration.program,
            _ => self.keys.merge,
        }
    }

    /// The relation of the circuit, but for the proofs themselves.
    pub fn check(&self) -> Result<(), MergeError> {
        for (child, claim) in self.children.iter().enumerate() {
            self.check_child(child, claim)?;
        }
        let registration = &self.registration;
        let path = &registration.path;
        let listed = path.verify(registration.program, self.keys.registry, REGISTRY_DEPTH);
        match self.level == 0 && listed.is_err() {
            true => Err(MergeError::Unregistered(registration.program)),
            false => Ok(()),
        }
    }

    fn check_child(&self, child: usize, claim: &Child) -> Result<(), MergeError> {
        let kind = |found, expected| MergeError::Kind {
            child,
            level: self.level,
            found,
            expected,
        };
        match (claim, self.level) {
            (Child::Unchanged(_), _) => return Ok(()),
            (Child::Shard { step, .. }, 0) => {
                if step.new.program != self.registration.program {
                    return Err(MergeError::Step {
                        child,
                        reason: StepError::ProgramChanged,
                    });
                }
                step.check(self.history)
                    .map_err(|reason| MergeError::Step { child, reason })?;
            }
            (Child::Subtree { .. }, 1..) => {}
            (Child::Shard { .. }, _) => return Err(kind("program", "merge")),
            (Child::Subtree { .. }, _) => return Err(kind("merge", "program")),
        }
        match claim.old_digest() == claim.new_digest() {
            true => Err(MergeError::NoChange { child }),
            false => Ok(()),
        }
    }

    /// The public input of child `i`'s proof. For an unchanged child, what the circuit computes and does not check.
    pub fn child_statement(&self, i: usize) -> Fr {
        let index = 3 * self.index + i as u32;
        let claim = &self.children[i];
        match claim {
            Child::Shard { step, .. } => step.statement(index).digest(),
            Child::Unchanged(_) if self.level == 0 => trivial_step().statement(index).digest(),
            _ => {
                let (sent, received) = claim.flows();
                let statement = MergeStatement {
                    keys: self.keys.digest(),
                    level: self.level.saturating_sub(1),
                    index,
                    old: claim.old_digest(),
                    new: claim.new_digest(),
                    history: self.history,
                    sent,
                    received,
                };
                statement.digest()
            }
        }
    }

    /// The circuit's input signals; refuses claims that break the relation and proofs that do not verify.
    ///
    /// `key` is the key of all three proofs, `plan` that of three proofs.
    pub fn inputs(&self, plan: &Plan, key: &PreparedKey) -> Result<Inputs, MergeError> {
        self.check()?;
        if key.digest() != self.child_key() {
            return Err(MergeError::Key {
                found: key.digest(),
                expected: self.child_key(),
            });
        }
        let slots = [0, 1, 2].map(|i| Slot {
            x: self.child_statement(i),
            proof: self.children[i].proof(),
        });
        let mut inputs = advise(plan, &[key], &slots, &[0; 3])?;
        inputs.extend(self.claims());
        Ok(inputs)
    }

    /// The signals of the claims, without the advice for the proofs.
    pub fn claims(&self) -> Inputs {
        let mut inputs = Inputs::new();
        let registration = self.leaf_registration();
        inputs.insert("merge_key", [self.keys.merge]);
        inputs.insert("nest_key", [self.keys.nest]);
        inputs.insert("registry", [self.keys.registry]);
        inputs.insert("program", [registration.program]);
        inputs.insert("program_index", [Fr::from(registration.path.index)]);
        inputs.insert("program_siblings", flat(&registration.path.siblings));
        inputs.insert("level", [Fr::from(self.level)]);
        inputs.insert("index", [Fr::from(self.index)]);
        inputs.insert("history", [self.history]);
        inputs.insert("old", self.children.iter().map(Child::old_digest));
        inputs.insert("new", self.children.iter().map(Child::new_digest));
        let flows = self.children.iter().map(Child::flows);
        inputs.insert("sent", flows.clone().map(|(sent, _)| Fr::from(sent)));
        inputs.insert("received", flows.map(|(_, received)| Fr::from(received)));
        inputs.extend(self.steps());
        inputs
    }

    fn leaf_registration(&self) -> Registration {
        if self.level == 0 {
            return self.registration.clone();
        }
        Registration {
            program: Fr::ZERO,
            path: Path {
                index: 0,
                siblings: vec![[Fr::ZERO; 2]; REGISTRY_DEPTH],
            },
        }
    }

    fn steps(&self) -> Inputs {
        let steps = self.children.each_ref().map(|child| match child {
            Child::Shard { step, .. } => step.clone(),
            _ => trivial_step(),
        });
        let zero = Leaf::genesis(Fr::ZERO, Fr::ZERO, 0);
        let old = steps.each_ref().map(|step| step.old.unwrap_or(zero));
        let new = steps.each_ref().map(|step| step.new);
        let mut inputs = Inputs::new();
        inputs.insert("events", steps.iter().map(|step| Fr::from(step.events)));
        let lamports = steps.iter().map(|step| step.received_lamport.into());
        inputs.insert("received_lamport", lamports);
        let timestamps = steps.iter().map(|step| step.received_timestamp.into());
        inputs.insert("received_timestamp", timestamps);
        inputs.extend(leaf_fields("old", &old));
        inputs.extend(leaf_fields("new", &new));
        let siblings = steps.iter().flat_map(|step| flat(&step.seen_path));
        inputs.insert("seen_siblings", siblings);
        inputs
    }
}

fn leaf_fields(side: &str, leaves: &[Leaf; 3]) -> Inputs {
    type Field = (&'static str, fn(&Leaf) -> Fr);
    let fields: [Field; 6] = [
        ("body", |leaf| leaf.body),
        ("lamport", |leaf| leaf.lamport.into()),
        ("timestamp", |leaf| leaf.timestamp.into()),
        ("seen_epoch", |leaf| leaf.seen_epoch.into()),
        ("seen_digest", |leaf| leaf.seen_digest),
        ("supply", |leaf| leaf.supply.into()),
    ];
    let mut inputs = Inputs::new();
    for (name, field) in fields {
        inputs.insert(format!("{side}_{name}"), leaves.iter().map(field));
    }
    inputs
}

/// What fills the leaf fields where no shard's step is claimed: it satisfies the unguarded constraints.
fn trivial_step() -> ShardStep {
    let mut new = Leaf::genesis(Fr::ZERO, Fr::ZERO, 0);
    new.lamport = 1;
    new.timestamp = 1;
    ShardStep {
        old: None,
        new,
        events: 1,
        sent: 0,
        received: 0,
        received_lamport: 0,
        received_timestamp: 0,
        seen_path: vec![[Fr::ZERO; 2]; HISTORY_DEPTH],
    }
}

pub(crate) fn flat(siblings: &[[Fr; 2]]) -> Vec<Fr> {
    siblings.iter().flatten().copied().collect()
}
