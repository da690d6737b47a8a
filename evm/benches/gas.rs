//! What calls of the contracts cost, on the corpus' network: `cargo bench -p trifold-evm --bench gas` writes
//! `bench/results/evm.md`.

#[path = "../../verifier/tests/common/mod.rs"]
mod common;
#[path = "../tests/common/mod.rs"]
mod contracts;
#[path = "../../verifier/tests/light/world.rs"]
#[allow(clippy::manual_is_multiple_of)] // the verifier is for older compilers too
mod world;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;

use contracts::{Deployment, Outcome, compiled, contract};
use trifold_evm::calldata;
use trifold_verifier::claim::ShardClaim;
use trifold_verifier::receipt::Receipt;
use trifold_verifier::statement::GlobalState;
use world::{BANK, EPOCHS, Trie, World};

const COMMAND: &str = "cargo bench -p trifold-evm --bench gas";
/// Most gas that a second or later `advance` should take, all included.
const TARGET: u64 = 300_000;
const CONTRACTS: [&str; 4] = [
    "TrifoldLightClient",
    "TrifoldReceipts",
    "TrifoldTries",
    "TrifoldLeaves",
];

fn main() {
    let world = World::new();
    assert_eq!(
        world.network,
        contracts::network(),
        "the corpus is of another network"
    );
    let mut report = Report {
        rows: Vec::new(),
        world,
    };
    report.updates();
    report.leaves();
    report.receipts();
    let page = report.page();
    print!("{page}");
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../bench/results/evm.md");
    std::fs::write(path, page).unwrap();
}

struct Report {
    rows: Vec<(String, u64, usize)>,
    world: World,
}

impl Report {
    fn row(&mut self, name: impl Into<String>, calldata: &[u8], outcome: &Outcome) {
        self.rows.push((name.into(), outcome.gas, calldata.len()));
    }

    fn updates(&mut self) {
        let mut deployment = Deployment::new();
        self.rows
            .push(("deploy `TrifoldLightClient`".into(), deployment.gas[0], 0));
        self.rows
            .push(("deploy `TrifoldReceipts`".into(), deployment.gas[1], 0));
        let calls = [
            (1, "`advance`, the first"),
            (2, "`advance`, the second"),
            (3, "`advance`, the third"),
        ];
        for (epoch, name) in calls {
            let calldata = calldata::advance(&self.world.update(epoch));
            let outcome = deployment.client(&calldata);
            assert!(outcome.ok, "{outcome:?}");
            self.row(name, &calldata, &outcome);
        }
        for (epoch, code) in [(3, "known"), (2, "stale")] {
            let calldata = calldata::advance(&self.world.update(epoch));
            let outcome = deployment.client(&calldata);
            assert_eq!(outcome.refusal().as_deref(), Some(code));
            self.row(format!("`advance`, refused as {code}"), &calldata, &outcome);
        }
        let calldata = calldata::verify(&self.world.update(4));
        let outcome = deployment.client(&calldata);
        self.row("`verify`", &calldata, &outcome);
    }

    fn leaves(&mut self) {
        for depth in [1, 2, 9] {
            let receipt = self.deep(depth);
            let mut deployment = Deployment::holding(&receipt.update);
            let calldata = calldata::verify_leaf(&self.world.network, &receipt).unwrap();
            let outcome = deployment.receipts(&calldata);
            assert!(outcome.ok, "{outcome:?}");
            self.row(format!("`verifyLeaf`, depth {depth}"), &calldata, &outcome);
        }
    }

    /// A shard's leaf in a trie of any depth, in a state that is proven with the key's secrets.
    fn deep(&self, depth: u8) -> Receipt {
        let receipt = self.world.receipt(EPOCHS, BANK);
        let leaf = receipt.shard.leaf;
        let leaves = BTreeMap::from([(BANK.into(), leaf.unwrap().digest())]);
        let trie = Trie {
            levels: depth.into(),
            leaves,
        };
        let state = GlobalState {
            depth,
            root: trie.root(),
            ..receipt.update.state
        };
        let path = trie.path(BANK.into());
        Receipt {
            update: self.world.prove(state),
            shard: ShardClaim {
                index: BANK,
                leaf,
                path,
            },
            ..receipt
        }
    }

    fn receipts(&mut self) {
        let mut deployment = Deployment::holding(&self.world.update(EPOCHS));
        let receipts = [
            ("a shard, depth 2", self.world.receipt(EPOCHS, BANK)),
            (
                "a shard and an account, depths 2 and 3",
                self.world.bank_receipt(5),
            ),
            (
                "a shard in the past",
                self.world.past_receipt(3, BANK, EPOCHS),
            ),
            (
                "a shard and an account in the past",
                self.world.whole_receipt(),
            ),
        ];
        for (name, receipt) in &receipts {
            let network = &self.world.network;
            let under_held = calldata::verify_under_held(network, receipt).unwrap();
            let whole = calldata::verify_receipt(network, receipt).unwrap();
            for (function, calldata) in [("verifyUnderHeld", under_held), ("verifyReceipt", whole)]
            {
                let outcome = deployment.receipts(&calldata);
                assert!(outcome.ok, "{outcome:?}");
                self.row(format!("`{function}`, {name}"), &calldata, &outcome);
            }
        }
    }

    fn page(&self) -> String {
        let mut page = format!(
            "# Gas\n\n{}, {}.\n`{COMMAND}`\n\nsolc {}, optimizer on with 1,000,000 runs; @ethereumjs/vm, hard fork Prague. Gas is \
             all that a transaction's sender pays for:\nthe base of 21,000 and the calldata included.\n\n",
            machine(),
            output("date", &["+%Y-%m-%d"]),
            compiler(),
        );
        page += "| call | gas | calldata, bytes |\n|---|---|---|\n";
        for (name, gas, bytes) in &self.rows {
            let bytes = if *bytes == 0 {
                "–".into()
            } else {
                bytes.to_string()
            };
            let _ = writeln!(page, "| {name} | {gas} | {bytes} |");
        }
        page += "\n| contract | code, bytes (at most 24576) | deployed by, bytes (at most 49152) |\n|---|---|---|\n";
        let compiled = compiled();
        for name in CONTRACTS {
            let bytes = |field: &str| {
                contract(&compiled, name)[field]["object"]
                    .as_str()
                    .unwrap()
                    .len()
                    / 2
            };
            let _ = writeln!(
                page,
                "| `{name}` | {} | {} |",
                bytes("deployedBytecode"),
                bytes("bytecode")
            );
        }
        let advance = self
            .rows
            .iter()
            .find(|(name, ..)| name.ends_with("the second"))
            .unwrap()
            .1;
        page += "\n| figure | measured | target |\n|---|---|---|\n";
        let _ = writeln!(
            page,
            "| `advance`, the second and later | {advance} | ≤ {TARGET} |"
        );
        page
    }
}

fn machine() -> String {
    let text = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = text
        .lines()
        .find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    let cores = std::thread::available_parallelism().map_or(1, |cores| cores.get());
    format!(
        "{}, {cores} cores",
        model.map_or("unknown processor", |(_, name)| name)
    )
}

fn output(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program)
        .args(arguments)
        .output()
        .expect("a program of every system");
    String::from_utf8_lossy(&output.stdout).trim().into()
}

fn compiler() -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tools/package.json");
    let tools: serde_json::Value =
        serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    tools["dependencies"]["solc"].as_str().unwrap().into()
}
