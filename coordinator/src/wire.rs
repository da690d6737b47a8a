//! What travels between shard, coordinator and worker: JSON around the verifier's values, every field hex or integer.

use ark_bn254::Fr;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use trifold_circuits::field::element;
use trifold_circuits::hexadecimal;
use trifold_circuits::merge::ShardStep;
use trifold_verifier::statement::{GlobalState, Keys, Leaf};
use trifold_verifier::trie::Path;

use crate::Digest;
use crate::submission::SignatureBytes;

pub use trifold_circuits::snapshot::WireLeaf;

/// Version of every message here; others are refused.
pub const VERSION: u8 = 2;
/// Largest encoded snapshot, in bytes.
pub use trifold_circuits::snapshot::MAX_SNAPSHOT_BYTES;
/// Longest text that a message may bring into our logs and records, in characters.
pub const MAX_TEXT_CHARS: usize = 500;
/// Largest blob that a worker reads for a task, in bytes: a snapshot, or the inputs of a part.
pub const MAX_INPUT_BYTES: usize = 1 << 20;
const _: () = assert!(
    MAX_SNAPSHOT_BYTES <= MAX_INPUT_BYTES
        && MAX_INPUT_BYTES <= crate::artifacts::MAX_ARTIFACT_BYTES
);
/// Parts of one snapshot, at most: their list is in the journal's entry of it.
pub const MAX_PARTS: usize = 2048;
/// Proofs that go into one part or program, at most.
pub const MAX_PROOFS: usize = 3;

/// A message that is not what it should be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WireError {
    #[error("not a valid message: {0}")]
    Malformed(String),
    #[error("message version {0}, this is version {VERSION}")]
    Version(u8),
}

#[derive(Deserialize)]
struct Versioned {
    version: u8,
}

/// What a message of this version begins with as [`encode`] writes it: nothing has to be looked for then.
const OURS: &[u8] = b"{\"version\":2,";
const _: () = assert!(VERSION == 2);

/// Reads a message and checks its version first.
pub fn decode<T: serde::de::DeserializeOwned>(bytes: &[u8]) -> Result<T, WireError> {
    let malformed = |e: serde_json::Error| WireError::Malformed(clip(&e.to_string()));
    if bytes.starts_with(OURS) {
        return serde_json::from_slice(bytes).map_err(malformed);
    }
    let Versioned { version } = serde_json::from_slice(bytes).map_err(malformed)?;
    match version == VERSION {
        true => serde_json::from_slice(bytes).map_err(malformed),
        false => Err(WireError::Version(version)),
    }
}

/// Writes a message.
pub fn encode<T: Serialize>(message: &T) -> bytes::Bytes {
    // Our messages have string keys and no failing serializers; an empty body is refused by every reader.
    serde_json::to_vec(message).unwrap_or_default().into()
}

/// `text` cut to [`MAX_TEXT_CHARS`], control characters replaced: safe to log.
pub fn clip(text: &str) -> String {
    let safe = |c: char| if c.is_control() { ' ' } else { c };
    text.chars().take(MAX_TEXT_CHARS).map(safe).collect()
}

/// A Groth16 proof as it travels: A, B, C compressed. Not checked.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct ProofBytes(pub [u8; 128]);

impl std::fmt::Debug for ProofBytes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "ProofBytes({}..)", hex::encode(&self.0[..4]))
    }
}

impl Serialize for ProofBytes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        hexadecimal::serialize(&self.0, serializer)
    }
}

impl<'de> Deserialize<'de> for ProofBytes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        hexadecimal::deserialize(deserializer, "a proof is 256 hex digits").map(Self)
    }
}

/// Shard to coordinator: a snapshot lies in the artifact store. [`crate::submission`] says who may send it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Submission {
    pub version: u8,
    /// Index of the shard.
    pub shard: u32,
    pub snapshot: Digest,
    /// The shard operator's, over network, shard and snapshot; one without it is refused.
    pub signature: Option<SignatureBytes>,
}

/// Operator to coordinator; answered by a [`Reply`] under `replies.<id>`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Command {
    pub version: u8,
    /// One word that the sender made up; a repeated command has the same.
    pub id: String,
    pub command: CommandKind,
}

/// What an operator can ask for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CommandKind {
    /// Form an epoch of the snapshots that wait now.
    CloseEpoch,
    /// Give this worker no further task, and look at nothing that it returns, until it is uncordoned.
    Cordon { worker: String },
    /// Trust the worker again: its strikes are forgotten.
    Uncordon { worker: String },
    /// Let the worker finish what its prover has, give back the rest, and end. `*` is all of them.
    Drain { worker: String },
    /// Take the task from whoever holds it and offer it again, with its failures forgotten. A quarantined one is released.
    Requeue { task: Digest },
    /// Forget a snapshot that is in no closed epoch, and all that build on it.
    Cancel { shard: u32, snapshot: Digest },
    /// Delete blobs that nothing needs and that are older than this, and shorten the journal.
    Gc { older_seconds: u64, dry_run: bool },
}

