//! What workers return: looked at once, verified, recorded, and only then believed.

use super::costs::{Cost, reasonable};
use super::workers::name_of;
use super::{Core, Effect, Entry, Token};
use crate::Digest;
use crate::coordinator::{Refused, Report, Requeue, TaskProved};
use crate::plan::Event;
use crate::wire::{FailureClass, Proved, TaskOutcome, TaskResult, clip};

/// A result of a task that is being verified comes again after this pause, and is then mostly superfluous.
const BUSY_PAUSE_MS: u64 = 200;
/// Proofs of the last minute are counted over it, in milliseconds.
const MINUTE_MS: u64 = 60_000;

/// A result whose proof is being verified.
pub(super) struct Checking {
    token: Token,
    worker: String,
    attempt: u32,
    proved: Proved,
}

/// Who returned what: task, worker and the worker's attempt.
struct Source {
    token: Token,
    task: Digest,
    worker: String,
    attempt: u32,
}

impl Core {
    pub(super) fn result(
        &mut self,
        now: u64,
        token: Token,
        key: &str,
        result: Result<TaskResult, String>,
    ) {
        let result = match result {
            Ok(result) => result,
            Err(error) => return self.malformed(now, token, key, &error),
        };
        let TaskResult {
            task,
            attempt,
            worker,
            outcome,
            ..
        } = result;
        // Whose results may come under this key is the queue's to say: nobody speaks for another worker.
        if key.split('.').next() != name_of(&worker) {
            return self.malformed(
                now,
                token,
                key,
                "it is not of the worker that its key names",
            );
        }
        if self.planner.task(&task).is_none() {
            tracing::debug!(%task, worker, "a result that nobody waits for");
            return self.effect(Effect::Done(token));
        }
        let source = Source {
            token,
            task,
            worker,
            attempt,
        };
        if self.recorded.cordoned.contains(&source.worker) {
            let reason = "the worker is cordoned, its results are not looked at";
            return self.refuse(now, source, Refused::Struck, reason.into());
        }
        match outcome {
            TaskOutcome::Proved(proved) => self.verify(now, source, proved),
            TaskOutcome::Failed { class, message } => {
                self.failed(now, source, class, clip(&message))
            }
        }
    }

    /// Not a result; its key may still say whose task has to be done again.
    fn malformed(&mut self, now: u64, token: Token, key: &str, reason: &str) {
        let mut words = key.split('.');
        let worker = words.next().and_then(name_of).unwrap_or("unknown");
        let task = words.next().and_then(|word| word.parse::<Digest>().ok());
        let worker = worker.to_owned();
        let reason = clip(&format!("malformed result: {reason}"));
        if let Some(task) = task.filter(|task| self.planner.task(task).is_some()) {
            self.strike(&worker);
            let source = Source {
                token,
                task,
                worker,
                attempt: 0,
            };
            return self.refuse(now, source, Refused::Malformed, reason);
        }
        self.refused_results += 1;
        self.tell_refused(task, &worker, Refused::Malformed, reason);
        self.effect(Effect::Done(token));
    }

    fn tell_refused(&mut self, task: Option<Digest>, worker: &str, why: Refused, reason: String) {
        let wanted = task.and_then(|task| self.planner.task(&task));
        let kind = wanted.map(|wanted| wanted.kind);
        self.report(Report::ResultRefused {
            task,
            kind,
            worker: worker.to_owned(),
            why,
            reason,
        });
    }

    /// A proof counts whenever it comes, whoever holds the task now.
    fn verify(&mut self, now: u64, source: Source, proved: Proved) {
        let Source {
            token,
            task,
            worker,
            attempt,
        } = source;
        let Some(wanted) = self
            .planner
            .task(&task)
            .filter(|_| !self.checking.contains_key(&task))
        else {
            return self.effect(Effect::GiveBack {
                token,
                delay_ms: BUSY_PAUSE_MS,
            });
        };
        let (key, statement) = (wanted.key, wanted.statement);
        let trace = self
            .offered
            .get(&task)
            .and_then(|offer| offer.trace.clone());
        let proof = proved.proof;
        self.checking.insert(
            task,
            Checking {
                token,
                worker,
                attempt,
                proved,
            },
        );
        self.effect(Effect::Verify {
            task,
            key,
            statement,
            proof,
            trace,
        });
        self.plan(now, Event::Heard { task });
    }

