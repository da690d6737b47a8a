//! Netted shards and shards of `transfer` in one network, whose global states nobody proves.

use crate::common::Trapdoor;
use ark_bn254::Fr;
use std::collections::BTreeMap;
use std::path::PathBuf;
use trifold_circuits::genesis::{
    DemoSecrets, Genesis, GenesisAccount, GenesisShard, NettedProgram, NettedStart, OperatorKey,
    Start,
};
use trifold_circuits::schnorr::{Coordinates, PublicKey};
use trifold_circuits::snapshot::{Exchange, Kind, Snapshot, View};
use trifold_circuits::trie::SparseTrie;
use trifold_shard::netted::layout::{Domain, Message, Payment, SignedMessage, account_key};
use trifold_shard::netted::{NettedError, NettedShard, NettedShardError};
use trifold_shard::store::Settings;
use trifold_shard::{Delivery, Shard, ShardError, Wallet};
use trifold_verifier::client::{self, Update};
use trifold_verifier::statement::{GlobalState, Keys, Leaf};
use trifold_verifier::verified::VerifiedState;

pub const NOW: u64 = 1_790_000_000_000;
/// Milliseconds from one epoch to the next.
const EPOCH: u64 = 10_000;
/// Shards 0 to 2 are netted, the others run `transfer`.
pub const NETTED: u32 = 3;
pub const SHARDS: u32 = 5;
const DEPTH: u8 = 6;

pub struct Network {
    pub genesis: Genesis,
    pub secrets: DemoSecrets,
    pub netted: BTreeMap<u32, NettedShard>,
    pub transfer: BTreeMap<u32, Shard>,
    /// Leaves in the newest state.
    pub leaves: Vec<Leaf>,
    pub state: VerifiedState,
    folder: tempfile::TempDir,
    trie: SparseTrie,
    client: client::Network,
    trapdoor: Trapdoor,
}

impl Network {
    /// Of shards with `accounts` accounts each; `balance` says what they hold.
    pub fn new(seed: u64, accounts: u32, balance: impl Fn(u32, u32) -> u64) -> Self {
        let secrets = DemoSecrets::derive(seed, SHARDS, accounts);
        let genesis = genesis(&secrets, balance);
        let trapdoor = Trapdoor::new(1);
        let first = genesis.global_state(transfer()).unwrap();
        let client = client::Network {
            keys: Keys {
                merge: Fr::from(1),
                nest: Fr::from(2),
                registry: Fr::from(3),
            },
            genesis: first.digest(),
            nest_key: trapdoor.key(),
        };
        let folder = tempfile::tempdir().unwrap();
        let netted = |index: u32| {
            let path = folder.path().join(index.to_string());
            let settings = Settings::default();
            let shard = NettedShard::create(&path, &genesis, index, transfer(), settings);
            (index, shard.unwrap())
        };
        let plain = |index| (index, Shard::genesis(&genesis, index, transfer()).unwrap());
        Self {
            netted: (0..NETTED).map(netted).collect(),
            transfer: (NETTED..SHARDS).map(plain).collect(),
            leaves: genesis.leaves(transfer()).unwrap(),
            state: prove(&client, &trapdoor, first),
            trie: genesis.trie(transfer()).unwrap(),
            genesis,
            secrets,
            folder,
            client,
            trapdoor,
        }
    }

    pub fn now(&self) -> u64 {
        NOW + EPOCH * self.state.epoch()
    }

    pub fn folder(&self, shard: u32) -> PathBuf {
        self.folder.path().join(shard.to_string())
    }

    pub fn netted(&mut self, shard: u32) -> &mut NettedShard {
        self.netted.get_mut(&shard).unwrap()
    }

    /// What a client of a netted shard signs next.
    pub fn signed(&self, shard: u32, from: u32, payments: &[(u32, u32, u64)]) -> SignedMessage {
        let ordinal = self.netted[&shard].store().next_ordinal(from).unwrap();
        self.numbered(shard, from, ordinal, payments)
    }

    /// Payments as (shard, account, amount).
    pub fn numbered(
        &self,
        shard: u32,
        from: u32,
        ordinal: u64,
        payments: &[(u32, u32, u64)],
    ) -> SignedMessage {
        let payment = |(shard, account, amount): &(u32, u32, u64)| Payment {
            account: *account,
            shard: *shard as u16,
            amount: *amount,
            fee: 0,
        };
        let message = Message {
            from,
            ordinal,
            payments: payments.iter().map(payment).collect(),
        };
        let network = self.genesis.netted().unwrap().unwrap().network;
        let secret = &self.secrets.accounts[shard as usize][from as usize];
        Domain::new(network, shard as u16).sign(message, secret)
    }

