//! A nats-server with the configuration that `trifold nats config` writes: the farm works under it, and whatever a party has
//! no part in is refused.

mod common;

use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use async_nats::{Client, ConnectOptions, Event};
use common::{Farm, Shards, close_epoch, network, policy, submit, worker_config};
use futures_util::StreamExt;
use nkeys::KeyPair;
use tokio::sync::{mpsc, watch};
use trifold_coordinator::archive::{Archive, AskError, Asker, At, Follow, Question, Service};
use trifold_coordinator::coordinator::{publish, verdict_key};
use trifold_coordinator::queue::nats::{NatsConfig, NatsQueue, Party, Role, Server, User, inbox};
use trifold_coordinator::queue::{Item, Lane, Queue};
use trifold_coordinator::standin::{Chain, StandInExecute};
use trifold_coordinator::wire::{
    Command as WireCommand, CommandKind, Outcome, VERSION, Verdict, decode, encode,
};
use trifold_coordinator::{Digest, worker};
use trifold_verifier::json::GlobalProof;

/// Ends a test that hangs; nothing asserts that it is short.
const PATIENCE: Duration = Duration::from_secs(60);

/// A server under a configuration of ours, and the keys of all parties by their names; killed on drop.
struct Secured {
    folder: tempfile::TempDir,
    port: u16,
    child: Child,
    parties: Vec<(String, Party, String)>,
}

impl Drop for Secured {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn parties() -> Vec<(String, Party, String)> {
    let words = |names: &[&str]| names.iter().map(|name| name.to_string()).collect();
    let mut parties = vec![
        ("coordinator".to_owned(), Party::Coordinator),
        ("w1".to_owned(), Party::Worker(words(&["w1"]))),
        ("w2".to_owned(), Party::Worker(words(&["w2", "w2-GPU-a"]))),
        ("operator".to_owned(), Party::Operator),
        ("reader".to_owned(), Party::Reader),
    ];
    parties.extend((0..3).map(|shard| (format!("shard-{shard}"), Party::Shard(shard))));
    let seed = || KeyPair::new_user().seed().expect("a seed");
    let with_seed = |(name, party)| (name, party, seed());
    parties.into_iter().map(with_seed).collect()
}

/// What the server's file says of them.
fn users(parties: &[(String, Party, String)]) -> Vec<User> {
    let user = |(name, party, seed): &(String, Party, String)| User {
        name: name.clone(),
        public_key: public(seed),
        rights: party.rights("TRIFOLD", &public(seed)),
    };
    parties.iter().map(user).collect()
}

impl Secured {
    async fn start() -> Self {
        let (folder, parties) = (tempfile::tempdir().expect("a folder"), parties());
        let port = common::free_port();
        let server = Self::server(folder.path(), port);
        let file = folder.path().join("nats.conf");
        std::fs::write(&file, server.text(&users(&parties))).expect("written");
        let mut command = Command::new(common::nats_binary());
        let command = command.arg("--config").arg(file).stderr(Stdio::null());
        let child = command.spawn().expect("nats-server starts");
        let secured = Self {
            folder,
            port,
            child,
            parties,
        };
        secured.wait().await;
        secured
    }

    fn server(folder: &std::path::Path, port: u16) -> Server {
        Server {
            name: "trifold-nats".into(),
            folder: folder.into(),
            listen: format!("127.0.0.1:{port}"),
            store: folder.join("store"),
            store_bytes: 64 << 30,
            tls: None,
            cluster: Vec::new(),
        }
    }

