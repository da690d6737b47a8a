//! Runs a circuit's wasm on inputs without values, and records what becomes of them.
//!
//! Everything that does not depend on an input is carried out, so that loops and addresses are gone; an operation on
//! inputs becomes a node. A branch on a value that depends on inputs is either an assertion, one of whose ways reports an
//! error, and becomes a guard; or both ways are run and each element that they leave different becomes a selection.
//! What fits neither is unsupported: nothing is guessed.

use std::collections::HashSet;

use super::Unsupported;
use super::fields::{self, Task};
use super::graph::{Graph, Id};
use super::memory::{CELL_BYTES, Change, Memory};
use super::module::{Binary, Function, Instruction, Module, Unary};
use super::operation::{Operation, is_true, to_address};
use ark_bn254::Fr;
use ark_ff::Field;

/// More instructions than any circuit of a provable size takes.
const MAX_STEPS: u64 = 1 << 34;
const MAX_DEPTH: usize = 1 << 8;
/// Branches within branches, of which an array's comparison has one per element.
const MAX_FORKS: usize = 1 << 8;
const MAX_INPUTS: usize = 1 << 24;
const MAX_WIRES: usize = 1 << 28;
/// The wasm's map from hashes of names to signals: entries and bytes of one.
const MAP_ENTRIES: u32 = 256;
const MAP_ENTRY_BYTES: u32 = 16;

/// A calculation as a graph.
pub struct Trace {
    pub graph: Graph,
    pub signals: Vec<Signal>,
    /// The node of every wire.
    pub wires: Vec<Id>,
}

/// An input signal: its values are the inputs `start..start + size`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Signal {
    /// Hash of the name.
    pub hash: u64,
    pub start: u32,
    pub size: u32,
}

/// Traces a witness calculator.
pub fn trace(module: &Module) -> Result<Trace, Unsupported> {
    fields::check(module)?;
    let mut tracer = Tracer::new(module)?;
    tracer.call_number("init", &[0])?;
    let signals = tracer.signals()?;
    tracer.set_inputs(&signals)?;
    let wires = tracer.wires()?;
    Ok(Trace {
        graph: tracer.graph,
        signals,
        wires,
    })
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Value {
    Number(u64),
    /// Whether a node is not zero, or (second) is.
    Flag(Id, bool),
    /// What two ways of a branch left different.
    Either,
}

/// How a piece of code ends.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Outcome {
    Fell,
    Returned,
    /// An error was reported.
    Refused,
    /// By a branch to a label that is not the code's own.
    Left(usize),
}

struct Tracer<'a> {
    module: &'a Module,
    memory: Memory,
    graph: Graph,
    /// Address of the element that inputs and outputs go through.
    mailbox: u32,
    report: Vec<u32>,
    steps: u64,
    depth: usize,
    forks: usize,
}

#[derive(Clone)]
struct Frame {
    locals: Vec<Value>,
    stack: Vec<Value>,
    labels: Vec<Label>,
    /// Labels that belong to what an arm of a fork is part of.
    floor: usize,
}

#[derive(Clone, Copy)]
struct Label {
    /// Where a branch goes on.
    target: usize,
    is_loop: bool,
    height: usize,
}

const ON_INPUTS: Unsupported = Unsupported("control flow depends on inputs");
const STACK: Unsupported = Unsupported("malformed code");

impl Frame {
    fn pop(&mut self) -> Result<Value, Unsupported> {
        self.stack.pop().ok_or(STACK)
    }

    fn number(&mut self) -> Result<u64, Unsupported> {
        match self.pop()? {
            Value::Number(number) => Ok(number),
            Value::Flag(..) | Value::Either => Err(ON_INPUTS),
        }
    }

    fn push(&mut self, number: u64) {
        self.stack.push(Value::Number(number));
    }

    fn open(&mut self, target: usize, is_loop: bool) {
        let height = self.stack.len();
        self.labels.push(Label {
            target,
            is_loop,
            height,
        });
    }

    /// The place of the label that a branch out of `depth` blocks goes to.
    fn label(&self, depth: u32) -> Result<usize, Unsupported> {
        self.labels
            .len()
            .checked_sub(1 + depth as usize)
            .ok_or(STACK)
    }

    /// Leaves the blocks within a label, and gives where it goes on.
    fn leave(&mut self, place: usize) -> usize {
        let label = self.labels[place];
        self.labels.truncate(place + usize::from(label.is_loop));
        self.stack.truncate(label.height);
        label.target
    }

