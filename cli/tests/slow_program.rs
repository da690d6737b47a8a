//! A program that is not ours on real circuits: a triad of key-value tables beside one of `transfer`, proven and merged by the
//! same farm, and its answers checked by who trusts the global proof alone. And the template, as `trifold program` writes it.

mod support;

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use ark_bn254::Fr;
use serde_json::Value;
use support::{NatsServer, Process, checkout, refuse, succeed, trifold};
use trifold_circuits::schnorr::SecretKey;
use trifold_kv::{Answer, Answers, AnswersError, Request, Row, Size, Table, files};
use trifold_verifier::json::GlobalProof;
use trifold_verifier::receipt::Receipt;

/// The table's shard; the other two of its triad are silent.
const TABLE: u32 = 3;

struct Farm {
    folder: tempfile::TempDir,
    server: NatsServer,
}

impl Farm {
    fn new() -> Self {
        let farm = Self {
            folder: tempfile::tempdir().unwrap(),
            server: NatsServer::start(&checkout()),
        };
        succeed(trifold(["setup", "--program"]).arg(example()));
        let table = Table::new(owner().public().coordinates());
        farm.write(
            "start",
            &files::start(&table.header(Size::DEPLOYED).unwrap()),
        );
        let start = format!("kv={}", farm.path("start").display());
        let mut new = trifold(["shard", "new", "--shards", "3", "--program"]);
        new.arg(example());
        for _ in 0..3 {
            new.args(["--start", &start]);
        }
        succeed(new.arg(farm.path("network")));
        farm
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn shard(&self, index: u32) -> PathBuf {
        self.path(&format!("network/shard-{index}.json"))
    }

    fn command(&self, name: &str) -> Command {
        let mut command = trifold(name.split(' '));
        command.args(["--nats", &self.server.url()]);
        command.env("TRIFOLD_GENESIS", self.path("network/genesis.json"));
        command
    }

    fn coordinator(&self) -> Process {
        let mut command = self.command("coordinator");
        // An epoch closes when the test says so.
        command.args(["--deadline", "3600"]);
        let mut coordinator = Process::start(command);
        coordinator.wait_for("coordinator is ready");
        coordinator
    }

    fn write(&self, name: &str, value: &Value) {
        fs::write(self.path(name), value.to_string()).unwrap();
    }

    /// The first step of the table, written for `trifold shard step`, with its answers.
    fn kv_step(&self, requests: &[Request]) -> Answers {
        let table = Table::new(owner().public().coordinates());
        let (seen, size) = (Fr::from(0), Size::DEPLOYED);
        let made = table.step(TABLE, seen, requests, &owner(), size);
        let (step, next) = made.unwrap();
        self.write(
            "step",
            &files::step(&step, &next.header(size).unwrap(), size),
        );
        next.answers(&step, size).unwrap()
    }

    fn shard_step(&self, more: &[&str]) -> Command {
        let mut step = trifold(["shard", "step"]);
        step.arg(self.shard(TABLE))
            .arg(self.path("step"))
            .args(more);
        step
    }
}

fn example() -> PathBuf {
    checkout().root().join("examples/kv")
}

fn owner() -> SecretKey {
    SecretKey::from_seed(&[7; 32])
}

#[test]
fn a_farm_proves_a_program_that_it_does_not_know() {
    let farm = Farm::new();
    let mut coordinator = farm.coordinator();
    let mut worker = farm.command("worker");
    worker.arg("--program").arg(example());
    let mut worker = Process::start(worker);
    worker.wait_for("worker is ready");

    // Signals that break a constraint: called broken by the worker, with the circuit's own words; the shard goes on.
    let row = Row {
        value: 77,
        salt: Fr::from(123),
    };
    let insert = Request::Insert { key: 5, row };
    farm.kv_step(&[insert]);
    let step = fs::read_to_string(farm.path("step")).unwrap();
    let mut forged: Value = serde_json::from_str(&step).unwrap();
    forged["signals"]["value"][0] = "78".into();
    fs::write(farm.path("step"), forged.to_string()).unwrap();
    succeed(&mut farm.shard_step(&[]));
    // It is accepted first and refused when it can't be proven; which of both this hears depends on who is faster.
    let mut submit = farm.command("submit");
    submit.arg(farm.shard(TABLE)).output().expect("starts");
    coordinator.wait_for("SchnorrVerify");
    coordinator.wait_for("snapshot refused (unprovable)");
    let between = Request::Between {
        key: 5,
        low: 70,
        high: 80,
    };
    let (select, absent) = (Request::Select { key: 5 }, Request::Select { key: 6 });
    let answers = farm.kv_step(&[insert, select, absent, between]);
    let said = refuse(&mut farm.shard_step(&[]));
    assert!(said.contains("a step is under way"), "{said}");
    succeed(&mut farm.shard_step(&["--replace"]));

    // Both programs in one epoch.
    succeed(trifold(["shard", "transfer"]).arg(farm.shard(0)));
    succeed(farm.command("submit").arg(farm.shard(0)));
    succeed(farm.command("submit").arg(farm.shard(TABLE)));
    succeed(&mut farm.command("epoch close"));

    // A light client takes the proof, and who holds the answers checks them under it.
    let out = farm.path("proof");
    let mut status = farm.command("status");
    succeed(status.args(["--wait", "1", "--out"]).arg(&out));
    let bundle = out.join("bundle.json");
    let verdict = succeed(trifold(["verify"]).arg(&bundle));
    assert!(verdict.contains("accepted: epoch"), "{verdict}");
    let (url, receipt) = (farm.server.url(), farm.path("receipt"));
    let mut ask = trifold(["receipt", "--shard", "3", "--url", &url]);
    ask.arg("--out").arg(&receipt);
    succeed(ask.arg("--network").arg(&bundle));
    let trusted = GlobalProof::from_json(&fs::read_to_string(&bundle).unwrap()).unwrap();
    let receipt = Receipt::from_json(&fs::read_to_string(&receipt).unwrap()).unwrap();
    receipt.verify_under(&trusted.network).unwrap();
    let leaf = receipt.shard.leaf.unwrap();
    assert_eq!(answers.check(&leaf), Ok(()));
    let told = [
        Answer::Inserted { key: 5 },
        Answer::Selected {
            key: 5,
            value: Some(77),
        },
        Answer::Selected {
            key: 6,
            value: None,
        },
        Answer::Between {
            key: 5,
            low: 70,
            high: 80,
            holds: true,
        },
    ];
    assert_eq!(answers.answers, told);
    let mut forged = answers;
    forged.answers[2] = Answer::Selected {
        key: 6,
        value: Some(0),
    };
    assert_eq!(forged.check(&leaf), Err(AnswersError::NotUnderLeaf));

    // A worker without the folder says so, and a network that does not admit the program refuses the folder.
    let mut without = Process::start(farm.command("worker"));
    without.wait_for("no --program gives the folder of kv");
    let alone = farm.path("alone");
    succeed(trifold(["shard", "new"]).arg(&alone));
    let mut stranger = farm.command("worker");
    stranger.arg("--program").arg(example());
    stranger.arg("--genesis").arg(alone.join("genesis.json"));
    let said = refuse(&mut stranger);
    assert!(said.contains("does not admit program kv"), "{said}");
}

#[test]
fn networks_that_can_t_be_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let start = folder.path().join("start");
    fs::write(&start, r#"{"body": 1}"#).unwrap();
    let network = folder.path().join("network");
    let named = |name: &str| format!("{name}={}", start.display());
    let new = |shards: &str, start: &str| {
        let mut new = trifold(["shard", "new", "--shards", shards, "--start", start]);
        new.arg("--program").arg(example()).arg(&network);
        refuse(&mut new)
    };
    let said = new("2", &named("kv"));
    assert!(
        said.contains("shards 0 and 2 run transfer and kv"),
        "{said}"
    );
    let said = new("3", &named("vk"));
    assert!(said.contains("it admits transfer, kv"), "{said}");
    fs::write(&start, r#"{"body": -1}"#).unwrap();
    let said = new("3", &named("kv"));
    assert!(said.contains("body is no number"), "{said}");
}

#[test]
fn the_example_is_tried_out() {
    let said = succeed(trifold(["program", "check"]).arg(example()));
    assert!(
        said.contains("proves its statement, and no other"),
        "{said}"
    );
}

#[test]
fn a_program_is_listed_and_looked_at_with_ours() {
    let folder = tempfile::tempdir().unwrap();
    let command = |words: &str| {
        let mut command = trifold(words.split(' '));
        command.current_dir(&folder);
        command.env("TRIFOLD_ROOT", checkout().root());
        command
    };
    let listed = |program: &str| {
        let said = succeed(&mut command(&format!("circuits --program {program}")));
        let line = said.lines().find(|line| line.starts_with(program));
        line.expect(program).to_owned()
    };
    let looked_at = |program: &str, network: &str| {
        let genesis = format!("doctor --genesis {network}/genesis.json --program {program}");
        let output = command(&genesis).output().unwrap();
        String::from_utf8(output.stdout).unwrap()
    };
    succeed(&mut command("program new ready"));
    succeed(&mut command("setup --program ready"));
    fs::write(folder.path().join("start"), r#"{"body": 1}"#).unwrap();
    let with = "shard new with --shards 0 --program ready --start ready=start";
    succeed(&mut command(with));
    let line = listed("ready");
    assert_eq!(line.split_whitespace().last().unwrap().len(), 64, "{line}");
    let said = looked_at("ready", "with");
    assert!(said.contains("ok     circuits: ready, "), "{said}");
    assert!(!said.contains("admit"), "{said}");

    succeed(&mut command("shard new without --shards 1"));
    let said = looked_at("ready", "without");
    let expected = "refuse network: the genesis does not admit program ready";
    assert!(said.contains(expected), "{said}");
    let said = looked_at("nowhere", "with");
    assert!(said.contains("give the folder of a program"), "{said}");

    // Sources that no cache has.
    succeed(&mut command("program new unready"));
    let source = folder.path().join("unready/program.circom");
    let text = fs::read_to_string(&source).unwrap();
    fs::write(&source, format!("{text}\n// {}\n", source.display())).unwrap();
    let line = listed("unready");
    assert!(line.ends_with(" -"), "{line}");
    let said = looked_at("unready", "with");
    let expected =
        "refuse circuits: unready is not in the cache; run trifold setup --program unready";
    assert!(said.contains(expected), "{said}");
}

#[test]
fn the_template_compiles_and_is_tried_out() {
    let folder = tempfile::tempdir().unwrap();
    let program = folder.path().join("counter");
    succeed(trifold(["program", "new"]).arg(&program));
    let said = refuse(trifold(["program", "new"]).arg(&program));
    assert!(said.contains("exists already"), "{said}");
    let check = || {
        let mut check = trifold(["program", "check"]);
        check.arg(&program);
        check
    };
    let said = succeed(&mut check());
    assert!(said.contains("counter: "), "{said}");
    assert!(
        said.contains("proves its statement, and no other"),
        "{said}"
    );

    // A sample that is wrong, and a circuit that forgets to bind x or a part of the statement.
    let (source, sample) = (program.join("program.circom"), program.join("sample.json"));
    let (circuit, step) = (
        fs::read_to_string(&source).unwrap(),
        fs::read_to_string(&sample).unwrap(),
    );
    fs::write(&sample, step.replace("\"add\": 2", "\"add\": 3")).unwrap();
    let said = refuse(&mut check());
    assert!(
        said.contains("shard 4") && said.contains("Counter"),
        "{said}"
    );
    fs::write(&sample, &step).unwrap();
    let forgets = |from: &str, to: &str| {
        assert!(circuit.contains(from));
        fs::write(&source, circuit.replace(from, to)).unwrap();
        refuse(&mut check())
    };
    let said = forgets("x === statement;", "signal y <== x * statement;");
    assert!(said.contains("x is not bound"), "{said}");
    let said = forgets("(shard, old_body", "(4, old_body");
    assert!(said.contains("shard 11"), "{said}");
    let said = forgets("signal new_count", "signal output new_count");
    assert!(said.contains("2 public values"), "{said}");
}
