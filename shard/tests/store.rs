//! The store: processes killed at any point, what comes back, what is pruned, what still proves.

mod common;

use ark_bn254::Fr;
use common::*;
use rand::{Rng, SeedableRng, rngs::StdRng};
use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;
use trifold_circuits::channel::Opening;
use trifold_circuits::netted::circuit::PartKeys;
use trifold_circuits::netted::close::CloseError;
use trifold_circuits::netted::manifest::ManifestError;
use trifold_circuits::netted::traffic::Traffic;
use trifold_circuits::schnorr::SecretKey;
use trifold_shard::netted::layout::{Payment, SignedMessage};
use trifold_shard::netted::{Accounts, NettedError};
use trifold_shard::store::{Intake, IntakeError, Settings, Store, StoreError};
use trifold_verifier::statement::{Leaf, Message, kind};

const SENDERS: u32 = 12;
/// So much that nobody runs out of it.
const WEALTH: u64 = 1 << 40;
const EPOCH_MILLISECONDS: u64 = 1000;
/// Names the folder of a child's store.
const CHILD: &str = "TRIFOLD_STORE_CHILD";

fn settings() -> Settings {
    Settings {
        keep_milliseconds: 4 * EPOCH_MILLISECONDS,
        keep_roots: 3,
        checkpoint_milliseconds: 2 * EPOCH_MILLISECONDS,
        segment_bytes: 2000,
    }
}

fn wealthy(secrets: &[SecretKey]) -> Accounts {
    secrets
        .iter()
        .map(|secret| entry(secret.public(), WEALTH))
        .collect()
}

/// Where fsync is fast, if there is such a place: what these tests count is not how long a disk takes.
fn folder() -> tempfile::TempDir {
    let memory = Path::new("/dev/shm");
    let in_memory = memory.is_dir().then(|| tempfile::tempdir_in(memory));
    in_memory
        .and_then(Result::ok)
        .unwrap_or_else(|| tempfile::tempdir().unwrap())
}

fn create(folder: &Path, secrets: &[SecretKey]) -> Store {
    Store::create(folder, rules(), wealthy(secrets), settings()).unwrap()
}

fn open(folder: &Path) -> Store {
    Store::open(folder, rules(), settings()).unwrap()
}

/// The one message that a sender ever signs with an ordinal.
fn payments(from: u32, ordinal: u64) -> Vec<Payment> {
    let mut rng = StdRng::seed_from_u64(u64::from(from) << 32 | ordinal);
    random_message(&mut rng, SENDERS, from, ordinal).payments
}

fn signed(secrets: &[SecretKey], from: u32, ordinal: u64) -> SignedMessage {
    sign(secrets, message(from, ordinal, &payments(from, ordinal)))
}

/// Balances if each sender's messages below its next ordinal were executed once.
fn expected(store: &Store) -> BTreeMap<u32, u64> {
    let mut balances: BTreeMap<u32, u64> = (0..SENDERS).map(|i| (i, WEALTH)).collect();
    for from in 0..SENDERS {
        for ordinal in 0..store.next_ordinal(from).unwrap() {
            for payment in payments(from, ordinal) {
                *balances.get_mut(&from).unwrap() -= payment.spent() as u64;
                *balances.get_mut(&0).unwrap() += u64::from(payment.fee);
                if payment.shard == SHARD {
                    *balances.get_mut(&payment.account).unwrap() += payment.amount;
                }
            }
        }
    }
    balances
}

fn check_balances(store: &Store) {
    let expected = expected(store);
    let accounts = store.accounts();
    let found = (0..SENDERS).map(|i| (i, accounts.get(i).unwrap().balance));
    assert_eq!(found.collect::<BTreeMap<_, _>>(), expected);
}

fn check_proofs(store: &Store) {
    for (epoch, root) in store.roots() {
        for account in [0, 5, SENDERS - 1, SENDERS, 2000] {
            let proof = store.prove(epoch, account).unwrap();
            assert_eq!(
                proof.root(rules().depth),
                Some(root),
                "account {account}, epoch {epoch}"
            );
        }
    }
}

