//! Snapshots: what a shard submits, what its checker refuses, how global states come back, what storage keeps.

#[path = "../../verifier/tests/common/mod.rs"]
mod common;

use std::collections::BTreeMap;

use ark_bn254::Fr;
use common::Trapdoor;
use trifold_circuits::field::ShortElement;
use trifold_circuits::genesis::{DemoSecrets, Genesis};
use trifold_circuits::snapshot::{
    Exchange, Kind, MAX_SNAPSHOT_BYTES, Signals, SignalsError, Snapshot, SnapshotError, View, Work,
};
use trifold_circuits::transfer::{Batch, Size};
use trifold_circuits::trie::SparseTrie;
use trifold_shard::{Shard, ShardError, Wallet, file};
use trifold_verifier::client::{self, Update};
use trifold_verifier::statement::{Body, GlobalState, Keys, Leaf};
use trifold_verifier::verified::VerifiedState;

const NOW: u64 = 1_790_000_000_000;
const SHARD: u32 = 1;

struct Network {
    genesis: Genesis,
    secrets: DemoSecrets,
    program: Fr,
    shard: Shard,
    wallet: Wallet,
}

/// The transfers of a snapshot.
fn batch(snapshot: &mut Snapshot) -> &mut Batch {
    match &mut snapshot.work {
        Work::Transfer(batch) => batch,
        work => panic!("not transfers: {work:?}"),
    }
}

impl Network {
    fn new() -> Self {
        let (genesis, secrets) = Genesis::demo(3, 3, 4, 1000).unwrap();
        let program = Fr::from(99);
        let shard = Shard::genesis(&genesis, SHARD, program).unwrap();
        let wallet = Wallet::new(secrets.accounts[1][0].clone(), SHARD, 0, 0);
        Self {
            genesis,
            secrets,
            program,
            shard,
            wallet,
        }
    }

    fn pay(&mut self, count: usize) {
        for _ in 0..count {
            let signed = self
                .wallet
                .transfer(1, self.secrets.accounts[1][1].public(), 3);
            self.shard.accept(&signed).unwrap();
        }
    }

    fn snapshot(&mut self) -> Snapshot {
        self.shard.snapshot(NOW).unwrap().unwrap().clone()
    }

    fn check(&self, snapshot: &Snapshot) -> Result<(), SnapshotError> {
        self.check_from(snapshot, self.shard.leaf())
    }

    fn check_from(&self, snapshot: &Snapshot, current: &Leaf) -> Result<(), SnapshotError> {
        let network = self.genesis.global_state(self.program).unwrap().digest();
        let view = View {
            network,
            current,
            kind: &|program| {
                let known = [self.program, Fr::from(98)].contains(program);
                known.then_some(Kind::Transfer)
            },
            netted: None,
            history: &|epoch| (epoch == 0).then_some(network),
            now_milliseconds: NOW,
        };
        snapshot.check(&view)
    }

    /// The global state of `epoch` in which this shard has `leaf`, proven with a trapdoor, and the shard's path.
    fn global(&self, epoch: u64, leaf: &Leaf) -> (VerifiedState, Vec<[Fr; 2]>) {
        let mut trie: SparseTrie = self.genesis.trie(self.program).unwrap();
        trie.set(SHARD.into(), leaf.digest()).unwrap();
        let genesis = self.genesis.global_state(self.program).unwrap();
        let state = GlobalState {
            epoch,
            root: trie.root(),
            ..genesis
        };
        let keys = Keys {
            merge: Fr::from(1),
            nest: Fr::from(2),
            registry: Fr::from(3),
        };
        let trapdoor = Trapdoor::new(1);
        let network = client::Network {
            keys,
            genesis: genesis.digest(),
            nest_key: trapdoor.key(),
        };
        let proof = trapdoor.prove(network.statement(&state).digest());
        (
            network.verify(&Update { state, proof }).unwrap(),
            trie.path(SHARD.into()).unwrap(),
        )
    }
}

#[test]
fn a_snapshot_passes_its_checks_and_its_bytes_round_trip() {
    let mut network = Network::new();
    network.pay(20);
    let snapshot = network.snapshot();
    assert_eq!(snapshot.events() as usize, Size::DEPLOYED.transfers);
    assert_eq!(network.check(&snapshot), Ok(()));
    let (_, statement) = snapshot.inputs().unwrap();
    assert_eq!(
        (statement.old_body, statement.new_body),
        (network.shard.leaf().body, snapshot.new.body)
    );
    let bytes = snapshot.sign(&network.secrets.operators[1]).unwrap();
    assert!(
        bytes.len() < MAX_SNAPSHOT_BYTES / 2,
        "{} bytes",
        bytes.len()
    );
    assert_eq!(
        Snapshot::open(&bytes, &network.genesis).as_ref(),
        Ok(&snapshot)
    );
}

