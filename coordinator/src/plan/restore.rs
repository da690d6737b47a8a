//! A plan rebuilt from its durable records.

use std::collections::{BTreeMap, HashMap};

use trifold_circuits::trie::TrieError;
use trifold_verifier::statement::GlobalState;

use super::{Action, Candidate, Network, Planner, Policy, Time};
use crate::Digest;
use crate::wire::{GlobalProof, ProofBytes};

/// What survived.
#[derive(Debug, Default, Clone)]
pub struct History {
    /// Accepted and not dropped, in the order of acceptance per shard.
    pub accepted: Vec<Candidate>,
    /// Members of epochs 1, 2, ..
    pub epochs: Vec<Vec<(u32, Digest)>>,
    /// Proofs that verified, by task.
    pub proofs: HashMap<Digest, ProofBytes>,
    /// Published global proofs of epochs 1, 2, ..
    pub published: Vec<GlobalProof>,
}

/// Records that contradict each other or the network.
#[derive(Debug, thiserror::Error)]
pub enum RestoreError {
    #[error("the genesis state is not that of the genesis leaves")]
    Genesis,
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
        plan.tasks.remember(history.proofs);
        for candidate in history.accepted {
            plan.enqueue(now, candidate);
        }
        let mut unproven = Vec::new();
        for (epoch, members) in (1..).zip(history.epochs) {
            let candidates = plan.close_again(epoch, members.into_iter().collect())?;
            match history.published.get(epoch as usize - 1) {
                Some(published) => plan.published_again(epoch, published)?,
                None => unproven.extend(candidates),
            }
        }
        let waiting = plan.shards.values().flat_map(|queue| &queue.pending);
        unproven.extend(waiting.map(|pending| pending.candidate.clone()));
        unproven
            .into_iter()
            .for_each(|candidate| plan.start_program(&candidate));
        plan.advance(now);
        let actions = std::mem::take(&mut plan.actions);
        Ok((plan, actions))
    }

    fn close_again(
        &mut self,
        epoch: u64,
        members: BTreeMap<u32, Digest>,
    ) -> Result<Vec<Candidate>, RestoreError> {
        let mut candidates = Vec::new();
        for (&shard, &snapshot) in &members {
            let front = self
                .shards
                .get(&shard)
                .and_then(|queue| queue.pending.front());
            match front.filter(|front| front.candidate.snapshot == snapshot) {
                Some(front) => candidates.push(front.candidate.clone()),
                None => {
                    return Err(RestoreError::Member {
                        epoch,
                        shard,
                        snapshot,
                    });
                }
            }
        }
        self.close(&members)?;
        Ok(candidates)
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
