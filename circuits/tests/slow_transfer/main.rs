//! The transfer program with forged hints (a prover is free in what the circuit only computes), and the deployed instance.

#[path = "../transfer/support.rs"]
mod support;

use ark_bn254::Fr;
use std::{fs, path::Path};
use support::{ANY, Accounts, Circuit, SHARD, SIZE, World, batch, lines, mixed};
use trifold_circuits::artifacts::Checkout;
use trifold_circuits::transfer::{Batch, Size};
use trifold_verifier::statement::{Message, kind};

/// One hint: the file, its line, what the prover computes instead, the batch and how many transfers of it are claimed, and the line
/// that must refuse it.
struct Hint {
    file: &'static str,
    honest: &'static str,
    forged: &'static str,
    batch: fn() -> Batch,
    transfers: u64,
    refused: &'static str,
}

const DELIVERY: &str = "lib/delivery.circom";
const RANGE: &str = "lib/range.circom";
const JUBJUB: &str = "lib/jubjub.circom";
const TRIE: &str = "lib/trie.circom";
const FLAG: &str = "real[i] <-- i < count;";
const LATEST: &str = "latest <-- largest;";

const HINTS: &[Hint] = &[
    Hint {
        file: DELIVERY,
        honest: FLAG,
        forged: "real[i] <-- count == 2 ? (i != 1 ? 1 : 0) : i < count;",
        batch,
        transfers: 2,
        refused: "real[i] * (1 - real[i - 1]) === 0;",
    },
    Hint {
        file: DELIVERY,
        honest: FLAG,
        forged: "real[i] <-- count == 3 ? (i == 0 ? 1 : (i == 1 ? 2 : 0)) : i < count;",
        batch,
        transfers: 3,
        refused: "real[i] * (real[i] - 1) === 0;",
    },
    Hint {
        file: DELIVERY,
        honest: FLAG,
        forged: "real[i] <-- count == 3 ? i < 2 : i < count;",
        batch,
        transfers: 3,
        refused: "used === count;",
    },
    Hint {
        file: DELIVERY,
        honest: LATEST,
        forged: "latest <-- largest + 1;",
        batch: mixed,
        transfers: 2,
        refused: "product[n] === 0;",
    },
    Hint {
        // Of the two timestamps the second is larger.
        file: DELIVERY,
        honest: LATEST,
        forged: "latest <-- counted[0];",
        batch: mixed,
        transfers: 2,
        refused: "_ <== Bits(64)(latest - counted[i]);",
    },
    Hint {
        // Everything is zero.
        file: RANGE,
        honest: "inverse <-- in != 0 ? 1 / in : 0;",
        forged: "inverse <-- 0;",
        batch: mixed,
        transfers: 2,
        refused: "IsZero: in * out === 0;",
    },
    Hint {
        // The low bits of hash + r, the other integer of 254 bits or so that the hash stands for.
        file: "lib/schnorr.circom",
        honest: "low[i] <-- (hash >> i) & 1;",
        forged: "low[i] <-- (((hash & (2 ** 246 - 1)) + (-1 & (2 ** 246 - 1)) + 1) >> i) & 1;",
        batch,
        transfers: 3,
        refused: "_ <== Bits(8)(",
    },
    Hint {
        file: "lib/schnorr.circom",
        honest: "low[i] <-- (hash >> i) & 1;",
        forged: "low[i] <-- i == 0 ? (hash & 3) : (i == 1 ? 0 : (hash >> i) & 1);",
        batch,
        transfers: 3,
        refused: "low[i] * (low[i] - 1) === 0;",
    },
    Hint {
        file: TRIE,
        honest: "one[i] <-- (index \\ 3 ** i) % 3 == 1;",
        forged: "one[i] <-- (index \\ 3 ** i) % 3 >= 1;",
        batch,
        transfers: 3,
        refused: "one[i] * two[i] === 0;",
    },
    Hint {
        file: TRIE,
        honest: "one[i] <-- (index \\ 3 ** i) % 3 == 1;",
        forged: "one[i] <-- (index \\ 3 ** i) % 3;",
        batch,
        transfers: 3,
        refused: "one[i] * (one[i] - 1) === 0;",
    },
    Hint {
        file: TRIE,
        honest: "two[i] <-- (index \\ 3 ** i) % 3 == 2;",
        forged: "two[i] <-- ((index \\ 3 ** i) % 3) / 2;",
        batch,
        transfers: 3,
        refused: "two[i] * (two[i] - 1) === 0;",
    },
    Hint {
        file: RANGE,
        honest: "out[i] <-- (in >> i) & 1;",
        forged: "out[i] <-- i == 0 ? in : 0;",
        batch,
        transfers: 3,
        refused: "Bits: out[i] * (out[i] - 1) === 0;",
    },
    Hint {
        file: JUBJUB,
        honest: "out[0] <-- (xy + yx) / (1 + product);",
        forged: "out[0] <-- (xy + yx) / (1 + product) + 1;",
        batch,
        transfers: 3,
        refused: "out[0] * (1 + product) === xy + yx;",
    },
    Hint {
        file: JUBJUB,
        honest: "out[1] <-- (cross - xy + yx) / (1 - product);",
        forged: "out[1] <-- -(cross - xy + yx) / (1 - product);",
        batch,
        transfers: 3,
        refused: "out[1] * (1 - product) === cross - xy + yx;",
    },
    Hint {
        file: JUBJUB,
        honest: "out[0] <-- 2 * xy / (1 + product);",
        forged: "out[0] <-- -2 * xy / (1 + product);",
        batch,
        transfers: 3,
        refused: "out[0] * (1 + product) === 2 * xy;",
    },
    Hint {
        file: JUBJUB,
        honest: "out[1] <-- difference / (1 - product);",
        forged: "out[1] <-- -difference / (1 - product);",
        batch,
        transfers: 3,
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
        let (mut inputs, _) = (hint.batch)().inputs(SIZE).unwrap();
        inputs.insert("transfers", [Fr::from(hint.transfers)]);
        let found = lines(&circuit.refusal(&inputs));
        assert!(
            found.iter().any(|line| line.contains(hint.refused)),
            "{}: refused at {found:?}",
            hint.forged
        );
    }
}

