//! The archive: what it tells verifies under a light client, at every epoch; what is wrong in the stream it notices and never
//! tells; and it stays small.

mod common;

use std::sync::Arc;
use std::time::Duration;

use ark_bn254::Fr;
use common::{Farm, Shards, accepted, close_epoch, published, submit};
use trifold_coordinator::archive::{Archive, Fault, Follow, Missing, Origin, Records};
use trifold_coordinator::coordinator::{Placed, publish};
use trifold_coordinator::queue::Queue;
use trifold_coordinator::queue::local::LocalQueue;
use trifold_coordinator::standin::{Chain, Link, Simulator, StandInExecute, StandInVerify};
use trifold_coordinator::verify::{Verify, VerifyError};
use trifold_coordinator::wire::{ProofBytes, Proved, Task};
use trifold_coordinator::worker::Fetch;
use trifold_coordinator::{Execute, ExecuteError};
use trifold_verifier::claim::Presence;
use trifold_verifier::client::{self, LightClient};
use trifold_verifier::groth16::Proof;
use trifold_verifier::receipt::Receipt;
use trifold_verifier::statement::{GlobalState, Leaf};

fn chain(shards: u32) -> Chain {
    Chain::new(shards, 7).expect("a chain")
}

fn placed(link: &Link) -> Vec<Placed> {
    link.members.iter().copied().map(Placed::from).collect()
}

fn take(records: &mut Records, link: &Link) {
    let checked = records.check(&link.proof, &placed(link));
    records.take(checked.expect("right"));
}

/// A state with its shards' leaves.
type Then = (GlobalState, Vec<Option<Leaf>>);

/// Records of a chain of so many epochs, in each of which a few shards step, and its states and leaves as they were.
fn grown(shards: u32, epochs: u64) -> (Chain, Records, Vec<Then>) {
    let mut chain = chain(shards);
    let mut records = Records::new(&chain.origin).expect("genesis");
    let leaves = |chain: &Chain| (0..30).map(|shard| chain.leaf(shard).copied()).collect();
    let mut then = vec![(chain.state, leaves(&chain))];
    for epoch in 1..=epochs {
        // One shard comes anew every third epoch, until the trie has to grow.
        let fresh = (shards + epoch as u32 / 3).min(29);
        let mut stepping = vec![epoch as u32 % shards, fresh];
        stepping.dedup();
        let link = chain.next(stepping).expect("a link");
        take(&mut records, &link);
        then.push((chain.state, leaves(&chain)));
    }
    (chain, records, then)
}

#[test]
fn every_receipt_of_every_epoch_under_every_later_one_verifies() {
    let (chain, records, then) = grown(3, 12);
    let client = LightClient::from_genesis(chain.origin.network, chain.origin.genesis).unwrap();
    assert_eq!(records.newest(), 12);
    assert!(then[12].0.depth > then[0].0.depth, "the trie grew");
    for (epoch, (state, leaves)) in (0..).zip(&then) {
        for under in epoch.max(1)..=12 {
            for shard in [0, 1, 5, 29] {
                let receipt = records.receipt(epoch, shard, under).expect("a receipt");
                let again = Receipt::from_json(&receipt.to_json()).expect("readable");
                assert_eq!(again, receipt);
                let verified = receipt.verify_under(client.network()).expect("valid");
                assert_eq!(verified.state().state(), state);
                assert_eq!(verified.proven().epoch(), under);
                let leaf = match verified.shard() {
                    Presence::Present(shard) => Some(*shard.leaf()),
                    Presence::Absent => None,
                };
                assert_eq!(leaf, leaves[shard as usize], "{epoch} {shard}");
            }
        }
    }
}

