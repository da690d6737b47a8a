//! What workers return: looked at once, verified, recorded, and only then believed.

use std::time::Instant;

use super::*;
use crate::verify::VerifyError;
use crate::wire::{FailureClass, ProofBytes, clip};

/// Result messages of tasks that are being verified come again after this pause, and are then mostly superfluous.
const PAUSE: Duration = Duration::from_millis(200);
/// Most workers with strikes that are remembered.
const MAX_STRUCK: usize = 10_000;

/// The outcome of a verification.
pub(super) struct Verified {
    task: Digest,
    worker: String,
    proved: Proved,
    verify_seconds: f64,
    outcome: Result<Result<ProofBytes, VerifyError>, CoordinatorError>,
    lease: Arc<dyn Lease>,
}

/// Name of a worker as it may appear in logs and counters.
fn named(worker: &str) -> Option<&str> {
    const MAX: usize = 100;
    let word = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
    (!worker.is_empty() && worker.len() <= MAX && worker.bytes().all(word)).then_some(worker)
}

impl Core {
    pub(super) async fn take_result(
        &mut self,
        result: Result<TaskResult, WireError>,
        arrival: Arrival,
    ) -> Result<(), CoordinatorError> {
        let Arrival { key, lease } = arrival;
        let TaskResult {
            task,
            attempt,
            worker,
            outcome,
            ..
        } = match result {
            Ok(result) => result,
            Err(error) => return self.malformed(&key, &error.to_string(), lease).await,
        };
        let Some(worker) = named(&worker).map(str::to_owned) else {
            return self
                .malformed(&key, "the worker has no proper name", lease)
                .await;
        };
        if self.planner.task(&task).is_none() {
            tracing::debug!(%task, worker, "a result that nobody waits for");
            self.acknowledge(lease);
            return Ok(());
        }
        if self
            .strikes
            .get(&worker)
            .is_some_and(|strikes| *strikes >= self.config.max_strikes)
        {
            let reason = "the worker has too many strikes, its results are not looked at";
            return self
                .refuse(task, worker, (Refused::Struck, reason.into()), lease)
                .await;
        }
        match outcome {
            TaskOutcome::Proved(proved) => self.verify(task, worker, proved, lease),
            TaskOutcome::Failed { class, message } => {
                self.failed((task, worker, attempt), class, clip(&message), lease)
                    .await?;
            }
        }
        Ok(())
    }

    /// Not a result; its key may still say whose task has to be done again.
    async fn malformed(
        &mut self,
        key: &str,
        reason: &str,
        lease: Arc<dyn Lease>,
    ) -> Result<(), CoordinatorError> {
        let mut words = key.split('.');
        let task = words.next().and_then(|word| word.parse::<Digest>().ok());
        let worker = words.next().and_then(named).unwrap_or("unknown").to_owned();
        let reason = format!("malformed result: {reason}");
        match task.filter(|task| self.planner.task(task).is_some()) {
            Some(task) => {
                self.strike_and_refuse(task, worker, (Refused::Malformed, reason), lease)
                    .await
            }
            None => {
                tracing::warn!(key, reason, "result refused");
                self.refused_results += 1;
                self.report(Report::ResultRefused {
                    task,
                    kind: None,
                    worker,
                    why: Refused::Malformed,
                    reason,
                });
                self.acknowledge(lease);
                Ok(())
            }
        }
    }

    async fn failed(
        &mut self,
        (task, worker, attempt): (Digest, String, u32),
        class: FailureClass,
        message: String,
        lease: Arc<dyn Lease>,
    ) -> Result<(), CoordinatorError> {
        tracing::warn!(%task, worker, ?class, message, "task failed");
        self.report(Report::ResultRefused {
            task: Some(task),
            kind: self.kind(&task),
            worker: worker.clone(),
            why: Refused::Failed(class),
            reason: message.clone(),
        });
        // Nobody else took it since this one said so before.
        let alone = self.planner.reporters(&task).contains(&worker);
        self.handle(Event::Failed {
            task,
            worker,
            attempt,
            class,
            message,
            alone,
        })
        .await?;
        self.acknowledge(lease);
        Ok(())
    }

