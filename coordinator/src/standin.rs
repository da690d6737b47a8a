//! Stand-ins for circuits and snapshots: proofs that anyone can make, checked through the same seams as real ones.
//!
//! For the tests of the farm and for measuring its overhead. A stand-in proof is a nonce followed by digests of the nonce,
//! the key digest and the statement, so two proofs of one statement differ and a proof of another statement is wrong.

mod chain;
pub mod faulty;
mod simulator;

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use ark_bn254::Fr;
use ed25519_dalek::SigningKey;
use serde::{Deserialize, Serialize};
use trifold_circuits::field;
use trifold_circuits::parallel;
use trifold_circuits::trie::{SparseTrie, TrieError};
use trifold_verifier::statement::{Body, GlobalState, Keys, Leaf, REGISTRY_DEPTH};
use trifold_verifier::trie::Path;

use crate::Digest;
use crate::inspect::{Inspect, InspectError};
use crate::plan::{Network, Outline};
use crate::verify::{Verify, VerifyError};
use crate::wire::{
    ChildWork, ProofBytes, Proved, Submission, Task, VERSION, WirePart, WireStep, Work, decode,
    encode, lane_of,
};
use crate::worker::{Execute, ExecuteError, Fetch};

pub use chain::{Chain, ChainError, Link};
pub use simulator::Simulator;

/// Key digests of the stand-in circuits.
pub fn keys_of(programs: &[Fr]) -> Result<(Keys, HashMap<Fr, Path>), TrieError> {
    let mut registry = SparseTrie::new(REGISTRY_DEPTH)?;
    for (index, program) in (0..).zip(programs) {
        registry.set(index, *program)?;
    }
    let mut paths = HashMap::new();
    for (index, program) in (0..).zip(programs) {
        paths.insert(
            *program,
            Path {
                index,
                siblings: registry.path(index)?,
            },
        );
    }
    let keys = Keys {
        merge: Fr::from(1001),
        nest: Fr::from(1002),
        registry: registry.root(),
    };
    Ok((keys, paths))
}

/// The stand-in program.
pub fn program() -> Fr {
    Fr::from(1003)
}

/// The stand-in circuit of parts.
pub fn part() -> Fr {
    Fr::from(1004)
}

/// A network of `shards` shards that all run [`program`].
pub fn network(shards: u32) -> Result<Network, TrieError> {
    let (keys, programs) = keys_of(&[program()])?;
    let depth = (1..)
        .find(|depth| 3u32.pow((*depth).into()) >= shards)
        .unwrap_or(1u8);
    let leaf = |shard: u32| Leaf::genesis(program(), body(shard, 0), 1000);
    let leaves: BTreeMap<u32, Leaf> = (0..shards).map(|shard| (shard, leaf(shard))).collect();
    let mut trie = SparseTrie::new(depth.into())?;
    let digest = |(shard, leaf): (u32, Leaf)| (u64::from(shard), leaf.digest());
    let digests = parallel::map(leaves.iter().map(|(s, leaf)| (*s, *leaf)).collect(), digest);
    trie.set_many(digests)?;
    Ok(Network {
        genesis: GlobalState::genesis(depth, trie.root()),
        leaves,
        keys,
        programs,
    })
}

fn body(shard: u32, serial: u64) -> Fr {
    let state_root = Fr::from(u64::from(shard) << 32 | serial);
    Body {
        state_root,
        ..Body::default()
    }
    .digest()
}

/// A stand-in snapshot: the step itself, with a seal that only knows the step.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Snapshot {
    pub version: u8,
    pub shard: u32,
    pub step: WireStep,
    pub transfers: u64,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub parts: Vec<WirePart>,
    pub seal: Digest,
}

impl Snapshot {
    /// A sealed snapshot.
    pub fn new(shard: u32, step: WireStep, transfers: u64) -> Self {
        let seal = seal(shard, &step);
        Self {
            version: VERSION,
            shard,
            step,
            transfers,
            parts: Vec::new(),
            seal,
        }
    }