#[test]
fn descents_and_bundles_are_those_of_their_epochs() {
    let (chain, records, then) = grown(3, 9);
    for to in 1..=9 {
        let bundle = records.bundle(to).expect("a bundle");
        let verified = bundle.verify().expect("valid");
        assert_eq!(*verified.state(), then[to as usize].0);
        assert_eq!(bundle.network, chain.origin.network);
        for from in 0..to {
            let past = records.descent(from, to).expect("a descent");
            let earlier = verified.verify_past_state(&past.state, &past.path).unwrap();
            assert_eq!(*earlier.state(), then[from as usize].0);
        }
    }
    let epoch = |epoch| Missing::Epoch { epoch, newest: 9 };
    assert_eq!(records.bundle(0).unwrap_err(), Missing::Genesis);
    assert_eq!(records.bundle(10).unwrap_err(), epoch(10));
    assert_eq!(records.bundle(u64::MAX).unwrap_err(), epoch(u64::MAX));
    assert_eq!(records.receipt(3, 0, 10).unwrap_err(), epoch(10));
    let not_after = Missing::NotAfter { epoch: 5, under: 4 };
    assert_eq!(records.receipt(5, 0, 4).unwrap_err(), not_after);
    assert_eq!(records.receipt(0, 0, 0).unwrap_err(), Missing::Genesis);
    assert!(matches!(
        records.descent(4, 4),
        Err(Missing::NotAfter { .. })
    ));
}

