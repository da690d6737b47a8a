//! Branches on values that depend on inputs: assertions, and ways that come together again.

use std::collections::HashSet;

use super::super::Unsupported;
use super::super::fields;
use super::super::graph::Id;
use super::super::memory::Change;
use super::super::module::Instruction;
use super::Tracer;
use super::frame::{Frame, ON_INPUTS, STACK};
use super::run::Outcome;

/// Branches within branches, of which an array's comparison has one per element.
const MAX_FORKS: usize = 1 << 8;

impl Tracer<'_> {
    /// A branch on whether a node is zero.
    pub fn fork(
        &mut self,
        frame: &mut Frame,
        code: &[Instruction],
        condition: Id,
        arms: &Arms,
    ) -> Result<Outcome, Unsupported> {
        for (arm, other, is_zero) in [
            (arms.then, arms.otherwise, true),
            (arms.otherwise, arms.then, false),
        ] {
            if self.reports(code, arm) && other.0 == other.1 {
                return self.guard(condition, is_zero);
            }
        }
        if self.forks > MAX_FORKS {
            return Err(ON_INPUTS);
        }
        self.forks += 1;
        let outcome = self.both(frame, code, condition, arms)?;
        self.end_fork();
        match outcome {
            Fork::Fell => Ok(Outcome::Fell),
            Fork::Refused => Ok(Outcome::Refused),
            Fork::Guard { is_zero } => self.guard(condition, is_zero),
        }
    }

    /// Whether an arm goes straight to a report of an error.
    fn reports(&self, code: &[Instruction], (start, stop): (usize, usize)) -> bool {
        for instruction in code.get(start..stop).unwrap_or_default() {
            match instruction {
                Instruction::Constant(_) | Instruction::Get(_) => {}
                Instruction::Call(number) if self.report.contains(number) => return true,
                Instruction::Call(number) if !fields::contains(*number) => {}
                _ => return false,
            }
        }
        false
    }

    fn guard(&mut self, value: Id, is_zero: bool) -> Result<Outcome, Unsupported> {
        if self.forks > 0 {
            return Err(Unsupported("an assertion under a condition"));
        }
        self.graph.guard(value, is_zero);
        Ok(Outcome::Fell)
    }

    fn both(
        &mut self,
        frame: &mut Frame,
        code: &[Instruction],
        condition: Id,
        arms: &Arms,
    ) -> Result<Fork, Unsupported> {
        let mark = self.memory.mark();
        let before = frame.clone();
        let first = self.arm(frame, code, arms.then)?;
        let changes = self.memory.changes(mark).into_iter();
        let held: Vec<Change> = changes.map(|change| self.memory.present(change)).collect();
        let after_first = std::mem::replace(frame, before.clone());
        self.memory.roll_back(mark);
        let second = self.arm(frame, code, arms.otherwise)?;
        match (first, second) {
            (true, true) => {
                frame.merge(&after_first)?;
                self.merge((condition, false), mark, &held)?;
                Ok(Fork::Fell)
            }
            (false, true) => Ok(Fork::Guard { is_zero: true }),
            (true, false) => {
                self.memory.roll_back(mark);
                *frame = before;
                self.arm(frame, code, arms.then)?;
                Ok(Fork::Guard { is_zero: false })
            }
            (false, false) => Ok(Fork::Refused),
        }
    }

    /// Runs one way of a branch; whether it comes to its end.
    fn arm(
        &mut self,
        frame: &mut Frame,
        code: &[Instruction],
        (start, stop): (usize, usize),
    ) -> Result<bool, Unsupported> {
        let depth = self.depth;
        frame.open(stop, false);
        let floor = std::mem::replace(&mut frame.floor, frame.labels.len());
        let outcome = self.run(frame, code, start, stop)?;
        frame.floor = floor;
        frame.labels.pop();
        self.depth = depth;
        match outcome {
            Outcome::Fell => Ok(true),
            Outcome::Refused => Ok(false),
            Outcome::Returned | Outcome::Left(_) => Err(ON_INPUTS),
        }
    }

    /// A conditional branch out of a block: either it is taken, or the rest of the block is run. The state afterwards is
    /// that at the end of the block, which both ways come to.
    pub fn exit(
        &mut self,
        frame: &mut Frame,
        code: &[Instruction],
        at: usize,
        place: usize,
        condition: (Id, bool),
    ) -> Result<(), Unsupported> {
        let label = *frame.labels.get(place).ok_or(STACK)?;
        if label.is_loop || place + 1 < frame.floor || self.forks > MAX_FORKS {
            return Err(ON_INPUTS);
        }
        self.forks += 1;
        let (mark, mut taken) = (self.memory.mark(), frame.clone());
        frame.floor = place + 1;
        let outcome = self.run(frame, code, at, label.target - 1)?;
        frame.floor = taken.floor;
        match outcome {
            Outcome::Fell => {}
            Outcome::Left(other) if other == place => {}
            _ => return Err(ON_INPUTS),
        }
        frame.labels.truncate(place + 1);
        frame.stack.truncate(label.height);
        taken.stack.truncate(label.height);
        frame.merge(&taken)?;
        self.merge(condition, mark, &[])?;
        self.end_fork();
        Ok(())
    }

    fn end_fork(&mut self) {
        self.forks -= 1;
        if self.forks == 0 {
            self.memory.end_log();
        }
    }

    /// Makes the state after both ways, from that after the second and from what the first one left. The first is taken
    /// where a node is not zero, or (second) where it is.
    fn merge(
        &mut self,
        condition: (Id, bool),
        mark: usize,
        held: &[Change],
    ) -> Result<(), Unsupported> {
        let places: HashSet<_> = held.iter().map(Change::place).collect();
        let second = self.memory.changes(mark);
        let only_second = second
            .into_iter()
            .filter(|change| !places.contains(&change.place()));
        let states = only_second.chain(held.iter().copied());
        let pairs: Vec<_> = states
            .map(|state| (state, self.memory.present(state)))
            .collect();
        for (first, second) in pairs {
            self.merge_place(condition, first, second)?;
        }
        Ok(())
    }

    fn merge_place(
        &mut self,
        condition: (Id, bool),
        first: Change,
        second: Change,
    ) -> Result<(), Unsupported> {
        match (first, second) {
            (Change::Cell(word, first), Change::Cell(_, second)) if first != second => {
                let address = word as u32 * 4;
                let first = self.memory.held(word, first, &mut self.graph)?;
                let second = self.memory.held(word, second, &mut self.graph)?;
                let id = match condition {
                    (id, false) => self.graph.select(id, first, second),
                    (id, true) => self.graph.select(id, second, first),
                };
                self.memory.set_element(address, id)
            }
            (Change::Byte(_, first), Change::Byte(_, second)) if first != second => Err(ON_INPUTS),
            _ => Ok(()),
        }
    }
}

enum Fork {
    Fell,
    Refused,
    Guard { is_zero: bool },
}

/// The two ways of a branch, each from its first instruction to the one where it ends.
pub struct Arms {
    then: (usize, usize),
    pub otherwise: (usize, usize),
    pub end: usize,
}

impl Arms {
    pub fn new(start: usize, otherwise: usize, end: usize) -> Self {
        let second = if otherwise == end { end } else { otherwise + 1 };
        Self {
            then: (start, otherwise),
            otherwise: (second, end),
            end,
        }
    }

    pub fn exchanged(self) -> Self {
        Self {
            then: self.otherwise,
            otherwise: self.then,
            end: self.end,
        }
    }
}