#[test]
fn damaged_bytes_are_refused_one_by_one() {
    let mut network = Network::new();
    network.pay(1);
    let (snapshot, genesis) = (network.snapshot(), &network.genesis);
    let bytes = snapshot.sign(&network.secrets.operators[1]).unwrap();
    let open = |bytes: &[u8]| Snapshot::open(bytes, genesis).unwrap_err();
    for place in 0..bytes.len() {
        let mut damaged = bytes.clone();
        damaged[place] ^= 1;
        open(&damaged);
    }
    for length in 0..bytes.len() {
        open(&bytes[..length]);
    }
    assert_eq!(open(&bytes[..64]), SnapshotError::TooShort { bytes: 64 });
    assert_eq!(open(&[1; 100]), SnapshotError::Version(1));
    assert_eq!(
        open(&[&bytes[..], &[0]].concat()),
        SnapshotError::NotCanonical
    );
    let bytes = snapshot.sign(&network.secrets.operators[0]).unwrap();
    assert_eq!(open(&bytes), SnapshotError::Signature(SHARD));
    let bytes = Snapshot {
        shard: 3,
        ..snapshot.clone()
    }
    .sign(&network.secrets.operators[1])
    .unwrap();
    assert_eq!(open(&bytes), SnapshotError::UnknownShard(3));
    let long = vec![1; MAX_SNAPSHOT_BYTES + 1];
    assert_eq!(
        open(&long),
        SnapshotError::TooLong {
            bytes: MAX_SNAPSHOT_BYTES + 1
        }
    );
}

#[test]
fn each_rule_has_its_refusal() {
    let mut network = Network::new();
    network.pay(2);
    let honest = network.snapshot();
    let refuse = |change: &dyn Fn(&mut Snapshot)| {
        let mut snapshot = honest.clone();
        change(&mut snapshot);
        network.check(&snapshot).unwrap_err()
    };
    let minute = 60_001u64 << 16;
    assert_eq!(refuse(&|s| s.network = Fr::from(1)), SnapshotError::Network);
    assert_eq!(
        refuse(&|s| s.old = Fr::from(1)),
        SnapshotError::PreviousLeaf
    );
    assert_eq!(
        refuse(&|s| s.new.program = Fr::from(97)),
        SnapshotError::UnknownProgram
    );
    assert_eq!(
        refuse(&|s| s.new.program = Fr::from(98)),
        SnapshotError::ProgramChanged
    );
    assert_eq!(
        refuse(&|s| batch(s).steps.clear()),
        SnapshotError::Events {
            events: 0,
            limit: 10
        }
    );
    assert_eq!(
        refuse(&|s| s.new.lamport = 1),
        SnapshotError::Lamport {
            lamport: 1,
            current: 0,
            events: 2
        }
    );
    assert_eq!(
        refuse(&|s| s.new.timestamp = 0),
        SnapshotError::Timestamp {
            timestamp: 0,
            current: 0
        }
    );
    assert_eq!(
        refuse(&|s| s.new.timestamp += minute),
        SnapshotError::Future { ahead: 60_001 }
    );
    assert_eq!(
        refuse(&|s| s.new.seen_epoch = 1),
        SnapshotError::SeenNotFinal { seen: 1 }
    );
    assert_eq!(
        refuse(&|s| s.new.seen_digest = Fr::from(1)),
        SnapshotError::SeenDigest { seen: 0 }
    );
    assert_eq!(refuse(&|s| batch(s).shard = 0), SnapshotError::Inconsistent);
    assert_eq!(
        refuse(&|s| batch(s).seen_digest = Fr::from(1)),
        SnapshotError::Inconsistent
    );
    assert_eq!(
        refuse(&|s| s.new.supply = 4001),
        SnapshotError::Supply {
            supply: 4001,
            current: 4000,
            sent: 0,
            received: 0
        }
    );
    assert_eq!(
        refuse(&|s| batch(s).old_root = Fr::from(1)),
        SnapshotError::PreviousRoot
    );
    let mut other = honest.clone();
    other.new.body = Fr::from(1);
    assert_eq!(other.inputs().unwrap_err(), SnapshotError::NewBody);
}

