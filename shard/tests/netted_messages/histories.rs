//! Random histories of netted shards and shards of `transfer`: they stay away, crash, get their messages late, twice or changed, and
//! have clients who ask for what can't be.

use crate::model::{Account, Kind, Mixed};
use crate::network::{NETTED, Network, SHARDS};
use rand::{Rng, SeedableRng, rngs::StdRng};
use std::collections::BTreeMap;
use std::fs;
use trifold_circuits::schnorr::Coordinates;
use trifold_circuits::snapshot::Snapshot;

const ACCOUNTS: u32 = 4;
const EPOCHS: u64 = 12;

/// A network and the model beside it.
pub struct History {
    network: Network,
    mixed: Mixed,
    rng: StdRng,
    total: u128,
    /// Epoch of the global state that first had each message taken, by source, destination and place.
    taken: BTreeMap<(u32, u32, u64), u64>,
    /// The ledger's epoch that a netted shard ended last.
    ended: BTreeMap<u32, u64>,
}

impl History {
    pub fn new(seed: u64) -> Self {
        // In some networks every account is nearly full, so that little can be credited.
        let balance = if seed % 4 == 3 { u64::MAX - 60 } else { 1000 };
        let network = Network::new(seed, ACCOUNTS, |_, _| balance);
        let mut mixed = Mixed::default();
        for (shard, index) in (0..SHARDS).flat_map(|s| (0..ACCOUNTS).map(move |i| (s, i))) {
            let account = Account {
                key: network.key(shard, index),
                balance,
                ordinal: 0,
            };
            mixed.model.accounts.insert((shard, index.into()), account);
        }
        Self {
            total: mixed.model.total(),
            network,
            mixed,
            rng: StdRng::seed_from_u64(seed),
            taken: BTreeMap::new(),
            ended: BTreeMap::new(),
        }
    }

    /// How many messages were taken, of each kind.
    pub fn tally(&self) -> [usize; 4] {
        let model = &self.mixed.model;
        let taken = |kind| {
            let notes = model.taken.iter();
            let notes = notes.flat_map(|(channel, count)| &model.channels[channel][..*count]);
            notes.filter(|note| note.kind == kind).count()
        };
        [Kind::Transfer, Kind::Return, Kind::Request, Kind::Answer].map(taken)
    }

    pub fn run(&mut self) {
        (0..EPOCHS).for_each(|_| self.epoch());
    }

    fn epoch(&mut self) {
        let mut snapshots = Vec::new();
        for shard in 0..SHARDS {
            if self.rng.random_bool(0.2) {
                continue;
            }
            if self.network.state.epoch() > self.latest(shard) {
                self.network.observe(shard);
            }
            (0..SHARDS).for_each(|source| self.exchange(source, shard));
            for _ in 0..self.rng.random_range(0..6) {
                match Mixed::is_netted(shard) {
                    true => self.pay(shard),
                    false => self.send(shard),
                }
            }
            snapshots.extend(self.snapshot(shard));
        }
        self.network.close(&snapshots);
        self.check();
    }

    fn latest(&self, shard: u32) -> u64 {
        match Mixed::is_netted(shard) {
            true => self.network.netted[&shard].chain().latest_epoch(),
            false => self.network.transfer[&shard].latest_epoch(),
        }
    }

    fn snapshot(&mut self, shard: u32) -> Option<Snapshot> {
        if !Mixed::is_netted(shard) {
            return self.network.snapshot(shard);
        }
        self.crash(shard, false);
        let position = fs::read(self.position(shard)).unwrap();
        let snapshot = self.network.snapshot(shard)?;
        let ended = self.network.netted[&shard].store().epoch() - 1;
        if self.ended.insert(shard, ended) != Some(ended) {
            self.close(shard, ended);
            if self.rng.random_bool(0.2) {
                // The snapshot was not remembered, though its epoch had ended.
                fs::write(self.position(shard), position).unwrap();
                self.network.reopen(shard);
                let again = self.network.snapshot(shard);
                assert_eq!(again.as_ref(), Some(&snapshot));
            }
        }
        self.crash(shard, true);
        Some(snapshot)
    }

    /// The model takes what the epoch took; each message once, in order, two epochs after it was sent at the earliest.
    fn close(&mut self, shard: u32, ended: u64) {
        let received = self.network.netted[&shard].store().received_of(ended);
        let received = received.unwrap();
        let sources: Vec<u32> = received.iter().map(|one| one.opening.source).collect();
        for one in &received {
            let (source, index) = (one.opening.source, one.opening.index);
            let taken = self.mixed.model.taken.get(&(source, shard)).copied();
            let earlier = received.iter().take_while(|other| *other != one);
            let earlier = earlier
                .filter(|other| other.opening.source == source)
                .count();
            assert_eq!(index as usize, taken.unwrap_or_default() + earlier);
            let epoch = self.network.state.epoch() + 1;
            assert_eq!(self.taken.insert((source, shard, index), epoch), None);
        }
        self.mixed.close(shard, &sources);
    }

    fn position(&self, shard: u32) -> std::path::PathBuf {
        self.network.folder(shard).join("chain.json")
    }

    fn crash(&mut self, shard: u32, often: bool) {
        if self.rng.random_bool(if often { 0.3 } else { 0.1 }) {
            self.network.reopen(shard);
        }
    }