/// Not a test: what the killed processes run. Says on standard output what was acknowledged, after it was.
#[test]
fn child() {
    let Ok(folder) = std::env::var(CHILD) else {
        return;
    };
    let secrets = secrets(SENDERS);
    let store = Arc::new(open(Path::new(&folder)));
    let intake = Intake::start(store.clone());
    println!("opened");
    std::thread::scope(|scope| {
        for first in [0, 4, 8] {
            let (secrets, store, intake) = (&secrets, &store, &intake);
            scope.spawn(move || {
                for from in (first..first + 4).cycle() {
                    let ordinal = store.next_ordinal(from).unwrap();
                    intake.submit(signed(secrets, from, ordinal)).unwrap();
                    println!("message {from} {ordinal}");
                }
            });
        }
        loop {
            let milliseconds = (store.epoch() + 1) * EPOCH_MILLISECONDS;
            let committed = store.close_epoch(milliseconds, Vec::new()).unwrap();
            println!("root {} {}", committed.epoch, committed.root);
            std::thread::sleep(Duration::from_millis(3));
        }
    });
}

/// What a child acknowledged before it was killed.
#[derive(Default)]
struct Acknowledged {
    next: BTreeMap<u32, u64>,
    roots: BTreeMap<u64, String>,
}

impl Acknowledged {
    fn take(&mut self, line: &str) {
        let words: Vec<&str> = line.split(' ').collect();
        match words[..] {
            ["message", from, ordinal] => {
                let next = ordinal.parse::<u64>().unwrap() + 1;
                let known = self.next.entry(from.parse().unwrap()).or_default();
                *known = next.max(*known);
            }
            ["root", epoch, root] => {
                self.roots.insert(epoch.parse().unwrap(), root.into());
            }
            _ => {}
        }
    }

    fn check(&self, store: &Store) {
        for (from, next) in &self.next {
            let found = store.next_ordinal(*from).unwrap();
            assert!(
                found >= *next,
                "account {from}: {next} acknowledged, {found} there"
            );
        }
        if let Some((epoch, _)) = self.roots.last_key_value() {
            assert!(store.epoch() > *epoch);
        }
        for (epoch, root) in store.roots() {
            let acknowledged = self.roots.get(&epoch);
            assert!(acknowledged.is_none_or(|known| *known == root.to_string()));
        }
    }
}

/// Runs a child on the store and kills it after it has said `lines` lines; none of what it said may be lost.
fn run_and_kill(folder: &Path, lines: usize, acknowledged: &mut Acknowledged) {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "child", "--nocapture"])
        .env(CHILD, folder)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut output = BufReader::new(child.stdout.take().unwrap()).lines();
    for line in output.by_ref().take(lines) {
        acknowledged.take(&line.unwrap());
    }
    child.kill().unwrap();
    child.wait().unwrap();
    // What it had said and we had not read yet, but for a line that it was in the middle of.
    let rest: Vec<String> = output.map_while(Result::ok).collect();
    rest.iter()
        .rev()
        .skip(1)
        .for_each(|line| acknowledged.take(line));
}

#[test]
fn killed_at_any_point_it_loses_nothing_acknowledged_and_does_nothing_twice() {
    let seed = std::env::var("TRIFOLD_KILL_SEED").map_or(1, |seed| seed.parse().unwrap());
    let kills = std::env::var("TRIFOLD_KILLS").map_or(8, |kills| kills.parse().unwrap());
    let mut rng = StdRng::seed_from_u64(seed);
    let secrets = secrets(SENDERS);
    let folder = folder();
    drop(create(folder.path(), &secrets));
    let mut acknowledged = Acknowledged::default();
    for _ in 0..kills {
        run_and_kill(folder.path(), rng.random_range(1..120), &mut acknowledged);
        let store = open(folder.path());
        acknowledged.check(&store);
        check_proofs(&store);
        let milliseconds = (store.epoch() + 1) * EPOCH_MILLISECONDS;
        store.close_epoch(milliseconds, Vec::new()).unwrap();
        check_balances(&store);
    }
    assert!(acknowledged.next.len() as u32 == SENDERS && acknowledged.roots.len() > 3);
}

