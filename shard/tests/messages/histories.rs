//! Random histories of several shards: honest ones, ones that stay away, restart or lie, and clients who ask for what can't be.

use crate::model::{Account, Kind, Model};
use crate::network::Network;
use rand::{Rng, SeedableRng, rngs::StdRng};
use std::collections::BTreeMap;
use trifold_circuits::schnorr::{Coordinates, SecretKey};
use trifold_circuits::snapshot::{Snapshot, Work};
use trifold_circuits::transfer::SignedTransfer;
use trifold_shard::{Delivery, ShardError, file};

const ACCOUNTS: u32 = 4;
const EPOCHS: u64 = 12;

/// A network and the model beside it.
pub struct History {
    pub network: Network,
    model: Model,
    rng: StdRng,
    total: u128,
    /// Epoch of the global state that first had each message sent, and taken, by source, destination and place.
    sent: BTreeMap<(u32, u32, u64), u64>,
    taken: BTreeMap<(u32, u32, u64), u64>,
}

impl History {
    pub fn new(seed: u64) -> Self {
        let mut rng = StdRng::seed_from_u64(seed);
        let shards = rng.random_range(2..6);
        // In some networks every account is nearly full, so that little can be credited.
        let balance = if seed % 4 == 3 { u64::MAX - 60 } else { 1000 };
        let network = Network::new(seed, shards, ACCOUNTS, balance);
        let mut model = Model::default();
        for (shard, keys) in (0..).zip(&network.secrets.accounts) {
            for (index, secret) in (0..).zip(keys) {
                let key = secret.public().coordinates();
                let account = Account {
                    key,
                    balance,
                    ordinal: 0,
                };
                model.accounts.insert((shard, index), account);
            }
        }
        Self {
            total: model.total(),
            network,
            model,
            rng,
            sent: BTreeMap::new(),
            taken: BTreeMap::new(),
        }
    }

    /// How many messages were taken, of each kind.
    pub fn tally(&self) -> [usize; 4] {
        let taken = |kind| {
            let taken = self.model.taken.iter();
            let notes = taken.flat_map(|(channel, count)| &self.model.channels[channel][..*count]);
            notes.filter(|note| note.kind == kind).count()
        };
        [Kind::Transfer, Kind::Return, Kind::Request, Kind::Answer].map(taken)
    }

    /// All epochs; `look` sees every snapshot that enters one.
    pub fn run(&mut self, mut look: impl FnMut(&Snapshot)) {
        for _ in 0..EPOCHS {
            self.epoch(&mut look);
        }
    }

    fn shards(&self) -> std::ops::Range<u32> {
        0..self.network.shards.len() as u32
    }

    fn epoch(&mut self, look: &mut impl FnMut(&Snapshot)) {
        let mut snapshots = Vec::new();
        for shard in self.shards() {
            if self.rng.random_bool(0.2) {
                continue;
            }
            if self.network.state.epoch() > self.network.shards[shard as usize].latest_epoch() {
                self.network.observe(shard);
            }
            self.restart(shard);
            self.shards()
                .for_each(|source| self.exchange(source, shard));
            (0..self.rng.random_range(0..6)).for_each(|_| self.client(shard));
            if let Some(snapshot) = self.network.snapshot(shard) {
                self.lie(&snapshot);
                snapshots.push(snapshot);
            }
        }
        snapshots.iter().for_each(&mut *look);
        self.record(&snapshots);
        self.network.close(&snapshots);
        self.check();
    }

    /// From its file, as after a crash.
    fn restart(&mut self, shard: u32) {
        if !self.rng.random_bool(0.2) {
            return;
        }
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("shard.json");
        let shard = &mut self.network.shards[shard as usize];
        file::save(shard, &path).unwrap();
        let read = file::load(&path).unwrap();
        assert_eq!(read, *shard);
        *shard = read;
    }

