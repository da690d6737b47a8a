//! `trifold shard` among netted shards and a shard of `transfer`: payments, messages, what is shown and what is refused. Nobody
//! proves the global states here.

#[path = "../../verifier/tests/common/mod.rs"]
mod common;
mod support;

use std::path::PathBuf;

use ark_bn254::Fr;
use common::Trapdoor;
use support::{refuse, succeed, trifold};
use trifold_circuits::genesis::{
    DemoSecrets, Genesis, GenesisAccount, GenesisShard, NettedProgram, NettedStart, OperatorKey,
    Start,
};
use trifold_circuits::snapshot::Snapshot;
use trifold_circuits::trie::SparseTrie;
use trifold_shard::netted::NettedShard;
use trifold_shard::store::Settings;
use trifold_shard::{Shard, file};
use trifold_verifier::client::{self, Update};
use trifold_verifier::statement::{GlobalState, Keys};
use trifold_verifier::verified::VerifiedState;

const SEED: u64 = 7;
const ACCOUNTS: u32 = 6;
const BALANCE: u64 = 1000;
const NOW: u64 = 1_790_000_000_000;

fn transfer() -> Fr {
    Fr::from(77)
}

/// Shards 0 to 2 are netted, shard 3 runs `transfer`.
struct Network {
    folder: tempfile::TempDir,
    genesis: Genesis,
    trie: SparseTrie,
    state: GlobalState,
}

impl Network {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let genesis = genesis();
        let write = |name: &str, text: String| {
            std::fs::write(folder.path().join(name), text).unwrap();
        };
        write("genesis.json", genesis.to_json().unwrap());
        write("demo-seed", format!("{SEED} {ACCOUNTS} {BALANCE}\n"));
        let network = Self {
            trie: genesis.trie(transfer()).unwrap(),
            state: genesis.global_state(transfer()).unwrap(),
            genesis,
            folder,
        };
        for index in 0..3 {
            let (path, settings) = (network.ledger(index), Settings::default());
            NettedShard::create(&path, &network.genesis, index, transfer(), settings).unwrap();
        }
        let shard = Shard::genesis(&network.genesis, 3, transfer()).unwrap();
        file::save(&shard, &network.ledger(3)).unwrap();
        network
    }

    fn ledger(&self, index: u32) -> PathBuf {
        let name = match index {
            3 => "shard-3.json".into(),
            _ => format!("shard-{index}"),
        };
        self.folder.path().join(name)
    }

    fn netted(&self, index: u32) -> NettedShard {
        let path = self.ledger(index);
        NettedShard::open(&path, &self.genesis, Settings::default()).unwrap()
    }

    fn pay(&self, index: u32, more: &str) -> std::process::Command {
        let mut command = trifold(["shard", "transfer"]);
        command.arg(self.ledger(index)).args(more.split(' '));
        command
    }

    fn show(&self, index: u32) -> String {
        succeed(trifold(["shard", "show"]).arg(self.ledger(index)))
    }

    fn messages(&self, from: u32, to: u32) -> std::process::Command {
        let mut command = trifold(["shard", "messages"]);
        command
            .arg(self.ledger(from))
            .args(["--to", &to.to_string()]);
        command
            .arg("--out")
            .arg(self.folder.path().join("messages.json"));
        command
    }

    fn receive(&self, to: u32) -> std::process::Command {
        let mut command = trifold(["shard", "receive"]);
        command.arg(self.ledger(to));
        command.arg(self.folder.path().join("messages.json"));
        command
    }

    fn snapshot(&self, index: u32) -> Option<Snapshot> {
        if index < 3 {
            let submission = self.netted(index).snapshot(NOW).unwrap();
            return submission.map(|submission| submission.snapshot);
        }
        let mut shard = file::load(&self.ledger(3)).unwrap();
        let snapshot = shard.snapshot(NOW).unwrap().cloned();
        file::save(&shard, &self.ledger(3)).unwrap();
        snapshot
    }

    /// All submit, and all take the next state in.
    fn epoch(&mut self) {
        let snapshots: Vec<_> = (0..4).filter_map(|index| self.snapshot(index)).collect();
        for snapshot in snapshots {
            let digest = snapshot.new.digest();
            self.trie.set(snapshot.shard.into(), digest).unwrap();
        }
        self.state = GlobalState {
            epoch: self.state.epoch + 1,
            root: self.trie.root(),
            ..self.state
        };
        let verified = self.verified();
        let path = |index: u32| self.trie.path(index.into()).unwrap();
        for index in 0..3 {
            self.netted(index).observe(&verified, &path(index)).unwrap();
        }
        let mut shard = file::load(&self.ledger(3)).unwrap();
        shard.observe(&verified, path(3)).unwrap();
        file::save(&shard, &self.ledger(3)).unwrap();
    }

    fn verified(&self) -> VerifiedState {
        let trapdoor = Trapdoor::new(1);
        let network = client::Network {
            keys: Keys {
                merge: Fr::from(1),
                nest: Fr::from(2),
                registry: Fr::from(3),
            },
            genesis: self.genesis.global_state(transfer()).unwrap().digest(),
            nest_key: trapdoor.key(),
        };
        let state = self.state;
        let proof = trapdoor.prove(network.statement(&state).digest());
        network.verify(&Update { state, proof }).unwrap()
    }
}

