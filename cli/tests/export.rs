//! `trifold export` on a network whose key's secrets are known.

mod support;
#[path = "../../verifier/tests/common/mod.rs"]
mod trapdoor;

use std::fs;
use std::path::{Path, PathBuf};

use ark_groth16::VerifyingKey as ArkKey;
use support::{refuse, succeed, trifold};
use trapdoor::{Trapdoor, scalar};
use trifold_circuits::groth16::PreparedKey;
use trifold_evm::{calldata, solidity, standard_json};
use trifold_verifier::claim::ShardClaim;
use trifold_verifier::client::{Network, Update};
use trifold_verifier::json::GlobalProof;
use trifold_verifier::receipt::Receipt;
use trifold_verifier::statement::{GlobalState, Keys};
use trifold_verifier::trie::{Path as TriePath, empty_digest};

const SEED: u64 = 7;

fn network() -> Network {
    let nest_key = Trapdoor::new(SEED).key();
    let ark_key = ArkKey {
        alpha_g1: nest_key.alpha_g1(),
        beta_g2: nest_key.beta_g2(),
        gamma_g2: nest_key.gamma_g2(),
        delta_g2: nest_key.delta_g2(),
        gamma_abc_g1: nest_key.gamma_abc_g1().to_vec(),
    };
    let nest = PreparedKey::new(&ark_key).unwrap().digest();
    let keys = Keys {
        merge: scalar(1),
        nest,
        registry: scalar(2),
    };
    Network {
        keys,
        genesis: scalar(3),
        nest_key,
    }
}

/// A state without any shard.
fn update(network: &Network) -> Update {
    let state = GlobalState {
        epoch: 5,
        ..GlobalState::genesis(1, empty_digest(1))
    };
    let proof = Trapdoor::new(SEED).prove(network.statement(&state).digest());
    Update { state, proof }
}

fn receipt(network: &Network) -> Receipt {
    let path = TriePath {
        index: 2,
        siblings: vec![[0u64.into(); 2]],
    };
    let shard = ShardClaim {
        index: 2,
        leaf: None,
        path,
    };
    Receipt {
        network: *network,
        update: update(network),
        past: None,
        shard,
        account: None,
        netted_account: None,
    }
}

fn file(folder: &Path, name: &str, text: &str) -> PathBuf {
    let path = folder.join(name);
    fs::write(&path, text).unwrap();
    path
}

#[test]
fn writes_the_contract_and_its_compilers_input() {
    let (folder, network) = (tempfile::tempdir().unwrap(), network());
    let bundle = GlobalProof {
        network,
        update: update(&network),
    };
    let bundle = file(folder.path(), "bundle.json", &bundle.to_json());
    let out = folder.path().join("a/b");
    succeed(
        trifold(["export", "solidity", "--network"])
            .arg(&bundle)
            .arg("--out")
            .arg(&out),
    );
    let read = |name| fs::read_to_string(out.join(name)).unwrap();
    assert_eq!(read("TrifoldLightClient.sol"), solidity(&network));
    assert_eq!(
        read("standard-input.json"),
        standard_json(&solidity(&network))
    );
}

#[test]
fn writes_calldata_of_what_is_valid() {
    let (folder, network) = (tempfile::tempdir().unwrap(), network());
    let (update, receipt) = (update(&network), receipt(&network));
    let bundle = file(
        folder.path(),
        "bundle.json",
        &GlobalProof { network, update }.to_json(),
    );
    let shown = file(folder.path(), "receipt.json", &receipt.to_json());
    let hex = |calldata: Vec<u8>| format!("0x{}", hex::encode(calldata));
    let export = |file: &Path, more: &[&str]| {
        succeed(trifold(["export", "calldata"]).arg(file).args(more))
            .trim()
            .to_owned()
    };
    assert_eq!(export(&bundle, &[]), hex(calldata::advance(&update)));
    assert_eq!(
        export(&bundle, &["--function", "verify"]),
        hex(calldata::verify(&update))
    );
    assert_eq!(
        export(&shown, &["--function", "advance"]),
        hex(calldata::advance(&update))
    );
    let whole = calldata::verify_receipt(&network, &receipt).unwrap();
    assert_eq!(
        export(&shown, &["--network", bundle.to_str().unwrap()]),
        hex(whole)
    );
    let leaf = calldata::verify_leaf(&network, &receipt).unwrap();
    assert_eq!(export(&shown, &["--function", "verify-leaf"]), hex(leaf));
    let under_held = calldata::verify_under_held(&network, &receipt).unwrap();
    assert_eq!(
        export(&shown, &["--function", "verify-under-held"]),
        hex(under_held)
    );
}

#[test]
fn refuses_what_a_contract_would_refuse() {
    let (folder, network) = (tempfile::tempdir().unwrap(), network());
    let mut update = update(&network);
    let bundle = |name, network, update| {
        let text = GlobalProof { network, update }.to_json();
        file(folder.path(), name, &text)
    };
    let valid = bundle("valid.json", network, update);
    let says = |file: &Path, more: &[&str], what: &str| {
        let said = refuse(trifold(["export", "calldata"]).arg(file).args(more));
        assert!(said.contains(what), "{said}");
    };
    says(&valid, &["--function", "verify-receipt"], "no receipt");
    let shown = file(folder.path(), "receipt.json", &receipt(&network).to_json());
    says(
        &shown,
        &["--function", "verify-past"],
        "not about an earlier one",
    );
    update.state.epoch += 1;
    says(&bundle("false.json", network, update), &[], "does not hold");
    let other = Network {
        genesis: scalar(9),
        ..network
    };
    let trusted = bundle("other.json", other, update);
    says(
        &valid,
        &["--network", trusted.to_str().unwrap()],
        "another network",
    );
    let keys = Keys {
        nest: scalar(8),
        ..network.keys
    };
    let wrong_key = bundle("key.json", Network { keys, ..network }, update);
    says(&wrong_key, &[], "verification_key");
    let out = folder.path().join("out");
    let said = refuse(
        trifold(["export", "solidity", "--network"])
            .arg(&wrong_key)
            .arg("--out")
            .arg(&out),
    );
    assert!(said.contains("verification_key") && !out.exists(), "{said}");
}
