//! A netted shard from messages to snapshots and back from global states: what it submits, what a checker refuses, what a
//! crash leaves.

#[path = "../../verifier/tests/common/mod.rs"]
mod common;

use ark_bn254::Fr;
use common::Trapdoor;
use ed25519_dalek::SigningKey;
use sha2::{Digest, Sha256};
use std::path::Path;
use trifold_circuits::genesis::{
    Genesis, GenesisAccount, GenesisError, GenesisShard, NettedProgram, NettedStart, OperatorKey,
    Start,
};
use trifold_circuits::netted::circuit::PartCircuit;
use trifold_circuits::netted::manifest::Source;
use trifold_circuits::netted::part_inputs::PartInputs;
use trifold_circuits::schnorr::SecretKey;
use trifold_circuits::snapshot::{Kind, Snapshot, SnapshotError, View, Work};
use trifold_circuits::trie::SparseTrie;
use trifold_shard::ShardError;
use trifold_shard::netted::layout::{Domain, Message, Payment, SignedMessage};
use trifold_shard::netted::{NettedShard, NettedShardError, Submission};
use trifold_shard::store::{Settings, StoreError};
use trifold_verifier::client::{self, Update};
use trifold_verifier::statement::{GlobalState, Keys, Leaf};
use trifold_verifier::verified::VerifiedState;

const NOW: u64 = 1_790_000_000_000;
const ACCOUNTS: u32 = 12;
const SHARD: u32 = 1;

fn transfer() -> Fr {
    Fr::from(77)
}

fn secret(account: u32) -> SecretKey {
    SecretKey::from_seed(&[account as u8 + 1; 32])
}

fn operator(shard: u32) -> SigningKey {
    SigningKey::from_bytes(&[shard as u8 + 1; 32])
}

/// The netted program under keys that anyone can forge for.
fn program() -> NettedProgram {
    let part = |circuit| Some(Trapdoor::new(10 + circuit as u64).key());
    NettedProgram::new(Trapdoor::new(9).key(), part).unwrap()
}

fn start() -> NettedStart {
    let account = |index| GenesisAccount {
        key: secret(index).public(),
        balance: 1000,
    };
    NettedStart {
        accounts: (0..ACCOUNTS).map(account).collect(),
        depth: 6,
        collector: 0,
    }
}

fn shards(start: &NettedStart) -> Vec<GenesisShard> {
    let shard = |index| GenesisShard {
        operator: OperatorKey(operator(index).verifying_key()),
        start: Start::Netted(start.clone()),
    };
    (0..3).map(shard).collect()
}

fn genesis() -> Genesis {
    Genesis::with_netted(Some(program()), Vec::new(), shards(&start())).unwrap()
}

fn create(folder: &Path) -> NettedShard {
    let settings = Settings::default();
    NettedShard::create(folder, &genesis(), SHARD, transfer(), settings).unwrap()
}

fn open(folder: &Path) -> Result<NettedShard, NettedShardError> {
    NettedShard::open(folder, &genesis(), Settings::default())
}

fn signed(from: u32, ordinal: u64, to: u32, amount: u64) -> SignedMessage {
    let network = genesis().netted().unwrap().unwrap().network;
    let payment = Payment {
        account: to,
        shard: SHARD as u16,
        amount,
        fee: 1,
    };
    let message = Message {
        from,
        ordinal,
        payments: vec![payment],
    };
    Domain::new(network, SHARD as u16).sign(message, &secret(from))
}

fn pay(shard: &NettedShard, ordinal: u64) {
    let messages = (1..ACCOUNTS)
        .map(|from| signed(from, ordinal, from - 1, 5))
        .collect();
    let taken = shard.accept(messages).unwrap();
    assert!(taken.iter().all(Result::is_ok), "{taken:?}");
}

fn submission(shard: &mut NettedShard) -> Submission {
    shard.snapshot(NOW).unwrap().unwrap()
}

fn check(snapshot: &Snapshot, current: &Leaf) -> Result<(), SnapshotError> {
    let (genesis, netted) = (genesis(), genesis().netted().unwrap());
    let network = genesis.global_state(transfer()).unwrap().digest();
    let view = View {
        network,
        current,
        kind: &|program| (*program == self::program().digest()).then_some(Kind::Netted),
        netted: netted.as_ref(),
        history: &|epoch| (epoch == 0).then_some(network),
        now_milliseconds: NOW,
    };
    snapshot.check(&view)?;
    snapshot.in_parts(netted.as_ref().unwrap()).map(drop)
}

