use std::collections::HashMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Instant;

use ark_bn254::Fr;
use ark_groth16::Proof;
use trifold_circuits::artifacts::Checkout;
use trifold_circuits::groth16::{Mode, Params, Plan, PreparedKey, ark_key};
use trifold_circuits::inputs::Inputs;
use trifold_circuits::merge::{Child, Merge, Registration};
use trifold_circuits::nest::Nest;
use trifold_circuits::netted::manifest::Tree;
use trifold_circuits::snapshot::{self, Snapshot};
use trifold_coordinator::Digest;
use trifold_coordinator::wire::{ChildWork, ProofBytes, Proved, Task, Work, lane_of};
use trifold_coordinator::worker::{Execute, ExecuteError, Fetch};
use trifold_prover::{Backend, ProofWithStatement, ProveError, Prover, self_test};
use trifold_verifier::groth16::Proof as ClientProof;

use crate::deployment::{Deployed, Deployment};
use crate::meter::{Cost, Meter};
use crate::network::Network;

use super::parts::PartKeys;

/// Told what is about to be proven together.
pub type OnStart = Arc<dyn Fn(&[&Task]) + Send + Sync>;

/// Told of a key that was loaded: the circuit's name, and how long it took in seconds.
pub type OnLoad = Arc<dyn Fn(&str, f64) + Send + Sync>;

/// Proves tasks with this machine's circuits and keys.
pub struct Executor {
    network: Arc<Network>,
    nest: Machine,
    merge: Machine,
    /// Those that this machine proves, and the circuits of their parts.
    programs: Vec<Machine>,
    /// Of every program that the network admits, by digest: each worker merges them all.
    program_keys: HashMap<Fr, PreparedKey>,
    /// Of the parts of netted shards, if the network admits them.
    part_keys: Option<PartKeys>,
    two_proofs: Plan,
    three_proofs: Plan,
    batch: Option<usize>,
    on_start: OnStart,
    on_load: OnLoad,
    backend: Arc<dyn Backend>,
    meter: Meter,
}

/// One circuit: its key as other circuits take it, and its prover, loaded when first used.
struct Machine {
    kind: &'static str,
    name: String,
    digest: Fr,
    constraints: u64,
    key: PreparedKey,
    load: Box<dyn Fn() -> anyhow::Result<Prover> + Send + Sync>,
    loading: Mutex<()>,
    loaded: OnceLock<Prover>,
}

/// A task with its witness.
pub struct Prepared {
    task: Task,
    witness: Vec<Fr>,
    witness_seconds: f64,
    cpu_seconds: f64,
}

impl Executor {
    /// An executor on a backend; it proves `batch` tasks together, or as many as the backend likes.
    pub fn new(
        network: Arc<Network>,
        deployment: &Deployment,
        backend: &Arc<dyn Backend>,
        batch: Option<usize>,
        on_start: OnStart,
    ) -> anyhow::Result<Self> {
        let plan = |proofs| Plan::new(Mode::Witness, Params::DEPLOYED, proofs);
        let machine = |kind, circuit| Machine::new(kind, circuit, &deployment.checkout, backend);
        let netted = deployment
            .netted
            .as_ref()
            .filter(|_| network.netted.is_some());
        let close = netted.map(|netted| &netted.close);
        let parts = netted.into_iter().flat_map(|netted| netted.parts.values());
        let parts = parts.map(|circuit| machine("part", circuit));
        let programs = [&deployment.transfer]
            .into_iter()
            .chain(close)
            .chain(&deployment.programs);
        let programs = programs.map(|circuit| machine("program", circuit));
        let part_keys = network.genesis.netted_program().map(PartKeys::new);
        Ok(Self {
            nest: machine("nest", &deployment.nest)?,
            merge: machine("merge", &deployment.merge)?,
            programs: programs.chain(parts).collect::<Result<_, _>>()?,
            part_keys: part_keys.transpose()?,
            program_keys: program_keys(&network, &deployment.transfer)?,
            network,
            two_proofs: plan(2)?,
            three_proofs: plan(3)?,
            batch,
            on_start,
            on_load: Arc::new(|_, _| ()),
            backend: backend.clone(),
            meter: Meter::new(backend.name() != "cpu"),
        })
    }

