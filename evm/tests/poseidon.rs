//! Poseidon on the EVM is Poseidon: every size, on numbers without a pattern and at the edges of the field.

mod common;

use ark_ff::Field;
use common::{Deployment, word};
use trifold_verifier::Fr;
use trifold_verifier::statement::{Account, Body, GlobalState, Leaf};
use trifold_verifier::trie::{Path, node};

const ROUNDS: u64 = 8;

/// The i-th field element of a test: two edges first, then numbers without a pattern.
fn number(round: u64, i: u64) -> Fr {
    match round {
        0 => Fr::from(0u64),
        1 => -Fr::from(1u64),
        _ => Fr::from(100 * round + i + 1).pow([1001]),
    }
}

fn small(round: u64, i: u64) -> u64 {
    match round {
        0 => 0,
        1 => u64::MAX,
        _ => u64::MAX / (3 * round + i),
    }
}

#[test]
fn seven_lanes_for_a_state() {
    let mut deployment = Deployment::new();
    let client = deployment.client.clone();
    for round in 0..ROUNDS {
        let state = GlobalState {
            epoch: small(round, 1) % 3u64.pow(20),
            depth: 1 + (round % 9) as u8,
            root: number(round, 2),
            history: number(round, 3),
            in_flight: u128::from(small(round, 4)) << 48,
        };
        let numbers = [
            state.epoch.into(),
            state.depth.into(),
            state.root,
            state.history,
            state.in_flight.into(),
        ];
        let found = deployment.call("TrifoldLightClient", &client, "digest", &numbers.map(word));
        assert_eq!(found.words(), [word(state.digest())]);
    }
}

#[test]
fn nine_lanes_for_a_leaf() {
    let mut deployment = Deployment::new();
    let receipts = deployment.receipts.clone();
    let leaves = deployment.address("TrifoldReceipts", &receipts, "LEAVES");
    for round in 0..ROUNDS {
        let leaf = Leaf {
            program: number(round, 1),
            body: number(round, 2),
            lamport: small(round, 3),
            timestamp: small(round, 4),
            seen_epoch: small(round, 5),
            seen_digest: number(round, 6),
            supply: u128::from(small(round, 7)) << 64 | u128::from(small(round, 8)),
        };
        let [lamport, timestamp, seen] =
            [leaf.lamport, leaf.timestamp, leaf.seen_epoch].map(Fr::from);
        let numbers = [
            leaf.program,
            leaf.body,
            lamport,
            timestamp,
            seen,
            leaf.seen_digest,
            leaf.supply.into(),
        ];
        let found = deployment.call("TrifoldLeaves", &leaves, "leafDigest", &numbers.map(word));
        assert_eq!(found.words(), [word(leaf.digest())]);
    }
}

#[test]
fn five_and_six_lanes_for_a_body_and_an_account() {
    let mut deployment = Deployment::new();
    let receipts = deployment.receipts.clone();
    let tries = deployment.address("TrifoldReceipts", &receipts, "TRIES");
    for round in 0..ROUNDS {
        let [state_root, outbox_root, inbox_root] = [1, 2, 3].map(|i| number(round, i));
        let body = Body {
            state_root,
            outbox_root,
            inbox_root,
        };
        let words = [state_root, outbox_root, inbox_root].map(word);
        let found = deployment.call("TrifoldTries", &tries, "bodyDigest", &words);
        assert_eq!(found.words(), [word(body.digest())]);
        let (balance, ordinal) = (small(round, 1), small(round, 2));
        let account = Account {
            ax: number(round, 4),
            ay: number(round, 5),
            balance,
            ordinal,
        };
        let words = [account.ax, account.ay, balance.into(), ordinal.into()].map(word);
        let found = deployment.call("TrifoldTries", &tries, "accountDigest", &words);
        assert_eq!(found.words(), [word(account.digest())]);
    }
}

#[test]
fn four_lanes_for_a_node_at_every_place() {
    let mut deployment = Deployment::new();
    let receipts = deployment.receipts.clone();
    let tries = deployment.address("TrifoldReceipts", &receipts, "TRIES");
    for index in 0..9 {
        let siblings = vec![
            [number(index, 1), number(index, 2)],
            [number(index, 3), number(index, 4)],
        ];
        let leaf = number(index, 5);
        let mut words = vec![
            word(leaf),
            word(Fr::from(index)),
            word(Fr::from(96u64)),
            word(Fr::from(2u64)),
        ];
        words.extend(siblings.iter().flatten().map(|sibling| word(*sibling)));
        let found = deployment.call("TrifoldTries", &tries, "root", &words);
        let path = Path { index, siblings };
        assert_eq!(found.words(), [word(path.root(leaf, 2).unwrap())]);
    }
    let edge = -Fr::from(1u64);
    let words = [
        edge,
        Fr::from(1u64),
        Fr::from(96u64),
        Fr::from(1u64),
        edge,
        edge,
    ]
    .map(word);
    let found = deployment.call("TrifoldTries", &tries, "root", &words);
    assert_eq!(found.words(), [word(node(&[edge; 3]))]);
}
