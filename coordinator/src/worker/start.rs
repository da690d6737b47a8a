//! Before the first task: which lanes, and whether this machine can prove at all.

use std::sync::Arc;
use std::time::Instant;

use tokio::task::spawn_blocking;

use super::book::Book;
use super::wishes::{Wish, Wishes};
use super::{Execute, ExecuteError, WorkerError, stages};
use crate::wire::large_lane;

/// The lanes to serve, the most urgent first; those of large tasks come before all others, which fewer workers serve.
pub(super) fn lanes<E: Execute>(executor: &E, large: bool) -> Vec<String> {
    let ordinary = executor.lanes();
    let mut lanes: Vec<String> = match large {
        true => ordinary.iter().map(|lane| large_lane(lane)).collect(),
        false => Vec::new(),
    };
    lanes.extend(ordinary);
    lanes
}

/// Gets the executor ready; false if the worker is to end before that.
pub(super) async fn ready<E: Execute>(
    executor: &Arc<E>,
    book: &Book,
    wishes: &mut Wishes,
) -> Result<bool, WorkerError> {
    book.starting(Some(Instant::now()));
    let executor = executor.clone();
    let mut ready = spawn_blocking(move || stages::caught(|| executor.ready()));
    let outcome = loop {
        match wishes.now() {
            Wish::Work | Wish::Cordon => {}
            Wish::Drain | Wish::GiveBack => return Ok(false),
            Wish::Hung(hung) => return Err(WorkerError::Hung(hung.what)),
        }
        tokio::select! {
            outcome = &mut ready => break outcome,
            () = wishes.changed() => {}
        }
    };
    book.starting(None);
    match outcome {
        Ok(Ok(Ok(()))) => Ok(true),
        Ok(Ok(Err(ExecuteError::Lost(reason)))) => Err(WorkerError::Lost(reason)),
        Ok(Ok(Err(error)) | Err(error)) => Err(WorkerError::SelfTest(error.to_string())),
        Err(error) => Err(WorkerError::SelfTest(error.to_string())),
    }
}