    /// Until it listens.
    async fn wait(&self) {
        let listens = async {
            while tokio::net::TcpStream::connect(("127.0.0.1", self.port))
                .await
                .is_err()
            {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        let listens = tokio::time::timeout(PATIENCE, listens).await;
        listens.expect("nats-server listens");
    }

    /// Other parties from now on.
    fn reload(&self, parties: &[(String, Party, String)]) {
        let server = Self::server(self.folder.path(), self.port);
        let file = self.folder.path().join("nats.conf");
        std::fs::write(&file, server.text(&users(parties))).expect("written");
        let process = self.child.id().to_string();
        let sent = Command::new("kill").args(["-s", "HUP", &process]).status();
        assert!(sent.expect("kill").success());
    }

    fn url(&self) -> String {
        format!("nats://127.0.0.1:{}", self.port)
    }

    fn seed(&self, name: &str) -> &str {
        let found = self.parties.iter().find(|(known, _, _)| known == name);
        &found.expect("a party").2
    }

    /// How whoever holds the seed connects.
    fn config(&self, name: &str, seed: &str) -> NatsConfig {
        let file = self.folder.path().join(format!("{}.seed", public(seed)));
        std::fs::write(&file, seed).expect("written");
        NatsConfig {
            nkey: Some(file),
            inbox: Some(inbox(&public(seed))),
            role: match name {
                "coordinator" => Role::Coordinator,
                _ => Role::Member,
            },
            lease: Duration::from_secs(2),
            ..NatsConfig::new(self.url())
        }
    }

    async fn connect(&self, name: &str, seed: &str) -> Result<NatsQueue, String> {
        let connected = NatsQueue::connect(&self.config(name, seed)).await;
        connected.map_err(|error| error.to_string())
    }

    async fn queue(&self, name: &str) -> Arc<dyn Queue> {
        Arc::new(self.connect(name, self.seed(name)).await.expect("let in"))
    }

    /// A client that says what it wants.
    async fn raw(&self, name: &str) -> Raw {
        let (sender, events) = mpsc::unbounded_channel();
        let options = ConnectOptions::new()
            .nkey(self.seed(name).to_owned())
            .custom_inbox_prefix(inbox(&public(self.seed(name))))
            .event_callback(move |event| {
                let _ = sender.send(event);
                std::future::ready(())
            });
        let client = options.connect(self.url()).await;
        Raw {
            client: client.expect("let in"),
            events,
        }
    }
}

fn public(seed: &str) -> String {
    KeyPair::from_seed(seed).expect("a seed").public_key()
}

struct Raw {
    client: Client,
    events: mpsc::UnboundedReceiver<Event>,
}

impl Raw {
    /// The server says that this is not allowed.
    async fn told_off(&mut self, subject: &str) {
        let violation = async {
            while let Some(event) = self.events.recv().await {
                let text = event.to_string().to_lowercase();
                if text.contains("violation")
                    && text.contains(&format!("\"{}\"", subject.to_lowercase()))
                {
                    return;
                }
            }
            panic!("the connection ended");
        };
        let waited = tokio::time::timeout(PATIENCE, violation).await;
        assert!(waited.is_ok(), "the server allows {subject}");
    }

    async fn may_not_publish(&mut self, subject: &str) {
        let sent = self.client.publish(subject.to_owned(), "{}".into()).await;
        sent.expect("sent");
        self.told_off(subject).await;
    }

    async fn may_not_subscribe(&mut self, subject: &str) {
        let subscription = self.client.subscribe(subject.to_owned()).await;
        let _kept = subscription.expect("sent");
        self.told_off(subject).await;
    }
}

/// A shard asks for its own verdict by its name: it may not list notices.
async fn accepted(queue: &dyn Queue, shard: u32, snapshot: &Digest) {
    let key = verdict_key(shard, snapshot);
    let told = async {
        while queue.notice(&key).await.expect("asked").is_none() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    let told = tokio::time::timeout(PATIENCE, told).await;
    told.expect("a verdict");
    let body = queue.notice(&key).await.expect("asked").expect("there");
    let Verdict { outcome, .. } = decode(&body).expect("a verdict");
    assert!(!matches!(outcome, Outcome::Rejected { .. }), "{outcome:?}");
}

async fn epochs_pass(server: &Secured) {
    let network = network(3);
    let farm = Farm::start(server.queue("coordinator").await, network.clone(), policy());
    let (stop, stopped) = watch::channel(false);
    let mut workers = Vec::new();
    for (role, name) in [("w1", "w1"), ("w2", "w2-GPU-a")] {
        let queue = server.queue(role).await;
        let work = worker::run(
            queue,
            Arc::new(StandInExecute::default()),
            worker_config(name),
            stopped.clone(),
        );
        workers.push(tokio::spawn(work));
    }
    let (operator, reader) = (server.queue("operator").await, server.queue("reader").await);
    let mut shards = Shards::new(&network);
    for epoch in 1..=2 {
        for shard in 0..3 {
            let queue = server.queue(&format!("shard-{shard}")).await;
            let snapshot = submit(queue.as_ref(), &shards.next(shard)).await;
            accepted(queue.as_ref(), shard, &snapshot).await;
        }
        close_epoch(operator.as_ref()).await;
        common::published(reader.as_ref(), epoch).await;
    }
    common::check_chain(reader.as_ref(), &network, 2).await;
    stop.send(true).expect("they listen");
    for worker in workers {
        worker.await.expect("a worker").expect("no error");
    }
    farm.stop().await.expect("stopped");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_farm_works_under_its_own_rights() {
    epochs_pass(&Secured::start().await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_does_its_own_work_and_nothing_else() {
    let server = Secured::start().await;
    let _streams = server.queue("coordinator").await;
    let mut worker = server.raw("w1").await;
    for subject in [
        // A result, a sign of life or an order in another's name.
        "trifold.results.w2.task.1",
        "trifold.results.w2-GPU-a.task.1",
        "trifold.notices.workers.w2",
        "trifold.notices.orders.w1",
        "trifold.notices.verdicts.x",
        "trifold.notices.view",
        // Another's orders, and messages by other ways than their subject.
        "$JS.API.DIRECT.GET.TRIFOLD_NOTICES.trifold.notices.orders.w2",
        "$JS.API.DIRECT.GET.TRIFOLD_NOTICES",
        "$JS.API.DIRECT.GET.TRIFOLD_TASKS.trifold.tasks.x.y",
        "$JS.API.STREAM.MSG.GET.TRIFOLD_TASKS",
        "$JS.API.STREAM.MSG.GET.TRIFOLD_JOURNAL",
        // Streams and consumers.
        "$JS.API.STREAM.CREATE.EVIL",
        "$JS.API.STREAM.UPDATE.TRIFOLD_TASKS",
        "$JS.API.STREAM.DELETE.TRIFOLD_TASKS",
        "$JS.API.STREAM.PURGE.TRIFOLD_TASKS",
        "$JS.API.STREAM.MSG.DELETE.TRIFOLD_TASKS",
        "$JS.API.CONSUMER.CREATE.TRIFOLD_TASKS",
        "$JS.API.CONSUMER.CREATE.TRIFOLD_ARTIFACTS.evil",
        "$JS.API.CONSUMER.DURABLE.CREATE.TRIFOLD_TASKS.evil",
        "$JS.API.CONSUMER.DELETE.TRIFOLD_TASKS.tasks-x",
        // Lanes of others.
        "$JS.API.CONSUMER.MSG.NEXT.TRIFOLD_CONTROL.control",
        "$JS.API.CONSUMER.MSG.NEXT.TRIFOLD_RESULTS.results",
        "$JS.API.CONSUMER.MSG.NEXT.TRIFOLD_SNAPSHOTS.snapshots",
        "$JS.ACK.TRIFOLD_CONTROL.control.1.1.1.1.0",
        "trifold.control.x",
        "trifold.tasks.x.y",
        "trifold.snapshots.0.x",
        "trifold.journal",
        "trifold.proofs.global.1",
        "trifold.artifacts.x.0",
        // An answer to another's question.
        &format!("_INBOX_{}.x", public(server.seed("w2"))),
    ] {
        worker.may_not_publish(subject).await;
    }
    for subject in [
        &format!("_INBOX_{}.>", public(server.seed("w2"))),
        "_INBOX.>",
        ">",
        "trifold.>",
        "trifold.tasks.>",
        "$JS.API.>",
        "$JS.EVENT.>",
    ] {
        worker.may_not_subscribe(subject).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shard_submits_for_itself_and_nobody_else() {
    let server = Secured::start().await;
    let _streams = server.queue("coordinator").await;
    let mut shard = server.raw("shard-2").await;
    for subject in [
        "trifold.snapshots.1.x",
        "trifold.control.x",
        "trifold.results.w1.task.1",
        "trifold.tasks.x.y",
        "trifold.journal",
        "trifold.proofs.global.1",
        "trifold.notices.verdicts.2.x",
        "$JS.API.DIRECT.GET.TRIFOLD_NOTICES.trifold.notices.verdicts.1.x",
        "$JS.API.STREAM.CREATE.EVIL",
        "$JS.API.STREAM.PURGE.TRIFOLD_SNAPSHOTS",
        "$JS.API.CONSUMER.CREATE.TRIFOLD_ARTIFACTS.evil",
        "$JS.API.CONSUMER.MSG.NEXT.TRIFOLD_SNAPSHOTS.snapshots",
        "$JS.API.DIRECT.GET.TRIFOLD_SNAPSHOTS.trifold.snapshots.1.x",
        "$JS.API.DIRECT.GET.TRIFOLD_NOTICES.trifold.notices.orders.w1",
    ] {
        shard.may_not_publish(subject).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn operators_command_and_readers_read() {
    let server = Secured::start().await;
    let _streams = server.queue("coordinator").await;
    let written = [
        "trifold.journal",
        "trifold.proofs.global.1",
        "trifold.results.w1.task.1",
        "trifold.tasks.x.y",
        "trifold.snapshots.0.x",
        "trifold.artifacts.x.0",
        "trifold.notices.view",
        "$JS.API.STREAM.DELETE.TRIFOLD_PROOFS",
        "$JS.API.STREAM.PURGE.TRIFOLD_JOURNAL",
        "$JS.API.CONSUMER.CREATE.TRIFOLD_JOURNAL",
    ];
    let (mut operator, mut reader) = (server.raw("operator").await, server.raw("reader").await);
    for subject in written {
        operator.may_not_publish(subject).await;
        reader.may_not_publish(subject).await;
    }
    reader.may_not_publish("trifold.control.x").await;
    let orders = "$JS.API.DIRECT.GET.TRIFOLD_NOTICES.trifold.notices.orders.w1";
    reader.may_not_publish(orders).await;
}

/// A shard may store bytes and may read them, and the reply subject of a request is not held against its rights: the server
/// would write the command.
#[tokio::test(flavor = "multi_thread")]
async fn nobody_has_the_server_push_in_anothers_name() {
    let server = Secured::start().await;
    let coordinator = server.queue("coordinator").await;
    let command = encode(&WireCommand {
        version: VERSION,
        id: "evil".into(),
        command: CommandKind::CloseEpoch,
    });
    let shard = server.queue("shard-0").await;
    let blob = shard
        .artifacts()
        .put(command.clone())
        .await
        .expect("stored");
    let (raw, admin) = (server.raw("shard-0").await, server.raw("coordinator").await);
    let stored = format!("$JS.API.DIRECT.GET.TRIFOLD_ARTIFACTS.trifold.artifacts.{blob}.0");
    let sent = raw
        .client
        .publish_with_reply(stored, "trifold.control.evil", "".into());
    sent.await.expect("sent");
    // It works: the server has stored it as if somebody had pushed it.
    let jetstream = async_nats::jetstream::new(admin.client.clone());
    let control = jetstream
        .get_stream("TRIFOLD_CONTROL")
        .await
        .expect("there");
    let arrived = async {
        while control
            .get_last_raw_message_by_subject("trifold.control.evil")
            .await
            .is_err()
        {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    let arrived = tokio::time::timeout(PATIENCE, arrived).await;
    arrived.expect("the server forwards");
    let operator = server.queue("operator").await;
    let good = Item {
        key: "good".into(),
        attempt: 0,
        body: command,
    };
    operator.push(&Lane::Control, &good).await.expect("pushed");
    let pulled = loop {
        let pulled = coordinator
            .pull(&[Lane::Control], Duration::from_millis(100))
            .await;
        if let Some(delivery) = pulled.expect("pulled") {
            break delivery;
        }
    };
    assert_eq!(pulled.key, "good");
    pulled.lease.done().await.expect("done");
    let last = coordinator
        .pull(&[Lane::Control], Duration::from_millis(100))
        .await;
    assert!(last.expect("pulled").is_none());
}

/// A chain's next epoch, published and read by those who serve it.
async fn epoch(chain: &mut Chain, queue: &dyn Queue, archive: &Archive) {
    let link = chain.next([1]).expect("a link");
    let published = publish(queue, &link.proof, &link.members).await;
    published.expect("published");
    let caught_up = Follow { archive, queue }.catch_up().await;
    caught_up.expect("right");
}

async fn answered(asker: &Asker, question: &Question) -> GlobalProof {
    let asked = async {
        loop {
            // The service subscribes in its own time.
            match asker.ask(question).await {
                Ok(answer) => return answer,
                Err(AskError::Nobody) => tokio::time::sleep(Duration::from_millis(10)).await,
                Err(error) => panic!("{error}"),
            }
        }
    };
    let answer = tokio::time::timeout(PATIENCE, asked)
        .await
        .expect("in time");
    GlobalProof::from_json(std::str::from_utf8(&answer).expect("text")).expect("a bundle")
}

#[tokio::test(flavor = "multi_thread")]
async fn light_clients_ask_and_listen_and_speak_for_nobody() {
    let server = Secured::start().await;
    let queue = server.queue("coordinator").await;
    let mut chain = Chain::new(3, 7).expect("a chain");
    let archive = Archive::new(&chain.origin).expect("an archive");
    epoch(&mut chain, queue.as_ref(), &archive).await;
    let config = |name| server.config(name, server.seed(name));
    let service = Service::connect(&config("coordinator"), archive.clone()).await;
    let service = service.expect("connects");
    let serving = tokio::spawn(async move { service.serve(|| true).await });
    for name in ["reader", "operator", "shard-1"] {
        let asker = Asker::connect(&config(name)).await.expect("connects");
        let proof = answered(&asker, &Question::LATEST).await;
        let verified = proof.verify().expect("valid");
        assert_eq!(*verified.state(), chain.state);
        let far = Question::Descent {
            from: 0,
            to: At::Epoch(99),
        };
        let refused = asker.ask(&far).await.expect_err("no such epoch");
        let no_such_epoch =
            matches!(&refused, AskError::Refused { code, .. } if code == "no_such_epoch");
        assert!(no_such_epoch, "{refused}");
    }
    let mut reader = server.raw("reader").await;
    let told = reader.client.subscribe("trifold.light.published").await;
    let mut told = told.expect("may listen");
    reader.client.flush().await.expect("flushed");
    epoch(&mut chain, queue.as_ref(), &archive).await;
    let told = tokio::time::timeout(PATIENCE, told.next()).await;
    let told = told.expect("in time").expect("told").payload;
    let proof = GlobalProof::from_json(std::str::from_utf8(&told).expect("text"));
    assert_eq!(proof.expect("a bundle").update.state, chain.state);
    reader.may_not_publish("trifold.light.published").await;
    reader.may_not_subscribe("trifold.light.latest").await;
    server
        .raw("w1")
        .await
        .may_not_publish("trifold.light.latest")
        .await;
    // An answer goes to no lane of the farm, whoever asks for it there.
    let sent =
        reader
            .client
            .publish_with_reply("trifold.light.latest", "trifold.control.evil", "".into());
    sent.await.expect("sent");
    let later = reader
        .client
        .request("trifold.light.latest", "".into())
        .await;
    later.expect("asked after it, and answered");
    let pulled = queue
        .pull(&[Lane::Control], Duration::from_millis(100))
        .await;
    assert!(pulled.expect("pulled").is_none());
    serving.abort();
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_gets_in_without_a_key_of_the_farm() {
    let server = Secured::start().await;
    server.queue("coordinator").await;
    let stranger = KeyPair::new_user().seed().expect("a seed");
    let refused = server.connect("w1", &stranger).await.err();
    refused.expect("refused");
    let keyless = ConnectOptions::new().connect(server.url()).await;
    keyless.expect_err("refused");
    let password = ConnectOptions::with_user_and_password("w1".into(), "w1".into());
    password.connect(server.url()).await.expect_err("refused");
}

/// What an operator does about a stolen key: a new one for that name, and the old one is out when the server reloads.
#[tokio::test(flavor = "multi_thread")]
async fn a_key_is_replaced_and_a_name_left_out() {
    let server = Secured::start().await;
    server.queue("coordinator").await;
    let mut thief = server.raw("w1").await;
    let fresh = KeyPair::new_user().seed().expect("a seed");
    let mut parties = server.parties.clone();
    parties.retain(|(name, _, _)| name != "w2");
    let w1 = parties.iter_mut().find(|(name, _, _)| name == "w1");
    w1.expect("there").2 = fresh.clone();
    server.reload(&parties);
    let out =
        async { while !matches!(thief.events.recv().await, None | Some(Event::Disconnected)) {} };
    let out = tokio::time::timeout(PATIENCE, out).await;
    out.expect("the thief is thrown out");
    for name in ["w1", "w2"] {
        let old = server.connect(name, server.seed(name)).await;
        old.err().expect("refused");
    }
    server
        .connect("w1", &fresh)
        .await
        .map(drop)
        .expect("let in");
    server.queue("shard-1").await;
}
