//! The proofs of an epoch's tree: where each belongs, what it lets start, and the tasks as workers get them.

use ark_bn254::Fr;
use trifold_circuits::parallel;
use trifold_verifier::statement::NestStatement;
use trifold_verifier::trie::Path;

use super::proofs::{Node, Proofs};
use super::shards::Hashes;
use super::{Action, Candidate, Place, Planner};
use crate::Digest;
use crate::wire::{GlobalProof, ProofBytes, Task, VERSION, Work, task_id};

impl Planner {
    /// Puts a proof where it belongs and starts what waited for it.
    pub(super) fn place(&mut self, place: Place, proof: ProofBytes) {
        match place {
            Place::Program { shard, snapshot } => self.place_program(shard, snapshot, proof),
            Place::Part {
                shard,
                snapshot,
                part,
            } => self.place_part(shard, snapshot, part, proof),
            Place::Merge {
                epoch,
                level,
                index,
            } => self.place_merge(epoch, level, index, proof),
            Place::Nest { epoch } => self.place_nest(epoch, proof),
        }
    }

    pub(super) fn place_program(&mut self, shard: u32, snapshot: Digest, proof: ProofBytes) {
        let queue = self.shards.get_mut(&shard);
        let Some(pending) = queue.and_then(|queue| queue.find_mut(&snapshot)) else {
            return self.place_member(shard, &snapshot, proof);
        };
        if pending.proofs.program.proof.replace(proof).is_some() {
            return;
        }
        let seal = pending
            .sealed
            .and_then(|serial| self.seals.get_mut(&serial));
        if let Some(seal) = seal {
            seal.missing -= 1;
        }
    }

    /// A program proof of an epoch that is closed already, after a restart.
    fn place_member(&mut self, shard: u32, snapshot: &Digest, proof: ProofBytes) {
        let mut epochs = self.epochs.values_mut();
        let member = epochs.find_map(|epoch| Some((epoch.position(shard, snapshot)?, epoch)));
        let Some((position, epoch)) = member else {
            return;
        };
        let program = &mut epoch.programs[position].proofs.program;
        if program.proof.replace(proof).is_none() {
            let number = epoch.state.epoch;
            self.fill(number, 0, shard / 3);
        }
    }

    /// What a part goes into is begun with the last one that does.
    fn place_part(&mut self, shard: u32, snapshot: Digest, part: u16, proof: ProofBytes) {
        let Some((candidate, proofs)) = self.proofs_mut(shard, &snapshot) else {
            return;
        };
        let Some(proving) = proofs.node(Node::Part(part)) else {
            return;
        };
        if proving.proof.replace(proof).is_none()
            && let Some(above) = Proofs::above(&candidate.parts, part)
        {
            self.start_node(shard, snapshot, above);
        }
    }

    /// A snapshot that is in no published epoch, and its proofs.
    pub(super) fn proofs_of(&self, shard: u32, snapshot: &Digest) -> Option<(&Candidate, &Proofs)> {
        let queue = self.shards.get(&shard);
        if let Some(pending) = queue.and_then(|queue| queue.find(snapshot)) {
            return Some((&pending.candidate, &pending.proofs));
        }
        let mut epochs = self.epochs.values();
        epochs.find_map(|epoch| {
            let member = &epoch.programs[epoch.position(shard, snapshot)?];
            Some((&member.candidate, &member.proofs))
        })
    }

    fn proofs_mut(&mut self, shard: u32, snapshot: &Digest) -> Option<(&Candidate, &mut Proofs)> {
        let queue = self.shards.get_mut(&shard);
        if let Some(pending) = queue.and_then(|queue| queue.find_mut(snapshot)) {
            return Some((&pending.candidate, &mut pending.proofs));
        }
        let mut epochs = self.epochs.values_mut();
        epochs.find_map(|epoch| {
            let position = epoch.position(shard, snapshot)?;
            let member = &mut epoch.programs[position];
            Some((&member.candidate, &mut member.proofs))
        })
    }