/// The global state of `epoch` in which the shard has `leaf`, and the shard's path.
fn global(epoch: u64, leaf: &Leaf) -> (VerifiedState, Vec<[Fr; 2]>) {
    let genesis = genesis();
    let mut trie: SparseTrie = genesis.trie(transfer()).unwrap();
    trie.set(SHARD.into(), leaf.digest()).unwrap();
    let first = genesis.global_state(transfer()).unwrap();
    let state = GlobalState {
        epoch,
        root: trie.root(),
        ..first
    };
    let trapdoor = Trapdoor::new(1);
    let network = client::Network {
        keys: Keys {
            merge: Fr::from(1),
            nest: Fr::from(2),
            registry: Fr::from(3),
        },
        genesis: first.digest(),
        nest_key: trapdoor.key(),
    };
    let proof = trapdoor.prove(network.statement(&state).digest());
    let path = trie.path(SHARD.into()).unwrap();
    (network.verify(&Update { state, proof }).unwrap(), path)
}

#[test]
fn messages_become_a_snapshot_that_passes_its_checks() {
    let folder = tempfile::tempdir().unwrap();
    let mut shard = create(folder.path());
    assert!(shard.snapshot(NOW).unwrap().is_none());
    pay(&shard, 0);
    let Submission { snapshot, inputs } = submission(&mut shard);
    assert_eq!(snapshot.events(), ACCOUNTS - 1);
    assert_eq!(check(&snapshot, shard.chain().leaf()), Ok(()));
    let bytes = snapshot.sign(&operator(SHARD)).unwrap();
    assert_eq!(Snapshot::open(&bytes, &genesis()).as_ref(), Ok(&snapshot));
    let (tree, statement) = snapshot
        .in_parts(&genesis().netted().unwrap().unwrap())
        .unwrap();
    assert_eq!(statement.new_body, snapshot.new.body);
    let circuits: Vec<PartCircuit> = tree.nodes.iter().map(|node| node.circuit).collect();
    assert_eq!(circuits, [PartCircuit::Messages, PartCircuit::RowsIdle]);
    for (node, blob) in tree.nodes.iter().zip(&inputs) {
        let Source::Inputs(name) = node.source else {
            panic!("a join");
        };
        assert_eq!(name, <[u8; 32]>::from(Sha256::digest(blob)));
        PartInputs::decode(blob).unwrap();
    }
}

#[test]
fn a_global_state_confirms_the_snapshot_and_the_next_one_follows() {
    let folder = tempfile::tempdir().unwrap();
    let mut shard = create(folder.path());
    pay(&shard, 0);
    let first = submission(&mut shard).snapshot;
    pay(&shard, 1);
    assert_eq!(
        submission(&mut shard).snapshot,
        first,
        "one under way at a time"
    );
    let (state, path) = global(1, &first.new);
    assert!(shard.observe(&state, &path).unwrap());
    let second = submission(&mut shard).snapshot;
    assert_eq!(second.old, first.new.digest());
    assert_eq!(check(&second, &first.new), Ok(()));
    let stale = shard.observe(&state, &path);
    assert!(matches!(
        stale,
        Err(NettedShardError::Shard(ShardError::Stale { .. }))
    ));
    let (forked, path) = global(
        2,
        &Leaf {
            lamport: 9,
            ..first.new
        },
    );
    assert!(matches!(
        shard.observe(&forked, &path),
        Err(NettedShardError::Shard(ShardError::NotUnderRoot {
            epoch: 2
        }))
    ));
}

#[test]
fn what_was_submitted_is_submitted_again_after_a_crash() {
    let folder = tempfile::tempdir().unwrap();
    let mut shard = create(folder.path());
    pay(&shard, 0);
    let first = submission(&mut shard);
    pay(&shard, 1);
    drop(shard);
    let mut shard = open(folder.path()).unwrap();
    let again = shard.snapshot(NOW + 50_000).unwrap().unwrap();
    assert_eq!(
        (again.snapshot, again.inputs),
        (first.snapshot, first.inputs)
    );
    assert_eq!(shard.pending(), ACCOUNTS as usize - 1);
}

#[test]
fn messages_are_taken_while_a_snapshot_is_made() {
    let folder = tempfile::tempdir().unwrap();
    let mut shard = create(folder.path());
    pay(&shard, 0);
    let store = shard.store().clone();
    let (taken, first) = std::thread::scope(|scope| {
        let taking = scope.spawn(|| {
            let one_by_one = (0..20).map(|n| store.submit(vec![signed(1, 1 + n, 2, 1)]).unwrap());
            one_by_one.filter(|results| results[0].is_ok()).count()
        });
        let first = submission(&mut shard).snapshot;
        (taking.join().unwrap(), first)
    });
    // Each is in the epoch that ended or in the one that is open, and none is lost.
    let rest = shard.pending();
    assert_eq!(
        first.events() as usize + rest,
        ACCOUNTS as usize - 1 + taken
    );
    assert_eq!(taken, 20);
    assert_eq!(check(&first, shard.chain().leaf()), Ok(()));
}