/// What a server might do to an epoch, and what that is called.
type Tampering = (&'static str, fn(&mut Chain, &mut Link));

/// A link of another state than the true one, under a proof that holds.
fn forge(chain: &mut Chain, link: &mut Link, change: impl FnOnce(&mut GlobalState)) {
    let mut state = GlobalState::from(link.proof.state);
    change(&mut state);
    link.proof = chain.publication(state, state, 1).expect("a proof");
}

const TAMPERINGS: [Tampering; 15] = [
    ("Malformed", |_, link| link.proof.proof.0.swap(0, 64)),
    ("Malformed", |_, link| {
        link.proof.proof = ProofBytes([0xff; 128])
    }),
    ("Proof", |chain, link| {
        // Another true proof, of another state.
        let state = chain.origin.genesis;
        let other = chain.publication(state, state, 1).expect("a proof");
        link.proof.proof = other.proof;
    }),
    ("Root", |_, link| link.members[0].leaf.lamport += 1),
    ("Root", |_, link| link.members[0].leaf.supply += 1),
    ("Root", |_, link| link.members[0].leaf.body += Fr::from(1)),
    ("Root", |_, link| link.members.truncate(1)),
    ("Shard", |_, link| link.members.swap(0, 1)),
    ("Shard", |_, link| link.members.insert(0, link.members[0])),
    ("Shard", |_, link| link.members[1].shard = 9),
    ("Epoch", |_, link| link.proof.state.epoch += 1),
    ("OtherNetwork", |_, link| link.proof.genesis += Fr::from(1)),
    ("OtherNetwork", |_, link| {
        link.proof.keys.registry += Fr::from(1)
    }),
    ("History", |chain, link| {
        forge(chain, link, |state| state.history += Fr::from(1));
    }),
    ("Depth", |chain, link| {
        forge(chain, link, |state| state.depth += 2);
    }),
];

#[test]
fn every_lie_of_a_stream_is_noticed() {
    for (at, (expected, tamper)) in TAMPERINGS.iter().enumerate() {
        let mut chain = chain(3);
        let mut records = Records::new(&chain.origin).expect("genesis");
        let first = chain.next([0, 2]).expect("a link");
        take(&mut records, &first);
        let mut link = chain.next([0, 1]).expect("a link");
        let honest = link.clone();
        tamper(&mut chain, &mut link);
        let fault = records.check(&link.proof, &placed(&link)).err();
        let fault = fault.unwrap_or_else(|| panic!("tampering {at} was not noticed"));
        let found = format!("{fault:?}");
        assert!(found.starts_with(expected), "tampering {at}: {found}");
        assert_eq!(records.newest(), 1);
        take(&mut records, &honest);
    }
}

#[test]
fn a_genesis_that_is_not_the_networks_is_none() {
    let chain = chain(3);
    let mut other = chain.origin.clone();
    other.leaves.remove(&2);
    assert!(matches!(Records::new(&other), Err(Fault::Genesis)));
    let mut outside = chain.origin.clone();
    let leaf = outside.leaves.remove(&2).expect("a leaf");
    outside.leaves.insert(5, leaf);
    assert!(matches!(Records::new(&outside), Err(Fault::Genesis)));
    let mut foreign = chain.origin.clone();
    foreign.network.genesis += Fr::from(1);
    assert!(matches!(Records::new(&foreign), Err(Fault::Proof(_))));
}

#[test]
fn a_leaf_that_was_published_as_a_digest_is_known_by_its_path_only() {
    let mut chain = chain(3);
    let mut records = Records::new(&chain.origin).expect("genesis");
    let link = chain.next([1]).expect("a link");
    let mut members = placed(&link);
    members[0].leaf = None;
    let checked = records.check(&link.proof, &members).expect("right");
    records.take(checked);
    let unknown = Missing::DigestOnly { shard: 1, epoch: 1 };
    assert_eq!(records.receipt(1, 1, 1).unwrap_err(), unknown);
    assert!(records.receipt(1, 0, 1).is_ok() && records.bundle(1).is_ok());
    take(&mut records, &chain.next([1]).expect("a link"));
    assert!(
        records.receipt(2, 1, 2).is_ok(),
        "known from its next step on"
    );
}

async fn publish_all(queue: &dyn Queue, links: &[Link]) {
    for link in links {
        let published = publish(queue, &link.proof, &link.members).await;
        published.expect("published");
    }
}

fn memory() -> Arc<dyn Queue> {
    Arc::new(LocalQueue::memory(Duration::from_secs(30)))
}

#[tokio::test]
async fn it_reads_what_is_published_and_goes_on_as_more_is() {
    let (queue, mut chain) = (memory(), chain(3));
    let archive = Archive::new(&chain.origin).expect("an archive");
    let (follow, reached) = (
        Follow {
            archive: &archive,
            queue: queue.as_ref(),
        },
        archive.reached(),
    );
    follow.catch_up().await.expect("nothing yet");
    assert!(reached.borrow().current);
    for total in [1, 2, 30, 31] {
        while chain.state.epoch < total {
            let link = chain.next([total as u32 % 3]).expect("a link");
            publish_all(queue.as_ref(), &[link]).await;
        }
        follow.catch_up().await.expect("right");
        assert_eq!(archive.records().newest(), total);
        assert_eq!(reached.borrow().epoch, total);
    }
}

#[tokio::test]
async fn a_lie_in_the_stream_ends_what_is_told_at_the_epoch_before() {
    let (queue, mut chain) = (memory(), chain(3));
    let mut links: Vec<Link> = (0..5).map(|_| chain.next([0]).expect("a link")).collect();
    links[3].members[0].leaf.lamport += 1;
    publish_all(queue.as_ref(), &links).await;
    let archive = Archive::new(&chain.origin).expect("an archive");
    let follow = Follow {
        archive: &archive,
        queue: queue.as_ref(),
    };
    let error = follow.catch_up().await.unwrap_err().to_string();
    assert!(error.contains("epoch 4"), "{error}");
    assert_eq!(archive.records().newest(), 3);
    assert!(archive.records().bundle(4).is_err());
}

/// Stand-ins, but for global proofs: those are of a key with known secrets, so that light clients accept them.
#[derive(Clone)]
struct Light {
    nest: Fr,
    simulator: Arc<Simulator>,
}

impl Execute for Light {
    type Prepared = Task;

    fn lanes(&self) -> Vec<String> {
        StandInExecute::default().lanes()
    }

    fn prepare(&self, task: &Task, fetch: &Fetch<'_>) -> Result<Task, ExecuteError> {
        StandInExecute::default().prepare(task, fetch)
    }

    fn prove(&self, tasks: &[Task]) -> Vec<Result<Proved, ExecuteError>> {
        let mut proven = StandInExecute::default().prove(tasks);
        let nests = tasks.iter().zip(&mut proven);
        for (task, proved) in nests.filter(|(task, _)| task.key == self.nest) {
            let proof = self
                .simulator
                .client_proof(task.statement)
                .expect("a proof");
            proved.as_mut().expect("proved").proof = ProofBytes(proof.to_bytes());
        }
        proven
    }
}

impl Verify for Light {
    fn verify(&self, key: Fr, statement: Fr, proof: &ProofBytes) -> Result<(), VerifyError> {
        if key != self.nest {
            return StandInVerify.verify(key, statement, proof);
        }
        let proof = Proof::from_bytes(&proof.0).map_err(|_| VerifyError::Invalid)?;
        let key = self.simulator.client_key().expect("a key").prepare();
        let verified = key.verify(statement, &proof);
        verified.map_err(|_| VerifyError::Invalid)
    }
}

fn light_farm(queue: Arc<dyn Queue>) -> (Farm, Origin) {
    let (network, simulator) = (common::network(3), Arc::new(Simulator::new(7)));
    let nest = network.keys.nest;
    let light = Light { nest, simulator };
    let origin = Origin {
        network: client::Network {
            keys: network.keys,
            genesis: network.genesis.digest(),
            nest_key: light.simulator.client_key().expect("a key"),
        },
        genesis: network.genesis,
        leaves: network.leaves.clone(),
    };
    let mut config = common::coordinator_config("coordinator", &network, common::policy());
    config.verify = Arc::new(light.clone());
    let mut farm = Farm::configured(queue, config);
    farm.worker("w", light);
    (farm, origin)
}

#[tokio::test]
async fn a_real_farms_publications_are_followed_on_a_real_server() {
    let server = common::NatsServer::start();
    let queue = server.queue(Duration::from_secs(30)).await;
    let (farm, origin) = light_farm(queue.clone());
    let archive = Archive::new(&origin).expect("an archive");
    let mut shards = Shards::new(&farm.network);
    for epoch in 1..=3 {
        for shard in 0..3 {
            let snapshot = shards.next(shard);
            let digest = submit(queue.as_ref(), &snapshot).await;
            accepted(queue.as_ref(), &digest).await;
        }
        close_epoch(queue.as_ref()).await;
        published(queue.as_ref(), epoch).await;
    }
    let follow = Follow {
        archive: &archive,
        queue: queue.as_ref(),
    };
    follow.catch_up().await.expect("right");
    let receipt = archive.records().receipt(3, 1, 3).expect("a receipt");
    assert_eq!(receipt.shard.leaf, Some(shards.0[1]));
    receipt.verify_under(&origin.network).expect("valid");
    farm.stop().await.expect("ends");
}

/// 19,683 shards: all of them step in one epoch, a few in many.
#[test]
fn a_full_network_is_answered_for_at_every_epoch() {
    const SHARDS: u32 = 19_683;
    let mut chain = chain(SHARDS);
    let mut records = Records::new(&chain.origin).expect("genesis");
    take(&mut records, &chain.next(0..SHARDS).expect("a link"));
    for epoch in 2..=40 {
        let stepping = (0..20).map(|step| step * 900 + epoch);
        take(&mut records, &chain.next(stepping).expect("a link"));
    }
    // Genesis and the full epoch, then 39 times 20 leaves with at most 9 nodes above each.
    let (leaves, nodes) = records.versions();
    assert_eq!(leaves, 2 * SHARDS as usize + 39 * 20);
    let full = (3usize.pow(10) - 1) / 2;
    assert!(nodes <= 2 * full + 39 * 20 * 10, "{nodes}");
    for (epoch, shard, under) in [(0, 19_682, 1), (1, 902, 40), (2, 902, 2), (40, 19_682, 40)] {
        let receipt = records.receipt(epoch, shard, under).expect("a receipt");
        let verified = receipt.verify_under(&chain.origin.network).expect("valid");
        assert_eq!(verified.state().epoch(), epoch);
    }
}
