//! Runs a circuit's wasm on inputs without values, and records what becomes of them.
//!
//! Everything that does not depend on an input is carried out, so that loops and addresses are gone; an operation on
//! inputs becomes a node. A branch on a value that depends on inputs is either an assertion, one of whose ways reports an
//! error, and becomes a guard; or both ways are run and each element that they leave different becomes a selection.
//! What fits neither is unsupported: nothing is guessed.

mod fork;
mod frame;
mod run;

use super::Unsupported;
use super::fields;
use super::graph::{Graph, Id};
use super::memory::Memory;
use super::module::{Instruction, Module};
use frame::{Frame, STACK, Value};
use run::Outcome;

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
}