/// A step of a program that only its circuit knows.
fn signals(network: &mut Network) -> Snapshot {
    network.pay(1);
    let snapshot = network.snapshot();
    let values = [Fr::from(0), Fr::from(300), -Fr::from(1)].map(ShortElement);
    let signals = Signals {
        old_body: network.shard.leaf().body,
        events: 1,
        exchange: Exchange::default(),
        signals: BTreeMap::from([
            ("value".into(), values.into()),
            ("bit".into(), vec![values[0]]),
        ]),
    };
    Snapshot {
        work: Work::Signals(signals),
        ..snapshot
    }
}

fn check_signals(network: &Network, snapshot: &Snapshot) -> Result<(), SnapshotError> {
    let (digest, current) = (snapshot.network, network.shard.leaf());
    let view = View {
        network: digest,
        current,
        kind: &|_| Some(Kind::Signals),
        netted: None,
        history: &|_| None,
        now_milliseconds: NOW,
    };
    snapshot.check(&view)
}

#[test]
fn a_snapshot_of_signals_becomes_a_circuit_s_inputs() {
    let mut network = Network::new();
    let snapshot = signals(&mut network);
    assert_eq!(check_signals(&network, &snapshot), Ok(()));
    let bytes = snapshot.sign(&network.secrets.operators[1]).unwrap();
    assert_eq!(Snapshot::open(&bytes, &network.genesis).unwrap(), snapshot);
    let (inputs, statement) = snapshot.inputs().unwrap();
    let names: Vec<&str> = inputs.iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["bit", "value", "x"]);
    assert_eq!(inputs.get("x"), Some(&[statement.digest()][..]));
    assert_eq!(inputs.get("value").unwrap()[1], Fr::from(300));
    assert_eq!(
        (statement.shard, statement.old_body, statement.new_body),
        (SHARD, network.shard.leaf().body, snapshot.new.body)
    );
}

#[test]
fn each_rule_for_signals_has_its_refusal() {
    let mut network = Network::new();
    let honest = signals(&mut network);
    let refuse = |change: &dyn Fn(&mut Leaf, &mut Signals)| {
        let mut snapshot = honest.clone();
        let Work::Signals(signals) = &mut snapshot.work else {
            panic!("not signals");
        };
        change(&mut snapshot.new, signals);
        check_signals(&network, &snapshot).unwrap_err()
    };
    let transfers = Work::Transfer(Batch::new(SHARD, &Body::default()));
    let other = Snapshot {
        work: transfers,
        ..honest.clone()
    };
    assert_eq!(
        check_signals(&network, &other),
        Err(SnapshotError::Kind {
            expected: Kind::Signals,
            found: Kind::Transfer
        })
    );
    assert_eq!(
        refuse(&|_, s| s.old_body = Fr::from(1)),
        SnapshotError::PreviousBody
    );
    assert_eq!(
        refuse(&|_, s| s.events = 0),
        SnapshotError::Events {
            events: 0,
            limit: u32::MAX
        }
    );
    assert_eq!(
        refuse(&|_, s| s.exchange.received_lamport = 1),
        SnapshotError::ReceivedLamport {
            lamport: 1,
            received: 1
        }
    );
    assert!(matches!(
        refuse(&|leaf, s| s.exchange.received_timestamp = leaf.timestamp),
        SnapshotError::ReceivedTimestamp { .. }
    ));
    assert_eq!(
        refuse(&|_, s| s.exchange.sent = 1),
        SnapshotError::Supply {
            supply: 4000,
            current: 4000,
            sent: 1,
            received: 0
        }
    );
    assert_eq!(
        refuse(&|_, s| s.exchange.received = 1 << 96),
        SnapshotError::Value { value: 1 << 96 }
    );
    let name = |name: &str| {
        refuse(&|_, s| {
            s.signals
                .insert(name.into(), vec![ShortElement(Fr::from(1))]);
        })
    };
    assert_eq!(name("x"), SignalsError::Statement.into());
    assert_eq!(name(""), SignalsError::NameLength { bytes: 0 }.into());
    let long = "n".repeat(65);
    assert_eq!(name(&long), SignalsError::NameLength { bytes: 65 }.into());
    let spaced = SignalsError::Name { name: "a b".into() };
    assert_eq!(name("a b"), spaced.into());
    let empty = refuse(&|_, s| {
        s.signals.insert("none".into(), Vec::new());
    });
    let none = SignalsError::Empty {
        name: "none".into(),
    };
    assert_eq!(empty, none.into());
}

