//! The proofs of one snapshot: of its program, and of the parts that this is made of.

use super::Candidate;
use crate::Digest;
use crate::wire::{MAX_PARTS, MAX_PROOFS, ProofBytes, WirePart};

/// A proof on its way: the task, once all that it needs is there, and then the proof.
#[derive(Default, Clone)]
pub(super) struct Proving {
    pub task: Option<Digest>,
    pub proof: Option<ProofBytes>,
}

impl Proving {
    /// Task and proof, once both are there.
    pub fn proven(&self) -> Option<(Digest, ProofBytes)> {
        Some((self.task?, self.proof?))
    }
}

/// Which proof of a snapshot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Node {
    Part(u16),
    Program,
}

/// Why parts are no tree over the program proof.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PartsError {
    #[error("{0} parts, more than {MAX_PARTS}")]
    TooMany(usize),
    #[error("part {part} goes into {parent}, which does not come after it")]
    Parent { part: usize, parent: u16 },
    #[error("more than {MAX_PROOFS} proofs go into {0}")]
    Crowded(u16),
}

/// Whether every part goes into a later one, the last into the program, and few into each.
pub(super) fn check(parts: &[WirePart]) -> Result<(), PartsError> {
    let count = parts.len();
    if count > MAX_PARTS {
        return Err(PartsError::TooMany(count));
    }
    let mut below = vec![0; count + 1];
    for (place, part) in parts.iter().enumerate() {
        let parent = part.parent;
        if usize::from(parent) <= place || usize::from(parent) > count {
            return Err(PartsError::Parent {
                part: place,
                parent,
            });
        }
        below[usize::from(parent)] += 1;
        if below[usize::from(parent)] > MAX_PROOFS {
            return Err(PartsError::Crowded(parent));
        }
    }
    Ok(())
}

/// How far the proofs of a snapshot are.
#[derive(Default)]
pub(super) struct Proofs {
    pub program: Proving,
    parts: Vec<Proving>,
}

impl Proofs {
    /// Those of a candidate, none of them begun.
    pub fn of(candidate: &Candidate) -> Self {
        Self {
            program: Proving::default(),
            parts: vec![Proving::default(); candidate.parts.len()],
        }
    }

    pub fn node(&mut self, node: Node) -> Option<&mut Proving> {
        match node {
            Node::Part(part) => self.parts.get_mut(usize::from(part)),
            Node::Program => Some(&mut self.program),
        }
    }

    /// The proofs that a node is made of, in their order, once all are there.
    pub fn below(&self, parts: &[WirePart], node: Node) -> Option<Vec<ProofBytes>> {
        let node = match node {
            Node::Part(part) => part,
            Node::Program => parts.len() as u16,
        };
        let below = parts.iter().zip(&self.parts);
        let below = below.filter(|(part, _)| part.parent == node);
        below.map(|(_, proving)| proving.proof).collect()
    }

    /// What may be begun before anything is proven: the parts that no other goes into, or the program.
    pub fn first(parts: &[WirePart]) -> impl Iterator<Item = Node> {
        let mut below = vec![false; parts.len() + 1];
        parts
            .iter()
            .for_each(|part| below[usize::from(part.parent)] = true);
        let count = parts.len();
        let node = move |place| match place == count {
            true => Node::Program,
            false => Node::Part(place as u16),
        };
        (0..=count).filter(move |&place| !below[place]).map(node)
    }

    /// What stands above a part.
    pub fn above(parts: &[WirePart], part: u16) -> Option<Node> {
        let parent = parts.get(usize::from(part))?.parent;
        Some(match usize::from(parent) == parts.len() {
            true => Node::Program,
            false => Node::Part(parent),
        })
    }

    /// Every proof that is there, by task. A restart needs those of the parts even if it has the program's: they name its task.
    pub fn proven(&self) -> impl Iterator<Item = (Digest, ProofBytes)> {
        let all = self.parts.iter().chain([&self.program]);
        all.filter_map(Proving::proven)
    }

    /// The tasks whose proofs are missing.
    pub fn open(&self) -> impl Iterator<Item = Digest> {
        let all = self.parts.iter().chain([&self.program]);
        let open = all.filter(|proving| proving.proof.is_none());
        open.filter_map(|proving| proving.task)
    }

    /// What a picture shows of them: the program's, or as long as that can't begin the first that is wanted.
    pub fn shown(&self) -> &Proving {
        let wanted = |proving: &&Proving| proving.task.is_some() && proving.proof.is_none();
        match self.program.task {
            Some(_) => &self.program,
            None => self.parts.iter().find(wanted).unwrap_or(&self.program),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ark_bn254::Fr;

    fn parts(parents: &[u16]) -> Vec<WirePart> {
        let part = |parent: &u16| WirePart {
            key: Fr::from(1),
            statement: Fr::from(2),
            parent: *parent,
            inputs: None,
        };
        parents.iter().map(part).collect()
    }

    #[test]
    fn only_a_tree_over_the_program_is_taken() {
        assert_eq!(check(&[]), Ok(()));
        assert_eq!(check(&parts(&[2, 2, 3])), Ok(()));
        let parent = |part, parent| Err(PartsError::Parent { part, parent });
        assert_eq!(check(&parts(&[0])), parent(0, 0));
        assert_eq!(check(&parts(&[2, 1])), parent(1, 1));
        assert_eq!(check(&parts(&[3, 2])), parent(0, 3));
        let crowded = check(&parts(&[4, 4, 4, 4]));
        assert_eq!(crowded, Err(PartsError::Crowded(4)));
        let many = vec![MAX_PARTS as u16 + 1; MAX_PARTS + 1];
        assert_eq!(check(&parts(&many)), Err(PartsError::TooMany(many.len())));
    }

    #[test]
    fn a_node_waits_for_all_below_it() {
        let parts = parts(&[2, 2, 4, 4]);
        let first: Vec<Node> = Proofs::first(&parts).collect();
        assert_eq!(first, [0, 1, 3].map(Node::Part));
        assert_eq!(Proofs::first(&[]).collect::<Vec<_>>(), [Node::Program]);
        let mut proofs = Proofs {
            parts: vec![Proving::default(); 4],
            ..Proofs::default()
        };
        for part in [1, 0] {
            assert_eq!(proofs.below(&parts, Node::Part(2)), None);
            let proving = proofs.node(Node::Part(part)).unwrap();
            proving.proof = Some(ProofBytes([part as u8; 128]));
        }
        let below = proofs.below(&parts, Node::Part(2)).unwrap();
        assert_eq!(below, [0, 1].map(|part| ProofBytes([part; 128])));
        assert_eq!(proofs.below(&parts, Node::Program), None);
        assert_eq!(Proofs::above(&parts, 0), Some(Node::Part(2)));
        assert_eq!(Proofs::above(&parts, 2), Some(Node::Program));
    }
}