#[test]
fn what_is_opened_again_is_what_was_closed() {
    let secrets = secrets(SENDERS + 1);
    let folder = folder();
    let store = create(folder.path(), &secrets[..SENDERS as usize]);
    for epoch in 0..7 {
        for from in 0..SENDERS {
            let ordinal = store.next_ordinal(from).unwrap();
            let results = store.submit(vec![signed(&secrets, from, ordinal)]).unwrap();
            assert_eq!(results, [Ok(())]);
        }
        if epoch == 3 {
            assert_eq!(
                store
                    .open_account(secrets[SENDERS as usize].public())
                    .unwrap(),
                SENDERS
            );
        }
        let committed = store
            .close_epoch(epoch * EPOCH_MILLISECONDS, Vec::new())
            .unwrap();
        assert_eq!(
            (committed.epoch, committed.messages.len()),
            (epoch, SENDERS as usize)
        );
        assert_eq!(store.messages_of(epoch).unwrap(), committed.messages);
    }
    let last = signed(&secrets, 3, store.next_ordinal(3).unwrap());
    assert_eq!(store.submit(vec![last.clone()]).unwrap(), [Ok(())]);
    let (accounts, roots, epoch) = (store.accounts(), store.roots(), store.epoch());
    assert!(
        matches!(
            Store::open(folder.path(), rules(), settings()),
            Err(StoreError::Journal(_))
        ),
        "it is open"
    );
    drop(store);
    for _ in 0..2 {
        let store = open(folder.path());
        assert_eq!(
            (store.accounts(), store.roots(), store.epoch()),
            (accounts.clone(), roots.clone(), epoch)
        );
        check_proofs(&store);
        let again = store.submit(vec![last.clone()]).unwrap();
        assert!(matches!(
            again[0],
            Err(NettedError::Replayed { account: 3, .. })
        ));
    }
    let store = open(folder.path());
    store
        .close_epoch(7 * EPOCH_MILLISECONDS, Vec::new())
        .unwrap();
    check_balances(&store);
}

#[test]
fn messages_are_taken_while_an_epoch_is_hashed() {
    let secrets = secrets(SENDERS);
    let folder = folder();
    let store = create(folder.path(), &secrets);
    std::thread::scope(|scope| {
        let closing = scope.spawn(|| {
            (0..20).for_each(|epoch| {
                store
                    .close_epoch(epoch * EPOCH_MILLISECONDS, Vec::new())
                    .unwrap();
            });
        });
        let mut taken = 0;
        while !closing.is_finished() || taken < 5 {
            let from = taken % SENDERS;
            let ordinal = store.next_ordinal(from).unwrap();
            assert_eq!(
                store.submit(vec![signed(&secrets, from, ordinal)]).unwrap(),
                [Ok(())]
            );
            taken += 1;
        }
    });
    store
        .close_epoch(20 * EPOCH_MILLISECONDS, Vec::new())
        .unwrap();
    check_balances(&store);
    check_proofs(&store);
}

#[test]
fn an_intake_answers_each_of_many_clients() {
    let secrets = secrets(SENDERS);
    let folder = folder();
    let store = Arc::new(create(folder.path(), &secrets));
    let intake = Intake::start(store.clone());
    std::thread::scope(|scope| {
        for from in 0..SENDERS {
            let (intake, secrets) = (&intake, &secrets);
            scope.spawn(move || {
                for ordinal in 0..5 {
                    let message = signed(secrets, from, ordinal);
                    assert_eq!(intake.submit(message.clone()), Ok(()));
                    let again = intake.submit(message);
                    assert!(matches!(
                        again,
                        Err(IntakeError::Refused(NettedError::Replayed { .. }))
                    ));
                }
            });
        }
    });
    drop(intake);
    assert!((0..SENDERS).all(|from| store.next_ordinal(from) == Some(5)));
}

#[test]
fn other_rules_damage_and_a_second_store_are_refused() {
    let secrets = secrets(SENDERS);
    let folder = folder();
    drop(create(folder.path(), &secrets));
    let again = Store::create(folder.path(), rules(), wealthy(&secrets), settings());
    assert!(matches!(again, Err(StoreError::Exists { .. })));
    let other = trifold_shard::netted::Rules {
        shard: 1,
        ..rules()
    };
    assert!(matches!(
        Store::open(folder.path(), other, settings()),
        Err(StoreError::OtherRules { .. })
    ));
    let checkpoint = checkpoints(folder.path()).pop().unwrap();
    let whole = fs::read(&checkpoint).unwrap();
    for offset in (0..whole.len()).step_by(41).chain([whole.len() - 1]) {
        let mut bad = whole.clone();
        bad[offset] ^= 1;
        fs::write(&checkpoint, &bad).unwrap();
        let error = Store::open(folder.path(), rules(), settings()).unwrap_err();
        assert!(
            matches!(error, StoreError::Checkpoint { .. }),
            "byte {offset}: {error}"
        );
    }
    fs::write(&checkpoint, &whole[..3]).unwrap();
    assert!(matches!(
        Store::open(folder.path(), rules(), settings()),
        Err(StoreError::Checkpoint { .. })
    ));
    fs::remove_file(&checkpoint).unwrap();
    assert!(matches!(
        Store::open(folder.path(), rules(), settings()),
        Err(StoreError::NoCheckpoint { .. })
    ));
}