    /// Keeps what is the same in another state, which another way of a branch led to.
    fn merge(&mut self, other: &Frame) -> Result<(), Unsupported> {
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

impl<'a> Tracer<'a> {
    fn new(module: &'a Module) -> Result<Self, Unsupported> {
        let mut memory = Memory::default();
        memory.grow(module.pages as usize)?;
        for (address, bytes) in &module.data {
            memory.init(*address, bytes)?;
        }
        let imports = (0..).zip(&module.imports);
        let reports = |name: &String| matches!(&**name, "printErrorMessage" | "exceptionHandler");
        let mut tracer = Self {
            module,
            memory,
            graph: Graph::default(),
            mailbox: 0,
            report: imports
                .filter(|(_, name)| reports(name))
                .map(|(number, _)| number)
                .collect(),
            steps: 0,
            depth: 0,
            forks: 0,
        };
        let start = tracer.call_number("getSharedRWMemoryStart", &[])?;
        tracer.mailbox = start.checked_sub(8).ok_or(STACK)?;
        Ok(tracer)
    }

    /// Calls an exported function on integers.
    fn call_number(&mut self, name: &'static str, args: &[u32]) -> Result<u32, Unsupported> {
        let number = self.module.export(name)?;
        let mut frame = Frame {
            locals: Vec::new(),
            stack: args.iter().map(|&arg| Value::Number(arg.into())).collect(),
            labels: Vec::new(),
            floor: 0,
        };
        match self.call(number, &mut frame)? {
            Outcome::Refused => Err(Unsupported("every input is refused")),
            _ if frame.stack.is_empty() => Ok(0),
            _ => Ok(frame.number()? as u32),
        }
    }

    /// The input signals, from the map that `getInputSignalSize` looks names up in.
    fn signals(&mut self) -> Result<Vec<Signal>, Unsupported> {
        let base = self.map()?;
        let mut signals = Vec::new();
        let mut start = 0;
        for entry in 0..MAP_ENTRIES {
            let at = (base + entry * MAP_ENTRY_BYTES) as usize;
            let hash = self.memory.load(at, 8)?;
            let size = self.memory.load(at + 12, 4)? as u32;
            if hash != 0 {
                signals.push(Signal { hash, start, size });
                start += size;
            }
        }
        let count = self.call_number("getInputSize", &[])?;
        match count == start && start as usize <= MAX_INPUTS {
            true => Ok(signals),
            false => Err(Unsupported("the map of input signals")),
        }
    }

    /// Address of the map: the constant that entries are counted from.
    fn map(&self) -> Result<u32, Unsupported> {
        let size = self
            .module
            .function(self.module.export("getInputSignalSize")?)?;
        let lookup = size.code.iter().find_map(|instruction| match instruction {
            Instruction::Call(number) => Some(*number),
            _ => None,
        });
        let code = &self.module.function(lookup.ok_or(STACK)?)?.code;
        let entry = Instruction::Constant(MAP_ENTRY_BYTES.into());
        let base = code.windows(3).find_map(|window| match *window {
            [Instruction::Constant(base), Instruction::Get(_), by] if by == entry => Some(base),
            _ => None,
        });
        base.map(|base| base as u32)
            .ok_or(Unsupported("the map of input signals"))
    }

    /// Hands over an input without a value for every place; the last one sets the circuit going.
    fn set_inputs(&mut self, signals: &[Signal]) -> Result<(), Unsupported> {
        for signal in signals {
            for index in 0..signal.size {
                let input = self.graph.input(signal.start + index);
                self.memory.set_element(self.mailbox, input)?;
                let (high, low) = ((signal.hash >> 32) as u32, signal.hash as u32);
                self.call_number("setInputSignal", &[high, low, index])?;
            }
        }
        Ok(())
    }

    fn wires(&mut self) -> Result<Vec<Id>, Unsupported> {
        let count = self.call_number("getWitnessSize", &[])?;
        if count as usize > MAX_WIRES {
            return Err(Unsupported("too many wires"));
        }
        let mut wires = Vec::with_capacity(count as usize);
        for wire in 0..count {
            self.call_number("getWitness", &[wire])?;
            wires.push(self.memory.element(self.mailbox, &mut self.graph)?);
        }
        Ok(wires)
    }

    /// Calls a function on what the caller's stack holds.
    fn call(&mut self, number: u32, caller: &mut Frame) -> Result<Outcome, Unsupported> {
        if let Some(task) = fields::task(number) {
            return self.field(task, caller);
        }
        if (number as usize) < self.module.imports.len() {
            return Ok(match self.report.contains(&number) {
                true => Outcome::Refused,
                false => Outcome::Fell,
            });
        }
        let module = self.module;
        let function = module.function(number)?;
        let first = caller
            .stack
            .len()
            .checked_sub(function.params)
            .ok_or(STACK)?;
        let mut locals = caller.stack.split_off(first);
        locals.resize(function.locals, Value::Number(0));
        self.enter(function, locals, caller)
    }

    fn enter(
        &mut self,
        function: &Function,
        locals: Vec<Value>,
        caller: &mut Frame,
    ) -> Result<Outcome, Unsupported> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(Unsupported("too many nested calls"));
        }
        let mut frame = Frame {
            locals,
            stack: Vec::new(),
            labels: Vec::new(),
            floor: 0,
        };
        let end = function.code.len().saturating_sub(1);
        let outcome = self.run(&mut frame, &function.code, 0, end)?;
        self.depth -= 1;
        let first = frame.stack.len().checked_sub(function.results);
        match outcome {
            Outcome::Refused => return Ok(Outcome::Refused),
            Outcome::Left(_) => return Err(STACK),
            _ => caller
                .stack
                .extend(frame.stack.drain(first.ok_or(STACK)?..)),
        }
        Ok(Outcome::Fell)
    }

