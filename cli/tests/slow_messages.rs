//! A network of all kinds of shards, and messages among them: payments, deliveries as files and from servers, what is shown and what
//! is refused. Nobody proves the global states here.

#[path = "../../verifier/tests/common/mod.rs"]
mod common;
mod support;

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::Command;

use ark_bn254::Fr;
use common::Trapdoor;
use support::{Process, checkout, refuse, succeed, trifold};
use trifold_circuits::genesis::Genesis;
use trifold_circuits::snapshot::Snapshot;
use trifold_circuits::trie::SparseTrie;
use trifold_shard::netted::NettedShard;
use trifold_shard::store::Settings;
use trifold_shard::{Shard, file};
use trifold_verifier::client::{self, Update};
use trifold_verifier::statement::{GlobalState, Keys};
use trifold_verifier::verified::VerifiedState;

const NOW: u64 = 1_790_000_000_000;

/// Shards 0 to 2 run `transfer`, 3 to 5 are netted, 6 runs the template's program and stays silent.
struct Network {
    folder: tempfile::TempDir,
    genesis: Genesis,
    transfer: Fr,
    trie: SparseTrie,
    state: GlobalState,
}

/// `shard new` in a folder where the template's program lies.
fn new(folder: &tempfile::TempDir, shards: [&str; 2]) -> Command {
    let [transfer, netted] = shards;
    let mut new = trifold(["shard", "new", "--shards", transfer]);
    new.args(["--netted-shards", netted, "--depth", "6"])
        .args(["--accounts", "6", "--balance", "1000"])
        .args(["--program", "counter", "--start", "counter=start.json"])
        .arg("network")
        .current_dir(folder)
        .env("TRIFOLD_ROOT", checkout().root());
    new
}

