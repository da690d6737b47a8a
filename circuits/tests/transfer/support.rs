//! A small ledger that signs what it is told to, and the circuit with as many slots and levels as a test wants.

#![allow(dead_code)] // each test binary uses its part

#[path = "world.rs"]
mod world;

use ark_bn254::Fr;
use ark_ff::AdditiveGroup;
use std::collections::BTreeMap;
use trifold_circuits::artifacts::{Artifact, Checkout, CircuitSpec, Parameter};
use trifold_circuits::channel::{self, BOX_DEPTH, Opening};
use trifold_circuits::inputs::Inputs;
use trifold_circuits::r1cs::R1cs;
use trifold_circuits::schnorr::{Coordinates, SecretKey};
use trifold_circuits::transfer::{
    self, Batch, Delivered, Holding, Receive, SeenState, SignedTransfer, Size, Step, Transfer,
};
use trifold_circuits::trie::SparseTrie;
use trifold_circuits::witness::{WitnessCalculator, WitnessError};
use trifold_verifier::statement::{Body, GlobalState, Message};

pub use world::{Outbox, World};

pub const SIZE: Size = Size {
    transfers: 3,
    receives: 2,
    sends: 3,
    depth: 3,
};
pub const SHARD: u32 = 5;

pub fn key(owner: u8) -> SecretKey {
    SecretKey::from_seed(&[owner; 32])
}

pub fn coordinates(owner: u8) -> Coordinates {
    key(owner).public().coordinates()
}

/// Whatever key the account has.
pub const ANY: Coordinates = Coordinates::NONE;

/// Accounts by position: owner, balance, ordinal; what the shard has sent and taken; the batch that led there.
pub struct Accounts {
    held: BTreeMap<u64, (u8, Holding)>,
    trie: SparseTrie,
    pub outbox: Outbox,
    inbox: SparseTrie,
    made: Vec<(u32, Message)>,
    batch: Batch,
}

impl Accounts {
    pub fn new(depth: usize, balances: &[u64]) -> Self {
        let mut accounts = Self {
            held: BTreeMap::new(),
            trie: SparseTrie::new(depth).unwrap(),
            outbox: Outbox::new(),
            inbox: SparseTrie::new(BOX_DEPTH).unwrap(),
            made: Vec::new(),
            batch: Batch::new(SHARD, &Body::default()),
        };
        for (index, balance) in balances.iter().enumerate() {
            let holding = Holding {
                balance: *balance,
                ordinal: 0,
            };
            accounts.put(index as u64, index as u8, holding);
        }
        accounts.begin();
        accounts
    }

    /// A new batch starts from here.
    pub fn begin(&mut self) {
        self.batch.old_root = self.trie.root();
        self.batch.old_outbox = channel::close_box(&self.outbox.trie);
        self.batch.old_inbox = channel::close_box(&self.inbox);
        (self.batch.seen, self.batch.seen_digest) = (None, Fr::from(77));
        self.batch.receives.clear();
        self.batch.steps.clear();
        self.batch.sends.clear();
        self.made.clear();
    }

    /// Everything since [`Self::begin`], with what it sends.
    pub fn batch(&mut self) -> Batch {
        for (destination, message) in std::mem::take(&mut self.made) {
            let send = self.outbox.append(destination, message);
            self.batch.sends.push(send);
        }
        self.batch.clone()
    }

    pub fn root(&self) -> Fr {
        self.trie.root()
    }

    pub fn ordinal(&self, index: u64) -> u64 {
        self.held[&index].1.ordinal
    }

    pub fn balance(&self, index: u64) -> Option<u64> {
        self.held.get(&index).map(|(_, held)| held.balance)
    }

    fn put(&mut self, index: u64, owner: u8, holding: Holding) {
        let Holding { balance, ordinal } = holding;
        let leaf = transfer::account(coordinates(owner), balance, ordinal);
        self.trie.set(index, leaf).unwrap();
        self.held.insert(index, (owner, holding));
    }

    /// Executes and signs a valid transfer; `owner` names the receiver's key.
    pub fn step(&mut self, from: u64, to: u64, owner: u8, amount: u64) -> Step {
        let transfer = self.transfer(from, to, coordinates(owner), amount);
        let (sender_balance, sender_siblings) = self.debit(&transfer);
        let receiver = self.held.get(&to).map(|(_, holding)| *holding);
        let receiver_siblings = self.trie.path(to).unwrap();
        let Holding { balance, ordinal } = receiver.unwrap_or_default();
        let balance = balance + amount;
        self.put(to, owner, Holding { balance, ordinal });
        self.keep(Step {
            signed: self.sign(transfer),
            sender_key: coordinates(self.held[&from].0),
            sender_balance,
            sender_siblings,
            receiver,
            receiver_siblings,
        })
    }