    /// Wants a part or the program of a snapshot, if all that goes into it is there.
    pub(super) fn start_node(&mut self, shard: u32, snapshot: Digest, node: Node) {
        let Some((task, key, statement)) = self.node_task(shard, &snapshot, node) else {
            return;
        };
        let proofs = self.proofs_mut(shard, &snapshot);
        if let Some(proving) = proofs.and_then(|(_, proofs)| proofs.node(node)) {
            proving.task = Some(task);
        }
        let place = match node {
            Node::Program => Place::Program { shard, snapshot },
            Node::Part(part) => Place::Part {
                shard,
                snapshot,
                part,
            },
        };
        match self.tasks.recorded(&task) {
            Some(proof) => self.place(place, proof),
            None => {
                let epoch = self.expected_epoch(&place);
                self.tasks.insert(task, key, statement, place, epoch);
            }
        }
    }

    /// Id, key and statement of the task of a part or a program.
    fn node_task(&self, shard: u32, snapshot: &Digest, node: Node) -> Option<(Digest, Fr, Fr)> {
        let (candidate, _) = self.proofs_of(shard, snapshot)?;
        let queue = self.shards.get(&shard);
        let pending = queue.and_then(|queue| queue.find(snapshot));
        let (key, statement) = match node {
            Node::Part(part) => {
                let part = candidate.parts.get(usize::from(part))?;
                (part.key, part.statement)
            }
            Node::Program => {
                let known = pending.map(|pending| pending.statement);
                let statement = known.unwrap_or_else(|| Hashes::of(candidate).statement);
                (candidate.step.new.program, statement)
            }
        };
        let id = match pending.and_then(|pending| pending.task) {
            Some(id) => id,
            None => task_id(&key, &statement, &self.node_work(shard, snapshot, node)?),
        };
        Some((id, key, statement))
    }

    /// The work of a part or a program, once all that goes into it is there.
    fn node_work(&self, shard: u32, snapshot: &Digest, node: Node) -> Option<Work> {
        let (candidate, proofs) = self.proofs_of(shard, snapshot)?;
        let proofs = proofs.below(&candidate.parts, node)?;
        let snapshot = *snapshot;
        Some(match node {
            Node::Program => Work::Program {
                shard,
                snapshot,
                proofs,
            },
            Node::Part(part) => Work::Part {
                shard,
                snapshot,
                part,
                inputs: candidate.parts.get(usize::from(part))?.inputs,
                proofs,
            },
        })
    }

    fn place_merge(&mut self, epoch: u64, level: u8, index: u32, proof: ProofBytes) {
        let Some(plan) = self.epochs.get_mut(&epoch) else {
            return;
        };
        let depth = plan.state.depth;
        let Some(found) = plan.level_mut(level) else {
            return;
        };
        let Some(node) = found.nodes.get_mut(&index) else {
            return;
        };
        if node.merge.proof.replace(proof).is_some() {
            return;
        }
        found.proven += 1;
        match level + 1 < depth {
            true => self.fill(epoch, level + 1, index / 3),
            false => self.try_nest(epoch),
        }
    }

    fn place_nest(&mut self, epoch: u64, proof: ProofBytes) {
        let Some(plan) = self.epochs.get_mut(&epoch) else {
            return;
        };
        plan.nest.proof = Some(proof);
        let publication = GlobalProof {
            version: VERSION,
            state: plan.state.into(),
            proof,
            keys: self.network.keys.into(),
            genesis: self.genesis,
            old_root: plan.previous.root,
            transfers: plan.transfers,
        };
        self.actions.push(Action::Publish(Box::new(publication)));
        self.try_nest(epoch + 1);
    }

    /// One more child of a merge is proven; with the last one it becomes a task.
    fn fill(&mut self, epoch: u64, level: u8, index: u32) {
        let plan = self.epochs.get_mut(&epoch);
        let found = plan.and_then(|plan| plan.level_mut(level)?.nodes.get_mut(&index));
        let Some(node) = found else { return };
        node.missing = node.missing.saturating_sub(1);
        if node.missing == 0 {
            let task = self.merge_task(epoch, level, index);
            self.start_merge(epoch, level, index, task);
        }
    }

    /// Starts the merges of an epoch that just closed: those over its programs.
    pub(super) fn start_merges(&mut self, epoch: u64) {
        let bottom = self.epochs.get(&epoch).and_then(|plan| plan.levels.first());
        let ready = bottom.into_iter().flat_map(|level| &level.nodes);
        let ready = ready.filter(|(_, node)| node.missing == 0);
        let ready: Vec<u32> = ready.map(|(index, _)| *index).collect();
        let task = |index| (index, self.merge_task(epoch, 0, index));
        for (index, task) in parallel::map(ready, task) {
            self.start_merge(epoch, 0, index, task);
        }
    }

