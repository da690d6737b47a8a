//! The light client follows the corpus' chain, and refuses whatever is not it.

mod common;

use common::{Deployment, corpus, hex, updates, word};
use trifold_evm::calldata::{advance, verify};
use trifold_verifier::Fr;
use trifold_verifier::client::Update;
use trifold_verifier::groth16::Proof;

/// Words of a state and of a proof in calldata.
const STATE_WORDS: usize = 5;
const PROOF_WORDS: usize = 8;
/// Most gas that a second or later state takes, all that its sender pays for.
const ADVANCE_GAS: u64 = 300_000;

fn held(deployment: &mut Deployment) -> Vec<[u8; 32]> {
    let client = deployment.client.clone();
    deployment
        .call("TrifoldLightClient", &client, "held", &[])
        .words()
}

fn words(update: &Update) -> Vec<[u8; 32]> {
    let state = update.state;
    [
        state.epoch.into(),
        state.depth.into(),
        state.root,
        state.history,
        Fr::from(state.in_flight),
    ]
    .map(word)
    .into()
}

#[test]
fn follows_a_chain() {
    let mut deployment = Deployment::new();
    let client = deployment.client.clone();
    let nothing = deployment.call("TrifoldLightClient", &client, "held", &[]);
    assert_eq!(nothing.refusal().as_deref(), Some("nothing_held"));
    for update in updates() {
        assert!(deployment.client(&verify(&update)).ok);
        let outcome = deployment.client(&advance(&update));
        assert!(outcome.ok, "{outcome:?}");
        let first = update.state.epoch == 1; // it pays for the storage
        assert!(first || outcome.gas <= ADVANCE_GAS, "{} gas", outcome.gas);
        let expected = words(&update);
        assert_eq!(held(&mut deployment), expected);
        for (name, place) in [("epoch", 0), ("root", 2), ("history", 3)] {
            assert_eq!(
                deployment
                    .call("TrifoldLightClient", &client, name, &[])
                    .words(),
                [expected[place]]
            );
        }
        let log = outcome.logs[0].as_array().unwrap();
        assert_eq!(log[1], format!("0x{}", hex(&expected[0])));
        assert_eq!(log[2], format!("0x{}", hex(&expected[1..].concat())));
        assert_eq!(
            deployment.client(&advance(&update)).refusal().as_deref(),
            Some("known")
        );
    }
    let stale = deployment.client(&advance(&updates()[0]));
    assert_eq!(stale.refusal().as_deref(), Some("stale"));
}

#[test]
fn any_proof_of_a_statement_will_do() {
    let (mut deployment, updates) = (Deployment::new(), updates());
    for (entry, update) in corpus("updates.json").iter().zip(updates) {
        for other in entry["other_proofs"].as_array().unwrap() {
            let proof = Proof::from_bytes(&common::bytes(other)).unwrap();
            assert!(
                deployment.client(&verify(&Update { proof, ..update })).ok,
                "{}",
                other["name"]
            );
        }
    }
}

/// Every word, by its lowest bit and by its highest, from nothing held: what is refused is the word, not the epoch.
#[test]
fn every_word_of_an_update_counts() {
    let mut deployment = Deployment::new();
    let calldata = advance(&updates()[2]);
    for word in 0..STATE_WORDS + PROOF_WORDS {
        let mut changed = calldata.clone();
        changed[4 + 32 * word + 31] ^= 1;
        let code = deployment.client(&changed).refusal().expect("a refusal");
        let expected: &[&str] = match word < STATE_WORDS {
            true => &["pairing"],
            false => &["off_curve"],
        };
        assert!(expected.contains(&code.as_str()), "word {word}: {code}");
        changed[4 + 32 * word + 31] ^= 1;
        changed[4 + 32 * word] ^= 0x80;
        let code = deployment.client(&changed).refusal().expect("a refusal");
        let expected = if [0, 1, 4].contains(&word) {
            "range"
        } else {
            "not_canonical"
        };
        assert_eq!(code, expected, "word {word}");
    }
    assert!(deployment.client(&calldata).ok);
}

#[test]
fn calldata_has_one_length() {
    let mut deployment = Deployment::new();
    let calldata = advance(&updates()[0]);
    let longer = [&calldata[..], &[0; 32]].concat();
    assert_eq!(
        deployment.client(&longer).refusal().as_deref(),
        Some("length")
    );
    let shorter = deployment.client(&calldata[..calldata.len() - 1]);
    assert!(
        !shorter.ok && shorter.output.is_empty(),
        "the compiler's own check"
    );
    assert!(!deployment.client(&[]).ok);
}

#[test]
fn a_later_state_need_not_be_the_next() {
    let updates = updates();
    let mut deployment = Deployment::holding(&updates[0]);
    assert!(deployment.client(&advance(&updates[4])).ok);
    let skipped = deployment.client(&advance(&updates[3]));
    assert_eq!(skipped.refusal().as_deref(), Some("stale"));
}
