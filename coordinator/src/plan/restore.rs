//! A plan rebuilt from its durable records, and a plan as such records: a checkpoint.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use trifold_circuits::field::Element;
use trifold_circuits::parallel;
use trifold_circuits::trie::{SparseTrie, TrieError};
use trifold_verifier::statement::{GlobalState, HISTORY_DEPTH, Leaf};

use super::epoch::Epoch;
use super::shards::{Hashes, ShardQueue};
use super::{Action, Candidate, Network, Planner, Policy, Quarantined, Time};
use crate::Digest;
use crate::wire::{GlobalProof, ProofBytes, WireLeaf, WireState};

/// What survived.
#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct History {
    /// Where it begins; genesis if there is none.
    pub base: Option<Base>,
    /// Accepted and not dropped, in the order of acceptance per shard.
    pub accepted: Vec<Candidate>,
    /// Members of the epochs after the base.
    pub epochs: Vec<Vec<(u32, Digest)>>,
    /// Proofs that verified, by task.
    pub proofs: BTreeMap<Digest, ProofBytes>,
    /// Published global proofs of epochs after the base.
    pub published: Vec<GlobalProof>,
    /// What is said about tasks that are not proven.
    pub quarantined: Vec<Quarantined>,
}

/// The network at a published epoch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Base {
    pub state: WireState,
    /// The global proof of it.
    pub proof: Option<ProofBytes>,
    /// Digests of the states before it, from G_0 on.
    pub history: Vec<Element>,
    pub shards: BTreeMap<u32, BaseShard>,
}

/// A shard at a published epoch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BaseShard {
    pub leaf: WireLeaf,
    /// The snapshots of it that entered an epoch last, and which.
    pub included: Vec<(Digest, u64)>,
}

/// Records that contradict each other or the network.
#[derive(Debug, thiserror::Error)]
pub enum RestoreError {
    #[error("the genesis state is not that of the genesis leaves")]
    Genesis,
    #[error("the checkpoint of epoch {0} is not of the state that it names")]
    Base(u64),
    #[error(
        "epoch {epoch} is recorded with snapshot {snapshot} of shard {shard}, which is not next in its queue"
    )]
    Member {
        epoch: u64,
        shard: u32,
        snapshot: Digest,
    },
    #[error(
        "the published proof of epoch {0} is of another state: the records belong to another network"
    )]
    Fork(u64),
    #[error(transparent)]
    Trie(#[from] TrieError),
}

impl Planner {
    /// The plan as it was, and what is to be done again.
    pub fn restore(
        network: Network,
        policy: Policy,
        history: History,
        now: Time,
    ) -> Result<(Self, Vec<Action>), RestoreError> {
        let mut plan = Self::new(network, policy)?;
        if let Some(base) = history.base {
            plan.rebase(base)?;
        }
        plan.tasks.remember(history.proofs, history.quarantined);
        let hashed = |candidate: Candidate| (Hashes::of(&candidate), candidate);
        for (hashes, candidate) in parallel::map(history.accepted, hashed) {
            plan.enqueue(now, candidate, hashes);
        }
        let mut published = history.published.into_iter();
        for (epoch, members) in (plan.published + 1..).zip(history.epochs) {
            let members: BTreeMap<u32, Digest> = members.into_iter().collect();
            plan.check_members(epoch, &members)?;
            match published.next() {
                Some(published) => {
                    plan.close(&members, now)?;
                    plan.published_again(epoch, &published)?;
                }
                None => plan.close_again(epoch, &members, now)?,
            }
        }
        plan.start_all();
        plan.advance(now);
        plan.tasks.forget_remembered();
        let actions = std::mem::take(&mut plan.actions);
        Ok((plan, actions))
    }

    /// What the plan can be restored from.
    pub fn history(&self) -> History {
        let closed = self.epochs.values().flat_map(|epoch| &epoch.programs);
        let closed = closed.map(|member| &member.candidate);
        let waiting = self.shards.values().flat_map(|queue| &queue.pending);
        let waiting = waiting.map(|pending| &pending.candidate);
        let members = self.epochs.values().map(|epoch| epoch.members.clone());
        History {
            base: Some(self.base()),
            accepted: closed.chain(waiting).cloned().collect(),
            epochs: members.collect(),
            proofs: self.proofs().collect(),
            published: Vec::new(),
            quarantined: self.quarantined().cloned().collect(),
        }
    }

    /// The proofs of what is not published, by task.
    fn proofs(&self) -> impl Iterator<Item = (Digest, ProofBytes)> {
        let waiting = self.shards.values().flat_map(|queue| &queue.pending);
        let waiting = waiting.flat_map(|pending| pending.proofs.proven());
        waiting.chain(self.epochs.values().flat_map(Epoch::proofs))
    }

