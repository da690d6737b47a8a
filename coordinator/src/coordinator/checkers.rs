//! Threads that check proofs and snapshots: each takes the next check once it is done with one.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::thread;

use tokio::sync::mpsc as inbox;

use crate::core::Input;

/// A check, and what to tell the core about it.
type Check = Box<dyn FnOnce() -> Input + Send>;

/// The threads of a term. They end with the one that they tell, or once nobody can hand them anything more.
pub(super) struct Checkers(mpsc::Sender<Check>);

impl Checkers {
    /// `count` threads, at least one, that tell `inbox`.
    pub fn start(count: usize, inbox: &inbox::Sender<Input>) -> Self {
        let (checks, waiting) = mpsc::channel::<Check>();
        let waiting = Arc::new(Mutex::new(waiting));
        for _ in 0..count.max(1) {
            let (waiting, inbox) = (waiting.clone(), inbox.clone());
            thread::spawn(move || {
                while let Some(check) = next(&waiting) {
                    // Nobody listens at the end of a term: what is checked will be delivered again.
                    if inbox.blocking_send(check()).is_err() {
                        break;
                    }
                }
            });
        }
        Self(checks)
    }

    pub fn check(&self, check: impl FnOnce() -> Input + Send + 'static) {
        // The threads are gone at the end of a term.
        let _ = self.0.send(Box::new(check));
    }
}

fn next(waiting: &Mutex<mpsc::Receiver<Check>>) -> Option<Check> {
    let waiting = waiting.lock().unwrap_or_else(PoisonError::into_inner);
    waiting.recv().ok()
}

/// What `check` says; if it panics, why.
pub(super) fn caught<T>(check: impl FnOnce() -> T) -> Result<T, String> {
    catch_unwind(AssertUnwindSafe(check)).map_err(|panic| reason(panic.as_ref()).to_owned())
}

fn reason(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    let owned = panic.downcast_ref::<String>().map(String::as_str);
    text.or(owned).unwrap_or("without a word")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(flavor = "multi_thread")]
    async fn every_check_is_told_and_a_panic_ends_no_thread() {
        let (inbox, mut told) = inbox::channel(1);
        let checkers = Checkers::start(2, &inbox);
        for epoch in 0..100 {
            checkers.check(move || {
                let crashed = caught(|| assert_ne!(epoch % 10, 0, "a tenth"));
                assert_eq!(crashed.is_err(), epoch % 10 == 0);
                Input::Published { epoch }
            });
        }
        let mut epochs = Vec::new();
        for _ in 0..100 {
            if let Some(Input::Published { epoch }) = told.recv().await {
                epochs.push(epoch);
            }
        }
        epochs.sort_unstable();
        assert_eq!(epochs, (0..100).collect::<Vec<u64>>());
    }

    #[test]
    fn the_reason_of_a_panic_is_kept() {
        assert_eq!(caught(|| panic!("so")), Err::<(), _>("so".into()));
        assert_eq!(caught(|| panic!("so {}", 1)), Err::<(), _>("so 1".into()));
        assert_eq!(caught(|| 7), Ok(7));
    }
}