    fn start_merge(&mut self, epoch: u64, level: u8, index: u32, task: Option<Task>) {
        let place = Place::Merge {
            epoch,
            level,
            index,
        };
        let Some(task) = task else {
            return;
        };
        let plan = self.epochs.get_mut(&epoch);
        let Some(found) = plan.and_then(|plan| plan.level_mut(level)) else {
            return;
        };
        if let Some(node) = found.nodes.get_mut(&index) {
            node.merge.task = Some(task.id);
            found.started += 1;
        }
        self.start(&task, place);
    }

    fn merge_task(&self, epoch: u64, level: u8, index: u32) -> Option<Task> {
        let plan = self.epochs.get(&epoch)?;
        let work = self.merge_work(epoch, level, index)?;
        let statement = plan.merge_statement(self.keys_digest, level, index)?;
        let (keys, statement) = (self.network.keys, statement.digest());
        Some(Task::new(keys.merge, statement, keys, self.genesis, work))
    }

    fn merge_work(&self, epoch: u64, level: u8, index: u32) -> Option<Work> {
        let plan = self.epochs.get(&epoch)?;
        let program = plan.program(level, index).unwrap_or_default();
        let registration = self.network.programs.get(&program).cloned();
        let nowhere = || Path {
            index: 0,
            siblings: Vec::new(),
        };
        Some(Work::Merge {
            level,
            index,
            history: plan.previous.history,
            program,
            registration: registration.unwrap_or_else(nowhere).into(),
            children: plan.child_works(level, index)?,
        })
    }

    /// Starts the nest of an epoch if its top transition and the global proof before it are there.
    fn try_nest(&mut self, epoch: u64) {
        let Some(task) = self.nest_task(epoch) else {
            return;
        };
        if let Some(plan) = self.epochs.get_mut(&epoch) {
            plan.nest.task = Some(task.id);
        }
        self.start(&task, Place::Nest { epoch });
    }

    fn nest_task(&self, epoch: u64) -> Option<Task> {
        let plan = self.epochs.get(&epoch)?;
        let work = self.nest_work(epoch)?;
        let keys = self.network.keys;
        let statement = NestStatement {
            keys: self.keys_digest,
            genesis: self.genesis,
            global: plan.state.digest(),
        };
        let statement = statement.digest();
        Some(Task::new(keys.nest, statement, keys, self.genesis, work))
    }

    fn nest_work(&self, epoch: u64) -> Option<Work> {
        let previous_proof = match epoch {
            1 => None,
            _ => Some(self.proof_of(epoch - 1)?),
        };
        self.epochs.get(&epoch)?.nest_work(previous_proof)
    }

    fn proof_of(&self, epoch: u64) -> Option<ProofBytes> {
        match epoch == self.published {
            true => self.last_proof,
            false => self.epochs.get(&epoch)?.nest.proof,
        }
    }

    /// Wants a task, unless its proof is known from before a restart.
    fn start(&mut self, task: &Task, place: Place) {
        match self.tasks.recorded(&task.id) {
            Some(proof) => self.place(place, proof),
            None => {
                let epoch = place.epoch().unwrap_or_default();
                self.tasks
                    .insert(task.id, task.key, task.statement, place, epoch);
            }
        }
    }

    /// The whole task of this id, as it was offered last. Made anew each time: thousands wait, few are at the queue.
    pub fn body(&self, id: &Digest) -> Option<Task> {
        let wanted = self.tasks.get(id)?;
        let (key, statement) = (wanted.key, wanted.statement);
        let work = match *wanted.place {
            Place::Program { shard, snapshot } => {
                self.node_work(shard, &snapshot, Node::Program)?
            }
            Place::Part {
                shard,
                snapshot,
                part,
            } => self.node_work(shard, &snapshot, Node::Part(part))?,
            Place::Merge {
                epoch,
                level,
                index,
            } => self.merge_work(epoch, level, index)?,
            Place::Nest { epoch } => self.nest_work(epoch)?,
        };
        let mut task = Task::new(key, statement, self.network.keys, self.genesis, work);
        self.tasks.mark(&mut task);
        Some(task)
    }
}
