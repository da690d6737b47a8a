//! What a netted shard submits for an epoch: the parts of its proof by name and statement, and from them the tree of joins.

use super::circuit::{PartCircuit, PartKeys};
use super::close::{Close, CloseError, ClosedPart};
use super::join::{Join, JoinError, Joined};
use super::part_inputs::Home;
use super::statement::{Context, Part};
use super::traffic::Boxes;
use crate::field;
use crate::snapshot::Exchange;
use ark_bn254::Fr;
use ark_ff::AdditiveGroup;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Proofs of one epoch besides the close, at most.
pub const MAX_PARTS: usize = 2048;

/// Parts of accounts among them that epochs are dealt out to, joins included, at most.
pub const ACCOUNT_PARTS: usize = 1000;

/// Why a manifest describes no proof of an epoch.
#[derive(Debug, thiserror::Error)]
pub enum ManifestError {
    #[error("no part of {0}")]
    Empty(&'static str),
    #[error("{0} parts with their joins, more than {MAX_PARTS}")]
    TooMany(usize),
    #[error("part {part} is proven by {}, which proves no {expected}", found.name())]
    Circuit {
        part: usize,
        found: PartCircuit,
        expected: &'static str,
    },
    #[error("the network has no key of {}", .0.name())]
    NoKey(PartCircuit),
    #[error("part {part} states a subtree that its circuit does not rewrite")]
    Subtree { part: usize },
    #[error("tablets are not in order of their index, or outside a trie of {depth} levels")]
    Order { depth: u8 },
    #[error("the digest of subtree {index} of level {level} is missing")]
    Unchanged { level: u8, index: u64 },
    #[error(transparent)]
    Join(#[from] JoinError),
    #[error(transparent)]
    Close(#[from] CloseError),
}

/// One part that verifies no others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct Listed {
    pub circuit: PartCircuit,
    /// SHA-256 of the blob with its inputs.
    pub inputs: [u8; 32],
    pub part: Part,
}

/// A subtree of the account trie that the epoch leaves alone, beside one that it rewrites.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct Unchanged {
    pub level: u8,
    pub index: u64,
    #[serde(with = "field::element")]
    pub digest: Fr,
}

/// The proof of an epoch, part by part.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct Manifest {
    /// Names the network in everything that clients sign.
    #[serde(with = "field::element")]
    pub network: Fr,
    /// Levels of the account trie.
    pub depth: u8,
    /// Destination of all fees.
    pub collector: u64,
    /// Roots of the account trie.
    #[serde(with = "field::element")]
    pub old: Fr,
    #[serde(with = "field::element")]
    pub new: Fr,
    /// Outbox and inbox.
    pub boxes: Boxes,
    /// What is sent and received.
    pub exchange: Exchange,
    /// Whether the accounts come as rows.
    pub sparse: bool,
    pub messages: Vec<Listed>,
    pub accounts: Vec<Listed>,
    /// Beside tablets.
    pub unchanged: Vec<Unchanged>,
}

/// One proof of the tree.
#[derive(Clone, Debug)]
pub struct Node {
    pub circuit: PartCircuit,
    pub part: Part,
    /// The proof that this one goes into: a later node, or the number of all, which stands for the close.
    pub parent: usize,
    pub source: Source,
}

/// What a node is proven from.
#[derive(Clone, Debug)]
pub enum Source {
    /// SHA-256 of the blob with its inputs.
    Inputs([u8; 32]),
    /// The nodes that go into it, in their order.
    Join(Box<Join>),
}

/// All proofs of an epoch, each before the one that it goes into, and the close over them.
#[derive(Clone, Debug)]
pub struct Tree {
    pub nodes: Vec<Node>,
    pub close: Close,
    /// The nodes of all messages and of all accounts, which the close verifies in this order.
    roots: [usize; 2],
}

impl Manifest {
    /// What the messages of the shard have in common.
    pub fn home(&self, shard: u32) -> Home {
        Home {
            network: self.network,
            shard,
            collector: self.collector,
        }
    }

    fn listed(&self) -> impl Iterator<Item = &Listed> {
        self.messages.iter().chain(&self.accounts)
    }

    /// Events of the epoch.
    pub fn events(&self) -> u64 {
        self.listed()
            .map(|listed| u64::from(listed.part.events))
            .sum()
    }

    /// The tree of proofs, with the statement of each; checks everything but the proofs.
    pub fn tree(
        &self,
        shard: u32,
        keys: &PartKeys,
        seen_digest: Fr,
    ) -> Result<Tree, ManifestError> {
        let tree = self.shape(shard, keys, seen_digest)?;
        tree.close.statement()?;
        Ok(tree)
    }

