//! Receipts of the corpus: the contract answers what the verifier answers, and refuses them once any word is changed.

mod common;

use common::{Deployment, Outcome, corpus, network, receipt, updates};
use serde_json::Value;
use trifold_evm::calldata::{self, CalldataError};
use trifold_verifier::receipt::Receipt;

const NOT_ASKED: u8 = 0;
const ABSENT: u8 = 1;
const PRESENT: u8 = 2;

fn answers(outcome: &Outcome) -> Vec<u8> {
    outcome.words().iter().map(|word| word[31]).collect()
}

fn expected(entry: &Value) -> Vec<u8> {
    let answer = |value: &Value| match value.as_str() {
        None => NOT_ASKED,
        Some("absent") => ABSENT,
        _ => PRESENT,
    };
    vec![answer(&entry["shard"]), answer(&entry["account"])]
}

fn newest() -> Deployment {
    Deployment::holding(updates().last().unwrap())
}

#[test]
fn every_receipt_is_accepted() {
    let (mut deployment, network) = (newest(), network());
    for entry in corpus("receipts.json") {
        let receipt = Receipt::from_bytes(&common::bytes(&entry)).unwrap();
        let calldata = calldata::verify_receipt(&network, &receipt).unwrap();
        let outcome = deployment.receipts(&calldata);
        assert!(outcome.ok, "{}: {:?}", entry["name"], outcome.refusal());
        assert_eq!(answers(&outcome), expected(&entry), "{}", entry["name"]);
    }
}

#[test]
fn a_netted_account_is_for_no_contract() {
    let network = network();
    let entries = corpus("claims.json");
    let netted = entries
        .iter()
        .find(|entry| entry["name"] == "a netted account");
    let receipt = Receipt::from_bytes(&common::bytes(netted.unwrap())).unwrap();
    let refused = Err(CalldataError::NettedAccount);
    assert_eq!(calldata::verify_receipt(&network, &receipt), refused);
    assert_eq!(calldata::verify_under_held(&network, &receipt), refused);
    assert!(calldata::verify_leaf(&network, &receipt).is_ok());
}

/// Under each state of the chain as it is held, exactly the receipts proven under that state.
#[test]
fn a_held_state_takes_the_place_of_a_proof() {
    let (mut deployment, network) = (Deployment::new(), network());
    let mut accepted = 0;
    for update in updates() {
        assert!(deployment.client(&calldata::advance(&update)).ok);
        for entry in corpus("receipts.json") {
            let receipt = Receipt::from_bytes(&common::bytes(&entry)).unwrap();
            let calldata = calldata::verify_under_held(&network, &receipt).unwrap();
            let outcome = deployment.receipts(&calldata);
            if receipt.update.state == update.state {
                assert_eq!(answers(&outcome), expected(&entry), "{}", entry["name"]);
                accepted += 1;
            } else if receipt.past.is_some() {
                assert!(outcome.refusal().is_some(), "{}", entry["name"]);
            }
        }
    }
    assert_eq!(accepted, corpus("receipts.json").len());
}

#[test]
fn shards_and_past_states_on_their_own() {
    let (mut deployment, network) = (newest(), network());
    for (name, answer) in [
        ("a shard", PRESENT),
        ("no shard", ABSENT),
        ("no shard beyond any trie", ABSENT),
    ] {
        let calldata = calldata::verify_leaf(&network, &receipt(name)).unwrap();
        assert_eq!(answers(&deployment.receipts(&calldata)), [answer], "{name}");
    }
    let past = receipt("a shard in the past");
    let calldata = calldata::verify_past(&network, &past).unwrap();
    assert!(deployment.receipts(&calldata).ok);
    let present = receipt("a shard");
    assert_eq!(
        calldata::verify_past(&network, &present),
        Err(CalldataError::NoPast)
    );
    let of_the_past = calldata::verify_leaf(&network, &receipt("an account in the past")).unwrap();
    assert_eq!(
        deployment.receipts(&of_the_past).refusal().as_deref(),
        Some("wrong_root")
    );
}

/// The receipt with every part there is, word by word, by its lowest bit or by its highest. A changed word is refused, or says of how many parts the receipt is
/// and then gets another answer.
#[test]
fn every_word_of_a_receipt_counts() {
    let (mut deployment, network) = (newest(), network());
    let whole = receipt("an account in the past");
    let calldata = calldata::verify_under_held(&network, &whole).unwrap();
    assert_eq!(answers(&deployment.receipts(&calldata)), [PRESENT, PRESENT]);
    for word in 0..(calldata.len() - 4) / 32 {
        let (byte, mask) = if word % 2 == 0 { (31, 1) } else { (0, 0x80) };
        let mut changed = calldata.clone();
        changed[4 + 32 * word + byte] ^= mask;
        let outcome = deployment.receipts(&changed);
        let other = || answers(&outcome) != [PRESENT, PRESENT];
        assert!(!outcome.ok || other(), "word {word}, byte {byte}");
    }
}

/// A whole receipt's state and proof count too, though the state is held.
#[test]
fn every_word_of_a_receipts_proof_counts() {
    let (mut deployment, network) = (newest(), network());
    let calldata = calldata::verify_receipt(&network, &receipt("an account in the past")).unwrap();
    let first = 4 + 32; // after the offset of the receipt
    for word in 0..13 {
        let mut changed = calldata.clone();
        changed[first + 32 * word + 31] ^= 1;
        let code = deployment.receipts(&changed).refusal().expect("a refusal");
        assert_eq!(
            code,
            if word < 5 { "pairing" } else { "off_curve" },
            "word {word}"
        );
    }
}

#[test]
fn nothing_is_verified_before_a_state_is_held() {
    let (mut deployment, network) = (Deployment::new(), network());
    let receipt = receipt("a shard");
    for calldata in [
        calldata::verify_leaf(&network, &receipt),
        calldata::verify_under_held(&network, &receipt),
    ] {
        let refusal = deployment.receipts(&calldata.unwrap()).refusal();
        assert_eq!(refusal.as_deref(), Some("nothing_held"));
    }
    let calldata = calldata::verify_receipt(&network, &receipt).unwrap();
    assert!(
        deployment.receipts(&calldata).ok,
        "a receipt with its proof needs nothing held"
    );
}

#[test]
fn more_of_a_part_than_one_is_refused() {
    let (mut deployment, network) = (newest(), network());
    let calldata = calldata::verify_leaf(&network, &receipt("no shard")).unwrap();
    // (offset of the claim) (index, offset of the leaf, offset of the path, number of leaves ...: the path's words become leaves
    let mut changed = calldata.clone();
    let count = 4 + 32 * 4;
    assert_eq!(changed[count..count + 32], [0; 32]);
    changed[count + 31] = 2;
    changed.extend([0; 32 * 14]);
    assert_eq!(
        deployment.receipts(&changed).refusal().as_deref(),
        Some("format")
    );
}