    /// The same, which tells of the keys that it loads to get ready.
    pub fn on_load(self, on_load: OnLoad) -> Self {
        Self { on_load, ..self }
    }

    /// Does a task again by itself, to see how it fails.
    ///
    /// # Errors
    /// As a worker would report it.
    pub fn replay(&self, task: &Task, fetch: &Fetch<'_>) -> Result<Proved, ExecuteError> {
        let prepared = self.prepare(task, fetch)?;
        let mut proven = self.prove(std::slice::from_ref(&prepared));
        proven.pop().unwrap_or_else(|| Err(here("no answer")))
    }

    /// The step that everybody waits for comes first.
    fn machines(&self) -> impl Iterator<Item = &Machine> {
        [&self.nest, &self.merge].into_iter().chain(&self.programs)
    }

    fn machine(&self, task: &Task) -> Result<&Machine, ExecuteError> {
        let lane = task.lane();
        let machine = self.machines().find(|machine| machine.lane() == lane);
        machine.ok_or_else(|| here(format!("no circuit for {lane} here: give its --program")))
    }

    /// The inputs of a task and the statement they prove.
    fn inputs(&self, task: &Task, fetch: &Fetch<'_>) -> Result<(Inputs, Fr), ExecuteError> {
        match &task.work {
            Work::Program {
                snapshot, proofs, ..
            } => {
                let snapshot = self.snapshot(snapshot, fetch)?;
                match snapshot.work {
                    snapshot::Work::Netted(_) => {
                        let (tree, keys) = self.in_parts(&snapshot)?;
                        keys.close(&tree, proofs, &self.two_proofs)
                    }
                    _ => {
                        let (inputs, statement) = snapshot.inputs().map_err(broken)?;
                        Ok((inputs, statement.digest()))
                    }
                }
            }
            Work::Part {
                shard,
                snapshot,
                part,
                proofs,
                ..
            } => {
                let snapshot = self.snapshot(snapshot, fetch)?;
                let (tree, keys) = self.in_parts(&snapshot)?;
                let snapshot::Work::Netted(manifest) = &snapshot.work else {
                    return Err(broken("the snapshot is not proven in parts"));
                };
                let epoch = (&tree, &manifest.home(*shard));
                keys.part(epoch, (*part).into(), proofs, &self.three_proofs, fetch)
            }
            Work::Merge { .. } => self.merge_inputs(task),
            Work::Nest { .. } => self.nest_inputs(task),
        }
    }

    fn snapshot(&self, name: &Digest, fetch: &Fetch<'_>) -> Result<Snapshot, ExecuteError> {
        Snapshot::open(&fetch(name)?, &self.network.genesis).map_err(broken)
    }

    /// The proofs that a snapshot's is made of, and the keys that they are verified under.
    fn in_parts(&self, snapshot: &Snapshot) -> Result<(Tree, &PartKeys), ExecuteError> {
        let netted = self.network.netted.as_ref().zip(self.part_keys.as_ref());
        let (netted, keys) = netted.ok_or_else(|| broken("the network admits no netted shards"))?;
        let (tree, _) = snapshot.in_parts(netted).map_err(broken)?;
        Ok((tree, keys))
    }

    /// The witness of a task, and the time that it took once its inputs were there.
    fn witness(
        &self,
        prover: &Prover,
        task: &Task,
        fetch: &Fetch<'_>,
    ) -> Result<(Vec<Fr>, f64), ExecuteError> {
        let (inputs, statement) = self.inputs(task, fetch)?;
        if statement != task.statement {
            return Err(broken(
                "the inputs are of another statement than the task's",
            ));
        }
        let start = Instant::now();
        let witness = prover.witness(&inputs).map_err(failure)?;
        Ok((witness, start.elapsed().as_secs_f64()))
    }

    fn merge_inputs(&self, task: &Task) -> Result<(Inputs, Fr), ExecuteError> {
        let Work::Merge {
            level,
            index,
            history,
            program,
            registration,
            children,
        } = &task.work
        else {
            return Err(broken("not a merge"));
        };
        let [left, middle, right] = (**children).clone().map(child);
        let merge = Merge {
            keys: task.keys.into(),
            level: *level,
            index: *index,
            history: *history,
            registration: Registration {
                program: *program,
                path: registration.clone().into(),
            },
            children: [left?, middle?, right?],
        };
        let key = match level {
            0 => self.program_keys.get(program),
            _ => Some(&self.merge.key),
        };
        let key =
            key.ok_or_else(|| broken("the merge is of a program that genesis does not admit"))?;
        let inputs = merge.inputs(&self.three_proofs, key).map_err(broken)?;
        Ok((inputs, merge.statement().digest()))
    }

