//! The transfer program with forged hints (a prover is free in what the circuit only computes), and the deployed instance.

#[path = "../transfer/support.rs"]
mod support;

use ark_bn254::Fr;
use std::{fs, path::Path};
use support::{Accounts, Circuit, SHARD, SIZE, batch, lines};
use trifold_circuits::artifacts::Checkout;
use trifold_circuits::transfer::{Batch, Size};

/// One hint: the file, its line, what the prover computes instead, events claimed, and the line that must refuse it.
struct Hint {
    file: &'static str,
    honest: &'static str,
    forged: &'static str,
    events: u64,
    refused: &'static str,
}

const TRANSFER: &str = "programs/transfer.circom";
const JUBJUB: &str = "lib/jubjub.circom";
const TRIE: &str = "lib/trie.circom";
const FLAG: &str = "real[i] <-- i < events;";

const HINTS: &[Hint] = &[
    Hint {
        file: TRANSFER,
        honest: FLAG,
        forged: "real[i] <-- i != 1;",
        events: 2,
        refused: "real[i] * (1 - real[i - 1]) === 0;",
    },
    Hint {
        file: TRANSFER,
        honest: FLAG,
        forged: "real[i] <-- i == 0 ? 1 : (i == 1 ? 2 : 0);",
        events: 3,
        refused: "real[i] * (real[i] - 1) === 0;",
    },
    Hint {
        file: TRANSFER,
        honest: FLAG,
        forged: "real[i] <-- i > 0;",
        events: 2,
        refused: "real[i] === 1;",
    },
    Hint {
        file: TRANSFER,
        honest: FLAG,
        forged: "real[i] <-- i < 2;",
        events: 3,
        refused: "used === events;",
    },
    Hint {
        // The low bits of hash + r, the other integer of 254 bits or so that the hash stands for.
        file: "lib/schnorr.circom",
        honest: "low[i] <-- (hash >> i) & 1;",
        forged: "low[i] <-- (((hash & (2 ** 246 - 1)) + (-1 & (2 ** 246 - 1)) + 1) >> i) & 1;",
        events: 3,
        refused: "_ <== Bits(8)(",
    },
    Hint {
        file: "lib/schnorr.circom",
        honest: "low[i] <-- (hash >> i) & 1;",
        forged: "low[i] <-- i == 0 ? (hash & 3) : (i == 1 ? 0 : (hash >> i) & 1);",
        events: 3,
        refused: "low[i] * (low[i] - 1) === 0;",
    },
    Hint {
        file: TRIE,
        honest: "one[i] <-- (index \\ 3 ** i) % 3 == 1;",
        forged: "one[i] <-- (index \\ 3 ** i) % 3 >= 1;",
        events: 3,
        refused: "one[i] * two[i] === 0;",
    },
    Hint {
        file: TRIE,
        honest: "one[i] <-- (index \\ 3 ** i) % 3 == 1;",
        forged: "one[i] <-- (index \\ 3 ** i) % 3;",
        events: 3,
        refused: "one[i] * (one[i] - 1) === 0;",
    },
    Hint {
        file: TRIE,
        honest: "two[i] <-- (index \\ 3 ** i) % 3 == 2;",
        forged: "two[i] <-- ((index \\ 3 ** i) % 3) / 2;",
        events: 3,
        refused: "two[i] * (two[i] - 1) === 0;",
    },
    Hint {
        file: "lib/range.circom",
        honest: "out[i] <-- (in >> i) & 1;",
        forged: "out[i] <-- i == 0 ? in : 0;",
        events: 3,
        refused: "Bits: out[i] * (out[i] - 1) === 0;",
    },
    Hint {
        file: JUBJUB,
        honest: "out[0] <-- (xy + yx) / (1 + product);",
        forged: "out[0] <-- (xy + yx) / (1 + product) + 1;",
        events: 3,
        refused: "out[0] * (1 + product) === xy + yx;",
    },
    Hint {
        file: JUBJUB,
        honest: "out[1] <-- (cross - xy + yx) / (1 - product);",
        forged: "out[1] <-- -(cross - xy + yx) / (1 - product);",
        events: 3,
        refused: "out[1] * (1 - product) === cross - xy + yx;",
    },
    Hint {
        file: JUBJUB,
        honest: "out[0] <-- 2 * xy / (1 + product);",
        forged: "out[0] <-- -2 * xy / (1 + product);",
        events: 3,
        refused: "out[0] * (1 + product) === 2 * xy;",
    },
    Hint {
        file: JUBJUB,
        honest: "out[1] <-- difference / (1 - product);",
        forged: "out[1] <-- -difference / (1 - product);",
        events: 3,
        refused: "out[1] * (1 - product) === difference;",
    },
];