    /// The tree, whose sums need not be right yet: its shape and challenges follow from the commitments alone.
    pub(super) fn shape(
        &self,
        shard: u32,
        keys: &PartKeys,
        seen_digest: Fr,
    ) -> Result<Tree, ManifestError> {
        self.check()?;
        let mut circuits = self.listed().map(|listed| listed.circuit);
        if let Some(circuit) = circuits.find(|circuit| !keys.has(*circuit)) {
            return Err(ManifestError::NoKey(circuit));
        }
        let mut builder = Builder::new(self, shard, keys);
        let messages = 0..self.messages.len();
        let accounts = self.messages.len()..self.messages.len() + self.accounts.len();
        let messages = builder.flat(messages.collect())?;
        let accounts = match self.sparse {
            true => builder.flat(accounts.collect())?,
            false => builder.subtree(self.depth, accounts.collect(), &self.unchanged)?,
        };
        builder.close(seen_digest, messages, accounts)
    }

    /// Parts with messages between shards.
    fn headers(&self) -> u16 {
        let channels = self
            .listed()
            .filter(|listed| listed.circuit.channels().is_some());
        // No more than MAX_PARTS, which is checked.
        channels.count() as u16
    }

    fn check(&self) -> Result<(), ManifestError> {
        for (what, parts) in [("messages", &self.messages), ("accounts", &self.accounts)] {
            if parts.is_empty() {
                return Err(ManifestError::Empty(what));
            }
        }
        let count = self.messages.len() + self.accounts.len();
        if count > MAX_PARTS || self.unchanged.len() > MAX_PARTS {
            return Err(ManifestError::TooMany(count.max(self.unchanged.len())));
        }
        let takes_rows = |c: PartCircuit| c.rows().is_some() || c.channels().is_some();
        // Messages between shards lie among the accounts' rows, or with the clients' messages where there are no such rows.
        let takes_messages =
            |c: PartCircuit| c.messages().is_some() || !self.sparse && takes_rows(c);
        check_circuits(&self.messages, 0, "messages", takes_messages)?;
        let first = self.messages.len();
        match self.sparse {
            true => check_circuits(&self.accounts, first, "rows", takes_rows),
            false => {
                let levels = self.tablet_levels();
                let is_tablet = |c: PartCircuit| levels.is_some() && c.tablet() == levels;
                check_circuits(&self.accounts, first, "tablets of one size", is_tablet)?;
                self.check_tablets()
            }
        }
    }

    /// Levels of the tablets, if the accounts come as such.
    fn tablet_levels(&self) -> Option<u8> {
        self.accounts
            .first()
            .and_then(|listed| listed.circuit.tablet())
    }

    fn check_tablets(&self) -> Result<(), ManifestError> {
        let depth = self.depth;
        let Some(above) = self
            .tablet_levels()
            .and_then(|levels| depth.checked_sub(levels))
            .filter(|levels| *levels < 32)
        else {
            return Err(ManifestError::Order { depth });
        };
        let indices = self.accounts.iter().map(|listed| listed.part.index);
        let room = 3u64.pow(above.into());
        match indices.clone().is_sorted_by(|a, b| a < b) && indices.max() < Some(room) {
            true => Ok(()),
            false => Err(ManifestError::Order { depth }),
        }
    }
}

/// Whether the parts, counted from `first`, are proven by such circuits and state what these can.
fn check_circuits(
    parts: &[Listed],
    first: usize,
    expected: &'static str,
    fits: impl Fn(PartCircuit) -> bool,
) -> Result<(), ManifestError> {
    for (part, listed) in (first..).zip(parts) {
        let (found, stated) = (listed.circuit, listed.part);
        if !fits(found) {
            return Err(ManifestError::Circuit {
                part,
                found,
                expected,
            });
        }
        let level = found.tablet().unwrap_or_default();
        let flat = stated.index == 0 && stated.old == Fr::ZERO && stated.new == Fr::ZERO;
        if stated.level != level || level == 0 && !flat {
            return Err(ManifestError::Subtree { part });
        }
    }
    Ok(())
}

/// A tree that grows from its leaves.
struct Builder<'a> {
    manifest: &'a Manifest,
    shard: u32,
    keys: &'a PartKeys,
    nodes: Vec<Node>,
}

impl<'a> Builder<'a> {
    fn new(manifest: &'a Manifest, shard: u32, keys: &'a PartKeys) -> Self {
        let node = |listed: &Listed| Node {
            circuit: listed.circuit,
            part: listed.part,
            parent: 0,
            source: Source::Inputs(listed.inputs),
        };
        Self {
            manifest,
            shard,
            keys,
            nodes: manifest.listed().map(node).collect(),
        }
    }

    /// Joins three nodes of one circuit; a place without a node has the digest of what does not change there.
    fn join(
        &mut self,
        level: u8,
        index: u64,
        children: [Result<usize, Fr>; 3],
    ) -> Result<usize, ManifestError> {
        let parent = self.nodes.len();
        if parent >= MAX_PARTS {
            return Err(ManifestError::TooMany(parent + 1));
        }
        let circuits = children
            .iter()
            .flatten()
            .map(|&node| self.nodes[node].circuit);
        let circuit = circuits.min().ok_or(JoinError::Empty)?;
        let join = Join {
            context: self.context(Default::default()),
            key: self.keys.key(circuit),
            level,
            index,
            parts: children.map(|child| match child {
                Ok(node) => Joined::Part(self.nodes[node].part),
                Err(digest) => Joined::Absent { digest },
            }),
        };
        let part = join.part()?;
        for node in children.into_iter().flatten() {
            self.nodes[node].parent = parent;
        }
        self.nodes.push(Node {
            circuit: PartCircuit::Join,
            part,
            parent: 0,
            source: Source::Join(Box::new(join)),
        });
        Ok(parent)
    }

