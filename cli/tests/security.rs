//! What `trifold nats config` writes, on a real server with TLS; and what `trifold doctor` says of a healthy and a sick farm.

mod support;

use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use support::{checkout, refuse, succeed, trifold};
use trifold_coordinator::queue::nats::{NatsConfig, NatsQueue, Role, Tls};

/// Ends a test that hangs; nothing asserts that it is short.
const PATIENCE: Duration = Duration::from_secs(60);

/// A server under a generated configuration, killed on drop.
struct Secured {
    folder: tempfile::TempDir,
    port: u16,
    child: Child,
}

impl Drop for Secured {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn configure(out: &Path, arguments: &[&str]) -> String {
    let mut command = trifold(["nats", "config", "--out"]);
    succeed(command.arg(out).args(arguments))
}

impl Secured {
    fn start(arguments: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let port = free_port();
        let (listen, store) = (format!("127.0.0.1:{port}"), folder.path().join("store"));
        let store = store.to_str().unwrap();
        let common = ["--listen", &listen, "--store", store, "--workers", "w1"];
        configure(folder.path(), &[&common, arguments].concat());
        let mut command = Command::new(checkout().nats_server());
        let file = folder.path().join("server/nats.conf");
        let child = command.arg("--config").arg(file).stderr(Stdio::null());
        let server = Self {
            child: child.spawn().expect("nats-server starts"),
            folder,
            port,
        };
        let started = Instant::now();
        while std::net::TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(started.elapsed() < PATIENCE, "nats-server does not listen");
            std::thread::sleep(Duration::from_millis(20));
        }
        server
    }

    fn file(&self, role: &str, name: &str) -> PathBuf {
        self.folder.path().join(role).join(name)
    }

    fn config(&self, role: &str) -> NatsConfig {
        NatsConfig {
            nkey: Some(self.file(role, "nkey.seed")),
            tls: Some(Tls {
                ca: Some(self.file(role, "ca.pem")),
                identity: Some((self.file(role, "cert.pem"), self.file(role, "key.pem"))),
            }),
            ..NatsConfig::new(format!("nats://127.0.0.1:{}", self.port))
        }
    }

    /// A command in the environment that the role's settings describe.
    fn command(&self, role: &str, arguments: &[&str]) -> Command {
        let mut command = trifold(arguments);
        let settings = std::fs::read_to_string(self.file(role, "nats.env")).unwrap();
        let pairs = settings.lines().filter_map(|line| line.split_once('='));
        command.envs(pairs.map(|(name, value)| (name.to_owned(), value.to_owned())));
        command
    }
}

fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

async fn refused(config: NatsConfig) {
    NatsQueue::connect(&config).await.err().expect("refused");
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_gets_in_without_certificate_and_key() {
    let server = Secured::start(&[]);
    let coordinator = NatsConfig {
        inbox: Some(inbox(&server.file("coordinator-1", "nkey.seed"))),
        ..server.config("coordinator-1")
    };
    let coordinator = NatsQueue::connect(&coordinator).await;
    coordinator.map(drop).expect("let in");
    let good = NatsConfig {
        role: Role::Member,
        ..server.config("w1")
    };
    let own = good.tls.clone().unwrap();
    let foreign = tempfile::tempdir().unwrap();
    configure(foreign.path(), &["--workers", "w1"]);
    let file = |name: &str| foreign.path().join("w1").join(name);
    let (certificate, key) = (file("cert.pem"), file("key.pem"));
    let without_certificate = Tls {
        identity: None,
        ..own.clone()
    };
    let of_another_authority = Tls {
        identity: Some((certificate, key)),
        ..own.clone()
    };
    let trusting_another = Tls {
        ca: Some(file("ca.pem")),
        ..own
    };
    for tls in [without_certificate, of_another_authority, trusting_another] {
        refused(NatsConfig {
            tls: Some(tls),
            ..good.clone()
        })
        .await;
    }
    for nkey in [None, Some(file("nkey.seed"))] {
        refused(NatsConfig {
            nkey,
            ..good.clone()
        })
        .await;
    }
}

fn inbox(seed: &Path) -> String {
    let seed = std::fs::read_to_string(seed).unwrap();
    let pair = nkeys::KeyPair::from_seed(seed.trim()).unwrap();
    trifold_coordinator::queue::nats::inbox(&pair.public_key())
}

#[test]
fn secrets_are_their_owners_and_settings_hold_none() {
    let folder = tempfile::tempdir().unwrap();
    configure(folder.path(), &["--workers", "w1"]);
    let file = |name: &str| folder.path().join(name);
    for name in [
        "w1/nkey.seed",
        "w1/key.pem",
        "ca/ca.key",
        "server/key.pem",
        "shard-0/nkey.seed",
    ] {
        let metadata = std::fs::metadata(file(name)).expect(name);
        assert_eq!(metadata.permissions().mode() & 0o777, 0o600, "{name}");
    }
    let seed = std::fs::read_to_string(file("w1/nkey.seed")).unwrap();
    let configuration = std::fs::read_to_string(file("server/nats.conf")).unwrap();
    for text in [
        std::fs::read_to_string(file("w1/nats.env")).unwrap(),
        configuration.clone(),
    ] {
        assert!(!text.contains(seed.trim()));
    }
    assert!(!configuration.contains("http"), "a monitoring port is open");
    assert!(configuration.contains("sync_interval: always"));
}

#[test]
fn keys_that_are_there_stay_and_a_deleted_folder_gets_new_ones() {
    let folder = tempfile::tempdir().unwrap();
    let seed = |name: &str| std::fs::read_to_string(folder.path().join(name).join("nkey.seed"));
    configure(folder.path(), &["--workers", "w1,w2"]);
    let (w1, w2) = (seed("w1").unwrap(), seed("w2").unwrap());
    std::fs::remove_dir_all(folder.path().join("w1")).unwrap();
    configure(folder.path(), &["--workers", "w1,w2,w3"]);
    assert_ne!(seed("w1").unwrap(), w1);
    assert_eq!(seed("w2").unwrap(), w2);
    let open = std::fs::Permissions::from_mode(0o644);
    std::fs::set_permissions(folder.path().join("w2/nkey.seed"), open).unwrap();
    let mut again = trifold(["nats", "config", "--workers", "w2", "--out"]);
    let said = refuse(again.arg(folder.path()));
    assert!(said.contains("chmod 600"), "{said}");
}

#[test]
fn names_that_could_be_subjects_or_folders_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    for names in ["a.b", "*", ">", "../x", "server", "ca", "w1,w1", "w1:>"] {
        let mut command = trifold(["nats", "config", "--workers", names, "--out"]);
        refuse(command.arg(folder.path()));
    }
}

