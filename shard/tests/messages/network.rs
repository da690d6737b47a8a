//! Shards and the chain of global states over them, advanced by the native relations of merge and nest.

#![allow(dead_code)] // each test binary uses its part

use crate::common::Trapdoor;
use ark_bn254::{Fr, G1Affine, G2Affine};
use ark_ec::AffineRepr;
use std::collections::BTreeMap;
use trifold_circuits::genesis::{DemoSecrets, Genesis};
use trifold_circuits::groth16::advice::Proof;
use trifold_circuits::merge::{Child, Merge, Registration, ShardStep};
use trifold_circuits::nest::Nest;
use trifold_circuits::snapshot::{Exchange, Kind, Snapshot, SnapshotError, View};
use trifold_circuits::trie::SparseTrie;
use trifold_shard::{Shard, Wallet};
use trifold_verifier::claim::ShardClaim;
use trifold_verifier::client::{self, Update};
use trifold_verifier::statement::{GlobalState, HISTORY_DEPTH, Keys, Leaf, REGISTRY_DEPTH};
use trifold_verifier::trie::Path;
use trifold_verifier::verified::VerifiedState;

pub const NOW: u64 = 1_790_000_000_000;
/// Milliseconds from one epoch to the next.
const EPOCH: u64 = 10_000;

pub struct Network {
    pub genesis: Genesis,
    pub secrets: DemoSecrets,
    pub shards: Vec<Shard>,
    /// Leaves in the newest state.
    pub leaves: Vec<Leaf>,
    pub state: VerifiedState,
    program: Fr,
    trie: SparseTrie,
    history: SparseTrie,
    states: Vec<GlobalState>,
    registry: SparseTrie,
    client: client::Network,
    trapdoor: Trapdoor,
}

impl Network {
    pub fn new(seed: u64, shards: u32, accounts: u32, balance: u64) -> Self {
        let (genesis, secrets) = Genesis::demo(seed, shards, accounts, balance).unwrap();
        let program = Fr::from(99);
        let mut registry = SparseTrie::new(REGISTRY_DEPTH).unwrap();
        registry.set(0, program).unwrap();
        let trapdoor = Trapdoor::new(1);
        let start = genesis.global_state(program).unwrap();
        let client = client::Network {
            keys: Keys {
                merge: Fr::from(1),
                nest: Fr::from(2),
                registry: registry.root(),
            },
            genesis: start.digest(),
            nest_key: trapdoor.key(),
        };
        let shard = |index| Shard::genesis(&genesis, index, program).unwrap();
        let leaf = |index| genesis.leaf(index, program).unwrap();
        Self {
            shards: (0..shards).map(shard).collect(),
            leaves: (0..shards).map(leaf).collect(),
            state: prove(&client, &trapdoor, start),
            trie: genesis.trie(program).unwrap(),
            history: SparseTrie::new(HISTORY_DEPTH).unwrap(),
            states: vec![start],
            genesis,
            secrets,
            program,
            registry,
            client,
            trapdoor,
        }
    }

    pub fn now(&self) -> u64 {
        NOW + EPOCH * self.state.epoch()
    }

    pub fn wallet(&self, shard: u32, account: u64) -> Wallet {
        let secret = self.secrets.accounts[shard as usize][account as usize].clone();
        let held = self.shards[shard as usize].ledger().account(account);
        Wallet::new(secret, shard, account, held.unwrap().ordinal)
    }

    pub fn snapshot(&mut self, shard: u32) -> Option<Snapshot> {
        let now = self.now();
        self.shards[shard as usize].snapshot(now).unwrap().cloned()
    }

    /// What a coordinator says of a snapshot, and what its circuit and then merge say.
    pub fn check(&self, snapshot: &Snapshot) -> Result<ShardStep, String> {
        let text = |error: SnapshotError| error.to_string();
        let current = self.leaves.get(snapshot.shard as usize);
        let current = current.ok_or("no such shard")?;
        let view = View {
            network: self.client.genesis,
            current,
            kind: &|program| (*program == self.program).then_some(Kind::Transfer),
            history: &|epoch| {
                let known = self.states.get(epoch as usize);
                known
                    .filter(|state| state.epoch < self.state.epoch())
                    .map(GlobalState::digest)
            },
            netted: None,
            now_milliseconds: self.now(),
        };
        snapshot.check(&view).map_err(text)?;
        let (_, statement) = snapshot.inputs().map_err(text)?;
        let step = self.step(snapshot, *current);
        match step.statement(snapshot.shard) == statement {
            true => Ok(step),
            false => Err("the leaf is not what the batch states".into()),
        }
    }