    fn base(&self) -> Base {
        let oldest = self.epochs.values().next();
        let state = oldest.map_or(self.head, |epoch| epoch.previous);
        let mut shards = self.closed_shards();
        for epoch in self.epochs.values().rev() {
            take_back(&mut shards, epoch);
        }
        let history = (0..state.epoch).map(|epoch| Element(self.history.get(epoch)));
        Base {
            state: state.into(),
            proof: self.last_proof,
            history: history.collect(),
            shards,
        }
    }

    /// The shards as the newest closed epoch leaves them.
    fn closed_shards(&self) -> BTreeMap<u32, BaseShard> {
        let shard = |(shard, queue): (&u32, &ShardQueue)| {
            let leaf = queue.current?.into();
            let included = queue.included.iter().copied().collect();
            Some((*shard, BaseShard { leaf, included }))
        };
        self.shards.iter().filter_map(shard).collect()
    }

    /// Begins at a published epoch instead of genesis.
    fn rebase(&mut self, base: Base) -> Result<(), RestoreError> {
        let state = GlobalState::from(base.state);
        let wrong = || RestoreError::Base(state.epoch);
        let genesis = std::mem::take(&mut self.shards);
        let queue = |(shard, found): (u32, BaseShard)| {
            let leaf = Leaf::from(found.leaf);
            // Hashed already.
            let same = genesis.get(&shard).filter(|q| q.current == Some(leaf));
            let mut queue = match same {
                Some(same) => ShardQueue::at(leaf, same.digest),
                None => ShardQueue::new(Some(leaf)),
            };
            queue.included = found.included.into();
            (shard, queue)
        };
        let shards = base.shards.into_iter().collect();
        self.shards = parallel::map(shards, queue).into_iter().collect();
        let mut leaves = SparseTrie::new(state.depth.into())?;
        leaves.set_many(
            self.shards
                .iter()
                .map(|(s, queue)| ((*s).into(), queue.digest)),
        )?;
        let mut history = SparseTrie::new(HISTORY_DEPTH)?;
        history.set_many((0..).zip(base.history.iter().map(|digest| digest.0)))?;
        let first = base.history.first().map(|digest| digest.0);
        let ours = match state.epoch {
            0 => state == self.network.genesis,
            _ => first == Some(self.genesis) && base.proof.is_some(),
        };
        let complete = base.history.len() as u64 == state.epoch;
        if !ours || !complete || (leaves.root(), history.root()) != (state.root, state.history) {
            return Err(wrong());
        }
        (self.head, self.head_digest) = (state, state.digest());
        (self.leaves, self.history) = (leaves, history);
        (self.published, self.last_proof) = (state.epoch, base.proof);
        Ok(())
    }

    fn check_members(
        &self,
        epoch: u64,
        members: &BTreeMap<u32, Digest>,
    ) -> Result<(), RestoreError> {
        let next = |shard: &u32| self.shards.get(shard)?.pending.front();
        for (&shard, &snapshot) in members {
            if next(&shard).is_none_or(|front| front.candidate.snapshot != snapshot) {
                return Err(RestoreError::Member {
                    epoch,
                    shard,
                    snapshot,
                });
            }
        }
        Ok(())
    }

    /// Closes an epoch that is not published, and starts what its proofs let start.
    fn close_again(
        &mut self,
        epoch: u64,
        members: &BTreeMap<u32, Digest>,
        now: Time,
    ) -> Result<(), RestoreError> {
        for (shard, snapshot) in members {
            self.start_proofs(*shard, snapshot);
        }
        self.close(members, now)?;
        self.start_merges(epoch);
        Ok(())
    }

    fn start_all(&mut self) {
        let waiting = self.shards.iter().flat_map(|(shard, queue)| {
            let snapshots = queue.pending.iter().map(|p| p.candidate.snapshot);
            snapshots.map(|snapshot| (*shard, snapshot))
        });
        for (shard, snapshot) in waiting.collect::<Vec<_>>() {
            self.start_proofs(shard, &snapshot);
        }
    }

    fn published_again(&mut self, epoch: u64, published: &GlobalProof) -> Result<(), RestoreError> {
        if GlobalState::from(published.state) != self.head || published.genesis != self.genesis {
            return Err(RestoreError::Fork(epoch));
        }
        self.epochs.remove(&epoch);
        self.published = epoch;
        self.last_proof = Some(published.proof);
        Ok(())
    }
}

/// Undoes an epoch: its members are as they were before it.
fn take_back(shards: &mut BTreeMap<u32, BaseShard>, epoch: &Epoch) {
    for candidate in epoch.programs.iter().map(|member| &member.candidate) {
        let Some(old) = candidate.step.old else {
            shards.remove(&candidate.shard);
            continue;
        };
        if let Some(shard) = shards.get_mut(&candidate.shard) {
            shard.leaf = old;
            shard.included.pop();
        }
    }
}
