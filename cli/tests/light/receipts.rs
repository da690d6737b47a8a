//! Receipts: asked for, checked, given an account by the shard.

use std::collections::BTreeMap;
use std::process::Stdio;

use ed25519_dalek::SigningKey;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use trifold_circuits::field::to_bytes;
use trifold_circuits::genesis::{
    DemoSecrets, Genesis, GenesisShard, NettedProgram, NettedStart, OperatorKey, Start,
};
use trifold_coordinator::standin::{self, Chain};
use trifold_shard::netted::layout::key_u;
use trifold_shard::netted::{CHAIN, NettedShard};
use trifold_shard::store::Settings;
use trifold_shard::{Shard, file};
use trifold_verifier::claim::{AccountClaim, NettedAccountClaim};
use trifold_verifier::receipt::Receipt;
use trifold_verifier::statement::GlobalState;

use crate::farm::{Farm, Lab, plain};
use crate::support::Process;
use crate::trapdoor::Trapdoor;

const SHARD: u32 = 1;

/// A farm whose genesis is that of real ledgers, three epochs later, and the ledger of a shard that was silent.
async fn farm() -> (Farm, Lab) {
    let (genesis, _) = Genesis::demo(5, 3, 4, 1000).expect("a genesis");
    let (farm, lab) = farm_of(&genesis).await;
    for index in 0..3 {
        let shard = Shard::genesis(&genesis, index, standin::program()).expect("a shard");
        file::save(&shard, &lab.file(&format!("shard-{index}.json"))).expect("saved");
    }
    (farm, lab)
}

/// The same of netted shards, with their genesis file.
async fn netted_farm() -> (Farm, Lab, Genesis) {
    let part = |circuit| Some(Trapdoor::new(10 + circuit as u64).key());
    let program = NettedProgram::new(Trapdoor::new(9).key(), part).expect("a program");
    let secrets = DemoSecrets::derive(5, 3, 4);
    let start = |accounts| {
        Start::Netted(NettedStart {
            accounts,
            depth: 6,
            collector: 0,
        })
    };
    let shard = |(operator, accounts): (&SigningKey, _)| GenesisShard {
        operator: OperatorKey(operator.verifying_key()),
        start: start(accounts),
    };
    let shards = secrets.operators.iter().zip(secrets.holdings(1000));
    let shards = shards.map(shard).collect();
    let genesis = Genesis::with_netted(Some(program), Vec::new(), shards).expect("a genesis");
    let (farm, lab) = farm_of(&genesis).await;
    let text = genesis.to_json().expect("a text");
    std::fs::write(lab.file("genesis.json"), text).expect("written");
    for index in 0..3 {
        let (folder, settings) = (lab.file(&format!("shard-{index}")), Settings::default());
        NettedShard::create(&folder, &genesis, index, standin::program(), settings)
            .expect("a shard");
    }
    (farm, lab, genesis)
}

