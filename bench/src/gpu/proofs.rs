//! Whole proofs: one at a time with everything else idle, as many as possible, and many random ones that are verified.

use std::sync::mpsc::{Receiver, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use ark_bn254::{Bn254, Fr};
use ark_groth16::{Groth16, prepare_verifying_key};
use serde::Serialize;
use trifold_circuits::artifacts::Checkout;
use trifold_circuits::inputs::Inputs;
use trifold_prover::{Backend, Prover};

use super::clock::Clock;
use super::terms;
use crate::circuit::Circuit;
use crate::inputs;

/// Proofs one at a time, after one that warms up; the least and the middle count.
const LATENCY_RUNS: usize = 10;
/// Proofs of one call, whatever more a backend would take.
const MAX_BATCH: usize = 64;
/// One batch is computed while another one's proofs are blinded and verified.
const PROVING_THREADS: usize = 2;
/// Random proofs of one call.
const RANDOM_BATCH: usize = 50;

/// A circuit that is proven, and the inputs.
struct Subject {
    name: &'static str,
    /// A file with a `main`, relative to `circuits/`; a deployed circuit has none.
    source: Option<&'static str>,
    inputs: fn() -> Result<Inputs>,
}

/// In the order of their sizes.
const SUBJECTS: [Subject; 5] = [
    Subject {
        name: "powers",
        source: Some("tests/proving/powers.circom"),
        inputs: || Ok(powers(Fr::from(7))),
    },
    Subject {
        name: "dense",
        source: Some("tests/proving/dense.circom"),
        inputs: dense,
    },
    Subject {
        name: "transfer",
        source: None,
        inputs: || inputs::of("transfer"),
    },
    Subject {
        name: "nest",
        source: None,
        inputs: || inputs::of("nest"),
    },
    Subject {
        name: "merge",
        source: None,
        inputs: || inputs::of("merge"),
    },
];

/// One circuit on one backend; nothing where it was not measured.
#[derive(Default, Serialize)]
pub struct Proofs {
    pub circuit: String,
    pub backend: String,
    pub domain_size: Option<usize>,
    pub load_seconds: Option<f64>,
    /// On one core.
    pub witness_seconds: Option<f64>,
    /// One proof with its self-check, the witness given.
    pub best_latency_seconds: Option<f64>,
    pub median_latency_seconds: Option<f64>,
    /// Witnesses included, on all cores.
    pub proofs_per_second: Option<f64>,
    pub batch: Option<usize>,
    /// Proofs that were made while they were counted; each has been verified.
    pub proofs: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// Proofs of random inputs, verified again by arkworks.
#[derive(Serialize)]
pub struct Random {
    pub backend: String,
    pub wanted: usize,
    pub verified: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// Measures every circuit on every backend, the smaller circuits first; `seconds` at most for the single proofs of each,
/// and for those that are counted.
pub fn run(
    checkout: &Checkout,
    circuits: &[String],
    backends: &[Arc<dyn Backend>],
    seconds: f64,
    clock: &Clock,
) -> Vec<Proofs> {
    let wanted = |subject: &&Subject| circuits.iter().any(|name| name == subject.name);
    let mut rows = Vec::new();
    for subject in SUBJECTS.iter().filter(wanted) {
        let ready = match clock.left(0.9) {
            Some(_) => subject.ready(checkout),
            None => Err(anyhow::anyhow!("the time was up")),
        };
        for backend in backends {
            let mut row = Proofs {
                circuit: subject.name.to_owned(),
                backend: backend.name().to_owned(),
                ..Proofs::default()
            };
            let measured = match &ready {
                Ok(circuit) => row.measure(subject, circuit, backend.as_ref(), seconds, clock),
                Err(error) => Err(anyhow::anyhow!("{error:#}")),
            };
            row.reason = measured.err().map(|error| format!("{error:#}"));
            eprintln!("{}", row.line());
            rows.push(row);
        }
    }
    rows
}

impl Subject {
    fn ready(&self, checkout: &Checkout) -> Result<Circuit> {
        match self.source {
            Some(source) => Circuit::unlisted(checkout, self.name, source),
            None => Circuit::ready(checkout, self.name),
        }
    }
}

impl Proofs {
    fn measure(
        &mut self,
        subject: &Subject,
        circuit: &Circuit,
        backend: &dyn Backend,
        seconds: f64,
        clock: &Clock,
    ) -> Result<()> {
        ensure!(clock.left(0.95).is_some(), "the time was up");
        let files = &circuit.artifact;
        let (key, start) = (circuit.key()?, Instant::now());
        self.domain_size = Some(key.header().domain_size);
        let prover = Prover::new(key, backend, &files.wasm, &files.r1cs)?;
        self.load_seconds = Some(start.elapsed().as_secs_f64());
        let (inputs, start) = ((subject.inputs)()?, Instant::now());
        let witness = prover.witness(&inputs)?;
        self.witness_seconds = Some(start.elapsed().as_secs_f64());
        self.latency(&prover, &witness, seconds)?;
        let left = clock.left(0.95).context("the time was up")?;
        self.throughput(&prover, &inputs, seconds.min(left))
    }

    fn latency(&mut self, prover: &Prover, witness: &[Fr], limit: f64) -> Result<()> {
        prover.prove_witness(witness)?;
        let (start, mut seconds) = (Instant::now(), Vec::new());
        while seconds.len() < LATENCY_RUNS
            && (seconds.is_empty() || start.elapsed().as_secs_f64() < limit)
        {
            seconds.push(prover.prove_witness(witness)?.prove_seconds);
        }
        seconds.sort_by(f64::total_cmp);
        self.best_latency_seconds = seconds.first().copied();
        self.median_latency_seconds = seconds.get(seconds.len() / 2).copied();
        Ok(())
    }

    /// Threads make witnesses, two others prove them in batches; what is finished in the time counts.
    fn throughput(&mut self, prover: &Prover, inputs: &Inputs, limit: f64) -> Result<()> {
        let batch = prover.batch_limit().clamp(1, MAX_BATCH);
        let makers = rayon::current_num_threads()
            .saturating_sub(PROVING_THREADS)
            .max(1);
        let (send, receive) = sync_channel(2 * batch);
        let receive = Mutex::new(receive);
        let (start, limit) = (Instant::now(), Duration::from_secs_f64(limit));
        let counts = std::thread::scope(|scope| {
            for _ in 0..makers {
                let send = send.clone();
                scope.spawn(move || {
                    while start.elapsed() < limit {
                        let Ok(witness) = prover.witness(inputs) else {
                            return;
                        };
                        if send.send(witness).is_err() {
                            return;
                        }
                    }
                });
            }
            drop(send);
            let provers = [(); PROVING_THREADS].map(|()| {
                scope.spawn(|| {
                    let mut count = Ok(0);
                    // After a failure witnesses are still taken, or their makers would wait for ever.
                    while let Some(witnesses) = take(&receive, batch) {
                        count = count.and_then(|count| Ok(count + prove(prover, &witnesses)?));
                    }
                    count
                })
            });
            provers.map(|prover| {
                prover
                    .join()
                    .unwrap_or_else(|_| Err(anyhow::anyhow!("a prover panicked")))
            })
        });
        let seconds = start.elapsed().as_secs_f64();
        let count = counts.into_iter().sum::<Result<usize>>()?;
        ensure!(count > 0, "no witness");
        self.proofs_per_second = Some(count as f64 / seconds);
        (self.batch, self.proofs) = (Some(batch), Some(count));
        Ok(())
    }

    fn line(&self) -> String {
        let (circuit, backend) = (&self.circuit, &self.backend);
        let latency = self
            .best_latency_seconds
            .map(|seconds| format!("{:.1} ms", 1e3 * seconds));
        let rate = self
            .proofs_per_second
            .map(|rate| format!("{rate:.2} proofs/s"));
        let reason = self.reason.as_deref().unwrap_or_default();
        let cells = [latency, rate].map(|cell| cell.unwrap_or_else(|| "not measured".to_owned()));
        format!("{circuit} on {backend}: {} {reason}", cells.join(", "))
    }
}

/// Proves all of them together, and counts them.
fn prove(prover: &Prover, witnesses: &[Vec<Fr>]) -> Result<usize> {
    let witnesses: Vec<&[Fr]> = witnesses.iter().map(Vec::as_slice).collect();
    let proofs = prover.prove_witnesses(&witnesses).into_iter();
    Ok(proofs.collect::<Result<Vec<_>, _>>()?.len())
}

/// Up to `batch` witnesses, at least one; nothing when there will be no more.
fn take(receive: &Mutex<Receiver<Vec<Fr>>>, batch: usize) -> Option<Vec<Vec<Fr>>> {
    let receive = receive.lock().unwrap_or_else(PoisonError::into_inner);
    let mut witnesses = vec![receive.recv().ok()?];
    while witnesses.len() < batch {
        match receive.recv() {
            Ok(witness) => witnesses.push(witness),
            Err(_) => break,
        }
    }
    Some(witnesses)
}

/// Proofs of a small circuit for random inputs, in batches, until the wanted number or the end of the time.
pub fn random(
    checkout: &Checkout,
    backends: &[Arc<dyn Backend>],
    wanted: usize,
    clock: &Clock,
) -> Vec<Random> {
    let rows = backends.iter().map(|backend| {
        let mut row = Random {
            backend: backend.name().to_owned(),
            wanted,
            verified: 0,
            reason: None,
        };
        let proven = row.prove(checkout, backend.as_ref(), clock);
        row.reason = proven.err().map(|error| format!("{error:#}"));
        eprintln!("{} random proofs on {} verified", row.verified, row.backend);
        row
    });
    rows.collect()
}

impl Random {
    fn prove(&mut self, checkout: &Checkout, backend: &dyn Backend, clock: &Clock) -> Result<()> {
        let circuit = SUBJECTS[0].ready(checkout)?;
        let (key, files) = (circuit.key()?, &circuit.artifact);
        let prepared = prepare_verifying_key(&key.verifying_key());
        let prover = Prover::new(key, backend, &files.wasm, &files.r1cs)?;
        let inputs: Vec<_> = terms::scalars(self.wanted)
            .into_iter()
            .map(powers)
            .collect();
        for inputs in inputs.chunks(RANDOM_BATCH) {
            ensure!(clock.left(1.0).is_some(), "the time was up");
            for proven in prover.prove_many(inputs) {
                let proven = proven?;
                let verified =
                    Groth16::<Bn254>::verify_proof(&prepared, &proven.proof, &proven.public)?;
                ensure!(verified, "a proof does not verify");
                self.verified += 1;
            }
        }
        Ok(())
    }
}

/// Inputs of `tests/proving/powers.circom`: any element, and bits.
fn powers(a: Fr) -> Inputs {
    let mut inputs = Inputs::new();
    let limb = a.0.0[0];
    inputs.insert("a", [a]);
    inputs.insert("bits", (0..20).map(|i| Fr::from(limb >> i & 1)));
    inputs.insert("unused", [Fr::from(12)]);
    inputs
}

/// Inputs of `tests/proving/dense.circom`: an element from which all wires are of full size.
fn dense() -> Result<Inputs> {
    let mut inputs = Inputs::new();
    inputs.insert("a", [terms::scalars(1)[0]]);
    Ok(inputs)
}
