//! Several sources: who is right, who lags, who lies.

use std::time::Duration;

use serde_json::json;
use tokio::io::AsyncWriteExt;
use trifold_coordinator::standin::Chain;

use crate::farm::{Farm, Lab, bytes, liar, text};

#[tokio::test(flavor = "multi_thread")]
async fn the_newest_state_that_descends_is_held_and_who_is_behind_is_told() {
    let (mut ahead, mut behind) = (Farm::usual().await, Farm::usual().await);
    ahead.epochs(7, 1).await;
    behind.epochs(4, 1).await;
    let lab = Lab::new(&ahead.bundle());
    let ended = lab.once(&[&ahead.url(), &behind.url()], &[]).await;
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let end = ended.event("end");
    assert_eq!(end["held"]["epoch"], 7);
    let sources = ended.sources();
    assert_eq!(
        (
            &sources[&ahead.url()]["lag"],
            &sources[&ahead.url()]["epoch"]
        ),
        (&json!(0), &json!(7))
    );
    assert_eq!(
        (
            &sources[&behind.url()]["lag"],
            &sources[&behind.url()]["epoch"]
        ),
        (&json!(3), &json!(4))
    );
    assert!(sources.values().all(|source| source["code"].is_null()));
}

#[tokio::test(flavor = "multi_thread")]
async fn https_is_asked_only_with_a_certificate_that_the_machine_trusts() {
    let mut farm = Farm::usual().await;
    farm.epochs(2, 1).await;
    let lab = Lab::new(&farm.bundle());
    let (url, certificate) = farm.behind_tls().await;
    let (_, another) = farm.behind_tls().await;
    let file = lab.shown("certificate.pem");
    for (trusted, code) in [(another, 1), (certificate, 0)] {
        std::fs::write(&file, trusted).expect("written");
        let ended = lab.once_trusting(&file, &url).await;
        assert_eq!(ended.code, Some(code), "{ended:?}");
        match code {
            0 => assert_eq!(ended.event("end")["held"]["epoch"], 2),
            _ => assert_eq!(ended.event("refused")["code"], "unreachable"),
        }
    }
}

