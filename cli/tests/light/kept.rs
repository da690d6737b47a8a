//! The checkpoint: gone on from, never torn, never somebody else's.

use std::process::Stdio;
use std::time::Duration;

use trifold_coordinator::standin::Chain;
use trifold_verifier::json::GlobalProof;

use crate::farm::{Farm, Lab, plain};

#[tokio::test(flavor = "multi_thread")]
async fn it_goes_on_from_its_checkpoint_and_trusts_no_other_network() {
    let mut farm = Farm::usual().await;
    farm.epochs(2, 1).await;
    let lab = Lab::new(&farm.bundle());
    let (url, checkpoint) = (farm.url(), lab.shown("checkpoint"));
    let first = lab.once(&[&url], &["--checkpoint", &checkpoint]).await;
    assert_eq!(first.code, Some(0), "{first:?}");
    let stored = std::fs::read_to_string(&checkpoint).expect("stored");
    assert_eq!(
        GlobalProof::from_json(&stored).expect("a bundle"),
        farm.bundle()
    );
    farm.epochs(3, 2).await;
    // Without any other word on the network.
    let alone = [
        "light",
        "follow",
        "--once",
        "--json",
        "--url",
        &url,
        "--checkpoint",
        &checkpoint,
    ];
    let ended = lab.run(&alone).await;
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let advanced = ended.event("advanced");
    assert_eq!(
        (&advanced["epoch"], &advanced["descends_from"]),
        (&5.into(), &2.into())
    );
    let none = ["light", "follow", "--once", "--url", &url];
    let none = lab.run(&none).await;
    assert_eq!(none.code, Some(1));
    assert!(none.errors.contains("which network?"), "{none:?}");
    let mut other = Farm::start(Chain::new(3, 8).expect("a chain")).await;
    other.epochs(1, 0).await;
    let foreign = Lab::new(&other.bundle());
    let refused = foreign.once(&[&url], &["--checkpoint", &checkpoint]).await;
    assert_eq!(refused.code, Some(1));
    assert!(refused.errors.contains("another network"), "{refused:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_torn_or_false_checkpoint_is_refused_with_a_word_on_what_to_do() {
    let mut farm = Farm::usual().await;
    farm.epochs(2, 1).await;
    let lab = Lab::new(&farm.bundle());
    let (url, checkpoint) = (farm.url(), lab.shown("checkpoint"));
    let whole = farm.bundle().to_json();
    let mut forged = farm.bundle();
    forged.update.state.epoch += 1;
    for bad in [
        "",
        &whole[..whole.len() - 3],
        "{}",
        "\u{0}",
        &forged.to_json(),
    ] {
        std::fs::write(&checkpoint, bad).expect("written");
        let refused = lab.once(&[&url], &["--checkpoint", &checkpoint]).await;
        assert_eq!(refused.code, Some(1), "{bad:?}");
        let said = &refused.errors;
        assert!(
            said.contains("checkpoint") && said.contains("remove it"),
            "{said}"
        );
        assert_eq!(std::fs::read_to_string(&checkpoint).expect("there"), bad);
    }
    let nowhere = lab.shown("no/such/folder/checkpoint");
    let refused = lab.once(&[&url], &["--checkpoint", &nowhere]).await;
    assert_eq!(refused.code, Some(1));
    assert!(refused.errors.contains("no/such/folder"), "{refused:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn one_light_client_at_a_time_keeps_a_checkpoint() {
    let mut farm = Farm::usual().await;
    farm.epochs(1, 1).await;
    let lab = Lab::new(&farm.bundle());
    let (url, network, checkpoint) = (
        farm.url(),
        lab.shown("network.json"),
        lab.shown("checkpoint"),
    );
    let arguments = ["light", "follow", "--url", &url, "--network", &network];
    let arguments = [&arguments[..], &["--checkpoint", &checkpoint]].concat();
    let mut first = plain(&arguments)
        .stdout(Stdio::null())
        .spawn()
        .expect("starts");
    while !lab.file("checkpoint").exists() {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let second = lab.once(&[&url], &["--checkpoint", &checkpoint]).await;
    first.kill().expect("killed");
    first.wait().expect("reaped");
    assert_eq!(second.code, Some(1));
    assert!(second.errors.contains("another light client"), "{second:?}");
    let third = lab.once(&[&url], &["--checkpoint", &checkpoint]).await;
    assert_eq!(
        third.code,
        Some(0),
        "the lock ends with its holder: {third:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_at_any_moment_it_has_a_whole_checkpoint_that_never_goes_back() {
    let mut farm = Farm::usual().await;
    farm.epochs(1, 1).await;
    let lab = Lab::new(&farm.bundle());
    let (url, network, checkpoint) = (
        farm.url(),
        lab.shown("network.json"),
        lab.shown("checkpoint"),
    );
    let arguments = ["light", "follow", "--url", &url, "--network", &network];
    let arguments = [
        &arguments[..],
        &["--checkpoint", &checkpoint, "--interval", "1ms"],
    ]
    .concat();
    let mut last = 0;
    for round in 0..12 {
        let running = plain(&arguments)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        let mut running = running.expect("starts");
        // Epochs come as fast as they are stored, until the process is killed in the midst of them.
        for _ in 0..40 {
            farm.epochs(1, round % 3).await;
            tokio::time::sleep(Duration::from_micros(u64::from(round) * 400)).await;
        }
        running.kill().expect("killed");
        running.wait().expect("reaped");
        let Ok(text) = std::fs::read_to_string(&checkpoint) else {
            assert_eq!(last, 0, "the checkpoint is gone");
            continue;
        };
        let stored = GlobalProof::from_json(&text).expect("a whole bundle");
        stored.verify().expect("a proof that holds");
        let epoch = stored.update.state.epoch;
        assert!(epoch >= last, "{epoch} after {last}");
        last = epoch;
    }
    assert!(last > 1, "nothing was ever stored");
    let end = lab.once(&[&url], &["--checkpoint", &checkpoint]).await;
    assert_eq!(end.code, Some(0), "{end:?}");
}