    /// Runs code up to `stop`, which it does not carry out.
    fn run(
        &mut self,
        frame: &mut Frame,
        code: &[Instruction],
        mut at: usize,
        stop: usize,
    ) -> Result<Outcome, Unsupported> {
        while at != stop {
            self.steps += 1;
            if self.steps > MAX_STEPS {
                return Err(Unsupported("too many steps"));
            }
            let instruction = *code.get(at).ok_or(STACK)?;
            at += 1;
            match instruction {
                Instruction::Block { end } => frame.open(end as usize + 1, false),
                Instruction::Loop => frame.open(at, true),
                Instruction::If { otherwise, end } => {
                    let arms = Arms::new(at, otherwise as usize, end as usize);
                    match frame.pop()? {
                        Value::Number(condition) => {
                            frame.open(arms.end + 1, false);
                            if condition as u32 == 0 {
                                at = arms.otherwise.0;
                            }
                        }
                        Value::Either => return Err(ON_INPUTS),
                        Value::Flag(id, is_negated) => {
                            let arms = if is_negated { arms.exchanged() } else { arms };
                            match self.fork(frame, code, id, &arms)? {
                                Outcome::Fell => at = arms.end + 1,
                                outcome => return Ok(outcome),
                            }
                        }
                    }
                }
                Instruction::Else { end } => at = end as usize,
                Instruction::End => drop(frame.labels.pop()),
                Instruction::Branch(depth) => match frame.label(depth)? {
                    place if place < frame.floor => return Ok(Outcome::Left(place)),
                    place => at = frame.leave(place),
                },
                Instruction::BranchIf(depth) => {
                    let (condition, place) = (frame.pop()?, frame.label(depth)?);
                    let is_taken = match condition {
                        Value::Number(condition) => condition as u32 != 0,
                        Value::Either => return Err(ON_INPUTS),
                        Value::Flag(id, is_negated) => {
                            self.exit(frame, code, at, place, (id, is_negated))?
                        }
                    };
                    match is_taken {
                        true if place < frame.floor => return Ok(Outcome::Left(place)),
                        true => at = frame.leave(place),
                        false => {}
                    }
                }
                Instruction::Return => return Ok(Outcome::Returned),
                Instruction::Call(number) => {
                    if self.call(number, frame)? == Outcome::Refused {
                        return Ok(Outcome::Refused);
                    }
                }
                Instruction::CallIndirect => {
                    let place = frame.number()? as u32 as usize;
                    let number = *self.module.table.get(place).ok_or(STACK)?;
                    if self.call(number, frame)? == Outcome::Refused {
                        return Ok(Outcome::Refused);
                    }
                }
                plain => self.plain(plain, frame)?,
            }
        }
        Ok(Outcome::Fell)
    }

    /// An instruction that the next one follows.
    fn plain(&mut self, instruction: Instruction, frame: &mut Frame) -> Result<(), Unsupported> {
        match instruction {
            Instruction::Drop => drop(frame.pop()?),
            Instruction::Get(local) => {
                let value = *frame.locals.get(local as usize).ok_or(STACK)?;
                frame.stack.push(value);
            }
            Instruction::Set(local) => {
                let value = frame.pop()?;
                *frame.locals.get_mut(local as usize).ok_or(STACK)? = value;
            }
            Instruction::Tee(local) => {
                let value = *frame.stack.last().ok_or(STACK)?;
                *frame.locals.get_mut(local as usize).ok_or(STACK)? = value;
            }
            Instruction::Constant(number) => frame.push(number),
            Instruction::Load(size, offset) => {
                let address = frame.number()? as u32 as usize + offset as usize;
                frame.push(self.memory.load(address, size.into())?);
            }
            Instruction::Store(size, offset) => {
                let value = frame.number()?;
                let address = frame.number()? as u32 as usize + offset as usize;
                self.memory.store(address, size.into(), value)?;
            }
            Instruction::Unary(unary) => {
                let value = frame.pop()?;
                frame.stack.push(apply_unary(unary, value)?);
            }
            Instruction::Binary(binary) => {
                let (second, first) = (frame.number()?, frame.number()?);
                frame.push(apply_binary(binary, first, second));
            }
            Instruction::MemorySize => frame.push(self.memory.pages() as u64),
            Instruction::MemoryGrow => {
                let pages = frame.number()? as u32 as usize;
                frame.push(self.memory.pages() as u64);
                self.memory.grow(pages)?;
            }
            _ => return Err(Unsupported("an instruction that no circuit uses")),
        }
        Ok(())
    }

