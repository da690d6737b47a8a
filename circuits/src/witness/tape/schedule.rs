//! From a graph to a tape: what no wire and no assertion needs is left out, and values that are no wires share slots.

use super::graph::{Graph, Guard, Id, Node};
use super::operation::Operation;
use super::trace::Trace;
use super::{Slot, Step, Tape, UNUSED};

/// Makes a tape of a trace.
pub fn schedule(trace: &Trace) -> Tape {
    Scheduler::new(trace).tape()
}

struct Scheduler<'a> {
    trace: &'a Trace,
    graph: &'a Graph,
    /// By node: how many nodes, wires and assertions still need it.
    uses: Vec<u32>,
    slots: Vec<Slot>,
    /// Whether a node's slot may be used again after its last use.
    is_temporary: Vec<bool>,
    constants: Vec<ark_bn254::Fr>,
    inputs: Vec<Slot>,
    copies: Vec<Step>,
    free: Vec<Slot>,
    num_slots: Slot,
    steps: Vec<Step>,
    taken: Option<Id>,
}

impl<'a> Scheduler<'a> {
    fn new(trace: &'a Trace) -> Self {
        let count = trace.graph.nodes.len();
        let num_inputs = trace
            .signals
            .iter()
            .map(|signal| signal.size as usize)
            .sum();
        Self {
            trace,
            graph: &trace.graph,
            uses: vec![0; count],
            slots: vec![UNUSED; count],
            is_temporary: vec![false; count],
            constants: Vec::new(),
            inputs: vec![UNUSED; num_inputs],
            copies: Vec::new(),
            free: Vec::new(),
            num_slots: trace.wires.len() as Slot,
            steps: Vec::new(),
            taken: None,
        }
    }

    fn tape(mut self) -> Tape {
        self.count_uses();
        self.place_constants();
        self.place_wires();
        self.emit();
        let Self {
            mut steps, copies, ..
        } = self;
        steps.extend(copies);
        Tape {
            signals: self.trace.signals.clone(),
            inputs: self.inputs,
            num_wires: self.trace.wires.len(),
            constants: self.constants,
            num_slots: self.num_slots as usize,
            steps,
        }
    }

    /// Operands come before the nodes that they are of, so one pass backwards finds everything that is needed.
    fn count_uses(&mut self) {
        let graph = self.graph;
        for &wire in &self.trace.wires {
            self.uses[wire as usize] += 1;
        }
        for guard in &graph.guards {
            let guarded = guarded(graph, guard).into_iter().flatten();
            guarded.for_each(|id| self.uses[id as usize] += 1);
        }
        for id in (0..graph.nodes.len()).rev() {
            if self.uses[id] > 0 {
                let operands = operands(graph.nodes[id]).into_iter().flatten();
                operands.for_each(|id| self.uses[id as usize] += 1);
            }
        }
    }

    fn place_constants(&mut self) {
        for (id, node) in self.graph.nodes.iter().enumerate() {
            if let Node::Constant(place) = node
                && self.uses[id] > 0
            {
                self.slots[id] = self.num_slots;
                self.num_slots += 1;
                self.constants.push(self.graph.constants[*place as usize]);
            }
        }
    }

    /// A node that is several wires is calculated into the first and copied to the others.
    fn place_wires(&mut self) {
        for (to, &id) in (0..).zip(&self.trace.wires) {
            match &mut self.slots[id as usize] {
                slot if *slot == UNUSED => *slot = to,
                slot => self.copies.push(Step::Copy { a: *slot, to }),
            }
        }
    }

    fn emit(&mut self) {
        for (id, node) in (0..).zip(&self.graph.nodes) {
            if let Node::Input(place) = node
                && self.uses[id as usize] > 0
            {
                self.inputs[*place as usize] = self.target(id);
            }
        }
        let mut guards = self.graph.guards.iter().peekable();
        for id in 0..self.graph.nodes.len() as Id {
            if self.uses[id as usize] > 0 {
                self.emit_node(id);
            }
            while let Some(guard) = guards.next_if(|guard| guard.value <= id) {
                self.emit_guard(guard);
            }
        }
    }