    /// The same, proven as nine parts in a tree of three by three, each of the nine with `inputs` of its own.
    pub fn in_parts(self, inputs: Option<Digest>) -> Self {
        let part = |place: u16| WirePart {
            key: part(),
            statement: Fr::from(u64::from(place) + 1) + self.step.new.body,
            parent: 9 + place / 3,
            inputs: inputs.filter(|_| place < 9),
        };
        let parts = (0..12).map(part).collect();
        Self { parts, ..self }
    }

    /// The next snapshot of a shard at `old`, which has seen nothing.
    pub fn after(shard: u32, old: Option<Leaf>) -> Self {
        let events = 3;
        let zero = Leaf::genesis(program(), Fr::from(0), 0);
        let from = old.unwrap_or(zero);
        let (lamport, timestamp) = (from.lamport + u64::from(events), from.timestamp + 1);
        let new = Leaf {
            lamport,
            timestamp,
            body: body(shard, lamport),
            ..from
        };
        let step = WireStep {
            old: old.map(Into::into),
            new: new.into(),
            events,
            sent: 0,
            received: 0,
            received_lamport: 0,
            received_timestamp: 0,
        };
        Self::new(shard, step, events.into())
    }

    /// What it claims.
    pub fn outline(&self, snapshot: Digest) -> Outline {
        let WireStep {
            old,
            new,
            events,
            sent,
            received,
            received_lamport,
            received_timestamp,
        } = self.step.clone();
        Outline {
            shard: self.shard,
            snapshot,
            old: old.map_or(Fr::from(0), |leaf| Leaf::from(leaf).digest()),
            new: new.into(),
            events,
            sent,
            received,
            received_lamport,
            received_timestamp,
            transfers: self.transfers,
            bytes: self.encode().len() as u64,
            parts: self.parts.clone(),
        }
    }

    /// The leaf after it.
    pub fn leaf(&self) -> Leaf {
        self.step.new.into()
    }

    pub fn encode(&self) -> bytes::Bytes {
        encode(self)
    }
}

fn seal(shard: u32, step: &WireStep) -> Digest {
    let step = encode(step);
    Digest::of_list("trifold/standin-seal/v1", [&shard.to_le_bytes()[..], &step])
}

/// Inspects stand-in snapshots.
pub struct StandInInspect;

/// The key of a stand-in shard's operator; no secret.
pub fn operator(shard: u32) -> SigningKey {
    let seed = Digest::of_list("trifold/standin-operator/v1", [&shard.to_le_bytes()[..]]);
    SigningKey::from_bytes(seed.as_bytes())
}

/// What a stand-in shard announces its snapshot with. All stand-in networks have one name.
pub fn announcement(shard: u32, snapshot: Digest) -> Submission {
    Submission::signed(&Fr::from(0), shard, snapshot, &operator(shard))
}

impl Inspect for StandInInspect {
    fn authorise(&self, submission: &Submission) -> Result<(), InspectError> {
        let key = operator(submission.shard).verifying_key();
        Ok(submission.check(&Fr::from(0), Some(&key))?)
    }

    fn outline(&self, snapshot: Digest, bytes: &[u8]) -> Result<Outline, InspectError> {
        let found: Snapshot = decode(bytes).map_err(|e| InspectError::new("malformed", e))?;
        Ok(found.outline(snapshot))
    }

    fn check(&self, bytes: &[u8], _previous: Option<&Leaf>) -> Result<(), InspectError> {
        let found: Snapshot = decode(bytes).map_err(|e| InspectError::new("malformed", e))?;
        match found.seal == seal(found.shard, &found.step) {
            true => Ok(()),
            false => Err(InspectError::new(
                "signature",
                "the snapshot is wrongly signed",
            )),
        }
    }
}