/// What a source may do, and what that is called.
async fn liars(honest: &Farm) -> Vec<(String, &'static str)> {
    let mut stale = honest.bundle();
    stale.update.state.epoch += 1;
    let mut tampered = honest.bundle();
    tampered.update.state.root += trifold_verifier::Fr::from(1);
    let mut keyed = honest.bundle();
    let mut other = Farm::start(Chain::new(3, 8).expect("a chain")).await;
    other.epochs(9, 1).await;
    keyed.network.nest_key = other.bundle().network.nest_key;
    let whole = honest.bundle().to_json();
    let endless = liar(|_, mut stream| async move {
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await;
        while stream.write_all(&[b' '; 4096]).await.is_ok() {}
    });
    let endless_head = liar(|_, mut stream| async move {
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\n").await;
        while stream.write_all(&[b'a'; 4096]).await.is_ok() {}
    });
    let silent = liar(|_, stream| async move {
        tokio::time::sleep(Duration::from_secs(600)).await;
        drop(stream);
    });
    // Whatever is asked, the newest proof: a descent is none.
    let ahead = {
        let mut ahead = Farm::usual().await;
        ahead.epochs(honest.chain.state.epoch + 2, 1).await;
        ahead.bundle().to_json()
    };
    vec![
        (text(stale.to_json()).await, "pairing"),
        (text(tampered.to_json()).await, "pairing"),
        (text(keyed.to_json()).await, "wrong_key"),
        (other.url(), "other_network"),
        (text(&whole[..whole.len() / 2]).await, "format"),
        (text("").await, "format"),
        (text("[]").await, "format"),
        (text("[".repeat(60_000)).await, "format"),
        (text("x".repeat(70_000)).await, "length"),
        (
            text(whole.replacen("\"epoch\": \"", "\"epoch\": \"99999999999999999999999", 1)).await,
            "range",
        ),
        (text(ahead).await, "no_descent"),
        (
            bytes("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n\u{7}\u{8}\u{7f}\u{0}").await,
            "format",
        ),
        (
            bytes(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n\xff\xfe".to_vec()).await,
            "format",
        ),
        (
            bytes("HTTP/1.1 302 Found\r\nLocation: /light/v1/latest\r\nContent-Length: 0\r\n\r\n")
                .await,
            "refused",
        ),
        (
            bytes("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n").await,
            "refused",
        ),
        (bytes("HTTP/1.1 304 Not Modified\r\n\r\n").await, "refused"),
        (bytes("SSH-2.0-OpenSSH_9.9\r\n").await, "unreachable"),
        (bytes("").await, "unreachable"),
        (endless.await, "length"),
        (endless_head.await, "unreachable"),
        (silent.await, "late"),
        ("http://127.0.0.1:1".into(), "unreachable"),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn no_lie_is_believed_and_no_liar_stops_it() {
    let mut honest = Farm::usual().await;
    honest.epochs(3, 1).await;
    let lab = Lab::new(&honest.bundle());
    // It holds the honest state already, so that it matters what each of them says.
    let checkpoint = lab.shown("checkpoint");
    let more = ["--checkpoint", &checkpoint];
    assert_eq!(lab.once(&[&honest.url()], &more).await.code, Some(0));
    let liars = liars(&honest).await;
    let mut urls: Vec<&str> = liars.iter().map(|(url, _)| url.as_str()).collect();
    let url = honest.url();
    urls.push(&url);
    let ended = lab.once(&urls, &more).await;
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let held = ended.event("end")["held"].clone();
    assert_eq!(held["epoch"], 3);
    let sources = ended.sources();
    assert!(sources[&url]["code"].is_null(), "{:?}", sources[&url]);
    for (at, (liar, code)) in liars.iter().enumerate() {
        assert_eq!(
            sources[liar]["code"], *code,
            "liar {at}: {:?}",
            sources[liar]
        );
    }
    let alone: Vec<&str> = urls[..3].to_vec();
    assert_eq!(
        lab.once(&alone, &more).await.code,
        Some(1),
        "nobody was right"
    );
}

/// Two chains of one network that part after `common` epochs.
async fn forked(common: u64, ours: u64, theirs: u64) -> (Farm, Farm) {
    let (mut farm, mut fork) = (Farm::usual().await, Farm::usual().await);
    for chain in [&mut farm, &mut fork] {
        chain.epochs(common, 0).await;
    }
    farm.epochs(ours, 1).await;
    fork.epochs(theirs, 2).await;
    (farm, fork)
}

#[tokio::test(flavor = "multi_thread")]
async fn two_valid_states_of_an_epoch_raise_an_alert_whoever_is_ahead() {
    // Epochs of both in all, and the one whose two states are shown.
    for (ours, theirs, shown) in [(3, 3, 5), (1, 1, 3), (2, 4, 4), (4, 2, 4)] {
        let (farm, fork) = forked(2, ours, theirs).await;
        let lab = Lab::new(&farm.bundle());
        let checkpoint = lab.shown("checkpoint");
        let more = ["--checkpoint", &checkpoint];
        assert_eq!(lab.once(&[&farm.url()], &more).await.code, Some(0));
        let ended = lab.once(&[&fork.url(), &farm.url()], &more).await;
        let mut ended = ended;
        if ours > theirs && ended.code == Some(0) {
            // Whoever is behind is held against the past that the other tells; that may come second.
            ended = lab.once(&[&farm.url(), &fork.url()], &more).await;
        }
        assert_eq!(ended.code, Some(4), "{ours} {theirs}: {ended:?}");
        let alert = ended.event("equivocation");
        let state = |farm: &Farm| {
            let past = farm
                .archive
                .records()
                .descent(shown, farm.chain.state.epoch);
            past.map_or(farm.chain.state, |past| past.state)
        };
        let hex =
            |farm: &Farm| hex::encode(trifold_circuits::field::to_bytes(&state(farm).digest()));
        assert_eq!(alert["epoch"], shown, "{ours} {theirs}");
        assert_eq!(
            (&alert["held"], &alert["told"]),
            (&json!(hex(&farm)), &json!(hex(&fork)))
        );
        assert!(
            ended.errors.contains("ALERT equivocation"),
            "{}",
            ended.errors
        );
        assert!(ended.errors.contains(&hex(&farm)) && ended.errors.contains(&hex(&fork)));
        assert_eq!(
            ended.event("end")["held"]["epoch"],
            2 + ours,
            "it stays where it was"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_source_on_nats_is_followed_like_one_on_the_web() {
    use trifold_coordinator::archive::Service;
    use trifold_coordinator::queue::nats::NatsConfig;
    let server = crate::support::NatsServer::start(&crate::support::checkout());
    let mut farm = Farm::usual().await;
    farm.epochs(5, 1).await;
    let config = NatsConfig::new(server.url());
    let service = Service::connect(&config, farm.archive.clone())
        .await
        .expect("connects");
    tokio::spawn(async move { service.serve(|| true).await });
    let lab = Lab::new(&farm.bundle());
    let receipt = lab.shown("receipt.json");
    let (url, network) = (server.url(), lab.shown("network.json"));
    let asked = [
        "receipt", "--url", &url, "--shard", "1", "--epoch", "2", "--under", "latest",
    ];
    let asked = [&asked[..], &["--network", &network, "--out", &receipt]].concat();
    // The service may not have subscribed yet.
    let mut got = lab.run(&asked).await;
    for _ in 0..50 {
        if got.code == Some(0) {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
        got = lab.run(&asked).await;
    }
    assert_eq!(got.code, Some(0), "{got:?}");
    assert!(
        got.out.contains("epoch 2") && got.out.contains("under the proof of epoch 5"),
        "{got:?}"
    );
    let ended = lab.once(&[&url, &farm.url()], &[]).await;
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert_eq!(ended.event("end")["held"]["epoch"], 5);
    assert!(
        ended.sources().values().all(|source| source["lag"] == 0),
        "{ended:?}"
    );
    let missing = [
        "receipt", "--url", &url, "--shard", "1", "--epoch", "9", "--out", &receipt,
    ];
    let missing = lab.run(&missing).await;
    assert_eq!(missing.code, Some(1));
    assert!(
        missing.errors.contains("epoch 9 is not published"),
        "{missing:?}"
    );
}