    pub(super) fn verified(
        &mut self,
        now: u64,
        task: Digest,
        refusal: Option<String>,
        seconds: f64,
    ) {
        let Some(checking) = self.checking.remove(&task) else {
            return;
        };
        let Checking {
            token,
            worker,
            attempt,
            proved,
        } = checking;
        if self.planner.task(&task).is_none() {
            return self.effect(Effect::Done(token));
        }
        match refusal {
            Some(reason) => {
                self.strike(&worker);
                let source = Source {
                    token,
                    task,
                    worker,
                    attempt,
                };
                self.refuse(now, source, Refused::Invalid, clip(&reason));
            }
            None => {
                self.proved(now, task, worker, proved, seconds);
                self.effect(Effect::Done(token));
            }
        }
    }

    fn proved(
        &mut self,
        now: u64,
        task: Digest,
        worker: String,
        proved: Proved,
        verify_seconds: f64,
    ) {
        let Some(wanted) = self.planner.task(&task) else {
            return;
        };
        let (kind, what, epoch) = (wanted.kind, wanted.place.to_string(), wanted.place.epoch());
        let (shard, snapshot) = wanted.place.snapshot().unzip();
        let proof = proved.proof;
        self.record(Entry::Proved {
            task,
            snapshot,
            epoch,
            proof,
            cost: Cost::of(&proved),
        });
        self.count_proof(now);
        let offer = self.offered.remove(&task);
        let turnaround_ms = offer
            .as_ref()
            .map_or(0, |offer| now.saturating_sub(offer.at));
        self.report(Report::TaskProved(TaskProved {
            task,
            kind,
            shard,
            attempt: offer.map_or(0, |offer| offer.attempt),
            what,
            epoch,
            circuit: clip(&proved.circuit),
            constraints: proved.constraints,
            witness_seconds: reasonable(proved.witness_seconds),
            prove_seconds: reasonable(proved.prove_seconds),
            verify_seconds,
            turnaround_seconds: turnaround_ms as f64 / 1e3,
            cpu_seconds: reasonable(proved.cpu_seconds),
            gpu_seconds: reasonable(proved.gpu_seconds),
            input_bytes: proved.input_bytes,
            worker,
        }));
        self.plan(now, Event::Proved { task, proof });
    }

    fn count_proof(&mut self, now: u64) {
        self.proved_tasks += 1;
        // By second, so that it stays small at any pace.
        let second = now / 1000;
        match self.proved_at.back_mut() {
            Some((at, count)) if *at == second => *count += 1,
            _ => self.proved_at.push_back((second, 1)),
        }
        let oldest = now.saturating_sub(MINUTE_MS) / 1000;
        while self.proved_at.front().is_some_and(|(at, _)| *at < oldest) {
            self.proved_at.pop_front();
        }
    }

    /// A failure is believed only of the offer that counts; one of an earlier leader's is not.
    fn failed(&mut self, now: u64, source: Source, class: FailureClass, message: String) {
        let Source {
            token,
            task,
            worker,
            attempt,
        } = source;
        self.tell_refused(Some(task), &worker, Refused::Failed(class), message.clone());
        if let Some(attempt) = self.attempt_of_ours(attempt) {
            let alone = self.is_alone(now, &task, &worker);
            self.because(&task, Requeue::Failed);
            self.plan(
                now,
                Event::Failed {
                    task,
                    worker,
                    attempt,
                    class,
                    message,
                    alone,
                },
            );
        }
        self.effect(Effect::Done(token));
    }

    fn refuse(&mut self, now: u64, source: Source, why: Refused, reason: String) {
        let Source {
            token,
            task,
            worker,
            attempt,
        } = source;
        self.refused_results += 1;
        self.tell_refused(Some(task), &worker, why, reason);
        self.because(&task, Requeue::Refused);
        let attempt = self.attempt_of_ours(attempt).unwrap_or(0);
        self.plan(
            now,
            Event::Refused {
                task,
                worker,
                attempt,
            },
        );
        self.effect(Effect::Done(token));
    }

    /// Holds something wrong against a worker; too much of it, and it is cordoned.
    pub(super) fn strike(&mut self, worker: &str) {
        self.record(Entry::Struck {
            worker: worker.to_owned(),
        });
        let strikes = self
            .recorded
            .strikes
            .get(worker)
            .copied()
            .unwrap_or_default();
        if strikes >= self.config.max_strikes && !self.recorded.cordoned.contains(worker) {
            self.cordon(worker);
        }
    }
}