async fn farm_of(genesis: &Genesis) -> (Farm, Lab) {
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
    let (_serving, address) = serve(&ledger);
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

#[tokio::test(flavor = "multi_thread")]
async fn a_receipt_is_given_an_account_of_a_netted_shard() {
    let (farm, lab, _) = netted_farm().await;
    let (url, network) = (farm.url(), lab.shown("network.json"));
    let (receipt, out) = (lab.shown("receipt.json"), lab.shown("account.json"));
    let asked = ["receipt", "--url", &url, "--shard", "1", "--out", &receipt];
    assert_eq!(lab.run(&asked).await.code, Some(0));
    let add = async |ledger: &str, account: &str| {
        let ledger = lab.shown(ledger);
        let add = ["shard", "receipt", &ledger, "--account", account];
        let files = ["--in", &receipt, "--out", &out];
        lab.run(&[&add[..], &files].concat()).await
    };
    let owner = DemoSecrets::derive(5, 3, 4).accounts[1][2].public();
    let key = hex::encode(to_bytes(&key_u(owner.coordinates())));
    for (account, added, said) in [
        (
            "2",
            "account 2 with balance 1000",
            format!("  key u     {key}\n"),
        ),
        ("2", "account 2", "  balance   1000\n".into()),
        (
            "7",
            "no such account",
            "  account   7: there is none".into(),
        ),
    ] {
        let told = add("shard-1", account).await;
        assert_eq!(told.code, Some(0), "{told:?}");
        assert!(told.out.contains(added), "{told:?}");
        let verify = ["verify-receipt", &out, "--network", &network];
        let told = lab.run(&verify).await;
        assert_eq!(told.code, Some(0), "{told:?}");
        assert!(told.out.contains(&said), "{told:?}");
    }
    for (ledger, account, why) in [
        ("shard-2", "0", "a receipt of shard 1"),
        ("shard-1", "729", "account 729 is outside the trie"),
    ] {
        let refused = add(ledger, account).await;
        assert_eq!(refused.code, Some(1));
        assert!(refused.errors.contains(why), "{refused:?}");
    }
    let mut forged = std::fs::read_to_string(&out).expect("a receipt");
    forged = forged.replacen("\"balance\": \"0\"", "\"balance\": \"1\"", 1);
    std::fs::write(&out, forged).expect("written");
    let refused = lab.run(&["verify-receipt", &out]).await;
    assert!(
        refused.out.starts_with("refused: wrong_root"),
        "{refused:?}"
    );
}

/// The ledger is read when the shard has moved on, and another process may have it open meanwhile.
#[tokio::test(flavor = "multi_thread")]
async fn a_netted_shard_serves_accounts_that_fit_its_receipt() {
    let (farm, lab, genesis) = netted_farm().await;
    let folder = lab.file("shard-1");
    let (_serving, address) = serve(&lab.shown("shard-1"));
    let mut shard =
        NettedShard::open(&folder, &genesis, Settings::default()).expect("nobody has it open");
    let receipt = farm.archive.records().receipt(3, SHARD, 3);
    let receipt = receipt.expect("a receipt");
    let shown = async |index| {
        let body = get(&address, &format!("/light/v1/accounts/{index}")).await;
        let claim = NettedAccountClaim::from_json(&body).expect("an account");
        let receipt = Receipt {
            netted_account: Some(claim),
            ..receipt.clone()
        };
        let verified = receipt.verify_under(&farm.chain.origin.network);
        let verified = verified.expect("valid");
        let found = verified.netted_account().expect("about an account");
        found.present().map(|found| found.account().balance)
    };
    assert_eq!((shown(0).await, shown(3).await), (Some(1000), Some(1000)));
    let verified = receipt.verify().expect("valid");
    let siblings = receipt.shard.path.siblings.clone();
    // The leaf is as it was, but the file is another.
    let observed = shard.observe(verified.state(), &siblings);
    assert!(!observed.expect("taken in"));
    assert_eq!(shown(4).await, None);
    let outside = get(&address, "/light/v1/accounts/729").await;
    assert!(outside.contains("no_such_account"), "{outside}");
    std::fs::write(folder.join(CHAIN), "torn").expect("written");
    let torn = get(&address, "/light/v1/accounts/0").await;
    assert!(torn.contains("unavailable"), "{torn}");
}

/// A process that serves the accounts of a ledger, and its address.
fn serve(ledger: &str) -> (Process, String) {
    let mut command = plain(&["shard", "serve", ledger, "--listen", "127.0.0.1:0"]);
    command.stdin(Stdio::null());
    let mut serving = Process::start(command);
    let line = serving.wait_for("listening on http://");
    let address = line.rsplit("http://").next().expect("an address");
    let address = address.to_owned();
    (serving, address)
}

async fn get(address: &str, path: &str) -> String {
    let mut stream = TcpStream::connect(address).await.expect("connects");
    let request = format!("GET {path} HTTP/1.1\r\nHost: shard\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.expect("asked");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.expect("answered");
    answer.split_once("\r\n\r\n").expect("a head").1.into()
}