#[test]
fn the_deployed_circuit_proves_one_event_and_full_slots() {
    let circuit = Circuit::new(&Checkout::find().unwrap(), Size::DEPLOYED);
    for batch in [one_transfer(), full_slots()] {
        let (inputs, statement) = batch.inputs(Size::DEPLOYED).unwrap();
        let witness = circuit.witness(&inputs).unwrap();
        assert_eq!(circuit.r1cs.check(&witness), Ok(()));
        assert_eq!(witness[1], statement.digest());
    }
}

fn one_transfer() -> Batch {
    let mut accounts = Accounts::new(Size::DEPLOYED.depth, &[1000, 2000, 3000]);
    accounts.step(0, 40_000, 3, 10);
    accounts.batch()
}

/// Both messages come back, two transfers leave, the others stay.
fn full_slots() -> Batch {
    let Size {
        transfers,
        receives,
        sends,
        depth,
    } = Size::DEPLOYED;
    let message = Message {
        kind: kind::TRANSFER,
        from: 3,
        to: 59_049,
        amount: 7,
        payload: Fr::from(1),
    };
    let (mut world, mut accounts) = (World::new(3), Accounts::new(depth, &[1000, 2000, 3000]));
    (0..receives).for_each(|_| world.send(19, SHARD, message));
    for index in 0..receives as u64 {
        accounts.receive(world.state(), world.opening(19, SHARD, index), 0);
    }
    for i in 0..(sends - receives) as u64 {
        accounts.leave(i, (i as u32, 5), ANY, 1 + i, true);
    }
    for i in 0..(transfers - sends + receives) as u64 {
        accounts.step(i % 3, 40_000 + i, 3 + i as u8, 10 + i);
    }
    accounts.batch()
}
