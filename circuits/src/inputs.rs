//! The input signals of a circuit.

use ark_bn254::Fr;
use std::collections::BTreeMap;

/// Values of a circuit's input signals, by signal name; arrays are flattened row-major.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Inputs(BTreeMap<String, Vec<Fr>>);

impl Inputs {
    /// No signal assigned yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Assigns every element of signal `name`, replacing what it held.
    pub fn insert(&mut self, name: impl Into<String>, values: impl IntoIterator<Item = Fr>) {
        self.0.insert(name.into(), values.into_iter().collect());
    }

    /// The flattened values of signal `name`.
    pub fn get(&self, name: &str) -> Option<&[Fr]> {
        self.0.get(name).map(Vec::as_slice)
    }

    /// The values of signal `name`, open to change.
    pub fn get_mut(&mut self, name: &str) -> Option<&mut Vec<Fr>> {
        self.0.get_mut(name)
    }

    /// Takes over every signal of `other`, replacing those of the same name.
    pub fn extend(&mut self, other: Inputs) {
        self.0.extend(other.0);
    }

    /// Every signal in the order of names.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &[Fr])> {
        self.0
            .iter()
            .map(|(name, values)| (name.as_str(), values.as_slice()))
    }
}