#[test]
fn a_signal_has_one_encoding() {
    let encode = |value: Fr| postcard::to_allocvec(&ShortElement(value)).unwrap();
    let decode = |bytes: &[u8]| postcard::from_bytes::<ShortElement>(bytes);
    for value in [Fr::from(0), Fr::from(255), Fr::from(256), -Fr::from(1)] {
        assert_eq!(decode(&encode(value)), Ok(ShortElement(value)));
    }
    assert_eq!(encode(Fr::from(0)), [0]);
    assert_eq!(encode(Fr::from(256)), [2, 0, 1]);
    assert!(decode(&[2, 1, 0]).is_err(), "a leading zero");
    assert!(
        decode(&[&[32][..], &[255; 32]].concat()).is_err(),
        "not below the modulus"
    );
    assert!(decode(&[&[33][..], &[1; 33]].concat()).is_err(), "too long");
}

#[test]
fn replayed_stale_and_rolled_back_snapshots_are_refused() {
    let mut network = Network::new();
    network.pay(2);
    let first = network.snapshot();
    assert_eq!(
        network.check_from(&first, &first.new),
        Err(SnapshotError::Replayed)
    );
    let later = Leaf {
        lamport: 9,
        ..first.new
    };
    assert_eq!(
        network.check_from(&first, &later),
        Err(SnapshotError::Stale {
            lamport: 2,
            current: 9
        })
    );
    let ahead = Leaf {
        seen_epoch: 1,
        ..*network.shard.leaf()
    };
    let rolled_back = Snapshot {
        old: ahead.digest(),
        ..first
    };
    assert_eq!(
        network.check_from(&rolled_back, &ahead),
        Err(SnapshotError::SeenWentBack {
            seen: 0,
            current: 1
        })
    );
}

#[test]
fn a_snapshot_waits_unchanged_until_a_global_state_holds_it() {
    let mut network = Network::new();
    network.pay(10);
    let first = network.snapshot();
    network.pay(1);
    let genesis_leaf = *network.shard.leaf();
    let (silent, path) = network.global(1, &genesis_leaf);
    assert!(!network.shard.observe(&silent, path).unwrap());
    assert_eq!(network.snapshot(), first);
    let (state, siblings) = network.global(2, &first.new);
    assert!(network.shard.observe(&state, siblings.clone()).unwrap());
    assert_eq!(*network.shard.leaf(), first.new);
    assert_eq!(network.shard.pending(), 3);
    let second = network.snapshot();
    assert_eq!((second.events(), second.new.lamport), (3, 11));
    assert!(second.new.timestamp > first.new.timestamp);
    assert_eq!(
        (second.new.seen_epoch, second.new.seen_digest),
        (1, silent.state().digest())
    );
    second.inputs().unwrap();
    let stale = network.shard.observe(&state, siblings.clone()).unwrap_err();
    assert!(matches!(
        stale,
        ShardError::Stale {
            epoch: 2,
            latest: 2
        }
    ));
    let (rolled_back, path) = network.global(3, &genesis_leaf);
    let error = network.shard.observe(&rolled_back, path).unwrap_err();
    assert!(matches!(error, ShardError::NotUnderRoot { epoch: 3 }));
}

#[test]
fn a_shard_survives_storage_and_refuses_a_file_that_does_not_fit_together() {
    let mut network = Network::new();
    network.pay(3);
    network.snapshot();
    network.pay(2);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("shard.json");
    file::save(&network.shard, &path).unwrap();
    assert_eq!(file::load(&path).unwrap(), network.shard);
    let text = std::fs::read_to_string(&path).unwrap();
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    std::fs::write(&path, text.replace("\"balance\":1015", "\"balance\":1016")).unwrap();
    assert!(
        file::load(&path)
            .unwrap_err()
            .to_string()
            .contains("accounts are not those")
    );
    std::fs::write(&path, &text[..text.len() / 2]).unwrap();
    assert!(matches!(
        file::load(&path),
        Err(file::FileError::Malformed { .. })
    ));
    assert!(matches!(
        file::load(&folder.path().join("none")),
        Err(file::FileError::Io { .. })
    ));
}