    fn nest_inputs(&self, task: &Task) -> Result<(Inputs, Fr), ExecuteError> {
        let Work::Nest {
            previous,
            previous_proof,
            deepen,
            root,
            sent,
            received,
            top_proof,
            history_path,
        } = task.work.clone()
        else {
            return Err(broken("not a nest"));
        };
        let nest = Nest {
            keys: task.keys.into(),
            genesis: task.genesis,
            previous: previous.into(),
            previous_proof: previous_proof.map(|bytes| proof(&bytes)).transpose()?,
            deepen,
            root,
            sent,
            received,
            top_proof: proof(&top_proof)?,
            history_path: history_path.into(),
        };
        let inputs = nest
            .inputs(&self.two_proofs, &self.nest.key, &self.merge.key)
            .map_err(broken)?;
        Ok((inputs, nest.statement().map_err(broken)?.digest()))
    }
}

impl Execute for Executor {
    type Prepared = Prepared;

    fn lanes(&self) -> Vec<String> {
        self.machines().map(Machine::lane).collect()
    }

    /// All keys are loaded, and the backend has computed what the processor computes.
    fn ready(&self) -> Result<(), ExecuteError> {
        for machine in self.machines() {
            let start = Instant::now();
            machine.prover()?;
            (self.on_load)(&machine.name, start.elapsed().as_secs_f64());
        }
        let tested = self_test(self.backend.clone()).map_err(ProveError::from);
        let tested = tested.map_err(failure)?;
        tracing::info!(?tested, backend = self.backend.name(), "self-test passed");
        Ok(())
    }

    fn batch(&self, lane: &str) -> usize {
        let machine = self.machines().find(|one| one.lane() == lane);
        let liked = machine.and_then(|machine| machine.loaded.get());
        self.batch
            .unwrap_or_else(|| liked.map_or(1, Prover::batch_limit))
    }

    fn prepare(&self, task: &Task, fetch: &Fetch<'_>) -> Result<Prepared, ExecuteError> {
        let prover = self.machine(task)?.prover()?;
        let work = || self.witness(prover, task, fetch);
        let (witness, cpu_seconds) = self.meter.witness(work);
        let (witness, witness_seconds) = witness?;
        Ok(Prepared {
            task: task.clone(),
            witness,
            witness_seconds,
            cpu_seconds,
        })
    }

    fn prove(&self, tasks: &[Prepared]) -> Vec<Result<Proved, ExecuteError>> {
        let Some(first) = tasks.first() else {
            return Vec::new();
        };
        (self.on_start)(&tasks.iter().map(|task| &task.task).collect::<Vec<_>>());
        let witnesses: Vec<&[Fr]> = tasks.iter().map(|task| &task.witness[..]).collect();
        let machine = self.machine(&first.task);
        let ready = machine.and_then(|machine| Ok((machine, machine.prover()?)));
        let (machine, prover) = match ready {
            Ok(ready) => ready,
            Err(error) => return tasks.iter().map(|_| Err(error.clone())).collect(),
        };
        let batch = self.meter.begin();
        let proven = prover.prove_witnesses(&witnesses);
        let cost = self.meter.end(batch).shared(tasks.len());
        let proven = proven.into_iter().zip(tasks);
        proven
            .map(|(proven, task)| machine.proved(proven.map_err(failure)?, task, cost))
            .collect()
    }
}

impl Machine {
    fn new(
        kind: &'static str,
        circuit: &Deployed,
        checkout: &Checkout,
        backend: &Arc<dyn Backend>,
    ) -> anyhow::Result<Self> {
        let (loaded, checkout, backend) = (circuit.clone(), checkout.clone(), backend.clone());
        Ok(Self {
            kind,
            name: circuit.spec.name.clone(),
            digest: circuit.digest,
            constraints: circuit.artifact.size()?.constraints.into(),
            key: PreparedKey::new(&circuit.verifying_key)?,
            load: Box::new(move || loaded.prover(&checkout, backend.as_ref())),
            loading: Mutex::new(()),
            loaded: OnceLock::new(),
        })
    }