    /// Joins parts that rewrite no subtree until one is left: those of a circuit first, since a join verifies under one key.
    fn flat(&mut self, parts: Vec<usize>) -> Result<usize, ManifestError> {
        let mut groups: BTreeMap<PartCircuit, Vec<usize>> = BTreeMap::new();
        for part in parts {
            groups
                .entry(self.nodes[part].circuit)
                .or_default()
                .push(part);
        }
        let mut left = Vec::new();
        let alone = groups.len() == 1;
        for (circuit, mut group) in groups {
            while group.len() > 1
                || !alone && group.iter().any(|&n| self.nodes[n].circuit == circuit)
            {
                group = self.threes(group)?;
            }
            left.extend(group);
        }
        while left.len() > 1 {
            left = self.threes(left)?;
        }
        left.pop().ok_or(JoinError::Empty.into())
    }

    fn threes(&mut self, nodes: Vec<usize>) -> Result<Vec<usize>, ManifestError> {
        let child = |three: &[usize], place: usize| three.get(place).copied().ok_or(Fr::ZERO);
        nodes
            .chunks(3)
            .map(|three| self.join(0, 0, [0, 1, 2].map(|place| child(three, place))))
            .collect()
    }

    /// Joins tablets along the account trie up to its root.
    fn subtree(
        &mut self,
        depth: u8,
        tablets: Vec<usize>,
        unchanged: &[Unchanged],
    ) -> Result<usize, ManifestError> {
        let index = |node: usize| self.nodes[node].part.index;
        let mut level: BTreeMap<u64, usize> = tablets.into_iter().map(|t| (index(t), t)).collect();
        let digests = unchanged.iter().map(|at| ((at.level, at.index), at.digest));
        let digests: BTreeMap<(u8, u64), Fr> = digests.collect();
        for height in self.manifest.tablet_levels().unwrap_or(depth)..depth {
            let mut parents: Vec<u64> = level.keys().map(|index| index / 3).collect();
            parents.dedup();
            let mut above = BTreeMap::new();
            for parent in parents {
                let child = |index: u64| {
                    let missing = ManifestError::Unchanged {
                        level: height,
                        index,
                    };
                    let digest = || digests.get(&(height, index)).copied().ok_or(missing);
                    match level.get(&index) {
                        Some(node) => Ok(Ok(*node)),
                        None => digest().map(Err),
                    }
                };
                let [a, b, c] = [0, 1, 2].map(|place| child(3 * parent + place));
                above.insert(parent, self.join(height, parent, [a?, b?, c?])?);
            }
            level = above;
        }
        level.into_values().next().ok_or(JoinError::Empty.into())
    }

    fn context(&self, challenge: super::challenge::Challenge) -> Context {
        Context {
            keys: self.keys.root(),
            network: self.manifest.network,
            shard: self.shard,
            challenge,
        }
    }

    fn closed(&mut self, node: usize) -> ClosedPart {
        let count = self.nodes.len();
        let node = &mut self.nodes[node];
        node.parent = count;
        ClosedPart {
            key: self.keys.key(node.circuit),
            part: node.part,
        }
    }

    /// The close, and with it the challenges that every join is stated for.
    fn close(
        mut self,
        seen_digest: Fr,
        messages: usize,
        accounts: usize,
    ) -> Result<Tree, ManifestError> {
        let roots = [messages, accounts];
        let [messages, accounts] = roots.map(|root| self.closed(root));
        let close = Close {
            network: self.manifest.network,
            shard: self.shard,
            keys: self.keys.root(),
            depth: self.manifest.depth,
            old: self.manifest.old,
            new: self.manifest.new,
            sparse: self.manifest.sparse,
            seen_digest,
            boxes: self.manifest.boxes,
            exchange: self.manifest.exchange,
            headers: self.manifest.headers(),
            messages,
            accounts,
        };
        let context = close.context();
        for node in &mut self.nodes {
            if let Source::Join(join) = &mut node.source {
                join.context = context;
            }
        }
        let nodes = self.nodes;
        Ok(Tree {
            nodes,
            close,
            roots,
        })
    }
}

impl Tree {
    /// What every part is stated within.
    pub fn context(&self) -> Context {
        self.close.context()
    }

    /// The public input of a node's proof.
    pub fn statement(&self, node: usize) -> Option<Fr> {
        let context = self.context();
        self.nodes.get(node).map(|node| node.part.digest(&context))
    }

    /// The nodes that go into a join, in the order of its places.
    pub fn below(&self, parent: usize) -> impl Iterator<Item = &Node> {
        self.nodes.iter().filter(move |node| node.parent == parent)
    }

    /// Two things that belong to the nodes which go into the close, given in the order of the nodes, as the close takes them.
    pub fn in_order_of_close<T>(&self, [first, second]: [T; 2]) -> [T; 2] {
        match self.roots.is_sorted() {
            true => [first, second],
            false => [second, first],
        }
    }
}