    /// Verifies beside the plan, records the proof if it is one, and comes back.
    fn verify(&mut self, task: Digest, worker: String, proved: Proved, lease: Arc<dyn Lease>) {
        let busy = self.verifying.contains_key(&task)
            || self.verifying.len() >= self.config.verifiers.max(1) * 4;
        let Some(wanted) = self.planner.task(&task).filter(|_| !busy) else {
            self.acks.spawn(async move {
                // Its lease runs out otherwise, to the same end.
                let _ = lease.give_back(PAUSE).await;
            });
            return;
        };
        let (key, statement) = (wanted.key, wanted.statement);
        let span = tracing::info_span!("verify", %task, place = %wanted.place);
        self.verifying.insert(task, ());
        let (verify, queue, sender) = (
            self.config.verify.clone(),
            self.queue.clone(),
            self.sender.clone(),
        );
        let work = async move {
            let started = Instant::now();
            let proof = proved.proof;
            let checked =
                tokio::task::spawn_blocking(move || verify.verify(key, statement, &proof)).await;
            let verify_seconds = started.elapsed().as_secs_f64();
            let checked = checked
                .unwrap_or_else(|e| Err(VerifyError::Malformed(format!("crashed on it: {e}"))));
            let outcome = match checked {
                Ok(()) => records::record_proof(queue.as_ref(), task, proof)
                    .await
                    .map(Ok),
                Err(error) => Ok(Err(error)),
            };
            let verified = Verified {
                task,
                worker,
                proved,
                verify_seconds,
                outcome,
                lease,
            };
            // Nobody listens after a shutdown; the result will be delivered again.
            let _ = sender.send(Message::Verified(Box::new(verified))).await;
        };
        self.acks.spawn(work.instrument(span));
    }

    pub(super) async fn take_verified(
        &mut self,
        verified: Verified,
    ) -> Result<(), CoordinatorError> {
        let Verified {
            task,
            worker,
            proved,
            verify_seconds,
            outcome,
            lease,
        } = verified;
        self.verifying.remove(&task);
        match outcome? {
            Err(error) => {
                self.strike_and_refuse(task, worker, (Refused::Invalid, error.to_string()), lease)
                    .await
            }
            Ok(proof) => {
                self.proved(task, worker, proved, verify_seconds);
                self.handle(Event::Proved { task, proof }).await?;
                self.acknowledge(lease);
                Ok(())
            }
        }
    }

    fn proved(&mut self, task: Digest, worker: String, proved: Proved, verify_seconds: f64) {
        let Some(wanted) = self.planner.task(&task) else {
            return;
        };
        let (what, epoch) = (wanted.place.to_string(), wanted.place.epoch());
        let (kind, shard) = (wanted.kind, wanted.place.shard());
        let Proved {
            circuit,
            constraints,
            witness_seconds,
            prove_seconds,
            cpu_seconds,
            gpu_seconds,
            input_bytes,
            ..
        } = proved;
        let circuit = clip(&circuit);
        tracing::info!(%task, what, worker, circuit, constraints, witness_seconds, prove_seconds, "task proved");
        self.proved_tasks += 1;
        self.report(Report::TaskProved(TaskProved {
            task,
            what,
            epoch,
            circuit,
            constraints,
            witness_seconds,
            prove_seconds,
            verify_seconds,
            kind,
            shard,
            attempt: 0,
            turnaround_seconds: 0.0,
            cpu_seconds,
            gpu_seconds,
            input_bytes,
            worker,
        }));
    }

    fn kind(&self, task: &Digest) -> Option<&'static str> {
        self.planner.task(task).map(|wanted| wanted.kind)
    }

    async fn strike_and_refuse(
        &mut self,
        task: Digest,
        worker: String,
        (why, reason): (Refused, String),
        lease: Arc<dyn Lease>,
    ) -> Result<(), CoordinatorError> {
        if self.strikes.len() < MAX_STRUCK || self.strikes.contains_key(&worker) {
            *self.strikes.entry(worker.clone()).or_default() += 1;
        }
        self.refuse(task, worker, (why, reason), lease).await
    }

    async fn refuse(
        &mut self,
        task: Digest,
        worker: String,
        (why, reason): (Refused, String),
        lease: Arc<dyn Lease>,
    ) -> Result<(), CoordinatorError> {
        let strikes = self.strikes.get(&worker).copied().unwrap_or_default();
        tracing::warn!(%task, worker, strikes, reason, "result refused");
        self.refused_results += 1;
        self.report(Report::ResultRefused {
            task: Some(task),
            kind: self.kind(&task),
            worker: worker.clone(),
            why,
            reason,
        });
        let offers = self.planner.task(&task).map_or(0, |wanted| wanted.offers);
        self.handle(Event::Refused {
            task,
            worker,
            attempt: offers.saturating_sub(1),
        })
        .await?;
        self.acknowledge(lease);
        Ok(())
    }
}
