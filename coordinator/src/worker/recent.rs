//! The newest proofs of this worker, for tasks that come again because a sign of their end got lost: they are reported again
//! and not proven again. No IO.

use std::collections::VecDeque;

use crate::Digest;
use crate::wire::TaskOutcome;

/// Proofs that are remembered; a queue that delivers a finished task again does so within moments.
const MAX_RECENT: usize = 256;

#[derive(Default)]
pub(super) struct Recent(VecDeque<((Digest, u32), TaskOutcome)>);

impl Recent {
    /// Keeps the proof of an offer; a failure is worth another try.
    pub fn keep(&mut self, offer: (Digest, u32), outcome: &TaskOutcome) {
        if let TaskOutcome::Failed { .. } = outcome {
            return;
        }
        self.0.truncate(MAX_RECENT - 1);
        self.0.push_front((offer, outcome.clone()));
    }

    /// The proof that was made for this offer. A later one says that the proof was not taken, so it is made anew.
    pub fn find(&self, (task, attempt): (Digest, u32)) -> Option<TaskOutcome> {
        let same = |((other, made), _): &&(_, _)| *other == task && *made >= attempt;
        self.0.iter().find(same).map(|(_, outcome)| outcome.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::{FailureClass, ProofBytes, Proved};

    fn proved(first: u8) -> TaskOutcome {
        let mut proof = [0; 128];
        proof[0] = first;
        TaskOutcome::Proved(Proved {
            proof: ProofBytes(proof),
            circuit: "c".into(),
            constraints: 1,
            witness_seconds: 0.0,
            prove_seconds: 0.0,
            cpu_seconds: 0.0,
            gpu_seconds: 0.0,
            input_bytes: 0,
        })
    }

    #[test]
    fn a_proof_is_found_for_its_offer_and_not_for_a_later_one() {
        let (mut recent, task) = (Recent::default(), Digest::of(b"task"));
        assert_eq!(recent.find((task, 0)), None);
        recent.keep((task, 3), &proved(1));
        assert_eq!(recent.find((task, 2)), Some(proved(1)));
        assert_eq!(recent.find((task, 3)), Some(proved(1)));
        assert_eq!(recent.find((task, 4)), None);
        assert_eq!(recent.find((Digest::of(b"other"), 3)), None);
    }

    #[test]
    fn failures_are_forgotten_and_so_are_old_proofs() {
        let (mut recent, task) = (Recent::default(), Digest::of(b"task"));
        let (class, message) = (FailureClass::Worker, String::new());
        recent.keep((task, 0), &TaskOutcome::Failed { class, message });
        assert_eq!(recent.find((task, 0)), None);
        recent.keep((task, 0), &proved(1));
        for number in 0..2 * MAX_RECENT as u64 {
            recent.keep((Digest::of(&number.to_le_bytes()), 0), &proved(2));
        }
        assert_eq!((recent.find((task, 0)), recent.0.len()), (None, MAX_RECENT));
    }
}
