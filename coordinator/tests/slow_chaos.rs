//! Real processes, killed at random: coordinators, workers and NATS servers, several at once, while shards submit.
//!
//! `TRIFOLD_CHAOS_EPOCHS` and `TRIFOLD_CHAOS_SEED` set the length and the seed. The seed draws who is hurt, when and how;
//! processes take the time that they take, so two runs of a seed are alike and not the same.

mod chaos;
mod common;

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use chaos::checks::Checks;
use chaos::farm::Farm;
use chaos::process::{self, Kind, LEASE, Setup};
use chaos::shards::{Ledger, Shard, Shared};
use common::cluster::NatsCluster;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use trifold_coordinator::Digest;
use trifold_coordinator::queue::Queue;
use trifold_coordinator::standin::network;

const SHARDS: u32 = 9;
const COORDINATORS: usize = 2;
const WORKERS: usize = 3;
/// Longest time without a new epoch.
const PATIENCE: Duration = Duration::from_secs(120);
const TICK: Duration = Duration::from_millis(50);

fn number(variable: &str, usual: u64) -> u64 {
    let text = std::env::var(variable).ok();
    text.map_or(usual, |text| text.parse().expect(variable))
}

/// Not a test: what the processes of the farm run.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "started by the tests below"]
async fn a_process_of_the_farm() {
    process::run_if_asked().await;
}

fn setups(servers: &NatsCluster, folder: &std::path::Path, seed: u64) -> Vec<Setup> {
    let setup = |kind, name: String| Setup {
        kind,
        name,
        url: servers.url(),
        replicas: servers.servers(),
        shards: SHARDS,
        seed: seed << 20,
        folder: folder.to_owned(),
    };
    let coordinators = (0..COORDINATORS).map(|i| setup(Kind::Coordinator, format!("c{i}")));
    let workers = (0..WORKERS).map(|i| setup(Kind::Worker, format!("w{i}")));
    coordinators.chain(workers).collect()
}

fn start_shards(queue: &Arc<dyn Queue>, ledger: &Shared) {
    let network = network(SHARDS).expect("a network");
    for (index, leaf) in network.leaves {
        let shard = Shard {
            index,
            leaf,
            queue: queue.clone(),
            ledger: ledger.clone(),
        };
        tokio::spawn(shard.run());
    }
}

