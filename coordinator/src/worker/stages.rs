//! The two stages of a task on blocking threads: whatever the executor does, every task gets an answer.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use tokio::runtime::Handle;

use super::{Execute, ExecuteError};
use crate::Digest;
use crate::artifacts::fetch;
use crate::queue::Queue;
use crate::wire::{MAX_INPUT_BYTES, Proved, Task};

/// Makes a task's witness; gives the bytes that were fetched for it, too.
pub(super) fn prepare<E: Execute>(
    queue: &Arc<dyn Queue>,
    executor: &E,
    task: &Task,
    runtime: &Handle,
) -> (Result<E::Prepared, ExecuteError>, u64) {
    let fetched = Cell::new(0);
    let fetch = |digest: &Digest| {
        let bytes = runtime.block_on(fetch(queue.artifacts(), digest, MAX_INPUT_BYTES))?;
        fetched.set(fetched.get() + bytes.len() as u64);
        Ok(bytes)
    };
    let prepared = caught(|| executor.prepare(task, &fetch)).unwrap_or_else(Err);
    (prepared, fetched.get())
}

/// Proves a batch. One that fails as a whole is halved, so that a task which breaks the prover, or a batch too large for
/// it, costs no other task its proof.
pub(super) fn prove<E: Execute>(
    executor: &E,
    batch: &[E::Prepared],
) -> Vec<Result<Proved, ExecuteError>> {
    let outcomes = attempt(executor, batch);
    let here = |outcome: &Result<_, _>| {
        matches!(
            outcome,
            Err(ExecuteError::Worker(_) | ExecuteError::Memory(_))
        )
    };
    if batch.len() < 2 || !outcomes.iter().all(here) {
        return outcomes;
    }
    tracing::warn!(
        tasks = batch.len(),
        "no task of the batch was proven: it is halved"
    );
    let (left, right) = batch.split_at(batch.len() / 2);
    let mut outcomes = prove(executor, left);
    outcomes.extend(prove(executor, right));
    outcomes
}

fn attempt<E: Execute>(executor: &E, batch: &[E::Prepared]) -> Vec<Result<Proved, ExecuteError>> {
    let error = match caught(|| executor.prove(batch)) {
        Ok(outcomes) if outcomes.len() == batch.len() => return outcomes,
        Ok(outcomes) => ExecuteError::Worker(format!(
            "the prover gave {} answers to {} tasks",
            outcomes.len(),
            batch.len()
        )),
        Err(error) => error,
    };
    batch.iter().map(|_| Err(error.clone())).collect()
}

pub(super) fn caught<T>(work: impl FnOnce() -> T) -> Result<T, ExecuteError> {
    catch_unwind(AssertUnwindSafe(work)).map_err(|panic| {
        let text = panic.downcast_ref::<&str>().copied();
        let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
        ExecuteError::Worker(format!(
            "the prover panicked: {}",
            text.unwrap_or("no message")
        ))
    })
}