#[test]
fn a_cluster_gets_a_configuration_for_each_server() {
    let folder = tempfile::tempdir().unwrap();
    let cluster = "a=10.0.0.1:4222,b=10.0.0.2:4222,c=10.0.0.3:4222";
    configure(folder.path(), &["--cluster", cluster]);
    let text = std::fs::read_to_string(folder.path().join("server-b/nats.conf")).unwrap();
    for expected in ["tls://10.0.0.1:6222", "tls://10.0.0.3:6222", "verify: true"] {
        assert!(text.contains(expected), "{expected} is missing in\n{text}");
    }
    assert!(!text.contains("tls://10.0.0.2:6222") && !text.contains("sync_interval"));
    let settings = std::fs::read_to_string(folder.path().join("worker-1/nats.env")).unwrap();
    assert!(settings.contains("TRIFOLD_NATS_REPLICAS=3"));
    let mut even = trifold(["nats", "config", "--cluster", "a=x:1,b=y:1", "--out"]);
    assert!(refuse(even.arg(folder.path())).contains("3 or 5"));
}

#[test]
fn the_doctor_knows_a_healthy_server_and_says_what_is_wrong() {
    let server = Secured::start(&[]);
    // A coordinator has not been here: there are no streams.
    let said = refuse(&mut server.command("operator", &["doctor"]));
    assert!(said.contains("queue"), "{said}");
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let coordinator = NatsConfig {
        inbox: Some(inbox(&server.file("coordinator-1", "nkey.seed"))),
        ..server.config("coordinator-1")
    };
    let queue = runtime.block_on(NatsQueue::connect(&coordinator)).unwrap();
    runtime.block_on(leave_a_sign(&queue));
    let said = succeed(&mut server.command("operator", &["doctor"]));
    for expected in [
        "ok     server version",
        "ok     encryption: TLS",
        "ok     stream settings",
        "warn   durability",
    ] {
        assert!(
            said.contains(expected),
            "{expected:?} is missing in\n{said}"
        );
    }
    let json = succeed(&mut server.command("operator", &["doctor", "--json"]));
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json["ok"], true);
}

/// What a coordinator that leads leaves, and whoever joins looks for.
async fn leave_a_sign(queue: &NatsQueue) {
    use trifold_coordinator::queue::Queue;
    let left = queue
        .notify("leader", bytes::Bytes::from_static(b"{}"))
        .await;
    left.unwrap();
}

#[test]
fn the_doctor_refuses_a_busy_port_an_open_key_and_an_unreadable_genesis() {
    let folder = tempfile::tempdir().unwrap();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let key = folder.path().join("shard-0.key");
    std::fs::write(&key, "x").unwrap();
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o644)).unwrap();
    let genesis = folder.path().join("genesis.json");
    std::fs::write(&genesis, "{").unwrap();
    let mut command = trifold(["doctor", "--role", "worker", "--backend", "cpu"]);
    let command = command.args(["--listen", &address]);
    let command = command.arg("--shard-key").arg(&key);
    let said = refuse(command.arg("--genesis").arg(&genesis));
    for expected in ["refuse listen address", "refuse secret", "refuse genesis"] {
        assert!(
            said.contains(expected),
            "{expected:?} is missing in\n{said}"
        );
    }
}
