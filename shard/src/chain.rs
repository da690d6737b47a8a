//! A shard's place in the chain of global states: the leaf that it has there, what it has submitted, what it has seen.

use crate::clock;
use crate::shard::ShardError;
use ark_bn254::Fr;
use serde::{Deserialize, Serialize};
use trifold_circuits::channel::StateFields;
use trifold_circuits::field;
use trifold_circuits::genesis::{Genesis, GenesisError};
use trifold_circuits::snapshot::{self, Exchange, Snapshot, Work};
use trifold_circuits::transfer::SeenState;
use trifold_verifier::claim::ShardClaim;
use trifold_verifier::statement::{GlobalState, Leaf, SUPPLY_BITS};
use trifold_verifier::trie::Path;
use trifold_verifier::verified::VerifiedState;

/// One snapshot is under way at a time; it is submitted again until a global state holds it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct Chain {
    #[serde(with = "field::element")]
    network: Fr,
    index: u32,
    /// The shard's leaf in the latest global state.
    #[serde(with = "snapshot::leaf")]
    leaf: Leaf,
    /// Submitted, and not yet in a global state.
    under_way: Option<Snapshot>,
    /// The latest global state verified.
    #[serde(with = "StateFields")]
    latest: GlobalState,
    /// The one verified before it: the history of `latest` holds it, so the next epoch can open it.
    seen: Option<SeenState>,
}

impl Chain {
    /// Shard `index` of a network at genesis; `transfer` is the key digest of the program of this name.
    pub fn genesis(genesis: &Genesis, index: u32, transfer: Fr) -> Result<Self, GenesisError> {
        let latest = genesis.global_state(transfer)?;
        Ok(Self {
            network: latest.digest(),
            index,
            leaf: genesis.leaf(index, transfer)?,
            under_way: None,
            latest,
            seen: None,
        })
    }

    /// Digest of G_0.
    pub fn network(&self) -> Fr {
        self.network
    }

    /// Index in the global trie.
    pub fn index(&self) -> u32 {
        self.index
    }

    /// The shard's leaf in the latest global state.
    pub fn leaf(&self) -> &Leaf {
        &self.leaf
    }

    /// Epoch of the latest global state observed; 0 before the first.
    pub fn latest_epoch(&self) -> u64 {
        self.latest.epoch
    }

    /// Shards that the global trie has places for in that state.
    pub fn places(&self) -> u64 {
        3u64.saturating_pow(self.latest.depth.into())
    }

    /// The snapshot that no global state holds yet.
    pub fn under_way(&self) -> Option<&Snapshot> {
        self.under_way.as_ref()
    }

    /// The state that the next step has seen; none before the second state observed.
    pub fn seen(&self) -> Option<SeenState> {
        self.seen
    }

    /// The leaf after a step of `events` events to this body, which has seen that state.
    pub fn step(
        &self,
        body: Fr,
        events: u32,
        exchange: &Exchange,
        seen: Option<SeenState>,
        now_milliseconds: u64,
    ) -> Result<Leaf, ShardError> {
        let timestamp = self.leaf.timestamp.max(exchange.received_timestamp);
        let spent = ShardError::Clock {
            timestamp,
            now_milliseconds,
        };
        let counted = self.leaf.lamport.checked_add(events.into());
        let later = exchange.received_lamport.checked_add(1);
        let lamport = counted
            .zip(later)
            .map(|(counted, later)| counted.max(later));
        let clocks = clock::tick(timestamp, now_milliseconds).zip(lamport);
        let (timestamp, lamport) = clocks.ok_or(spent)?;
        Ok(Leaf {
            body,
            lamport,
            timestamp,
            seen_epoch: seen.map_or(0, |SeenState(state)| state.epoch),
            seen_digest: seen.map_or(Fr::default(), |SeenState(state)| state.digest()),
            supply: supply(self.leaf.supply, exchange)?,
            ..self.leaf
        })
    }

    /// Submits the step to a leaf, in place of what was under way.
    pub fn submit(&mut self, new: Leaf, work: Work) -> &Snapshot {
        self.under_way.insert(Snapshot {
            network: self.network,
            shard: self.index,
            old: self.leaf.digest(),
            new,
            work,
        })
    }

    /// Nothing is under way any more.
    pub fn forget(&mut self) {
        self.under_way = None;
    }

    /// Takes in a verified global state, with the shard's path (from the leaf up) under its root. Gives the snapshot that was
    /// under way if the state holds it.
    ///
    /// # Errors
    /// The state is not newer than the latest one, or holds neither that snapshot nor the shard's leaf.
    pub fn observe(
        &mut self,
        verified: &VerifiedState,
        siblings: &[[Fr; 2]],
    ) -> Result<Option<Snapshot>, ShardError> {
        let state = verified.state();
        let (epoch, latest) = (state.epoch, self.latest.epoch);
        if epoch <= latest {
            return Err(ShardError::Stale { epoch, latest });
        }
        let index = self.index;
        let holds = |leaf: &Leaf| {
            let path = Path {
                index: index.into(),
                siblings: siblings.to_vec(),
            };
            let leaf = Some(*leaf);
            let claim = ShardClaim { index, leaf, path };
            verified.verify_shard(&claim).is_ok()
        };
        let confirmed = self.under_way.take_if(|snapshot| holds(&snapshot.new));
        if confirmed.is_none() && !holds(&self.leaf) {
            return Err(ShardError::NotUnderRoot { epoch });
        }
        if let Some(snapshot) = &confirmed {
            self.leaf = snapshot.new;
        }
        let before = std::mem::replace(&mut self.latest, *state);
        self.seen = Some(SeenState(before));
        Ok(confirmed)
    }

    /// Checks one that was read from storage.
    pub fn check(&self) -> Result<(), ShardError> {
        match &self.under_way {
            Some(snapshot) if snapshot.old != self.leaf.digest() => {
                Err(ShardError::Inconsistent("the snapshot starts elsewhere"))
            }
            _ => Ok(()),
        }
    }
}

/// What is held after the exchange.
fn supply(held: u128, exchange: &Exchange) -> Result<u128, ShardError> {
    let Exchange { sent, received, .. } = *exchange;
    let in_range = |value: u128| match value >> SUPPLY_BITS {
        0 => Ok(value),
        _ => Err(ShardError::Value { value }),
    };
    let (sent, received) = (in_range(sent)?, in_range(received)?);
    let overdraft = ShardError::Overdraft {
        sent,
        held,
        received,
    };
    let rest = (held + received).checked_sub(sent);
    in_range(rest.ok_or(overdraft)?)
}