fn genesis() -> Genesis {
    let secrets = DemoSecrets::derive(SEED, 4, ACCOUNTS);
    let shard = |index: usize| {
        let account = |secret: &trifold_circuits::schnorr::SecretKey| GenesisAccount {
            key: secret.public(),
            balance: BALANCE,
        };
        let accounts = secrets.accounts[index].iter().map(account).collect();
        let start = match index {
            3 => Start::Accounts(accounts),
            _ => Start::Netted(NettedStart {
                accounts,
                depth: 6,
                collector: 0,
            }),
        };
        let operator = OperatorKey(secrets.operators[index].verifying_key());
        GenesisShard { operator, start }
    };
    let part = |circuit| Some(Trapdoor::new(10 + circuit as u64).key());
    let program = NettedProgram::new(Trapdoor::new(9).key(), part).unwrap();
    let shards = (0..4).map(shard).collect();
    Genesis::with_netted(Some(program), Vec::new(), shards).unwrap()
}

/// The numbers of a line of `shard show` that begins with this one and has so many more.
fn line(shown: &str, first: u64, more: usize) -> Vec<u64> {
    let words = |line: &str| {
        let numbers = line.split_whitespace().map(|word| word.parse().ok());
        numbers.collect::<Option<Vec<u64>>>()
    };
    let mut lines = shown.lines().filter_map(words);
    let found = lines.find(|line| line.first() == Some(&first) && line.len() == more + 1);
    found.unwrap_or_else(|| panic!("no line {first} of {more} in\n{shown}"))
}

#[test]
fn netted_shards_pay_and_are_paid_by_other_shards() {
    let mut network = Network::new();
    let early = refuse(&mut network.messages(0, 1));
    assert!(
        early.contains("no global state was taken in yet"),
        "{early}"
    );
    let said = succeed(&mut network.pay(0, "--from 1 --to 4 --to-shard 1 --amount 7"));
    assert_eq!(said, "1 messages wait for a snapshot\n");
    let request = "--from 1 --to 4 --to-shard 1 --amount 7 --request";
    let refused = refuse(&mut network.pay(0, request));
    assert!(
        refused.contains("a netted shard sends payments"),
        "{refused}"
    );
    let refused = refuse(&mut network.pay(0, "--from 1 --to 4 --to-shard 9"));
    assert!(refused.contains("shard 9 does not exist"), "{refused}");
    let refused = refuse(&mut network.pay(0, "--from 1 --to 4 --to-shard 70000"));
    assert!(refused.contains("no shard 70000"), "{refused}");
    succeed(&mut network.pay(3, "--from 0 --to 2 --to-shard 1 --amount 9"));
    succeed(&mut network.pay(3, "--from 0 --to 2 --to-shard 1 --amount 0 --request"));
    network.epoch();
    network.epoch();
    assert_eq!(line(&network.show(0), 1, 3), [1, 1, 1, 0]);
    for (from, count) in [(0, 1), (3, 2)] {
        let said = succeed(&mut network.messages(from, 1));
        assert!(
            said.starts_with(&format!("{count} messages for shard 1")),
            "{said}"
        );
        let said = succeed(&mut network.receive(1));
        let taken = format!("{count} messages of shard {from} taken");
        assert!(said.starts_with(&taken), "{said}");
        let again = refuse(&mut network.receive(1));
        assert!(again.contains("replayed"), "{again}");
    }
    let shown = network.show(1);
    let waiting = "shard 1: 0 messages and 3 of other shards wait for a snapshot, 0 under way";
    assert!(shown.starts_with(waiting), "{shown}");
    succeed(&mut network.pay(1, "--from 0 --to 5"));
    network.epoch();
    let shown = network.show(1);
    assert_eq!(line(&shown, 4, 2), [4, 1007, 0]);
    // Named by its key, which is the account's.
    assert_eq!(line(&shown, 2, 2), [2, 1009, 0]);
    assert_eq!(line(&shown, 3, 3), [3, 1, 1, 2]);
    network.epoch();
    succeed(&mut network.messages(1, 3));
    let said = succeed(&mut network.receive(3));
    assert!(said.starts_with("1 messages of shard 1 taken"), "{said}");
}