    /// A function of the field arithmetic.
    fn field(&mut self, task: Task, frame: &mut Frame) -> Result<Outcome, Unsupported> {
        let Self { memory, graph, .. } = self;
        match task {
            Task::Nothing => drop(frame.number()?),
            Task::Copy => {
                let (from, to) = (frame.number()? as u32, frame.number()? as u32);
                let id = memory.element(from, graph)?;
                memory.set_element(to, id)?;
            }
            Task::CopyMany => {
                let count = frame.number()? as u32;
                let (from, to) = (frame.number()? as u32, frame.number()? as u32);
                for i in 0..count {
                    let offset = i.checked_mul(CELL_BYTES).ok_or(STACK)?;
                    let id = memory.element(from.wrapping_add(offset), graph)?;
                    memory.set_element(to.wrapping_add(offset), id)?;
                }
            }
            Task::IsTrue => {
                let id = memory.element(frame.number()? as u32, graph)?;
                frame.stack.push(match graph.value(id) {
                    Some(value) => Value::Number(is_true(value).into()),
                    None => Value::Flag(id, false),
                });
            }
            // An input on its way in is handled as one that has no short form.
            Task::ToAddress => {
                let from = frame.number()? as u32;
                let id = memory.element(from, graph)?;
                match graph.value(id) {
                    Some(value) => frame.push(to_address(value).into()),
                    None if from == self.mailbox => frame.push(0),
                    None => return Err(Unsupported("an index depends on inputs")),
                }
            }
            Task::Equal => {
                let (second, _) = (frame.number()? as u32, frame.number()? as u32);
                match second == self.mailbox {
                    true => frame.push(0),
                    false => return Err(Unsupported("a comparison of addresses")),
                }
            }
            Task::Inverse => {
                let (of, to) = (frame.number()? as u32, frame.number()? as u32);
                let (one, of) = (graph.constant(Fr::ONE), memory.element(of, graph)?);
                let id = graph.apply(Operation::Div, one, of).ok_or(STACK)?;
                memory.set_element(to, id)?;
            }
            Task::Apply(operation) => {
                let second = frame.number()? as u32;
                let first = match operation.is_binary() {
                    true => frame.number()? as u32,
                    false => second,
                };
                let to = frame.number()? as u32;
                let (first, second) = (
                    memory.element(first, graph)?,
                    memory.element(second, graph)?,
                );
                let id = graph.apply(operation, first, second);
                memory.set_element(to, id.ok_or(Unsupported("an integer is divided by zero"))?)?;
            }
        }
        Ok(Outcome::Fell)
    }

    /// A branch on whether a node is zero.
    fn fork(
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

    /// A conditional branch out of a block: either it is taken, or the rest of the block is run. Whether the block is left
    /// now, in the state that both ways come to; if not, the branch is never taken.
    fn exit(
        &mut self,
        frame: &mut Frame,
        code: &[Instruction],
        at: usize,
        place: usize,
        condition: (Id, bool),
    ) -> Result<bool, Unsupported> {
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
        let (id, is_negated) = condition;
        self.merge((id, is_negated), mark, &[])?;
        self.end_fork();
        Ok(true)
    }

    fn end_fork(&mut self) {
        self.forks -= 1;
        if self.forks == 0 {
            self.memory.end_log();
        }
    }

    /// Makes the state after both ways of that after the second, which is taken where the condition doesn't hold, and
    /// of what the first one left.
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
                    (condition, false) => self.graph.select(condition, first, second),
                    (condition, true) => self.graph.select(condition, second, first),
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
struct Arms {
    then: (usize, usize),
    otherwise: (usize, usize),
    end: usize,
}

impl Arms {
    fn new(start: usize, otherwise: usize, end: usize) -> Self {
        let second = if otherwise == end { end } else { otherwise + 1 };
        Self {
            then: (start, otherwise),
            otherwise: (second, end),
            end,
        }
    }

    fn exchanged(self) -> Self {
        Self {
            then: self.otherwise,
            otherwise: self.then,
            end: self.end,
        }
    }
}

fn apply_unary(unary: Unary, value: Value) -> Result<Value, Unsupported> {
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

fn apply_binary(binary: Binary, first: u64, second: u64) -> u64 {
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