    pub fn pay(
        &self,
        shard: u32,
        from: u32,
        payments: &[(u32, u32, u64)],
    ) -> Result<(), NettedError> {
        let signed = self.signed(shard, from, payments);
        self.netted[&shard].accept(vec![signed]).unwrap()[0]
    }

    /// A transfer or a request of a client of a `transfer` shard.
    pub fn send(
        &mut self,
        shard: u32,
        from: u32,
        to: (u32, u32),
        key: Option<Coordinates>,
        amount: u64,
        request: bool,
    ) -> Result<(), ShardError> {
        let sender = self.transfer.get_mut(&shard).unwrap();
        let secret = self.secrets.accounts[shard as usize][from as usize].clone();
        let ordinal = sender.ledger().account(from.into()).unwrap().ordinal;
        let mut wallet = Wallet::new(secret, shard, from.into(), ordinal);
        let mut transfer = wallet.send((to.0, to.1.into()), None, amount).transfer;
        transfer.receiver_key = key.unwrap_or(Coordinates::NONE);
        transfer.request = request;
        sender.accept(&wallet.sign(transfer))
    }

    /// How the account's key is named to senders: by its u coordinate where the shard is netted.
    pub fn key(&self, shard: u32, account: u32) -> Coordinates {
        let secret = &self.secrets.accounts[shard as usize][account as usize];
        named(shard, secret.public())
    }

    pub fn snapshot(&mut self, shard: u32) -> Option<Snapshot> {
        let now = self.now();
        if shard >= NETTED {
            let shard = self.transfer.get_mut(&shard).unwrap();
            return shard.snapshot(now).unwrap().cloned();
        }
        let submission = self.netted(shard).snapshot(now).unwrap();
        submission.map(|submission| submission.snapshot)
    }

    /// What a coordinator checks.
    fn check(&self, snapshot: &Snapshot) {
        let current = &self.leaves[snapshot.shard as usize];
        let netted = self.genesis.netted().unwrap();
        let view = View {
            network: self.client.genesis,
            current,
            kind: &|program| match *program == transfer() {
                true => Some(Kind::Transfer),
                false => Some(Kind::Netted),
            },
            netted: netted.as_ref(),
            history: &|epoch| {
                (epoch == snapshot.new.seen_epoch).then_some(snapshot.new.seen_digest)
            },
            now_milliseconds: self.now(),
        };
        snapshot.check(&view).unwrap();
        if snapshot.shard < NETTED {
            snapshot.in_parts(netted.as_ref().unwrap()).unwrap();
        }
        let exchange = snapshot.work.exchange();
        let Exchange { sent, received, .. } = exchange;
        assert_eq!(snapshot.old, current.digest());
        assert_eq!(snapshot.new.supply + sent, current.supply + received);
        assert!(snapshot.new.lamport > current.lamport.max(exchange.received_lamport));
        assert!(snapshot.new.timestamp > current.timestamp.max(exchange.received_timestamp));
        assert!(snapshot.new.seen_epoch >= current.seen_epoch);
        assert!(snapshot.new.seen_epoch < self.state.epoch().max(1));
    }

    /// The global state with these snapshots, which no shard has taken in.
    pub fn close(&mut self, snapshots: &[Snapshot]) {
        let mut in_flight = self.state.state().in_flight;
        for snapshot in snapshots {
            self.check(snapshot);
            let Exchange { sent, received, .. } = snapshot.work.exchange();
            in_flight = in_flight + sent - received;
            self.leaves[snapshot.shard as usize] = snapshot.new;
            let digest = snapshot.new.digest();
            self.trie.set(snapshot.shard.into(), digest).unwrap();
        }
        let state = GlobalState {
            epoch: self.state.epoch() + 1,
            root: self.trie.root(),
            in_flight,
            ..*self.state.state()
        };
        self.state = prove(&self.client, &self.trapdoor, state);
    }