    fn emit_node(&mut self, id: Id) {
        let node = self.graph.nodes[id as usize];
        let operands = operands(node);
        let slots = self.slots_of(operands);
        let taken = match node {
            Node::Constant(_) | Node::Input(_) => return,
            Node::Bit(word, _) | Node::Low(word, _) | Node::Fits(word, _) => Some(word),
            Node::Select(condition, ..) => Some(condition),
            Node::Apply(..) => None,
        };
        if let Some(word) = taken {
            self.take(word);
        }
        self.release(operands);
        let to = self.target(id);
        self.steps.push(step(node, slots, to));
    }

    fn emit_guard(&mut self, guard: &Guard) {
        let operands = guarded(self.graph, guard);
        let [a, b] = self.slots_of(operands);
        let step = match self.graph.nodes[guard.value as usize] {
            Node::Fits(word, count) if !guard.is_zero => {
                self.take(word);
                Step::FitsOrRefuse {
                    count: count.into(),
                }
            }
            Node::Apply(Operation::Equal, ..) if !guard.is_zero => Step::SameOrRefuse { a, b },
            _ if guard.is_zero => Step::ZeroOrRefuse { a },
            _ => Step::TrueOrRefuse { a },
        };
        self.steps.push(step);
        self.release(operands);
    }

    fn slots_of(&self, [a, b, _]: [Option<Id>; 3]) -> [Slot; 2] {
        [a, b].map(|operand| operand.map_or(UNUSED, |id| self.slots[id as usize]))
    }

    fn take(&mut self, word: Id) {
        if self.taken.replace(word) != Some(word) {
            self.steps.push(Step::Take {
                a: self.slots[word as usize],
            });
        }
    }

    /// One use less of each; after the last one the slot is free.
    fn release(&mut self, operands: [Option<Id>; 3]) {
        for id in operands.into_iter().flatten() {
            let place = id as usize;
            self.uses[place] -= 1;
            if self.uses[place] == 0 && self.is_temporary[place] {
                self.free.push(self.slots[place]);
            }
        }
    }

    fn target(&mut self, id: Id) -> Slot {
        let place = id as usize;
        if self.slots[place] == UNUSED {
            self.is_temporary[place] = true;
            self.slots[place] = self.free.pop().unwrap_or_else(|| {
                self.num_slots += 1;
                self.num_slots - 1
            });
        }
        self.slots[place]
    }
}

/// The nodes that a node is calculated from.
fn operands(node: Node) -> [Option<Id>; 3] {
    match node {
        Node::Constant(_) | Node::Input(_) => [None; 3],
        Node::Bit(word, _) | Node::Low(word, _) | Node::Fits(word, _) => [Some(word), None, None],
        Node::Apply(operation, a, b) if operation.is_binary() => [Some(a), Some(b), None],
        Node::Apply(_, a, _) => [Some(a), Some(a), None],
        Node::Select(condition, a, b) => [Some(a), Some(b), Some(condition)],
    }
}

/// The nodes that an assertion is about.
fn guarded(graph: &Graph, guard: &Guard) -> [Option<Id>; 3] {
    match graph.nodes[guard.value as usize] {
        Node::Fits(word, _) if !guard.is_zero => [Some(word), None, None],
        Node::Apply(Operation::Equal, a, b) if !guard.is_zero => [Some(a), Some(b), None],
        _ => [Some(guard.value), None, None],
    }
}

fn step(node: Node, [a, b]: [Slot; 2], to: Slot) -> Step {
    match node {
        Node::Apply(Operation::Add, ..) => Step::Add { a, b, to },
        Node::Apply(Operation::Sub, ..) => Step::Sub { a, b, to },
        Node::Apply(Operation::Mul, ..) => Step::Mul { a, b, to },
        Node::Apply(operation, ..) => Step::Apply {
            operation,
            a,
            b,
            to,
        },
        Node::Bit(_, place) => Step::Bit {
            place: place.into(),
            to,
        },
        Node::Low(_, count) => Step::Low {
            count: count.into(),
            to,
        },
        Node::Fits(_, count) => Step::Fits {
            count: count.into(),
            to,
        },
        Node::Select(..) => Step::Select { a, b, to },
        Node::Constant(_) | Node::Input(_) => Step::Copy { a: to, to },
    }
}