fn tags(nonce: &[u8], key: &Fr, statement: &Fr) -> [u8; 96] {
    let [key, statement] = [key, statement].map(field::to_bytes);
    let mut out = [0; 96];
    for (i, chunk) in out.chunks_exact_mut(32).enumerate() {
        let items: [&[u8]; 4] = [nonce, &key, &statement, &[i as u8]];
        chunk.copy_from_slice(Digest::of_list("trifold/standin-proof/v1", items).as_bytes());
    }
    out
}

/// A stand-in proof of `statement` under `key`.
pub fn prove(key: &Fr, statement: &Fr) -> ProofBytes {
    static NONCE: AtomicU64 = AtomicU64::new(0);
    let mut proof = [0; 128];
    let nonce = NONCE.fetch_add(1, Ordering::Relaxed);
    proof[..8].copy_from_slice(&nonce.to_le_bytes());
    proof[8..12].copy_from_slice(&std::process::id().to_le_bytes());
    let tags = tags(&proof[..32], key, statement);
    proof[32..].copy_from_slice(&tags);
    ProofBytes(proof)
}

/// Verifies stand-in proofs.
pub struct StandInVerify;

impl Verify for StandInVerify {
    fn verify(&self, key: Fr, statement: Fr, proof: &ProofBytes) -> Result<(), VerifyError> {
        match proof.0[32..] == tags(&proof.0[..32], &key, &statement) {
            true => Ok(()),
            false => Err(VerifyError::Invalid),
        }
    }
}

/// Makes stand-in proofs, after pauses, and only from inputs that are proofs themselves.
#[derive(Debug, Clone, Default)]
pub struct StandInExecute {
    /// How long a witness takes.
    pub witness: Duration,
    /// How long a batch takes, whatever its size.
    pub pause: Duration,
    /// Tasks proven together; none is one.
    pub batch: usize,
}

impl Execute for StandInExecute {
    type Prepared = Task;

    fn lanes(&self) -> Vec<String> {
        let kinds = [
            ("nest", Fr::from(1002)),
            ("merge", Fr::from(1001)),
            ("program", program()),
            ("part", part()),
        ];
        kinds.iter().map(|(kind, key)| lane_of(kind, key)).collect()
    }

    fn batch(&self, _lane: &str) -> usize {
        self.batch
    }

    fn prepare(&self, task: &Task, fetch: &Fetch<'_>) -> Result<Task, ExecuteError> {
        if let Some((snapshot, inputs)) = task.work.snapshot() {
            decode::<Snapshot>(&fetch(&snapshot)?)
                .map_err(|e| ExecuteError::Inputs(e.to_string()))?;
            inputs.map(|inputs| fetch(&inputs)).transpose()?;
        }
        std::thread::sleep(self.witness);
        Ok(task.clone())
    }

    fn prove(&self, tasks: &[Task]) -> Vec<Result<Proved, ExecuteError>> {
        std::thread::sleep(self.pause);
        tasks.iter().map(|task| Ok(self.proved(task))).collect()
    }
}

impl StandInExecute {
    fn proved(&self, task: &Task) -> Proved {
        Proved {
            proof: prove(&task.key, &task.statement),
            circuit: format!("stand-in {}", task.work.kind()),
            constraints: constraints(&task.work),
            witness_seconds: self.witness.as_secs_f64(),
            prove_seconds: self.pause.as_secs_f64(),
            cpu_seconds: 0.0,
            gpu_seconds: 0.0,
            input_bytes: 0,
        }
    }
}

/// Some number that tells the circuits apart: the proofs verified inside.
fn constraints(work: &Work) -> u64 {
    match work {
        Work::Program { proofs, .. } | Work::Part { proofs, .. } => proofs.len() as u64,
        Work::Merge { children, .. } => children
            .iter()
            .filter(|child| !matches!(child, ChildWork::Unchanged { .. }))
            .count() as u64,
        Work::Nest { previous_proof, .. } => 1 + u64::from(previous_proof.is_some()),
    }
}