/// Overwrites the first piece of a blob that is in use; its shard, or we, store it again later.
async fn break_blob(
    client: &async_nats::Client,
    queue: Arc<dyn Queue>,
    ledger: &Shared,
    at: usize,
) {
    let blob = {
        let ledger = ledger.lock().expect("ledger");
        let mut digests: Vec<&Digest> = ledger.blobs.keys().collect();
        digests.sort();
        let digest = digests.get(at % digests.len().max(1)).copied().copied();
        digest.map(|digest| (digest, ledger.blobs[&digest].clone()))
    };
    let Some((digest, bytes)) = blob else {
        return;
    };
    let subject = format!("trifold.artifacts.{digest}.0");
    let mut headers = async_nats::HeaderMap::new();
    headers.insert("Trifold-Bytes", "7");
    let junk = Bytes::from_static(b"rubbish");
    let _ = client.publish_with_headers(subject, headers, junk).await;
    tokio::spawn(async move {
        tokio::time::sleep(Duration::from_millis(700)).await;
        while queue.artifacts().put(bytes.clone()).await.is_err() {
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    });
}

async fn raw_client(servers: &NatsCluster) -> async_nats::Client {
    let urls: Vec<String> = servers.url().split(',').map(Into::into).collect();
    let options = async_nats::ConnectOptions::new();
    let options = options.user_and_password("farm".into(), "s3cret".into());
    options.connect(urls).await.expect("connects")
}

/// One look at what there is, and how many blobs are to be broken. A look waits for a server that is down, and the server
/// for the farm's ticks.
async fn look(farm: &mut Farm, checks: &mut Checks) -> (bool, u64) {
    let mut broken = 0;
    let look = checks.look();
    tokio::pin!(look);
    loop {
        broken += u64::from(farm.tick());
        tokio::select! {
            news = &mut look => return (news, broken),
            () = tokio::time::sleep(TICK) => {}
        }
    }
}

async fn endure(servers: NatsCluster) {
    let epochs = number("TRIFOLD_CHAOS_EPOCHS", 6);
    let seed = number("TRIFOLD_CHAOS_SEED", 1);
    let mut rng = StdRng::seed_from_u64(seed);
    let folder = tempfile::tempdir().expect("a folder");
    let queue = servers.queue(LEASE).await;
    let client = raw_client(&servers).await;
    let setups = setups(&servers, folder.path(), seed);
    let (violations, proofs) = (setups[0].violations(), setups[0].proofs());
    let ledger: Shared = Arc::default();
    start_shards(&queue, &ledger);
    let farm_rng = StdRng::seed_from_u64(rng.random());
    let mut farm = Farm::new(servers, setups, farm_rng, "a_process_of_the_farm");
    let network = network(SHARDS).expect("a network");
    let mut checks = Checks::new(queue.clone(), network, ledger.clone());

    let (started, mut progress) = (Instant::now(), Instant::now());
    let mut longest = Duration::ZERO;
    loop {
        let (news, broken) = look(&mut farm, &mut checks).await;
        for _ in 0..broken {
            farm.deeds.blobs_broken += 1;
            break_blob(&client, queue.clone(), &ledger, rng.random_range(0..100)).await;
        }
        if news {
            longest = longest.max(progress.elapsed());
            progress = Instant::now();
            let wrong = std::fs::read_to_string(&violations).unwrap_or_default();
            assert!(wrong.is_empty(), "{wrong}");
            println!(
                "epoch {} after {:?}",
                checks.epochs.len(),
                started.elapsed()
            );
        }
        if checks.epochs.len() as u64 >= epochs {
            // Nothing new comes, and what was accepted is still to be published.
            ledger.lock().expect("ledger").stop = true;
            farm.calm = true;
            if checks.is_all_published() {
                break;
            }
        }
        let stuck = progress.elapsed() > PATIENCE;
        assert!(!stuck, "no epoch for {PATIENCE:?}\n{}", farm.last_words());
        tokio::time::sleep(TICK).await;
    }
    let finish = Instant::now();
    while finish.elapsed() < 3 * LEASE {
        look(&mut farm, &mut checks).await;
        tokio::time::sleep(TICK).await;
    }
    checks.check_leaks(Duration::from_secs(60)).await;
    checks.check_again().await;
    let wrong = std::fs::read_to_string(&violations).unwrap_or_default();
    assert!(wrong.is_empty(), "{wrong}");
    report(
        &farm,
        &checks,
        &ledger,
        &proofs,
        seed,
        started.elapsed(),
        longest,
    );
}

fn report(
    farm: &Farm,
    checks: &Checks,
    ledger: &Shared,
    proofs: &std::path::Path,
    seed: u64,
    elapsed: Duration,
    longest: Duration,
) {
    let Ledger {
        submitted,
        announced_again,
        published,
        ..
    } = &*ledger.lock().expect("ledger");
    let made = std::fs::read_to_string(proofs).unwrap_or_default();
    println!(
        "seed {seed}, {} server(s): {} epochs in {elapsed:.0?}, longest {longest:.1?}; {submitted} snapshots submitted, \
         {announced_again} announced again, {} published; {} terms; {} tasks recorded, {} proofs sent; {} journal \
         entries unseen; {:?}",
        farm.servers.servers(),
        checks.epochs.len(),
        published.len(),
        checks.terms,
        checks.proved(),
        made.lines().count(),
        checks.missed,
        farm.deeds,
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_farm_on_one_server_endures() {
    endure(NatsCluster::of(1, "always")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_farm_on_a_cluster_endures() {
    endure(NatsCluster::start()).await;
}
