//! A small network whose every state can be proven, since its key's secrets are known: five epochs, a trie that deepens,
//! shards that come late, accounts, and a history with everything in it.

#![allow(dead_code)] // each test binary uses its part

use std::collections::BTreeMap;
use std::sync::LazyLock;

use ark_bn254::Fr;
use ark_ec::CurveGroup;
use ark_ff::{AdditiveGroup, Field};
use trifold_verifier::claim::{AccountClaim, ShardClaim};
use trifold_verifier::client::{LightClient, Network, Update};
use trifold_verifier::groth16::Proof;
use trifold_verifier::receipt::Receipt;
use trifold_verifier::statement::{Account, Body, GlobalState, HISTORY_DEPTH, Keys, Leaf};
use trifold_verifier::trie::{Path, empty_digest, node};

use crate::common::{Trapdoor, fr, scalar};

/// The newest epoch.
pub const EPOCHS: u64 = 5;
/// First epoch with nine places instead of three.
pub const DEEPER_FROM: u64 = 3;
/// The shard that keeps accounts.
pub const BANK: u32 = 1;
/// Levels of its trie.
pub const ACCOUNT_LEVELS: usize = 3;

/// What a circuit reads of the network's key, as `PreparedKey` of trifold-circuits computes it: `trifold` checks it.
const NEST_KEY_DIGEST: &str =
    "21118328823008621257915452336427261294989316961772536240053617366072521554252";

/// A ternary trie, slow and obvious.
pub struct Trie {
    pub levels: usize,
    pub leaves: BTreeMap<u64, Fr>,
}

impl Trie {
    pub fn root(&self) -> Fr {
        self.digest(self.levels, 0)
    }

    pub fn path(&self, index: u64) -> Path {
        let siblings = (0..self.levels).map(|level| {
            let position = index / 3u64.pow(level as u32);
            let others = (0..3).filter(|digit| *digit != position % 3);
            let mut others = others.map(|digit| self.digest(level, position / 3 * 3 + digit));
            [others.next().unwrap(), others.next().unwrap()]
        });
        let siblings = siblings.collect();
        Path { index, siblings }
    }

    fn digest(&self, level: usize, position: u64) -> Fr {
        let width = 3u64.pow(level as u32);
        let mut below = self
            .leaves
            .range(position * width..(position + 1) * width)
            .peekable();
        match (below.peek(), level) {
            (None, _) => empty_digest(level),
            (Some((_, leaf)), 0) => **leaf,
            _ => node(&[0, 1, 2].map(|digit| self.digest(level - 1, 3 * position + digit))),
        }
    }
}

/// The network and every epoch of it.
pub struct World {
    pub trapdoor: Trapdoor,
    pub network: Network,
    /// Holds the newest state.
    pub client: LightClient,
    /// By epoch, genesis first.
    pub states: Vec<GlobalState>,
    pub leaves: Vec<BTreeMap<u32, Leaf>>,
}

impl World {
    pub fn new() -> Self {
        let trapdoor = Trapdoor::new(5);
        let leaves = vec![genesis_leaves()];
        let genesis = GlobalState::genesis(1, shards(1, &leaves[0]).root());
        let keys = Keys {
            merge: scalar(11),
            nest: fr(NEST_KEY_DIGEST),
            registry: scalar(13),
        };
        let network = Network {
            keys,
            genesis: genesis.digest(),
            nest_key: trapdoor.key(),
        };
        let mut world = Self {
            trapdoor,
            network,
            client: LightClient::from_genesis(network, genesis).unwrap(),
            states: vec![genesis],
            leaves,
        };
        (1..=EPOCHS).for_each(|epoch| world.step(epoch));
        world.client = world.client_at(EPOCHS);
        world
    }

