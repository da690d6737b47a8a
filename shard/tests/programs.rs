//! Shards of programs that are not ours: files of their authors, steps, and how global states come back.

#[path = "../../verifier/tests/common/mod.rs"]
mod common;

use ark_bn254::Fr;
use common::Trapdoor;
use trifold_circuits::genesis::{Genesis, GenesisProgram, GenesisShard, ProgramStart, Start};
use trifold_circuits::snapshot::{Kind, Snapshot, View};
use trifold_circuits::trie::SparseTrie;
use trifold_shard::program::{
    MAX_FILE_BYTES, ProgramFileError as FileError, ProgramStep, start_from_json,
};
use trifold_shard::{ProgramShard, ProgramShardError, Shard, ShardError, file};
use trifold_verifier::client::{self, Update};
use trifold_verifier::statement::{Body, GlobalState, Keys, Leaf};
use trifold_verifier::verified::VerifiedState;

const NOW: u64 = 1_790_000_000_000;
const SHARD: u32 = 3;

/// Three shards of `transfer` and one that runs `own`, with a supply of 100.
fn genesis() -> Genesis {
    let demo = Genesis::demo(3, 3, 2, 1000).unwrap().0;
    let start = Start::Program(ProgramStart {
        program: "own".into(),
        body: Fr::from(11),
        supply: 100,
    });
    let own = GenesisShard {
        start,
        ..demo.shards()[0].clone()
    };
    let program = GenesisProgram::new("own", Trapdoor::new(2).key()).unwrap();
    Genesis::new(vec![program], [demo.shards(), &[own]].concat()).unwrap()
}

fn transfer() -> Fr {
    Fr::from(99)
}

fn shard() -> ProgramShard {
    ProgramShard::genesis(&genesis(), SHARD, transfer()).unwrap()
}

fn text(body: u64, more: &str) -> String {
    format!(
        r#"{{"old_body": {body}, "new_body": "12", "events": 2, "signals": {{"a": [["1", 2], ["$shard", "$seen_digest"]]}}{more}}}"#
    )
}

fn step(more: &str) -> ProgramStep {
    ProgramStep::from_json(text(11, more).as_bytes()).unwrap()
}

/// The global state of `epoch` in which the shard has `leaf`, proven with a trapdoor, and its path.
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
    let [merge, nest, registry] = [1, 2, 3].map(Fr::from);
    let trapdoor = Trapdoor::new(1);
    let network = client::Network {
        keys: Keys {
            merge,
            nest,
            registry,
        },
        genesis: first.digest(),
        nest_key: trapdoor.key(),
    };
    let proof = trapdoor.prove(network.statement(&state).digest());
    let verified = network.verify(&Update { state, proof }).unwrap();
    (verified, trie.path(SHARD.into()).unwrap())
}

#[test]
fn a_step_becomes_a_snapshot_that_passes_its_checks() {
    let (mut shard, genesis) = (shard(), genesis());
    let before = *shard.chain().leaf();
    let exchange =
        r#", "sent": "30", "received": 7, "received_lamport": 40, "received_timestamp": 9"#;
    let snapshot = shard.step(&step(exchange), NOW).unwrap().clone();
    let new = &snapshot.new;
    assert_eq!((new.supply, new.lamport, new.body), (77, 41, Fr::from(12)));
    let view = View {
        network: genesis.global_state(transfer()).unwrap().digest(),
        current: &before,
        netted: None,
        kind: &|program| (*program == before.program).then_some(Kind::Signals),
        history: &|_| None,
        now_milliseconds: NOW,
    };
    assert_eq!(snapshot.check(&view), Ok(()));
    let (inputs, statement) = snapshot.inputs().unwrap();
    assert_eq!((statement.sent, statement.received), (30, 7));
    let given = [1, 2, u64::from(SHARD), 0].map(Fr::from);
    assert_eq!(inputs.get("a"), Some(&given[..]));
    let (_, secrets) = Genesis::demo(3, 3, 2, 1000).unwrap();
    let bytes = snapshot.sign(&secrets.operators[0]).unwrap();
    assert_eq!(Snapshot::open(&bytes, &genesis), Ok(snapshot));
}

#[test]
fn one_step_is_under_way_until_a_global_state_holds_it() {
    let mut shard = shard();
    let before = *shard.chain().leaf();
    let first = shard.step(&step(""), NOW).unwrap().clone();
    let error = shard.step(&step(""), NOW).unwrap_err();
    assert!(matches!(error, ProgramShardError::UnderWay));
    let (silent, path) = global(1, &before);
    assert!(!shard.observe(&silent, &path).unwrap());
    assert_eq!(shard.chain().under_way(), Some(&first));
    let (state, path) = global(2, &first.new);
    assert!(shard.observe(&state, &path).unwrap());
    assert_eq!(*shard.chain().leaf(), first.new);
    let stale = shard.observe(&state, &path).unwrap_err();
    assert!(matches!(
        stale,
        ShardError::Stale {
            epoch: 2,
            latest: 2
        }
    ));
    // The next names the state before as seen, whose digest the signals take over.
    let next = ProgramStep::from_json(text(12, "").as_bytes()).unwrap();
    let second = shard.step(&next, NOW).unwrap().clone();
    assert_eq!(
        (second.new.seen_epoch, second.new.seen_digest),
        (1, silent.state().digest())
    );
    let (inputs, _) = second.inputs().unwrap();
    assert_eq!(inputs.get("a").unwrap()[3], second.new.seen_digest);
}

