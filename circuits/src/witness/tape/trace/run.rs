//! The interpreter: integers are carried out, field arithmetic is recorded.

use ark_bn254::Fr;
use ark_ff::Field;

use super::super::Unsupported;
use super::super::fields::{self, Task};
use super::super::memory::CELL_BYTES;
use super::super::module::{Function, Instruction};
use super::super::operation::{Operation, is_true, to_address};
use super::Tracer;
use super::fork::Arms;
use super::frame::{Frame, ON_INPUTS, STACK, Value, apply_binary, apply_unary};

/// More instructions than any circuit of a provable size takes.
const MAX_STEPS: u64 = 1 << 32;
const MAX_DEPTH: usize = 1 << 8;

/// How a piece of code ends.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    Fell,
    Returned,
    /// An error was reported.
    Refused,
    /// By a branch to a label that is not the code's own.
    Left(usize),
}

impl Tracer<'_> {
    /// Calls a function on what the caller's stack holds.
    pub fn call(&mut self, number: u32, caller: &mut Frame) -> Result<Outcome, Unsupported> {
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
    pub fn run(
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
                            self.exit(frame, code, at, place, (id, is_negated))?;
                            true
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
}