/// Coordinator to operator, as a notice under `replies.<id of the command>`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reply {
    pub version: u8,
    pub done: bool,
    /// What was done, or why not: one line.
    pub message: String,
}

/// A worker about itself, as a notice under `workers.<name>`, renewed every few seconds. Nobody's correctness rests on it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Presence {
    pub version: u8,
    pub name: String,
    /// Counts the notices of this process: one that no longer grows is of a worker that is gone.
    pub serial: u64,
    pub started_unix_ms: u64,
    /// Version of the program.
    pub build: String,
    pub host: String,
    pub process: u32,
    /// Name of the backend, and of the card if there is one.
    pub backend: String,
    pub card: Option<String>,
    pub state: WorkerState,
    /// Task lanes that it serves.
    pub lanes: Vec<String>,
    pub held: Vec<HeldTask>,
    pub proved_tasks: u64,
    pub failed_tasks: u64,
    pub cpu_seconds: f64,
    pub gpu_seconds: f64,
}

/// What a worker is about to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WorkerState {
    /// Loads keys and makes its self-test proof.
    Starting,
    Ready,
    /// Takes no further task until it is told otherwise.
    Cordoned,
    /// Finishes what its prover has, and ends.
    Draining,
}

/// A task that a worker holds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HeldTask {
    pub task: Digest,
    pub attempt: u32,
    pub stage: HeldStage,
    /// Time since it was leased.
    pub seconds: f64,
}

/// How far a held task is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HeldStage {
    Witness,
    /// Its witness is there, the prover is busy.
    Waiting,
    Proving,
    Reporting,
}

/// Coordinator to worker, as a notice under `orders.<name>`; the worker looks at it every few seconds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Orders {
    pub version: u8,
    pub order: Order,
    /// Process it is meant for, by its start; one that was started later ignores it. `None`: any.
    pub started_unix_ms: Option<u64>,
}

/// What a worker is to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Order {
    Work,
    Cordon,
    Drain,
}

/// Coordinator to shard, as a notice under `verdicts.<snapshot>`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Verdict {
    pub version: u8,
    pub shard: u32,
    pub snapshot: Digest,
    pub outcome: Outcome,
}

/// What became of a snapshot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Kept; it will enter an epoch.
    Accepted,
    /// Refused for ever; submit another one.
    Rejected { code: String, message: String },
    /// Part of this epoch.
    Included { epoch: u64 },
    /// The global proof of its epoch is published.
    Final { epoch: u64 },
}

/// The keys of the network as they travel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WireKeys {
    #[serde(with = "element")]
    pub merge: Fr,
    #[serde(with = "element")]
    pub nest: Fr,
    #[serde(with = "element")]
    pub registry: Fr,
}

impl From<Keys> for WireKeys {
    fn from(
        Keys {
            merge,
            nest,
            registry,
        }: Keys,
    ) -> Self {
        Self {
            merge,
            nest,
            registry,
        }
    }
}

impl From<WireKeys> for Keys {
    fn from(
        WireKeys {
            merge,
            nest,
            registry,
        }: WireKeys,
    ) -> Self {
        Self {
            merge,
            nest,
            registry,
        }
    }
}

/// A global state as it travels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WireState {
    pub epoch: u64,
    pub depth: u8,
    #[serde(with = "element")]
    pub root: Fr,
    #[serde(with = "element")]
    pub history: Fr,
    pub in_flight: u128,
}

impl From<GlobalState> for WireState {
    fn from(state: GlobalState) -> Self {
        let GlobalState {
            epoch,
            depth,
            root,
            history,
            in_flight,
        } = state;
        Self {
            epoch,
            depth,
            root,
            history,
            in_flight,
        }
    }
}

impl From<WireState> for GlobalState {
    fn from(state: WireState) -> Self {
        let WireState {
            epoch,
            depth,
            root,
            history,
            in_flight,
        } = state;
        Self {
            epoch,
            depth,
            root,
            history,
            in_flight,
        }
    }
}

/// The siblings of a path, from the leaf up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Siblings(Vec<[trifold_circuits::field::Element; 2]>);

impl From<Vec<[Fr; 2]>> for Siblings {
    fn from(siblings: Vec<[Fr; 2]>) -> Self {
        Self(
            siblings
                .into_iter()
                .map(|pair| pair.map(trifold_circuits::field::Element))
                .collect(),
        )
    }
}

impl From<Siblings> for Vec<[Fr; 2]> {
    fn from(siblings: Siblings) -> Self {
        siblings
            .0
            .into_iter()
            .map(|pair| pair.map(|element| element.0))
            .collect()
    }
}