#[test]
fn a_step_that_the_farm_refused_can_be_forgotten() {
    let mut shard = shard();
    shard.step(&step(""), NOW).unwrap();
    shard.forget();
    let again = shard.step(&step(r#", "sent": 1"#), NOW).unwrap();
    assert_eq!(again.new.supply, 99);
}

#[test]
fn a_step_that_can_t_be_changes_nothing() {
    let mut shard = shard();
    let mut refuse = |text: String| {
        let step = ProgramStep::from_json(text.as_bytes()).unwrap();
        let error = shard.step(&step, NOW).unwrap_err();
        assert!(shard.chain().under_way().is_none());
        error
    };
    let error = refuse(text(10, ""));
    assert!(matches!(error, ProgramShardError::Body { .. }));
    let error = refuse(text(11, "").replace("\"events\": 2", "\"events\": 0"));
    assert!(matches!(error, ProgramShardError::Events));
    let error = refuse(text(11, r#", "sent": 101"#));
    assert!(matches!(
        error,
        ProgramShardError::Shard(ShardError::Overdraft {
            sent: 101,
            held: 100,
            received: 0
        })
    ));
    let value = 1u128 << 96;
    let error = refuse(text(11, &format!(r#", "received": "{value}""#)));
    let found =
        matches!(error, ProgramShardError::Shard(ShardError::Value { value: v }) if v == value);
    assert!(found);
    let error = refuse(text(
        11,
        r#", "received_timestamp": "18446744073709551615""#,
    ));
    assert!(matches!(
        error,
        ProgramShardError::Shard(ShardError::Clock { .. })
    ));
    let error = refuse(text(11, "").replace("\"a\"", "\"x\""));
    assert!(error.to_string().contains("signal x is given"), "{error}");
}

#[test]
fn files_that_say_nothing_get_specific_errors() {
    let refuse = |text: &str| ProgramStep::from_json(text.as_bytes()).unwrap_err();
    let long = " ".repeat(MAX_FILE_BYTES + 1);
    assert!(matches!(refuse(&long), FileError::TooLong(_)));
    assert!(matches!(refuse("{"), FileError::Json(_)));
    assert!(matches!(refuse("[]"), FileError::NotAnObject));
    let good = text(11, "");
    let changed = |from: &str, to: &str| refuse(&good.replace(from, to));
    let error = changed("\"events\"", "\"event\"");
    assert!(matches!(error, FileError::UnknownField { field } if field == "event"));
    let error = changed("\"events\": 2,", "");
    assert!(matches!(error, FileError::Missing { field: "events" }));
    let error = changed("\"old_body\": 11,", "");
    assert!(matches!(error, FileError::Missing { field: "old_body" }));
    let error = changed("\"old_body\"", "\"new_state_root\": 1, \"old_body\"");
    assert!(matches!(error, FileError::Twice { .. }));
    let error = changed("{\"a\": [[\"1\", 2], [\"$shard\", \"$seen_digest\"]]}", "1");
    assert!(matches!(error, FileError::Signals));
    let deep = format!("{}1{}", "[".repeat(17), "]".repeat(17));
    let error = changed("\"$shard\"", &deep);
    assert!(matches!(error, FileError::Nesting { .. }));
    // Numbers that are none, and those beyond their limit.
    let modulus =
        "\"21888242871839275222246405745257275088548364400416034343698204186575808495617\"";
    for number in [
        "-1",
        "1.5",
        "1e3",
        "\"\"",
        "\"0x1\"",
        "\"01\"",
        "null",
        "{}",
        "\"$seen\"",
        modulus,
    ] {
        let error = changed("\"1\"", number);
        assert!(matches!(error, FileError::Number { .. }), "{number}");
    }
    let error = changed("\"events\": 2", "\"events\": 4294967296");
    assert!(error.to_string().contains("2^32"), "{error}");
}

#[test]
fn a_state_root_stands_for_the_body_around_it() {
    let start = start_from_json("own", br#"{"state_root": "5", "supply": 9}"#).unwrap();
    let body = Body {
        state_root: Fr::from(5),
        ..Body::default()
    };
    assert_eq!((start.body, start.supply), (body.digest(), 9));
    let start = start_from_json("own", br#"{"body": 6}"#).unwrap();
    assert_eq!((start.body, start.supply), (Fr::from(6), 0));
    let error = start_from_json("own", br#"{"supply": 9}"#).unwrap_err();
    assert!(matches!(error, FileError::Missing { field: "body" }));
}

#[test]
fn storage_tells_the_two_kinds_of_shards_apart() {
    let genesis = genesis();
    let error = ProgramShard::genesis(&genesis, 0, transfer()).unwrap_err();
    assert!(matches!(error, ProgramShardError::Ours { index: 0, .. }));
    let error = Shard::genesis(&genesis, SHARD, transfer()).unwrap_err();
    assert!(matches!(
        error,
        ShardError::OtherProgram { index: SHARD, .. }
    ));
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("shard-3.json");
    let mut shard = shard();
    shard.step(&step(r#", "sent": 1"#), NOW).unwrap();
    file::save_program(&shard, &path).unwrap();
    assert_eq!(file::load_program(&path).unwrap(), shard);
    assert_eq!(file::program(&path).unwrap().as_deref(), Some("own"));
    let error = file::load(&path).unwrap_err();
    assert!(
        error.to_string().contains("a shard that runs own"),
        "{error}"
    );
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, text.replace("\"lamport\":0", "\"lamport\":1")).unwrap();
    let error = file::load_program(&path).unwrap_err();
    assert!(error.to_string().contains("starts elsewhere"), "{error}");
    let ours = folder.path().join("shard-0.json");
    let transfers = Shard::genesis(&genesis, 0, transfer()).unwrap();
    file::save(&transfers, &ours).unwrap();
    assert_eq!(file::program(&ours).unwrap(), None);
}
