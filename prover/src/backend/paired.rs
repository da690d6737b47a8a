//! Two backends on the same witnesses: an answer is what both say.

use std::sync::Arc;
use std::{panic, thread};

use ark_bn254::Fr;
use ark_ec::CurveGroup;

use super::{Backend, BackendError, Commitments, LoadedKey, check_count};
use crate::key::ProvingKey;

/// Runs two backends side by side and refuses to answer when they differ.
pub struct Paired {
    name: String,
    backends: [Arc<dyn Backend>; 2],
}

impl Paired {
    pub fn new(first: Arc<dyn Backend>, second: Arc<dyn Backend>) -> Self {
        Self {
            name: format!("paired:{},{}", first.name(), second.name()),
            backends: [first, second],
        }
    }
}

impl Backend for Paired {
    fn name(&self) -> &str {
        &self.name
    }

    fn load(&self, key: Arc<ProvingKey>) -> Result<Box<dyn LoadedKey>, BackendError> {
        let [first, second] = &self.backends;
        Ok(Box::new(PairedKey {
            names: [first, second].map(|backend| backend.name().to_owned()),
            first: first.load(key.clone())?,
            second: second.load(key)?,
        }))
    }
}

struct PairedKey {
    names: [String; 2],
    first: Box<dyn LoadedKey>,
    second: Box<dyn LoadedKey>,
}

impl LoadedKey for PairedKey {
    /// Takes as long as the slower of the two.
    fn commit(&self, witnesses: &[&[Fr]]) -> Result<Vec<Commitments>, BackendError> {
        let (first, second) = thread::scope(|scope| {
            let second = scope.spawn(|| self.second.commit(witnesses));
            let first = self.first.commit(witnesses);
            (first, second.join())
        });
        let second = second.unwrap_or_else(|panic| panic::resume_unwind(panic));
        self.agreed(first?, &second?, witnesses.len())
    }

    fn batch_limit(&self) -> usize {
        self.first.batch_limit().max(self.second.batch_limit())
    }
}

impl PairedKey {
    fn agreed(
        &self,
        first: Vec<Commitments>,
        second: &[Commitments],
        expected: usize,
    ) -> Result<Vec<Commitments>, BackendError> {
        for (name, found) in self.names.iter().zip([&first[..], second]) {
            check_count(name, expected, found)?;
        }
        let mut pairs = first.iter().zip(second).enumerate();
        match pairs.find_map(|(witness, (first, second))| self.difference(witness, first, second)) {
            Some(difference) => Err(difference),
            None => Ok(first),
        }
    }

    fn difference(
        &self,
        witness: usize,
        first: &Commitments,
        second: &Commitments,
    ) -> Option<BackendError> {
        let differ = |commitment, first_says, second_says| {
            let [first, second] = self.names.clone();
            BackendError::Differ {
                witness,
                commitment,
                first,
                first_says,
                second,
                second_says,
            }
        };
        let g1 = [
            ("a", first.a, second.a),
            ("b_g1", first.b_g1, second.b_g1),
            ("h", first.h, second.h),
            ("l", first.l, second.l),
        ];
        let mut g1 = g1.into_iter().filter(|(_, first, second)| first != second);
        if let Some((name, first, second)) = g1.next() {
            return Some(differ(name, said(first), said(second)));
        }
        let differs = first.b_g2 != second.b_g2;
        differs.then(|| differ("b_g2", said(first.b_g2), said(second.b_g2)))
    }
}

fn said<P: CurveGroup>(point: P) -> String {
    point.into_affine().to_string()
}