/// A path as it travels.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WirePath {
    pub index: u64,
    pub siblings: Siblings,
}

impl From<Path> for WirePath {
    fn from(path: Path) -> Self {
        Self {
            index: path.index,
            siblings: path.siblings.into(),
        }
    }
}

impl From<WirePath> for Path {
    fn from(path: WirePath) -> Self {
        Self {
            index: path.index,
            siblings: path.siblings.into(),
        }
    }
}

/// What one shard did, without the path of what it saw.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WireStep {
    pub old: Option<WireLeaf>,
    pub new: WireLeaf,
    pub events: u32,
    pub sent: u128,
    pub received: u128,
    /// At least the Lamport counter of every leaf that a message was taken from; 0 if none was.
    pub received_lamport: u64,
    /// The same for timestamps.
    pub received_timestamp: u64,
}

impl WireStep {
    /// The step as the merge circuit opens it.
    pub fn with_path(&self, seen_path: Vec<[Fr; 2]>) -> ShardStep {
        ShardStep {
            old: self.old.map(Leaf::from),
            new: self.new.into(),
            events: self.events,
            sent: self.sent,
            received: self.received,
            received_lamport: self.received_lamport,
            received_timestamp: self.received_timestamp,
            seen_path,
        }
    }
}

/// A child of a merge task.
#[expect(clippy::large_enum_variant, reason = "one at a time, moved once")]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ChildWork {
    /// Carried forward.
    Unchanged {
        #[serde(with = "element")]
        digest: Fr,
    },
    /// Level 0: a shard's step.
    Shard {
        step: WireStep,
        seen_path: Siblings,
        proof: ProofBytes,
    },
    /// Above level 0: a merge one level below.
    Subtree {
        #[serde(with = "element")]
        old: Fr,
        #[serde(with = "element")]
        new: Fr,
        sent: u128,
        received: u128,
        proof: ProofBytes,
    },
}

/// A proof that the program proof of a snapshot is made of: a part of what the program proves, or several parts joined.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WirePart {
    /// Key digest of its circuit.
    #[serde(with = "element")]
    pub key: Fr,
    #[serde(with = "element")]
    pub statement: Fr,
    /// The one part that this proof goes into, a later one; or their number, which stands for the program proof.
    pub parent: u16,
    /// The blob with its inputs; none where they are in the snapshot, and in the proofs that it is made of.
    pub inputs: Option<Digest>,
}

/// What is to be proven.
#[expect(clippy::large_enum_variant, reason = "one at a time, moved once")]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Work {
    /// A shard's transition; the snapshot is an artifact.
    Program {
        shard: u32,
        snapshot: Digest,
        /// Of the parts that go into it, in their order.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        proofs: Vec<ProofBytes>,
    },
    /// A part of a shard's transition.
    Part {
        shard: u32,
        snapshot: Digest,
        /// Counts the snapshot's parts from 0.
        part: u16,
        /// An artifact, where the part has one of its own.
        inputs: Option<Digest>,
        /// Of the parts that go into it, in their order.
        proofs: Vec<ProofBytes>,
    },
    /// Up to three transitions composed.
    Merge {
        level: u8,
        index: u32,
        #[serde(with = "element")]
        history: Fr,
        /// The program of the shards' proofs, at level 0.
        #[serde(with = "element")]
        program: Fr,
        /// Its place in the registry.
        registration: WirePath,
        children: Box<[ChildWork; 3]>,
    },
    /// The epoch's top transition on top of the previous global proof.
    Nest {
        previous: WireState,
        previous_proof: Option<ProofBytes>,
        deepen: bool,
        #[serde(with = "element")]
        root: Fr,
        sent: u128,
        received: u128,
        top_proof: ProofBytes,
        history_path: Siblings,
    },
}

impl Work {
    /// The snapshot that it is a proof of, and the blobs that it takes.
    pub fn snapshot(&self) -> Option<(Digest, Option<Digest>)> {
        match self {
            Work::Program { snapshot, .. } => Some((*snapshot, None)),
            Work::Part {
                snapshot, inputs, ..
            } => Some((*snapshot, *inputs)),
            Work::Merge { .. } | Work::Nest { .. } => None,
        }
    }

    /// Name of the kind, one token.
    pub fn kind(&self) -> &'static str {
        match self {
            Work::Program { .. } => "program",
            Work::Part { .. } => "part",
            Work::Merge { .. } => "merge",
            Work::Nest { .. } => "nest",
        }
    }
}