    fn lane(&self) -> String {
        lane_of(self.kind, &self.digest)
    }

    /// One thread loads the key, others wait for it.
    fn prover(&self) -> Result<&Prover, ExecuteError> {
        let _loading = self.loading.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(prover) = self.loaded.get() {
            return Ok(prover);
        }
        let prover = (self.load)().map_err(unloadable)?;
        Ok(self.loaded.get_or_init(|| prover))
    }

    fn proved(
        &self,
        proven: ProofWithStatement,
        task: &Prepared,
        cost: Cost,
    ) -> Result<Proved, ExecuteError> {
        let proof = proven.proof;
        let proof = ClientProof::new(proof.a, proof.b, proof.c).map_err(here)?;
        Ok(Proved {
            proof: ProofBytes(proof.to_bytes()),
            circuit: self.name.clone(),
            constraints: self.constraints,
            witness_seconds: task.witness_seconds,
            prove_seconds: proven.prove_seconds,
            cpu_seconds: task.cpu_seconds + cost.cpu_seconds,
            gpu_seconds: cost.device_seconds,
            input_bytes: 0,
        })
    }
}

/// The keys that level-0 merges verify under; those of programs that are not ours are in the genesis.
fn program_keys(
    network: &Network,
    transfer: &Deployed,
) -> anyhow::Result<HashMap<Fr, PreparedKey>> {
    let ours = (transfer.digest, PreparedKey::new(&transfer.verifying_key)?);
    let netted = network.genesis.netted_program();
    let netted = netted.map(|netted| (netted.digest(), netted.close()));
    let programs = network.genesis.programs().iter();
    let programs = programs.map(|program| (program.digest(), program.key()));
    let admitted = netted.into_iter().chain(programs);
    let admitted = admitted.map(|(digest, key)| -> anyhow::Result<_> {
        Ok((digest, PreparedKey::new(&ark_key(key))?))
    });
    std::iter::once(Ok(ours)).chain(admitted).collect()
}

fn child(work: ChildWork) -> Result<Child, ExecuteError> {
    Ok(match work {
        ChildWork::Unchanged { digest } => Child::Unchanged(digest),
        ChildWork::Shard {
            step,
            seen_path,
            proof: bytes,
        } => Child::Shard {
            step: step.with_path(seen_path.into()),
            proof: proof(&bytes)?,
        },
        ChildWork::Subtree {
            old,
            new,
            sent,
            received,
            proof: bytes,
        } => Child::Subtree {
            old,
            new,
            sent,
            received,
            proof: proof(&bytes)?,
        },
    })
}

pub(super) fn proof(bytes: &ProofBytes) -> Result<Proof<ark_bn254::Bn254>, ExecuteError> {
    let proof = ClientProof::from_bytes(&bytes.0).map_err(broken)?;
    Ok(Proof {
        a: proof.a(),
        b: proof.b(),
        c: proof.c(),
    })
}

/// A witness that breaks a constraint breaks it everywhere; anything else may be this machine's fault.
fn failure(error: ProveError) -> ExecuteError {
    match error {
        ProveError::Witness(_) | ProveError::Unsatisfied(_) => broken(error),
        _ if error.is_fatal() => ExecuteError::Lost(error.to_string()),
        _ if error.is_out_of_memory() => ExecuteError::Memory(error.to_string()),
        _ => here(error),
    }
}

fn unloadable(error: anyhow::Error) -> ExecuteError {
    let text = format!("{error:#}");
    match error.downcast_ref::<ProveError>() {
        Some(error) if error.is_fatal() => ExecuteError::Lost(text),
        Some(error) if error.is_out_of_memory() => ExecuteError::Memory(text),
        _ => ExecuteError::Worker(text),
    }
}

pub(super) fn broken(error: impl std::fmt::Display) -> ExecuteError {
    ExecuteError::Inputs(error.to_string())
}

pub(super) fn here(error: impl std::fmt::Display) -> ExecuteError {
    ExecuteError::Worker(error.to_string())
}