    /// What one shard has for another, if both know the state that it is opened under.
    fn exchange(&mut self, source: u32, shard: u32) {
        let Some(epoch) = self.network.shards[shard as usize].seen_epoch() else {
            return;
        };
        if source == shard || self.rng.random_bool(0.3) {
            return;
        }
        let Ok(delivery) = self.network.shards[source as usize].deliver(shard, epoch) else {
            return;
        };
        self.forge(shard, &delivery);
        let (now, expected) = (self.network.now(), self.untaken(&delivery));
        match self.network.shards[shard as usize].receive(&delivery, now) {
            Ok(taken) => {
                assert_eq!(taken, expected);
                (0..taken).for_each(|_| self.model.take(source, shard));
            }
            Err(error) => {
                let replayed = error.to_string().starts_with("replayed");
                assert!(replayed && expected == 0, "{error}");
            }
        }
    }

    fn untaken(&self, delivery: &Delivery) -> usize {
        let channel = (delivery.source, delivery.destination);
        let taken = self.model.taken.get(&channel).copied().unwrap_or_default();
        (delivery.count as usize).saturating_sub(taken)
    }

    /// A delivery that was tampered with changes nothing.
    fn forge(&mut self, shard: u32, honest: &Delivery) {
        let mut forged = honest.clone();
        let pick = self.rng.random_range(0..8);
        let message = forged.messages.first_mut();
        match (pick, message) {
            (0, Some(first)) => first.letter.message.amount ^= 1,
            (1, Some(first)) => first.letter.message.to ^= 1,
            (2, Some(first)) => first.letter.message.kind ^= 2,
            (3, Some(_)) => forged.first += 1,
            (4, _) => forged.source = (forged.source + 1) % self.shards().end,
            (5, _) => forged.leaf.timestamp += 1,
            (6, _) => forged.taken += 1,
            _ => forged.epoch += 1,
        }
        // What is taken already is not looked at again.
        let old = self.untaken(honest) < honest.messages.len() && pick < 4;
        let now = self.network.now();
        let shard = &mut self.network.shards[shard as usize];
        let before = shard.clone();
        let result = shard.receive(&forged, now);
        match old {
            true => *shard = before,
            false => {
                assert!(result.is_err(), "forgery {pick}");
                assert_eq!(*shard, before);
            }
        }
    }

    /// A client of the shard, who may want what can't be.
    fn client(&mut self, shard: u32) {
        let from = self.rng.random_range(0..ACCOUNTS.into());
        let to_shard = match self.rng.random_bool(0.5) {
            true => shard,
            false => self.rng.random_range(self.shards()),
        };
        let to = match self.rng.random_range(0..8) {
            0 => 59_049,
            1 => self.rng.random_range(4..8),
            _ => self.rng.random_range(0..ACCOUNTS.into()),
        };
        let key = self.named(to_shard, to);
        let balance = self.model.accounts[&(shard, from)].balance;
        let amount = match self.rng.random_range(0..8) {
            0 => 0,
            1 => balance.saturating_add(1),
            2 => balance / 2,
            _ => self.rng.random_range(1..80),
        };
        let request = self.rng.random_bool(0.3);
        let signed = self.sign(shard, from, (to_shard, to), key, amount, request);
        self.submit(shard, &signed, key);
    }

    /// The account's own key, another, or none.
    fn named(&mut self, shard: u32, to: u64) -> Option<Coordinates> {
        let stranger = SecretKey::from_seed(&[7; 32]).public().coordinates();
        let own = self.model.accounts.get(&(shard, to));
        let own = own.map_or(stranger, |account| account.key);
        match self.rng.random_range(0..6) {
            0 => Some(stranger),
            1 => None,
            _ => Some(own),
        }
    }

    fn sign(
        &self,
        shard: u32,
        from: u64,
        to: (u32, u64),
        key: Option<Coordinates>,
        amount: u64,
        request: bool,
    ) -> SignedTransfer {
        let mut wallet = self.network.wallet(shard, from);
        let mut transfer = wallet.send(to, None, amount).transfer;
        transfer.receiver_key = key.unwrap_or(Coordinates::NONE);
        transfer.request = request;
        wallet.sign(transfer)
    }