/// Coordinator to worker: prove `statement` under `key`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Task {
    pub version: u8,
    /// Digest of kind, key, statement and inputs: the same work has the same id.
    pub id: Digest,
    /// Key digest of the circuit.
    #[serde(with = "element")]
    pub key: Fr,
    /// The proof's public input.
    #[serde(with = "element")]
    pub statement: Fr,
    pub keys: WireKeys,
    /// Digest of G_0.
    #[serde(with = "element")]
    pub genesis: Fr,
    pub work: Work,
    /// Counts the offers of this task: tells an outdated hold from the one that counts. Not part of the id.
    pub attempt: u32,
    /// Workers that should let others have it: they failed on it.
    pub avoid: Vec<String>,
    /// Whether it took more memory than an ordinary worker has; it then goes to the lane of large workers.
    pub large: bool,
    /// The trace that its spans belong to, as a W3C `traceparent`.
    pub trace: Option<String>,
}

impl Task {
    /// A task with its id.
    pub fn new(key: Fr, statement: Fr, keys: Keys, genesis: Fr, work: Work) -> Self {
        let id = task_id(&key, &statement, &work);
        Self {
            version: VERSION,
            id,
            key,
            statement,
            keys: keys.into(),
            genesis,
            work,
            attempt: 0,
            avoid: Vec::new(),
            large: false,
            trace: None,
        }
    }

    /// Name of the task lane of this task.
    pub fn lane(&self) -> String {
        let lane = lane_of(self.work.kind(), &self.key);
        match self.large {
            true => large_lane(&lane),
            false => lane,
        }
    }
}

/// Name of the lane of those tasks of a lane that need a large worker.
pub fn large_lane(lane: &str) -> String {
    format!("{lane}-large")
}

/// Name of the lane of tasks of `kind` under the key with digest `key`: `<kind>-<first 8 bytes of the key, hex>`.
pub fn lane_of(kind: &str, key: &Fr) -> String {
    let bytes = trifold_circuits::field::to_bytes(key);
    format!("{kind}-{}", hex::encode(&bytes[..8]))
}

/// Names a task: kind, key, statement, and the snapshot or the proofs that it builds on.
pub(crate) fn task_id(key: &Fr, statement: &Fr, work: &Work) -> Digest {
    let [key, statement] = [key, statement].map(trifold_circuits::field::to_bytes);
    let number;
    let mut items: Vec<&[u8]> = vec![work.kind().as_bytes(), &key, &statement];
    match work {
        Work::Program {
            snapshot, proofs, ..
        } => {
            items.push(snapshot.as_bytes());
            items.extend(proofs.iter().map(|proof| &proof.0[..]));
        }
        Work::Part {
            snapshot,
            part,
            proofs,
            ..
        } => {
            number = part.to_le_bytes();
            items.extend([snapshot.as_bytes(), &number[..]]);
            items.extend(proofs.iter().map(|proof| &proof.0[..]));
        }
        Work::Merge { children, .. } => {
            items.extend(children.iter().filter_map(|child| match child {
                ChildWork::Unchanged { .. } => None,
                ChildWork::Shard { proof, .. } | ChildWork::Subtree { proof, .. } => {
                    Some(&proof.0[..])
                }
            }));
        }
        Work::Nest {
            previous_proof,
            top_proof,
            ..
        } => {
            items.extend(
                previous_proof
                    .iter()
                    .chain([top_proof])
                    .map(|proof| &proof.0[..]),
            );
        }
    }
    Digest::of_list("trifold/task/v1", items)
}

/// Worker to coordinator.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TaskResult {
    pub version: u8,
    pub task: Digest,
    /// The [`Task::attempt`] that was held.
    pub attempt: u32,
    /// Name that the worker gives itself: one token.
    pub worker: String,
    pub outcome: TaskOutcome,
}

/// How a task ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TaskOutcome {
    Proved(Proved),
    Failed {
        class: FailureClass,
        message: String,
    },
}

/// A proof and what it cost.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Proved {
    pub proof: ProofBytes,
    /// Name of the circuit.
    pub circuit: String,
    pub constraints: u64,
    pub witness_seconds: f64,
    pub prove_seconds: f64,
    /// Time of the worker's cores, witness and proof together.
    pub cpu_seconds: f64,
    /// Time of its card; 0 on the CPU.
    pub gpu_seconds: f64,
    /// Size of what the worker read for it: the task and its blobs.
    pub input_bytes: u64,
}

/// Why a worker gave up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FailureClass {
    /// Nobody could prove this: the inputs are broken or break the relation.
    Inputs,
    /// This worker could not, now; another try may.
    Worker,
    /// It takes more memory than this worker has.
    Memory,
}

/// A published global proof, under `global.<epoch>`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GlobalProof {
    pub version: u8,
    pub state: WireState,
    pub proof: ProofBytes,
    pub keys: WireKeys,
    /// Digest of G_0.
    #[serde(with = "element")]
    pub genesis: Fr,
    /// R of the epoch before.
    #[serde(with = "element")]
    pub old_root: Fr,
    /// Transfers of all shards in this epoch.
    pub transfers: u64,
}
