//! A small ledger that signs what it is told to, and the circuit with as many slots and levels as a test wants.

#![allow(dead_code)] // each test binary uses its part

use ark_bn254::Fr;
use std::collections::BTreeMap;
use trifold_circuits::artifacts::{Artifact, Checkout, CircuitSpec, Parameter};
use trifold_circuits::inputs::Inputs;
use trifold_circuits::r1cs::R1cs;
use trifold_circuits::schnorr::SecretKey;
use trifold_circuits::transfer::{self, Batch, Holding, SignedTransfer, Size, Step, Transfer};
use trifold_circuits::trie::SparseTrie;
use trifold_circuits::witness::{WitnessCalculator, WitnessError};

pub const SIZE: Size = Size { slots: 3, depth: 3 };
pub const SHARD: u32 = 5;

pub fn key(owner: u8) -> SecretKey {
    SecretKey::from_seed(&[owner; 32])
}

/// Accounts by position: owner, balance, ordinal.
pub struct Accounts {
    held: BTreeMap<u64, (u8, Holding)>,
    trie: SparseTrie,
}

impl Accounts {
    pub fn new(depth: usize, balances: &[u64]) -> Self {
        let trie = SparseTrie::new(depth).unwrap();
        let mut accounts = Self {
            held: BTreeMap::new(),
            trie,
        };
        for (index, balance) in balances.iter().enumerate() {
            let holding = Holding {
                balance: *balance,
                ordinal: 0,
            };
            accounts.put(index as u64, index as u8, holding);
        }
        accounts
    }

    pub fn root(&self) -> Fr {
        self.trie.root()
    }

    pub fn ordinal(&self, index: u64) -> u64 {
        self.held[&index].1.ordinal
    }

    fn put(&mut self, index: u64, owner: u8, holding: Holding) {
        let Holding { balance, ordinal } = holding;
        let leaf = transfer::account(key(owner).public().coordinates(), balance, ordinal);
        self.trie.set(index, leaf).unwrap();
        self.held.insert(index, (owner, holding));
    }

    /// Executes and signs a valid transfer; `owner` names the receiver's key.
    pub fn step(&mut self, from: u64, to: u64, owner: u8, amount: u64) -> Step {
        let (sender, Holding { balance, ordinal }) = self.held[&from];
        let receiver_key = key(owner).public().coordinates();
        let transfer = Transfer {
            from,
            ordinal,
            to,
            receiver_key,
            amount,
        };
        let signature = key(sender).sign(transfer.message(SHARD));
        let sender_siblings = self.trie.path(from).unwrap();
        self.put(
            from,
            sender,
            Holding {
                balance: balance - amount,
                ordinal: ordinal + 1,
            },
        );
        let receiver = self.held.get(&to).map(|(_, holding)| *holding);
        let receiver_siblings = self.trie.path(to).unwrap();
        let Holding {
            balance: held,
            ordinal,
        } = receiver.unwrap_or_default();
        self.put(
            to,
            owner,
            Holding {
                balance: held + amount,
                ordinal,
            },
        );
        Step {
            signed: SignedTransfer {
                transfer,
                signature,
            },
            sender_key: key(sender).public().coordinates(),
            sender_balance: balance,
            sender_siblings,
            receiver,
            receiver_siblings,
        }
    }
}

/// Three transfers: to an account, to an empty place, to oneself.
pub fn batch() -> Batch {
    let mut accounts = Accounts::new(SIZE.depth, &[100, 50, 7]);
    let old_root = accounts.root();
    let steps = [(0, 1, 1, 30), (1, 20, 9, 80), (2, 2, 2, 7)];
    let steps = steps.map(|(from, to, owner, amount)| accounts.step(from, to, owner, amount));
    Batch {
        shard: SHARD,
        seen_digest: Fr::from(77),
        old_root,
        steps: steps.to_vec(),
    }
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
        let spec = CircuitSpec {
            name: format!("transfer-{}-{}", size.slots, size.depth),
            template: Some("Transfer".into()),
            parameters: vec![parameter("N", size.slots), parameter("DEPTH", size.depth)],
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
