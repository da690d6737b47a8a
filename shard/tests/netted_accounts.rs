//! The accounts of a netted shard under the leaf of the latest global state, whatever waits for the next one, as a light client
//! takes them.

#[path = "../../verifier/tests/common/mod.rs"]
mod common;

use ark_bn254::Fr;
use common::Trapdoor;
use ed25519_dalek::SigningKey;
use std::path::Path;
use trifold_circuits::genesis::{
    DemoSecrets, Genesis, GenesisShard, NettedProgram, NettedStart, OperatorKey, Start,
};
use trifold_circuits::trie::SparseTrie;
use trifold_shard::netted::layout::{Domain, Message, Payment, key_u};
use trifold_shard::netted::{NettedConfirmed, NettedShard};
use trifold_shard::store::{Settings, StoreError};
use trifold_verifier::claim::{Presence, ShardClaim};
use trifold_verifier::client::{Network, Update};
use trifold_verifier::statement::{GlobalState, Keys, Leaf};
use trifold_verifier::verified::{VerifiedNettedAccount, VerifiedShard, VerifiedState};

const NOW: u64 = 1_790_000_000_000;
const ACCOUNTS: u32 = 5;
const BALANCE: u64 = 1000;
const DEPTH: u8 = 6;
const SHARD: u32 = 1;

fn transfer() -> Fr {
    Fr::from(77)
}

fn secrets() -> DemoSecrets {
    DemoSecrets::derive(5, 3, ACCOUNTS)
}

fn genesis() -> Genesis {
    let part = |circuit| Some(Trapdoor::new(10 + circuit as u64).key());
    let program = NettedProgram::new(Trapdoor::new(9).key(), part).unwrap();
    let secrets = secrets();
    let start = |accounts| {
        Start::Netted(NettedStart {
            accounts,
            depth: DEPTH,
            collector: 0,
        })
    };
    let shard = |(operator, accounts): (&SigningKey, _)| GenesisShard {
        operator: OperatorKey(operator.verifying_key()),
        start: start(accounts),
    };
    let shards = secrets.operators.iter().zip(secrets.holdings(BALANCE));
    Genesis::with_netted(Some(program), Vec::new(), shards.map(shard).collect()).unwrap()
}

fn create(folder: &Path) -> NettedShard {
    let settings = Settings::default();
    NettedShard::create(folder, &genesis(), SHARD, transfer(), settings).unwrap()
}

/// Account 0 pays account 1.
fn pay(shard: &NettedShard, ordinal: u64, amount: u64) {
    let network = genesis().netted().unwrap().unwrap().network;
    let payment = Payment {
        account: 1,
        shard: SHARD as u16,
        amount,
        fee: 0,
    };
    let message = Message {
        from: 0,
        ordinal,
        payments: vec![payment],
    };
    let secret = &secrets().accounts[SHARD as usize][0];
    let signed = Domain::new(network, SHARD as u16).sign(message, secret);
    assert!(shard.accept(vec![signed]).unwrap()[0].is_ok());
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
    let network = Network {
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

/// The shard as a light client has it that holds the global state of `epoch`.
fn seen(epoch: u64, leaf: &Leaf) -> VerifiedShard {
    let (state, siblings) = global(epoch, leaf);
    let claim = ShardClaim {
        index: SHARD,
        leaf: Some(*leaf),
        path: trifold_verifier::trie::Path {
            index: SHARD.into(),
            siblings,
        },
    };
    state.verify_shard(&claim).unwrap().present().unwrap()
}

fn found(confirmed: &NettedConfirmed, index: u64) -> Presence<VerifiedNettedAccount> {
    let shard = seen(1, confirmed.leaf());
    let claim = confirmed.account(index).unwrap();
    shard.verify_netted_account(&claim).unwrap()
}

/// Balance and ordinal of the first accounts.
fn held(confirmed: &NettedConfirmed) -> Vec<(u64, u64)> {
    let account = |index| *found(confirmed, index).present().unwrap().account();
    let accounts = (0..ACCOUNTS.into()).map(account);
    accounts
        .map(|account| (account.balance, account.ordinal))
        .collect()
}

#[test]
fn a_light_client_sees_the_accounts_of_the_latest_global_state() {
    let folder = tempfile::tempdir().unwrap();
    let mut shard = create(folder.path());
    let first = vec![(BALANCE, 0); ACCOUNTS as usize];
    let confirmed = |shard: &NettedShard| held(&shard.confirmed().unwrap());
    assert_eq!(confirmed(&shard), first, "genesis");
    pay(&shard, 0, 7);
    assert_eq!(confirmed(&shard), first, "accepted");
    let snapshot = shard.snapshot(NOW).unwrap().unwrap().snapshot;
    pay(&shard, 1, 5);
    assert_eq!(confirmed(&shard), first, "under way");
    let (state, path) = global(1, &snapshot.new);
    assert!(shard.observe(&state, &path).unwrap());
    let mut paid = first;
    (paid[0], paid[1]) = ((BALANCE - 7, 1), (BALANCE + 7, 0));
    assert_eq!(confirmed(&shard), paid, "in a global state");
    shard.snapshot(NOW).unwrap().unwrap();
    drop(shard);
    let shard = NettedShard::open(folder.path(), &genesis(), Settings::default()).unwrap();
    assert_eq!(confirmed(&shard), paid, "opened again");
    assert_eq!(shard.confirmed().unwrap().leaf(), shard.chain().leaf());
}

#[test]
fn an_account_has_the_key_of_its_owner_and_an_empty_place_none() {
    let folder = tempfile::tempdir().unwrap();
    let confirmed = create(folder.path()).confirmed().unwrap();
    let account = found(&confirmed, 2).present().unwrap();
    let owner = secrets().accounts[SHARD as usize][2].public();
    assert_eq!(account.account().key, key_u(owner.coordinates()));
    let netted = genesis().netted().unwrap().unwrap();
    assert_eq!(account.state().network, netted.network);
    assert_eq!(account.state().keys, netted.keys.root());
    let places = 3u64.pow(DEPTH.into());
    for empty in [u64::from(ACCOUNTS), 6, places - 1] {
        assert_eq!(found(&confirmed, empty), Presence::Absent);
    }
    for outside in [places, 1 << 32, u64::MAX] {
        let refused = confirmed.account(outside).unwrap_err();
        assert!(matches!(refused, StoreError::Account { account } if account == outside));
    }
}

#[test]
fn who_does_not_have_the_store_can_read_its_place_in_the_chain() {
    let folder = tempfile::tempdir().unwrap();
    let shard = create(folder.path());
    let read = NettedShard::chain_in(folder.path()).unwrap();
    assert_eq!(&read, shard.chain());
}
