//! A netted shard: a ledger on disk, and its place in the chain of global states.

use super::ledger::Rules;
use super::limits::Limits;
use super::{Accounts, Entry, NettedError};
use crate::boxes::{Inbox, Outbox};
use crate::chain::Chain;
use crate::file::{self, FileError};
use crate::post::{MAX_UNTAKEN, Post, Waiting};
use crate::shard::ShardError;
use crate::store::{Settings, Store, StoreError};
use ark_bn254::Fr;
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use trifold_circuits::channel::BodyFields;
use trifold_circuits::genesis::{
    Genesis, GenesisAccount, GenesisError, Netted, NettedStart, Start,
};
use trifold_circuits::netted::manifest::Manifest;
use trifold_circuits::netted::message::SignedMessage;
use trifold_circuits::netted::statement::State;
use trifold_circuits::netted::traffic::Traffic;
use trifold_circuits::snapshot::{Snapshot, Work};
use trifold_circuits::trie::TrieError;
use trifold_verifier::statement::Body;
use trifold_verifier::verified::VerifiedState;

mod exchange;

use exchange::{Exchanged, Queued};

/// Name of the file with the place in the chain, beside the store's files.
pub(crate) const CHAIN: &str = "chain.json";

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
    Trie(#[from] TrieError),
    #[error(transparent)]
    File(#[from] FileError),
}

/// What is kept beside the ledger.
#[derive(Clone, Debug, Deserialize, Serialize)]
struct Position {
    chain: Chain,
    /// The ledger's epoch that is submitted next, or under way.
    epoch: u64,
    /// The body before that epoch, and what was sent and taken before it.
    #[serde(with = "BodyFields")]
    body: Body,
    post: Post,
    /// What that epoch does to them, once it is under way.
    under_way: Option<Exchanged>,
    /// Messages of other shards that no epoch under way or before it took, in the order in which they came.
    queue: VecDeque<Queued>,
}

/// What to submit: the snapshot, and the blobs that its parts are proven from.
#[derive(Clone, Debug)]
pub struct Submission {
    pub snapshot: Snapshot,
    pub inputs: Vec<Vec<u8>>,
}

/// One shard. Clients' messages are taken at any time, also by others that hold its store while a snapshot is made; an epoch ends when
/// a snapshot is asked for and none is under way, and then takes messages of other shards.
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
        let post = Post::new()?;
        let position = Position {
            chain: Chain::genesis(genesis, index, transfer)?,
            epoch: 0,
            body: post.body(state(&netted, rules.depth, store.root()).digest()),
            post,
            under_way: None,
            queue: VecDeque::new(),
        };
        file::write_json(&folder.join(CHAIN), &position)?;
        Ok(Self {
            folder: folder.into(),
            store,
            netted,
            depth: rules.depth,
            position,
        })
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
        position.check(store.epoch())?;
        let shard = Self {
            folder: folder.into(),
            store,
            netted,
            depth: rules.depth,
            position,
        };
        shard.refuse_full();
        Ok(shard)
    }

    /// The ledger, which takes messages whatever the shard is doing.
    pub fn store(&self) -> &Arc<Store> {
        &self.store
    }

    /// The place in the chain.
    pub fn chain(&self) -> &Chain {
        &self.position.chain
    }

    /// Messages sent, as the latest global state counts them.
    pub fn outbox(&self) -> &Outbox {
        self.position.post.outbox()
    }

    /// Messages taken, as the latest global state counts them.
    pub fn inbox(&self) -> &Inbox {
        self.position.post.inbox()
    }

    /// Clients' messages accepted that no snapshot holds yet.
    pub fn pending(&self) -> usize {
        self.store.pending()
    }

    /// Messages of other shards that no snapshot holds yet.
    pub fn queued(&self) -> usize {
        self.position.queue.len()
    }

    /// Takes messages together; those that are `Ok` are on disk when this returns.
    pub fn accept(
        &self,
        messages: Vec<SignedMessage>,
    ) -> Result<Vec<Result<(), NettedError>>, NettedShardError> {
        Ok(self.store.submit(messages)?)
    }

    /// What to submit: the snapshot under way, unchanged, or else one of the messages that came since, if there are any. It is
    /// remembered before it is given away.
    pub fn snapshot(
        &mut self,
        now_milliseconds: u64,
    ) -> Result<Option<Submission>, NettedShardError> {
        let epoch = self.position.epoch;
        let is_under_way = self.position.under_way.is_some();
        // An epoch that ended before a crash, and whose snapshot was not remembered, comes first.
        if !is_under_way && self.store.epoch() == epoch {
            let taken = self.position.takable();
            if self.store.pending() == 0 && taken.is_empty() {
                return Ok(None);
            }
            self.store.close_epoch(now_milliseconds, taken)?;
        }
        let traffic = self.traffic()?;
        let seen = self.position.seen_digest();
        let assembly = (self.store).assemble(epoch, &self.netted.keys, seen, &traffic)?;
        if !is_under_way {
            self.prepare(&traffic, assembly.manifest, now_milliseconds)?;
        }
        let snapshot = self.position.chain.under_way().cloned();
        Ok(snapshot.map(|snapshot| Submission {
            snapshot,
            inputs: assembly.inputs,
        }))
    }

    /// Remembers the snapshot of an epoch that has ended.
    fn prepare(
        &mut self,
        traffic: &Traffic,
        manifest: Manifest,
        now_milliseconds: u64,
    ) -> Result<(), NettedShardError> {
        let mut next = self.position.clone();
        let seen = next.next_seen();
        next.dequeue(&traffic.received)?;
        let exchanged = self.exchanged(traffic, manifest.new)?;
        let events = self.store.events_of(next.epoch)? + traffic.received.len();
        let events = u32::try_from(events).unwrap_or(u32::MAX);
        let (body, exchange) = (exchanged.body.digest(), traffic.exchange());
        let new = (next.chain).step(body, events, &exchange, seen, now_milliseconds)?;
        next.chain.submit(new, Work::Netted(manifest));
        next.under_way = Some(exchanged);
        self.remember(next)
    }

    /// Takes in a verified global state, with the shard's path (from the leaf up) under its root. Says whether the state
    /// holds the snapshot under way.
    pub fn observe(
        &mut self,
        verified: &VerifiedState,
        siblings: &[[Fr; 2]],
    ) -> Result<bool, NettedShardError> {
        let mut next = self.position.clone();
        let confirmed = next.chain.observe(verified, siblings)?.is_some();
        if let Some(exchanged) = next.under_way.take_if(|_| confirmed) {
            exchanged.apply(&mut next.post)?;
            next.body = exchanged.body;
            next.epoch += 1;
        }
        let siblings = siblings.to_vec();
        (next.post).keep(&next.chain, siblings, next.body, &Waiting::default());
        self.remember(next)?;
        Ok(confirmed)
    }

    /// Goes on from a position that is on disk first.
    fn remember(&mut self, next: Position) -> Result<(), NettedShardError> {
        file::write_json(&self.folder.join(CHAIN), &next)?;
        self.position = next;
        self.refuse_full();
        Ok(())
    }
}

impl Position {
    /// Checks one that was read from storage, beside a ledger whose open epoch is `open`.
    fn check(&self, open: u64) -> Result<(), ShardError> {
        let inconsistent = |reason| Err(ShardError::Inconsistent(reason));
        let ended = self.epoch + u64::from(self.under_way.is_some());
        if open < ended {
            return inconsistent("the ledger is older than what was submitted");
        }
        if self.body.digest() != self.chain.leaf().body {
            return inconsistent("the body is not that of the leaf");
        }
        if self.post.body(self.body.state_root) != self.body {
            return inconsistent("the messages are not those that the leaf records");
        }
        if self.under_way.is_some() != self.chain.under_way().is_some() {
            return inconsistent("the snapshot under way is not that of its messages");
        }
        self.chain.check()
    }
}

/// The shard's state with this root of accounts.
fn state(netted: &Netted, depth: u8, accounts: Fr) -> State {
    State {
        network: netted.network,
        keys: netted.keys.root(),
        depth,
        accounts,
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
        inbox_receivers: MAX_UNTAKEN,
        limits: Limits::provable(start.depth, &netted.keys),
    };
    Ok((rules, netted, start))
}
