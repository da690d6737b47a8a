//! A chain of published epochs without a farm: leaves that change, and proofs that real light clients accept.

use std::collections::BTreeMap;

use trifold_circuits::groth16::VkError;
use trifold_circuits::trie::{SparseTrie, TrieError};
use trifold_verifier::client;
use trifold_verifier::groth16::{InvalidPoint, KeyError};
use trifold_verifier::statement::{GlobalState, HISTORY_DEPTH, Leaf};

use super::{Simulator, Snapshot};
use crate::Digest;
use crate::archive::Origin;
use crate::core::Member;
use crate::plan::Network;
use crate::wire::{GlobalProof, ProofBytes, VERSION};

/// Why a stand-in could not be made.
#[derive(Debug, thiserror::Error)]
pub enum ChainError {
    #[error(transparent)]
    Trie(#[from] TrieError),
    #[error(transparent)]
    Circuit(#[from] VkError),
    #[error(transparent)]
    Key(#[from] KeyError),
    #[error(transparent)]
    Proof(#[from] InvalidPoint),
}

/// An epoch as it is published.
#[derive(Debug, Clone)]
pub struct Link {
    pub proof: GlobalProof,
    pub members: Vec<Member>,
}

/// A network of stand-in shards under a key with known secrets, and its newest state.
pub struct Chain {
    simulator: Simulator,
    pub origin: Origin,
    pub state: GlobalState,
    leaves: BTreeMap<u32, Leaf>,
    trie: SparseTrie,
    history: SparseTrie,
}

impl Chain {
    /// At genesis; a network for each seed.
    ///
    /// # Errors
    /// So many shards don't fit.
    pub fn new(shards: u32, seed: u64) -> Result<Self, ChainError> {
        Self::of(super::network(shards)?, seed)
    }

    /// From these leaves, under the key of a seed instead of the network's own.
    ///
    /// # Errors
    /// The leaves don't fit.
    pub fn of(network: Network, seed: u64) -> Result<Self, ChainError> {
        let simulator = Simulator::new(seed);
        let mut keys = network.keys;
        keys.nest = simulator.prepared()?.digest();
        let client = client::Network {
            keys,
            genesis: network.genesis.digest(),
            nest_key: simulator.client_key()?,
        };
        let mut trie = SparseTrie::new(network.genesis.depth.into())?;
        let leaves = network.leaves.iter();
        trie.set_many(leaves.map(|(shard, leaf)| ((*shard).into(), leaf.digest())))?;
        Ok(Self {
            simulator,
            state: network.genesis,
            trie,
            history: SparseTrie::new(HISTORY_DEPTH)?,
            leaves: network.leaves.clone(),
            origin: Origin {
                network: client,
                genesis: network.genesis,
                leaves: network.leaves,
            },
        })
    }

    /// A leaf in the newest state.
    pub fn leaf(&self, shard: u32) -> Option<&Leaf> {
        self.leaves.get(&shard)
    }

    /// The next epoch, in which these shards, in order, take a step; the trie first grows by a level if it has to.
    ///
    /// # Errors
    /// A shard is beyond the next level.
    pub fn next(&mut self, shards: impl IntoIterator<Item = u32>) -> Result<Link, ChainError> {
        let members: Vec<Member> = shards.into_iter().map(|shard| self.step(shard)).collect();
        let last = members.last().map_or(0, |member| u64::from(member.shard));
        if last >= self.trie.capacity() {
            self.trie.deepen()?;
        }
        let before = self.state;
        let digests = members.iter().map(|member| {
            let leaf = Leaf::from(member.leaf);
            (u64::from(member.shard), leaf.digest())
        });
        self.trie.set_many(digests)?;
        self.history.set(before.epoch, before.digest())?;
        self.state = GlobalState {
            epoch: before.epoch + 1,
            depth: self.trie.depth() as u8,
            root: self.trie.root(),
            history: self.history.root(),
            in_flight: 0,
        };
        let transfers = members.len() as u64;
        let proof = self.publication(self.state, before, transfers)?;
        Ok(Link { proof, members })
    }

    /// The publication of any state, true or not, with a proof that holds.
    ///
    /// # Errors
    /// For one statement of all.
    pub fn publication(
        &self,
        state: GlobalState,
        before: GlobalState,
        transfers: u64,
    ) -> Result<GlobalProof, ChainError> {
        let network = &self.origin.network;
        let statement = network.statement(&state).digest();
        Ok(GlobalProof {
            version: VERSION,
            state: state.into(),
            proof: ProofBytes(self.simulator.client_proof(statement)?.to_bytes()),
            keys: network.keys.into(),
            genesis: network.genesis,
            old_root: before.root,
            transfers,
        })
    }

    fn step(&mut self, shard: u32) -> Member {
        let snapshot = Snapshot::after(shard, self.leaves.get(&shard).copied());
        self.leaves.insert(shard, snapshot.leaf());
        Member {
            shard,
            snapshot: Digest::of(&snapshot.encode()),
            leaf: snapshot.leaf().into(),
        }
    }
}