#[test]
fn a_checkpoint_whose_accounts_are_not_those_of_its_root_is_refused() {
    let secrets = secrets(SENDERS);
    let (folder, other) = (folder(), folder_of(&secrets[..5]));
    let store = create(folder.path(), &secrets);
    drop(store);
    // The accounts of one with the header of the other, under a right checksum.
    let (path, foreign) = (
        checkpoints(folder.path()).remove(0),
        checkpoints(other.path()).remove(0),
    );
    let (own, foreign) = (fs::read(&path).unwrap(), fs::read(foreign).unwrap());
    let header = 4 + u32::from_le_bytes(own[..4].try_into().unwrap()) as usize;
    let mut mixed = [&own[..header], &foreign[header..foreign.len() - 4]].concat();
    mixed.extend(crc32fast::hash(&mixed).to_le_bytes());
    fs::write(&path, &mixed).unwrap();
    let error = Store::open(folder.path(), rules(), settings()).unwrap_err();
    assert!(
        matches!(error, StoreError::CheckpointRoot { .. }),
        "{error}"
    );
}

#[test]
fn ten_thousand_epochs_take_no_more_room_than_a_few_and_every_root_kept_proves() {
    const EPOCHS: u64 = 10_000;
    let secrets = secrets(SENDERS);
    let folder = folder();
    let store = create(folder.path(), &secrets);
    let mut largest = [0; 2];
    for epoch in 0..EPOCHS {
        let from = (epoch % u64::from(SENDERS)) as u32;
        let ordinal = store.next_ordinal(from).unwrap();
        assert_eq!(
            store.submit(vec![signed(&secrets, from, ordinal)]).unwrap(),
            [Ok(())]
        );
        store
            .close_epoch(epoch * EPOCH_MILLISECONDS, Vec::new())
            .unwrap();
        let half = usize::from(epoch >= EPOCHS / 100);
        if epoch % 7 == 0 {
            largest[half] = bytes(folder.path()).max(largest[half]);
        }
        if epoch % 1000 == 999 {
            assert_eq!(store.roots().len(), settings().keep_roots);
            check_proofs(&store);
            let kept = epoch - settings().keep_milliseconds / EPOCH_MILLISECONDS + 1;
            assert!((kept..=epoch).all(|epoch| store.messages_of(epoch).unwrap().len() == 1));
            assert!(matches!(
                store.messages_of(epoch - 12),
                Err(StoreError::NotKept { .. })
            ));
            let old = epoch - settings().keep_roots as u64;
            assert!(matches!(
                store.prove(old, 0),
                Err(StoreError::NoRoot { .. })
            ));
        }
    }
    // The first hundred epochs against all that follow.
    let [early, late] = largest;
    assert!(late <= early + early / 5, "{early} bytes grew to {late}");
    check_balances(&store);
    let roots = store.roots();
    drop(store);
    let store = open(folder.path());
    assert_eq!(store.roots(), roots);
    check_proofs(&store);
}

fn folder_of(secrets: &[SecretKey]) -> tempfile::TempDir {
    let folder = folder();
    drop(create(folder.path(), secrets));
    folder
}

fn checkpoints(folder: &Path) -> Vec<PathBuf> {
    let paths = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    paths.filter(|path| path.is_file()).collect()
}

fn bytes(folder: &Path) -> u64 {
    let length = |path: &PathBuf| fs::metadata(path).unwrap().len();
    let journal = fs::read_dir(folder.join("journal")).unwrap();
    let journal = journal
        .map(|entry| entry.unwrap().path())
        .collect::<Vec<_>>();
    checkpoints(folder).iter().chain(&journal).map(length).sum()
}

/// The parts of an epoch's proof are made of what the store keeps, and add up.
#[test]
fn a_kept_epoch_is_made_into_parts() {
    let (secrets, folder) = (secrets(SENDERS), folder());
    let store = create(folder.path(), &secrets);
    let keys = PartKeys::new(|circuit| Some(Fr::from(1 + circuit as u64))).unwrap();
    let unused = Traffic::unused().unwrap();
    let pay_next = |from: u32| sign(&secrets, message(from, 0, &[pay((from + 1) % SENDERS, 7)]));
    let messages = (0..SENDERS).map(pay_next).collect();
    assert!(store.submit(messages).unwrap().iter().all(Result::is_ok));
    let opened = store.open_account(secret(500).public()).unwrap();
    let to_it = sign(&secrets, message(3, 1, &[pay(opened, 9), pay(4, 1)]));
    assert_eq!(store.submit(vec![to_it]).unwrap(), [Ok(())]);
    let committed = store.close_epoch(1, Vec::new()).unwrap();
    drop(store);
    let store = open(folder.path());
    let assembly = store.assemble(0, &keys, Fr::default(), &unused).unwrap();
    let tree = assembly
        .manifest
        .tree(SHARD.into(), &keys, Fr::from(0))
        .unwrap();
    assert_eq!(assembly.manifest.new, committed.root);
    assert_eq!(tree.close.statement().unwrap().events, SENDERS + 1);
    assert!(matches!(
        store.assemble(1, &keys, Fr::default(), &unused),
        Err(StoreError::NoRoot { epoch: 1 })
    ));
}