    /// One that is made once for all.
    pub fn get() -> &'static Self {
        static WORLD: LazyLock<World> = LazyLock::new(World::new);
        &WORLD
    }

    fn step(&mut self, epoch: u64) {
        let mut leaves = self.leaves[epoch as usize - 1].clone();
        for (index, leaf) in &mut leaves {
            if !(epoch + u64::from(*index)).is_multiple_of(3) {
                self.advance(leaf, epoch);
            }
        }
        if epoch == DEEPER_FROM {
            leaves.insert(4, Leaf::genesis(scalar(21), scalar(31), 0));
        }
        let depth = if epoch < DEEPER_FROM { 1 } else { 2 };
        self.states.push(GlobalState {
            epoch,
            depth,
            root: shards(depth, &leaves).root(),
            history: self.history(epoch).root(),
            in_flight: 100 * u128::from(epoch),
        });
        self.leaves.push(leaves);
    }

    fn advance(&self, leaf: &mut Leaf, epoch: u64) {
        leaf.lamport += epoch;
        leaf.timestamp = (1_700_000_000_000 + epoch) << 16 | 7;
        if epoch > 1 {
            leaf.seen_epoch = epoch - 2;
            leaf.seen_digest = self.states[leaf.seen_epoch as usize].digest();
        }
    }

    /// The history that the state of `epoch` records.
    pub fn history(&self, epoch: u64) -> Trie {
        let states = self.states.iter().take(epoch as usize);
        let leaves = states.map(|state| (state.epoch, state.digest()));
        Trie {
            levels: HISTORY_DEPTH,
            leaves: leaves.collect(),
        }
    }

    pub fn shards(&self, epoch: u64) -> Trie {
        shards(
            self.states[epoch as usize].depth,
            &self.leaves[epoch as usize],
        )
    }

    /// Proves any state, valid or not.
    pub fn prove(&self, state: GlobalState) -> Update {
        let x = self.network.statement(&state).digest();
        let proof = self.trapdoor.prove(x);
        Update { state, proof }
    }

    pub fn update(&self, epoch: u64) -> Update {
        self.prove(self.states[epoch as usize])
    }

    /// A client that starts at a state of the chain.
    pub fn client_at(&self, epoch: u64) -> LightClient {
        LightClient::from_checkpoint(self.network, &self.update(epoch)).unwrap()
    }

    /// What is true of shard `index` in `epoch`.
    pub fn shard(&self, epoch: u64, index: u32) -> ShardClaim {
        let trie = self.shards(epoch);
        let beyond = u64::from(index) >= 3u64.pow(trie.levels as u32);
        let path = Path {
            index: index.into(),
            siblings: vec![],
        };
        ShardClaim {
            index,
            leaf: self.leaves[epoch as usize].get(&index).copied(),
            path: if beyond {
                path
            } else {
                trie.path(index.into())
            },
        }
    }

    /// What is true of account `index` of the bank, in every epoch.
    pub fn account(&self, index: u64) -> AccountClaim {
        AccountClaim {
            body: body(),
            index,
            account: accounts().get(&index).copied(),
            path: account_trie().path(index),
        }
    }

    /// A receipt of `epoch` under the proof of the same epoch.
    pub fn receipt(&self, epoch: u64, shard: u32) -> Receipt {
        Receipt {
            network: self.network,
            update: self.update(epoch),
            past: None,
            shard: self.shard(epoch, shard),
            account: None,
            netted_account: None,
        }
    }

    /// The same under the proof of a later one.
    pub fn past_receipt(&self, epoch: u64, shard: u32, under: u64) -> Receipt {
        let path = self.history(under).path(epoch);
        self.receipt(epoch, shard)
            .under_newer(self.update(under), path)
    }

    /// A receipt that has every part there is: an account of an epoch before the proven one.
    pub fn whole_receipt(&self) -> Receipt {
        Receipt {
            account: Some(self.account(5)),
            ..self.past_receipt(3, BANK, 5)
        }
    }

    /// A receipt of an account in the newest epoch.
    pub fn bank_receipt(&self, account: u64) -> Receipt {
        Receipt {
            account: Some(self.account(account)),
            ..self.receipt(EPOCHS, BANK)
        }
    }

    /// Proofs that anyone can make out of a valid one, all as valid.
    pub fn other_proofs(&self, update: &Update) -> [(&'static str, Proof); 2] {
        let (a, b, c) = (update.proof.a(), update.proof.b(), update.proof.c());
        let (s, t) = (scalar(91), scalar(92));
        let delta = self.network.nest_key.delta_g2();
        let a_again = (a * s.inverse().unwrap()).into_affine();
        let b_again = (b * s + delta * (s * t)).into_affine();
        let c_again = (c + a * t).into_affine();
        [
            ("both signs changed", Proof::new(-a, -b, c).unwrap()),
            (
                "rerandomised",
                Proof::new(a_again, b_again, c_again).unwrap(),
            ),
        ]
    }

    /// A state of `epoch` that is as provable as the network's own.
    pub fn fork(&self, epoch: u64) -> GlobalState {
        GlobalState {
            in_flight: 1,
            ..self.states[epoch as usize]
        }
    }
}

fn shards(depth: u8, leaves: &BTreeMap<u32, Leaf>) -> Trie {
    let leaves = leaves
        .iter()
        .map(|(index, leaf)| (u64::from(*index), leaf.digest()));
    Trie {
        levels: depth.into(),
        leaves: leaves.collect(),
    }
}

/// Shards 0 and 1; there is no shard 2.
fn genesis_leaves() -> BTreeMap<u32, Leaf> {
    BTreeMap::from([
        (0, Leaf::genesis(scalar(21), scalar(30), 1_000)),
        (BANK, Leaf::genesis(scalar(20), body().digest(), 60)),
    ])
}

fn body() -> Body {
    Body {
        state_root: account_trie().root(),
        outbox_root: Fr::ZERO,
        inbox_root: scalar(40),
    }
}

fn account_trie() -> Trie {
    let leaves = accounts()
        .into_iter()
        .map(|(index, account)| (index, account.digest()));
    Trie {
        levels: ACCOUNT_LEVELS,
        leaves: leaves.collect(),
    }
}

fn accounts() -> BTreeMap<u64, Account> {
    let account = |index: u64| Account {
        ax: scalar(50 + index),
        ay: scalar(80 + index),
        balance: 10 * (index + 1),
        ordinal: index,
    };
    [0, 4, 5, 26]
        .map(|index| (index, account(index)))
        .into_iter()
        .collect()
}
