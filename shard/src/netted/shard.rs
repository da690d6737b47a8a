//! A netted shard: a ledger on disk, and its place in the chain of global states.

use super::ledger::Rules;
use super::{Accounts, Entry, NettedError};
use crate::chain::Chain;
use crate::file::{self, FileError};
use crate::shard::ShardError;
use crate::store::{Settings, Store, StoreError};
use ark_bn254::Fr;
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use trifold_circuits::genesis::{
    Genesis, GenesisAccount, GenesisError, Netted, NettedStart, Start,
};
use trifold_circuits::netted::message::SignedMessage;
use trifold_circuits::netted::statement::State;
use trifold_circuits::snapshot::{Exchange, Snapshot, Work};
use trifold_circuits::transfer::body;
use trifold_verifier::verified::VerifiedState;

/// Name of the file with the place in the chain, beside the store's files.
pub const CHAIN: &str = "chain.json";

/// Why a netted shard refused, or could not keep what it should.
#[derive(Debug, thiserror::Error)]
pub enum NettedShardError {
    #[error(transparent)]
    Shard(#[from] ShardError),
    #[error(transparent)]
    Genesis(#[from] GenesisError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    File(#[from] FileError),
}

/// What is kept of the chain.
#[derive(Clone, Debug, Deserialize, Serialize)]
struct Position {
    chain: Chain,
    /// The ledger's epoch that is submitted next, or under way.
    epoch: u64,
}

/// What to submit: the snapshot, and the blobs that its parts are proven from.
#[derive(Clone, Debug)]
pub struct Submission {
    pub snapshot: Snapshot,
    pub inputs: Vec<Vec<u8>>,
}

/// One shard. Messages are taken at any time, also by others that hold its store while a snapshot is made; an epoch ends when a
/// snapshot is asked for and none is under way.
pub struct NettedShard {
    folder: PathBuf,
    store: Arc<Store>,
    netted: Netted,
    depth: u8,
    position: Position,
}

impl NettedShard {
    /// Makes the folder of shard `index` at genesis; `transfer` is the key digest of the program of this name.
    ///
    /// # Errors
    /// The shard runs another program, or there is something in the folder.
    pub fn create(
        folder: &Path,
        genesis: &Genesis,
        index: u32,
        transfer: Fr,
        settings: Settings,
    ) -> Result<Self, NettedShardError> {
        let (rules, netted, start) = terms(genesis, index)?;
        let entry = |account: &GenesisAccount| Entry {
            key: account.key,
            balance: account.balance,
            ordinal: 0,
        };
        let accounts: Accounts = start.accounts.iter().map(entry).collect();
        let store = Arc::new(Store::create(folder, rules, accounts, settings)?);
        let position = Position {
            chain: Chain::genesis(genesis, index, transfer)?,
            epoch: 0,
        };
        let shard = Self {
            folder: folder.into(),
            store,
            netted,
            depth: rules.depth,
            position,
        };
        shard.save()?;
        Ok(shard)
    }

    /// Opens what [`NettedShard::create`] made.
    ///
    /// # Errors
    /// Another process has it open, it is of another network, or something in it is damaged.
    pub fn open(
        folder: &Path,
        genesis: &Genesis,
        settings: Settings,
    ) -> Result<Self, NettedShardError> {
        let path = folder.join(CHAIN);
        let position: Position = file::read_json(&path)?;
        let (rules, netted, _) = terms(genesis, position.chain.index())?;
        let store = Arc::new(Store::open(folder, rules, settings)?);
        if store.epoch() < position.epoch {
            let reason = "the ledger is older than what was submitted";
            return Err(ShardError::Inconsistent(reason).into());
        }
        Ok(Self {
            folder: folder.into(),
            store,
            netted,
            depth: rules.depth,
            position,
        })
    }

    /// The place in the chain of the shard in a folder, also while another process has it open.
    pub fn chain_in(folder: &Path) -> Result<Chain, NettedShardError> {
        let position: Position = file::read_json(&folder.join(CHAIN))?;
        Ok(position.chain)
    }

    /// The ledger, which takes messages whatever the shard is doing.
    pub fn store(&self) -> &Arc<Store> {
        &self.store
    }

    /// The place in the chain.
    pub fn chain(&self) -> &Chain {
        &self.position.chain
    }

    /// Messages accepted that no snapshot holds yet.
    pub fn pending(&self) -> usize {
        self.store.pending()
    }

    /// Takes messages together; those that are `Ok` are on disk when this returns.
    pub fn accept(
        &self,
        messages: Vec<SignedMessage>,
    ) -> Result<Vec<Result<(), NettedError>>, NettedShardError> {
        Ok(self.store.submit(messages)?)
    }

    /// What to submit: the snapshot under way, unchanged, or else one of the messages accepted since, if there are any. It is
    /// remembered before it is given away.
    pub fn snapshot(
        &mut self,
        now_milliseconds: u64,
    ) -> Result<Option<Submission>, NettedShardError> {
        let epoch = self.position.epoch;
        if self.position.chain.under_way().is_none() {
            // An epoch that ended before a crash, and whose snapshot was not remembered, comes first.
            if self.store.epoch() == epoch {
                if self.store.pending() == 0 {
                    return Ok(None);
                }
                self.store.close_epoch(now_milliseconds)?;
            }
            self.prepare(epoch, now_milliseconds)?;
        }
        let assembly = self.store.assemble(epoch, &self.netted.keys)?;
        let snapshot = self.position.chain.under_way().cloned();
        Ok(snapshot.map(|snapshot| Submission {
            snapshot,
            inputs: assembly.inputs,
        }))
    }

    /// Remembers the snapshot of an epoch that has ended.
    fn prepare(&mut self, epoch: u64, now_milliseconds: u64) -> Result<(), NettedShardError> {
        let manifest = self.store.assemble(epoch, &self.netted.keys)?.manifest;
        let state = self.state(manifest.new);
        let events = u32::try_from(manifest.events()).unwrap_or(u32::MAX);
        let chain = &mut self.position.chain;
        let (body, nothing) = (body(state.digest()).digest(), Exchange::default());
        let new = chain.step(body, events, &nothing, chain.seen(), now_milliseconds)?;
        chain.submit(new, Work::Netted(manifest));
        self.save()
    }

    /// What the state root says of accounts with this root.
    pub(super) fn state(&self, accounts: Fr) -> State {
        State {
            network: self.netted.network,
            keys: self.netted.keys.root(),
            depth: self.depth,
            accounts,
        }
    }

    /// Takes in a verified global state, with the shard's path (from the leaf up) under its root. Says whether the state
    /// holds the snapshot under way.
    pub fn observe(
        &mut self,
        verified: &VerifiedState,
        siblings: &[[Fr; 2]],
    ) -> Result<bool, NettedShardError> {
        let confirmed = self.position.chain.observe(verified, siblings)?.is_some();
        if confirmed {
            self.position.epoch += 1;
        }
        self.save()?;
        Ok(confirmed)
    }

    fn save(&self) -> Result<(), NettedShardError> {
        Ok(file::write_json(&self.folder.join(CHAIN), &self.position)?)
    }
}

/// What shard `index` of a network goes by.
fn terms(genesis: &Genesis, index: u32) -> Result<(Rules, Netted, &NettedStart), NettedShardError> {
    let shard = genesis.shard(index)?;
    let (Start::Netted(start), Some(netted)) = (&shard.start, genesis.netted()?) else {
        let program = shard.start.program().into();
        return Err(ShardError::OtherProgram { index, program }.into());
    };
    let rules = Rules {
        network: netted.network,
        shard: index as u16,
        shards: genesis.shards().len() as u16,
        depth: start.depth,
        collector: start.collector,
        // Nothing leaves for other shards: an epoch with such a payment does not close.
        inbox_receivers: 0,
    };
    Ok((rules, netted, start))
}