    /// Shard and model agree on whether it is executed; what is not leaves no trace, and neither does a replay.
    fn submit(&mut self, shard: u32, signed: &SignedTransfer, key: Option<Coordinates>) {
        let transfer = &signed.transfer;
        let to = (transfer.to_shard, transfer.to);
        let local = transfer.to_shard == shard;
        let from = (shard, transfer.from);
        let executed = !(local && transfer.request)
            && self
                .model
                .transfer(from, to, key, transfer.amount, transfer.request);
        let shard = &mut self.network.shards[shard as usize];
        let before = shard.clone();
        let result = shard.accept(signed);
        assert_eq!(result.is_ok(), executed, "{transfer:?}: {result:?}");
        if !executed {
            assert_eq!(*shard, before);
            return;
        }
        let before = shard.clone();
        let mut missing = *signed;
        missing.transfer.to_shard = 500;
        for refused in [*signed, missing] {
            assert!(matches!(
                shard.accept(&refused),
                Err(ShardError::Ledger(_) | ShardError::UnknownShard(500))
            ));
        }
        assert_eq!(*shard, before);
    }

    /// A snapshot that says something else is refused before or by the circuit's relation.
    fn lie(&mut self, honest: &Snapshot) {
        let mut lie = honest.clone();
        let Work::Transfer(batch) = &mut lie.work else {
            panic!("not a batch");
        };
        let pick = self.rng.random_range(0..10);
        let (step, receive, send) = (
            batch.steps.first_mut(),
            batch.receives.first_mut(),
            batch.sends.first_mut(),
        );
        match (pick, step, receive, send) {
            (0, Some(step), ..) => step.signed.transfer.amount += 1,
            (1, Some(step), ..) => step.sender_balance += 1,
            (2, _, Some(receive), _) => receive.opening.message.amount += 1,
            (3, _, Some(receive), _) => receive.opening.index += 1,
            (4, _, _, Some(send)) => send.message.amount += 1,
            (5, _, _, Some(_)) => drop(batch.sends.pop()),
            (6, _, Some(_), _) => drop(batch.receives.pop()),
            (7, Some(_), ..) => drop(batch.steps.pop()),
            (8, ..) => lie.new.supply += 1,
            _ => lie.new.lamport = lie.new.lamport.saturating_sub(11),
        }
        assert!(self.network.check(&lie).is_err(), "lie {pick}");
    }

    fn record(&mut self, snapshots: &[Snapshot]) {
        let epoch = self.network.state.epoch() + 1;
        for snapshot in snapshots {
            let Work::Transfer(batch) = &snapshot.work else {
                panic!("not a batch");
            };
            for send in &batch.sends {
                let place = (snapshot.shard, send.destination, send.count);
                assert_eq!(self.sent.insert(place, epoch), None);
            }
            for receive in &batch.receives {
                let opening = &receive.opening;
                let place = (opening.source, snapshot.shard, opening.index);
                assert_eq!(self.taken.insert(place, epoch), None, "taken twice");
                assert!(self.sent[&place] + 2 <= epoch, "taken too early");
                let before = opening.index.checked_sub(1);
                let before = before.map(|index| (opening.source, snapshot.shard, index));
                assert!(before.is_none_or(|place| self.taken.contains_key(&place)));
            }
        }
    }

    /// Nothing is made or lost, in the state as in the shards, and the shards are what the model is.
    fn check(&self) {
        let supply: u128 = self.network.leaves.iter().map(|leaf| leaf.supply).sum();
        assert_eq!(supply + self.network.state.state().in_flight, self.total);
        assert_eq!(self.model.total(), self.total);
        for shard in self.shards() {
            let held = self.network.shards[shard as usize].ledger().accounts();
            let held: Vec<_> = held
                .map(|(index, entry)| (index, entry.key, entry.balance, entry.ordinal))
                .collect();
            let expected = self.model.accounts.range((shard, 0)..(shard + 1, 0));
            let expected: Vec<_> = expected
                .map(|((_, index), held)| (*index, held.key, held.balance, held.ordinal))
                .collect();
            assert_eq!(held, expected, "shard {shard}");
        }
        self.check_channels();
    }

    fn check_channels(&self) {
        for ((source, destination), notes) in &self.model.channels {
            let outbox = self.network.shards[*source as usize].outbox();
            let channel = outbox.channel(*destination).unwrap();
            assert_eq!(channel.count(), notes.len() as u64);
            for (index, note) in (0..).zip(notes) {
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
