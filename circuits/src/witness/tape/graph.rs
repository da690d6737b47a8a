//! What the tracer records: values and how they come from inputs and constants.

use std::collections::HashMap;

use ark_bn254::Fr;
use ark_ff::{AdditiveGroup, Field, PrimeField};

use super::operation::Operation;

/// A node's number; operands have smaller ones.
pub type Id = u32;

/// A value of the calculation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Node {
    /// Place in the constants.
    Constant(u32),
    /// Place in the inputs.
    Input(u32),
    Apply(Operation, Id, Id),
    /// The bit of a value at a place below 254.
    Bit(Id, u8),
    /// The number that the lowest bits of a value are; how many, below 254.
    Low(Id, u8),
    /// Whether a value is below a power of two.
    Fits(Id, u8),
    /// Condition, value where it holds, value where not.
    Select(Id, Id, Id),
}

/// What has to hold in every calculation: that a value is zero, or that it is not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Guard {
    pub value: Id,
    pub is_zero: bool,
}

pub struct Graph {
    pub nodes: Vec<Node>,
    pub constants: Vec<Fr>,
    pub guards: Vec<Guard>,
    /// Nodes of the constants.
    known: HashMap<Fr, Id>,
    powers: Vec<Fr>,
}

impl Default for Graph {
    fn default() -> Self {
        let double = |power: &Fr| Some(power.double());
        Self {
            nodes: Vec::new(),
            constants: Vec::new(),
            guards: Vec::new(),
            known: HashMap::new(),
            powers: std::iter::successors(Some(Fr::ONE), double)
                .take(MAX_PLACES)
                .collect(),
        }
    }
}

/// Bits that a word may have so that their sum never reaches r.
const MAX_PLACES: usize = 253;

impl Graph {
    fn push(&mut self, node: Node) -> Id {
        self.nodes.push(node);
        (self.nodes.len() - 1) as Id
    }

    pub fn input(&mut self, place: u32) -> Id {
        self.push(Node::Input(place))
    }

    pub fn constant(&mut self, value: Fr) -> Id {
        if let Some(&id) = self.known.get(&value) {
            return id;
        }
        let place = self.constants.len() as u32;
        self.constants.push(value);
        let id = self.push(Node::Constant(place));
        self.known.insert(value, id);
        id
    }

    /// The value of a node that no input has a part in.
    pub fn value(&self, id: Id) -> Option<Fr> {
        match self.nodes[id as usize] {
            Node::Constant(place) => Some(self.constants[place as usize]),
            _ => None,
        }
    }

    fn is(&self, id: Id, value: Fr) -> bool {
        self.value(id) == Some(value)
    }

    /// Whether a node's value is 0 or 1 whatever the inputs.
    fn is_boolean(&self, id: Id) -> bool {
        match self.nodes[id as usize] {
            Node::Bit(..) | Node::Fits(..) => true,
            Node::Apply(operation, ..) => operation.is_boolean(),
            Node::Constant(place) => {
                let value = self.constants[place as usize];
                value == Fr::ZERO || value == Fr::ONE
            }
            _ => false,
        }
    }

    /// The node of an operation's result; `None` where it divides an integer by zero.
    pub fn apply(&mut self, operation: Operation, a: Id, b: Id) -> Option<Id> {
        if let (Some(a), Some(b)) = (self.value(a), self.value(b)) {
            return Some(self.constant(operation.apply(a, b)?));
        }
        Some(match self.simpler(operation, a, b) {
            Some(id) => id,
            None => self.push(Node::Apply(operation, a, b)),
        })
    }

    /// A node that always has the same value as an operation's result.
    fn simpler(&mut self, operation: Operation, a: Id, b: Id) -> Option<Id> {
        let (zero, one) = (Fr::ZERO, Fr::ONE);
        match operation {
            Operation::Add if self.is(a, zero) => Some(b),
            Operation::Add | Operation::Sub if self.is(b, zero) => Some(a),
            Operation::Mul if self.is(a, one) => Some(b),
            Operation::Mul if self.is(b, one) => Some(a),
            Operation::Mul if self.is(a, zero) || self.is(b, zero) => Some(self.constant(zero)),
            Operation::Mul if self.is_complement(a, b) || self.is_complement(b, a) => {
                Some(self.constant(zero))
            }
            Operation::BitAnd if self.is(b, one) => self.bit(a),
            Operation::BitAnd if self.is(a, one) => self.bit(b),
            Operation::Add => self.longer(a, b).or_else(|| self.longer(b, a)),
            Operation::Equal => self.fits(a, b).or_else(|| self.fits(b, a)),
            _ => None,
        }
    }

    /// The sum of a word's lowest bits and of the next one at its place.
    fn longer(&mut self, sum: Id, next: Id) -> Option<Id> {
        let (word, count) = match self.nodes[sum as usize] {
            Node::Low(word, count) => (word, count),
            Node::Bit(word, 0) => (word, 1),
            _ => return None,
        };
        let Node::Apply(Operation::Mul, a, b) = self.nodes[next as usize] else {
            return None;
        };
        let power = *self.powers.get(usize::from(count))?;
        let is_next =
            |bit, by| self.nodes[bit as usize] == Node::Bit(word, count) && self.is(by, power);
        (is_next(a, b) || is_next(b, a)).then(|| self.push(Node::Low(word, count + 1)))
    }

    /// Whether a word is the sum of its lowest bits.
    fn fits(&mut self, sum: Id, word: Id) -> Option<Id> {
        match self.nodes[sum as usize] {
            Node::Low(of, count) if of == word => Some(self.push(Node::Fits(word, count))),
            _ => None,
        }
    }

    /// Whether `b = a - 1` for a bit a.
    fn is_complement(&self, a: Id, b: Id) -> bool {
        let Node::Apply(Operation::Sub, c, d) = self.nodes[b as usize] else {
            return false;
        };
        a == c && self.is(d, Fr::ONE) && self.is_boolean(a)
    }

    fn bit(&mut self, word: Id) -> Option<Id> {
        if self.is_boolean(word) {
            return Some(word);
        }
        let Node::Apply(Operation::ShiftRight, of, by) = self.nodes[word as usize] else {
            return Some(self.push(Node::Bit(word, 0)));
        };
        let by = self.value(by)?.into_bigint();
        let place = u8::try_from(by.0[0]).ok().filter(|place| *place < 254)?;
        let is_small = by.0[1..].iter().all(|limb| *limb == 0);
        is_small.then(|| self.push(Node::Bit(of, place)))
    }

    /// Demands that a value is zero, or that it is not.
    pub fn guard(&mut self, value: Id, is_zero: bool) {
        let mut value = value;
        // Arrays are compared up to the first elements that differ: `c ? rest : c`.
        while let Node::Select(condition, rest, otherwise) = self.nodes[value as usize]
            && otherwise == condition
            && !is_zero
        {
            self.guards.push(Guard {
                value: condition,
                is_zero,
            });
            value = rest;
        }
        self.guards.push(Guard { value, is_zero });
    }

    /// The node of `condition ? a : b`.
    pub fn select(&mut self, condition: Id, a: Id, b: Id) -> Id {
        match self.value(condition) {
            _ if a == b => a,
            Some(value) if value == Fr::ZERO => b,
            Some(_) => a,
            None => self.push(Node::Select(condition, a, b)),
        }
    }
}