    fn step(&self, snapshot: &Snapshot, old: Leaf) -> ShardStep {
        let Exchange {
            sent,
            received,
            received_lamport,
            received_timestamp,
        } = snapshot.work.exchange();
        ShardStep {
            old: Some(old),
            new: snapshot.new,
            events: snapshot.events(),
            sent,
            received,
            received_lamport,
            received_timestamp,
            seen_path: self.history.path(snapshot.new.seen_epoch).unwrap(),
        }
    }

    /// Proves an epoch of these snapshots, and has no shard take it in.
    pub fn close(&mut self, snapshots: &[Snapshot]) {
        let steps = snapshots.iter().map(|snapshot| {
            let step = self.check(snapshot);
            (
                snapshot.shard,
                step.unwrap_or_else(|error| panic!("shard {}: {error}", snapshot.shard)),
            )
        });
        let steps: BTreeMap<u32, ShardStep> = steps.collect();
        let previous = *self.state.state();
        let history_path = self.history.path(previous.epoch).unwrap();
        let (sent, received) = self.merge(&steps);
        let leaves = steps.values().map(|step| step.new);
        for (index, leaf) in steps.keys().zip(leaves) {
            self.trie.set((*index).into(), leaf.digest()).unwrap();
            self.leaves[*index as usize] = leaf;
        }
        let nest = Nest {
            keys: self.client.keys,
            genesis: self.client.genesis,
            previous,
            previous_proof: (previous.epoch > 0).then(proof),
            deepen: false,
            root: self.trie.root(),
            sent,
            received,
            top_proof: proof(),
            history_path,
        };
        let state = nest.state().unwrap();
        self.history.set(previous.epoch, previous.digest()).unwrap();
        assert_eq!(self.history.root(), state.history);
        self.states.push(state);
        self.state = prove(&self.client, &self.trapdoor, state);
    }

    /// Checks all merges of level 0, and says what they sent and received.
    fn merge(&self, steps: &BTreeMap<u32, ShardStep>) -> (u128, u128) {
        let mut flows = (0, 0);
        for index in 0..self.leaves.len().div_ceil(3) as u32 {
            let children = [0, 1, 2].map(|i| match steps.get(&(3 * index + i)) {
                Some(step) => Child::Shard {
                    step: step.clone(),
                    proof: proof(),
                },
                None => Child::Unchanged(self.trie.get((3 * index + i).into())),
            });
            let merge = Merge {
                keys: self.client.keys,
                level: 0,
                index,
                history: self.history.root(),
                registration: Registration {
                    program: self.program,
                    path: Path {
                        index: 0,
                        siblings: self.registry.path(0).unwrap(),
                    },
                },
                children,
            };
            merge.check().unwrap();
            let statement = merge.statement();
            flows = (flows.0 + statement.sent, flows.1 + statement.received);
        }
        flows
    }

    /// A shard takes in the newest state.
    pub fn observe(&mut self, shard: u32) -> bool {
        let siblings = self.trie.path(shard.into()).unwrap();
        let shard = &mut self.shards[shard as usize];
        shard.observe(&self.state, siblings).unwrap()
    }

    /// All shards submit, an epoch is proven, and all take it in.
    pub fn epoch(&mut self) {
        let all = 0..self.shards.len() as u32;
        let snapshots: Vec<_> = all
            .clone()
            .filter_map(|shard| self.snapshot(shard))
            .collect();
        self.close(&snapshots);
        all.for_each(|shard| {
            self.observe(shard);
        });
    }

    /// Everything that `from` has for `to` under the state that `to` takes messages under.
    pub fn deliver(&mut self, from: u32, to: u32) -> usize {
        let now = self.now();
        let epoch = self.shards[to as usize].seen_epoch().unwrap();
        let delivery = self.shards[from as usize].deliver(to, epoch).unwrap();
        self.shards[to as usize].receive(&delivery, now).unwrap()
    }

    pub fn balance(&self, shard: u32, account: u64) -> u64 {
        let account = self.shards[shard as usize].ledger().account(account);
        account.map_or(0, |account| account.balance)
    }

    /// What the global state's leaf of a shard is, with its path.
    pub fn claim(&self, index: u32) -> ShardClaim {
        ShardClaim {
            index,
            leaf: self.leaves.get(index as usize).copied(),
            path: Path {
                index: index.into(),
                siblings: self.trie.path(index.into()).unwrap(),
            },
        }
    }
}

fn prove(client: &client::Network, trapdoor: &Trapdoor, state: GlobalState) -> VerifiedState {
    let proof = trapdoor.prove(client.statement(&state).digest());
    client.verify(&Update { state, proof }).unwrap()
}

fn proof() -> Proof {
    Proof {
        a: G1Affine::generator(),
        b: G2Affine::generator(),
        c: G1Affine::generator(),
    }
}