    /// A shard takes what another has for it, if it comes, and nothing that was changed on its way.
    fn exchange(&mut self, source: u32, shard: u32) {
        if source == shard || self.rng.random_bool(0.3) {
            return;
        }
        let Some(mut delivery) = self.network.delivery(source, shard) else {
            return;
        };
        let (honest, pick) = (delivery.clone(), self.rng.random_range(0..4));
        match (pick, delivery.messages.first_mut()) {
            (0, Some(first)) => first.letter.message.amount ^= 1,
            (1, _) => delivery.leaf.timestamp += 1,
            (2, _) => delivery.taken += 1,
            _ => delivery.epoch += 1,
        }
        let queued = |network: &Network| network.netted.get(&shard).map(|own| own.queued());
        let before = queued(&self.network);
        if pick > 0 {
            assert!(self.network.receive(shard, &delivery).is_err());
            assert_eq!(queued(&self.network), before);
        }
        match self.network.receive(shard, &honest) {
            Ok(taken) if !Mixed::is_netted(shard) => {
                (0..taken).for_each(|_| self.mixed.model.take(source, shard));
            }
            Ok(taken) => assert_eq!(queued(&self.network), before.map(|before| before + taken)),
            Err(error) => assert!(error.to_string().starts_with("replayed"), "{error}"),
        }
    }

    /// A client of a netted shard, who may want what can't be.
    fn pay(&mut self, shard: u32) {
        let from = self.rng.random_range(0..ACCOUNTS);
        let held = self.mixed.model.accounts[&(shard, from.into())].balance;
        let payment = |rng: &mut StdRng| {
            let to_shard = if rng.random_bool(0.6) {
                rng.random_range(0..SHARDS)
            } else {
                shard
            };
            let to = rng.random_range(0..ACCOUNTS + 2);
            let amount = match rng.random_range(0..8) {
                0 => 0,
                1 => held / 3,
                _ => rng.random_range(1..80),
            };
            (to_shard, to, amount)
        };
        let count = self.rng.random_range(1..4);
        let payments: Vec<_> = (0..count).map(|_| payment(&mut self.rng)).collect();
        let accepted = self.mixed.pay(shard, from.into(), &payments);
        let result = self.network.pay(shard, from, &payments);
        assert_eq!(result.is_ok(), accepted, "{payments:?}: {result:?}");
    }

    /// A client of a shard of `transfer`, likewise.
    fn send(&mut self, shard: u32) {
        let from = self.rng.random_range(0..ACCOUNTS);
        let to_shard = self.rng.random_range(0..SHARDS);
        if to_shard == shard {
            return;
        }
        let to = self.rng.random_range(0..ACCOUNTS + 2);
        let key = self.named(to_shard, to);
        let (amount, request) = (self.rng.random_range(0..80), self.rng.random_bool(0.4));
        let places = ((shard, from.into()), (to_shard, to.into()));
        let model = &mut self.mixed.model;
        let executed = model.transfer(places.0, places.1, key, amount, request);
        let result = (self.network).send(shard, from, (to_shard, to), key, amount, request);
        assert_eq!(result.is_ok(), executed, "{result:?}");
    }

    /// The account's own key, another, or none.
    fn named(&mut self, shard: u32, to: u32) -> Option<Coordinates> {
        let other = self.network.key(shard, self.rng.random_range(0..ACCOUNTS));
        match self.rng.random_range(0..6) {
            0 => Some(other),
            1 => None,
            _ if to < ACCOUNTS => Some(self.network.key(shard, to)),
            _ => Some(other),
        }
    }

    /// Nothing is made or lost, in the state as in the shards, and the shards are what the model is.
    fn check(&self) {
        assert_eq!(self.network.value(), self.total);
        assert_eq!(self.mixed.model.total(), self.total);
        for (shard, netted) in &self.network.netted {
            let accounts = netted.store().accounts();
            let held = (0..).zip(accounts.iter());
            let held = held.map(|(index, entry)| (index, entry.balance, entry.ordinal));
            assert_eq!(held.collect::<Vec<_>>(), self.mixed.accounts_of(*shard));
        }
        for (shard, plain) in &self.network.transfer {
            let held = plain.ledger().accounts();
            let held = held.map(|(index, entry)| (index, entry.balance, entry.ordinal));
            assert_eq!(held.collect::<Vec<_>>(), self.mixed.accounts_of(*shard));
        }
        self.check_channels();
    }

    /// What a shard's outbox holds is what the model sent; a netted shard's lags by the epoch under way.
    fn check_channels(&self) {
        for ((source, destination), notes) in &self.mixed.model.channels {
            let outbox = match Mixed::is_netted(*source) {
                true => self.network.netted[source].outbox(),
                false => self.network.transfer[source].outbox(),
            };
            let Some(channel) = outbox.channel(*destination) else {
                assert!(*source < NETTED);
                continue;
            };
            assert!(channel.count() <= notes.len() as u64);
            for (index, note) in (0..channel.count()).zip(notes) {
                let Some(letter) = channel.letter(index) else {
                    continue;
                };
                let message = &letter.message;
                let kind = [Kind::Transfer, Kind::Return, Kind::Request, Kind::Answer];
                assert_eq!(kind[message.kind as usize], note.kind);
                let found = (message.from.into(), message.to.into(), message.amount);
                assert_eq!(found, (note.from, note.to, note.amount));
            }
        }
    }
}