    /// The same to an account of another shard.
    pub fn leave(
        &mut self,
        from: u64,
        (to_shard, to): (u32, u64),
        receiver_key: Coordinates,
        amount: u64,
        request: bool,
    ) -> Step {
        let transfer = Transfer {
            to_shard,
            request,
            ..self.transfer(from, to, receiver_key, amount)
        };
        let (sender_balance, sender_siblings) = self.debit(&transfer);
        self.made
            .push((to_shard, transfer.outgoing(SHARD).unwrap()));
        self.keep(Step {
            signed: self.sign(transfer),
            sender_key: coordinates(self.held[&from].0),
            sender_balance,
            sender_siblings,
            receiver: None,
            receiver_siblings: Vec::new(),
        })
    }

    /// Takes a message; `owner` is who it opens an account for if it does.
    pub fn receive(&mut self, state: GlobalState, opening: Opening, owner: u8) -> Receive {
        let Opening {
            source,
            message,
            index,
            ..
        } = opening;
        let size = Size {
            depth: self.trie.depth(),
            ..SIZE
        };
        let place = size.place(&message).unwrap_or_default();
        let held = self.held.get(&place).copied();
        let owner = held.map_or(owner, |(owner, _)| owner);
        let receive = Receive {
            opening,
            inbox_siblings: self.inbox.path(source.into()).unwrap(),
            key: coordinates(owner),
            held: held.map(|(_, holding)| holding),
            siblings: self.trie.path(place).unwrap(),
        };
        let delivered = transfer::deliver(&message, index, size, receive.key, receive.held);
        let Delivered { held, reply, .. } = delivered.unwrap();
        held.into_iter()
            .for_each(|held| self.put(place, owner, held));
        self.inbox.set(source.into(), (index + 1).into()).unwrap();
        self.made.extend(reply.map(|message| (source, message)));
        (self.batch.seen, self.batch.seen_digest) = (Some(SeenState(state)), state.digest());
        self.batch.receives.push(receive.clone());
        receive
    }

    fn transfer(&self, from: u64, to: u64, receiver_key: Coordinates, amount: u64) -> Transfer {
        Transfer {
            from,
            ordinal: self.ordinal(from),
            to,
            to_shard: SHARD,
            request: false,
            receiver_key,
            amount,
        }
    }

    fn debit(&mut self, transfer: &Transfer) -> (u64, Vec<[Fr; 2]>) {
        let (owner, Holding { balance, ordinal }) = self.held[&transfer.from];
        let siblings = self.trie.path(transfer.from).unwrap();
        let after = Holding {
            balance: balance - transfer.amount,
            ordinal: ordinal + 1,
        };
        self.put(transfer.from, owner, after);
        (balance, siblings)
    }

    fn sign(&self, transfer: Transfer) -> SignedTransfer {
        let signature = key(self.held[&transfer.from].0).sign(transfer.message(SHARD));
        SignedTransfer {
            transfer,
            signature,
        }
    }

    fn keep(&mut self, step: Step) -> Step {
        self.batch.steps.push(step.clone());
        step
    }
}

/// Three transfers: to an account, to an empty place, to oneself.
pub fn batch() -> Batch {
    let mut accounts = Accounts::new(SIZE.depth, &[100, 50, 7]);
    let steps = [(0, 1, 1, 30), (1, 20, 9, 80), (2, 2, 2, 7)];
    for (from, to, owner, amount) in steps {
        accounts.step(from, to, owner, amount);
    }
    accounts.batch()
}

/// A shard in the middle of things: it has sent to shard 1 and taken from shard 7 before. Now it takes a request of shard 7 that has
/// to be answered and a transfer of shard 1 that can't be credited, and a client pays locally, one to shard 2 and none asks.
pub fn mixed() -> Batch {
    let (mut accounts, world) = midway();
    let state = world.state();
    accounts.receive(state, world.opening(7, SHARD, 1), 0);
    accounts.receive(state, world.opening(1, SHARD, 0), 0);
    accounts.step(0, 20, 9, 10);
    accounts.leave(1, (2, 1_000_000), ANY, 5, false);
    accounts.batch()
}