fn prepared() -> tempfile::TempDir {
    succeed(&mut trifold(["setup", "--netted"]));
    let folder = tempfile::tempdir().unwrap();
    succeed(trifold(["program", "new", "counter"]).current_dir(&folder));
    std::fs::write(folder.path().join("start.json"), r#"{"state_root": 1}"#).unwrap();
    folder
}

impl Network {
    fn new() -> Self {
        let folder = prepared();
        succeed(&mut new(&folder, ["3", "3"]));
        let network = folder.path().join("network");
        let text = std::fs::read(network.join("genesis.json")).unwrap();
        let genesis = Genesis::from_json(&text).unwrap();
        let first = file::load(&network.join("shard-0.json")).unwrap();
        let transfer = first.leaf().program;
        Self {
            trie: genesis.trie(transfer).unwrap(),
            state: genesis.global_state(transfer).unwrap(),
            genesis,
            transfer,
            folder,
        }
    }

    fn ledger(&self, index: u32) -> PathBuf {
        let name = match index {
            3..6 => format!("shard-{index}"),
            _ => format!("shard-{index}.json"),
        };
        self.folder.path().join("network").join(name)
    }

    fn netted(&self, index: u32) -> NettedShard {
        let path = self.ledger(index);
        NettedShard::open(&path, &self.genesis, Settings::default()).unwrap()
    }

    fn transfer(&self, index: u32) -> Shard {
        file::load(&self.ledger(index)).unwrap()
    }

    fn pay(&self, index: u32, more: &str) -> Command {
        let mut command = trifold(["shard", "transfer"]);
        command.arg(self.ledger(index)).args(more.split(' '));
        command
    }

    fn show(&self, index: u32) -> String {
        succeed(trifold(["shard", "show"]).arg(self.ledger(index)))
    }

    fn file(&self) -> PathBuf {
        self.folder.path().join("messages.json")
    }

    fn messages(&self, from: u32, to: u32) -> Command {
        let mut command = trifold(["shard", "messages"]);
        command
            .arg(self.ledger(from))
            .args(["--to", &to.to_string()]);
        command.arg("--out").arg(self.file());
        command
    }

    fn receive(&self, to: u32) -> Command {
        let mut command = trifold(["shard", "receive"]);
        command.arg(self.ledger(to)).arg(self.file());
        command
    }

    fn fetch(&self, to: u32, url: &str) -> Command {
        let mut command = trifold(["shard", "receive"]);
        command.arg(self.ledger(to)).arg(url);
        command
    }

    /// The server of a shard, and where it is.
    fn serve(&self, index: u32) -> (Process, String) {
        let mut command = trifold(["shard", "serve", "--listen", "127.0.0.1:0"]);
        command.arg(self.ledger(index));
        let mut serving = Process::start(command);
        let line = serving.wait_for("listening on ");
        let url = line.split("listening on ").nth(1).unwrap().to_owned();
        (serving, url)
    }

    fn snapshot(&self, index: u32) -> Option<Snapshot> {
        if index >= 3 {
            let submission = self.netted(index).snapshot(NOW).unwrap();
            return submission.map(|submission| submission.snapshot);
        }
        let mut shard = self.transfer(index);
        let snapshot = shard.snapshot(NOW).unwrap().cloned();
        file::save(&shard, &self.ledger(index)).unwrap();
        snapshot
    }

    /// All submit, and all take the next state in.
    fn epoch(&mut self) {
        self.advance();
        (0..6).for_each(|index| self.observe(index));
    }

    fn advance(&mut self) {
        let snapshots: Vec<_> = (0..6).filter_map(|index| self.snapshot(index)).collect();
        for snapshot in snapshots {
            let digest = snapshot.new.digest();
            self.trie.set(snapshot.shard.into(), digest).unwrap();
        }
        self.state = GlobalState {
            epoch: self.state.epoch + 1,
            root: self.trie.root(),
            ..self.state
        };
    }

    fn observe(&self, index: u32) {
        let verified = self.verified();
        let path = self.trie.path(index.into()).unwrap();
        if index >= 3 {
            self.netted(index).observe(&verified, &path).unwrap();
            return;
        }
        let mut shard = self.transfer(index);
        shard.observe(&verified, path).unwrap();
        file::save(&shard, &self.ledger(index)).unwrap();
    }

    fn verified(&self) -> VerifiedState {
        let trapdoor = Trapdoor::new(1);
        let network = client::Network {
            keys: Keys {
                merge: Fr::from(1),
                nest: Fr::from(2),
                registry: Fr::from(3),
            },
            genesis: self.genesis.global_state(self.transfer).unwrap().digest(),
            nest_key: trapdoor.key(),
        };
        let state = self.state;
        let proof = trapdoor.prove(network.statement(&state).digest());
        network.verify(&Update { state, proof }).unwrap()
    }
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
fn a_network_has_shards_of_all_kinds() {
    let network = Network::new();
    let starts = network.genesis.shards().iter();
    let programs: Vec<&str> = starts.map(|shard| shard.start.program()).collect();
    let expected = [
        "transfer", "transfer", "transfer", "netted", "netted", "netted", "counter",
    ];
    assert_eq!(programs, expected);
    for (index, begin) in [
        (0, "shard 0: 0 transfers and messages wait"),
        (5, "shard 5: 0 messages and 0 of other shards wait"),
        (6, "shard 6 runs counter: 0 events under way"),
    ] {
        let shown = network.show(index);
        assert!(shown.starts_with(begin), "{shown}");
    }
    // The clients' keys follow from the seed, the operator's lies beside the ledger.
    for index in [2, 5] {
        succeed(&mut network.pay(index, "--count 3"));
        let mut snapshot = trifold(["shard", "snapshot"]);
        snapshot.arg(network.ledger(index));
        succeed(snapshot.arg("--out").arg(network.file()));
    }
    for shards in [["2", "3"], ["3", "2"]] {
        let mixed = prepared();
        let said = refuse(&mut new(&mixed, shards));
        assert!(said.contains("shards 3k to 3k+2 run one program"), "{said}");
        assert!(!mixed.path().join("network").exists());
    }
}

#[test]
fn netted_shards_pay_and_are_paid_by_other_shards() {
    let mut network = Network::new();
    let early = refuse(&mut network.messages(3, 4));
    assert!(
        early.contains("no global state was taken in yet"),
        "{early}"
    );
    let said = succeed(&mut network.pay(3, "--from 1 --to 4 --to-shard 4 --amount 7"));
    assert_eq!(said, "1 messages wait for a snapshot\n");
    let request = "--from 1 --to 4 --to-shard 4 --amount 7 --request";
    let refused = refuse(&mut network.pay(3, request));
    assert!(
        refused.contains("a netted shard sends payments"),
        "{refused}"
    );
    let refused = refuse(&mut network.pay(3, "--from 1 --to 4 --to-shard 9"));
    assert!(refused.contains("shard 9 does not exist"), "{refused}");
    let refused = refuse(&mut network.pay(3, "--from 1 --to 4 --to-shard 70000"));
    assert!(refused.contains("no shard 70000"), "{refused}");
    succeed(&mut network.pay(0, "--from 0 --to 2 --to-shard 4 --amount 9"));
    succeed(&mut network.pay(0, "--from 0 --to 2 --to-shard 4 --amount 0 --request"));
    network.epoch();
    network.epoch();
    assert_eq!(line(&network.show(3), 4, 3), [4, 1, 1, 0]);
    let refused = refuse(&mut network.messages(3, 9));
    assert!(refused.contains("shard 9 does not exist"), "{refused}");
    for (from, count) in [(3, 1), (0, 2)] {
        let said = succeed(&mut network.messages(from, 4));
        assert!(
            said.starts_with(&format!("{count} messages for shard 4")),
            "{said}"
        );
        let said = succeed(&mut network.receive(4));
        let taken = format!("{count} messages of shard {from} taken");
        assert!(said.starts_with(&taken), "{said}");
        let again = refuse(&mut network.receive(4));
        assert!(again.contains("replayed"), "{again}");
    }
    let shown = network.show(4);
    let waiting = "shard 4: 0 messages and 3 of other shards wait for a snapshot, 0 under way";
    assert!(shown.starts_with(waiting), "{shown}");
    succeed(&mut network.pay(4, "--from 0 --to 5"));
    succeed(&mut network.pay(4, "--from 1 --to 3 --to-shard 0 --amount 5"));
    network.epoch();
    let shown = network.show(4);
    assert_eq!(line(&shown, 4, 2), [4, 1007, 0]);
    // Named by its key, which is the account's.
    assert_eq!(line(&shown, 2, 2), [2, 1009, 0]);
    assert_eq!(line(&shown, 0, 3), [0, 2, 2, 2]);
    network.epoch();
    succeed(&mut network.messages(4, 0));
    let said = succeed(&mut network.receive(0));
    assert!(said.starts_with("2 messages of shard 4 taken"), "{said}");
    assert_eq!(line(&network.show(0), 3, 2), [3, 1005, 0]);
}

#[test]
fn a_server_is_asked_for_what_its_shard_sends() {
    let mut network = Network::new();
    let (server, transfer) = network.serve(0);
    let (_netted_server, netted) = network.serve(3);
    let early = refuse(&mut network.fetch(4, &transfer));
    assert!(early.contains("no global state was taken in"), "{early}");
    for from in [0, 3] {
        succeed(&mut network.pay(from, "--from 1 --to 4 --to-shard 4 --amount 7"));
    }
    succeed(&mut network.pay(3, "--from 1 --to 4 --to-shard 0 --amount 8"));
    network.epoch();
    network.epoch();
    for (to, from, url) in [(4, 0, &transfer), (4, 3, &netted), (0, 3, &netted)] {
        let said = succeed(&mut network.fetch(to, url));
        let taken = format!("1 messages of shard {from} taken");
        assert!(said.starts_with(&taken), "{said}");
        let again = refuse(&mut network.fetch(to, url));
        assert!(again.contains("replayed"), "{again}");
    }
    assert_eq!(line(&network.show(0), 4, 2), [4, 1008, 0]);
    let itself = refuse(&mut network.fetch(0, &transfer));
    assert!(itself.contains("has no messages for itself"), "{itself}");
    for url in [&transfer, &netted] {
        let told = get(url, "/light/v1/epochs/1/deliveries/9");
        assert!(told.contains("no_such_shard"), "{told}");
    }
    for url in [&transfer, &netted] {
        let account = get(url, "/light/v1/accounts/1");
        assert!(account.starts_with("HTTP/1.1 200"), "{account}");
    }
    // The shards that serve stay behind.
    network.advance();
    network.observe(4);
    network.advance();
    network.observe(4);
    for url in [&transfer, &netted] {
        let unknown = refuse(&mut network.fetch(4, url));
        assert!(
            unknown.contains("the global state of epoch 3 is not among those kept"),
            "{unknown}"
        );
    }
    server.kill();
    let gone = refuse(&mut network.fetch(4, &transfer));
    assert!(
        gone.contains(&transfer) && gone.contains("refused"),
        "{gone}"
    );
}

fn get(url: &str, path: &str) -> String {
    let address = url.strip_prefix("http://").unwrap();
    let mut stream = TcpStream::connect(address).unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nHost: shard\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

/// A server that answers everything with this many bytes of a body of spaces, after a head.
fn strange(head: &'static str, bytes: usize) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let _ = stream.read(&mut [0; 4096]);
            // Its client may have heard enough.
            let _ = write!(stream, "HTTP/1.1 {head}\r\nConnection: close\r\n\r\n");
            let _ = stream.write_all(&vec![b' '; bytes]);
        }
    });
    format!("http://{address}")
}

#[test]
fn servers_that_answer_otherwise_are_refused() {
    let mut network = Network::new();
    network.epoch();
    network.epoch();
    for (url, expected) in [
        (
            strange("200 OK", 17 << 20),
            "an answer of more than 16777216 bytes",
        ),
        (strange("200 OK", 10), "not a delivery"),
        (strange("500 No", 10), "HTTP status 500"),
        (strange("302 Found\r\nLocation: /", 0), "HTTP status 302"),
        ("http://[".into(), "is not a URL"),
    ] {
        let said = refuse(&mut network.fetch(4, &url));
        assert!(said.contains(expected), "{said}");
        assert!(said.contains(&url), "{said}");
    }
}