#[test]
fn an_epoch_that_ended_in_a_crash_is_submitted_before_the_next() {
    let folder = tempfile::tempdir().unwrap();
    let shard = create(folder.path());
    pay(&shard, 0);
    shard.store().close_epoch(NOW, Vec::new()).unwrap();
    pay(&shard, 1);
    drop(shard);
    let mut shard = open(folder.path()).unwrap();
    let snapshot = submission(&mut shard).snapshot;
    assert_eq!(snapshot.events(), ACCOUNTS - 1);
    assert_eq!(check(&snapshot, shard.chain().leaf()), Ok(()));
    assert_eq!(shard.pending(), ACCOUNTS as usize - 1);
}

type Change = fn(&mut Snapshot);

#[test]
fn changed_snapshots_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let mut shard = create(folder.path());
    pay(&shard, 0);
    let honest = submission(&mut shard).snapshot;
    let refused = |change: Change| {
        let mut snapshot = honest.clone();
        change(&mut snapshot);
        check(&snapshot, shard.chain().leaf()).unwrap_err()
    };
    fn manifest(snapshot: &mut Snapshot) -> &mut trifold_circuits::netted::manifest::Manifest {
        match &mut snapshot.work {
            Work::Netted(manifest) => manifest,
            _ => panic!("not netted"),
        }
    }
    assert_eq!(
        refused(|s| s.new.body += Fr::from(1)),
        SnapshotError::NewBody
    );
    assert_eq!(
        refused(|s| manifest(s).network += Fr::from(1)),
        SnapshotError::Name
    );
    for change in [
        (|s| manifest(s).old += Fr::from(1)) as Change,
        |s| manifest(s).messages[0].part.sum += Fr::from(1),
        |s| manifest(s).accounts.clear(),
        |s| s.new.seen_digest = Fr::from(1),
    ] {
        let error = refused(change);
        assert!(
            matches!(
                error,
                SnapshotError::Parts(_) | SnapshotError::SeenDigest { .. }
            ),
            "{error}"
        );
    }
    let rolled_back = Leaf {
        lamport: honest.new.lamport + 1,
        ..honest.new
    };
    assert!(matches!(
        check(&honest, &rolled_back).unwrap_err(),
        SnapshotError::Stale { .. }
    ));
    let bytes = honest.sign(&operator(SHARD + 1)).unwrap();
    let forged = Snapshot::open(&bytes, &genesis()).unwrap_err();
    assert_eq!(forged, SnapshotError::Signature(SHARD));
}

#[test]
fn the_genesis_file_holds_keys_and_refuses_what_does_not_fit() {
    let text = genesis().to_json().unwrap();
    let read = Genesis::from_json(text.as_bytes()).unwrap();
    assert_eq!(read, genesis());
    let refused = |change: &dyn Fn(&mut NettedStart)| {
        let mut start = start();
        change(&mut start);
        Genesis::with_netted(Some(program()), Vec::new(), shards(&start)).unwrap_err()
    };
    assert!(matches!(
        refused(&|start| start.collector = ACCOUNTS),
        GenesisError::Collector {
            shard: 0,
            collector: ACCOUNTS
        }
    ));
    assert!(matches!(
        refused(&|start| start.depth = 2),
        GenesisError::NettedAccounts {
            shard: 0,
            accounts: 12,
            capacity: 9
        }
    ));
    assert!(matches!(
        refused(&|start| start.depth = 21),
        GenesisError::AccountTrie(_)
    ));
    let without = Genesis::new(Vec::new(), shards(&start())).unwrap_err();
    assert!(matches!(without, GenesisError::UnknownProgram { .. }));
    let missing = text.replacen("netted-rows-idle", "netted-other", 1);
    let said = Genesis::from_json(missing.as_bytes())
        .unwrap_err()
        .to_string();
    assert!(said.contains("netted-rows-idle is missing"), "{said}");
}

#[test]
fn a_folder_of_another_network_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    drop(create(folder.path()));
    let mut others = shards(&start());
    others[0].operator = OperatorKey(operator(5).verifying_key());
    let genesis = Genesis::with_netted(Some(program()), Vec::new(), others).unwrap();
    let other = NettedShard::open(folder.path(), &genesis, Settings::default());
    assert!(matches!(
        other.err(),
        Some(NettedShardError::Store(StoreError::OtherRules { .. }))
    ));
}
