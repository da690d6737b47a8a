//! What a function of the wasm works on while it is traced: locals, a stack, the blocks it is in.

use super::super::Unsupported;
use super::super::graph::Id;
use super::super::module::{Binary, Unary};

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Value {
    Number(u64),
    /// Whether a node is not zero, or (second) is.
    Flag(Id, bool),
    /// What two ways of a branch left different.
    Either,
}
pub const ON_INPUTS: Unsupported = Unsupported("control flow depends on inputs");
pub const STACK: Unsupported = Unsupported("malformed code");

#[derive(Clone)]
pub struct Frame {
    pub locals: Vec<Value>,
    pub stack: Vec<Value>,
    pub labels: Vec<Label>,
    /// Labels that belong to what an arm of a fork is part of.
    pub floor: usize,
}

#[derive(Clone, Copy)]
pub struct Label {
    /// Where a branch goes on.
    pub target: usize,
    pub is_loop: bool,
    pub height: usize,
}

impl Frame {
    pub fn pop(&mut self) -> Result<Value, Unsupported> {
        self.stack.pop().ok_or(STACK)
    }

    pub fn number(&mut self) -> Result<u64, Unsupported> {
        match self.pop()? {
            Value::Number(number) => Ok(number),
            Value::Flag(..) | Value::Either => Err(ON_INPUTS),
        }
    }

    pub fn push(&mut self, number: u64) {
        self.stack.push(Value::Number(number));
    }

    pub fn open(&mut self, target: usize, is_loop: bool) {
        let height = self.stack.len();
        self.labels.push(Label {
            target,
            is_loop,
            height,
        });
    }

    /// The place of the label that a branch out of `depth` blocks goes to.
    pub fn label(&self, depth: u32) -> Result<usize, Unsupported> {
        self.labels
            .len()
            .checked_sub(1 + depth as usize)
            .ok_or(STACK)
    }

    /// Leaves the blocks within a label, and gives where it goes on.
    pub fn leave(&mut self, place: usize) -> usize {
        let label = self.labels[place];
        self.labels.truncate(place + usize::from(label.is_loop));
        self.stack.truncate(label.height);
        label.target
    }

    /// Keeps what is the same in another state, which another way of a branch led to.
    pub fn merge(&mut self, other: &Frame) -> Result<(), Unsupported> {
        if self.stack.len() != other.stack.len() {
            return Err(STACK);
        }
        let own = self.stack.iter_mut().chain(&mut self.locals);
        for (own, other) in own.zip(other.stack.iter().chain(&other.locals)) {
            if own != other {
                *own = Value::Either;
            }
        }
        Ok(())
    }
}

pub fn apply_unary(unary: Unary, value: Value) -> Result<Value, Unsupported> {
    Ok(match (unary, value) {
        (Unary::IsZero32, Value::Flag(id, is_negated)) => Value::Flag(id, !is_negated),
        (_, Value::Flag(..) | Value::Either) => return Err(ON_INPUTS),
        (Unary::IsZero32, Value::Number(number)) => Value::Number((number as u32 == 0).into()),
        (Unary::IsZero64, Value::Number(number)) => Value::Number((number == 0).into()),
        (Unary::Wrap | Unary::Extend, Value::Number(number)) => {
            Value::Number((number as u32).into())
        }
    })
}

pub fn apply_binary(binary: Binary, first: u64, second: u64) -> u64 {
    let (a, b) = (first as u32, second as u32);
    match binary {
        Binary::Add32 => a.wrapping_add(b).into(),
        Binary::Sub32 => a.wrapping_sub(b).into(),
        Binary::Mul32 => a.wrapping_mul(b).into(),
        Binary::And32 => (a & b).into(),
        Binary::Or32 => (a | b).into(),
        Binary::ShiftLeft32 => a.wrapping_shl(b).into(),
        Binary::ShiftRight32 => a.wrapping_shr(b).into(),
        Binary::Equal32 => (a == b).into(),
        Binary::NotEqual32 => (a != b).into(),
        Binary::Less32 => (a < b).into(),
        Binary::Greater32 => (a > b).into(),
        Binary::AtLeast32 => (a >= b).into(),
        Binary::Or64 => first | second,
        Binary::ShiftLeft64 => first.wrapping_shl(second as u32),
        Binary::Equal64 => (first == second).into(),
    }
}