/// The shard and the world of [`mixed`] before.
pub fn midway() -> (Accounts, World) {
    let named = transfer::payload(coordinates(1));
    let foreign = transfer::payload(coordinates(8));
    let mut world = World::new(2);
    let message = |kind, to, amount, payload| Message {
        kind,
        from: 11,
        to,
        amount,
        payload,
    };
    world.send(7, SHARD, message(0, 1, 40, named));
    world.send(7, SHARD, message(2, 1, 60, Fr::ZERO));
    world.send(7, SHARD, message(0, 26, 70, foreign));
    world.send(7, 6, message(0, 1, 41, named));
    world.send(1, SHARD, message(0, 1, 80, foreign));
    let mut accounts = Accounts::new(SIZE.depth, &[100, 50, 7]);
    accounts.receive(world.state(), world.opening(7, SHARD, 0), 0);
    accounts.leave(0, (1, 4), coordinates(3), 20, true);
    accounts.batch();
    accounts.begin();
    (accounts, world)
}

/// The compiled circuit.
pub struct Circuit {
    calculator: WitnessCalculator,
    pub r1cs: R1cs,
}

impl Circuit {
    pub fn small() -> Self {
        let circuit = Self::new(&Checkout::find().unwrap(), SIZE);
        assert!(circuit.calculator.tape().is_ok());
        circuit
    }

    pub fn new(checkout: &Checkout, size: Size) -> Self {
        let parameter = |name: &str, value: usize| Parameter {
            name: name.into(),
            value: value as u64,
        };
        let Size {
            transfers,
            receives,
            sends,
            depth,
        } = size;
        let spec = CircuitSpec {
            name: format!("transfer-{transfers}-{receives}-{sends}-{depth}"),
            template: Some("Transfer".into()),
            parameters: vec![
                parameter("N", transfers),
                parameter("M", receives),
                parameter("S", sends),
                parameter("DEPTH", depth),
            ],
            ..CircuitSpec::unlisted("programs/transfer.circom".into())
        };
        let Artifact { r1cs, wasm, .. } = checkout.compile(&spec, &|_| {}).unwrap();
        Self {
            calculator: WitnessCalculator::from_wasm(&wasm).unwrap(),
            r1cs: R1cs::from_path(&r1cs).unwrap(),
        }
    }

    /// The wasm's witness; panics unless the tape has the same or none either. A forged circuit may have no tape.
    pub fn witness(&self, inputs: &Inputs) -> Result<Vec<Fr>, WitnessError> {
        let witness = self.calculator.wasm()?.calculate(inputs);
        if let Ok(tape) = self.calculator.tape() {
            assert!(tape.run(inputs).ok().as_ref() == witness.as_ref().ok());
        }
        witness
    }

    /// The refusal's trace: templates and lines, innermost first.
    pub fn refusal(&self, inputs: &Inputs) -> String {
        match self.witness(inputs) {
            Err(WitnessError::Circuit { trace, .. }) => trace,
            other => panic!(
                "not refused by a constraint: {:?}",
                other.map(|witness| witness.len())
            ),
        }
    }
}

/// What a trace names, as `template: source line`, innermost first.
pub fn lines(trace: &str) -> Vec<String> {
    let root = concat!(env!("CARGO_MANIFEST_DIR"));
    let files = [
        "lib/account",
        "lib/channel",
        "lib/delivery",
        "lib/range",
        "lib/trie",
        "lib/jubjub",
        "lib/schnorr",
        "programs/transfer",
    ];
    let texts: Vec<String> = files
        .iter()
        .map(|file| std::fs::read_to_string(format!("{root}/{file}.circom")).unwrap())
        .collect();
    let mut found = Vec::new();
    for part in trace.split("rror in template ").skip(1) {
        let (name, rest) = part.split_once(' ').unwrap();
        let template = name.rsplit_once('_').map_or(name, |(template, _)| template);
        let number = rest
            .trim_start_matches("line: ")
            .split(|c: char| !c.is_ascii_digit())
            .next()
            .unwrap();
        let home = texts
            .iter()
            .find(|text| text.contains(&format!("template {template}(")));
        let line = home.and_then(|text| text.lines().nth(number.parse::<usize>().unwrap() - 1));
        found.push(format!("{template}: {}", line.unwrap_or_default().trim()));
    }
    found
}
