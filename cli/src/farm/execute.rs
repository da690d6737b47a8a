use std::sync::{Arc, OnceLock};

use ark_bn254::Fr;
use ark_groth16::Proof;
use trifold_circuits::groth16::{Mode, Params, Plan, PreparedKey};
use trifold_circuits::inputs::Inputs;
use trifold_circuits::merge::{Child, Merge, Registration};
use trifold_circuits::nest::Nest;
use trifold_circuits::snapshot::Snapshot;
use trifold_coordinator::wire::{ChildWork, ProofBytes, Proved, Task, Work, lane_of};
use trifold_coordinator::worker::{Execute, ExecuteError, Fetch};
use trifold_prover::{ProveError, Prover};
use trifold_verifier::groth16::Proof as ClientProof;

use crate::deployment::{Deployed, Deployment};
use crate::network::Network;

/// Told which circuit is about to be proven, and for what.
pub type OnStart = Arc<dyn Fn(&Task) + Send + Sync>;

/// Proves tasks with this machine's circuits and keys.
pub struct Executor {
    network: Arc<Network>,
    transfer: Machine,
    merge: Machine,
    nest: Machine,
    two_proofs: Plan,
    three_proofs: Plan,
    on_start: OnStart,
}

/// One circuit: its key as other circuits take it, and its prover, loaded when first used.
struct Machine {
    name: String,
    digest: Fr,
    constraints: u64,
    key: PreparedKey,
    prover: Box<dyn Fn() -> anyhow::Result<Prover> + Send + Sync>,
    loaded: OnceLock<Prover>,
}

impl Executor {
    pub fn new(
        network: Arc<Network>,
        deployment: Arc<Deployment>,
        on_start: OnStart,
    ) -> anyhow::Result<Self> {
        let plan = |proofs| Plan::new(Mode::Witness, Params::DEPLOYED, proofs);
        Ok(Self {
            network,
            transfer: Machine::new(&deployment, |deployment| &deployment.transfer)?,
            merge: Machine::new(&deployment, |deployment| &deployment.merge)?,
            nest: Machine::new(&deployment, |deployment| &deployment.nest)?,
            two_proofs: plan(2)?,
            three_proofs: plan(3)?,
            on_start,
        })
    }

    fn machine(&self, work: &Work) -> &Machine {
        match work {
            Work::Program { .. } => &self.transfer,
            Work::Merge { .. } => &self.merge,
            Work::Nest { .. } => &self.nest,
        }
    }

    /// The inputs of a task and the statement they prove.
    fn inputs(&self, task: &Task, fetch: &Fetch<'_>) -> Result<(Inputs, Fr), ExecuteError> {
        match &task.work {
            Work::Program { snapshot, .. } => {
                let bytes = fetch(snapshot)?;
                let snapshot = Snapshot::open(&bytes, &self.network.genesis).map_err(broken)?;
                let (inputs, statement) = snapshot.inputs().map_err(broken)?;
                Ok((inputs, statement.digest()))
            }
            Work::Merge { .. } => self.merge_inputs(task),
            Work::Nest { .. } => self.nest_inputs(task),
        }
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
        let key = if *level == 0 {
            &self.transfer.key
        } else {
            &self.merge.key
        };
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
    /// The step that everybody waits for comes first.
    fn lanes(&self) -> Vec<String> {
        let lane = |(kind, machine): (&str, &Machine)| lane_of(kind, &machine.digest);
        [
            ("nest", &self.nest),
            ("merge", &self.merge),
            ("program", &self.transfer),
        ]
        .map(lane)
        .into()
    }

    fn execute(&self, task: &Task, fetch: &Fetch<'_>) -> Result<Proved, ExecuteError> {
        (self.on_start)(task);
        let machine = self.machine(&task.work);
        let (inputs, statement) = self.inputs(task, fetch)?;
        if statement != task.statement {
            return Err(broken(
                "the inputs are of another statement than the task's",
            ));
        }
        let proven = machine.prover()?.prove(&inputs).map_err(failure)?;
        let proof = proven.proof;
        let proof = ClientProof::new(proof.a, proof.b, proof.c).map_err(here)?;
        Ok(Proved {
            proof: ProofBytes(proof.to_bytes()),
            circuit: machine.name.clone(),
            constraints: machine.constraints,
            witness_seconds: proven.witness_seconds,
            prove_seconds: proven.prove_seconds,
        })
    }
}

impl Machine {
    fn new(
        deployment: &Arc<Deployment>,
        which: fn(&Deployment) -> &Deployed,
    ) -> anyhow::Result<Self> {
        let (circuit, shared) = (which(deployment), deployment.clone());
        Ok(Self {
            name: circuit.spec.name.clone(),
            digest: circuit.digest,
            constraints: circuit.artifact.size()?.constraints.into(),
            key: PreparedKey::new(&circuit.verifying_key)?,
            prover: Box::new(move || which(&shared).prover(&shared.checkout)),
            loaded: OnceLock::new(),
        })
    }

    fn prover(&self) -> Result<&Prover, ExecuteError> {
        if let Some(prover) = self.loaded.get() {
            return Ok(prover);
        }
        let prover = (self.prover)().map_err(|error| ExecuteError::Worker(format!("{error:#}")))?;
        Ok(self.loaded.get_or_init(|| prover))
    }
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

fn proof(bytes: &ProofBytes) -> Result<Proof<ark_bn254::Bn254>, ExecuteError> {
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
        _ => here(error),
    }
}

fn broken(error: impl std::fmt::Display) -> ExecuteError {
    ExecuteError::Inputs(error.to_string())
}

fn here(error: impl std::fmt::Display) -> ExecuteError {
    ExecuteError::Worker(error.to_string())
}