    pub fn observe(&mut self, shard: u32) -> bool {
        let (state, siblings) = (self.state, self.trie.path(shard.into()).unwrap());
        match shard < NETTED {
            true => self.netted(shard).observe(&state, &siblings).unwrap(),
            false => {
                let shard = self.transfer.get_mut(&shard).unwrap();
                shard.observe(&state, siblings).unwrap()
            }
        }
    }

    /// All shards submit, and all take the next state in.
    pub fn epoch(&mut self) {
        let snapshots: Vec<_> = (0..SHARDS).filter_map(|i| self.snapshot(i)).collect();
        self.close(&snapshots);
        (0..SHARDS).for_each(|shard| {
            self.observe(shard);
        });
    }

    pub fn epochs(&mut self, count: u32) {
        (0..count).for_each(|_| self.epoch());
    }

    /// Everything that `from` has for `to` under the state that `to` takes messages under.
    pub fn delivery(&self, from: u32, to: u32) -> Option<Delivery> {
        let epoch = match to < NETTED {
            true => self.netted[&to].seen_epoch()?,
            false => self.transfer[&to].seen_epoch()?,
        };
        match from < NETTED {
            true => self.netted[&from].deliver(to, epoch).ok(),
            false => self.transfer[&from].deliver(to, epoch).ok(),
        }
    }

    pub fn receive(&mut self, to: u32, delivery: &Delivery) -> Result<usize, NettedShardError> {
        let now = self.now();
        match to < NETTED {
            true => self.netted(to).receive(delivery, now),
            false => {
                let shard = self.transfer.get_mut(&to).unwrap();
                Ok(shard.receive(delivery, now)?)
            }
        }
    }

    pub fn deliver(&mut self, from: u32, to: u32) -> usize {
        let delivery = self.delivery(from, to).unwrap();
        self.receive(to, &delivery).unwrap()
    }

    /// As after a crash.
    pub fn reopen(&mut self, shard: u32) {
        self.try_reopen(shard).unwrap();
    }

    pub fn try_reopen(&mut self, shard: u32) -> Result<(), NettedShardError> {
        drop(self.netted.remove(&shard));
        let folder = self.folder(shard);
        let opened = NettedShard::open(&folder, &self.genesis, Settings::default())?;
        self.netted.insert(shard, opened);
        Ok(())
    }

    pub fn balance(&self, shard: u32, account: u32) -> u64 {
        match shard < NETTED {
            true => {
                let accounts = self.netted[&shard].store().accounts();
                accounts.get(account).map_or(0, |entry| entry.balance)
            }
            false => {
                let held = self.transfer[&shard].ledger().account(account.into());
                held.map_or(0, |entry| entry.balance)
            }
        }
    }

    /// What all shards hold and what is in flight.
    pub fn value(&self) -> u128 {
        let supply: u128 = self.leaves.iter().map(|leaf| leaf.supply).sum();
        supply + self.state.state().in_flight
    }
}

pub fn transfer() -> Fr {
    Fr::from(77)
}

/// The key as senders name it.
pub fn named(shard: u32, key: PublicKey) -> Coordinates {
    let key = key.coordinates();
    match shard < NETTED {
        true => account_key(key),
        false => key,
    }
}

fn genesis(secrets: &DemoSecrets, balance: impl Fn(u32, u32) -> u64) -> Genesis {
    let shard = |index: u32| {
        let keys = (0..).zip(&secrets.accounts[index as usize]);
        let accounts = keys.map(|(account, secret)| GenesisAccount {
            key: secret.public(),
            balance: balance(index, account),
        });
        let accounts = accounts.collect();
        let start = match index < NETTED {
            true => Start::Netted(NettedStart {
                accounts,
                depth: DEPTH,
                collector: 0,
            }),
            false => Start::Accounts(accounts),
        };
        let operator = OperatorKey(secrets.operators[index as usize].verifying_key());
        GenesisShard { operator, start }
    };
    let part = |circuit| Some(Trapdoor::new(10 + circuit as u64).key());
    let program = NettedProgram::new(Trapdoor::new(9).key(), part).unwrap();
    let shards = (0..SHARDS).map(shard).collect();
    Genesis::with_netted(Some(program), Vec::new(), shards).unwrap()
}

fn prove(client: &client::Network, trapdoor: &Trapdoor, state: GlobalState) -> VerifiedState {
    let proof = trapdoor.prove(client.statement(&state).digest());
    client.verify(&Update { state, proof }).unwrap()
}
