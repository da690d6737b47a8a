//! Receipts: asked for, checked, given an account by the shard.

use std::collections::BTreeMap;
use std::process::Stdio;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use trifold_circuits::genesis::Genesis;
use trifold_coordinator::standin::{self, Chain};
use trifold_shard::{Shard, file};
use trifold_verifier::claim::AccountClaim;
use trifold_verifier::receipt::Receipt;
use trifold_verifier::statement::GlobalState;

use crate::farm::{Farm, Lab, plain};
use crate::support::Process;

const SHARD: u32 = 1;

/// A farm whose genesis is that of real ledgers, three epochs later, and the ledger of a shard that was silent.
async fn farm() -> (Farm, Lab) {
    let (genesis, _) = Genesis::demo(5, 3, 4, 1000).expect("a genesis");
    let program = standin::program();
    let leaves: BTreeMap<u32, _> = (0..)
        .zip(genesis.leaves(program).expect("leaves"))
        .collect();
    let trie = genesis.trie(program).expect("a trie");
    let mut network = standin::network(3).expect("a network");
    network.genesis = GlobalState::genesis(trie.depth() as u8, trie.root());
    network.leaves = leaves;
    let mut farm = Farm::start(Chain::of(network, 7).expect("a chain")).await;
    farm.epochs(3, 0).await;
    let lab = Lab::new(&farm.bundle());
    for index in 0..3 {
        let shard = Shard::genesis(&genesis, index, program).expect("a shard");
        file::save(&shard, &lab.file(&format!("shard-{index}.json"))).expect("saved");
    }
    (farm, lab)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receipt_is_got_checked_and_given_an_account() {
    let (farm, lab) = farm().await;
    let (url, network) = (farm.url(), lab.shown("network.json"));
    let (receipt, out) = (lab.shown("receipt.json"), lab.shown("account.json"));
    let asked = [
        "receipt",
        "--url",
        &url,
        "--shard",
        "1",
        "--network",
        &network,
    ];
    let got = lab.run(&[&asked[..], &["--out", &receipt]].concat()).await;
    assert_eq!(got.code, Some(0), "{got:?}");
    let told = lab
        .run(&["verify-receipt", &receipt, "--network", &network])
        .await;
    assert!(
        told.out.starts_with("accepted: shard 1 at epoch 3"),
        "{told:?}"
    );
    let ledger = lab.shown("shard-1.json");
    for (account, said) in [
        ("2", "  balance   1000\n"),
        ("7", "  account   7: there is none"),
    ] {
        let add = [
            "shard",
            "receipt",
            &ledger,
            "--account",
            account,
            "--in",
            &receipt,
            "--out",
            &out,
        ];
        let added = lab.run(&add).await;
        assert_eq!(added.code, Some(0), "{added:?}");
        let told = lab
            .run(&["verify-receipt", &out, "--network", &network])
            .await;
        assert!(told.out.contains(said), "{told:?}");
    }
    for (ledger, account, why) in [
        ("shard-2.json", "0", "a receipt of shard 1"),
        ("shard-1.json", "59049", "does not exist in a trie"),
    ] {
        let ledger = lab.shown(ledger);
        let add = [
            "shard",
            "receipt",
            &ledger,
            "--account",
            account,
            "--in",
            &receipt,
            "--out",
            &out,
        ];
        let refused = lab.run(&add).await;
        assert_eq!(refused.code, Some(1));
        assert!(refused.errors.contains(why), "{refused:?}");
    }
    // Shard 0 has stepped on since genesis, where its ledger is.
    let asked = ["receipt", "--url", &url, "--shard", "0", "--out", &receipt];
    assert_eq!(lab.run(&asked).await.code, Some(0));
    let ledger = lab.shown("shard-0.json");
    let add = [
        "shard",
        "receipt",
        &ledger,
        "--account",
        "0",
        "--in",
        &receipt,
        "--out",
        &out,
    ];
    let refused = lab.run(&add).await;
    assert!(refused.errors.contains("another leaf"), "{refused:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receipt_that_is_wrong_or_not_what_was_asked_for_is_refused() {
    let (farm, lab) = farm().await;
    let receipt = farm
        .archive
        .records()
        .receipt(3, SHARD, 3)
        .expect("a receipt");
    let path = lab.shown("receipt.json");
    let source = crate::farm::text(receipt.to_json()).await;
    for asked in [["--shard", "2"], ["--epoch", "2"], ["--under", "2"]] {
        let mut all = vec!["receipt", "--url", &source, "--out", &path];
        all.extend(asked);
        if asked[0] != "--shard" {
            all.extend(["--shard", "1"]);
        }
        let refused = lab.run(&all).await;
        assert_eq!(refused.code, Some(1), "{asked:?}");
        assert!(refused.errors.contains("was not asked for"), "{refused:?}");
    }
    let mut wrong = receipt.clone();
    wrong.shard.leaf.as_mut().expect("a leaf").supply += 1;
    std::fs::write(&path, wrong.to_json()).expect("written");
    let refused = lab.run(&["verify-receipt", &path]).await;
    assert_eq!(refused.code, Some(1));
    assert!(
        refused.out.starts_with("refused: wrong_root"),
        "{refused:?}"
    );
    let mut keyed = receipt;
    keyed.network.keys.nest += trifold_verifier::Fr::from(1);
    std::fs::write(&path, keyed.to_json()).expect("written");
    let refused = lab
        .run(&[
            "verify-receipt",
            &path,
            "--network",
            &lab.shown("network.json"),
        ])
        .await;
    assert!(
        refused.out.starts_with("refused: other_network"),
        "{refused:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shard_serves_accounts_that_fit_its_receipt() {
    let (farm, lab) = farm().await;
    let ledger = lab.shown("shard-1.json");
    let mut command = plain(&["shard", "serve", &ledger, "--listen", "127.0.0.1:0"]);
    command.stdin(Stdio::null());
    let mut serving = Process::start(command);
    let line = serving.wait_for("listening on http://");
    let address = line
        .rsplit("http://")
        .next()
        .expect("an address")
        .to_owned();
    let receipt = farm
        .archive
        .records()
        .receipt(3, SHARD, 3)
        .expect("a receipt");
    for (index, present) in [(0, true), (3, true), (4, false)] {
        let body = get(&address, &format!("/light/v1/accounts/{index}")).await;
        let account = AccountClaim::from_json(&body).expect("an account");
        let receipt = Receipt {
            account: Some(account),
            ..receipt.clone()
        };
        let verified = receipt
            .verify_under(&farm.chain.origin.network)
            .expect("valid");
        let found = verified.account().expect("about an account");
        assert_eq!(!found.is_absent(), present);
    }
    assert!(
        get(&address, "/light/v1/accounts/59049")
            .await
            .contains("no_such_account")
    );
    std::fs::write(lab.file("shard-1.json"), "torn").expect("written");
    assert!(
        get(&address, "/light/v1/accounts/0")
            .await
            .contains("unavailable")
    );
}

async fn get(address: &str, path: &str) -> String {
    let mut stream = TcpStream::connect(address).await.expect("connects");
    let request = format!("GET {path} HTTP/1.1\r\nHost: shard\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.expect("asked");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.expect("answered");
    answer.split_once("\r\n\r\n").expect("a head").1.into()
}