/// A checkout of its own whose prover computes `hint.forged`; constraints are the same.
fn forged(hint: &Hint, folder: &Path) -> Checkout {
    let project = Checkout::find().unwrap();
    project.fetch_tools("npm").unwrap();
    let circuits = folder.join("circuits");
    for part in ["lib", "programs"] {
        fs::create_dir_all(circuits.join(part)).unwrap();
        for entry in fs::read_dir(project.root().join("circuits").join(part))
            .unwrap()
            .map(Result::unwrap)
        {
            if entry.file_type().unwrap().is_file() {
                fs::copy(entry.path(), circuits.join(part).join(entry.file_name())).unwrap();
            }
        }
    }
    let text = fs::read_to_string(circuits.join(hint.file)).unwrap();
    assert_eq!(text.matches(hint.honest).count(), 1, "{}", hint.honest);
    fs::write(
        circuits.join(hint.file),
        text.replace(hint.honest, hint.forged),
    )
    .unwrap();
    fs::write(circuits.join("circuits.toml"), "circuit = []\n").unwrap();
    let cache = folder.join("cache");
    fs::create_dir_all(&cache).unwrap();
    std::os::unix::fs::symlink(project.root().join("tools"), folder.join("tools")).unwrap();
    std::os::unix::fs::symlink(project.cache().join("tools"), cache.join("tools")).unwrap();
    Checkout::above(folder, &cache).unwrap()
}

#[test]
fn each_forged_hint_is_refused_by_its_constraint() {
    for hint in HINTS {
        let folder = tempfile::tempdir().unwrap();
        let circuit = Circuit::new(&forged(hint, folder.path()), SIZE);
        let (mut inputs, _) = batch().inputs(SIZE).unwrap();
        inputs.insert("events", [Fr::from(hint.events)]);
        let found = lines(&circuit.refusal(&inputs));
        assert!(
            found.iter().any(|line| line.contains(hint.refused)),
            "{}: refused at {found:?}",
            hint.forged
        );
    }
}

#[test]
fn the_deployed_circuit_proves_one_transfer_and_sixteen() {
    let circuit = Circuit::new(&Checkout::find().unwrap(), Size::DEPLOYED);
    for events in [1, Size::DEPLOYED.slots] {
        let mut accounts = Accounts::new(Size::DEPLOYED.depth, &[1000, 2000, 3000]);
        let old_root = accounts.root();
        let step = |i: usize| (i as u64 % 3, 40_000 + i as u64, 3 + i as u8, 10 + i as u64);
        let steps = (0..events)
            .map(step)
            .map(|(from, to, owner, amount)| accounts.step(from, to, owner, amount));
        let batch = Batch {
            shard: SHARD,
            seen_digest: Fr::from(1),
            old_root,
            steps: steps.collect(),
        };
        let (inputs, statement) = batch.inputs(Size::DEPLOYED).unwrap();
        let witness = circuit.witness(&inputs).unwrap();
        assert_eq!(circuit.r1cs.check(&witness), Ok(()));
        assert_eq!(witness[1], statement.digest());
    }
}