/// Without the messages that carry them, payments to other shards end nowhere, so nothing may pretend that the epoch closes.
#[test]
fn an_epoch_with_payments_elsewhere_does_not_close_without_its_messages() {
    let (secrets, folder) = (secrets(SENDERS), folder());
    let store = create(folder.path(), &secrets);
    let keys = PartKeys::new(|circuit| Some(Fr::from(1 + circuit as u64))).unwrap();
    let unused = Traffic::unused().unwrap();
    let elsewhere = Payment {
        shard: SHARD + 1,
        ..pay(0, 5)
    };
    let message = sign(&secrets, message(1, 0, &[elsewhere]));
    assert_eq!(store.submit(vec![message]).unwrap(), [Ok(())]);
    store.close_epoch(1, Vec::new()).unwrap();
    let assembly = store.assemble(0, &keys, Fr::default(), &unused).unwrap();
    let tree = assembly.manifest.tree(SHARD.into(), &keys, Fr::from(0));
    assert!(matches!(tree, Err(ManifestError::Close(CloseError::Sums))));
}

/// Message `index` of shard 0; whether it was sent is not for the store to say.
fn opening(index: u64, to: u32, amount: u64) -> Opening {
    let leaf = Leaf::genesis(Fr::from(1), Fr::from(2), 3);
    Opening {
        source: 0,
        leaf,
        leaf_siblings: vec![[Fr::from(4), Fr::from(5)]],
        state_root: Fr::from(6),
        inbox_root: Fr::from(7),
        count: 9,
        channel_siblings: vec![[Fr::from(8), Fr::from(9)]],
        index,
        message: Message {
            kind: kind::TRANSFER,
            from: 1,
            to,
            amount,
            payload: Fr::from(0),
        },
        index_siblings: vec![[Fr::from(10), Fr::from(11)]],
    }
}

#[test]
fn what_an_epoch_took_and_sent_is_known_after_a_restart_as_long_as_it_is_kept() {
    let (secrets, folder) = (secrets(SENDERS), folder());
    let store = create(folder.path(), &secrets);
    let elsewhere = Payment {
        shard: 3,
        ..pay(2, 7)
    };
    let message = sign(&secrets, message(1, 0, &[elsewhere, pay(2, 1)]));
    assert_eq!(store.submit(vec![message]).unwrap(), [Ok(())]);
    let room = u64::MAX - WEALTH - 1;
    let taken = [(2, room), (2, 1), (3, 5), (SENDERS, 6)];
    let taken = (0..)
        .zip(taken)
        .map(|(index, (to, amount))| opening(index, to, amount));
    let taken: Vec<Opening> = taken.collect();
    let committed = store.close_epoch(1, taken.clone()).unwrap();
    drop(store);
    let store = open(folder.path());
    assert_eq!((store.root(), store.epoch()), (committed.root, 1));
    let received = store.received_of(0).unwrap();
    let openings: Vec<Opening> = received.iter().map(|one| one.opening.clone()).collect();
    let full: Vec<bool> = received.iter().map(|one| one.full).collect();
    assert_eq!((openings, full), (taken, vec![false, true, false, false]));
    assert_eq!(store.sent_of(0).unwrap(), committed.outbox);
    assert_eq!(store.events_of(0).unwrap(), 1);
    let closing = store.view_of(0).unwrap().accounts;
    let balances = [1, 2, 3].map(|account| closing.get(account).unwrap().balance);
    assert_eq!(balances, [WEALTH - 8, u64::MAX, WEALTH + 5]);
    assert!(matches!(
        store.received_of(1),
        Err(StoreError::NotKept { epoch: 1 })
    ));
    for epoch in 1..20 {
        store
            .close_epoch(epoch * EPOCH_MILLISECONDS, Vec::new())
            .unwrap();
    }
    assert!(matches!(
        store.received_of(0),
        Err(StoreError::NotKept { epoch: 0 })
    ));
    assert!(matches!(
        store.sent_of(0),
        Err(StoreError::NoRoot { epoch: 0 })
    ));
}
